//! A Postgres of one's own for `demo`: a cluster in a folder, reached by a socket only, as another user where this one is root.
//!
//! Trust is the socket's folder, which only that user can enter. A cluster that still runs after a kill is used as it is.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::CliError;

/// Longest path of a socket, bytes (sockaddr_un).
const SOCKET_PATH_BYTES_MAX: usize = 100;

/// A running cluster.
pub struct Postgres {
    bin: PathBuf,
    data: PathBuf,
    user: Option<(u32, u32)>,
    /// How to reach it.
    pub url: String,
}

/// The folder of the server's programs, wherever it was installed.
fn programs() -> Option<PathBuf> {
    let named = std::env::var_os("PG_BIN_DIR").map(PathBuf::from);
    let mut installed: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin")).collect();
    installed.sort();
    let asked = Command::new("pg_config").arg("--bindir").output().ok().and_then(|out| String::from_utf8(out.stdout).ok());
    named
        .into_iter()
        .chain(installed.into_iter().rev())
        .chain(asked.map(|text| PathBuf::from(text.trim())))
        .find(|dir| dir.join("initdb").is_file())
}

/// Ids of the user Postgres runs as when this one is root, which it refuses.
fn other_user() -> Result<Option<(u32, u32)>, CliError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let passwd = std::fs::read_to_string("/etc/passwd").map_err(|e| CliError::Failed(format!("cannot read /etc/passwd: {e}")))?;
    let ids = |name: &str| {
        let line = passwd.lines().find(|line| line.starts_with(&format!("{name}:")))?;
        let mut parts = line.split(':').skip(2);
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    ids("postgres")
        .or_else(|| ids("nobody"))
        .map(Some)
        .ok_or_else(|| CliError::Failed("Postgres refuses to run as root and there is no user postgres or nobody".to_owned()))
}

impl Postgres {
    /// Starts the cluster in `folder`, made at the first time; with `anew`, what a first start that was broken off, or a demo whose
    /// folder is gone, left there is thrown away.
    pub fn start(folder: &Path, anew: bool) -> Result<Self, CliError> {
        let bin = programs().ok_or_else(|| {
            CliError::Failed("no Postgres server is installed; install the package postgresql, or set DATABASE_URL".to_owned())
        })?;
        let user = other_user()?;
        let data = folder.join("data");
        let socket = folder.join("socket");
        if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            return Err(CliError::Usage(format!("{} is too long a path for a socket; choose another with --dir", folder.display())));
        }
        let url = format!("postgres://postgres@localhost/postgres?host={}", socket.display());
        let postgres = Self { bin, data, user, url };
        if anew && folder.exists() {
            if postgres.runs() {
                postgres.stop();
            }
            std::fs::remove_dir_all(folder).map_err(|e| CliError::Failed(format!("cannot remove {}: {e}", folder.display())))?;
        }
        for dir in [folder, &postgres.data, &socket] {
            own(dir, user).map_err(|e| CliError::Failed(format!("cannot prepare {}: {e}", dir.display())))?;
        }
        if !postgres.data.join("PG_VERSION").exists() {
            let path = postgres.data.display().to_string();
            postgres.run("initdb", &["-D", &path, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-locale"])?;
        }
        if !postgres.runs() {
            let options = format!("-c listen_addresses='' -c unix_socket_directories='{}'", socket.display());
            let (path, log) = (postgres.data.display().to_string(), postgres.data.join("log.txt").display().to_string());
            postgres.run("pg_ctl", &["-D", &path, "-w", "-l", &log, "-o", &options, "start"])?;
        }
        Ok(postgres)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).env("LC_ALL", "C");
        // A signal to the terminal's group is for this program, which then stops Postgres in order.
        command.process_group(0);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<(), CliError> {
        // pg_ctl's server inherits the pipe of errors, so the pipe must not be waited for to close.
        let log = self.data.join("../start.txt");
        let file = std::fs::File::create(&log).map_err(|e| CliError::Failed(format!("cannot write {}: {e}", log.display())))?;
        let status =
            self.command(program).args(args).stderr(file).status().map_err(|e| CliError::Failed(format!("cannot run {program}: {e}")))?;
        if status.success() {
            return Ok(());
        }
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        Err(CliError::Failed(format!("{program} failed: {}", said.lines().last().unwrap_or("no message"))))
    }

    fn runs(&self) -> bool {
        self.command("pg_ctl").arg("-D").arg(&self.data).arg("status").stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// Stops it.
    pub fn stop(&self) {
        let path = self.data.display().to_string();
        if let Err(error) = self.run("pg_ctl", &["-D", &path, "-m", "fast", "-w", "stop"]) {
            eprintln!("breakwater: {error}");
        }
    }
}

fn own(dir: &Path, user: Option<(u32, u32)>) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    if let Some((uid, gid)) = user {
        chown(dir, Some(uid), Some(gid))?;
    }
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
}
