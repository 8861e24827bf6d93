//! The program as a process that can be killed, stopped and continued.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

/// The binary under test.
pub const BREAKWATER: &str = env!("CARGO_BIN_EXE_breakwater");

/// A running `serve` or `worker`. It ends with this value.
pub struct Process {
    /// Name, also of a worker in the job's row.
    pub name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the command; what it says goes to a file.
    pub fn start(name: &str, log: PathBuf, command: &mut Command) -> Self {
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn().unwrap();
        Self { name: name.to_owned(), child, log }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap()
    }

    /// Kills it as a power cut would, and proves that it was alive until then.
    pub fn kill_9(mut self) {
        assert!(self.is_alive(), "{} ended before it was killed:\n{}", self.name, self.said());
        kill_process(self.pid(), Signal::KILL).unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "{} ended by itself: {status}", self.name);
    }

    /// Ends it in order.
    pub fn terminate(mut self) -> ExitStatus {
        kill_process(self.pid(), Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }

    /// Stops it in its tracks: a machine that sleeps.
    pub fn pause(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    /// Whether it is stopped, by the kernel's word.
    pub fn is_paused(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    /// Whether it runs.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Files and connections it has open, by the kernel's word.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// How many it may have open from now on.
    pub fn may_open(&self, files: usize) {
        let limit = Rlimit { current: Some(files as u64), maximum: getrlimit(Resource::Nofile).maximum };
        prlimit(Some(self.pid()), Resource::Nofile, limit).unwrap();
    }

    /// What it logged.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
