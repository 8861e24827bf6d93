//! The head of every page: who reads it, what waits, what runs, and the seal of the audit history.

use app::accounts::types::Grant;
use app::ports::Cx;
use app::session::types::{Me, Shell, Theme};
use app::text::Lang;
use app::ui::region::is_of_regions;
use app::units::Moment;
use http::header;
use sqlx::PgPool;
use time::OffsetDateTime;

use super::caller::Opened;
use super::ops::{cookie_of, session_of, store_error};
use super::{bootstrap_open, store};
use crate::access::Caller;
use crate::error::Error;
use crate::state::AppState;
use crate::{audit, jobs, restores};

/// What the head counts.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct Counts {
    /// Requests that wait for the caller's vote.
    pub waiting: i64,
    /// Jobs that run, of those the caller may see.
    pub running: i64,
    /// Records of the audit history.
    pub events: i64,
    checked_at: Option<OffsetDateTime>,
    held: Option<bool>,
}

/// Counts it, with one statement.
pub async fn counts(pool: &PgPool, caller: &Caller) -> Result<Counts, Error> {
    let sight = restores::Sight::of(caller);
    let jobs = jobs::Reach::of(caller);
    let (waiting, running) = (restores::waiting_text(), jobs::running_text(restores::SIGHT_VALUES + 1));
    let sql = sqlx::AssertSqlSafe(format!("select {waiting} as waiting, {running} as running, {}", audit::SEAL));
    Ok(jobs.bind(sight.bind(sqlx::query_as(sql))).fetch_one(pool).await?)
}

/// The shell around every page.
pub async fn shell(state: &AppState, cx: &Cx) -> Result<Shell, Error> {
    let caller = Caller::of(cx).ok();
    let opened = cx.parts.extensions.get::<Opened>().copied();
    let mut flash = None;
    // A request for regions of a page that is open already leaves it for the page that is loaded next.
    if opened.is_some_and(|opened| opened.message) && !is_of_regions(&cx.parts.headers) {
        flash = session_of(cx)?.remove::<String>(store::MESSAGE).await.map_err(|e| store_error(&e))?;
    }
    let counts = match &caller {
        Some(caller) => Some(counts(&state.pool, caller).await?),
        None => None,
    };
    Ok(Shell {
        must_change_password: caller.as_ref().is_some_and(|caller| caller.must_change),
        me: caller.as_ref().map(me),
        setup_needed: caller.is_none() && bootstrap_open(&state.pool).await?,
        lang: language(cx),
        theme: theme(cx),
        single_keys: opened.is_some_and(|opened| opened.single_keys),
        approvals_waiting: counts.map_or(0, |counts| counts.waiting),
        jobs_running: counts.map_or(0, |counts| counts.running),
        audit_events: counts.map_or(0, |counts| counts.events),
        audit_verified: counts.and_then(|counts| Some((Moment(counts.checked_at?), counts.held?))),
        flash,
        version: crate::VERSION.to_owned(),
        now: Moment(OffsetDateTime::now_utc()),
    })
}

fn me(caller: &Caller) -> Me {
    Me {
        id: caller.account_id,
        login: caller.login.clone(),
        display_name: caller.display_name.clone(),
        duties: caller.duties.clone(),
        grants: caller
            .roles
            .iter()
            .map(|r| Grant { role: r.role, harbor: r.harbor.as_ref().map(|(_, name)| name.clone()), project: r.project.clone() })
            .collect(),
    }
}

fn language(cx: &Cx) -> Lang {
    cookie_of(&cx.parts.headers, "lang")
        .or_else(|| cx.parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()))
        .map_or(Lang::En, Lang::from_header)
}

fn theme(cx: &Cx) -> Theme {
    match cookie_of(&cx.parts.headers, "theme") {
        Some("light") => Theme::Light,
        Some("dark") => Theme::Dark,
        _ => Theme::System,
    }
}
