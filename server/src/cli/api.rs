//! The client's end of REST: where the server is, the token, and errors as exit codes.

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::CliError;

/// Largest answer read, bytes.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Where the server is.
#[derive(Args, Clone)]
pub struct Remote {
    /// Address of the console
    #[arg(long, env = "BREAKWATER_URL", default_value = "http://127.0.0.1:8300", global = true)]
    server: Url,
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
    /// The client.
    pub fn api(&self) -> Result<Api, CliError> {
        let token = match (&self.token_file, std::env::var("BREAKWATER_TOKEN")) {
            (Some(path), _) => std::fs::read_to_string(path)
                .map_err(|e| CliError::Usage(format!("cannot read {}: {e}", path.display())))?
                .trim()
                .to_owned(),
            (None, Ok(token)) => token.trim().to_owned(),
            (None, Err(_)) => return Err(CliError::Usage("give an API token: set BREAKWATER_TOKEN, or --token-file".to_owned())),
        };
        let http = reqwest::Client::builder()
            .user_agent(concat!("breakwater-cli/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(std::time::Duration::from_secs(90))
            .build()
            .map_err(|e| CliError::Failed(e.to_string()))?;
        Ok(Api { http, server: self.server.clone(), token })
    }
}

impl Api {
    fn url(&self, path: &str, query: &[(&str, &str)]) -> Result<Url, CliError> {
        let mut url = self.server.join(&format!("/api/v1{path}")).map_err(|e| CliError::Usage(e.to_string()))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, CliError> {
        let unreachable =
            |e: reqwest::Error| CliError::Unreachable(format!("cannot reach {}: {}", self.server, crate::error::chain(&e.without_url())));
        let response = request.bearer_auth(&self.token).send().await.map_err(unreachable)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(unreachable)?;
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(CliError::Failed("the answer is too long".to_owned()));
        }
        if status.is_success() {
            return serde_json::from_slice(&bytes)
                .map_err(|e| CliError::Failed(format!("the server answered something else than expected: {e}")));
        }
        let error: Option<app::error::ApiError> = serde_json::from_slice(&bytes).ok();
        let text = error.map_or_else(
            || format!("the server answered {status}"),
            |e| {
                let fields: Vec<String> =
                    e.fields.iter().filter(|f| f.message != *e.message).map(|f| format!("\n  {}: {}", f.field, f.message)).collect();
                format!("{}{}", e.message, fields.concat())
            },
        );
        Err(match status.as_u16() {
            400..=499 => CliError::Refused(text),
            502..=504 => CliError::Unreachable(text),
            _ => CliError::Failed(text),
        })
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
}
