//! Small facts about manifests that backup, restore and verification share.

use serde::Deserialize;
use vocab::{Descriptor, Digest, Manifest, media};

/// How a manifest is described in a repository index: from its bytes alone, so that it is the same in every snapshot.
pub(crate) fn descriptor(digest: Digest, size_bytes: usize, manifest: &Manifest) -> Descriptor {
    Descriptor {
        media_type: manifest.media_type.clone(),
        digest,
        size: size_bytes as u64,
        artifact_type: manifest.artifact_type.clone(),
        annotations: std::collections::BTreeMap::new(),
        platform: None,
        urls: Vec::new(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    media_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
    fs_layers: Option<serde::de::IgnoredAny>,
}

/// The media type of a manifest nobody told the type of: what it says itself, else what it looks like.
pub(crate) fn sniff(bytes: &[u8]) -> String {
    let Ok(outline) = serde_json::from_slice::<Outline>(bytes) else { return media::OCI_MANIFEST.to_owned() };
    match outline {
        Outline { media_type: Some(media_type), .. } => media_type,
        Outline { fs_layers: Some(_), .. } => media::DOCKER_SCHEMA1.to_owned(),
        Outline { manifests: Some(_), .. } => media::OCI_INDEX.to_owned(),
        Outline { .. } => media::OCI_MANIFEST.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_without_a_type_is_known_by_its_shape() {
        assert_eq!(sniff(br#"{"mediaType":"x","manifests":[]}"#), "x");
        assert_eq!(sniff(br#"{"manifests":[]}"#), media::OCI_INDEX);
        assert_eq!(sniff(br#"{"fsLayers":[]}"#), media::DOCKER_SCHEMA1);
        assert_eq!(sniff(br#"{"layers":[]}"#), media::OCI_MANIFEST);
        assert_eq!(sniff(b"nonsense"), media::OCI_MANIFEST);
    }
}
