//! All lines of a request or draft, in the plan's order, filtered and a page at a time. Whoever may see the page may see every line.

use std::collections::{BTreeMap, BTreeSet};

use app::error::ApiError;
use app::restores::types::{ItemResult, LINES_PER_PAGE, Line, LineCounts, LineFilter, Lines};
use app::sentence::Sentence;
use app::text::Lang;
use engine::effect::{Effect, EffectItem, EffectPlan};
use sqlx::PgConnection;

use super::facts::Facts;
use super::queries::{self, OutcomeRow, Row};
use super::{name, view};
use crate::access::Caller;
use crate::error::Error;
use crate::state::AppState;
use crate::turns::Turn;

/// Repositories offered to filter by.
const REPOSITORIES_MAX: usize = 500;
/// Longest text searched for, characters.
const TEXT_CHARS_MAX: usize = 200;

/// What a filter asks for, checked.
struct Asked {
    group: Option<Group>,
    repository: Option<String>,
    text: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Create,
    Move,
    Mend,
    Skip,
    Blocked,
    Accessories,
    Done,
    Failed,
    Open,
}

impl Asked {
    fn read(filter: &LineFilter) -> Result<Self, ApiError> {
        let given = |value: &Option<String>| value.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let group = match given(&filter.group).as_deref() {
            None => None,
            Some("create") => Some(Group::Create),
            Some("move") => Some(Group::Move),
            Some("mend") => Some(Group::Mend),
            Some("skip") => Some(Group::Skip),
            Some("blocked") => Some(Group::Blocked),
            Some("accessories") => Some(Group::Accessories),
            Some("done") => Some(Group::Done),
            Some("failed") => Some(Group::Failed),
            Some("open") => Some(Group::Open),
            Some(_) => {
                return Err(ApiError::field(
                    "group",
                    app::refusals::General::OneOf {
                        words: ["create", "move", "mend", "skip", "blocked", "accessories", "done", "failed", "open"]
                            .map(str::to_owned)
                            .to_vec(),
                    },
                ));
            }
        };
        let text = given(&filter.text);
        if text.as_ref().is_some_and(|text| text.chars().count() > TEXT_CHARS_MAX) {
            return Err(ApiError::field("text", app::refusals::General::AtMostChars { most: app::units::figure(TEXT_CHARS_MAX) }));
        }
        Ok(Self { group, repository: given(&filter.repository), text: text.map(|text| text.to_lowercase()) })
    }

    fn takes(&self, place: &Place<'_>) -> bool {
        self.group.is_none_or(|group| place.is_in(group))
            && self.repository.as_deref().is_none_or(|name| place.item.repository.as_str() == name)
            && self.text.as_deref().is_none_or(|text| place.says(text))
    }
}

/// A line of the plan, and what came of it in a word.
struct Place<'a> {
    seq: i32,
    item: &'a EffectItem,
    outcome: Option<&'a OutcomeRow>,
}

impl Place<'_> {
    fn is_in(&self, group: Group) -> bool {
        let outcome = self.outcome.map(|row| row.outcome.as_str());
        match group {
            Group::Create => self.item.effect == Effect::Create && self.item.accessory.is_none(),
            Group::Move => matches!(self.item.effect, Effect::Move { .. }) && self.item.accessory.is_none(),
            Group::Mend => self.item.effect == Effect::Mend,
            Group::Skip => matches!(self.item.effect, Effect::Skip { .. }),
            Group::Blocked => matches!(self.item.effect, Effect::Blocked { .. }),
            Group::Accessories => self.item.accessory.is_some(),
            Group::Done => matches!(outcome, Some("done" | "skipped")),
            Group::Failed => outcome == Some("failed"),
            Group::Open => matches!(outcome, Some("pending" | "started")),
        }
    }

    /// Whether the line has `text`, in lower case, somewhere a reader sees it, whatever their language.
    fn says(&self, text: &str) -> bool {
        let shown = view::item(self.item);
        let digests = [Some(shown.then.as_str()), shown.now.as_deref()];
        shown.repository.contains(text)
            || format!("{}:{}", shown.repository, shown.reference).to_lowercase().contains(text)
            || says(shown.detail.as_ref(), text)
            || digests.into_iter().flatten().any(|digest| digest.contains(text))
            || self.outcome.is_some_and(|row| {
                let code = row.code.as_deref().unwrap_or_default();
                row.outcome.contains(text) || code.contains(text) || says(row.detail.as_ref().map(|detail| &detail.0), text)
            })
    }
}

fn says(sentence: Option<&impl Sentence>, text: &str) -> bool {
    sentence.is_some_and(|sentence| [Lang::En, Lang::ZhCn].iter().any(|lang| sentence.say(*lang).to_lowercase().contains(text)))
}

/// The request, or the caller's own draft.
pub(super) async fn visible(conn: &mut PgConnection, caller: &Caller, called: &str) -> Result<Row, Error> {
    let row = name::find(conn, caller, called).await?;
    row.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Request).into())
}

/// A page of lines.
pub async fn list_lines(state: &AppState, caller: &Caller, called: &str, filter: LineFilter) -> Result<Lines, Error> {
    let mut conn = state.pool.acquire().await?;
    let row = visible(&mut conn, caller, called).await?;
    filtered(&mut conn, &row, filter).await
}

