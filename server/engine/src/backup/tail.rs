//! What the Harbor's own audit log says happened since a look: the cheap way where update times of repositories say nothing.
//!
//! A row is written after its change, so whatever the newest row of a look tells of is seen by a listing that comes later, and what has no row
//! yet has one with a higher number next time. That holds while no row is lost: rows are numbered one by one, and a number that is missing is a
//! row that was purged, never written, or hidden from this login; or one that is being written, which it no longer is a moment later. What a
//! Harbor was told to leave out of its log leaves no gap: whether the log names changes at all has to be seen by runs that list everything,
//! which is the caller's part.

use std::collections::{HashMap, HashSet};

use std::time::Duration;

use registry::{AuditEvent, AuditLog, Client, NewestAudit, RegistryError};
use vocab::ProjectName;

use super::sight::Row;

/// Most rows of changes that a look reads; with more of them listing everything is no dearer.
pub const ROWS_MAX: usize = 2_000;
/// How often the newest rows are read where a number is missing.
const READS_MAX: usize = 2;
/// How long a row that is being written may take.
const WRITING: Duration = Duration::from_secs(1);

/// A place in a log: a look saw all rows up to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Whose number.
    pub log: AuditLog,
    /// The row's number.
    pub id: i64,
}

/// How the log can be used this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readable {
    /// It names what changed since the mark.
    Whole,
    /// There was no mark to read on from; there is one now.
    NoMark,
    /// It shows no row.
    Empty,
    /// It may not be read, or has no numbers.
    Refused,
    /// Rows since the mark are missing.
    Gap,
    /// More than [`ROWS_MAX`] changes.
    TooMany,
}

impl Readable {
    /// One sentence for a log.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Whole => "the Harbor's audit log names what changed",
            Self::NoMark => "the Harbor's audit log was not read before",
            Self::Empty => "the Harbor's audit log shows no row: it is off, or the login lacks audit-log:list of the system",
            Self::Refused => "the Harbor's audit log cannot be read with this login",
            Self::Gap => "rows of the Harbor's audit log are missing since the last look",
            Self::TooMany => "the Harbor's audit log has too many changes since the last look",
        }
    }
}

/// What was read.
#[derive(Debug, Clone)]
pub struct Tail {
    /// Whether anything follows from it.
    pub readable: Readable,
    /// Where the next look reads on.
    pub mark: Option<Mark>,
    /// The newest rows that were read, the newest first.
    pub(super) newest: Vec<Row>,
    /// Where this one did.
    since: Option<Mark>,
    /// The newest rows that name each project.
    named: HashMap<ProjectName, Named>,
}

/// Rows that name a project.
#[derive(Debug, Clone, Copy, Default)]
struct Named {
    /// The newest.
    last: i64,
    /// The newest that tells of a push or a new tag; zero where none does.
    push: i64,
}

/// What to read a log for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Which log.
    pub log: AuditLog,
    /// From where on.
    pub since: Option<Mark>,
    /// Names to look for.
    pub projects: &'a HashSet<&'a ProjectName>,
    /// Most rows of changes to read.
    pub rows_max: usize,
}

impl Tail {
    fn nothing(readable: Readable, mark: Option<Mark>) -> Self {
        Self { readable, mark, newest: Vec::new(), since: None, named: HashMap::new() }
    }

    /// Reads what is new.
    pub async fn read(client: &Client, ask: Ask<'_>) -> Result<Self, RegistryError> {
        match Self::try_read(client, ask).await {
            Err(RegistryError::Forbidden { .. } | RegistryError::NotFound { .. } | RegistryError::Invalid { .. }) => {
                Ok(Self::nothing(Readable::Refused, None))
            }
            other => other,
        }
    }

