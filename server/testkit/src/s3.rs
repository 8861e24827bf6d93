//! `versitygw`, an S3 server over a folder, on a free loopback port.
//!
//! Its objects are plain files, so a test can damage them. Where the program is not installed, a test that needs it prints why and does
//! nothing; with `BREAKWATER_REQUIRE_TOOLS=1`, as in continuous integration, it fails.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// The program.
const PROGRAM: &str = "versitygw";
/// Where `scripts/setup.sh` puts it, below the user's cache.
const CACHED: &str = "breakwater/bin";
const STARTS_MAX: usize = 5;
const KNOCKS_MAX: usize = 400;
const KNOCK_PAUSE: Duration = Duration::from_millis(25);
const REQUIRE: &str = "BREAKWATER_REQUIRE_TOOLS";

/// The key of every server started here.
pub const ACCESS_KEY: &str = "breakwater-test";
/// Its secret.
pub const SECRET: &str = "breakwater-test-secret";

/// Why there is no S3 server.
#[derive(Debug, thiserror::Error)]
#[error("{PROGRAM} is not installed; run scripts/setup.sh to run this test")]
pub struct NoS3;

/// A running S3 server; ends when dropped, with its data.
pub struct S3Server {
    port: u16,
    data: TempDir,
    child: Child,
    next: AtomicU32,
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let cached = cache.map(|cache| cache.join(CACHED));
    std::env::split_paths(&path).chain(cached).map(|dir| dir.join(PROGRAM)).find(|file| file.is_file())
}

impl S3Server {
    /// Starts a server, or says why not.
    ///
    /// # Panics
    /// If the program is missing and [`REQUIRE`] is 1, or if it does not start.
    pub async fn start() -> Option<Self> {
        let Some(program) = find() else {
            assert!(std::env::var(REQUIRE).as_deref() != Ok("1"), "{NoS3}");
            println!("not run: {NoS3}");
            return None;
        };
        for _ in 0..STARTS_MAX {
            let data = TempDir::new().expect("the system has a temporary folder");
            for folder in ["buckets", "versions"] {
                std::fs::create_dir(data.path().join(folder)).expect("a temporary folder can be written");
            }
            let port = {
                let probe = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
                probe.local_addr().expect("a bound listener has an address").port()
            };
            if let Some(child) = run(&program, port, data.path()).await {
                return Some(Self { port, data, child, next: AtomicU32::new(1) });
            }
        }
        panic!("{PROGRAM} does not start");
    }

    /// Ends the server as a power cut would, and waits until it is gone. Its data stay.
    ///
    /// # Panics
    /// If it cannot be killed.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("a child can be killed");
    }

    /// Starts it again over the same data, at the same port.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn restart(&mut self) {
        let program = find().expect("it was there before");
        self.child = run(&program, self.port, self.data.path()).await.expect("it starts again");
    }

    /// A new bucket, and its name.
    pub fn bucket(&self) -> String {
        let name = self.new_name();
        std::fs::create_dir(self.folder(&name)).expect("a bucket of this server is a folder");
        name
    }

    /// A name no bucket of this server has.
    pub(crate) fn new_name(&self) -> String {
        format!("bucket-{}", self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// `http://127.0.0.1:<port>`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where a bucket's objects are, to damage them.
    #[must_use]
    pub fn folder(&self, bucket: &str) -> PathBuf {
        self.data.path().join("buckets").join(bucket)
    }
}

async fn run(program: &Path, port: u16, data: &Path) -> Option<Child> {
    let mut child = Command::new(program)
        .args(["--access", ACCESS_KEY, "--secret", SECRET, "--port", &format!("127.0.0.1:{port}"), "--quiet", "posix", "--versioning-dir"])
        .arg(data.join("versions"))
        .arg(data.join("buckets"))
        .current_dir(data)
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
            return Some(child);
        }
        // Another program's start can only be polled.
        tokio::time::sleep(KNOCK_PAUSE).await;
    }
    None
}
