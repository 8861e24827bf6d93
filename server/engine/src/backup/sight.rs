//! Whether a Harbor was set back to an older database since the last look.
//!
//! Whoever restores last night's dump gives Harbor times and numbers that were seen before, and takes away what came later. To every hint that looks like
//! "nothing changed since", in the very projects that changed. So a look keeps what only grows, and the next one is held against it: times of the repositories
//! that changed last, the newest row of the audit log, the highest numbers handed out. What went back says that the database did; a repository or
//! project with an old number that was made since says it too. Nothing is concluded from what is merely gone: it may have been deleted, and its project is
//! listed for that. An ordinary look costs no request more, one after very many rows of the log one.
//!
//! Where nothing shows: update times follow pushes from Harbor 2.15.2 on, and the log needs its right. Without both every project is listed each time anyway,
//! so no snapshot is wrong, but what is noticed is only a number that is handed out again.

use std::fmt;
use std::time::Duration;

use registry::{AuditLog, Client, RegistryError};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use vocab::RepositoryName;

use super::discovery::Discovery;

/// Repositories remembered: as many as the page of them that a look reads anyway.
const REPOSITORIES_MAX: usize = 100;
/// Repositories that are missing from that page and are asked for one by one.
const ASKED_MAX: usize = 3;
/// Clocks of the machines of one Harbor may differ by so much.
const SKEW: Duration = Duration::from_secs(60);

/// A repository and when it changed last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: RepositoryName,
    /// Its update time.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// When it was made.
    #[serde(skip)]
    pub(super) made: Option<OffsetDateTime>,
}

/// A row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Which log: numbers of one mean nothing in the other.
    pub log: String,
    /// Its number.
    pub id: i64,
    /// Its time.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// What a look saw, to hold the next one against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// Harbor's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The highest number of a project.
    pub project: i64,
    /// The highest number of a repository that was met.
    pub repository: i64,
    /// The repositories that changed last.
    pub repositories: Vec<Changed>,
    /// The newest row of the audit log.
    pub row: Option<Row>,
}

/// Why a Harbor is known to have been set back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// A repository's update time went back.
    Time {
        /// Which.
        repository: RepositoryName,
        /// What it was.
        was: OffsetDateTime,
        /// What it is.
        is: OffsetDateTime,
    },
    /// The audit log ends before a row that was seen.
    LogEnds {
        /// The newest number then.
        was: i64,
        /// The newest now.
        is: i64,
    },
    /// A row of the audit log is another one by now.
    LogDiffers {
        /// Its number.
        id: i64,
    },
    /// Something was made since the last look, under a number that had been handed out before it.
    NumberAgain {
        /// The project or repository.
        name: String,
        /// The number.
        id: i64,
    },
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time { repository, was, is } => {
                write!(f, "{repository} changed last at {}, and at {} when it was looked at before", minute(*is), minute(*was))
            }
            Self::LogEnds { was, is } => write!(f, "its audit log ends with row {is}, and went on to row {was} before"),
            Self::LogDiffers { id } => write!(f, "row {id} of its audit log is another one than before"),
            Self::NumberAgain { name, id } => write!(f, "{name} is new and has the number {id}, which was handed out before"),
        }
    }
}

fn minute(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    format!("{} {:02}:{:02} UTC", at.date(), at.hour(), at.minute())
}

/// A Harbor was set back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetBack {
    /// How that is known.
    pub evidence: Evidence,
    /// The newest thing from before the last look that is still there: what came between it and the look may be lost.
    pub kept_until: Option<OffsetDateTime>,
}

impl Sight {
    /// What is to be known next time: what this look saw, and what it did not ask for from `before`, unless the Harbor was set back since.
    #[must_use]
    pub fn of(discovery: &Discovery, before: Option<&Self>) -> Self {
        let before = before.filter(|_| discovery.set_back.is_none());
        let project = discovery.projects.iter().map(|project| project.id).max().unwrap_or(0);
        let repository = discovery.newest.iter().map(|row| row.id).max().unwrap_or(0);
        let mut repositories: Vec<Changed> = discovery.newest.iter().take(REPOSITORIES_MAX).cloned().collect();
        if repositories.is_empty() {
            repositories = before.map(|before| before.repositories.clone()).unwrap_or_default();
        }
        Self {
            at: discovery.at,
            project: project.max(before.map_or(0, |before| before.project)),
            repository: repository.max(before.map_or(0, |before| before.repository)),
            repositories,
            row: discovery.rows().next().cloned().or_else(|| before?.row.clone()),
        }
    }
}

