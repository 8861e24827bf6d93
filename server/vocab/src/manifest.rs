//! What a manifest refers to, read from bytes nobody vouches for.
//!
//! A reader of names: it takes whatever a registry takes, as the registry reads it ([`crate::go_json`]), and answers what is named; the bytes
//! themselves are stored and sent exactly as received. Sizes, types and addresses are claims of the document that makes them. Where a key is
//! written twice, or a document has members that its type does not, what any reading names is answered, and marked as what nobody demands.
//!
//! Sources: distribution 2.8 (`manifest/*`, `registry/storage/*manifesthandler.go`) and Harbor (`src/controller/artifact/abstractor.go`).
//! Limits: Harbor refuses manifests above 4 MiB. A document that no registry takes as what it is said to be is refused: one that is an index
//! and an image at once (CVE-2021-41190, media-type confusion), one with a value of another kind than its field.

use serde::de::{IgnoredAny, MapAccess};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::go_json::{self, Key, Place, ReadInto};
use crate::media;
use crate::named::{Annotations, Demand, Digests, Named, Names, Raw, RawList, RawPlace};

/// Largest manifest read or stored, in bytes: Harbor's own limit.
pub const MANIFEST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most names one list of a manifest may have. A manifest of [`MANIFEST_BYTES_MAX`] has room for fewer digests.
pub const NAMES_MAX: usize = 60_000;

/// Why bytes are not a manifest that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Above [`MANIFEST_BYTES_MAX`].
    #[error("manifest has {0} bytes, more than {MANIFEST_BYTES_MAX}")]
    TooLarge(usize),
    /// Above [`NAMES_MAX`].
    #[error("manifest has more than {NAMES_MAX} descriptors")]
    TooManyNames,
    /// Not JSON, or not an object.
    #[error("manifest is not readable: {0}")]
    Json(String),
    /// A member is of another kind than registries read.
    #[error("its member {0} is not of the kind registries read")]
    Kind(&'static str),
    /// Says it is one type and looks like another.
    #[error("manifest of type {0} does not look like one")]
    Ambiguous(String),
    /// A type this program does not know.
    #[error("manifest type {0} is not supported")]
    UnknownType(String),
}

/// Where an image of an index runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// A content descriptor (image-spec, descriptor.md) as this program writes it.
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
    /// The manifest's own media type: the one it states, else the one it looks like.
    pub media_type: String,
    /// Artifact type: `artifactType`, else the media type of the configuration.
    pub artifact_type: Option<String>,
    /// Configuration and layers; each digest once, in document order.
    pub blobs: Vec<Named>,
    /// Manifests of an index; each digest once, in document order.
    pub children: Vec<Named>,
    /// The manifest this one is about (signature, SBOM …). It need not be there.
    pub subject: Option<Named>,
    /// The configuration. Also the first of `blobs`.
    pub config: Option<Named>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// What is demanded by names that are no digests: nothing can be known of it.
    pub unknown: Vec<String>,
}

/// A document as it is read.
struct Document {
    schema_version: Option<i64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Single,
    layers: RawList,
    manifests: RawList,
    subject: Single,
    annotations: Annotations,
    fs_layers: RawList,
    /// Members that are of another kind than their field.
    misfits: Vec<&'static str>,
}

/// One descriptor that may be written twice.
#[derive(Default)]
struct Single {
    raw: Raw,
    digests: Digests,
    is_there: bool,
    /// A pointer in Go: `null` empties it, and a subject by an empty name is one.
    is_pointer: bool,
}

impl Place for Single {
    fn null(&mut self) {
        self.is_there = false;
        if self.is_pointer {
            self.raw = Raw::default();
        }
    }

    fn object<'de, A: MapAccess<'de>>(&mut self, members: A) -> Result<bool, A::Error> {
        self.is_there = true;
        RawPlace { raw: &mut self.raw, digests: &mut self.digests, key: "digest" }.object(members)
    }
}

