//! A Postgres cluster of a test's own: made in a temporary folder, reached by a socket only, with fsync on.

use std::fs::File;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Longest a start or stop may take.
const START_S: u64 = 30;

/// A cluster; it ends with this value.
pub struct Cluster {
    programs: PathBuf,
    folder: tempfile::TempDir,
    user: Option<(u32, u32)>,
    server: Option<Child>,
}

impl Cluster {
    /// Makes and starts a cluster.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("breakwater-faults.").tempdir_in("/var/tmp").unwrap();
        let user = rustix::process::geteuid().is_root().then(postgres_user);
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let mut cluster = Self { programs: programs(), folder, user, server: None };
        let data = cluster.data();
        let options = ["-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-locale", "--no-sync", "-D"];
        let made = cluster.command("initdb").args(options).arg(data).stdout(Stdio::null()).status().unwrap();
        assert!(made.success(), "initdb");
        cluster.start_again();
        cluster
    }

    /// How to reach it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.path().display())
    }

    /// Where its socket is.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir("/").stdin(Stdio::null()).env("LC_ALL", "C");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Starts the server, and answers once it takes connections; after an immediate stop that is after its crash recovery.
    pub fn start_again(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let socket = format!("unix_socket_directories={}", self.folder.path().display());
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-c", "listen_addresses=", "-c", "fsync=on", "-c", &socket]);
        self.server = Some(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        let began = std::time::Instant::now();
        let ready = || self.command("pg_isready").arg("-q").arg("-h").arg(self.folder.path()).status().is_ok_and(|s| s.success());
        while !ready() {
            assert!(began.elapsed().as_secs() < START_S, "Postgres does not start: {}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// `pg_ctl -m immediate stop`: every backend ends at once, nothing is flushed, and the next start recovers from the log.
    pub fn stop_immediately(&mut self) {
        let stopped =
            self.command("pg_ctl").args(["-m", "immediate", "-w", "-D"]).arg(self.data()).arg("stop").stdout(Stdio::null()).status();
        assert!(stopped.unwrap().success(), "pg_ctl: {}", self.log());
        self.server.take().unwrap().wait().unwrap();
    }

    /// What the server wrote.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.server.is_some() {
            let _ =
                self.command("pg_ctl").args(["-m", "immediate", "-w", "-D"]).arg(self.data()).arg("stop").stdout(Stdio::null()).status();
        }
        if let Some(mut server) = self.server.take() {
            let _ = server.wait();
        }
    }
}

/// The folder of the newest server's programs.
fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path().join("bin")).collect();
    found.sort();
    let named = std::env::var_os("PG_BIN_DIR").map(PathBuf::from);
    named.or_else(|| found.pop()).filter(|dir| dir.join("initdb").is_file()).expect("a Postgres server is installed")
}

/// Postgres refuses to run as root.
fn postgres_user() -> (u32, u32) {
    let passwd = std::fs::read_to_string(Path::new("/etc/passwd")).unwrap();
    let line = passwd.lines().find(|line| line.starts_with("postgres:")).expect("there is a user postgres");
    let mut ids = line.split(':').skip(2).map(|id| id.parse().unwrap());
    (ids.next().unwrap(), ids.next().unwrap())
}
