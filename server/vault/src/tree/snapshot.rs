//! One project at one moment: its settings and its repositories.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use vocab::{AnyDigest, Descriptor, Digest, ProjectName, RepositoryName, media};

use super::facts::{Facts, named};
use super::{
    CLOSED, ELSEWHERE, FINISHED, GAPS, HARBOR, HARBOR_TYPE, LIMITS, LISTED, Member, ORIGIN, PROJECT, PROJECT_TYPE, PUSHED_TYPE, REPOSITORY,
    REPOSITORY_TYPE, SNAPSHOT_TYPE, STARTED, TreeError, check_sizes, decode_index, encode_checked, foreign_only,
};
use crate::layout::HarborName;

/// The value of the annotation [`ORIGIN`].
const FILES: &str = "files";

/// A project's snapshot. Its digest is a Merkle root over every byte it protects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotIndex {
    /// Which Harbor.
    pub harbor: HarborName,
    /// Which project.
    pub project: ProjectName,
    /// Where its content comes from.
    pub origin: Origin,
    /// When the listing began.
    pub started: OffsetDateTime,
    /// When the last object was stored. The snapshot is of some moment between the two.
    pub finished: OffsetDateTime,
    /// When its content was last listed, if that was before `started`: since then it was taken as unchanged because the Harbor named no
    /// change in it. Absent: it was listed for this snapshot.
    pub listed: Option<OffsetDateTime>,
    /// What could not be read. Empty means complete.
    pub gaps: Vec<Gap>,
    /// Layers that the registry did not have and that say where else they are. Not a gap: the images are kept as the registry has them.
    pub elsewhere: Vec<Elsewhere>,
    /// Whether all of it was found closed ([`crate::closed`]) when it was sealed. Snapshots of before that rule left layers out by their types.
    pub closed: bool,
    /// Where the registry may hold more than it shows to anybody. No gap: nothing of it is known to be there.
    pub limits: Vec<Limit>,
    /// The manifest of the project's settings.
    pub config: Option<Descriptor>,
    /// The manifest of the settings of the Harbor itself. The same object in every snapshot until one of them changes.
    pub harbor_config: Option<Descriptor>,
    /// The manifest of the push times ([`super::PushTimes`]). Absent where they are not known: in snapshots from before they were kept, and in
    /// imports.
    pub pushed: Option<Descriptor>,
    /// The repositories, in any order; encoding sorts them.
    pub repositories: Vec<(RepositoryName, RepositoryDescriptor)>,
}

/// Where the content of a snapshot comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// The project was read from its Harbor: what is not in the snapshot was not there.
    #[default]
    Harbor,
    /// Images were taken in from files. It says nothing of what a Harbor held at that moment, so it is never a project's newest state.
    Files,
}

/// The descriptor of a repository index, as far as one differs from another: a project may have a hundred thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepositoryDescriptor {
    /// Digest of the index.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

impl RepositoryDescriptor {
    /// As it is written in the snapshot of `name`.
    fn named(self, name: &RepositoryName) -> Descriptor {
        Descriptor {
            media_type: media::OCI_INDEX.to_owned(),
            digest: self.digest,
            size: self.size,
            artifact_type: Some(REPOSITORY_TYPE.to_owned()),
            annotations: BTreeMap::from([(REPOSITORY.to_owned(), name.to_string())]),
            platform: None,
            urls: Vec::new(),
        }
    }
}

/// One thing that could not be backed up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Gap {
    /// What sort of gap, a stable word: `manifest_missing`, `blob_blocked` …
    pub kind: String,
    /// What is missing: a repository, an artifact, a digest.
    pub subject: String,
    /// Why, as a sentence.
    pub cause: String,
    /// What cannot be restored because of it, as a sentence. Empty in snapshots of before it was told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub consequence: String,
    /// What somebody can do about it.
    pub remedy: String,
    /// What `subject` points to, where that is a tag: another image under it is another gap. Absent in snapshots of before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The three sentences as values, by the names of their fields. Absent in snapshots of before they were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Facts>,
}

/// The kind under which a layer is told that is elsewhere. It is no gap: nothing that the registry had is missing.
pub const KEPT_ELSEWHERE: &str = "kept_elsewhere";

/// A layer that is not in the vault because the registry did not have it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Elsewhere {
    /// The layer.
    pub object: AnyDigest,
    /// The manifest that names it.
    pub by: Digest,
    /// Who needs it: `repository:tag` or `repository@digest`.
    pub needed_by: String,
    /// Where it is said to be.
    pub urls: Vec<String>,
}

