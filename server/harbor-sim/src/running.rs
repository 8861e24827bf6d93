//! Start and stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::app::{App, Config, Seed};
use crate::control::Control;
use crate::store::Store;
use crate::{persist, seed, server, world};

/// Why the simulator cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    #[error("cannot listen on {addr}; choose another port or stop the program that has it")]
    Listen { addr: SocketAddr, source: io::Error },
    #[error("cannot use the simulator's data folder {}; check that it is writable and not damaged", path.display())]
    Data { path: std::path::PathBuf, source: io::Error },
    #[error("cannot make the sample content: {reason}")]
    Seed { reason: String },
    #[error("a task of the simulator failed")]
    Task { source: io::Error },
}

/// A running simulator. Dropping it stops it too, but without the last save and without waiting.
pub struct Running {
    app: Arc<App>,
    tasks: Vec<JoinHandle<io::Result<()>>>,
}

/// Starts a simulator; it answers when this returns.
pub async fn start(config: Config) -> Result<Running, SimError> {
    let addr = config.listen;
    let listener = TcpListener::bind(addr).await.map_err(|source| SimError::Listen { addr, source })?;
    let addr = listener.local_addr().map_err(|source| SimError::Listen { addr, source })?;
    let (saved, store) = match &config.data {
        None => (None, Store::memory()),
        Some(path) => {
            let wrong = |source| SimError::Data { path: path.clone(), source };
            tokio::fs::create_dir_all(path).await.map_err(wrong)?;
            (persist::load(path).await.map_err(wrong)?, Store::files(path).await.map_err(wrong)?)
        }
    };
    let world = world::prepare(saved.unwrap_or_default(), &config);
    let app = Arc::new(App::new(config, addr, world, store));
    let mut running = Running { app: Arc::clone(&app), tasks: Vec::new() };
    if app.config.seed == Some(Seed::Demo) {
        seed::demo(&running).await?;
    }
    if let Some(path) = app.config.data.clone() {
        persist::save(&app, &path).await.map_err(|source| SimError::Data { path: path.clone(), source })?;
        running.tasks.push(tokio::spawn(persist::keep_saved(Arc::clone(&app), path)));
    }
    running.tasks.push(tokio::spawn(server::serve(app, listener)));
    Ok(running)
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.app.addr
    }

    /// `http://127.0.0.1:<port>`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.app.addr)
    }

    /// The built-in administrator's name and password.
    #[must_use]
    pub fn admin(&self) -> (&str, &str) {
        ("admin", &self.app.config.admin_password)
    }

    /// Counters and faults.
    #[must_use]
    pub fn control(&self) -> Control {
        self.app.control.clone()
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Ends open connections, writes the state a last time and frees the port.
    pub async fn stop(mut self) -> Result<(), SimError> {
        self.app.stopping.cancel();
        for task in std::mem::take(&mut self.tasks) {
            let ended = task.await.map_err(|error| SimError::Task { source: io::Error::other(error) })?;
            ended.map_err(|source| SimError::Task { source })?;
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.app.stopping.cancel();
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("addr", &self.app.addr).finish_non_exhaustive()
    }
}
