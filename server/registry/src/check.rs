//! “Test connection”: what works, what does not, and what to do about it; each missing right by name.
//!
//! Changes nothing: rights to write are judged from what Harbor says this login may do, the right to create projects by a request that no version can grant, and
//! how large a body may be by a piece of an upload that was never begun. Stops at the first trouble that makes the rest meaningless. Never fails: trouble is
//! a row.

use futures::StreamExt;
use reqwest::Method;
use time::OffsetDateTime;
use vocab::{Manifest, RepositoryName};

use crate::client::Client;
use crate::error::RegistryError;
use crate::harbor::{Permission, Project, STAGING_PREFIX, SystemInfo};
use crate::oci::Reference;
use crate::version::HarborVersion;

mod front;
mod rights;
mod staging;

/// Largest clock difference that is no trouble: Harbor's own leeway for tokens.
const CLOCK_SKEW_S_MAX: i64 = 60;
/// Most projects looked into for a sample to read.
const SAMPLE_PROJECTS_MAX: usize = 5;
/// Most repositories looked into for a sample in one project.
const SAMPLE_REPOSITORIES_MAX: usize = 5;

/// What the login is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckKind {
    Backup,
    Restore,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Pass,
    /// Works with less comfort, or will be a trouble later.
    Warn,
    /// Does not work.
    Fail,
}

/// One row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// A stable word.
    pub code: &'static str,
    pub title: String,
    pub outcome: Outcome,
    pub detail: String,
    /// What to do, where there is something.
    pub remedy: Option<String>,
    /// Rights that are missing.
    pub missing: Vec<Permission>,
}

impl Check {
    fn new(code: &'static str, title: &str, outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { code, title: title.to_owned(), outcome, detail: detail.into(), remedy: None, missing: Vec::new() }
    }

    fn remedy(mut self, text: &str) -> Self {
        self.remedy = Some(text.to_owned());
        self
    }
}

fn failed(code: &'static str, title: &str, error: &RegistryError) -> Check {
    Check::new(code, title, Outcome::Fail, error.to_string())
}

/// An artifact to read as a test.
struct Sample {
    repository: RepositoryName,
    digest: vocab::Digest,
    pull_count: u64,
    /// Its configuration, as a rule, once its manifest was read.
    blob: Option<vocab::Digest>,
}

impl Client {
    /// Runs the list. Order: connection, version, login, listing, rights, a sample read, mode, clock.
    pub async fn check_list(&self, kind: CheckKind) -> Vec<Check> {
        let mut rows = Vec::new();
        let connection = self.check_connection().await;
        let reached = connection.outcome != Outcome::Fail;
        rows.push(connection);
        if !reached {
            return rows;
        }
        let info = self.check_version(&mut rows).await;
        let Some(info) = info else { return rows };
        if let Err(error) = self.prove_login().await {
            let row = failed("login", "Login", &error);
            rows.push(row.remedy("give the login's current secret, or let Breakwater make new robots"));
            return rows;
        }
        rows.push(self.login_row());
        let projects = match self.projects().await {
            Ok(projects) => projects,
            Err(error) => {
                rows.push(failed("projects", "List projects", &error));
                return rows;
            }
        };
        self.check_rights(kind, &projects, &mut rows).await;
        let sample = self.check_sample(kind, &projects, &mut rows).await;
        match kind {
            CheckKind::Backup => rows.extend(self.storage_row(sample.as_ref()).await),
            CheckKind::Restore => rows.push(self.body_row(sample.as_ref(), &info).await),
        }
        rows.extend(mode_row(kind, &info));
        rows.push(clock_row(&info, OffsetDateTime::now_utc()));
        rows
    }

    /// Name, connection and TLS in one request that needs no login.
    async fn check_connection(&self) -> Check {
        let call = self.api(Method::GET, "/ping", "ping").open();
        let safe = self.endpoint().url.scheme() == "https";
        match self.fetch(&call).await {
            Ok(answer) if answer.status.is_redirection() => {
                let error = self.refusal(&answer, "ping", None);
                failed("tcp", "Connection", &error).remedy("register the address that the registry redirects to")
            }
            Ok(_) if safe => Check::new("connection", "Connection", Outcome::Pass, "answers over TLS"),
            Ok(_) => Check::new("connection", "Connection", Outcome::Warn, "answers, without encryption")
                .remedy("use https, so that secrets cannot be read on the way"),
            Err(error) => connection_failure(&error),
        }
    }

