//! What a project held at a moment, and the parts of one artifact.

use app::audit::events::ProjectEvent;
use app::error::{ApiError, ErrorKind};
use app::projects::gaps::Gap;
use app::projects::types::{ArtifactDetail, Browse, BrowseQuery, RepositoryAt, TagAt, TagNow};
use app::units::Moment;
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Digest, Manifest};

use super::gaps;
use super::queries::{self, TagQuestion, TagRow, digest_text};
use super::search::like;
use super::{Place, imports, live};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::state::AppState;

/// Repositories shown beside the tags.
const REPOSITORIES_MAX: i64 = 200;
/// Tags of a page.
const TAG_ROWS: i64 = 100;
/// How tags begin that name what is about another artifact.
const BESIDE: &str = "sha256-";
/// Gaps of a repository shown beside its tags.
const GAPS_MAX: usize = 50;
/// Largest configuration shown, bytes.
const CONFIG_BYTES_MAX: usize = 256 * 1024;

/// Repositories and tags at a moment.
pub async fn browse(state: &AppState, caller: &Caller, query: BrowseQuery) -> Result<Browse, Error> {
    let ask = query.live != Some(false);
    let (place, mut browse) = captured(state, caller, query).await?;
    if !ask {
        return Ok(browse);
    }
    // Of what Harbor is asked is what is on the page; a list of those that are gone or moved is of the snapshots.
    let asked = browse.repository.as_deref().filter(|_| !browse.tags.is_empty()).map(|name| place.repository(name)).transpose()?;
    if let Some(of) = asked
        && let Ok(Some(now)) = live::tags(state, &of).await
    {
        for tag in &mut browse.tags {
            tag.now = match now.tags.get(&tag.tag) {
                Some(digest) if digest.to_string() == tag.digest => TagNow::Same,
                Some(_) => TagNow::Moved,
                // Harbor does not list signatures and the like beside their images.
                None if tag.tag.starts_with(BESIDE) => tag.now,
                None => TagNow::Gone,
            };
        }
        browse.now_at = now.read_at;
        browse.now_live = true;
    }
    Ok(browse)
}

/// What the snapshots say.
async fn captured(state: &AppState, caller: &Caller, query: BrowseQuery) -> Result<(Place, Browse), Error> {
    let mut conn = state.pool.acquire().await?;
    let place = Place::find(&mut conn, caller, Operation::ReadProject, &query.harbor, &query.project).await?;
    let nothing = || ApiError::new(ErrorKind::NotFound, "nothing_captured", app::projects::refusals::Refusal::NothingCaptured);
    let project_id = place.project_id().ok_or_else(nothing)?;
    let at = queries::snapshot_at(&mut conn, project_id, query.at.map(|m| m.0)).await?.ok_or_else(nothing)?;
    let pattern = like(query.q.as_deref());
    let mut rows = if at.imported {
        imports::repositories(&mut conn, at.id, pattern.as_deref(), REPOSITORIES_MAX + 1).await?
    } else {
        queries::repositories_at(&mut conn, project_id, at.moment.0, pattern.as_deref(), REPOSITORIES_MAX + 1).await?
    };
    let repositories_more = rows.len() > usize::try_from(REPOSITORIES_MAX).unwrap_or(usize::MAX);
    rows.truncate(usize::try_from(REPOSITORIES_MAX).unwrap_or(usize::MAX));
    let names: Vec<&str> = rows.iter().map(|(name, ..)| name.as_str()).chain(query.repo.as_deref()).collect();
    let gaps = gaps::of_repositories(&mut conn, at.id, &names).await?;
    let repositories: Vec<RepositoryAt> = rows
        .into_iter()
        .map(|(repository, tags, artifacts, gone)| RepositoryAt {
            gaps: i64::try_from(gaps.within(project_id, &repository).count()).unwrap_or(i64::MAX),
            repository,
            tags,
            artifacts,
            gone,
        })
        .collect();
    let repository = query.repo.filter(|r| !r.is_empty()).or_else(|| repositories.first().map(|r| r.repository.clone()));
    let (mut tags, mut tags_next, mut tags_total) = (Vec::new(), None, 0);
    let repository_id = match &repository {
        // An import needs none: its repositories may never have been in the Harbor.
        Some(_) if at.imported => Some(0),
        Some(name) => place.repository(name)?.row(&mut conn).await?,
        None => None,
    };
    if let (Some(name), Some(repository_id)) = (&repository, repository_id) {
        // The text filters tags only where it does not already name the repository.
        let of_tags = pattern.as_deref().filter(|_| !query.q.as_deref().is_some_and(|q| name.contains(q.trim())));
        let only = query.only.as_deref().filter(|o| matches!(*o, "gone" | "moved"));
        let question =
            TagQuestion { repository_id, at: at.moment.0, like: of_tags, only, after: query.after.as_deref(), limit: TAG_ROWS + 1 };
        let mut found = if at.imported {
            imports::tags(&mut conn, at.id, name, &question).await?
        } else {
            queries::tags_at(&mut conn, &question).await?
        };
        let page = usize::try_from(TAG_ROWS).unwrap_or(usize::MAX);
        tags_next = (found.len() > page).then(|| found[page - 1].tag.clone());
        tags_total = match (question.after, &tags_next) {
            // All of them are on this page.
            (None, None) => i64::try_from(found.len()).unwrap_or(i64::MAX),
            _ if at.imported => imports::count_tags(&mut conn, at.id, name).await?,
            _ => queries::count_tags_at(&mut conn, &question).await?,
        };
        found.truncate(page);
        let gap_of = |row: &TagRow| gaps.about(project_id, name, Some(&row.tag), Some(&row.digest)).cloned();
        tags = found.into_iter().map(|row| tag_at(name, gap_of(&row), row)).collect();
    }
    // What was never captured has no row of its own.
    let shown = |gap: &&Gap| tags.iter().any(|tag| tag.gap.as_ref() == Some(*gap));
    let of_repository = repository.as_deref().into_iter().flat_map(|name| gaps.within(project_id, name));
    let gaps: Vec<Gap> = of_repository.filter(|gap| !shown(gap)).take(GAPS_MAX).cloned().collect();
    let now_at = queries::known(&mut conn, project_id).await?.1.map_or(at.moment, Moment);
    let now_live = false;
    Ok((place, Browse { at, repositories, repositories_more, repository, tags, tags_next, tags_total, gaps, now_at, now_live }))
}

