//! Rights of the robots that Breakwater makes, beside the rights that its calls need: neither list has what the other lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::Silent;
use engine::backup::discovery::Discovery;
use engine::backup::staging::{Staging, contents};
use engine::backup::{self, Reconcile};
use engine::effect::{OnConflict, PlanContext};
use engine::restore::RestoreContext;
use engine::select::Selection;
use harbor_sim::{Config, Version};
use registry::{CheckKind, Client, PermissionKind, RobotSpec};
use secrecy::ExposeSecret as _;
use vocab::ProjectName;

use crate::harness::{Harness, policy, shop};
use crate::push;
use crate::rich_settings::Admin;
use crate::staging::{SESSION, staging_project};

/// Asked for, since a login made by hand may have it, and not given: Harbor lets no robot have the first, and names of people are not worth
/// the second. What is not read for want of it is said in the snapshot.
const NEVER_GIVEN: [&str; 2] = ["system configuration:read", "system user:list"];

/// A robot that was made, and what it may do.
struct Robot {
    name: String,
    client: Client,
    rights: BTreeSet<String>,
}

async fn robot(h: &Harness, spec: &RobotSpec) -> Robot {
    let made = h.client.create_robot(spec).await.unwrap();
    let client = push::client(&h.sim.url(), &made.name, made.secret.expose_secret());
    let granted = spec.permissions.iter().flat_map(|scope| {
        let place = if scope.kind == PermissionKind::System { "system" } else { "project" };
        scope.access.iter().filter(|right| !made.left_out.contains(right)).map(move |right| format!("{place} {right}"))
    });
    Robot { name: made.name, client, rights: granted.collect() }
}

impl Robot {
    /// Rights that no call needed, and calls that needed what it has not.
    fn compare(&self, h: &Harness) -> (Vec<String>, Vec<String>) {
        let asked = h.sim.rights_asked(&self.name);
        let idle = self.rights.iter().filter(|right| !asked.contains_key(*right)).cloned().collect();
        let lacking = asked.into_keys().filter(|right| !self.rights.contains(right) && !NEVER_GIVEN.contains(&right.as_str())).collect();
        (idle, lacking)
    }
}

async fn arranged(version: Version) -> Harness {
    let h = Harness::with(Config { version, ..Config::default() }).await;
    push::rich(&h.client, "shop/web", "a").await;
    let (user, password) = h.sim.admin();
    let admin = Admin { url: h.sim.url(), user: user.to_owned(), password: password.to_owned() };
    admin.arrange(&h.client, &shop()).await;
    h
}

#[tokio::test]
async fn a_robot_for_backup_has_what_a_backup_needs_and_nothing_else() {
    for version in [Version::V2_12_4, Version::V2_15_2, Version::V2_16] {
        let h = arranged(version).await;
        let reader = robot(&h, &RobotSpec::least_privilege_backup("reader")).await;
        reader.client.check_list(CheckKind::Backup).await;
        let first = Discovery::take(&reader.client, None, 0).await.unwrap();
        let mut cx = h.backup_context(Reconcile::Full);
        cx.client = reader.client.clone();
        cx.harbor_config = Some(backup::harbor_settings(&reader.client, &h.vault, None).await.unwrap());
        backup::project(&cx, &shop(), None).await.unwrap();
        let known = first.projects.iter().map(|project| first.state_of(project)).collect::<Vec<_>>();
        Discovery::take(&reader.client, engine::backup::discovery::Since::of(known.iter()), 1).await.unwrap();
        assert_eq!(reader.compare(&h), (vec![], vec![]), "{version:?}");
    }
}

#[tokio::test]
async fn a_robot_for_restore_has_what_a_restore_needs_and_nothing_else() {
    for version in [Version::V2_12_4, Version::V2_15_2, Version::V2_16] {
        let h = arranged(version).await;
        let writer = robot(&h, &RobotSpec::least_privilege_restore("writer")).await;
        let snapshot = h.backup(None).await;
        writer.client.check_list(CheckKind::Restore).await;
        let lost: ProjectName = "lost".parse().unwrap();
        let cx = PlanContext { client: writer.client.clone(), vault: h.vault.clone(), harbor: "harbor".parse().unwrap() };
        for (target, conflict) in [(shop(), OnConflict::Move), (lost, OnConflict::Leave)] {
            push::image(&h.client, "shop/web", Some("1.0"), &harbor_sim::images::simple("moved", &[300])).await;
            let plan = engine::effect::plan(&cx, &snapshot.digest, &Selection::Project, &target, &policy(conflict)).await.unwrap();
            let run = RestoreContext { client: writer.client.clone(), vault: h.vault.clone(), progress: Arc::new(Silent) };
            let report = engine::restore::execute(&run, &plan, &Silent).await.unwrap();
            assert!(report.is_clean(), "{report:#?}");
        }
        assert_eq!(writer.compare(&h), (vec![], vec![]), "{version:?}");
    }
}

#[tokio::test]
async fn a_robot_for_staging_has_what_staging_needs_and_nothing_else() {
    let h = arranged(Version::V2_15_2).await;
    h.client.create_project(&staging_project(), false).await.unwrap();
    let stager = robot(&h, &RobotSpec::least_privilege_staging("stage", &staging_project())).await;
    let reader = robot(&h, &RobotSpec::least_privilege_backup("reader")).await;
    let project = stager.client.project(&staging_project()).await.unwrap().unwrap();
    let others = reader.client.projects().await.unwrap();
    stager.client.check_staging(&staging_project(), &others).await;
    stager.client.mark_staging_project(&project).await.unwrap();
    let on = BTreeMap::from([("enable_content_trust_cosign".to_owned(), "true".to_owned())]);
    h.client.update_project_metadata(&shop(), &on).await.unwrap();
    let mut cx = h.backup_context(Reconcile::Full);
    cx.client = reader.client.clone();
    let staging =
        Staging { client: stager.client.clone(), project: staging_project(), session: SESSION, gate: Arc::new(Silent), unusable: None };
    cx.staging = Some(staging);
    let outcome = backup::project(&cx, &shop(), None).await.unwrap();
    assert!(outcome.stats.staged > 0);
    assert!(contents(&stager.client, &staging_project()).await.unwrap().foreign.is_empty());
    stager.client.delete_project(&staging_project()).await.unwrap();
    assert_eq!(stager.compare(&h), (vec![], vec![]));
}
