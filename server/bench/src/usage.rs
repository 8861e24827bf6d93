//! One command and what it used, as the kernel counted it.
//!
//! Linux hands the peak memory of whoever forks on to the child. The run itself holds images and a simulator, so a small process in between starts the command.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wait4::Wait4;

use crate::Failure;
use crate::tools::Line;

/// Bytes of a failed command's error output that are shown.
const TAIL_BYTES: usize = 400;

/// What the process in between is told.
#[derive(clap::Args)]
pub(crate) struct Order {
    #[arg(long)]
    result: PathBuf,
    #[arg(long)]
    seconds_max: u64,
    #[arg(last = true)]
    command: Vec<String>,
}

/// What a command used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Used {
    pub wall_s: f64,
    pub cpu_s: f64,
    pub rss_bytes: u64,
    pub ok: bool,
    pub timed_out: bool,
}

/// The process in between: starts the command, waits, writes the figures.
pub(crate) fn run(order: &Order) -> Result<ExitCode, Failure> {
    let (program, arguments) = order.command.split_first().ok_or("no command")?;
    let started = Instant::now();
    let mut child = Command::new(program).args(arguments).stdin(Stdio::null()).spawn()?;
    let pid = rustix::process::Pid::from_child(&child);
    let limit = Duration::from_secs(order.seconds_max);
    // The thread ends with this process.
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    });
    let ended = child.wait4()?;
    let wall = started.elapsed();
    let used = Used {
        wall_s: wall.as_secs_f64(),
        cpu_s: (ended.rusage.utime + ended.rusage.stime).as_secs_f64(),
        rss_bytes: ended.rusage.maxrss,
        ok: ended.status.success(),
        timed_out: wall >= limit,
    };
    std::fs::write(&order.result, serde_json::to_vec(&used)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs one line of a tool in `folder`; gives what it used and what it printed.
pub(crate) async fn line(line: &Line, folder: &Path, seconds_max: u64) -> Result<(Used, String), Failure> {
    let (result, out, err) = (folder.join("used.json"), folder.join("out.txt"), folder.join("err.txt"));
    let status = tokio::process::Command::new(std::env::current_exe()?)
        .arg("measured")
        .arg("--result")
        .arg(&result)
        .args(["--seconds-max", &seconds_max.to_string(), "--"])
        .args(&line.command)
        .envs(line.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(File::create(&out)?)
        .stderr(File::create(&err)?)
        .kill_on_drop(true)
        .status()
        .await?;
    if !status.success() {
        return Err(format!("{} could not be started", line.command.join(" ")).into());
    }
    let used: Used = serde_json::from_slice(&tokio::fs::read(&result).await?)?;
    if !used.ok {
        let text = tokio::fs::read(&err).await?;
        let tail = text.get(text.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
        eprintln!("  {} failed: {}", line.command.join(" "), String::from_utf8_lossy(tail).trim());
    }
    Ok((used, tokio::fs::read_to_string(&out).await.unwrap_or_default()))
}
