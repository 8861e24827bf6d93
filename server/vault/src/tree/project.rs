//! A project's settings: an OCI artifact manifest with one JSON blob (image-spec 1.1, manifest.md, "Guidelines for
//! artifact usage").

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vocab::{Descriptor, Digest, media};

use super::{OCI_EMPTY_BYTES, PROJECT_BLOB_TYPE, PROJECT_TYPE, TREE_BYTES_MAX, TreeError, canonical_json};

/// Writes and reads the artifact that holds a project's settings.
pub enum ProjectSettings {}

/// The two objects a project's settings become, besides the empty configuration [`OCI_EMPTY_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedProject {
    /// The artifact manifest.
    pub manifest: Vec<u8>,
    /// The settings, canonical JSON.
    pub settings: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactManifest {
    schema_version: u32,
    media_type: String,
    artifact_type: String,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

impl ProjectSettings {
    /// The objects for `settings`. Equal settings give equal bytes, whatever order their keys came in.
    pub fn encode(settings: &Value) -> Result<EncodedProject, TreeError> {
        let settings = canonical_json(settings)?;
        if settings.len() > TREE_BYTES_MAX {
            return Err(TreeError::TooLarge(settings.len()));
        }
        let manifest = ArtifactManifest {
            schema_version: 2,
            media_type: media::OCI_MANIFEST.to_owned(),
            artifact_type: PROJECT_TYPE.to_owned(),
            config: plain(media::OCI_EMPTY, OCI_EMPTY_BYTES),
            layers: vec![plain(PROJECT_BLOB_TYPE, &settings)],
        };
        let manifest = serde_json::to_vec(&manifest).map_err(|e| TreeError::Json(e.to_string()))?;
        Ok(EncodedProject { manifest, settings })
    }

    /// The descriptor of the settings, given the artifact manifest.
    pub fn blob_of(manifest: &[u8]) -> Result<Descriptor, TreeError> {
        let document: ArtifactManifest = serde_json::from_slice(manifest).map_err(|e| TreeError::Json(e.to_string()))?;
        if document.artifact_type != PROJECT_TYPE {
            let found = document.artifact_type.chars().take(100).collect();
            return Err(TreeError::OtherType { expected: PROJECT_TYPE, found });
        }
        let blob = document.layers.into_iter().find(|layer| layer.media_type == PROJECT_BLOB_TYPE);
        blob.ok_or_else(|| TreeError::Json("it has no settings".to_owned()))
    }
}

fn plain(media_type: &str, bytes: &[u8]) -> Descriptor {
    let mut described = super::descriptor(media_type, Digest::of(bytes), bytes.len(), "");
    described.artifact_type = None;
    described
}
