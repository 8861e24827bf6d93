//! What a project held at a moment, the parts of one artifact, and the search over all time.

use app::error::{ApiError, ErrorKind};
use app::projects::types::{ArtifactDetail, Browse, BrowseQuery, RepositoryAt, SearchHit, TagAt, TagNow};
use app::units::Moment;
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Digest, Manifest};

use super::place;
use super::queries::{self, Sought, TagQuestion, digest_text};
use crate::access::{Caller, Operation};
use crate::error::Error;
use crate::state::AppState;

/// Repositories shown beside the tags.
const REPOSITORIES_MAX: i64 = 200;
/// Tags of a page.
const TAG_ROWS: i64 = 100;
/// Hits of a search.
const HITS_MAX: i64 = 50;
/// Largest configuration shown, bytes.
const CONFIG_BYTES_MAX: usize = 256 * 1024;

fn like(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|t| !t.is_empty()).map(|t| format!("%{}%", escaped(t)))
}

/// A text that stands for itself in a pattern.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Repositories and tags at a moment.
pub async fn browse(state: &AppState, caller: &Caller, query: BrowseQuery) -> Result<Browse, Error> {
    let mut conn = state.pool.acquire().await?;
    let place = place(&mut conn, caller, Operation::ReadProject, &query.harbor, &query.project).await?;
    let nothing = || ApiError::new(ErrorKind::NotFound, "nothing_captured", "nothing was captured at or before this moment");
    let project_id = place.project_id.ok_or_else(nothing)?;
    let at = queries::snapshot_at(&mut conn, project_id, query.at.map(|m| m.0)).await?.ok_or_else(nothing)?;
    let pattern = like(query.q.as_deref());
    let mut rows = queries::repositories_at(&mut conn, project_id, at.moment.0, pattern.as_deref(), REPOSITORIES_MAX + 1).await?;
    let repositories_more = rows.len() > usize::try_from(REPOSITORIES_MAX).unwrap_or(usize::MAX);
    rows.truncate(usize::try_from(REPOSITORIES_MAX).unwrap_or(usize::MAX));
    let repositories: Vec<RepositoryAt> =
        rows.into_iter().map(|(repository, tags, artifacts, gone)| RepositoryAt { repository, tags, artifacts, gone }).collect();
    let repository = query.repo.filter(|r| !r.is_empty()).or_else(|| repositories.first().map(|r| r.repository.clone()));
    let (mut tags, mut tags_next, mut tags_total) = (Vec::new(), None, 0);
    if let Some(name) = &repository
        && let Some(repository_id) = queries::repository_id(&mut conn, project_id, name).await?
    {
        // The text filters tags only where it does not already name the repository.
        let of_tags = pattern.as_deref().filter(|_| !query.q.as_deref().is_some_and(|q| name.contains(q.trim())));
        let only = query.only.as_deref().filter(|o| matches!(*o, "gone" | "moved"));
        let question =
            TagQuestion { repository_id, at: at.moment.0, like: of_tags, only, after: query.after.as_deref(), limit: TAG_ROWS + 1 };
        let mut found = queries::tags_at(&mut conn, &question).await?;
        let page = usize::try_from(TAG_ROWS).unwrap_or(usize::MAX);
        tags_next = (found.len() > page).then(|| found[page - 1].tag.clone());
        tags_total = match (question.after, &tags_next) {
            // All of them are on this page.
            (None, None) => i64::try_from(found.len()).unwrap_or(i64::MAX),
            _ => queries::count_tags_at(&mut conn, &question).await?,
        };
        found.truncate(page);
        tags = found
            .into_iter()
            .map(|row| TagAt {
                now: row.now(),
                repository: name.clone(),
                digest: digest_text(&row.digest),
                tag: row.tag,
                kind: row.kind,
                size_bytes: row.size_bytes,
                since: Moment(row.from_at),
                accessories: row.accessories,
            })
            .collect();
    }
    Ok(Browse { at, repositories, repositories_more, repository, tags, tags_next, tags_total })
}

