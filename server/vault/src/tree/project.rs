//! Settings, of a project or of a whole Harbor, and a project's push times: an OCI artifact manifest with one JSON blob (image-spec 1.1, manifest.md,
//! "Guidelines for artifact usage"). Settings that did not change are the same object in every snapshot.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vocab::{Descriptor, Digest, media};

use super::{
    HARBOR_BLOB_TYPE, HARBOR_TYPE, OCI_EMPTY_BYTES, PROJECT_BLOB_TYPE, PROJECT_TYPE, PUSHED_BLOB_TYPE, PUSHED_TYPE, TREE_BYTES_MAX,
    TreeError, canonical_json,
};

/// Whose settings, or what is stored as they are. Writes and reads the artifact that holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsOf {
    /// One project's.
    Project,
    /// A whole Harbor's, as far as they belong to no project.
    Harbor,
    /// When everything of one project was pushed ([`super::PushTimes`]).
    PushTimes,
}

/// The two objects that settings become, besides the empty configuration [`OCI_EMPTY_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedSettings {
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

impl SettingsOf {
    pub(crate) const fn artifact_type(self) -> &'static str {
        match self {
            Self::Project => PROJECT_TYPE,
            Self::Harbor => HARBOR_TYPE,
            Self::PushTimes => PUSHED_TYPE,
        }
    }

    const fn blob_type(self) -> &'static str {
        match self {
            Self::Project => PROJECT_BLOB_TYPE,
            Self::Harbor => HARBOR_BLOB_TYPE,
            Self::PushTimes => PUSHED_BLOB_TYPE,
        }
    }

    /// The objects for `settings`. Equal settings give equal bytes, whatever order their keys came in.
    pub fn encode(self, settings: &Value) -> Result<EncodedSettings, TreeError> {
        self.encode_bytes(canonical_json(settings)?)
    }

    /// The same of canonical JSON.
    pub(crate) fn encode_bytes(self, settings: Vec<u8>) -> Result<EncodedSettings, TreeError> {
        if settings.len() > TREE_BYTES_MAX {
            return Err(TreeError::TooLarge(settings.len()));
        }
        let manifest = ArtifactManifest {
            schema_version: 2,
            media_type: media::OCI_MANIFEST.to_owned(),
            artifact_type: self.artifact_type().to_owned(),
            config: plain(media::OCI_EMPTY, OCI_EMPTY_BYTES),
            layers: vec![plain(self.blob_type(), &settings)],
        };
        let manifest = serde_json::to_vec(&manifest).map_err(|e| TreeError::Json(e.to_string()))?;
        Ok(EncodedSettings { manifest, settings })
    }

    /// The descriptor of the settings, given the artifact manifest.
    pub fn blob_of(self, manifest: &[u8]) -> Result<Descriptor, TreeError> {
        let document: ArtifactManifest = serde_json::from_slice(manifest).map_err(|e| TreeError::Json(e.to_string()))?;
        if document.artifact_type != self.artifact_type() {
            let found = document.artifact_type.chars().take(100).collect();
            return Err(TreeError::OtherType { expected: self.artifact_type(), found });
        }
        let blob = document.layers.into_iter().find(|layer| layer.media_type == self.blob_type());
        blob.ok_or_else(|| TreeError::Json("it has no settings".to_owned()))
    }
}

fn plain(media_type: &str, bytes: &[u8]) -> Descriptor {
    let mut described = super::descriptor(media_type, Digest::of(bytes), bytes.len(), "");
    described.artifact_type = None;
    described
}