    async fn check_version(&self, rows: &mut Vec<Check>) -> Option<SystemInfo> {
        const TITLE: &str = "Harbor's version";
        let info = match self.system_info().await {
            Ok(info) => info,
            Err(error) => {
                let row = match error {
                    RegistryError::NotFound { .. } | RegistryError::Protocol { .. } | RegistryError::Unsupported { .. } => {
                        Check::new("api_version", TITLE, Outcome::Fail, "there is no Harbor API v2.0 at this address")
                            .remedy("give the address of a Harbor 2.8 or later")
                    }
                    other => failed("api_version", TITLE, &other),
                };
                rows.push(row);
                return None;
            }
        };
        let row = match info.version {
            Some(version) if !version.is_known() => Check::new("api_version", TITLE, Outcome::Fail, format!("{version} is not supported"))
                .remedy("use Harbor 2.8 or a later 2.x"),
            Some(version) if version < HarborVersion::SUPPORTED_MIN => {
                Check::new("api_version", TITLE, Outcome::Warn, format!("{version} is older than what is tested"))
                    .remedy("upgrade to Harbor 2.8 or later")
            }
            Some(version) => Check::new("api_version", TITLE, Outcome::Pass, version.to_string()),
            // Before 2.13 and with a wrong login there is none; the login is checked next.
            None => Check::new("api_version", TITLE, Outcome::Warn, "Harbor does not tell its version to this login"),
        };
        let supported = row.outcome != Outcome::Fail;
        rows.push(row);
        supported.then_some(info)
    }

    fn login_row(&self) -> Check {
        if self.auth().is_robot() {
            return Check::new("login", "Login", Outcome::Pass, format!("{} is accepted", self.username()));
        }
        let detail = format!(
            "{} is accepted; it seems to be a user, whose password costs Harbor about 0.1 s of CPU at each request",
            self.username()
        );
        Check::new("login", "Login", Outcome::Warn, detail).remedy("use a robot account")
    }

    /// Reads one manifest and looks at one blob, and proves that Harbor did not count it. Answers what was read. One image that cannot be read is a
    /// gap of its backups and says nothing of the connection, so a few are tried.
    async fn check_sample(&self, kind: CheckKind, projects: &[Project], rows: &mut Vec<Check>) -> Option<Sample> {
        const TITLE: &str = "Read an image";
        let samples = match self.samples(projects).await {
            Ok(samples) => samples,
            Err(error) => {
                rows.push(failed("pull", TITLE, &error));
                return None;
            }
        };
        let mut refused: Option<(Sample, RegistryError)> = None;
        for mut sample in samples {
            match self.read_sample(&mut sample).await {
                Ok(text) => {
                    rows.push(Check::new("pull", TITLE, Outcome::Pass, text));
                    if kind == CheckKind::Backup {
                        rows.push(self.counted_row(&sample).await);
                        rows.push(self.referrers_row(&sample).await);
                    }
                    return Some(sample);
                }
                Err(error) if is_of_one_image(&error) => refused = refused.or(Some((sample, error))),
                Err(error) => {
                    rows.push(failed("pull", TITLE, &error));
                    return Some(sample);
                }
            }
        }
        let Some((sample, error)) = refused else {
            rows.push(Check::new("pull", TITLE, Outcome::Warn, "no image was found to try this with"));
            return None;
        };
        let row = failed("pull", TITLE, &error);
        rows.push(match error {
            RegistryError::BlockedByPolicy { .. } => {
                Check { outcome: Outcome::Warn, ..row.remedy("images that the project's policy blocks become named gaps") }
            }
            _ => row,
        });
        Some(sample)
    }

    /// Artifacts of a few repositories, the first of each.
    async fn samples(&self, projects: &[Project]) -> Result<Vec<Sample>, RegistryError> {
        // What is in a staging project may be gone a moment later.
        let lasting = |project: &&Project| !project.is_proxy_cache() && !project.name.as_str().starts_with(STAGING_PREFIX);
        let candidates = projects.iter().filter(lasting).filter(|p| p.repo_count > 0);
        let mut samples = Vec::new();
        for project in candidates.take(SAMPLE_PROJECTS_MAX) {
            let repositories = match self.repositories(&project.name).await {
                Ok(repositories) => repositories,
                Err(RegistryError::Forbidden { .. } | RegistryError::NotFound { .. }) => continue,
                Err(error) => return Err(error),
            };
            for repository in repositories.into_iter().filter(|r| r.artifact_count > 0).take(SAMPLE_REPOSITORIES_MAX) {
                let mut artifacts = std::pin::pin!(self.repository_artifacts(&repository.name));
                if let Some(artifact) = artifacts.next().await {
                    let (digest, pull_count) = (artifact?.digest, repository.pull_count);
                    samples.push(Sample { repository: repository.name, digest, pull_count, blob: None });
                    break;
                }
            }
        }
        Ok(samples)
    }

    async fn read_sample(&self, sample: &mut Sample) -> Result<String, RegistryError> {
        self.manifest_head(&sample.repository, &Reference::Digest(sample.digest)).await?;
        let raw = self.manifest_get(&sample.repository, &sample.digest).await?;
        sample.blob = Manifest::parse(&raw.media_type, &raw.bytes).ok().and_then(|m| m.blob_digests().next());
        if let Some(blob) = sample.blob
            && self.blob_head(&sample.repository, &blob).await?.is_none()
        {
            return Err(RegistryError::NotFound { what: format!("blob {} of {}, which Harbor lists,", blob.short(), sample.repository) });
        }
        Ok(format!("a manifest of {} was read and its digest is right", sample.repository))
    }

