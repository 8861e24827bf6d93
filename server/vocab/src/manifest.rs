//! What a manifest refers to, read from bytes nobody vouches for.
//!
//! Only the fields Breakwater acts on are read; the bytes themselves are stored and sent exactly as received. Limits:
//! Harbor refuses manifests above 4 MiB, and serde_json stops at a nesting of 128. A document that has both `manifests` and
//! `layers` is refused as ambiguous (CVE-2021-41190, media-type confusion).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::media;

/// Largest manifest read or stored, in bytes: Harbor's own limit.
pub const MANIFEST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most descriptors one manifest may have.
pub const DESCRIPTORS_MAX: usize = 10_000;
/// Largest size one descriptor may claim, in bytes: 8 EiB - 1, what a signed 64-bit column holds.
pub const DESCRIPTOR_SIZE_BYTES_MAX: u64 = i64::MAX as u64;

/// Why bytes are not a manifest that can be backed up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Above [`MANIFEST_BYTES_MAX`].
    #[error("manifest has {0} bytes, more than {MANIFEST_BYTES_MAX}")]
    TooLarge(usize),
    /// Above [`DESCRIPTORS_MAX`].
    #[error("manifest has {0} descriptors, more than {DESCRIPTORS_MAX}")]
    TooManyDescriptors(usize),
    /// Not JSON, or a field of another type than the specification says.
    #[error("manifest is not readable: {0}")]
    Json(String),
    /// Says it is one type and looks like another.
    #[error("manifest of type {0} does not look like one")]
    Ambiguous(String),
    /// A type this program does not know.
    #[error("manifest type {0} is not supported")]
    UnknownType(String),
}

/// Where an image of an index runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`, `arm64` …
    #[serde(default)]
    pub architecture: String,
    /// `linux`, `windows` …
    #[serde(default)]
    pub os: String,
    /// `v7` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// A content descriptor (image-spec, descriptor.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type of the content.
    pub media_type: String,
    /// Digest of the content.
    pub digest: Digest,
    /// Size of the content in bytes.
    pub size: u64,
    /// Type of the artifact the content is, where the content is a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Annotations, sorted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Platform, on members of an image index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Where a foreign layer can be had. Never fetched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
}

/// What one manifest refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The manifest's own media type.
    pub media_type: String,
    /// Artifact type: `artifactType`, else the media type of the configuration.
    pub artifact_type: Option<String>,
    /// Configuration and layers that a registry stores; each digest once, in document order.
    pub blobs: Vec<Descriptor>,
    /// Layers a registry does not store.
    pub foreign: Vec<Descriptor>,
    /// Manifests of an index.
    pub children: Vec<Descriptor>,
    /// The manifest this one is about (signature, SBOM …).
    pub subject: Option<Descriptor>,
    /// The configuration, for image manifests. Also the first of `blobs`.
    pub config: Option<Descriptor>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u32>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
    fs_layers: Option<Vec<FsLayer>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FsLayer {
    blob_sum: Digest,
}

impl Manifest {
    /// Reads `bytes`, which the registry served with the content type `media_type`.
    pub fn parse(media_type: &str, bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLarge(bytes.len()));
        }
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        let document: Document = serde_json::from_slice(bytes).map_err(|e| ManifestError::Json(e.to_string()))?;
        let ambiguous = || ManifestError::Ambiguous(media_type.to_owned());
        if document.media_type.as_deref().is_some_and(|inner| inner != media_type) {
            return Err(ambiguous());
        }
        if document.manifests.is_some() && (document.layers.is_some() || document.config.is_some()) {
            return Err(ambiguous());
        }
        match media_type {
            media::DOCKER_SCHEMA1 => Self::from_schema1(document),
            _ if media::is_index(media_type) => Self::from_index(media_type, document).ok_or_else(ambiguous)?,
            _ if media::is_manifest(media_type) => Self::from_image(media_type, document).ok_or_else(ambiguous)?,
            other => Err(ManifestError::UnknownType(other.to_owned())),
        }
    }

    /// Every manifest this one needs to be complete.
    #[must_use]
    pub fn is_index(&self) -> bool {
        media::is_index(&self.media_type)
    }

    fn from_index(media_type: &str, document: Document) -> Option<Result<Self, ManifestError>> {
        let children = document.manifests?;
        Some(checked(children.len(), &children).map(|()| Self {
            media_type: media_type.to_owned(),
            artifact_type: document.artifact_type,
            blobs: Vec::new(),
            foreign: Vec::new(),
            children,
            subject: document.subject,
            config: None,
            annotations: document.annotations.unwrap_or_default(),
        }))
    }

    fn from_image(media_type: &str, document: Document) -> Option<Result<Self, ManifestError>> {
        if document.schema_version != Some(2) {
            return None;
        }
        let config = document.config?;
        let mut all = vec![config.clone()];
        all.extend(document.layers?);
        Some(checked(all.len(), &all).map(|()| {
            let (foreign, stored): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|d| media::is_foreign_layer(&d.media_type) || !d.urls.is_empty());
            Self {
                media_type: media_type.to_owned(),
                artifact_type: document.artifact_type.or_else(|| Some(config.media_type.clone())),
                blobs: each_once(stored),
                foreign,
                children: Vec::new(),
                subject: document.subject,
                config: Some(config),
                annotations: document.annotations.unwrap_or_default(),
            }
        }))
    }

    /// Schema 1 names layers only, without sizes; the size 0 here means *not stated*.
    fn from_schema1(document: Document) -> Result<Self, ManifestError> {
        let layers = document.fs_layers.ok_or_else(|| ManifestError::Ambiguous(media::DOCKER_SCHEMA1.to_owned()))?;
        if layers.len() > DESCRIPTORS_MAX {
            return Err(ManifestError::TooManyDescriptors(layers.len()));
        }
        let blobs = layers
            .into_iter()
            .map(|layer| Descriptor {
                media_type: "application/vnd.docker.container.image.rootfs.diff+x-gtar".to_owned(),
                digest: layer.blob_sum,
                size: 0,
                artifact_type: None,
                annotations: BTreeMap::new(),
                platform: None,
                urls: Vec::new(),
            })
            .collect();
        Ok(Self {
            media_type: media::DOCKER_SCHEMA1.to_owned(),
            artifact_type: None,
            blobs: each_once(blobs),
            foreign: Vec::new(),
            children: Vec::new(),
            subject: None,
            config: None,
            annotations: BTreeMap::new(),
        })
    }
}