fn tag_at(repository: &str, gap: Option<Gap>, row: TagRow) -> TagAt {
    TagAt {
        now: row.now(),
        gap,
        repository: repository.to_owned(),
        digest: digest_text(&row.digest),
        tag: row.tag,
        kind: row.kind,
        size_bytes: row.size_bytes,
        since: Moment(row.from_at),
        accessories: row.accessories,
    }
}

/// The parts of one artifact, read from the vault and hashed on the way.
pub async fn artifact(
    state: &AppState,
    caller: &Caller,
    origin: &Origin,
    harbor: &str,
    project: &str,
    repository: &str,
    digest: &str,
) -> Result<ArtifactDetail, Error> {
    let digest: Digest = digest.parse().map_err(|_| ApiError::field("digest", app::projects::refusals::Refusal::DigestForm))?;
    let absent = || ApiError::not_found(app::refusals::Thing::Artifact);
    let (vault, accessories, tags, media_type) = {
        let mut conn = state.pool.acquire().await?;
        let place = Place::find(&mut conn, caller, Operation::ReadContent, harbor, project).await?;
        let project_id = place.project_id().ok_or_else(absent)?;
        let bytes = digest.as_bytes().as_slice();
        let of = place.repository(repository).map_err(|_| absent())?;
        let facts = queries::artifact(&mut conn, project_id, of.name().as_str(), bytes).await?;
        let (snapshot_id, accessories, tags) = match facts.snapshot_id {
            Some(snapshot_id) => (snapshot_id, facts.accessories.0, facts.tags),
            None => {
                let snapshot_id = imports::snapshot_of(&mut conn, project_id, repository, bytes).await?.ok_or_else(absent)?;
                let (accessories, tags) = imports::around(&mut conn, snapshot_id, repository, bytes).await?;
                (snapshot_id, accessories.into_iter().map(|(d, kind)| (digest_text(&d), kind)).collect(), tags)
            }
        };
        let media_type = facts.media_type.ok_or_else(absent)?;
        (crate::copies::open_for(state, &mut conn, snapshot_id).await?, accessories, tags, media_type)
    };
    let bytes = vault.get_bytes(&digest, MANIFEST_BYTES_MAX).await?;
    let event = Event::new(
        "snapshot.read.manifest",
        "artifact",
        digest.to_string(),
        ProjectEvent::ManifestRead { image: format!("{repository}@{digest}") },
    )
    .project(harbor, project);
    audit::record_alone(&state.pool, &Actor::caller(caller, origin), event).await?;
    let parsed = Manifest::parse(&media_type, &bytes).ok();
    let mut config = None;
    if let Some(named) = parsed.as_ref().and_then(|m| m.config.as_ref())
        && named.stated_type().ends_with("json")
        && let Some(digest) = named.sha256()
        && vault.size_of(&digest).await?.is_some_and(|size| size <= CONFIG_BYTES_MAX as u64)
    {
        let text = vault.get_bytes(&digest, CONFIG_BYTES_MAX).await?;
        config = serde_json::from_slice::<serde_json::Value>(&text).ok().and_then(|v| serde_json::to_string_pretty(&v).ok());
    }
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let manifest = parsed.as_ref();
    Ok(ArtifactDetail {
        digest: digest.to_string(),
        media_type,
        manifest: String::from_utf8_lossy(&bytes).into_owned(),
        config,
        layers: manifest.map_or_else(Vec::new, |m| {
            m.layers().map(|d| (d.digest.to_string(), d.stated_type().to_owned(), whole(d.stated_bytes().unwrap_or(0)))).collect()
        }),
        children: manifest.map_or_else(Vec::new, |m| {
            m.children
                .iter()
                .map(|d| (d.digest.to_string(), d.platform.as_ref().map_or_else(String::new, |p| format!("{}/{}", p.os, p.architecture))))
                .collect()
        }),
        accessories,
        tags,
    })
}
