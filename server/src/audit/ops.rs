//! Reading and checking the history.

use app::audit::events::SystemEvent;
use app::audit::types::{AuditDetail, AuditFilter, AuditPage, ChainCheck};
use app::error::{ApiError, ErrorKind};
use app::units::Moment;
use sqlx::PgPool;

use super::{Actor, Event, Outcome, chain, queries, record};
use crate::access::{Caller, Operation, Origin};
use crate::error::Error;
use crate::state::AppState;
use crate::turns::Turn;

/// Events of an operator's own domain.
const OF_OPERATORS: [&str; 9] =
    ["harbor.%", "vault.%", "plan.%", "backup.%", "job.%", "snapshot.create", "snapshot.copy", "snapshot.expire", "snapshot.adopt"];
/// Events of security.
const OF_SECADMINS: [&str; 8] = ["auth.%", "authz.%", "user.%", "role.%", "token.%", "session.%", "password.%", "bootstrap.%"];

/// What the caller sees of the history: console.md §3.2.
struct Scope {
    all: bool,
    projects: Vec<String>,
    actions: Vec<&'static str>,
    own: bool,
}

fn scope(caller: &Caller) -> Scope {
    use app::accounts::types::{Duty, Role};
    let of = |duty, actions: &[&'static str]| if caller.has(duty) { actions.to_vec() } else { Vec::new() };
    let projects = caller
        .roles
        .iter()
        .filter(|r| matches!(r.role, Role::Approver | Role::Owner))
        .map(|r| {
            let harbor = r.harbor.as_ref().map_or("%".to_owned(), |(_, name)| queries::escape_like(name));
            let project = r.project.as_deref().map_or("%".to_owned(), queries::escape_like);
            format!("{harbor}/{project}")
        })
        .collect();
    Scope {
        all: caller.may(Operation::ReadAudit, None),
        projects,
        actions: [of(Duty::Operator, &OF_OPERATORS), of(Duty::Secadmin, &OF_SECADMINS)].concat(),
        // Who may only look has done nothing that is told.
        // What the owner of a bound token did elsewhere is beyond its bounds.
        own: caller.bounds.is_none() && (!caller.duties.is_empty() || caller.roles.iter().any(|r| r.role != Role::Viewer)),
    }
}

impl Scope {
    fn sight<'a>(&'a self, caller: &'a Caller) -> queries::Sight<'a> {
        let login = self.own.then_some(caller.login.as_str());
        queries::Sight { all: self.all, projects: &self.projects, actions: &self.actions, login }
    }
}

/// A page of the history. Reading all of it is itself an event, page by page: what was read is what was recorded.
pub async fn list(state: &AppState, caller: &Caller, origin: &Origin, filter: AuditFilter) -> Result<AuditPage, Error> {
    let time = |text: &Option<String>, field: &str| match text.as_deref().map(str::trim).filter(|t| !t.is_empty()) {
        None => Ok(None),
        Some(text) => parse_time(text).map(Some).ok_or_else(|| ApiError::field(field, app::refusals::General::TimeForm)),
    };
    let bound = queries::Bound::new(&filter, time(&filter.from, "from")?, time(&filter.to, "to")?);
    let before =
        filter.after.as_deref().map(|c| c.parse().map_err(|_| ApiError::field("after", app::refusals::General::NoPage))).transpose()?;
    let scope = scope(caller);
    let sight = scope.sight(caller);
    // A search reads what it has to, and other pages wait for the same database.
    let _turn = state.turns.take(caller.account_id, Turn::Audit).await?;
    let mut tx = state.pool.begin().await?;
    queries::begin_search(&mut tx).await?;
    let mut events = queries::page(&mut tx, &sight, &bound, before).await.map_err(too_broad)?;
    let page_rows = usize::try_from(queries::PAGE_ROWS).unwrap_or(usize::MAX);
    let next = (events.len() > page_rows).then(|| events[page_rows - 1].seq.to_string());
    events.truncate(page_rows);
    if !scope.all {
        events.iter_mut().for_each(|event| event.ip = None);
    }
    let (matching, total) = queries::matching(&mut tx, &sight, &bound).await.map_err(too_broad)?;
    queries::end_search(&mut tx).await?;
    let (matching, matching_more) = (matching.min(queries::COUNT_MAX), matching > queries::COUNT_MAX);
    if scope.all {
        let what = match events.first().zip(events.last()) {
            Some((first, last)) => SystemEvent::HistoryRead { first: last.seq, last: first.seq, matched: matching, more: matching_more },
            None => SystemEvent::HistoryReadEmpty { matched: matching, more: matching_more },
        };
        let event = Event::new("audit.query", "audit", "history", what);
        record(&mut tx, &Actor::caller(caller, origin), event).await?;
    }
    tx.commit().await?;
    Ok(AuditPage { events, next, matching, matching_more, total: if scope.all { total } else { matching } })
}

/// A search that Postgres broke off because it took too long is the searcher's to narrow.
fn too_broad(error: sqlx::Error) -> Error {
    const CANCELED: &str = "57014";
    match &error {
        sqlx::Error::Database(database) if database.code().as_deref() == Some(CANCELED) => {
            let text = app::refusals::General::TooBroad;
            ApiError::new(ErrorKind::Invalid, "too_broad", text).into()
        }
        _ => error.into(),
    }
}

/// One event with its record and hashes.
pub async fn get(state: &AppState, caller: &Caller, origin: &Origin, seq: i64) -> Result<AuditDetail, Error> {
    let scope = scope(caller);
    let sight = scope.sight(caller);
    let mut tx = state.pool.begin().await?;
    let (mut event, link) =
        queries::one(&mut tx, &sight, seq).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::AuditEvent))?;
    let related = queries::related(&mut tx, &sight, &event).await?;
    let intact = link.hash == chain::hash(&link.prev_hash, link.seq, &link.record);
    let mut text = String::from_utf8_lossy(&link.record).into_owned();
    if !scope.all {
        event.ip = None;
        text = "the raw record is shown to auditors".to_owned();
    } else {
        let opened = Event::new("audit.query", "audit", seq.to_string(), SystemEvent::EventOpened { seq });
        record(&mut tx, &Actor::caller(caller, origin), opened).await?;
    }
    tx.commit().await?;
    Ok(AuditDetail { event, record: text, prev_hash: hex::encode(link.prev_hash), hash: hex::encode(link.hash), intact, related })
}

