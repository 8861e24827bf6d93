//! What differs between two plans of one request: the one that was voted on, or that its author looked at, and the one there is now.

use std::collections::BTreeMap;

use app::error::ApiError;
use app::restores::types::{LINES_PER_PAGE, LineChange, PlanChange};
use app::units::Moment;
use engine::effect::{EffectItem, EffectPlan};
use sqlx::PgConnection;
use vocab::{Digest, RepositoryName};

use super::{lines, queries, view};
use crate::access::Caller;
use crate::error::Error;
use crate::state::AppState;

/// The difference, a page of it.
pub async fn get_change(state: &AppState, caller: &Caller, called: &str, page: i64) -> Result<Option<PlanChange>, Error> {
    let mut conn = state.pool.acquire().await?;
    let row = lines::visible(&mut conn, caller, called).await?;
    of(&mut conn, row.request_id, page).await
}

/// The difference from the plan that was replaced last; none = nothing was replaced, or the same came back.
pub(super) async fn of(conn: &mut PgConnection, request_id: i64, page: i64) -> Result<Option<PlanChange>, Error> {
    let Some(kept) = queries::replaced(&mut *conn, request_id).await? else { return Ok(None) };
    let read = |plan| {
        let unread = |e| Error::defect(format!("an effect plan of request {request_id}: {e}"));
        serde_json::from_value::<EffectPlan>(plan).map_err(unread)
    };
    let (before, now) = (read(kept.plan)?, read(queries::plan_of(conn, request_id).await?.plan)?);
    let all = differences(&before, &now);
    let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let count = |is: fn(&Difference<'_>) -> bool| whole(all.iter().filter(|one| is(one)).count());
    let per_page = usize::try_from(LINES_PER_PAGE).unwrap_or(1);
    let pages = whole(all.len().div_ceil(per_page)).max(1);
    let page = page.clamp(1, pages);
    let skipped = usize::try_from(page - 1)
        .map_err(|_| ApiError::field("page", app::restores::refusals::Refusal::PagesFromOne))?
        .saturating_mul(per_page);
    let line = |(before, after): &Difference<'_>| LineChange { before: before.map(view::item), after: after.map(view::item) };
    Ok(Some(PlanChange {
        before_hash: hex::encode(&kept.plan_hash),
        before_read_at: Moment(kept.planned_at),
        before: view::effects(&before),
        added: count(|(before, _)| before.is_none()),
        gone: count(|(_, after)| after.is_none()),
        changed: count(|(before, after)| before.is_some() && after.is_some()),
        lines: all.iter().skip(skipped).take(per_page).map(line).collect(),
        page,
        pages,
    }))
}

/// A line before and after; one of the two is there.
type Difference<'a> = (Option<&'a EffectItem>, Option<&'a EffectItem>);

/// What a line is about: repository, name, and of an accessory its digest too, since several may share a tag.
type Key<'a> = (&'a RepositoryName, String, Option<Digest>);

fn key(item: &EffectItem) -> Key<'_> {
    (&item.repository, item.reference(), item.accessory.as_ref().map(|_| item.then))
}

/// Lines that are not the same in both.
fn differences<'a>(before: &'a EffectPlan, now: &'a EffectPlan) -> Vec<Difference<'a>> {
    let mut all: BTreeMap<Key<'a>, Difference<'a>> = BTreeMap::new();
    for item in &before.items {
        all.entry(key(item)).or_default().0 = Some(item);
    }
    for item in &now.items {
        all.entry(key(item)).or_default().1 = Some(item);
    }
    all.into_values().filter(|(before, after)| before != after).collect()
}
