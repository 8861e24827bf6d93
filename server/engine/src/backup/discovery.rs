//! One look at a whole Harbor, five or six requests: which projects need not be listed, since nothing in them changed.
//!
//! It rests on the update times of repositories, which move with artifacts and tags since Harbor 2.15.2, and where they say nothing on the
//! Harbor's [audit log](super::tail). Both are hints, no truth: labels, settings and what a failed update left behind move no time, labels and garbage
//! collection write no row, so a full run on schedule asks everything again and is compared with what the hint would have said. Nothing is concluded from
//! silence: the login is proved before and after; Harbor must count as many repositories in the listing of update times as its projects have together, and the
//! answer must be in the order that was asked for; no row of the log may be missing. Where one of these fails, every project is listed; so it is where the
//! Harbor was [set back](super::sight).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use registry::{AuditLog, Client, HarborVersion, Newest, Project, RegistryError, Repository, SystemInfo};
use time::OffsetDateTime;
use vocab::ProjectName;

use super::sight::{self, Changed, Row, SetBack, Sight};
use super::tail::{self, Ask, Mark, Readable, Tail};

/// A change is looked for from so long before the last look on: a transaction may commit that long after the time it writes.
pub const OVERLAP: Duration = Duration::from_secs(300);

/// Most rows of the audit log that are read to tell what changed during a run, which cost far more than that.
const MEANWHILE_ROWS_MAX: usize = 20_000;

/// What was known of a project when it was last listed, or last found unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownState {
    /// Harbor's clock then.
    pub seen_at: OffsetDateTime,
    /// Harbor's number for the project: a project that was deleted and made again has another.
    pub project_id: i64,
    /// Repositories it counted.
    pub repositories: u64,
    /// Where the audit log was then, if it was read.
    pub mark: Option<Mark>,
}

/// From where on changes are looked for: the oldest of what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// The oldest [`KnownState::seen_at`].
    pub seen_at: OffsetDateTime,
    /// The lowest mark in the newer one of the two logs.
    pub mark: Option<Mark>,
}

impl Since {
    /// Of all that is known; `None` where nothing is.
    pub fn of<'a>(known_states: impl Iterator<Item = &'a KnownState> + Clone) -> Option<Self> {
        let seen_at = known_states.clone().map(|known_state| known_state.seen_at).min()?;
        let marks = known_states.filter_map(|known_state| known_state.mark);
        let mark = marks.min_by_key(|mark| (mark.log == AuditLog::Old, mark.id));
        Some(Self { seen_at, mark })
    }
}

/// What the look rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Update times of repositories.
    UpdateTimes,
    /// The Harbor's audit log, since update times say nothing.
    AuditLog,
    /// No project was looked at before.
    FirstLook,
    /// Its update times say nothing, or its version is unknown.
    Version,
    /// It does not tell its clock.
    Clock,
    /// It does not sort by update time as asked.
    Order,
    /// The listing has another number of repositories than the projects together.
    Count,
    /// The listing was refused.
    Refused,
    /// The Harbor was set back to an older database since the last look.
    SetBack,
}

impl Basis {
    /// One sentence for a log.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::UpdateTimes => "repository update times",
            Self::AuditLog => "the Harbor's audit log",
            Self::FirstLook => "none: nothing was listed before",
            Self::Version => "none: update times follow pushes from Harbor 2.15.2 on",
            Self::Clock => "none: the Harbor does not tell its clock",
            Self::Order => "none: the Harbor does not sort repositories by update time",
            Self::Count => "none: the login does not see as many repositories as the projects count",
            Self::Refused => "none: the login may not list repositories of all projects",
            Self::SetBack => "none: the Harbor was set back to an older state of its database",
        }
    }
}

/// The look.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// Harbor's clock before anything was listed; ours where it does not tell.
    pub at: OffsetDateTime,
    /// Every project the login sees.
    pub projects: Vec<Project>,
    /// What it rests on.
    pub basis: Basis,
    /// How the audit log can be used; none where it was not asked for.
    pub log: Option<Readable>,
    /// The Harbor was set back since an earlier look, if it was [held against](Discovery::against) one.
    pub set_back: Option<SetBack>,
    /// Repositories that were listed, the last changed first.
    pub(super) newest: Vec<Changed>,
    /// Whether these are all there are.
    pub(super) newest_are_all: bool,
    /// Changes from here on were listed.
    since: Option<OffsetDateTime>,
    /// Projects with a repository that was listed, and the last change of one.
    touched: HashMap<ProjectName, OffsetDateTime>,
    /// What the audit log says.
    tail: Option<Tail>,
}

