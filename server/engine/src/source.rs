//! The registry client's answers in the engine's own words, so that one file knows their shape.

use std::sync::Arc;

use futures::{Stream, StreamExt, pin_mut, stream};
use registry::{Artifact, Client, Project, Reference, RegistryError, Repository};
use vault::tree::{Label, PushedAt};
use vocab::{Digest, ProjectName, RepositoryName, Tag};

/// Repositories listed side by side where there is no listing of several; the client bounds listing calls further.
const LISTED_AT_ONCE: usize = 4;

/// An artifact as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub repository: RepositoryName,
    pub digest: Digest,
    /// Shared by all that is noted of it on the way.
    pub media_type: Option<Arc<str>>,
    pub tags: Vec<Tag>,
    /// When the artifact came.
    pub pushed: Option<PushedAt>,
    /// When its tags were put on it, as far as Harbor tells.
    pub tag_pushes: Vec<(Tag, PushedAt)>,
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
            pushed: None,
            tag_pushes: Vec::new(),
            labels: Vec::new(),
            children: Vec::new(),
            accessories: Vec::new(),
            size_bytes: 0,
        }
    }
}

impl From<Artifact> for Seen {
    fn from(artifact: Artifact) -> Self {
        let tag_pushes = artifact.tags.iter().filter_map(|tag| Some((tag.name.clone(), tag.push_time.and_then(PushedAt::new)?))).collect();
        Self {
            pushed: artifact.push_time.and_then(PushedAt::new),
            tag_pushes,
            repository: artifact.repository,
            digest: artifact.digest,
            media_type: Some(artifact.manifest_media_type).filter(|text| !text.is_empty()).map(Arc::from),
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

/// Takes artifacts as they are listed.
pub(crate) trait Sink: FnMut(Seen) + Send {}
impl<F: FnMut(Seen) + Send> Sink for F {}

/// Hands on every artifact of the project that a listing shows. Answers `false` when there are more than `max`.
pub(crate) async fn artifacts(
    client: &Client,
    project: &ProjectName,
    repositories: &[Repository],
    max: usize,
    sink: &mut impl Sink,
) -> Result<bool, RegistryError> {
    // Children of indexes come on top of this count; the client checks what it gets against Harbor's own total.
    let count = repositories.iter().map(|r| r.artifact_count).sum();
    hand_on(client.artifacts(project, Some(count)), max, sink).await
}

/// The same of some repositories of the project, whose ids lie next to each other: in one listing where Harbor can, which is a page for
/// every hundred artifacts and not one for every repository. Where it turns out on the way that Harbor cannot, some come twice.
pub(crate) async fn artifacts_of(
    client: &Client,
    project: &ProjectName,
    repositories: &[Repository],
    max: usize,
    sink: &mut impl Sink,
) -> Result<bool, RegistryError> {
    let ids = || repositories.iter().map(|r| r.id);
    let (Some(first), Some(last)) = (ids().min(), ids().max()) else { return Ok(true) };
    match hand_on(client.artifacts_between(project, first..=last), max, sink).await {
        Err(RegistryError::Unsupported { .. }) => {}
        ended => return ended,
    }
    let names: Vec<RepositoryName> = repositories.iter().map(|repository| repository.name.clone()).collect();
    let mut each = stream::iter(names)
        .map(|name| async move {
            let mut found = Vec::new();
            let few = hand_on(client.repository_artifacts(&name), max, &mut |seen| found.push(seen)).await;
            match few {
                // Deleted since the repositories were listed.
                Err(RegistryError::NotFound { .. }) => Ok((true, found)),
                few => few.map(|few| (few, found)),
            }
        })
        .buffered(LISTED_AT_ONCE);
    let mut count = 0;
    while let Some(one) = each.next().await {
        let (few, found) = one?;
        count += found.len();
        if !few || count > max {
            return Ok(false);
        }
        found.into_iter().for_each(&mut *sink);
    }
    Ok(true)
}

async fn hand_on(
    listing: impl Stream<Item = Result<Artifact, RegistryError>>,
    max: usize,
    sink: &mut impl Sink,
) -> Result<bool, RegistryError> {
    pin_mut!(listing);
    let mut count = 0;
    while let Some(artifact) = listing.next().await {
        if count >= max {
            return Ok(false);
        }
        count += 1;
        sink(Seen::from(artifact?));
    }
    Ok(true)
}

/// One artifact by digest or tag, accessories included, with its tags and direct accessories.
pub(crate) async fn artifact(client: &Client, repository: &RepositoryName, reference: &Reference) -> Result<Option<Seen>, RegistryError> {
    Ok(client.artifact(repository, reference).await?.map(Seen::from))
}

/// Whether Harbor knows an artifact as about `subject`, which itself may not be there. Before 2.8 it does not tell.
pub(crate) async fn is_referrer(
    client: &Client,
    repository: &RepositoryName,
    subject: &Digest,
    digest: &Digest,
) -> Result<bool, RegistryError> {
    match client.referrers(repository, subject).await {
        Ok(referrers) => Ok(referrers.iter().any(|referrer| referrer.digest == *digest)),
        Err(RegistryError::NotFound { .. }) => Ok(false),
        Err(RegistryError::Unsupported { .. }) => Ok(client.artifact(repository, &Reference::Digest(*digest)).await?.is_some()),
        Err(error) => Err(error),
    }
}