/// Computes the chain again, keeps the result, and records that it was done.
pub async fn verify(state: &AppState, caller: &Caller, origin: &Origin) -> Result<ChainCheck, Error> {
    caller.require(Operation::ReadAudit, None)?;
    // What it finds is kept and recorded.
    caller.require_write()?;
    verify_pool(&state.pool, &Actor::caller(caller, origin)).await
}

/// The same without a caller: for `doctor` and the nightly check.
pub async fn verify_pool(pool: &PgPool, actor: &Actor) -> Result<ChainCheck, Error> {
    let progress = walk(pool).await?;
    let mut tx = pool.begin().await?;
    let at = queries::keep_check(&mut tx, progress.events, &progress.head, progress.broken).await?;
    let outcome = if progress.broken.is_some() { Outcome::Failure } else { Outcome::Success };
    let mut event = Event::new("audit.verify", "audit", "history", SystemEvent::ChainVerified { events: progress.events });
    if let Some((seq, how)) = progress.broken {
        event = event.outcome(outcome, "chain_broken").with("broken_seq", seq).with("broken_how", how);
    }
    record(&mut tx, actor, event).await?;
    tx.commit().await?;
    Ok(ChainCheck {
        at: Moment(at),
        events: progress.events,
        head: hex::encode(progress.head),
        broken: progress.broken.map(|(seq, how)| (seq, how.to_owned())),
    })
}

/// Reads the whole chain in pages, on one consistent view of the table.
async fn walk(pool: &PgPool) -> Result<chain::Progress, Error> {
    let mut tx = pool.begin().await?;
    sqlx::query("set transaction isolation level repeatable read read only").execute(&mut *tx).await?;
    let (head_seq, head_hash) = queries::head(&mut tx).await?;
    let mut progress = chain::Progress::default();
    let mut after = 0;
    loop {
        let links = queries::links(&mut tx, after).await?;
        let Some(last) = links.last() else { break };
        after = last.seq;
        links.iter().for_each(|link| progress.take(link));
    }
    progress.close(head_seq, &head_hash);
    Ok(progress)
}

/// Number of records and the newest check, for the seal on every page.
pub async fn seal(pool: &PgPool) -> Result<(i64, Option<(Moment, bool)>), Error> {
    let mut conn = pool.acquire().await?;
    let (events, _) = queries::head(&mut conn).await?;
    Ok((events, queries::last_check(&mut conn).await?.map(|(at, good)| (Moment(at), good))))
}

fn parse_time(text: &str) -> Option<time::OffsetDateTime> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.replace(' ', "T") };
    let zoned = if whole.ends_with('Z') || whole.contains('+') { whole } else { format!("{whole}Z") };
    time::OffsetDateTime::parse(&zoned, &time::format_description::well_known::Rfc3339).ok()
}
