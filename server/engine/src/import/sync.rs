//! Folders of `skopeo sync --dest dir`: one folder per image, named `<repository>:<tag>`, with `manifest.json`, blobs named by their
//! 64 hexadecimal digits, and `<64 hex>.manifest.json` for the images of an index.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vocab::Digest;
use vocab::manifest::MANIFEST_BYTES_MAX;

use super::files::{self, Files, FilesOrigin};
use super::layout::left_out;
use super::name::{Bare, Name};
use super::{Bytes, FILES_MAX, Found, ImportError, Kind, Opened, Refused, renaming};
use crate::backup::Note;
use crate::content;

/// Deepest folder that is looked into.
const DEPTH_MAX: usize = 16;
/// Files remembered for one object: the tool writes a shared layer once for each image.
const COPIES_MAX: usize = 3;
const MANIFEST: &str = "manifest.json";
const CHILD: &str = ".manifest.json";

#[derive(Default)]
struct Copies(HashMap<Digest, Vec<PathBuf>>);

impl Copies {
    fn add(&mut self, digest: Digest, path: PathBuf) {
        let copies = self.0.entry(digest).or_default();
        if copies.len() < COPIES_MAX {
            copies.push(path);
        }
    }
}

impl Files for Copies {
    fn of(&self, digest: &Digest) -> Vec<PathBuf> {
        self.0.get(digest).cloned().unwrap_or_default()
    }
}

struct Scan {
    root: PathBuf,
    files: usize,
    copies: Copies,
    found: Vec<Found>,
    refused: Vec<Refused>,
    notes: Vec<Note>,
    signatures: usize,
}

/// Looks through a folder of image folders.
pub(super) fn open(root: &Path) -> Result<Opened, ImportError> {
    let mut scan = Scan {
        root: root.to_owned(),
        files: 0,
        copies: Copies::default(),
        found: Vec::new(),
        refused: Vec::new(),
        notes: Vec::new(),
        signatures: 0,
    };
    let mut waiting = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = waiting.pop() {
        if depth > DEPTH_MAX {
            return Err(ImportError::Refused { place: shown(&folder), why: format!("folders nest deeper than {DEPTH_MAX}") });
        }
        waiting.extend(scan.folder(&folder)?.into_iter().map(|folder| (folder, depth + 1)));
    }
    if scan.found.is_empty() && scan.refused.is_empty() {
        let why =
            "it is neither an OCI layout (a folder with oci-layout), nor an unpacked docker save, nor a folder of skopeo sync".to_owned();
        return Err(ImportError::Unknown { place: shown(root), why });
    }
    if scan.signatures > 0 {
        let text = format!("{} signatures in skopeo's own format were not imported; no registry stores them", scan.signatures);
        scan.notes.push(left_out(&shown(root), &text));
    }
    scan.found.sort_by(|a, b| (&a.name.shown, a.digest).cmp(&(&b.name.shown, b.digest)));
    let bytes = Bytes::Folder(Arc::new(FilesOrigin::new(scan.copies)));
    Ok(Opened { found: scan.found, refused: scan.refused, notes: scan.notes, bytes, ..Opened::default() })
}

impl Scan {
    /// Reads one folder and answers the folders in it.
    fn folder(&mut self, folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
        let unreadable = |source| ImportError::Unreadable { place: shown(folder), source };
        let mut folders = Vec::new();
        let mut manifest = None;
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            self.files += 1;
            if self.files > FILES_MAX {
                return Err(ImportError::Refused { place: shown(&self.root), why: format!("it has more than {FILES_MAX} files") });
            }
            // Of the entry itself: a link is neither a folder nor a file here, and is passed over.
            let kind = entry.file_type().map_err(unreadable)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if kind.is_dir() {
                folders.push(entry.path());
            } else if !kind.is_file() {
                self.notes.push(left_out(&shown(&entry.path()), "it is a link or a device"));
            } else if name == MANIFEST {
                manifest = Some(entry.path());
            } else if let Ok(digest) = Digest::from_hex(name.strip_suffix(CHILD).unwrap_or(&name)) {
                self.copies.add(digest, entry.path());
            } else if name.starts_with("signature-") {
                self.signatures += 1;
            }
        }
        if let Some(path) = manifest {
            self.image(folder, path)?;
        }
        Ok(folders)
    }

    fn image(&mut self, folder: &Path, manifest: PathBuf) -> Result<(), ImportError> {
        let bytes = files::read(&manifest, MANIFEST_BYTES_MAX as u64)
            .map_err(|source| ImportError::Unreadable { place: shown(&manifest), source })?;
        let digest = Digest::of(&bytes);
        self.copies.add(digest, manifest);
        match self.name(folder, digest) {
            Ok(name) => self.found.push(Found { name, kind: Kind::Image, digest, media_type: Some(content::sniff(&bytes)) }),
            Err(why) => self.refused.push(Refused { from: shown(folder), why, remedy: renaming(&digest.to_string()) }),
        }
        Ok(())
    }

    /// `<repository>:<tag>`, or `<repository>@sha256:<hex>` for an image that was asked for by digest. A single folder of `skopeo copy dir:`
    /// says no name.
    fn name(&self, folder: &Path, digest: Digest) -> Result<Name, String> {
        let relative = folder.strip_prefix(&self.root).ok().and_then(Path::to_str).ok_or("its folder's name is no text")?;
        if !relative.contains([':', '@']) {
            return Ok(Name::default());
        }
        let name = Name::parse(relative, Bare::Repository)?;
        match name.digest {
            Some(told) if told != digest => {
                Err(format!("its folder's name promises {} and its manifest is {}", told.short(), digest.short()))
            }
            _ => Ok(name),
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}