fn checked(count: usize, descriptors: &[Descriptor]) -> Result<(), ManifestError> {
    if count > DESCRIPTORS_MAX {
        return Err(ManifestError::TooManyDescriptors(count));
    }
    descriptors
        .iter()
        .try_fold(0_u64, |sum, d| sum.checked_add(d.size).filter(|total| *total <= DESCRIPTOR_SIZE_BYTES_MAX))
        .map(|_| ())
        .ok_or_else(|| ManifestError::Json("descriptor sizes add up to more than 8 EiB".to_owned()))
}

fn each_once(descriptors: Vec<Descriptor>) -> Vec<Descriptor> {
    let mut seen = std::collections::HashSet::new();
    descriptors.into_iter().filter(|d| seen.insert(d.digest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn descriptor(size: &str) -> String {
        format!(r#"{{"mediaType":"x","digest":"sha256:{}","size":{size}}}"#, "0".repeat(64))
    }

    #[test]
    fn an_image_names_its_config_and_each_layer_once() {
        let d = descriptor("7");
        let text = format!(r#"{{"schemaVersion":2,"config":{d},"layers":[{d},{d}]}}"#);
        let manifest = Manifest::parse(media::OCI_MANIFEST, text.as_bytes()).unwrap();
        assert_eq!(manifest.blobs.len(), 1);
        assert_eq!(manifest.artifact_type.as_deref(), Some("x"));
    }

    /// F-44.
    #[test]
    fn a_document_that_is_two_things_is_refused() {
        let d = descriptor("7");
        let both = format!(r#"{{"schemaVersion":2,"config":{d},"layers":[{d}],"manifests":[{d}]}}"#);
        assert!(matches!(Manifest::parse(media::OCI_INDEX, both.as_bytes()), Err(ManifestError::Ambiguous(_))));
        let lies = format!(r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{d}]}}"#, media::DOCKER_LIST);
        assert!(matches!(Manifest::parse(media::OCI_INDEX, lies.as_bytes()), Err(ManifestError::Ambiguous(_))));
    }

    /// F-42.
    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for size in ["-1", "9223372036854775808", "1e3", "\"7\""] {
            let d = descriptor(size);
            let text = format!(r#"{{"schemaVersion":2,"config":{d},"layers":[]}}"#);
            assert!(Manifest::parse(media::OCI_MANIFEST, text.as_bytes()).is_err(), "{size}");
        }
        let d = descriptor("9223372036854775807");
        let text = format!(r#"{{"schemaVersion":2,"config":{d},"layers":[{d}]}}"#);
        assert!(Manifest::parse(media::OCI_MANIFEST, text.as_bytes()).is_err(), "the sum overflows");
    }

    /// F-42.
    #[test]
    fn documents_beyond_every_measure_are_refused() {
        let d = descriptor("1");
        let good = format!(r#"{{"schemaVersion":2,"config":{d},"layers":[]}}"#);
        assert!(Manifest::parse(media::OCI_MANIFEST, good.as_bytes()).is_ok());
        let layers = |count: usize| {
            let distinct = |n: usize| format!(r#"{{"mediaType":"x","digest":"sha256:{n:064x}","size":1}}"#);
            let all: Vec<String> = (0..count).map(distinct).collect();
            format!(r#"{{"schemaVersion":2,"config":{d},"layers":[{}]}}"#, all.join(","))
        };
        assert!(Manifest::parse(media::OCI_MANIFEST, layers(100).as_bytes()).is_ok());
        assert!(matches!(
            Manifest::parse(media::OCI_MANIFEST, layers(DESCRIPTORS_MAX + 1).as_bytes()),
            Err(ManifestError::TooManyDescriptors(_))
        ));
        let long = format!("{good}{}", " ".repeat(MANIFEST_BYTES_MAX + 1 - good.len()));
        assert!(matches!(Manifest::parse(media::OCI_MANIFEST, long.as_bytes()), Err(ManifestError::TooLarge(_))));
        let marked = format!("\u{feff}{good}");
        assert!(Manifest::parse(media::OCI_MANIFEST, marked.as_bytes()).is_err(), "a byte order mark");
        let twice = good.replacen("\"layers\":[]", "\"layers\":[],\"layers\":[]", 1);
        assert!(Manifest::parse(media::OCI_MANIFEST, twice.as_bytes()).is_err(), "a key twice");
        let broken = [good.as_bytes(), b"\xff"].concat();
        assert!(Manifest::parse(media::OCI_MANIFEST, &broken).is_err(), "bytes that are no text");
    }

    /// F-42.
    #[test]
    fn deep_nesting_ends_in_an_error_not_in_a_crash() {
        let text = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Manifest::parse(media::OCI_INDEX, text.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512), kind in 0..5_usize) {
            let _ = Manifest::parse(media::MANIFESTS[kind], &bytes);
        }
    }
}