impl Discovery {
    /// Looks. `projects` is how many there were last time.
    pub async fn take(client: &Client, since: Option<Since>, projects: u64) -> Result<Self, RegistryError> {
        // What does not rest on each other's answer is asked side by side: three times there and back in all.
        let (info, ()) = futures::try_join!(client.system_info(), client.prove_login())?;
        let at = info.current_time.unwrap_or_else(OffsetDateTime::now_utc);
        let listing = async {
            match asked(since, &info) {
                Ok(from) => Ok(newest(client, from).await?.map(|newest| (newest, Some(from)))),
                // Nothing follows from them yet; the next look is held against them.
                Err(Basis::FirstLook) if has_update_times(&info) => Ok(newest(client, at).await?.map(|newest| (newest, None))),
                Err(why) => Ok(Err(why)),
            }
        };
        let (projects, listing) = futures::try_join!(client.projects_at_once(projects), listing)?;
        let (log, touched) = (None, HashMap::new());
        let (newest, newest_are_all, set_back) = (Vec::new(), false, None);
        let mut discovery =
            Self { at, projects, basis: Basis::FirstLook, log, set_back, newest, newest_are_all, since: None, touched, tail: None };
        discovery.basis = listing.map_or_else(|why| why, |(newest, from)| discovery.read(newest, from));
        discovery.read_log(client, &info, since.and_then(|since| since.mark)).await?;
        client.prove_login().await?;
        Ok(discovery)
    }

    /// Holds the look against what an earlier one saw. Of a Harbor that was set back no hint is followed.
    pub async fn against(mut self, client: &Client, before: &Sight) -> Result<Self, RegistryError> {
        self.set_back = sight::compare(&self, client, before).await?;
        if self.set_back.is_some() {
            self.basis = Basis::SetBack;
        }
        Ok(self)
    }

    fn read(&mut self, newest: Newest, since: Option<OffsetDateTime>) -> Basis {
        self.newest_are_all = newest.total == newest.rows.len() as u64;
        let changed = |row: &Repository| Some(Changed { id: row.id, name: row.name.clone(), at: row.update_time?, made: row.created });
        self.newest = newest.rows.iter().filter_map(changed).collect();
        if since.is_none() {
            return Basis::FirstLook;
        }
        // Whoever sees less than all would take what he cannot see for unchanged.
        if newest.total != self.projects.iter().map(|project| project.repo_count).sum::<u64>() {
            return Basis::Count;
        }
        for row in newest.rows {
            let Some(changed) = row.update_time else { return Basis::Order };
            let last = self.touched.entry(row.name.project()).or_insert(changed);
            *last = changed.max(*last);
        }
        self.since = since;
        Basis::UpdateTimes
    }

    /// Reads the audit log where update times say nothing; at a first look, so that the next one has a mark to read on from.
    async fn read_log(&mut self, client: &Client, info: &SystemInfo, since: Option<Mark>) -> Result<(), RegistryError> {
        let Some(version) = info.version else { return Ok(()) };
        let useful = match self.basis {
            Basis::UpdateTimes | Basis::Clock | Basis::AuditLog | Basis::SetBack => false,
            Basis::FirstLook => version < HarborVersion::UPDATE_TIMES,
            Basis::Version | Basis::Order | Basis::Count | Basis::Refused => true,
        };
        if !useful || info.current_time.is_none() {
            return Ok(());
        }
        let names: HashSet<&ProjectName> = self.projects.iter().map(|project| &project.name).collect();
        let ask = Ask { log: AuditLog::of(version), since, projects: &names, rows_max: tail::ROWS_MAX };
        let tail = Tail::read(client, ask).await?;
        self.log = Some(tail.readable);
        if tail.readable == Readable::Whole {
            self.basis = Basis::AuditLog;
        }
        self.tail = Some(tail);
        Ok(())
    }

    /// Which log was read.
    #[must_use]
    pub fn audit_log(&self) -> Option<AuditLog> {
        self.tail.as_ref()?.mark.map(|mark| mark.log)
    }

