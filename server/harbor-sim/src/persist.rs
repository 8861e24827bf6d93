//! The state file: one JSON, replaced atomically (temporary file, fsync, rename, fsync of the folder).
//!
//! Blob files are durable before the state names them, so a crash leaves at most unused blobs behind, never a name
//! without bytes.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::model::World;

/// How long changes are gathered before they are written; well under the second that is promised.
const GATHER: Duration = Duration::from_millis(200);

fn path(root: &Path) -> PathBuf {
    root.join("state.json")
}

/// The saved world, if there is one.
pub async fn load(root: &Path) -> io::Result<Option<World>> {
    match tokio::fs::read(path(root)).await {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes the world as it is now.
pub async fn save(app: &App, root: &Path) -> io::Result<()> {
    let text = serde_json::to_vec(&*app.world()).map_err(io::Error::other)?;
    let root = root.to_owned();
    tokio::task::spawn_blocking(move || replace(&root, &text)).await.map_err(io::Error::other)?
}

fn replace(root: &Path, text: &[u8]) -> io::Result<()> {
    let temporary = root.join("state.json.new");
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path(root))?;
    std::fs::File::open(root)?.sync_all()
}

/// Writes after each change until the server stops, then once more.
pub async fn keep_saved(app: Arc<App>, root: PathBuf) -> io::Result<()> {
    let mut saved = 0;
    loop {
        let stop = tokio::select! {
            () = app.dirty.notified() => false,
            () = app.stopping.cancelled() => true,
        };
        if !stop {
            tokio::select! {
                () = tokio::time::sleep(GATHER) => {}
                () = app.stopping.cancelled() => {}
            }
        }
        let now = app.changes();
        if now != saved {
            match save(&app, &root).await {
                Ok(()) => saved = now,
                Err(error) if stop => return Err(error),
                Err(error) => {
                    tracing::error!(%error, "the state of the simulator could not be saved")
                }
            }
        }
        if stop {
            return Ok(());
        }
    }
}