    async fn try_read(client: &Client, ask: Ask<'_>) -> Result<Self, RegistryError> {
        let since = ask.since.filter(|mark| mark.log == ask.log);
        let (mut visible, mut read) = (None, Vec::new());
        for _ in 0..READS_MAX {
            if visible.is_some() {
                tokio::time::sleep(WRITING).await;
            }
            let newest = client.newest_audit(ask.log, since.map_or(0, |mark| mark.id)).await?;
            let Some(newest) = newest else { return Ok(Self::nothing(Readable::Refused, None)) };
            let last = newest.rows.first().map(|row| row.id);
            let Some(since) = since else {
                let readable = if last.is_some() { Readable::NoMark } else { Readable::Empty };
                let nothing = Self::nothing(readable, last.map(|id| Mark { log: ask.log, id }));
                return Ok(Self { newest: rows(ask.log, &newest), ..nothing });
            };
            read = rows(ask.log, &newest);
            if let Some(seen) = unbroken(&newest, since.id, visible) {
                let named = Self::name(client, ask, newest, (since, seen)).await?;
                return Ok(Self { newest: read, ..named });
            }
            visible = last;
        }
        // Whatever is listed now is listed after these rows were written.
        let nothing = Self::nothing(Readable::Gap, visible.map(|id| Mark { log: ask.log, id }));
        Ok(Self { newest: read, ..nothing })
    }

    async fn name(client: &Client, ask: Ask<'_>, newest: NewestAudit, (since, seen): (Mark, i64)) -> Result<Self, RegistryError> {
        let mark = Some(Mark { id: seen, ..since });
        let changes = if newest.is_cut() {
            let Some(changes) = client.audit_changes(since.log, since.id, ask.rows_max).await? else {
                return Ok(Self::nothing(Readable::TooMany, mark));
            };
            changes
        } else {
            newest.rows.into_iter().filter(|row| row.operation != "pull").collect()
        };
        let mut named: HashMap<ProjectName, Named> = HashMap::new();
        for row in changes {
            let push = row.operation == "create" && matches!(row.resource_type.as_str(), "artifact" | "tag");
            for project in names(&row, ask.projects) {
                let rows = named.entry(project).or_default();
                rows.last = row.id.max(rows.last);
                rows.push = if push { row.id.max(rows.push) } else { rows.push };
            }
        }
        Ok(Self { readable: Readable::Whole, mark, newest: Vec::new(), since: Some(since), named })
    }

    /// What it says of a project since `mark`. `None`: it does not say.
    fn rows(&self, project: &ProjectName, mark: Option<Mark>) -> Option<(Named, i64)> {
        let (since, mark) = (self.since?, mark?);
        let covered = self.readable == Readable::Whole && mark.log == since.log && mark.id >= since.id;
        covered.then(|| (self.named.get(project).copied().unwrap_or_default(), mark.id))
    }

    /// Whether it names a project since `mark`. `None`: it does not say what happened since then.
    #[must_use]
    pub fn names(&self, project: &ProjectName, mark: Option<Mark>) -> Option<bool> {
        self.rows(project, mark).map(|(rows, mark)| rows.last > mark)
    }

    /// Whether it tells of a push to a project, or a new tag in it, since `mark`.
    #[must_use]
    pub fn tells_of_push(&self, project: &ProjectName, mark: Option<Mark>) -> bool {
        self.rows(project, mark).is_some_and(|(rows, mark)| rows.push > mark)
    }
}

fn rows(log: AuditLog, newest: &NewestAudit) -> Vec<Row> {
    let row = |event: &AuditEvent| Some(Row { log: log.name().to_owned(), id: event.id, at: event.time? });
    newest.rows.iter().filter_map(row).collect()
}

