//! Readers that need nothing but the bytes.

use std::sync::LazyLock;

use http::HeaderValue;
use registry::{AddressRule, Endpoint, HarborVersion};
use vault::tree::{RepositoryIndex, SettingsOf, SnapshotIndex, TreeError};
use vault::{HarborName, PointerName};
use vocab::named::URLS_MAX;
use vocab::{Demand, Digest, Manifest, Named, ProjectName, RepositoryName, Tag, media};

/// The shortest text of a digest, in bytes.
const DIGEST_BYTES_MIN: usize = "sha256:".len() + 64;

/// A manifest or index, in every media type.
pub(crate) fn manifest(bytes: &[u8]) {
    for media_type in media::MANIFESTS {
        let Ok(read) = Manifest::parse(media_type, bytes) else { continue };
        assert_eq!(Manifest::parse(media_type, bytes).as_ref(), Ok(&read), "it is read the same twice");
        let parts = || read.blobs.iter().chain(&read.children).chain(&read.subject);
        assert!(parts().count() * DIGEST_BYTES_MIN <= bytes.len(), "{} parts out of {} bytes", parts().count(), bytes.len());
        for part in parts() {
            same_text(&part.digest, &part.digest.to_string());
            assert!(part.urls.len() <= URLS_MAX);
        }
        // What a registry demands is of one kind: an index is never an image too.
        let demanded = |named: &[Named]| named.iter().any(|one| one.demand != Demand::Nobody);
        assert!(!demanded(&read.children) || (!demanded(&read.blobs) && read.config.is_none()));
        // What it is read as, it is read as again.
        assert_eq!(Manifest::parse(&read.media_type, bytes).as_ref(), Ok(&read));
    }
}

fn same_text<T: std::str::FromStr + PartialEq + std::fmt::Debug>(value: &T, text: &str) {
    assert_eq!(text.parse::<T>().ok().as_ref(), Some(value), "{text:?} is read as another value");
}

/// Names, digests, references and versions: what is read is what was written, and cannot form a path.
pub(crate) fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let plain =
        |text: &str| !text.split('/').any(|part| part.is_empty() || part == "." || part == "..") && !text.contains(['\\', '\0', '\n']);
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text, "one spelling only");
        assert_eq!(Digest::from_hex(&digest.hex()), Ok(digest));
    }
    if let Ok(name) = text.parse::<RepositoryName>() {
        assert!(name.as_str() == text && plain(text), "{text:?}");
        assert_eq!(format!("{}/{}", name.project(), name.within_project()), text);
        same_text(&name.project(), name.project().as_str());
    }
    if let Ok(name) = text.parse::<ProjectName>() {
        assert!(name.as_str() == text && plain(text) && !text.contains('/'), "{text:?}");
    }
    if let Ok(tag) = text.parse::<Tag>() {
        assert!(tag.as_str() == text && plain(text) && !text.contains('/'), "{text:?}");
    }
    if let Ok(name) = text.parse::<HarborName>() {
        assert!(name.as_str() == text && plain(text) && !text.contains('/'), "{text:?}");
    }
    if let Ok(name) = text.parse::<PointerName>() {
        assert_eq!(name.to_string(), text, "one spelling only");
        assert!(plain(text));
    }
    if let Some(version) = HarborVersion::parse(text) {
        assert_eq!(HarborVersion::parse(&version.to_string()), Some(version));
    }
}

static ENDPOINTS: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    let rule = || AddressRule { allow: "10.0.0.0/8".parse().into_iter().collect() };
    let made = [("https://harbor.example", false), ("https://harbor.example:8443", false), ("http://10.1.2.3:8080", true)];
    made.into_iter().filter_map(|(url, plain)| Endpoint::new(url, plain, None, rule()).ok()).collect()
});

/// Headers that decide where something is sent, how long to wait, and which bytes come.
pub(crate) fn headers(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    assert_eq!(ENDPOINTS.len(), 3);
    ENDPOINTS.iter().for_each(|endpoint| registry::fuzzing::header(endpoint, &value));
}

/// What names a thing twice is read as it is, and never written.
fn written(encoded: Result<Vec<u8>, TreeError>) -> Option<Vec<u8>> {
    match encoded {
        Ok(bytes) => Some(bytes),
        Err(TreeError::TagTwice(_) | TreeError::ArtifactTwice(_) | TreeError::RepositoryTwice(_)) => None,
        Err(other) => panic!("what was read cannot be written: {other}"),
    }
}

/// The vault's own indexes, as somebody else may have written them. What is read is written and read as the same again.
pub(crate) fn indexes(bytes: &[u8]) {
    if let Ok(read) = RepositoryIndex::decode(bytes)
        && let Some(written) = written(read.encode())
    {
        let again = RepositoryIndex::decode(&written).expect("what was written can be read");
        assert_eq!(again.encode().as_ref(), Ok(&written), "the canonical form is stable");
        assert_eq!((again.name, again.description), (read.name, read.description));
    }
    if let Ok(read) = SnapshotIndex::decode(bytes)
        && let Some(written) = written(read.encode())
    {
        let again = SnapshotIndex::decode(&written).expect("what was written can be read");
        assert_eq!(again.encode().as_ref(), Ok(&written), "the canonical form is stable");
        assert_eq!((again.is_complete(), again.started, again.project), (read.is_complete(), read.started, read.project));
    }
    for of in [SettingsOf::Project, SettingsOf::Harbor] {
        let _ = of.blob_of(bytes);
    }
}

/// What a person pastes into the search: it is bounded, read the same twice, and no secret of an address is kept.
pub(crate) fn pasted(bytes: &[u8]) {
    use vocab::pasted::{NAMES_MAX, WORDS_MAX};
    let text = String::from_utf8_lossy(bytes);
    let read = vocab::Pasted::read(&text);
    assert_eq!(vocab::Pasted::read(&text), read, "it is read the same twice");
    assert!(read.names.len() <= NAMES_MAX && read.words.len() <= WORDS_MAX);
    for named in &read.names {
        assert!(named.repository.is_some() || named.tag.is_some() || named.digest.is_some(), "it names nothing");
        assert!(named.tag.is_none() || named.tag_name().is_some(), "{named:?}");
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'@' | b'\\' | b'%' | b'"' | b'<'));
        let parts = named.host.iter().chain(&named.repository);
        assert!(parts.clone().all(|part| plain(part)) && parts.map(String::len).sum::<usize>() <= text.len() * 3, "{named:?}");
        if let Some(digest) = &named.digest {
            let (from, to) = digest.range();
            assert!(from <= to && (digest.is_whole() == (from == to)), "{digest}");
        }
    }
}