impl Document {
    fn new() -> Self {
        Self {
            schema_version: None,
            media_type: None,
            artifact_type: None,
            config: Single::default(),
            layers: RawList::new("digest"),
            manifests: RawList::new("digest"),
            subject: Single { is_pointer: true, ..Single::default() },
            annotations: Annotations::new(),
            fs_layers: RawList::new("blobsum"),
            misfits: Vec::new(),
        }
    }
}

impl Place for Document {
    fn object<'de, A: MapAccess<'de>>(&mut self, mut members: A) -> Result<bool, A::Error> {
        while let Some(key) = members.next_key_seed(Key)? {
            let (name, fits) = match key.as_str() {
                "schemaversion" => ("schemaVersion", members.next_value_seed(ReadInto(&mut self.schema_version))?),
                "mediatype" => ("mediaType", members.next_value_seed(ReadInto(&mut self.media_type))?),
                "artifacttype" => ("artifactType", members.next_value_seed(ReadInto(&mut self.artifact_type))?),
                "config" => ("config", members.next_value_seed(ReadInto(&mut self.config))?),
                "layers" => ("layers", members.next_value_seed(ReadInto(&mut self.layers))?),
                "manifests" => ("manifests", members.next_value_seed(ReadInto(&mut self.manifests))?),
                "subject" => ("subject", members.next_value_seed(ReadInto(&mut self.subject))?),
                "annotations" => ("annotations", members.next_value_seed(ReadInto(&mut self.annotations))?),
                "fslayers" => ("fsLayers", members.next_value_seed(ReadInto(&mut self.fs_layers))?),
                _ => ("", members.next_value::<IgnoredAny>().map(|_| true)?),
            };
            if !fits && !self.misfits.contains(&name) {
                self.misfits.push(name);
            }
        }
        Ok(true)
    }
}

/// What a document is read as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Index,
    Image,
    Schema1,
}

impl Form {
    fn of(media_type: &str) -> Option<Self> {
        match media_type {
            media::DOCKER_SCHEMA1 | media::DOCKER_SCHEMA1_UNSIGNED => Some(Self::Schema1),
            _ if media::is_index(media_type) => Some(Self::Index),
            _ if media::is_manifest(media_type) => Some(Self::Image),
            _ => None,
        }
    }
}

impl Manifest {
    /// Reads `bytes`, which were served with the content type `told`; empty where nobody told one. What the document itself says of its
    /// type counts more.
    pub fn parse(told: &str, bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLarge(bytes.len()));
        }
        let mut document = Document::new();
        match go_json::read(bytes, &mut document) {
            Ok(true) => {}
            Ok(false) => return Err(ManifestError::Json("it is not an object".to_owned())),
            Err(error) => return Err(ManifestError::Json(error.to_string())),
        }
        let media_type = document.own_type(told)?;
        let form = Form::of(&media_type).ok_or_else(|| ManifestError::UnknownType(shown(&media_type)))?;
        document.check(form, &media_type)?;
        Ok(document.named(form, media_type))
    }

    /// Whether it is a list of manifests.
    #[must_use]
    pub fn is_index(&self) -> bool {
        media::is_index(&self.media_type)
    }

    /// The blobs that are named by SHA-256, whoever demands them.
    pub fn blob_digests(&self) -> impl Iterator<Item = Digest> + '_ {
        self.blobs.iter().filter_map(Named::sha256)
    }

    /// The manifests that are named by SHA-256, whoever demands them.
    pub fn child_digests(&self) -> impl Iterator<Item = Digest> + '_ {
        self.children.iter().filter_map(Named::sha256)
    }

    /// The blobs without the configuration.
    pub fn layers(&self) -> impl Iterator<Item = &Named> + '_ {
        let config = self.config.as_ref().map(|config| &config.digest);
        self.blobs.iter().filter(move |blob| Some(&blob.digest) != config)
    }
}