/// The last row up to which none is missing from `from` on. `None`: one is, below the newest that was `visible` a moment ago, or below any.
fn unbroken(newest: &NewestAudit, from: i64, visible: Option<i64>) -> Option<i64> {
    let (last, oldest) = (newest.rows.first()?.id, newest.rows.last()?.id);
    // Rows that are not on the page are as many as there are numbers.
    let below = newest.total.saturating_sub(newest.rows.len() as u64);
    if u64::try_from(oldest - from).ok()? != below {
        return None;
    }
    let seen = (oldest..).zip(newest.rows.iter().rev()).take_while(|(id, row)| row.id == *id).map(|(id, _)| id).last()?;
    (seen >= visible.unwrap_or(last)).then_some(seen)
}

/// Projects that a row speaks of: by `project/repository…`, by its own name, in the sentence on a member, or in a robot's name.
fn names(row: &AuditEvent, projects: &HashSet<&ProjectName>) -> Vec<ProjectName> {
    let first = row.resource.split(['/', ':', '@']).next().unwrap_or_default();
    let told = row.description.rsplit_once(" project ").map_or("", |(_, name)| name.trim_start_matches(':').trim());
    let mut found: Vec<ProjectName> =
        [first, told].iter().filter_map(|name| projects.get(&name.parse::<ProjectName>().ok()?)).map(|name| (*name).clone()).collect();
    // robot$project+name, behind a prefix that an administrator may change.
    if let Some((before, _)) = row.resource.split_once('+') {
        found.extend(projects.iter().filter(|name| before.ends_with(name.as_str())).map(|name| (*name).clone()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64) -> AuditEvent {
        AuditEvent {
            id,
            time: None,
            username: String::new(),
            operation: "create".to_owned(),
            resource_type: "artifact".to_owned(),
            resource: "shop/web:1".to_owned(),
            description: String::new(),
        }
    }

    fn newest(ids: &[i64], total: u64) -> NewestAudit {
        NewestAudit { rows: ids.iter().map(|id| row(*id)).collect(), total }
    }

    #[test]
    fn a_number_that_is_missing_is_a_gap_unless_it_was_being_written() {
        assert_eq!(unbroken(&newest(&[9], 1), 9, None), Some(9), "nothing happened");
        assert_eq!(unbroken(&newest(&[11, 10, 9], 3), 9, None), Some(11));
        assert_eq!(unbroken(&newest(&[11, 10], 2), 9, None), None, "the mark was purged");
        assert_eq!(unbroken(&newest(&[], 0), 9, None), None, "all was, or it is another log");
        assert_eq!(unbroken(&newest(&[12, 11, 9], 3), 9, None), None, "row 10 is missing");
        assert_eq!(unbroken(&newest(&[12, 11, 9], 3), 9, Some(12)), None, "and it still is");
        assert_eq!(unbroken(&newest(&[14, 12, 11, 10, 9], 5), 9, Some(12)), Some(12), "it came, and now another is on its way");
        assert_eq!(unbroken(&newest(&[112, 111, 110], 104), 9, None), Some(112), "a page of many");
        assert_eq!(unbroken(&newest(&[112, 111, 110], 103), 9, None), None, "one below the page was purged");
    }

    #[test]
    fn a_row_names_the_project_of_its_artifact_tag_repository_member_or_robot() {
        let shop: ProjectName = "shop".parse().unwrap();
        let team: ProjectName = "team".parse().unwrap();
        let projects = HashSet::from([&shop, &team]);
        let named = |resource: &str, description: &str| {
            let row = AuditEvent { resource: resource.to_owned(), description: description.to_owned(), ..row(1) };
            names(&row, &projects).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(named("shop/web:1", ""), ["shop"]);
        assert_eq!(named("shop/a/b@sha256:00", "delete artifact: shop/a/b@sha256:00"), ["shop"]);
        assert_eq!(named("team", ""), ["team"]);
        assert_eq!(named("lee", "create user member lee in project team"), ["team"]);
        assert_eq!(named("robot$shop+ci", ""), ["shop"]);
        assert_eq!(named("shopping/web:1", ""), [""; 0]);
        assert_eq!(named("configuration", "update configuration"), [""; 0]);
    }
}