/// A place of which nobody can tell from outside whether everything in it was seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Limit {
    /// What sort of limit, a stable word: `hidden_untagged` …
    pub kind: String,
    /// Where: a repository, or the project.
    pub subject: String,
    /// What was asked and what may be left, as a sentence.
    pub text: String,
    /// The same as a value. Absent in snapshots of before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Facts>,
}

/// The sentences of a layer that is elsewhere, as values.
fn elsewhere_values(layer: &Elsewhere) -> Facts {
    let code = |code: &str| ("code", Facts::Text(code.to_owned()));
    let remedy = named([code("push_layer")].into_iter().chain(layer.urls.first().map(|url| ("address", Facts::Text(url.clone())))));
    named([
        ("cause", named([code("layer_elsewhere"), ("layer", Facts::Text(layer.object.short()))])),
        ("consequence", named([code("without_layer")])),
        ("remedy", remedy),
    ])
}

impl SnapshotIndex {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
    }

    /// Everything that is named as not being in it: the gaps, and as such the layers that are elsewhere, under [`KEPT_ELSEWHERE`].
    #[must_use]
    pub fn named_lacks(&self) -> Vec<Gap> {
        let elsewhere = self.elsewhere.iter().map(|layer| Gap {
            kind: KEPT_ELSEWHERE.to_owned(),
            subject: layer.needed_by.clone(),
            cause: format!("the registry does not have its layer {}", layer.object.short()),
            consequence: "it comes back without that layer, as the registry has it".to_owned(),
            remedy: match layer.urls.first() {
                Some(url) => format!("the layer is said to be at {url}; push it to the registry to have it backed up"),
                None => "push the layer to the registry to have it backed up".to_owned(),
            },
            digest: None,
            values: Some(elsewhere_values(layer)),
        });
        self.gaps.iter().cloned().chain(elsewhere).collect()
    }

    /// When its content was last listed.
    #[must_use]
    pub fn listed_at(&self) -> OffsetDateTime {
        self.listed.unwrap_or(self.started)
    }

    /// What it holds besides repositories: settings and push times, each the manifest of one JSON blob.
    pub fn records(&self) -> impl Iterator<Item = &Descriptor> {
        [&self.config, &self.harbor_config, &self.pushed].into_iter().flatten()
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Result<Vec<u8>, TreeError> {
        let settings = [(&self.config, PROJECT_TYPE), (&self.harbor_config, HARBOR_TYPE), (&self.pushed, PUSHED_TYPE)];
        let settings: Vec<Descriptor> = settings
            .into_iter()
            .filter_map(|(config, artifact_type)| {
                let mut encoded = foreign_only(config.as_ref()?);
                encoded.artifact_type = Some(artifact_type.to_owned());
                Some(encoded)
            })
            .collect();
        let mut sorted: Vec<&(RepositoryName, RepositoryDescriptor)> = self.repositories.iter().collect();
        sorted.sort_by(|one, other| one.0.cmp(&other.0));
        if let Some((foreign, _)) = sorted.iter().find(|(name, _)| !name.is_of(&self.project)) {
            return Err(TreeError::ForeignRepository(foreign.to_string()));
        }
        if let Some((twice, _)) = sorted.iter().zip(sorted.iter().skip(1)).find(|(one, next)| one.0 == next.0 && one.1 != next.1) {
            return Err(TreeError::RepositoryTwice(twice.0.to_string()));
        }
        sorted.dedup();
        check_sizes(sorted.iter().map(|(_, descriptor)| descriptor.size))?;
        let mut annotations = BTreeMap::from([
            (HARBOR.to_owned(), self.harbor.to_string()),
            (PROJECT.to_owned(), self.project.to_string()),
            (STARTED.to_owned(), moment(STARTED, self.started)?),
            (FINISHED.to_owned(), moment(FINISHED, self.finished)?),
        ]);
        // What a Harbor was read for has none, as before there were others.
        if self.origin == Origin::Files {
            annotations.insert(ORIGIN.to_owned(), FILES.to_owned());
        }
        if let Some(listed) = self.listed {
            annotations.insert(LISTED.to_owned(), moment(LISTED, listed)?);
        }
        annotations.extend(noted(GAPS, &self.gaps)?);
        annotations.extend(noted(LIMITS, &self.limits)?);
        annotations.extend(noted(ELSEWHERE, &self.elsewhere)?);
        if self.closed {
            annotations.insert(CLOSED.to_owned(), "1".to_owned());
        }
        let repositories = sorted.iter().map(|(name, descriptor)| descriptor.named(name));
        encode_checked(SNAPSHOT_TYPE, settings.iter().cloned().chain(repositories), &annotations)
    }

    /// Reads what [`SnapshotIndex::encode`] wrote. Annotations and members of later versions are passed over.
    pub fn decode(bytes: &[u8]) -> Result<Self, TreeError> {
        let (parts, annotations) = decode_index(SNAPSHOT_TYPE, bytes)?;
        let text = |name: &'static str| annotations.get(name).ok_or(TreeError::Annotation(name));
        let time = |name: &'static str| OffsetDateTime::parse(text(name)?, &Rfc3339).map_err(|_| TreeError::Annotation(name));
        let project: ProjectName = text(PROJECT)?.parse().map_err(|_| TreeError::Annotation(PROJECT))?;
        let (mut config, mut harbor_config, mut pushed) = (None, None, None);
        let mut repositories = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Part::Project(settings) => config = Some(*settings),
                Part::Harbor(settings) => harbor_config = Some(*settings),
                Part::Pushed(times) => pushed = Some(*times),
                Part::Repository(name, _) if !name.is_of(&project) => return Err(TreeError::ForeignRepository(name.to_string())),
                Part::Repository(name, descriptor) => repositories.push((name, descriptor)),
            }
        }
        Ok(Self {
            harbor: text(HARBOR)?.parse().map_err(|_| TreeError::Annotation(HARBOR))?,
            project,
            // An origin of a later version is not this Harbor's state either.
            origin: if annotations.contains_key(ORIGIN) { Origin::Files } else { Origin::Harbor },
            started: time(STARTED)?,
            finished: time(FINISHED)?,
            listed: if annotations.contains_key(LISTED) { Some(time(LISTED)?) } else { None },
            gaps: notes(GAPS, &annotations)?,
            limits: notes(LIMITS, &annotations)?,
            elsewhere: notes(ELSEWHERE, &annotations)?,
            closed: annotations.contains_key(CLOSED),
            config,
            harbor_config,
            pushed,
            repositories,
        })
    }
}