/// Holds a look against what the last one saw.
pub(super) async fn compare(discovery: &Discovery, client: &Client, before: &Sight) -> Result<Option<SetBack>, RegistryError> {
    let (evidence, newest) = match again(discovery, before).or_else(|| of_rows(discovery, before)).or_else(|| of_times(discovery, before)) {
        Some(evidence) => (Some(evidence), None),
        None => match of_log(discovery, client, before).await? {
            Some((evidence, newest)) => (Some(evidence), newest),
            None => (of_missing(discovery, client, before).await?, None),
        },
    };
    let kept = || {
        let times = discovery.newest.iter().map(|row| row.at).chain(discovery.rows().map(|row| row.at)).chain(newest);
        times.filter(|at| *at <= before.at).max()
    };
    Ok(evidence.map(|evidence| SetBack { evidence, kept_until: kept() }))
}

/// Something new under an old number.
fn again(discovery: &Discovery, before: &Sight) -> Option<Evidence> {
    let since = before.at + SKEW;
    let projects = discovery.projects.iter().map(|p| (p.id, before.project, p.created, p.name.as_str()));
    let repositories = discovery.newest.iter().map(|r| (r.id, before.repository, r.made, r.name.as_str()));
    let mut again = projects.chain(repositories).filter(|(id, highest, made, _)| id <= highest && made.is_some_and(|made| made > since));
    again.next().map(|(id, _, _, name)| Evidence::NumberAgain { name: name.to_owned(), id })
}

fn of_rows(discovery: &Discovery, before: &Sight) -> Option<Evidence> {
    let then = before.row.as_ref()?;
    let now = discovery.rows().find(|row| row.log == then.log && row.id == then.id)?;
    (now.at != then.at).then_some(Evidence::LogDiffers { id: then.id })
}

fn of_times(discovery: &Discovery, before: &Sight) -> Option<Evidence> {
    before.repositories.iter().find_map(|then| {
        let now = discovery.newest.iter().find(|now| now.id == then.id)?;
        went_back(then, now.at)
    })
}

fn went_back(then: &Changed, is: OffsetDateTime) -> Option<Evidence> {
    (is < then.at - SKEW).then(|| Evidence::Time { repository: then.name.clone(), was: then.at, is })
}

/// The log ends before a row that was seen, or has grown so much that the row is not on the page that was read. With the time of the row that was asked
/// for as the newest, where it was.
async fn of_log(
    discovery: &Discovery,
    client: &Client,
    before: &Sight,
) -> Result<Option<(Evidence, Option<OffsetDateTime>)>, RegistryError> {
    let Some(then) = &before.row else { return Ok(None) };
    let Ok(log) = then.log.parse::<AuditLog>() else { return Ok(None) };
    if discovery.log_is_broken() {
        let newest = client.newest_audit(log, 1).await?.and_then(|newest| newest.rows.into_iter().next());
        return Ok(newest.filter(|row| row.id < then.id).map(|row| (Evidence::LogEnds { was: then.id, is: row.id }, row.time)));
    }
    let read = discovery.rows().next().is_some_and(|row| row.log == then.log);
    if !read || discovery.rows().any(|row| row.id == then.id) {
        return Ok(None);
    }
    let now = client.audit_event(log, then.id).await?.and_then(|row| row.time);
    Ok(now.filter(|at| *at != then.at).map(|_| (Evidence::LogDiffers { id: then.id }, None)))
}

/// Of repositories that must be among those that changed last and are not, the ones that are there after all.
async fn of_missing(discovery: &Discovery, client: &Client, before: &Sight) -> Result<Option<Evidence>, RegistryError> {
    let Some(covered) = discovery.newest.last().filter(|_| !discovery.newest_are_all).map(|row| row.at) else { return Ok(None) };
    let is_missing = |then: &&Changed| then.at - SKEW > covered && !discovery.newest.iter().any(|now| now.id == then.id);
    let missing = before.repositories.iter().filter(is_missing);
    for then in missing.take(ASKED_MAX) {
        if let Some(now) = client.repository(&then.name).await?.filter(|now| now.id == then.id)
            && let Some(evidence) = now.update_time.and_then(|at| went_back(then, at))
        {
            return Ok(Some(evidence));
        }
    }
    Ok(None)
}
