//! Which rights are missing, group by group, each by its name.

use crate::client::Client;
use crate::error::RegistryError;
use crate::harbor::rights::{PREVIEW_CONTENT, PREVIEW_SETTINGS, READ_CONTENT, READ_SETTINGS, WRITE_CONTENT};
use crate::harbor::{AuditLog, Permission, Project};

use super::{Advice, Check, CheckKind, Found, Lack, Outcome, failed};

/// A group of rights that serve one purpose.
struct Group {
    code: &'static str,
    rights: Vec<(&'static str, &'static str)>,
    /// What the lack of them is.
    lack: Outcome,
    without: Lack,
}

fn groups(kind: CheckKind) -> Vec<Group> {
    let group = |code, rights: &[(&'static str, &'static str)], lack, without| Group { code, rights: rights.to_vec(), lack, without };
    match kind {
        CheckKind::Backup => vec![
            group("read_content", &READ_CONTENT, Outcome::Fail, Lack::BackupsIncomplete),
            group("read_settings", &READ_SETTINGS, Outcome::Warn, Lack::SettingsStayOut),
        ],
        CheckKind::Restore => vec![
            group("read_content", &PREVIEW_CONTENT, Outcome::Fail, Lack::NoPreview),
            group("push", &WRITE_CONTENT, Outcome::Fail, Lack::NothingRestored),
            group("preview", &PREVIEW_SETTINGS, Outcome::Warn, Lack::NoWarnings),
        ],
    }
}

fn row(group: &Group, has: &[Permission], project: &Project) -> Check {
    let missing: Vec<Permission> = group.rights.iter().map(|(r, a)| Permission::new(r, a)).filter(|p| !has.contains(p)).collect();
    let project = project.name.clone();
    if missing.is_empty() {
        return Check::new(group.code, Outcome::Pass, Found::AllowedIn { project });
    }
    Check::new(group.code, group.lack, Found::MissingIn { project, without: group.without }).advice(Advice::AddRights).missing(missing)
}

impl Client {
    /// Rows for the listing and for each group of rights, judged in one project: a private one if there is any, since everybody may read a public one.
    pub(super) async fn check_rights(&self, kind: CheckKind, projects: &[Project], rows: &mut Vec<Check>) {
        let Some(project) = projects.iter().filter(|p| !p.is_proxy_cache()).min_by_key(|p| p.public()) else {
            rows.push(Check::new("projects", Outcome::Warn, Found::NoProjects).advice(Advice::CoverProjects));
            return;
        };
        let private = projects.iter().filter(|p| !p.public()).count();
        rows.push(Check::new("projects", Outcome::Pass, Found::Projects { projects: projects.len(), private }));
        match self.permissions(&format!("/project/{}", project.id)).await {
            Ok(has) => rows.extend(groups(kind).iter().map(|group| row(group, &has, project))),
            Err(error) => rows.push(failed("rights", error)),
        }
        match kind {
            CheckKind::Backup => rows.extend([self.see_all_row(private).await, self.audit_row().await]),
            CheckKind::Restore => rows.push(self.create_project_row().await),
        }
    }

    /// Whether the audit log shows anything. Of robots Harbor does not tell whether they may read it; without the right the list is empty, which a log that is
    /// switched off is too.
    async fn audit_row(&self) -> Check {
        const CODE: &str = "read_audit";
        let version = match self.version().await {
            Ok(Some(version)) => version,
            Ok(None) => return Check::new(CODE, Outcome::Warn, Found::AuditVersionUnknown),
            Err(error) => return failed(CODE, error),
        };
        match self.newest_audit(AuditLog::of(version), 0).await {
            Ok(Some(newest)) if !newest.rows.is_empty() => Check::new(CODE, Outcome::Pass, Found::Allowed),
            Ok(_) | Err(RegistryError::Forbidden { .. } | RegistryError::NotFound { .. }) => {
                let missing = vec![Permission::new("audit-log", "list")];
                Check::new(CODE, Outcome::Warn, Found::AuditNoRow).advice(Advice::AddAuditRight).missing(missing)
            }
            Err(error) => failed(CODE, error),
        }
    }

    /// Whether every project is seen. Of robots Harbor does not tell it, so what is seen must do.
    async fn see_all_row(&self, private: usize) -> Check {
        const CODE: &str = "see_all";
        let right = Permission::new("project", "list");
        let has = match self.permissions("/system").await {
            Ok(has) => has,
            Err(RegistryError::Forbidden { .. }) => Vec::new(),
            Err(error) => return failed(CODE, error),
        };
        if has.contains(&right) {
            return Check::new(CODE, Outcome::Pass, Found::Allowed);
        }
        if self.auth().is_robot() {
            return match private {
                0 => Check::new(CODE, Outcome::Warn, Found::NoPrivateSeen),
                private => Check::new(CODE, Outcome::Pass, Found::PrivateSeen { private }),
            };
        }
        Check::new(CODE, Outcome::Warn, Found::SeesOwnOnly).advice(Advice::CoverAll).missing(vec![right])
    }

    async fn create_project_row(&self) -> Check {
        const CODE: &str = "create_project";
        match self.may_create_projects().await {
            Ok(Some(true)) => Check::new(CODE, Outcome::Pass, Found::Allowed),
            Ok(None) => Check::new(CODE, Outcome::Warn, Found::CreateUntried),
            Ok(Some(false)) => {
                let missing = vec![Permission::new("project", "create")];
                Check::new(CODE, Outcome::Warn, Found::CreateMissing).advice(Advice::AddRight).missing(missing)
            }
            Err(error) => failed(CODE, error),
        }
    }
}
