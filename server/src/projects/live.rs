//! The harbor as it is at this moment, compared with a captured one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use app::error::ApiError;
use app::projects::found::{InHarbor, Presence};
use app::projects::types::{LiveDiff, RepositoryDiff};
use app::refusals::Refusal;
use app::sentence::Said;
use app::units::Moment;
use futures::StreamExt as _;
use registry::RegistryError;
use time::OffsetDateTime;
use vocab::{Digest, ProjectName, RepositoryName, Tag};

use super::flights::Flights;
use super::{Place, Repository, queries};
use crate::access::{Caller, Operation};
use crate::error::Error;
use crate::harbors::{self, Access};
use crate::state::AppState;
use crate::turns::Turn;

/// Longest a page waits for the harbor.
const WAIT: Duration = Duration::from_secs(20);
/// Tags named per repository; the counts are of all.
const NAMED_MAX: usize = 200;
/// Repositories with differences that are listed.
const REPOSITORIES_MAX: usize = 200;

/// Longest a page with one tag waits for the harbor.
const TAG_WAIT: Duration = Duration::from_secs(4);

/// Longest a page with the tags of a repository waits for the harbor.
const LIST_WAIT: Duration = Duration::from_millis(1_500);
/// Artifacts of a repository that are listed for a page: five pages of the harbor's.
const LISTED_MAX: usize = 500;

/// What is said of a harbor that does not answer in time.
pub const TOO_SLOW: app::projects::refusals::Refusal = app::projects::refusals::Refusal::HarborSlow;

/// A listing, or nothing where Harbor has no such repository, or why it could not be had.
type Listed = Result<Option<Arc<TagsNow>>, ApiError>;

/// What Harbors said a moment ago, by question. Whoever is given an answer was authorised for its project before.
#[derive(Default)]
pub struct SaidNow {
    projects: Flights<(i64, String), Result<Arc<ProjectNow>, ApiError>>,
    repositories: Flights<(i64, String), Listed>,
    tags: Flights<(i64, Asked), Result<InHarbor, ApiError>>,
    pub(super) found: Flights<(i64, Vec<Asked>), Arc<Answers>>,
}

impl SaidNow {
    /// Forgets it: a Harbor is reached in another way from now on, or what it holds was changed.
    pub fn forget(&self) {
        self.projects.forget();
        self.repositories.forget();
        self.tags.forget();
        self.found.forget();
    }
}

/// What a Harbor answered of what it was asked for, in that order, and why it was not asked for the rest.
pub(super) type Answers = (Vec<Option<InHarbor>>, Option<Said<Refusal>>);

/// The tags of a project as its Harbor listed them.
struct ProjectNow {
    tags: HashMap<(String, String), Digest>,
    read_at: Moment,
}

/// The same of a repository.
pub struct TagsNow {
    /// By name.
    pub tags: HashMap<String, Digest>,
    /// When.
    pub read_at: Moment,
}

fn now() -> Moment {
    Moment(OffsetDateTime::now_utc())
}

async fn reading(state: &AppState, harbor_id: i64) -> Result<registry::Client, Error> {
    let reach = {
        let mut conn = state.pool.acquire().await?;
        harbors::queries::reach(&mut conn, harbor_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Harbor))?
    };
    harbors::client(state, &reach, Access::Read)
}

fn too_slow() -> Error {
    ApiError::new(app::error::ErrorKind::Upstream, "harbor_slow", TOO_SLOW).into()
}

/// A tag or an artifact of a repository of a project the reader may see.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Asked {
    repository: RepositoryName,
    tag: Option<Tag>,
    /// As captured.
    digest: Option<Digest>,
}

impl Asked {
    /// None where the repository is none of the project.
    #[must_use]
    pub fn new(project: &ProjectName, repository: RepositoryName, tag: Option<Tag>, digest: Digest) -> Option<Self> {
        repository.is_of(project).then_some(Self { repository, tag, digest: Some(digest) })
    }

    /// A tag of which nothing may be captured.
    #[must_use]
    pub fn tag(of: &Repository<'_>, tag: Tag, digest: Option<Digest>) -> Self {
        Self { repository: of.name().clone(), tag: Some(tag), digest }
    }
}

/// A harbor whose login was proved a moment ago: a wrong one is answered as if nothing were there.
pub struct Proved(registry::Client);