/// The parts of one artifact, read from the vault and hashed on the way.
pub async fn artifact(
    state: &AppState,
    caller: &Caller,
    harbor: &str,
    project: &str,
    repository: &str,
    digest: &str,
) -> Result<ArtifactDetail, Error> {
    let digest: Digest = digest.parse().map_err(|_| ApiError::field("digest", "a digest is sha256: and 64 hexadecimal digits"))?;
    let absent = || ApiError::not_found("artifact");
    let (vault, accessories, tags, media_type) = {
        let mut conn = state.pool.acquire().await?;
        let place = place(&mut conn, caller, Operation::ReadContent, harbor, project).await?;
        let project_id = place.project_id.ok_or_else(absent)?;
        let repository_id = queries::repository_id(&mut conn, project_id, repository).await?.ok_or_else(absent)?;
        let bytes = digest.as_bytes().as_slice();
        let snapshot_id = queries::snapshot_of(&mut conn, project_id, repository_id, bytes).await?.ok_or_else(absent)?;
        let media_type: String = sqlx::query_scalar("select media_type from artifact where digest = $1")
            .bind(bytes)
            .fetch_optional(&mut *conn)
            .await?
            .ok_or_else(absent)?;
        let accessories = queries::accessories(&mut conn, repository_id, bytes).await?;
        let tags = queries::tags_of(&mut conn, repository_id, bytes).await?;
        (crate::copies::open_for(state, &mut conn, snapshot_id).await?, accessories, tags, media_type)
    };
    let bytes = vault.get_bytes(&digest, MANIFEST_BYTES_MAX).await?;
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
        accessories: accessories.into_iter().map(|(d, kind)| (digest_text(&d), kind)).collect(),
        tags,
    })
}

/// Names, tags and digest prefixes over all time.
pub async fn search(state: &AppState, caller: &Caller, q: &str) -> Result<Vec<SearchHit>, Error> {
    let q = q.trim();
    if q.chars().count() < 2 {
        return Ok(Vec::new());
    }
    if q.len() > 256 {
        return Err(ApiError::field("q", "use at most 256 characters").into());
    }
    let mut conn = state.pool.acquire().await?;
    let all = queries::projects(&mut conn).await?;
    let visible = all.into_iter().filter(|(_, harbor_id, name)| caller.may(Operation::ReadProject, Some((*harbor_id, name))));
    let projects: Vec<i64> = visible.map(|(id, ..)| id).collect();
    let (text, range, reference) = (like(Some(q)).unwrap_or_default(), digest_range(q), q.split_once(':'));
    let (repository, tag) = reference.map(|(name, tag)| (format!("%{}", escaped(name)), format!("{}%", escaped(tag)))).unwrap_or_default();
    let sought = match (&range, reference) {
        (Some((from, to)), _) => Sought::Digests(from, to),
        (None, Some(_)) => Sought::Reference { repository: &repository, tag: &tag },
        (None, None) => Sought::Text(&text),
    };
    let mut hits: Vec<SearchHit> = queries::search(&mut conn, &projects, &sought, HITS_MAX)
        .await?
        .into_iter()
        .map(|row| SearchHit {
            now: match &row.newest {
                None => TagNow::Gone,
                Some(d) if *d == row.digest => TagNow::Same,
                Some(_) => TagNow::Moved,
            },
            harbor: row.harbor,
            project: row.project,
            repository: row.repository,
            tag: row.tag,
            digest: digest_text(&row.digest),
            last_seen: Moment(row.last_seen),
        })
        .collect();
    // What is lost is what people look for.
    hits.sort_by_key(|h| (h.now == TagNow::Same, std::cmp::Reverse(h.last_seen)));
    Ok(hits)
}

/// All digests that begin with `sha256:` and some digits.
fn digest_range(q: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let digits = q.strip_prefix("sha256:")?;
    if digits.is_empty() || digits.len() > 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let fill = |c: &str| hex::decode(format!("{}{}", digits.to_lowercase(), c.repeat(64 - digits.len()))).ok();
    fill("0").zip(fill("f"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_prefix_is_a_range() {
        let (from, to) = digest_range("sha256:9f2").unwrap();
        assert_eq!((from[0], from[1], to[0], to[1]), (0x9f, 0x20, 0x9f, 0x2f));
        assert!(digest_range("9f2c").is_none());
        assert!(digest_range("sha256:xyz").is_none());
    }
}