/// The page of lines that goes with the facts of a request or draft. The first one of all is among them.
pub(super) async fn of_facts(conn: &mut PgConnection, facts: &Facts, filter: LineFilter) -> Result<Lines, Error> {
    let some = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
    if some(&filter.group) || some(&filter.repository) || some(&filter.text) || filter.page.is_some_and(|page| page > 1) {
        let plan = queries::plan_of(&mut *conn, facts.row.request_id).await?.plan;
        return filtered(conn, &Row { plan, ..facts.row.clone() }, filter).await;
    }
    let summary = facts.summary()?;
    let seqs: Vec<i32> = (0..).take(summary.lines.len()).collect();
    let rows = if facts.items > 0 { queries::items_at(conn, facts.row.request_id, &seqs).await? } else { Vec::new() };
    let mut results: BTreeMap<i32, ItemResult> = rows.into_iter().map(|row| (row.seq, view::result(row))).collect();
    let line = |(seq, item): (i32, &EffectItem)| Line { place: i64::from(seq) + 1, effect: view::item(item), result: results.remove(&seq) };
    let pages = ((summary.all + LINES_PER_PAGE - 1) / LINES_PER_PAGE).max(1);
    Ok(Lines {
        lines: seqs.iter().copied().zip(&summary.lines).map(line).collect(),
        page: 1,
        pages,
        total: summary.all,
        counts: LineCounts {
            all: summary.all,
            create: summary.create,
            moved: summary.moved,
            mend: summary.mend,
            skip: summary.skip,
            blocked: summary.blocked,
            accessories: summary.accessories,
            done: facts.items_done,
            failed: facts.items_failed,
            open: facts.items - facts.items_done - facts.items_failed,
        },
        repositories: summary.repositories,
        began: facts.row.started_at.is_some(),
        next: (pages > 1).then(|| address(&facts.row.name(), &LineFilter::default(), 2)),
    })
}

async fn filtered(conn: &mut PgConnection, row: &Row, filter: LineFilter) -> Result<Lines, Error> {
    let asked = Asked::read(&filter)?;
    let request_id = row.request_id;
    let plan = view::stored_plan(row)?;
    let outcomes = outcomes(conn, request_id).await?;
    let places = places(&plan, &outcomes);
    let matching: Vec<&Place<'_>> = places.iter().filter(|place| asked.takes(place)).collect();
    let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let per_page = usize::try_from(LINES_PER_PAGE).unwrap_or(1);
    let pages = whole(matching.len().div_ceil(per_page)).max(1);
    let page = filter.page.unwrap_or(1).clamp(1, pages);
    let skipped = usize::try_from(page - 1).unwrap_or(0).saturating_mul(per_page);
    let shown: Vec<&Place<'_>> = matching.iter().skip(skipped).take(per_page).copied().collect();
    let lines = with_results(conn, request_id, &shown).await?;
    let mut repositories: Vec<String> =
        plan.items.iter().map(|item| item.repository.to_string()).collect::<BTreeSet<_>>().into_iter().collect();
    repositories.truncate(REPOSITORIES_MAX);
    Ok(Lines {
        lines,
        page,
        pages,
        total: whole(matching.len()),
        counts: counts(&places),
        repositories,
        began: row.started_at.is_some(),
        next: (page < pages).then(|| address(&row.name(), &filter, page + 1)),
    })
}

/// Every line that matches, for a download.
pub async fn all_lines(state: &AppState, caller: &Caller, called: &str, filter: LineFilter) -> Result<Vec<Line>, Error> {
    let _turn = state.turns.take(caller.account_id, Turn::Export).await?;
    let asked = Asked::read(&filter)?;
    let mut conn = state.pool.acquire().await?;
    let row = visible(&mut conn, caller, called).await?;
    let request_id = row.request_id;
    let plan = view::stored_plan(&row)?;
    let outcomes = outcomes(&mut conn, request_id).await?;
    let places = places(&plan, &outcomes);
    let matching: Vec<&Place<'_>> = places.iter().filter(|place| asked.takes(place)).collect();
    with_results(&mut conn, request_id, &matching).await
}

async fn outcomes(conn: &mut PgConnection, request_id: i64) -> sqlx::Result<BTreeMap<i32, OutcomeRow>> {
    Ok(queries::outcomes(conn, request_id).await?.into_iter().map(|row| (row.seq, row)).collect())
}

fn places<'a>(plan: &'a EffectPlan, outcomes: &'a BTreeMap<i32, OutcomeRow>) -> Vec<Place<'a>> {
    (0..).zip(&plan.items).map(|(seq, item)| Place { seq, item, outcome: outcomes.get(&seq) }).collect()
}

fn counts(places: &[Place<'_>]) -> LineCounts {
    let of = |group| i64::try_from(places.iter().filter(|place| place.is_in(group)).count()).unwrap_or(i64::MAX);
    LineCounts {
        all: i64::try_from(places.len()).unwrap_or(i64::MAX),
        create: of(Group::Create),
        moved: of(Group::Move),
        mend: of(Group::Mend),
        skip: of(Group::Skip),
        blocked: of(Group::Blocked),
        accessories: of(Group::Accessories),
        done: of(Group::Done),
        failed: of(Group::Failed),
        open: of(Group::Open),
    }
}

async fn with_results(conn: &mut PgConnection, request_id: i64, shown: &[&Place<'_>]) -> Result<Vec<Line>, Error> {
    let begun: Vec<i32> = shown.iter().filter(|place| place.outcome.is_some()).map(|place| place.seq).collect();
    let rows = queries::items_at(conn, request_id, &begun).await?;
    let mut results: BTreeMap<i32, ItemResult> = rows.into_iter().map(|row| (row.seq, view::result(row))).collect();
    let line =
        |place: &&Place<'_>| Line { place: i64::from(place.seq) + 1, effect: view::item(place.item), result: results.remove(&place.seq) };
    Ok(shown.iter().map(line).collect())
}

/// The address of a page in the API.
pub(super) fn address(called: &str, filter: &LineFilter, page: i64) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("group", &filter.group), ("repository", &filter.repository), ("text", &filter.text)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    query.append_pair("page", &page.to_string());
    format!("/api/v1/restores/{called}/lines?{}", query.finish())
}
