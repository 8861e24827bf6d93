//! Debian's `docker-registry` (distribution) on a free loopback port.
//!
//! Where the program is not installed, a test that needs it prints why and does nothing; with `BREAKWATER_REQUIRE_TOOLS=1`, as in continuous integration, it fails.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// The program.
const PROGRAM: &str = "docker-registry";
/// How often a fresh port is tried: another program may take it between choosing and listening.
const STARTS_MAX: usize = 5;
/// How often the port is knocked at before a start counts as failed.
const KNOCKS_MAX: usize = 200;
/// Pause between knocks.
const KNOCK_PAUSE: Duration = Duration::from_millis(25);
/// Set to 1 where missing tools are an error.
const REQUIRE: &str = "BREAKWATER_REQUIRE_TOOLS";

/// Why there is no registry.
#[derive(Debug, thiserror::Error)]
#[error("{PROGRAM} is not installed; install Debian's docker-registry package to run this test")]
pub struct Unavailable;

/// Who may log in.
#[derive(Debug, Clone, Default)]
pub enum Login {
    /// Everybody, without a password.
    #[default]
    Open,
    /// The user of this line of an htpasswd file (bcrypt).
    Htpasswd(String),
}

/// A running registry; ends when dropped, with its data.
pub struct Distribution {
    port: u16,
    data: TempDir,
    _child: Child,
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(PROGRAM)).find(|file| file.is_file())
}

impl Distribution {
    /// Starts an open registry, or says why not.
    ///
    /// # Panics
    /// If the program is missing and [`REQUIRE`] is 1, or if it does not start.
    pub async fn start() -> Option<Self> {
        Self::start_with(Login::Open).await
    }

    /// Starts a registry with this login.
    ///
    /// # Panics
    /// As [`Distribution::start`].
    pub async fn start_with(login: Login) -> Option<Self> {
        let Some(program) = find() else {
            assert!(std::env::var(REQUIRE).as_deref() != Ok("1"), "{Unavailable}");
            println!("not run: {Unavailable}");
            return None;
        };
        for _ in 0..STARTS_MAX {
            if let Some(running) = Self::try_start(&program, &login).await {
                return Some(running);
            }
        }
        panic!("{PROGRAM} does not start");
    }

    async fn try_start(program: &PathBuf, login: &Login) -> Option<Self> {
        let data = TempDir::new().expect("the system has a temporary folder");
        let port = {
            let probe = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
            probe.local_addr().expect("a bound listener has an address").port()
        };
        let auth = match login {
            Login::Open => String::new(),
            Login::Htpasswd(line) => {
                let file = data.path().join("htpasswd");
                std::fs::write(&file, format!("{line}\n")).expect("a temporary folder can be written");
                format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", file.display())
            }
        };
        let config = data.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n{auth}",
            data.path().join("data").display()
        );
        std::fs::write(&config, text).expect("a temporary folder can be written");
        let mut child = Command::new(program)
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        for _ in 0..KNOCKS_MAX {
            if child.try_wait().ok()?.is_some() {
                return None;
            }
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Some(Self { port, data, _child: child });
            }
            // Another program's start can only be polled.
            tokio::time::sleep(KNOCK_PAUSE).await;
        }
        None
    }

    /// `http://127.0.0.1:<port>`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// `127.0.0.1:<port>`, as image tools name it.
    #[must_use]
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where its blobs are, to damage them.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.data.path().join("data")
    }
}
