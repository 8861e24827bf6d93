//! Folders: what form of images lies in one. Only names are looked at for that; links are never followed.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes as Manifest;
use vocab::Digest;

use super::files::{self, Files, FilesOrigin};
use super::layout::{INDEX, MARKER};
use super::listing::{DEPTH_MAX, DOCKER, Listing, Trouble};
use super::{Bytes, FILES_MAX, ImportError, Opened, archive, layout, sync};

/// Files that may be parts of images, by what they hash to.
struct Parts(HashMap<Digest, PathBuf>);

impl Files for Parts {
    fn of(&self, digest: &Digest) -> Vec<PathBuf> {
        self.0.get(digest).cloned().into_iter().collect()
    }
}

/// Looks through a folder, whatever is in it.
pub(super) fn open(root: &Path) -> Result<Opened, ImportError> {
    let (mut layouts, mut lists) = (Vec::new(), Vec::new());
    let mut files = 0;
    let mut waiting = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = waiting.pop() {
        if folder.join(MARKER).is_file() {
            layouts.push(folder);
            continue;
        }
        if is_list(&folder.join(DOCKER)) {
            lists.push(folder);
            continue;
        }
        if depth == DEPTH_MAX {
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(|source| unreadable(&folder, source))? {
            let entry = entry.map_err(|source| unreadable(&folder, source))?;
            files += 1;
            if files > FILES_MAX {
                return Err(ImportError::Refused { place: shown(root), why: format!("it has more than {FILES_MAX} files") });
            }
            if entry.file_type().map_err(|source| unreadable(&folder, source))?.is_dir() {
                waiting.push((entry.path(), depth + 1));
            }
        }
    }
    layouts.sort();
    lists.sort();
    match (layouts.is_empty(), lists.as_slice()) {
        (false, []) => layout::open(&layouts),
        (true, [list]) => saved(list),
        (true, []) if root.join(INDEX).is_file() => {
            Err(ImportError::Unknown { place: shown(root), why: format!("it has {INDEX} without {MARKER}, so it is no whole OCI layout") })
        }
        (true, []) => sync::open(root),
        _ => Err(ImportError::Unknown {
            place: shown(root),
            why: "it has several archives that were unpacked; import one at a time".to_owned(),
        }),
    }
}

/// Whether it is the list of an unpacked archive, and not the manifest of one image.
fn is_list(path: &Path) -> bool {
    let begin = files::open(path).and_then(|file| {
        let mut begin = String::new();
        io::Read::read_to_string(&mut io::Read::take(file, 16), &mut begin).map(|_| begin)
    });
    begin.is_ok_and(|text| text.trim_start().starts_with('['))
}

/// An archive of `docker save` that somebody unpacked.
fn saved(root: &Path) -> Result<Opened, ImportError> {
    let place = shown(root);
    let mut listing = Listing::of(&place);
    let mut paths = Vec::new();
    let mut waiting = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = waiting.pop() {
        for entry in fs::read_dir(&folder).map_err(|source| unreadable(&folder, source))? {
            let entry = entry.map_err(|source| unreadable(&folder, source))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|source| unreadable(&path, source))?;
            let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str).map(str::to_owned) else { continue };
            if paths.len() >= FILES_MAX {
                return Err(ImportError::Refused { place, why: format!("it has more than {FILES_MAX} files") });
            }
            let looked = if kind.is_dir() {
                if depth < DEPTH_MAX {
                    waiting.push((path, depth + 1));
                }
                Ok(())
            } else if kind.is_symlink() {
                // What it says, not what it leads to.
                let target = fs::read_link(&path).map_err(|source| unreadable(&path, source))?;
                listing.link(&name, &target.to_string_lossy(), false)
            } else if kind.is_file() {
                let file = files::open(&path).map_err(|source| unreadable(&path, source))?;
                let size_bytes = file.metadata().map_err(|source| unreadable(&path, source))?.len();
                paths.push(path);
                listing.file(paths.len() - 1, &name, size_bytes, file)
            } else {
                Ok(())
            };
            looked.map_err(|trouble| match trouble {
                Trouble::Refused(error) => error,
                Trouble::Io(source) => unreadable(&folder, source),
            })?;
        }
    }
    let (mut opened, parts) = archive::contents(&place, &listing)?;
    let wanted = parts.wanted.iter().filter_map(|(number, digest)| Some((*digest, paths.get(*number)?.clone()))).collect();
    let made = parts.manifests.into_values().map(Manifest::from).collect();
    opened.bytes = Bytes::Made(made, Arc::new(FilesOrigin::new(Parts(wanted))));
    Ok(opened)
}

fn unreadable(path: &Path, source: io::Error) -> ImportError {
    ImportError::Unreadable { place: shown(path), source }
}

fn shown(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}
