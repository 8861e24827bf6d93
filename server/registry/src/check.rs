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

mod found;
mod front;
mod rights;
mod staging;

pub use self::found::{Advice, Found, Lack, Untried};

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
#[derive(Debug)]
pub struct Check {
    /// A stable word: what was tried.
    pub code: &'static str,
    pub outcome: Outcome,
    pub found: Found,
    /// What to do, where there is something.
    pub advice: Option<Advice>,
    /// Rights that are missing.
    pub missing: Vec<Permission>,
}

impl Check {
    fn new(code: &'static str, outcome: Outcome, found: Found) -> Self {
        Self { code, outcome, found, advice: None, missing: Vec::new() }
    }

    fn advice(mut self, advice: Advice) -> Self {
        self.advice = Some(advice);
        self
    }

    fn missing(mut self, missing: Vec<Permission>) -> Self {
        self.missing = missing;
        self
    }
}

fn failed(code: &'static str, error: RegistryError) -> Check {
    Check::new(code, Outcome::Fail, Found::Trouble(error))
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
            rows.push(failed("login", error).advice(Advice::GiveSecret));
            return rows;
        }
        rows.push(self.login_row());
        let projects = match self.projects().await {
            Ok(projects) => projects,
            Err(error) => {
                rows.push(failed("projects", error));
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
                failed("tcp", error).advice(Advice::RegisterTarget)
            }
            Ok(_) if safe => Check::new("connection", Outcome::Pass, Found::AnswersOverTls),
            Ok(_) => Check::new("connection", Outcome::Warn, Found::AnswersPlainly).advice(Advice::UseHttps),
            Err(error) => connection_failure(error),
        }
    }

    async fn check_version(&self, rows: &mut Vec<Check>) -> Option<SystemInfo> {
        const CODE: &str = "api_version";
        let info = match self.system_info().await {
            Ok(info) => info,
            Err(error) => {
                let row = match error {
                    RegistryError::NotFound { .. } | RegistryError::Protocol { .. } | RegistryError::Unsupported { .. } => {
                        Check::new(CODE, Outcome::Fail, Found::NoHarborApi).advice(Advice::GiveHarbor)
                    }
                    other => failed(CODE, other),
                };
                rows.push(row);
                return None;
            }
        };
        let row = match info.version {
            Some(version) if !version.is_known() => {
                Check::new(CODE, Outcome::Fail, Found::VersionUnsupported(version)).advice(Advice::UseVersion2)
            }
            Some(version) if version < HarborVersion::SUPPORTED_MIN => {
                Check::new(CODE, Outcome::Warn, Found::VersionOld(version)).advice(Advice::UpgradeHarbor)
            }
            Some(version) => Check::new(CODE, Outcome::Pass, Found::Version(version)),
            // Before 2.13 and with a wrong login there is none; the login is checked next.
            None => Check::new(CODE, Outcome::Warn, Found::VersionUntold),
        };
        let supported = row.outcome != Outcome::Fail;
        rows.push(row);
        supported.then_some(info)
    }

    fn login_row(&self) -> Check {
        let login = self.username().to_owned();
        if self.auth().is_robot() {
            return Check::new("login", Outcome::Pass, Found::Accepted { login });
        }
        Check::new("login", Outcome::Warn, Found::AcceptedUser { login }).advice(Advice::UseRobot)
    }

    /// Reads one manifest and looks at one blob, and proves that Harbor did not count it. Answers what was read. One image that cannot be read is a
    /// gap of its backups and says nothing of the connection, so a few are tried.
    async fn check_sample(&self, kind: CheckKind, projects: &[Project], rows: &mut Vec<Check>) -> Option<Sample> {
        const CODE: &str = "pull";
        let samples = match self.samples(projects).await {
            Ok(samples) => samples,
            Err(error) => {
                rows.push(failed(CODE, error));
                return None;
            }
        };
        let mut refused: Option<(Sample, RegistryError)> = None;
        for mut sample in samples {
            match self.read_sample(&mut sample).await {
                Ok(()) => {
                    rows.push(Check::new(CODE, Outcome::Pass, Found::SampleRead { repository: sample.repository.clone() }));
                    if kind == CheckKind::Backup {
                        rows.push(self.counted_row(&sample).await);
                        rows.push(self.referrers_row(&sample).await);
                    }
                    return Some(sample);
                }
                Err(error) if is_of_one_image(&error) => refused = refused.or(Some((sample, error))),
                Err(error) => {
                    rows.push(failed(CODE, error));
                    return Some(sample);
                }
            }
        }
        let Some((sample, error)) = refused else {
            rows.push(Check::new(CODE, Outcome::Warn, Found::NoSample));
            return None;
        };
        rows.push(match error {
            RegistryError::BlockedByPolicy { .. } => Check { outcome: Outcome::Warn, ..failed(CODE, error).advice(Advice::BecomesGaps) },
            error => failed(CODE, error),
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

    async fn read_sample(&self, sample: &mut Sample) -> Result<(), RegistryError> {
        self.manifest_head(&sample.repository, &Reference::Digest(sample.digest)).await?;
        let raw = self.manifest_get(&sample.repository, &sample.digest).await?;
        sample.blob = Manifest::parse(&raw.media_type, &raw.bytes).ok().and_then(|m| m.blob_digests().next());
        if let Some(blob) = sample.blob
            && self.blob_head(&sample.repository, &blob).await?.is_none()
        {
            return Err(RegistryError::NotFound { what: format!("blob {} of {}, which Harbor lists,", blob.short(), sample.repository) });
        }
        Ok(())
    }

    async fn counted_row(&self, sample: &Sample) -> Check {
        const CODE: &str = "silent";
        match self.repository(&sample.repository).await {
            Ok(Some(now)) if now.pull_count == sample.pull_count => Check::new(CODE, Outcome::Pass, Found::NotCounted),
            Ok(Some(_)) => Check::new(CODE, Outcome::Warn, Found::CounterMoved).advice(Advice::TestAgain),
            Ok(None) => Check::new(CODE, Outcome::Warn, Found::RepositoryVanished),
            Err(error) => failed(CODE, error),
        }
    }

    async fn referrers_row(&self, sample: &Sample) -> Check {
        const CODE: &str = "referrers";
        match self.referrers(&sample.repository, &sample.digest).await {
            Ok(_) => Check::new(CODE, Outcome::Pass, Found::CanBeRead),
            Err(RegistryError::Unsupported { .. }) => Check::new(CODE, Outcome::Warn, Found::NoReferrers).advice(Advice::UpgradeHarbor),
            Err(error) => failed(CODE, error),
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

fn connection_failure(error: RegistryError) -> Check {
    let (code, advice) = match error {
        RegistryError::Unresolved { .. } => ("dns", Advice::CheckName),
        RegistryError::Tls { .. } => ("tls", Advice::FixCertificate),
        RegistryError::AddressRefused { .. } => ("tcp", Advice::AllowNetwork),
        _ => ("tcp", Advice::CheckAddress),
    };
    failed(code, error).advice(advice)
}

fn mode_row(kind: CheckKind, info: &SystemInfo) -> Option<Check> {
    (kind == CheckKind::Restore && info.read_only)
        .then(|| Check::new("read_only", Outcome::Warn, Found::ReadOnlyMode).advice(Advice::EndReadOnly))
}

fn clock_row(info: &SystemInfo, now: OffsetDateTime) -> Check {
    const CODE: &str = "clock";
    let Some(theirs) = info.current_time else { return Check::new(CODE, Outcome::Warn, Found::ClockUntold) };
    let skew_s = (theirs - now).whole_seconds();
    if skew_s.abs() <= CLOCK_SKEW_S_MAX {
        return Check::new(CODE, Outcome::Pass, Found::ClocksAgree);
    }
    Check::new(CODE, Outcome::Warn, Found::ClockOff { skew_s }).advice(Advice::SetClocks)
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
        assert!(matches!((ahead.outcome, ahead.found), (Outcome::Warn, Found::ClockOff { skew_s: 300 })));
        assert_eq!(clock_row(&info(None), now).outcome, Outcome::Warn);
    }

    #[test]
    fn read_only_mode_matters_to_restore_only() {
        assert!(mode_row(CheckKind::Backup, &info(None)).is_none());
        assert!(mode_row(CheckKind::Restore, &info(None)).is_some());
    }
}