    async fn counted_row(&self, sample: &Sample) -> Check {
        const TITLE: &str = "Reading does not count as a pull";
        match self.repository(&sample.repository).await {
            Ok(Some(now)) if now.pull_count == sample.pull_count => {
                Check::new("silent", TITLE, Outcome::Pass, "Harbor's pull counter did not move")
            }
            Ok(Some(_)) => {
                Check::new("silent", TITLE, Outcome::Warn, "Harbor's pull counter moved meanwhile, perhaps by somebody else's pull")
                    .remedy("test again; a retention rule by last pull would be misled if this stays")
            }
            Ok(None) => Check::new("silent", TITLE, Outcome::Warn, "the repository vanished meanwhile"),
            Err(error) => failed("silent", TITLE, &error),
        }
    }

    async fn referrers_row(&self, sample: &Sample) -> Check {
        const TITLE: &str = "Signatures and referrers";
        match self.referrers(&sample.repository, &sample.digest).await {
            Ok(_) => Check::new("referrers", TITLE, Outcome::Pass, "can be read"),
            Err(RegistryError::Unsupported { .. }) => {
                Check::new("referrers", TITLE, Outcome::Warn, "this version has no referrers; signatures by tag are kept")
                    .remedy("upgrade to Harbor 2.8 or later")
            }
            Err(error) => failed("referrers", TITLE, &error),
        }
    }
}

/// Whether another image may well be readable.
const fn is_of_one_image(error: &RegistryError) -> bool {
    matches!(
        error,
        RegistryError::BlockedByPolicy { .. }
            | RegistryError::NotFound { .. }
            | RegistryError::WrongDigest { .. }
            | RegistryError::WrongSize { .. }
            | RegistryError::TooLarge { .. }
            | RegistryError::Protocol { .. }
    )
}

fn connection_failure(error: &RegistryError) -> Check {
    const TITLE: &str = "Connection";
    match error {
        RegistryError::Unresolved { .. } => {
            failed("dns", TITLE, error).remedy("check the name, and that this machine's name servers know it")
        }
        RegistryError::Tls { .. } => {
            failed("tls", TITLE, error).remedy("put the certificate in order, or give the certificate of its authority")
        }
        RegistryError::AddressRefused { .. } => failed("tcp", TITLE, error).remedy("ask the operator of Breakwater to allow this network"),
        other => failed("tcp", TITLE, other).remedy("check address, port and firewall, and that Harbor runs"),
    }
}

fn mode_row(kind: CheckKind, info: &SystemInfo) -> Option<Check> {
    (kind == CheckKind::Restore && info.read_only).then(|| {
        Check::new("read_only", "Harbor takes changes", Outcome::Warn, "Harbor is in read-only mode; restores wait until it ends")
            .remedy("ask Harbor's administrator to end read-only mode")
    })
}

fn clock_row(info: &SystemInfo, now: OffsetDateTime) -> Check {
    const TITLE: &str = "Clocks agree";
    let Some(theirs) = info.current_time else { return Check::new("clock", TITLE, Outcome::Warn, "Harbor does not tell its time") };
    let skew_s = (theirs - now).whole_seconds();
    if skew_s.abs() <= CLOCK_SKEW_S_MAX {
        return Check::new("clock", TITLE, Outcome::Pass, "the clocks agree");
    }
    Check::new(
        "clock",
        TITLE,
        Outcome::Warn,
        format!("Harbor's clock is {} s {}", skew_s.abs(), if skew_s > 0 { "ahead" } else { "behind" }),
    )
    .remedy("synchronise the clocks; times of tags and tokens depend on them")
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn info(current_time: Option<OffsetDateTime>) -> SystemInfo {
        SystemInfo {
            version: None,
            version_text: String::new(),
            read_only: true,
            auth_mode: String::new(),
            current_time,
            external_url: None,
        }
    }

    #[test]
    fn a_clock_that_is_off_is_named_with_its_direction() {
        let now = datetime!(2026-11-23 12:00 UTC);
        assert_eq!(clock_row(&info(Some(now)), now).outcome, Outcome::Pass);
        let ahead = clock_row(&info(Some(datetime!(2026-11-23 12:05 UTC))), now);
        assert_eq!((ahead.outcome, ahead.detail.as_str()), (Outcome::Warn, "Harbor's clock is 300 s ahead"));
        assert_eq!(clock_row(&info(None), now).outcome, Outcome::Warn);
    }

    #[test]
    fn read_only_mode_matters_to_restore_only() {
        assert!(mode_row(CheckKind::Backup, &info(None)).is_none());
        assert!(mode_row(CheckKind::Restore, &info(None)).is_some());
    }
}