impl Proved {
    /// Proves it.
    pub async fn of(state: &AppState, harbor_id: i64) -> Result<Self, Error> {
        let client = reading(state, harbor_id).await?;
        client.prove_login().await?;
        Ok(Self(client))
    }

    /// Whether it has something now.
    pub async fn has(&self, asked: &Asked) -> Result<InHarbor, Error> {
        let of = |reference: registry::Reference| async move { self.0.artifact(&asked.repository, &reference).await };
        let answer =
            |state, digest: Option<Digest>| InHarbor { state, at: now(), live: true, digest: digest.map(|digest| digest.to_string()) };
        if let Some(tag) = &asked.tag
            && let Some(found) = of(tag.clone().into()).await?
        {
            let same = asked.digest == Some(found.digest);
            return Ok(answer(if same { Presence::Yes } else { Presence::Moved }, Some(found.digest)));
        }
        let there = match asked.digest {
            Some(digest) => of(digest.into()).await?.is_some(),
            None => false,
        };
        Ok(match (there, &asked.tag) {
            (true, None) => answer(Presence::Yes, asked.digest),
            (true, Some(_)) => answer(Presence::Untagged, None),
            (false, _) => answer(Presence::No, None),
        })
    }
}

/// The tags of a repository as the harbor lists them now; none where it lists more artifacts than a page waits for.
pub async fn tags(state: &AppState, of: &Repository<'_>) -> Result<Option<Arc<TagsNow>>, ApiError> {
    let key = (of.place().harbor_id(), of.name().to_string());
    state.said_now.repositories.get(key, || async { list(state, of).await.map_err(|error| error.into_api(None)) }).await
}

async fn list(state: &AppState, of: &Repository<'_>) -> Result<Option<Arc<TagsNow>>, Error> {
    let ask = async {
        let Proved(client) = Proved::of(state, of.place().harbor_id()).await?;
        let artifacts = client.repository_artifacts(of.name());
        futures::pin_mut!(artifacts);
        let (mut tags, mut seen) = (HashMap::new(), 0);
        while let Some(artifact) = artifacts.next().await {
            let artifact = match artifact {
                Ok(artifact) => artifact,
                // Nothing is left of the repository.
                Err(RegistryError::NotFound { .. }) => break,
                Err(error) => return Err(error.into()),
            };
            seen += 1;
            if seen > LISTED_MAX {
                return Ok(None);
            }
            tags.extend(artifact.tags.iter().map(|tag| (tag.name.to_string(), artifact.digest)));
        }
        Ok(Some(Arc::new(TagsNow { tags, read_at: now() })))
    };
    tokio::time::timeout(LIST_WAIT, ask).await.unwrap_or_else(|_| Err(too_slow()))
}

/// Whether a harbor has a tag now.
pub async fn tag(state: &AppState, harbor_id: i64, asked: &Asked) -> Result<InHarbor, ApiError> {
    let ask = || async {
        let ask = async { Proved::of(state, harbor_id).await?.has(asked).await };
        tokio::time::timeout(TAG_WAIT, ask).await.unwrap_or_else(|_| Err(too_slow())).map_err(|error| error.into_api(None))
    };
    state.said_now.tags.get((harbor_id, asked.clone()), ask).await
}

/// Tags of a project as the harbor lists them now: repository, tag, digest.
async fn tags_now(client: &registry::Client, project: &ProjectName) -> Result<HashMap<(String, String), Digest>, RegistryError> {
    client.prove_login().await?;
    let mut tags = HashMap::new();
    if client.project(project).await?.is_some() {
        let artifacts = client.artifacts(project, None);
        futures::pin_mut!(artifacts);
        while let Some(artifact) = artifacts.next().await {
            let artifact = artifact?;
            for tag in &artifact.tags {
                tags.insert((artifact.repository.to_string(), tag.name.to_string()), artifact.digest);
            }
        }
    }
    client.prove_login().await?;
    Ok(tags)
}

