//! An OCI image layout (image-spec 1.1, image-layout.md), and what the tools that write one call its images: `io.containerd.image.name`
//! is the whole name (Docker, containerd, buildx, hauler), `org.opencontainers.image.ref.name` a tag (the specification, skopeo, oras)
//! or a whole name (crane, podman, hauler); `kind` says what hauler and cosign keep beside an image.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use vault::tree::{REF_NAME, REPOSITORY};
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Digest, OtherDigest, media};

use super::files::{self, Files, FilesOrigin};
use super::listing::{self, Loose};
use super::name::{Bare, Name};
use super::{Bytes, FILES_MAX, Found, INDEX_BYTES_MAX, ImportError, Kind, LOOSE_MAX, Opened, Refused, renaming};
use crate::backup::Note;

/// The file that makes a folder a layout.
pub(super) const MARKER: &str = "oci-layout";
/// The file that names its images.
pub(super) const INDEX: &str = "index.json";
/// Largest marker that is read, in bytes.
pub(super) const MARKER_BYTES_MAX: u64 = 4 * 1024;
const VERSION: &str = "1.0.0";
/// containerd's annotation with the whole name of an image.
const IMAGE_NAME: &str = "io.containerd.image.name";
/// What hauler and cosign say an entry is: `dev.cosignproject.cosign/sigs`, `dev.hauler/image`.
const KIND: &str = "kind";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Option<Vec<Value>>,
}

/// An entry as tools write it, not as the specification would have it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    digest: String,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    annotations: Option<Map<String, Value>>,
}

impl Entry {
    fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    fn kind(&self) -> Kind {
        match self.annotation(KIND).and_then(|kind| kind.split('/').nth(1)) {
            Some("sigs") => Kind::Beside("sig"),
            Some("atts") => Kind::Beside("att"),
            Some("sboms") => Kind::Beside("sbom"),
            Some("referrers") => Kind::Referrer,
            _ => Kind::Image,
        }
    }

    /// What it is called, in the word that says most.
    fn name(&self) -> Result<Name, String> {
        let name = self.written()?;
        Ok(match self.annotation(REPOSITORY) {
            Some(repository) if self.annotation(IMAGE_NAME).is_none() => name.within(repository),
            _ => name,
        })
    }

    fn written(&self) -> Result<Name, String> {
        let tag = self.annotation(REF_NAME).map(|name| Name::parse(name, Bare::Tag));
        match (self.annotation(IMAGE_NAME).map(|name| Name::parse(name, Bare::Repository)), tag) {
            (Some(Ok(whole)), _) => Ok(whole),
            // The tag may still be good where the name is not, and the reverse.
            (Some(Err(why)), None) => Err(why),
            (Some(Err(why)), Some(tag)) => tag.ok().filter(|name| name.path.is_some()).ok_or(why),
            (None, Some(name)) => name,
            (None, None) => Ok(Name::default()),
        }
    }

    /// What people know it by.
    fn shown(&self) -> String {
        let name = self.annotation(IMAGE_NAME).or_else(|| self.annotation(REF_NAME)).unwrap_or(&self.digest);
        name.chars().take(200).collect::<String>().escape_debug().to_string()
    }
}

/// Objects of layouts: their digest is their name, in a folder of its algorithm.
struct Blobs(Vec<PathBuf>);

impl Blobs {
    fn named(&self, algorithm: &str, hex: &str) -> Vec<PathBuf> {
        let all = self.0.iter().map(|folder| folder.join(algorithm).join(hex));
        if self.0.len() == 1 { all.collect() } else { all.filter(|path| path.symlink_metadata().is_ok()).collect() }
    }
}

impl Files for Blobs {
    fn of(&self, digest: &Digest) -> Vec<PathBuf> {
        self.named("sha256", &digest.hex())
    }

    fn of_other(&self, digest: &OtherDigest) -> Vec<PathBuf> {
        self.named(digest.algorithm().as_str(), digest.hex())
    }
}

