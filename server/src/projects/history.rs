//! Everything one tag pointed to, and what the harbor has now.

use app::error::ApiError;
use app::projects::found::{InHarbor, Presence};
use app::projects::limits::{NotRestorable, SpanEnd};
use app::projects::types::{TagHistory, TagSpan};
use app::units::Moment;
use vocab::{Digest, Tag};

use super::queries::{self, SpanRow, digest_text};
use super::{Place, gaps, imports, live};
use crate::access::{Caller, Operation};
use crate::error::Error;
use crate::state::AppState;

/// Stretches shown.
const SPANS_MAX: i64 = 200;

/// The history of a tag. `live`: its Harbor is asked what it points to now.
pub async fn tag_history(
    state: &AppState,
    caller: &Caller,
    harbor: &str,
    project: &str,
    repository: &str,
    tag: &str,
    live: bool,
) -> Result<TagHistory, Error> {
    let tag_name: Tag = tag.parse().map_err(|_| ApiError::field("tag", app::projects::refusals::Refusal::NoTag))?;
    let mut conn = state.pool.acquire().await?;
    let place = Place::find(&mut conn, caller, Operation::ReadProject, harbor, project).await?;
    let of = place.repository(repository)?;
    let (mut spans, mut imported) = (Vec::new(), Vec::new());
    let mut known = (None, None);
    let mut gap = None;
    if let Some(project_id) = place.project_id() {
        known = queries::known(&mut conn, project_id).await?;
        if let Some(repository_id) = of.row(&mut conn).await? {
            spans = queries::tag_spans(&mut conn, project_id, repository_id, tag, SPANS_MAX).await?;
        }
        imported = imports::stretches(&mut conn, project_id, repository, tag, SPANS_MAX).await?;
        let digest = spans.first().map(|span| span.digest.as_slice());
        gap = gaps::of_newest(&mut conn, &[project_id], &[repository]).await?.about(project_id, repository, Some(tag), digest).cloned();
    }
    drop(conn);
    let newest = spans.first().and_then(|span| Digest::from_bytes(&span.digest).ok());
    let answer = match live {
        true => Some(live::tag(state, place.harbor_id(), &live::Asked::tag(&of, tag_name, newest)).await),
        false => None,
    };
    let (asked, live_error) = match answer.transpose() {
        // Neither Harbor nor any snapshot knows it.
        Ok(Some(answer)) if answer.state == Presence::No && spans.is_empty() && imported.is_empty() && gap.is_none() => {
            return Err(ApiError::not_found(app::refusals::Thing::Repository).into());
        }
        Ok(answer) => (answer, None),
        Err(error) => (None, Some(*error.message)),
    };
    let live = asked.as_ref().and_then(|answer| answer.digest.clone());
    let in_harbor = match (asked, spans.first(), known.1) {
        (Some(answer), ..) => Some(answer),
        (None, Some(span), Some(known_to)) => Some(captured(span, known_to)),
        (None, ..) => None,
    };
    let later: Vec<Option<(Vec<u8>, Option<i64>)>> =
        std::iter::once(None).chain(spans.iter().map(|s| Some((s.digest.clone(), s.restored_by)))).collect();
    let starts: Vec<time::OffsetDateTime> = spans.iter().map(|s| s.from_at).collect();
    let mut spans: Vec<TagSpan> = spans
        .into_iter()
        .enumerate()
        .map(|(i, row)| {
            let follows = i > 0 && row.to_at == Some(starts[i - 1]);
            span(row, if follows { later[i].clone() } else { None })
        })
        .collect();
    spans.extend(imported.into_iter().map(|row| TagSpan { ended: Some(SpanEnd::Imported.into()), ..span(row, None) }));
    spans.sort_by_key(|span| std::cmp::Reverse(span.from));
    Ok(TagHistory {
        harbor: harbor.to_owned(),
        project: project.to_owned(),
        repository: repository.to_owned(),
        tag: tag.to_owned(),
        spans,
        live,
        live_error,
        in_harbor,
        gap,
        known_from: known.0.map(Moment),
        known_to: known.1.map(Moment),
    })
}

/// What the snapshots say where Harbor could not be asked: as of the last one that could see it.
fn captured(newest: &SpanRow, known_to: time::OffsetDateTime) -> InHarbor {
    let (state, at) = match newest.to_at {
        None => (Presence::Yes, newest.restore_at.unwrap_or(known_to)),
        Some(_) => (Presence::No, known_to),
    };
    InHarbor { state, at: Moment(at), live: false, digest: None }
}

fn span(row: SpanRow, next: Option<(Vec<u8>, Option<i64>)>) -> TagSpan {
    let ended = row.to_at.map(|_| match next {
        Some((_, Some(request))) => SpanEnd::MovedByRestore { request }.into(),
        Some(_) => SpanEnd::Moved.into(),
        None => SpanEnd::GoneFromHarbor.into(),
    });
    let not_restorable = row.restore_at.is_none().then(|| NotRestorable::Damaged.into());
    TagSpan {
        digest: digest_text(&row.digest),
        from: Moment(row.from_at),
        to: row.to_at.map(Moment),
        ended,
        kind: row.kind,
        size_bytes: row.size_bytes,
        platforms: row.platforms,
        accessories: row.accessories,
        snapshots: row.snapshots,
        not_restorable,
        restore_at: Moment(row.restore_at.unwrap_or(row.from_at)),
    }
}
