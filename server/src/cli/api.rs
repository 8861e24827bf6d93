//! The client's end of REST: where the server is, the token, and errors as exit codes.

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::CliError;
use super::profile::{Profile, token_for};

/// Where a server is if nobody says otherwise.
const HERE: &str = "http://127.0.0.1:8300";
/// Largest answer read, bytes.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Where the server is.
#[derive(Args, Clone)]
pub struct Remote {
    /// Address of the console; default: that of `breakwater login`, else http://127.0.0.1:8300
    #[arg(long, env = "BREAKWATER_URL", global = true)]
    server: Option<Url>,
    /// File with the API token; `BREAKWATER_TOKEN` holds the token itself
    #[arg(long, env = "BREAKWATER_TOKEN_FILE", global = true)]
    token_file: Option<std::path::PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// A client with its token.
pub struct Api {
    http: reqwest::Client,
    server: Url,
    token: String,
}

impl Remote {
    /// Where the server is: as was said, else that of the profile.
    pub fn server(&self, profile: Option<&Profile>) -> Url {
        let here = || HERE.parse().expect("an address");
        self.server.clone().or_else(|| profile.map(|profile| profile.server.clone())).unwrap_or_else(here)
    }

    /// The client, with the token of the file, of the environment or of the profile.
    pub fn api(&self) -> Result<Api, CliError> {
        let given = match (&self.token_file, std::env::var("BREAKWATER_TOKEN")) {
            (Some(path), _) => {
                Some(std::fs::read_to_string(path).map_err(|e| CliError::Usage(format!("cannot read {}: {e}", path.display())))?)
            }
            (None, token) => token.ok(),
        };
        let profile = if given.is_some() && self.server.is_some() { None } else { Profile::load()? };
        let server = self.server(profile.as_ref());
        let token = given.map(|token| token.trim().to_owned()).or_else(|| token_for(&server, profile)).ok_or_else(|| {
            CliError::Usage(format!("sign in to {server} with `breakwater login`, or set BREAKWATER_TOKEN or --token-file"))
        })?;
        self.with(server, token)
    }

    /// The client of a server, with this token.
    pub fn with(&self, server: Url, token: String) -> Result<Api, CliError> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("breakwater-cli/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(std::time::Duration::from_secs(90))
            .build()
            .map_err(|e| CliError::Failed(e.to_string()))?;
        Ok(Api { http, server, token })
    }
}

/// Whether two addresses are of one server.
pub fn is_same_server(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin() && one.host().is_some()
}

impl Api {
    fn url(&self, path: &str, query: &[(&str, &str)]) -> Result<Url, CliError> {
        let mut url = self.server.join(&format!("/api/v1{path}")).map_err(|e| CliError::Usage(e.to_string()))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// The bytes of an answer, no more than [`ANSWER_BYTES_MAX`], and whether it is a good one.
    async fn bytes(&self, request: reqwest::RequestBuilder) -> Result<(reqwest::StatusCode, Vec<u8>), CliError> {
        let unreachable =
            |e: reqwest::Error| CliError::Unreachable(format!("cannot reach {}: {}", self.server, crate::error::chain(&e.without_url())));
        let mut response = request.bearer_auth(&self.token).send().await.map_err(unreachable)?;
        let mut bytes = Vec::new();
        while let Some(part) = response.chunk().await.map_err(unreachable)? {
            if bytes.len() + part.len() > ANSWER_BYTES_MAX {
                return Err(CliError::Failed("the answer is too long".to_owned()));
            }
            bytes.extend_from_slice(&part);
        }
        Ok((response.status(), bytes))
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, CliError> {
        let (status, bytes) = self.bytes(request).await?;
        if status.is_success() {
            return serde_json::from_slice(&bytes)
                .map_err(|e| CliError::Failed(format!("the server answered something else than expected: {e}")));
        }
        Err(refused(status, &bytes))
    }

    /// GET.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, CliError> {
        let request = self.http.get(self.url(path, query)?);
        self.send(request).await
    }

    /// PUT with a body.
    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CliError> {
        let request = self.http.put(self.url(path, &[])?).json(body);
        self.send(request).await
    }

    /// DELETE with a body.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CliError> {
        let request = self.http.delete(self.url(path, &[])?).json(body);
        self.send(request).await
    }

    /// POST with a body.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CliError> {
        let request = self.http.post(self.url(path, &[])?).json(body);
        self.send(request).await
    }

    /// GET of text.
    pub async fn text(&self, path: &str, query: &[(&str, &str)]) -> Result<String, CliError> {
        let (status, bytes) = self.bytes(self.http.get(self.url(path, query)?)).await?;
        if status.is_success() { Ok(String::from_utf8_lossy(&bytes).into_owned()) } else { Err(refused(status, &bytes)) }
    }
}

/// What the server said against it, and the exit code of that.
fn refused(status: reqwest::StatusCode, bytes: &[u8]) -> CliError {
    let error: Option<app::error::ApiError> = serde_json::from_slice(bytes).ok();
    let text = error.map_or_else(
        || format!("the server answered {status}"),
        |e| {
            let fields: Vec<String> =
                e.fields.iter().filter(|f| f.message != *e.message).map(|f| format!("\n  {}: {}", f.field, f.message)).collect();
            format!("{}{}", e.message, fields.concat())
        },
    );
    match status.as_u16() {
        400..=499 => CliError::Refused(text),
        502..=504 => CliError::Unreachable(text),
        _ => CliError::Failed(text),
    }
}