impl Document {
    /// What it says, else what it was served as if it looks like that, else what it looks like.
    fn own_type(&self, told: &str) -> Result<String, ManifestError> {
        let told = told.split(';').next().unwrap_or_default().trim();
        let said = self.media_type.as_deref().unwrap_or_default();
        if !said.is_empty() {
            let said = if said == media::DOCKER_SCHEMA1_UNSIGNED { media::DOCKER_SCHEMA1 } else { said };
            return match Form::of(said) {
                Some(_) => Ok(said.to_owned()),
                None => Err(ManifestError::UnknownType(shown(said))),
            };
        }
        let looks = if self.schema_version == Some(1) || (self.fs_layers.is_there && !self.config.is_there && !self.manifests.is_there) {
            Form::Schema1
        } else if self.manifests.is_there || !(self.config.is_there || self.layers.is_there) {
            Form::Index
        } else {
            Form::Image
        };
        if Form::of(told) == Some(looks) && told != media::DOCKER_SCHEMA1_UNSIGNED {
            return Ok(told.to_owned());
        }
        Ok(match looks {
            Form::Schema1 => media::DOCKER_SCHEMA1,
            Form::Index => media::OCI_INDEX,
            Form::Image => media::OCI_MANIFEST,
        }
        .to_owned())
    }

    fn check(&self, form: Form, media_type: &str) -> Result<(), ManifestError> {
        let is_read = |member: &&str| match *member {
            "manifests" => form == Form::Index,
            "fsLayers" => form == Form::Schema1,
            "schemaVersion" | "mediaType" => true,
            _ => form != Form::Schema1,
        };
        let two_at_once = match media_type {
            media::OCI_INDEX => self.config.is_there || self.layers.is_there,
            media::OCI_MANIFEST => self.manifests.is_there,
            _ => false,
        };
        if two_at_once || (form != Form::Schema1 && self.schema_version != Some(2)) {
            return Err(ManifestError::Ambiguous(media_type.to_owned()));
        }
        if let Some(misfit) = self.misfits.iter().find(|member| is_read(member)) {
            return Err(ManifestError::Kind(misfit));
        }
        let lists = [&self.layers, &self.manifests, &self.fs_layers];
        if lists.iter().any(|list| list.is_too_long) { Err(ManifestError::TooManyNames) } else { Ok(()) }
    }

    fn named(self, form: Form, media_type: String) -> Manifest {
        let demand = |of: Form| if of == form { Demand::Registry } else { Demand::Nobody };
        let (mut blobs, mut children) = (Names::default(), Names::default());
        let config = match form {
            Form::Image => blobs.add(&self.config.raw, true, Demand::Registry),
            Form::Index | Form::Schema1 => None,
        };
        self.layers.elements().iter().for_each(|raw| {
            blobs.add(raw, true, demand(Form::Image));
        });
        self.fs_layers.elements().iter().for_each(|raw| {
            blobs.add(raw, false, demand(Form::Schema1));
        });
        self.manifests.elements().iter().for_each(|raw| {
            children.add(raw, false, demand(Form::Index));
        });
        let mut subject = Names::default();
        let subject = if self.subject.is_there { subject.add(&self.subject.raw, false, Demand::Nobody) } else { None };
        let config_type = self.config.raw.media_type.filter(|_| form == Form::Image);
        blobs.add_others(self.config.digests);
        blobs.add_others(self.layers.digests);
        blobs.add_others(self.fs_layers.digests);
        children.add_others(self.manifests.digests);
        let mut unknown = blobs.unknown;
        unknown.append(&mut children.unknown);
        Manifest {
            media_type,
            artifact_type: self.artifact_type.or(config_type),
            blobs: blobs.named,
            children: children.named,
            subject,
            config,
            annotations: self.annotations,
            unknown,
        }
    }
}

/// As much of a type as a sentence takes.
fn shown(media_type: &str) -> String {
    media_type.chars().take(100).collect()
}

#[cfg(test)]
mod tests;
