//! Which rights are missing, group by group, each by its name.

use crate::client::Client;
use crate::error::RegistryError;
use crate::harbor::rights::{PREVIEW_CONTENT, PREVIEW_SETTINGS, READ_CONTENT, READ_SETTINGS, WRITE_CONTENT};
use crate::harbor::{AuditLog, Permission, Project};

use super::{Check, CheckKind, Outcome, failed};

/// A group of rights that serve one purpose.
struct Group {
    code: &'static str,
    title: &'static str,
    rights: Vec<(&'static str, &'static str)>,
    /// What the lack of them is.
    lack: Outcome,
    without: &'static str,
}

fn groups(kind: CheckKind) -> Vec<Group> {
    let group =
        |code, title, rights: &[(&'static str, &'static str)], lack, without| Group { code, title, rights: rights.to_vec(), lack, without };
    let images = "Read images, tags and signatures";
    match kind {
        CheckKind::Backup => vec![
            group("read_content", images, &READ_CONTENT, Outcome::Fail, "backups would be incomplete"),
            group(
                "read_settings",
                "Read settings of projects",
                &READ_SETTINGS,
                Outcome::Warn,
                "settings without the right stay out of the backup",
            ),
        ],
        CheckKind::Restore => vec![
            group("read_content", images, &PREVIEW_CONTENT, Outcome::Fail, "nobody could tell what a restore would do"),
            group("push", "Push images and tags", &WRITE_CONTENT, Outcome::Fail, "nothing can be restored"),
            group("preview", "See quota, immutability and retention", &PREVIEW_SETTINGS, Outcome::Warn, "the preview cannot warn of them"),
        ],
    }
}

fn row(group: &Group, has: &[Permission], project: &Project) -> Check {
    let missing: Vec<Permission> = group.rights.iter().map(|(r, a)| Permission::new(r, a)).filter(|p| !has.contains(p)).collect();
    if missing.is_empty() {
        return Check::new(group.code, group.title, Outcome::Pass, format!("allowed, tried in {}", project.name));
    }
    let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let mut check =
        Check::new(group.code, group.title, group.lack, format!("missing in {}: {}; {}", project.name, names.join(", "), group.without))
            .remedy("add these rights to the robot, or let Breakwater make new robots");
    check.missing = missing;
    check
}

impl Client {
    /// Rows for the listing and for each group of rights, judged in one project: a private one if there is any, since everybody may read a public one.
    pub(super) async fn check_rights(&self, kind: CheckKind, projects: &[Project], rows: &mut Vec<Check>) {
        let Some(project) = projects.iter().filter(|p| !p.is_proxy_cache()).min_by_key(|p| p.public()) else {
            let text = "this login sees no project, so its rights cannot be tried";
            rows.push(
                Check::new("projects", "List projects", Outcome::Warn, text).remedy("check that the robot covers the projects to protect"),
            );
            return;
        };
        let private = projects.iter().filter(|p| !p.public()).count();
        rows.push(Check::new(
            "projects",
            "List projects",
            Outcome::Pass,
            format!("{} projects, {private} of them private", projects.len()),
        ));
        match self.permissions(&format!("/project/{}", project.id)).await {
            Ok(has) => rows.extend(groups(kind).iter().map(|group| row(group, &has, project))),
            Err(error) => rows.push(failed("rights", "Rights", &error)),
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
        const TITLE: &str = "Read Harbor's audit log";
        let without = "where update times of repositories do not tell what changed, every run lists every project";
        let version = match self.version().await {
            Ok(Some(version)) => version,
            Ok(None) => return Check::new(CODE, TITLE, Outcome::Warn, format!("the version is unknown; {without}")),
            Err(error) => return failed(CODE, TITLE, &error),
        };
        match self.newest_audit(AuditLog::of(version), 0).await {
            Ok(Some(newest)) if !newest.rows.is_empty() => Check::new(CODE, TITLE, Outcome::Pass, "allowed"),
            Ok(_) | Err(RegistryError::Forbidden { .. } | RegistryError::NotFound { .. }) => {
                let text = format!("no row is shown: audit-log:list of the system is missing, or nothing is written to the log; {without}");
                let mut check = Check::new(CODE, TITLE, Outcome::Warn, text)
                    .remedy("add this right to the robot, or let Breakwater make new robots; and see that Harbor writes its audit log");
                check.missing = vec![Permission::new("audit-log", "list")];
                check
            }
            Err(error) => failed(CODE, TITLE, &error),
        }
    }

    /// Whether every project is seen. Of robots Harbor does not tell it, so what is seen must do.
    async fn see_all_row(&self, private: usize) -> Check {
        const CODE: &str = "see_all";
        const TITLE: &str = "See every project";
        let right = Permission::new("project", "list");
        let has = match self.permissions("/system").await {
            Ok(has) => has,
            Err(RegistryError::Forbidden { .. }) => Vec::new(),
            Err(error) => return failed(CODE, TITLE, &error),
        };
        if has.contains(&right) {
            return Check::new(CODE, TITLE, Outcome::Pass, "allowed");
        }
        if self.auth().is_robot() {
            let (outcome, detail) = if private > 0 {
                (Outcome::Pass, format!("{private} private projects are seen; Harbor does not tell whether these are all"))
            } else {
                (Outcome::Warn, "no private project is seen; if there are any, this robot does not cover them".to_owned())
            };
            return Check::new(CODE, TITLE, outcome, detail);
        }
        let mut check =
            Check::new(CODE, TITLE, Outcome::Warn, "missing in the system: project:list; only this user's and public projects are seen")
                .remedy("use a robot that covers all projects, or let Breakwater make one");
        check.missing = vec![right];
        check
    }

    async fn create_project_row(&self) -> Check {
        const CODE: &str = "create_project";
        const TITLE: &str = "Create a lost project";
        match self.may_create_projects().await {
            Ok(Some(true)) => Check::new(CODE, TITLE, Outcome::Pass, "allowed"),
            Ok(None) => Check::new(CODE, TITLE, Outcome::Warn, "cannot be tried while Harbor is in read-only mode"),
            Ok(Some(false)) => {
                let without = "missing in the system: project:create; somebody else must create a deleted project before it is restored";
                let mut check = Check::new(CODE, TITLE, Outcome::Warn, without)
                    .remedy("add this right to the robot, or let Breakwater make new robots");
                check.missing = vec![Permission::new("project", "create")];
                check
            }
            Err(error) => failed(CODE, TITLE, &error),
        }
    }
}
