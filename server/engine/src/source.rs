//! The registry client's answers in the engine's own words, so that one file knows their shape.

use futures::{StreamExt, pin_mut};
use registry::{Artifact, Client, Project, Reference, RegistryError, Repository};
use vault::tree::Label;
use vocab::{Digest, ProjectName, RepositoryName, Tag};

/// An artifact as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub repository: RepositoryName,
    pub digest: Digest,
    pub media_type: Option<String>,
    pub tags: Vec<Tag>,
    pub labels: Vec<Label>,
    pub children: Vec<Digest>,
    /// Direct accessories: digest and Harbor's word for the kind.
    pub accessories: Vec<(Digest, String)>,
    pub size_bytes: u64,
}

impl Seen {
    /// An artifact nothing else is known about.
    pub(crate) fn bare(repository: RepositoryName, digest: Digest) -> Self {
        Self {
            repository,
            digest,
            media_type: None,
            tags: Vec::new(),
            labels: Vec::new(),
            children: Vec::new(),
            accessories: Vec::new(),
            size_bytes: 0,
        }
    }
}

impl From<Artifact> for Seen {
    fn from(artifact: Artifact) -> Self {
        Self {
            repository: artifact.repository,
            digest: artifact.digest,
            media_type: Some(artifact.manifest_media_type).filter(|text| !text.is_empty()),
            tags: artifact.tags.into_iter().map(|tag| tag.name).collect(),
            labels: artifact.labels.into_iter().map(|l| Label { name: l.name, scope: l.scope, color: l.color }).collect(),
            children: artifact.children,
            accessories: artifact.accessories.into_iter().map(|a| (a.digest, a.kind)).collect(),
            size_bytes: artifact.size_bytes,
        }
    }
}

/// The project, if there is one. Harbor answers 403 for an unknown project to whoever is no administrator: the list of projects this login
/// sees then tells the two apart.
pub(crate) async fn project(client: &Client, name: &ProjectName) -> Result<Option<Project>, RegistryError> {
    match client.project(name).await {
        Err(error @ RegistryError::Forbidden { .. }) => {
            let listed = client.projects().await?.into_iter().any(|project| project.name == *name);
            if listed { Err(error) } else { Ok(None) }
        }
        other => other,
    }
}

/// Every artifact of the project that a listing shows; `None` when there are more than `max`.
pub(crate) async fn artifacts(
    client: &Client,
    project: &ProjectName,
    repositories: &[Repository],
    max: usize,
) -> Result<Option<Vec<Seen>>, RegistryError> {
    // Children of indexes come on top of this count; the client checks what it gets against Harbor's own total.
    let count = repositories.iter().map(|r| r.artifact_count).sum();
    let stream = client.artifacts(project, Some(count));
    pin_mut!(stream);
    let mut all = Vec::new();
    while let Some(artifact) = stream.next().await {
        if all.len() >= max {
            return Ok(None);
        }
        all.push(Seen::from(artifact?));
    }
    Ok(Some(all))
}

/// One artifact by digest or tag, accessories included, with its tags and direct accessories.
pub(crate) async fn artifact(client: &Client, repository: &RepositoryName, reference: &Reference) -> Result<Option<Seen>, RegistryError> {
    Ok(client.artifact(repository, reference).await?.map(Seen::from))
}