/// Looks through the folders of layouts.
pub(super) fn open(folders: &[PathBuf]) -> Result<Opened, ImportError> {
    let mut opened = Opened::default();
    let mut blobs = Vec::with_capacity(folders.len());
    for folder in folders {
        let file = |name: &str, bytes_max| {
            let path = folder.join(name);
            files::read(&path, bytes_max).map_err(|source| unreadable(&path, source))
        };
        check_marker(&file(MARKER, MARKER_BYTES_MAX)?)?;
        images(&file(INDEX, INDEX_BYTES_MAX)?, &mut opened)?;
        let objects = folder.join("blobs");
        loose(&objects.join("sha256"), &mut opened.loose);
        blobs.push(objects);
    }
    opened.bytes = Bytes::Folder(Arc::new(FilesOrigin::new(Blobs(blobs))));
    Ok(opened)
}

/// Objects that say what they are about. What cannot be read is found missing by whoever needs it.
fn loose(folder: &Path, found: &mut Vec<Loose>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.take(FILES_MAX).flatten() {
        let small = entry.metadata().is_ok_and(|data| data.is_file() && data.len() <= MANIFEST_BYTES_MAX as u64);
        let digest = entry.file_name().to_str().and_then(|name| Digest::from_hex(name).ok());
        if let Some(digest) = digest.filter(|_| small && found.len() < LOOSE_MAX) {
            let text = files::read(&entry.path(), MANIFEST_BYTES_MAX as u64);
            found.extend(text.ok().and_then(|text| listing::about(digest, &text)));
        }
    }
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

/// Adds the images an `index.json` names, and those that it names in vain.
pub(super) fn images(bytes: &[u8], opened: &mut Opened) -> Result<(), ImportError> {
    let refused = |why: String| ImportError::Refused { place: INDEX.to_owned(), why };
    let index: Index = serde_json::from_slice(bytes).map_err(|e| refused(e.to_string()))?;
    let entries = index.manifests.unwrap_or_default();
    if opened.found.len() + entries.len() > FILES_MAX {
        return Err(refused(format!("it names more than {FILES_MAX} images")));
    }
    for (number, value) in entries.into_iter().enumerate() {
        match serde_json::from_value::<Entry>(value) {
            Ok(entry) => match image(&entry) {
                Ok(found) => opened.found.push(found),
                Err((why, remedy)) => opened.refused.push(Refused { from: entry.shown(), why, remedy }),
            },
            Err(error) => opened.refused.push(Refused {
                from: format!("entry {number} of {INDEX}"),
                why: error.to_string(),
                remedy: "export it again with a current tool".to_owned(),
            }),
        }
    }
    Ok(())
}

/// The image of an entry, or why it is none and what to do.
fn image(entry: &Entry) -> Result<Found, (String, String)> {
    let digest: Digest = entry.digest.parse().map_err(|_| {
        let digest: String = entry.digest.chars().take(20).collect();
        let why = format!("its digest {:?} is not one of sha256, under which images are kept here", digest);
        (why, "copy it anew with a tool that names it by sha256".to_owned())
    })?;
    if let Some(kind) = entry.media_type.as_deref().filter(|kind| !media::is_manifest(kind)) {
        let kind: String = kind.chars().take(100).collect();
        return Err((
            format!("it is a {}, which is no image", kind.escape_debug()),
            "nothing: a registry keeps it as a part of an image".to_owned(),
        ));
    }
    let name = entry.name().map_err(|why| (why, renaming(&entry.shown())))?;
    if let Some(told) = name.digest.filter(|told| *told != digest) {
        let why = format!("its name promises {} and the files give {} for it", told.short(), digest.short());
        return Err((why, format!("export it again; to take what is there, {}", renaming(&digest.to_string()))));
    }
    Ok(Found { name, kind: entry.kind(), digest, media_type: entry.media_type.clone() })
}

pub(super) fn left_out(subject: &str, text: &str) -> Note {
    Note { code: "left_out", subject: subject.to_owned(), text: text.to_owned(), facts: serde_json::Value::Null }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(manifests: &Value) -> (Vec<Found>, Vec<Refused>) {
        let mut opened = Opened::default();
        images(json!({ "manifests": manifests }).to_string().as_bytes(), &mut opened).unwrap();
        (opened.found, opened.refused)
    }

    #[test]
    fn an_entry_is_called_by_the_word_that_says_most() {
        let digest = Digest::of(b"x").to_string();
        let entry =
            |annotations: Value| json!({ "mediaType": media::OCI_MANIFEST, "digest": digest, "size": 1, "annotations": annotations });
        let called = |annotations: Value| {
            let (found, refused) = read(&json!([entry(annotations)]));
            assert_eq!(refused, []);
            (found[0].name.path.clone(), found[0].name.tag.clone().map(|tag| tag.to_string()))
        };
        let both = |path: &str, tag: &str| (Some(path.to_owned()), Some(tag.to_owned()));
        assert_eq!(called(json!({ IMAGE_NAME: "a.b/shop/web:1.0", REF_NAME: "1.0" })), both("shop/web", "1.0"));
        assert_eq!(called(json!({ REF_NAME: "shop/web:1.0" })), both("shop/web", "1.0"));
        assert_eq!(called(json!({ REF_NAME: "1.0" })), (None, Some("1.0".to_owned())));
        assert_eq!(called(json!({ REF_NAME: "1.0", REPOSITORY: "team/web" })), both("team/web", "1.0"));
        assert_eq!(called(json!({ IMAGE_NAME: "", REF_NAME: "shop/web:1.0" })), both("shop/web", "1.0"));
        assert_eq!(called(json!({ IMAGE_NAME: 7 })), (None, None));
        assert_eq!(called(Value::Null), (None, None));
        assert_eq!(called(json!({ REPOSITORY: "team/web" })), (Some("team/web".to_owned()), None));
        assert_eq!(called(json!({ REF_NAME: "a.b/web:1.0", REPOSITORY: "a.b/web" })), both("a.b/web", "1.0"), "no host, by our own word");
    }

    #[test]
    fn what_is_no_image_is_refused_by_name_and_the_others_are_read() {
        let digest = Digest::of(b"x");
        let named =
            |name: &str| json!({ "mediaType": media::OCI_MANIFEST, "digest": digest, "size": 1, "annotations": { REF_NAME: name } });
        let (found, refused) = read(&json!([
            named("1"),
            named(&format!("web:3@{digest}")),
            named(&format!("web:3@{}", Digest::of(b"y"))),
            named("a b:c d"),
            { "mediaType": "text/plain", "digest": digest, "size": 1 },
            { "mediaType": media::OCI_MANIFEST, "digest": "sha256:../../etc", "size": 1 },
            { "mediaType": media::OCI_MANIFEST, "digest": format!("sha512:{}", "0".repeat(128)), "size": 1 },
            { "digest": digest, "annotations": null },
            7,
        ]));
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(refused.len(), 6, "{refused:?}");
        assert!(refused.iter().all(|line| !line.why.is_empty() && !line.remedy.is_empty()));
        let mut opened = Opened::default();
        assert!(images(b"7", &mut opened).is_err());
        assert!(images(&b"{\"manifests\":".repeat(200), &mut opened).is_err());
        assert!(images(b"{\"manifests\":null}", &mut opened).is_ok());
    }

    #[test]
    fn what_hauler_and_cosign_keep_beside_an_image_is_told_by_its_kind() {
        let entry = |kind: &str| json!({ "digest": Digest::of(b"x"), "annotations": { KIND: kind } });
        let kinds = [
            "dev.cosignproject.cosign/image",
            "dev.hauler/sigs",
            "dev.cosignproject.cosign/atts",
            "dev.hauler/referrers/00",
            "image",
            "x/y",
        ];
        let (found, _) = read(&Value::Array(kinds.map(entry).to_vec()));
        let kinds: Vec<Kind> = found.into_iter().map(|found| found.kind).collect();
        assert_eq!(kinds, [Kind::Image, Kind::Beside("sig"), Kind::Beside("att"), Kind::Referrer, Kind::Image, Kind::Image]);
    }
}
