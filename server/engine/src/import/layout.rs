//! An OCI image layout (image-spec 1.1, image-layout.md).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use vault::tree::{REF_NAME, REPOSITORY};
use vocab::{Descriptor, Digest, Tag, media};

use super::files::{self, Files, FilesOrigin};
use super::{FILES_MAX, Found, INDEX_BYTES_MAX, ImportError, Opened};
use crate::backup::Note;

/// The file that makes a folder a layout.
pub(super) const MARKER: &str = "oci-layout";
/// The file that names its images.
pub(super) const INDEX: &str = "index.json";
/// Largest marker that is read, in bytes.
pub(super) const MARKER_BYTES_MAX: u64 = 4 * 1024;
const VERSION: &str = "1.0.0";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    #[serde(default)]
    manifests: Vec<serde_json::Value>,
}

/// Objects of a layout: their digest is their name.
struct Blobs(PathBuf);

impl Files for Blobs {
    fn of(&self, digest: &Digest) -> Vec<PathBuf> {
        vec![self.0.join(digest.hex())]
    }
}

/// Looks through a layout's folder.
pub(super) fn open(path: &Path) -> Result<Opened, ImportError> {
    let file = |name: &str, bytes_max| {
        let path = path.join(name);
        files::read(&path, bytes_max).map_err(|source| unreadable(&path, source))
    };
    check_marker(&file(MARKER, MARKER_BYTES_MAX)?)?;
    let (found, notes) = images(&file(INDEX, INDEX_BYTES_MAX)?)?;
    Ok(Opened { found, origin: Arc::new(FilesOrigin::new(Blobs(path.join("blobs/sha256")))), notes })
}

fn unreadable(path: &Path, source: io::Error) -> ImportError {
    let place = path.display().to_string();
    match source.kind() {
        io::ErrorKind::InvalidData => ImportError::Refused { place, why: source.to_string() },
        _ => ImportError::Unreadable { place, source },
    }
}

/// Refuses another version of the layout.
pub(super) fn check_marker(bytes: &[u8]) -> Result<(), ImportError> {
    let refused = |why: String| ImportError::Refused { place: MARKER.to_owned(), why };
    let marker: Marker = serde_json::from_slice(bytes).map_err(|e| refused(e.to_string()))?;
    if marker.image_layout_version != VERSION {
        let version: String = marker.image_layout_version.chars().take(20).collect();
        return Err(refused(format!("it has version {version:?}; this program reads {VERSION}")));
    }
    Ok(())
}

/// The images an `index.json` names.
pub(super) fn images(bytes: &[u8]) -> Result<(Vec<Found>, Vec<Note>), ImportError> {
    let refused = |why: String| ImportError::Refused { place: INDEX.to_owned(), why };
    let index: Index = serde_json::from_slice(bytes).map_err(|e| refused(e.to_string()))?;
    if index.manifests.len() > FILES_MAX {
        return Err(refused(format!("it names more than {FILES_MAX} images")));
    }
    let (mut found, mut notes) = (Vec::with_capacity(index.manifests.len()), Vec::new());
    for (number, value) in index.manifests.into_iter().enumerate() {
        let descriptor: Descriptor = match serde_json::from_value(value) {
            Ok(descriptor) => descriptor,
            Err(error) => {
                notes.push(left_out(&format!("entry {number} of {INDEX}"), &error.to_string()));
                continue;
            }
        };
        if !media::is_manifest(&descriptor.media_type) {
            let why = format!("it is a {}, which is no image", descriptor.media_type.escape_default());
            notes.push(left_out(&descriptor.digest.to_string(), &why));
            continue;
        }
        let name = descriptor.annotations.get(REF_NAME).map(String::as_str);
        let (path, tag) = name.map_or_else(|| (descriptor.annotations.get(REPOSITORY).cloned(), None), split_name);
        if let (Some(name), None) = (name, &tag) {
            notes.push(left_out(&descriptor.digest.to_string(), &format!("its name {name:?} is no tag; it is imported without one")));
        }
        found.push(Found { path, tag, digest: descriptor.digest, media_type: Some(descriptor.media_type) });
    }
    Ok((found, notes))
}

/// A name is a bare tag, or a repository and a tag.
fn split_name(name: &str) -> (Option<String>, Option<Tag>) {
    if let Ok(tag) = name.parse() {
        return (None, Some(tag));
    }
    match name.rsplit_once(':').map(|(path, tag)| (path, tag.parse())) {
        Some((path, Ok(tag))) => (Some(path.to_owned()), Some(tag)),
        _ => (None, None),
    }
}

pub(super) fn left_out(subject: &str, text: &str) -> Note {
    Note { code: "left_out", subject: subject.to_owned(), text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tags_or_repositories_with_tags() {
        assert_eq!(split_name("1.4"), (None, "1.4".parse().ok()));
        assert_eq!(split_name("team/app:1.4"), (Some("team/app".to_owned()), "1.4".parse().ok()));
        assert_eq!(split_name("localhost:5000/app:x"), (Some("localhost:5000/app".to_owned()), "x".parse().ok()));
        assert_eq!(split_name("a/b"), (None, None));
        assert_eq!(split_name("a:b/c"), (None, None));
    }

    #[test]
    fn an_index_is_read_entry_by_entry_and_what_is_no_image_is_named() {
        let digest = Digest::of(b"x");
        let text = format!(
            r#"{{"manifests":[{{"mediaType":"{}","digest":"{digest}","size":1,"annotations":{{"{REF_NAME}":"1"}}}},
                {{"mediaType":"text/plain","digest":"{digest}","size":1}},{{"mediaType":"x","digest":"sha256:../../etc","size":1}}]}}"#,
            media::OCI_MANIFEST
        );
        let (found, notes) = images(text.as_bytes()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(notes.len(), 2);
        assert!(images(b"7").is_err());
        assert!(images(&b"{\"manifests\":".repeat(200)).is_err());
    }
}