    /// The newest rows of the audit log that were read, the newest first.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.tail.iter().flat_map(|tail| &tail.newest)
    }

    /// Whether the log could not be read on from where it was left.
    pub(super) fn log_is_broken(&self) -> bool {
        matches!(self.log, Some(Readable::Gap | Readable::Empty))
    }

    fn is_named(&self, project: &Project, known_state: &KnownState) -> Option<bool> {
        self.tail.as_ref()?.names(&project.name, known_state.mark)
    }

    /// Whether the audit log tells of a push to the project since `known_state`.
    #[must_use]
    pub fn tells_of_push(&self, project: &Project, known_state: &KnownState) -> bool {
        self.tail.as_ref().is_some_and(|tail| tail.tells_of_push(&project.name, known_state.mark))
    }

    /// Of these projects those that the audit log names by now and did not at the look. `None`: it does not say.
    pub async fn changed_meanwhile(
        &self,
        client: &Client,
        projects: &HashSet<&ProjectName>,
    ) -> Result<Option<HashSet<ProjectName>>, RegistryError> {
        let Some(mark) = self.tail.as_ref().and_then(|tail| tail.mark) else { return Ok(None) };
        let ask = Ask { log: mark.log, since: Some(mark), projects, rows_max: MEANWHILE_ROWS_MAX };
        let tail = Tail::read(client, ask).await?;
        let named = |name: &&&ProjectName| tail.names(name, Some(mark)) == Some(true);
        Ok((tail.readable == Readable::Whole).then(|| projects.iter().filter(named).map(|name| (*name).clone()).collect()))
    }

    /// Whether nothing in the project changed since `known_state`, as far as the hint goes.
    #[must_use]
    pub fn is_unchanged(&self, project: &Project, known_state: &KnownState) -> bool {
        let same = known_state.project_id == project.id && known_state.repositories == project.repo_count;
        same && match self.basis {
            Basis::UpdateTimes => self.is_untouched(project, known_state),
            Basis::AuditLog => self.is_named(project, known_state) == Some(false),
            _ => false,
        }
    }

    fn is_untouched(&self, project: &Project, known_state: &KnownState) -> bool {
        let from = known_state.seen_at - OVERLAP;
        self.since.is_some_and(|since| since <= from) && self.touched.get(&project.name).is_none_or(|changed| *changed < from)
    }

    /// What is to be known of the project next time.
    #[must_use]
    pub fn state_of(&self, project: &Project) -> KnownState {
        KnownState { seen_at: self.at, project_id: project.id, repositories: project.repo_count, mark: self.mark() }
    }

    /// How far the audit log was read, where one was.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        self.tail.as_ref().and_then(|tail| tail.mark)
    }

    /// What the look rests on, one sentence for a log; where it rests on nothing, why neither can be used.
    #[must_use]
    pub fn sentence(&self) -> String {
        let basis = self.basis.sentence();
        if let Some(SetBack { evidence, .. }) = &self.set_back {
            return format!("{basis}; {evidence}");
        }
        match (self.basis, self.log) {
            (Basis::AuditLog, _) | (_, None) | (Basis::FirstLook, Some(Readable::NoMark)) => basis.to_owned(),
            (_, Some(log)) => format!("{basis}; {}", log.sentence()),
        }
    }
}

fn has_update_times(info: &SystemInfo) -> bool {
    info.version.is_some_and(|version| version >= HarborVersion::UPDATE_TIMES)
}

/// From when on update times are to be listed, or why they need not be.
fn asked(since: Option<Since>, info: &SystemInfo) -> Result<OffsetDateTime, Basis> {
    let since = since.ok_or(Basis::FirstLook)?;
    has_update_times(info).then_some(()).ok_or(Basis::Version)?;
    info.current_time.ok_or(Basis::Clock)?;
    Ok(since.seen_at - OVERLAP)
}

/// The repositories that changed since, or why they cannot be told.
async fn newest(client: &Client, since: OffsetDateTime) -> Result<Result<Newest, Basis>, RegistryError> {
    match client.newest_repositories(since).await {
        Ok(newest) => Ok(newest.ok_or(Basis::Order)),
        Err(RegistryError::Forbidden { .. } | RegistryError::NotFound { .. } | RegistryError::Invalid { .. }) => Ok(Err(Basis::Refused)),
        Err(error) => Err(error),
    }
}
