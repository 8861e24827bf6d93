//! One project at one moment: its settings and its repositories.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use vocab::{Descriptor, ProjectName, RepositoryName};

use super::{
    FINISHED, GAPS, HARBOR, HARBOR_TYPE, LISTED, PROJECT, PROJECT_TYPE, REPOSITORY, REPOSITORY_TYPE, SNAPSHOT_TYPE, STARTED, TreeError,
    decode_index, encode_checked, foreign_only,
};
use crate::layout::HarborName;

/// A project's snapshot. Its digest is a Merkle root over every byte it protects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotIndex {
    /// Which Harbor.
    pub harbor: HarborName,
    /// Which project.
    pub project: ProjectName,
    /// When the listing began.
    pub started: OffsetDateTime,
    /// When the last object was stored. The snapshot is of some moment between the two.
    pub finished: OffsetDateTime,
    /// When its content was last listed, if that was before `started`: since then it was taken as unchanged because the Harbor named no
    /// change in it. Absent: it was listed for this snapshot.
    pub listed: Option<OffsetDateTime>,
    /// What could not be read. Empty means complete.
    pub gaps: Vec<Gap>,
    /// The manifest of the project's settings.
    pub config: Option<Descriptor>,
    /// The manifest of the settings of the Harbor itself. The same object in every snapshot until one of them changes.
    pub harbor_config: Option<Descriptor>,
    /// The repositories, in any order; encoding sorts them.
    pub repositories: Vec<(RepositoryName, Descriptor)>,
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
    /// What somebody can do about it.
    pub remedy: String,
}

impl SnapshotIndex {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.gaps.is_empty()
    }

    /// When its content was last listed.
    #[must_use]
    pub fn listed_at(&self) -> OffsetDateTime {
        self.listed.unwrap_or(self.started)
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Result<Vec<u8>, TreeError> {
        let mut repositories: BTreeMap<&RepositoryName, Descriptor> = BTreeMap::new();
        for (name, descriptor) in &self.repositories {
            if name.project() != self.project {
                return Err(TreeError::ForeignRepository(name.to_string()));
            }
            let mut encoded = foreign_only(descriptor);
            encoded.artifact_type = Some(REPOSITORY_TYPE.to_owned());
            encoded.annotations.insert(REPOSITORY.to_owned(), name.to_string());
            match repositories.insert(name, encoded.clone()) {
                Some(other) if other != encoded => return Err(TreeError::RepositoryTwice(name.to_string())),
                _ => {}
            }
        }
        let mut descriptors: Vec<Descriptor> = Vec::with_capacity(repositories.len() + 2);
        if let Some(config) = &self.config {
            let mut encoded = foreign_only(config);
            encoded.artifact_type = Some(PROJECT_TYPE.to_owned());
            descriptors.push(encoded);
        }
        if let Some(config) = &self.harbor_config {
            let mut encoded = foreign_only(config);
            encoded.artifact_type = Some(HARBOR_TYPE.to_owned());
            descriptors.push(encoded);
        }
        descriptors.extend(repositories.into_values());
        let mut annotations = BTreeMap::from([
            (HARBOR.to_owned(), self.harbor.to_string()),
            (PROJECT.to_owned(), self.project.to_string()),
            (STARTED.to_owned(), moment(STARTED, self.started)?),
            (FINISHED.to_owned(), moment(FINISHED, self.finished)?),
        ]);
        if let Some(listed) = self.listed {
            annotations.insert(LISTED.to_owned(), moment(LISTED, listed)?);
        }
        let mut gaps = self.gaps.clone();
        gaps.sort();
        gaps.dedup();
        if !gaps.is_empty() {
            let text = serde_json::to_string(&gaps).map_err(|e| TreeError::Json(e.to_string()))?;
            annotations.insert(GAPS.to_owned(), text);
        }
        encode_checked(SNAPSHOT_TYPE, &descriptors, &annotations)
    }

    /// Reads what [`SnapshotIndex::encode`] wrote. Annotations and members of later versions are passed over.
    pub fn decode(bytes: &[u8]) -> Result<Self, TreeError> {
        let document = decode_index(SNAPSHOT_TYPE, bytes)?;
        let text = |name: &'static str| document.annotations.get(name).ok_or(TreeError::Annotation(name));
        let time = |name: &'static str| OffsetDateTime::parse(text(name)?, &Rfc3339).map_err(|_| TreeError::Annotation(name));
        let project: ProjectName = text(PROJECT)?.parse().map_err(|_| TreeError::Annotation(PROJECT))?;
        let (mut config, mut harbor_config) = (None, None);
        let mut repositories = Vec::new();
        for descriptor in &document.manifests {
            match descriptor.artifact_type.as_deref() {
                Some(PROJECT_TYPE) => config = Some(foreign_only(descriptor)),
                Some(HARBOR_TYPE) => harbor_config = Some(foreign_only(descriptor)),
                Some(REPOSITORY_TYPE) => {
                    let name = descriptor.annotations.get(REPOSITORY).and_then(|name| name.parse().ok());
                    let name: RepositoryName = name.ok_or(TreeError::Annotation(REPOSITORY))?;
                    if name.project() != project {
                        return Err(TreeError::ForeignRepository(name.to_string()));
                    }
                    repositories.push((name, foreign_only(descriptor)));
                }
                _ => {}
            }
        }
        let gaps = match document.annotations.get(GAPS) {
            Some(gaps) => serde_json::from_str(gaps).map_err(|_| TreeError::Annotation(GAPS))?,
            None => Vec::new(),
        };
        Ok(Self {
            harbor: text(HARBOR)?.parse().map_err(|_| TreeError::Annotation(HARBOR))?,
            project,
            started: time(STARTED)?,
            finished: time(FINISHED)?,
            listed: if document.annotations.contains_key(LISTED) { Some(time(LISTED)?) } else { None },
            gaps,
            config,
            harbor_config,
            repositories,
        })
    }
}

fn moment(name: &'static str, at: OffsetDateTime) -> Result<String, TreeError> {
    let utc = at.checked_to_offset(UtcOffset::UTC).ok_or(TreeError::Annotation(name))?;
    utc.format(&Rfc3339).map_err(|_| TreeError::Annotation(name))
}
