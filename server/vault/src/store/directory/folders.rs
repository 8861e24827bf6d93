//! Folders of a vault: making them durable, and renaming between them.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::{OBJECTS, Shared, TEMP};
use crate::error::StoreError;
use crate::layout::Key;

/// Every folder of an empty vault, parents first.
const FOLDERS: [&str; 9] = [
    "blobs",
    OBJECTS,
    "breakwater",
    TEMP,
    "breakwater/snapshots",
    "breakwater/checkpoints",
    "breakwater/quarantine",
    "breakwater/holds",
    "breakwater/condemned",
];
/// What may lie in a directory that is to become a vault: our own names of a start that was broken off, and what a new
/// file system puts into its root.
const HARMLESS: [&str; 5] = ["blobs", "breakwater", "oci-layout", "index.json", "lost+found"];

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

fn folder_mode() -> Mode {
    Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH
}

/// Makes the folders of a new vault and syncs them, so that no parent is new when objects are written.
pub(super) fn make(path: &Path) -> Result<(), StoreError> {
    let place = path.display().to_string();
    let error = |action, e: io::Error| StoreError::from_io(action, &place, &place, e);
    fs::create_dir_all(path).map_err(|e| error("create", e))?;
    for entry in fs::read_dir(path).map_err(|e| error("list", e))? {
        let name = entry.map_err(|e| error("list", e))?.file_name();
        if !HARMLESS.iter().any(|known| name == *known) {
            return Err(StoreError::Exists { key: place.clone() });
        }
    }
    // Somebody else's image layout has objects but no marker: it is not ours to take.
    if path.join(OBJECTS).is_dir() && !path.join("breakwater").is_dir() {
        return Err(StoreError::Exists { key: place.clone() });
    }
    let root = rustix::fs::open(path, FOLDER, Mode::empty()).map_err(|e| error("open", e.into()))?;
    // Ours first: a start broken off between any two of these is still told from a foreign layout.
    for folder in FOLDERS.iter().filter(|f| f.starts_with("breakwater")).chain(FOLDERS.iter()) {
        make_folder(root.as_fd(), folder).map_err(|e| error("create a folder in", e.into()))?;
    }
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        let parent = rustix::fs::open(parent, FOLDER, Mode::empty()).map_err(|e| error("open", e.into()))?;
        rustix::fs::fsync(&parent).map_err(|e| error("fsync", e.into()))?;
    }
    Ok(())
}

/// Makes `path` (relative to `root`) unless it exists, and syncs its parent either way: whoever made it may not have yet.
fn make_folder(root: BorrowedFd<'_>, path: &str) -> Result<(), Errno> {
    match rustix::fs::mkdirat(root, path, folder_mode()) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(other) => return Err(other),
    }
    match path.rsplit_once('/') {
        Some((parent, _)) => rustix::fs::fsync(rustix::fs::openat(root, parent, FOLDER, Mode::empty())?),
        None => rustix::fs::fsync(root),
    }
}

/// Opens a folder only this program uses, making it if a copy of the vault came without it.
pub(super) fn working_folder(root: &OwnedFd, path: &str) -> Option<OwnedFd> {
    let open = || rustix::fs::openat(root, path, FOLDER, Mode::empty());
    open().or_else(|_| make_folder(root.as_fd(), path).and_then(|()| open())).ok()
}

fn parent_of(key: &Key) -> String {
    let path = key.to_string();
    path.rsplit_once('/').map_or_else(|| ".".to_owned(), |(parent, _)| parent.to_owned())
}

/// Opens the folder `key` lies in.
pub(super) fn open_parent(shared: &Shared, key: &Key) -> Result<OwnedFd, StoreError> {
    rustix::fs::openat(&shared.root, parent_of(key), FOLDER, Mode::empty()).map_err(|e| shared.error("open the folder of", key, e))
}

/// Opens the folder `key` lies in, making it durably if it is not there.
pub(super) fn make_parent(shared: &Arc<Shared>, key: &Key) -> Result<OwnedFd, StoreError> {
    match open_parent(shared, key) {
        Err(StoreError::Missing { .. }) => {}
        // A folder found may be new, and made by somebody who has not synced its parent yet.
        Ok(folder) if !matches!(key, Key::Pointer(_)) => return Ok(folder),
        Ok(_) => {}
        Err(other) => return Err(other),
    }
    let parent = parent_of(key);
    for (end, _) in parent.match_indices('/').chain([(parent.len(), "")]) {
        make_folder(shared.root.as_fd(), &parent[..end]).map_err(|e| shared.error("create the folder of", key, e))?;
    }
    open_parent(shared, key)
}

/// Renames, never onto something: `EXIST` then, and nothing has changed.
pub(super) fn rename_new(from: &OwnedFd, name: &str, to: &OwnedFd, new_name: &str) -> Result<(), Errno> {
    match rustix::fs::renameat_with(from, name, to, new_name, RenameFlags::NOREPLACE) {
        // Network file systems lack the flag; a hard link refuses to replace as well.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => link_new(from, name, to, new_name),
        other => other,
    }
}

/// [`rename_new`] in two steps; between them the file has both names.
pub(super) fn link_new(from: &OwnedFd, name: &str, to: &OwnedFd, new_name: &str) -> Result<(), Errno> {
    rustix::fs::linkat(from, name, to, new_name, AtFlags::empty())?;
    rustix::fs::unlinkat(from, name, AtFlags::empty())
}

/// Renames `from` to `to` durably: the new name first, so a power cut leaves one of the two.
pub(super) fn rename(shared: &Arc<Shared>, from: &Key, to: &Key) -> Result<(), StoreError> {
    let source = open_parent(shared, from)?;
    let target = make_parent(shared, to)?;
    let (from_path, to_path) = (from.to_string(), to.to_string());
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    rename_new(&source, &last(&from_path), &target, &last(&to_path)).map_err(|e| match e {
        Errno::EXIST => StoreError::Exists { key: to_path.clone() },
        other => shared.error("rename", from, other),
    })?;
    rustix::fs::fsync(&target).map_err(|e| shared.error("fsync the folder of", to, e))?;
    rustix::fs::fsync(&source).map_err(|e| shared.error("fsync the folder of", from, e))
}