/// Gaps or limits as an annotation: sorted, each once; none where there are none.
fn noted<T: Clone + Ord + Serialize>(name: &'static str, notes: &[T]) -> Result<Option<(String, String)>, TreeError> {
    let mut notes = notes.to_vec();
    notes.sort();
    notes.dedup();
    let text = serde_json::to_string(&notes).map_err(|e| TreeError::Json(e.to_string()))?;
    Ok((!notes.is_empty()).then(|| (name.to_owned(), text)))
}

fn notes<T: DeserializeOwned>(name: &'static str, annotations: &BTreeMap<String, String>) -> Result<Vec<T>, TreeError> {
    match annotations.get(name) {
        Some(notes) => serde_json::from_str(notes).map_err(|_| TreeError::Annotation(name)),
        None => Ok(Vec::new()),
    }
}

/// A member of a snapshot.
enum Part {
    Project(Box<Descriptor>),
    Harbor(Box<Descriptor>),
    Pushed(Box<Descriptor>),
    Repository(RepositoryName, RepositoryDescriptor),
}

impl Member for Part {
    fn read(descriptor: &Descriptor) -> Result<Option<Self>, TreeError> {
        Ok(match descriptor.artifact_type.as_deref() {
            Some(PROJECT_TYPE) => Some(Self::Project(Box::new(foreign_only(descriptor)))),
            Some(HARBOR_TYPE) => Some(Self::Harbor(Box::new(foreign_only(descriptor)))),
            Some(PUSHED_TYPE) => Some(Self::Pushed(Box::new(foreign_only(descriptor)))),
            Some(REPOSITORY_TYPE) => {
                let name = descriptor.annotations.get(REPOSITORY).and_then(|name| name.parse().ok());
                let name = name.ok_or(TreeError::Annotation(REPOSITORY))?;
                Some(Self::Repository(name, RepositoryDescriptor { digest: descriptor.digest, size: descriptor.size }))
            }
            _ => None,
        })
    }
}

fn moment(name: &'static str, at: OffsetDateTime) -> Result<String, TreeError> {
    let utc = at.checked_to_offset(UtcOffset::UTC).ok_or(TreeError::Annotation(name))?;
    utc.format(&Rfc3339).map_err(|_| TreeError::Annotation(name))
}
