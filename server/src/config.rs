//! Settings of `serve` and `worker`, each as a flag, an environment variable or a file, all checked at start.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::crypto::KeyRing;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Needed and not given.
    #[error("{0} is not set; give {1}")]
    Missing(&'static str, &'static str),
    /// A file that was named cannot be read.
    #[error("cannot read {path}")]
    File { path: PathBuf, source: std::io::Error },
    /// A value that cannot be used.
    #[error("{what} is not usable: {why}")]
    Invalid { what: &'static str, why: String },
}

/// Where Postgres is.
#[derive(Args, Clone)]
pub struct DatabaseArgs {
    /// Postgres, `postgres://user@host/database`, without a password; with one in the variable `DATABASE_URL` or in a file
    #[arg(long)]
    database_url: Option<String>,
    /// File with the database URL
    #[arg(long, env = "DATABASE_URL_FILE")]
    database_url_file: Option<PathBuf>,
}

impl DatabaseArgs {
    /// The URL, from wherever it was given.
    pub fn url(&self) -> Result<SecretString, ConfigError> {
        let named = database_url(self.database_url.as_deref())?;
        given(named, self.database_url_file.as_deref())?
            .ok_or(ConfigError::Missing("the database URL", "DATABASE_URL, --database-url-file or --database-url"))
    }
}

/// Who may make the role and the database that Breakwater uses.
#[derive(Args, Clone)]
pub struct OwnerArgs {
    /// File with the URL of a Postgres superuser, or the variable `DATABASE_OWNER_URL`: role, password and database of the database URL are made as its user
    #[arg(long, env = "DATABASE_OWNER_URL_FILE")]
    owner_url_file: Option<PathBuf>,
}

impl OwnerArgs {
    /// The URL, if one was given.
    pub fn url(&self) -> Result<Option<SecretString>, ConfigError> {
        given(variable("DATABASE_OWNER_URL"), self.owner_url_file.as_deref())
    }
}

/// The database named on the command line, else by `DATABASE_URL`. Arguments are seen by everybody on the machine, so none may hold a password.
pub fn database_url(flag: Option<&str>) -> Result<Option<SecretString>, ConfigError> {
    let Some(flag) = flag else { return Ok(variable("DATABASE_URL")) };
    if Url::parse(flag).is_ok_and(|url| url.password().is_none() && !url.query_pairs().any(|(key, _)| key == "password")) {
        return Ok(Some(SecretString::from(flag.to_owned())));
    }
    let why = "it holds a password, which everybody on this machine can see there; give it in DATABASE_URL or a file".to_owned();
    Err(ConfigError::Invalid { what: "--database-url", why })
}

fn variable(name: &str) -> Option<SecretString> {
    std::env::var(name).ok().filter(|text| !text.is_empty()).map(SecretString::from)
}

/// The key that encrypts stored secrets: in the variable `BREAKWATER_KEY`, or in a file. Never on the command line, which everybody on the machine sees.
#[derive(Args, Clone)]
pub struct KeyArgs {
    /// File with the key that encrypts stored secrets, or the variable `BREAKWATER_KEY`; one `id:base64` of 32 bytes a line, the first is used for new secrets
    #[arg(long, env = "BREAKWATER_KEY_FILE")]
    key_file: Option<PathBuf>,
}

impl KeyArgs {
    /// The key ring.
    pub fn ring(&self) -> Result<KeyRing, ConfigError> {
        let text = given(variable("BREAKWATER_KEY"), self.key_file.as_deref())?
            .ok_or(ConfigError::Missing("the key", "--key-file, BREAKWATER_KEY or BREAKWATER_KEY_FILE"))?;
        KeyRing::parse(text.expose_secret()).map_err(|why| ConfigError::Invalid { what: "the key", why: why.to_string() })
    }
}