/// Compares a moment with the harbor now.
pub async fn compare_live(state: &AppState, caller: &Caller, harbor: &str, project: &str, at: Option<Moment>) -> Result<LiveDiff, Error> {
    let _turn = state.turns.take(caller.account_id, Turn::Compare).await?;
    let (place, captured) = {
        let mut conn = state.pool.acquire().await?;
        let place = Place::find(&mut conn, caller, Operation::ReadProject, harbor, project).await?;
        let mut captured = Vec::new();
        if let Some(project_id) = place.project_id()
            && let Some(snapshot) = queries::snapshot_at(&mut conn, project_id, at.map(|m| m.0)).await?
        {
            captured = queries::all_tags_at(&mut conn, project_id, snapshot.moment.0).await?;
        }
        (place, captured)
    };
    let key = (place.harbor_id(), place.project().to_string());
    match state.said_now.projects.get(key, || async { read(state, &place).await.map_err(|error| error.into_api(None)) }).await {
        Ok(now) => Ok(diff(captured, now.tags.clone(), now.read_at)),
        Err(error) => {
            Ok(LiveDiff { read_at: None, error: Some(*error.message), repositories: Vec::new(), same: 0, missing: 0, moved: 0, new: 0 })
        }
    }
}

async fn read(state: &AppState, place: &Place) -> Result<Arc<ProjectNow>, Error> {
    let client = reading(state, place.harbor_id()).await?;
    match tokio::time::timeout(WAIT, tags_now(&client, place.project())).await {
        Ok(tags) => Ok(Arc::new(ProjectNow { tags: tags?, read_at: now() })),
        Err(_) => Err(too_slow()),
    }
}

fn diff(captured: Vec<(String, String, Vec<u8>)>, mut now: HashMap<(String, String), Digest>, read_at: Moment) -> LiveDiff {
    let mut repositories: BTreeMap<String, RepositoryDiff> = BTreeMap::new();
    let mut totals = (0, 0, 0);
    for (repository, tag, digest) in captured {
        let entry = repositories.entry(repository.clone()).or_insert_with(|| empty(&repository));
        match now.remove(&(repository, tag.clone())) {
            None => {
                totals.0 += 1;
                entry.missing_total += 1;
                entry.missing.push(tag);
            }
            Some(live) if live.as_bytes().as_slice() != digest => {
                totals.1 += 1;
                entry.moved_total += 1;
                entry.moved.push(tag);
            }
            Some(_) => {}
        }
    }
    for (repository, _) in now.into_keys() {
        totals.2 += 1;
        repositories.entry(repository.clone()).or_insert_with(|| empty(&repository)).new += 1;
    }
    let (changed, same): (Vec<_>, Vec<_>) =
        repositories.into_values().partition(|r| !r.missing.is_empty() || !r.moved.is_empty() || r.new > 0);
    let mut repositories = changed;
    repositories.sort_by_key(|r| std::cmp::Reverse((r.missing.len(), r.moved.len())));
    repositories.truncate(REPOSITORIES_MAX);
    for repository in &mut repositories {
        repository.missing.truncate(NAMED_MAX);
        repository.moved.truncate(NAMED_MAX);
    }
    LiveDiff {
        read_at: Some(read_at),
        error: None,
        repositories,
        same: i64::try_from(same.len()).unwrap_or(i64::MAX),
        missing: totals.0,
        moved: totals.1,
        new: totals.2,
    }
}

fn empty(repository: &str) -> RepositoryDiff {
    RepositoryDiff { repository: repository.to_owned(), missing: Vec::new(), missing_total: 0, moved: Vec::new(), moved_total: 0, new: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_moved_and_new_are_told_apart() {
        let one = Digest::of(b"1");
        let two = Digest::of(b"2");
        let row = |tag: &str, d: &Digest| ("p/a".to_owned(), tag.to_owned(), d.as_bytes().to_vec());
        let captured = vec![row("gone", &one), row("moved", &one), row("same", &one)];
        let key = |tag: &str| ("p/a".to_owned(), tag.to_owned());
        let now = HashMap::from([(key("moved"), two), (key("same"), one), (key("new"), two)]);
        let diff = diff(captured, now, super::now());
        assert_eq!((diff.missing, diff.moved, diff.new, diff.same), (1, 1, 1, 0));
        assert_eq!(diff.repositories[0].missing, ["gone"]);
        assert_eq!(diff.repositories[0].moved, ["moved"]);
        assert_eq!((diff.repositories[0].missing_total, diff.repositories[0].moved_total), (1, 1));
    }
}