/// Rules for addresses outside.
#[derive(Args, Clone)]
pub struct OutsideArgs {
    /// Networks harbors may be in although they are private or loopback, e.g. `10.0.0.0/8`; repeat or separate by commas
    #[arg(long, env = "BREAKWATER_ALLOW_NETS", value_delimiter = ',')]
    pub allow_net: Vec<IpNet>,
}

/// How the console is served.
#[derive(Args, Clone)]
pub struct ServeArgs {
    /// Address to listen on
    #[arg(long, env = "BREAKWATER_LISTEN", default_value = "127.0.0.1:8300")]
    pub listen: SocketAddr,
    /// Address people type, e.g. `https://backup.example.org`; default: http and the listen address
    #[arg(long, env = "BREAKWATER_PUBLIC_URL")]
    pub public_url: Option<Url>,
    /// Proxies whose `X-Forwarded-For` is believed
    #[arg(long, env = "BREAKWATER_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxy: Vec<IpAddr>,
    /// Folder with the console's style and scripts; default: `site` beside the program
    #[arg(long, env = "BREAKWATER_SITE")]
    pub site: Option<PathBuf>,
    /// Also work on jobs in this process
    #[arg(long, env = "BREAKWATER_WITH_WORKER")]
    pub with_worker: bool,
}

impl ServeArgs {
    /// The address people type.
    #[must_use]
    pub fn public_url(&self) -> Url {
        self.public_url
            .clone()
            .unwrap_or_else(|| Url::parse(&format!("http://{}", self.listen)).expect("a socket address makes a valid URL"))
    }

    /// The folder of the console's files.
    #[must_use]
    pub fn site(&self) -> PathBuf {
        site(self.site.as_deref())
    }
}

/// The folder of the console's files: the one named, else `site` beside the program or above it.
#[must_use]
pub fn site(named: Option<&Path>) -> PathBuf {
    named.map(Path::to_path_buf).unwrap_or_else(|| {
        let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(|dir| dir.join("site")));
        let above = std::env::current_exe().ok().and_then(|exe| exe.parent().and_then(Path::parent).map(|dir| dir.join("site")));
        [beside.clone(), above].into_iter().flatten().find(|dir| dir.is_dir()).or(beside).unwrap_or_else(|| "site".into())
    })
}

/// How jobs are worked on.
#[derive(Args, Clone)]
pub struct WorkerArgs {
    /// Jobs at a time
    #[arg(long, env = "BREAKWATER_JOBS", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
    /// Name of this worker in the console; default: host name and process id
    #[arg(long, env = "BREAKWATER_WORKER_NAME")]
    pub worker_name: Option<String>,
    /// Seconds a job stays with a worker that says nothing
    #[arg(long, env = "BREAKWATER_LEASE_S", default_value_t = 30, value_parser = clap::value_parser!(u16).range(3..=600))]
    pub lease_s: u16,
}

impl WorkerArgs {
    /// The worker's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.worker_name.clone().unwrap_or_else(|| {
            let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
            format!("{host}-{}", std::process::id())
        })
    }
}

fn given(text: Option<SecretString>, file: Option<&Path>) -> Result<Option<SecretString>, ConfigError> {
    match (text, file) {
        (Some(text), _) => Ok(Some(text)),
        (None, Some(path)) => std::fs::read_to_string(path)
            .map(|text| Some(SecretString::from(text.trim().to_owned())))
            .map_err(|source| ConfigError::File { path: path.to_owned(), source }),
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_on_the_command_line_is_refused_and_not_said_again() {
        for open in ["postgres://me@db.example/breakwater", "postgres:///breakwater?host=/run/postgresql"] {
            assert_eq!(database_url(Some(open)).unwrap().unwrap().expose_secret(), open);
        }
        for secret in
            ["postgres://me:s3cret@db.example/breakwater", "postgres://db.example/b?user=me&password=s3cret", "host=db password=s3cret"]
        {
            let error = database_url(Some(secret)).unwrap_err().to_string();
            assert!(error.contains("DATABASE_URL") && !error.contains("s3cret"), "{error}");
        }
    }
}
