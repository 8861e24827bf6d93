//! A look at the whole Harbor: what it spares, what it must not conclude, and what only a full run finds.

use std::collections::HashMap;
use std::time::Duration;

use engine::backup::glance::{Basis, Glance, Since, Standing};
use engine::backup::{self, Reconcile};
use harbor_sim::{Config, Version, images};
use registry::Client;
use secrecy::ExposeSecret;
use vocab::{Digest, ProjectName};

use crate::harness::Harness;
use crate::push;

/// Longer than [`backup::glance::OVERLAP`].
const LONG: Duration = Duration::from_secs(3_600);
const PROJECTS: [&str; 4] = ["shop", "prod", "team", "empty"];

/// Projects, each backed up once, and what is known of them.
pub struct Estate {
    pub h: Harness,
    pub known: HashMap<ProjectName, (Standing, Digest)>,
}

impl Estate {
    pub async fn new(config: Config) -> Self {
        let h = Harness::with(config).await;
        for name in &PROJECTS[1..] {
            h.client.create_project(&name.parse().unwrap(), false).await.unwrap();
        }
        for name in &PROJECTS[..3] {
            push::image(&h.client, &format!("{name}/web"), Some("1"), &images::simple(name, &[100])).await;
            push::image(&h.client, &format!("{name}/api"), Some("1"), &images::simple(&format!("{name}-api"), &[100])).await;
        }
        let mut estate = Self { h, known: HashMap::new() };
        let glance = Glance::take(&estate.h.client, None, 0).await.unwrap();
        assert_eq!(glance.basis, Basis::FirstLook);
        for project in glance.projects.iter().filter(|p| PROJECTS.contains(&p.name.as_str())) {
            let cx = estate.h.backup_context(Reconcile::Full);
            let outcome = backup::project(&cx, &project.name, None).await.unwrap();
            estate.known.insert(project.name.clone(), (glance.standing(project), outcome.digest));
        }
        estate.h.sim.age_repositories(LONG);
        estate
    }

    pub fn since(&self) -> Option<Since> {
        Since::of(self.known.values().map(|(standing, _)| standing))
    }

    pub async fn look(&self, client: &Client) -> Glance {
        Glance::take(client, self.since(), 5).await.unwrap()
    }

    /// Names of projects that have to be listed.
    pub fn changed(&self, glance: &Glance) -> Vec<String> {
        let rows = glance.projects.iter().filter_map(|p| Some((p, self.known.get(&p.name)?)));
        rows.filter(|(p, (standing, _))| !glance.is_unchanged(p, standing)).map(|(p, _)| p.name.to_string()).collect()
    }
}

#[tokio::test]
async fn an_unchanged_registry_costs_five_requests_however_many_projects_it_has() {
    let estate = Estate::new(Config::default()).await;
    let (user, password) = estate.h.sim.admin();
    let fresh = push::client(&estate.h.sim.url(), user, password);
    estate.h.sim.control().reset_counts();
    let glance = estate.look(&fresh).await;
    assert_eq!(estate.changed(&glance), [""; 0]);
    for (name, (_, digest)) in &estate.known {
        let project = glance.projects.iter().find(|p| p.name == *name).unwrap();
        let cx = estate.h.backup_context(Reconcile::Hinted);
        let again = backup::unchanged(&cx, project, *digest).await.unwrap().unwrap();
        let before = estate.h.vault.snapshot(digest).await.unwrap();
        assert_eq!((&again.index.repositories, &again.index.config), (&before.repositories, &before.config));
        assert_eq!(again.index.listed, Some(before.started), "it says when the content was listed");
        assert!(again.index.started > before.started);
        estate.h.verified(&again.digest).await;
    }
    assert_eq!(estate.h.sim.control().total(), 5, "{:?}", estate.h.sim.control().seen());
    assert_eq!(estate.h.pointers().await, 8);
}

#[tokio::test]
async fn each_change_of_content_names_its_project_and_no_other() {
    let estate = Estate::new(Config::default()).await;
    let h = &estate.h;
    let images = push::image(&h.client, "prod/web", Some("2"), &images::simple("new", &[7])).await;
    assert_eq!(estate.changed(&estate.look(&h.client).await), ["prod"], "a push");
    h.sim.age_repositories(LONG);
    h.client.create_tag(&push::repository("prod/web"), &images, &push::tag("3")).await.unwrap();
    assert_eq!(estate.changed(&estate.look(&h.client).await), ["prod"], "a tag");
    h.sim.age_repositories(LONG);
    h.client.delete_tag(&push::repository("prod/web"), &push::tag("3")).await.unwrap();
    assert_eq!(estate.changed(&estate.look(&h.client).await), ["prod"], "a tag gone");
    h.sim.age_repositories(LONG);
    h.client.delete_repository(&push::repository("team/api")).await.unwrap();
    assert_eq!(estate.changed(&estate.look(&h.client).await), ["team"], "a repository gone, which no listing names");
    let empty: ProjectName = "empty".parse().unwrap();
    h.client.delete_project(&empty).await.unwrap();
    h.client.create_project(&empty, false).await.unwrap();
    let mut changed = estate.changed(&estate.look(&h.client).await);
    changed.sort();
    assert_eq!(changed, ["empty", "team"], "a project of the same name is another one");
}

#[tokio::test]
async fn a_label_is_missed_by_the_hint_and_taken_by_the_full_run() {
    let estate = Estate::new(Config::default()).await;
    let h = &estate.h;
    let shop: ProjectName = "shop".parse().unwrap();
    let (_, digest) = estate.known[&shop];
    let web = h.points_to("shop/web", "1").await.unwrap();
    let label = h.sim.create_label("shop", "gold", "#FFD700").unwrap();
    h.sim.attach_label("shop/web", &web.to_string(), label).unwrap();
    let glance = estate.look(&h.client).await;
    assert_eq!(estate.changed(&glance), [""; 0], "the documented limit of the hint");
    let project = glance.projects.iter().find(|p| p.name == shop).unwrap();
    let hinted = backup::unchanged(&h.backup_context(Reconcile::Hinted), project, digest).await.unwrap().unwrap();
    let full = backup::project(&h.backup_context(Reconcile::Full), &shop, Some(hinted.digest)).await.unwrap();
    assert_eq!(full.stats.repositories_changed, 1);
    assert_eq!(full.index.listed, None);
    let (_, descriptor) = full.index.repositories.iter().find(|(name, _)| name.as_str() == "shop/web").unwrap();
    let index = h.vault.repository(&descriptor.digest).await.unwrap();
    assert_eq!(index.members[0].labels[0].name, "gold");
    let settings = h.vault.project_settings(&full.index.config.unwrap().digest).await.unwrap();
    assert_eq!(settings["labels"][0]["name"], "gold");
}

#[tokio::test]
async fn nothing_is_concluded_from_an_old_harbor_or_from_a_login_that_sees_less() {
    let old = Estate::new(Config { version: Version::V2_12_4, ..Config::default() }).await;
    let glance = Glance::take(&old.h.client, old.since().map(|since| Since { mark: None, ..since }), 5).await.unwrap();
    assert_eq!(glance.basis, Basis::Version);
    assert_eq!(old.changed(&glance).len(), 4, "all are listed");

    let estate = Estate::new(Config::default()).await;
    let anonymous = push::client(&estate.h.sim.url(), "robot$nobody", "wrong");
    assert_eq!(Glance::take(&anonymous, estate.since(), 5).await.unwrap_err().code(), "not_logged_in");
    // Sees all projects, and may list repositories of one.
    let scope = |kind, namespace: &str, access: &[(&str, &str)]| registry::RobotScope {
        kind,
        namespace: namespace.to_owned(),
        access: access.iter().map(|(resource, action)| registry::Permission::new(resource, action)).collect(),
    };
    let spec = registry::RobotSpec {
        name: "narrow".to_owned(),
        description: String::new(),
        duration_days: -1,
        level: registry::PermissionKind::System,
        permissions: vec![
            scope(registry::PermissionKind::System, "/", &[("project", "list")]),
            scope(registry::PermissionKind::Project, "shop", &[("repository", "list"), ("project", "read")]),
        ],
    };
    let robot = estate.h.client.create_robot(&spec).await.unwrap();
    let narrow = push::client(&estate.h.sim.url(), &robot.name, robot.secret.expose_secret());
    let glance = estate.look(&narrow).await;
    assert_eq!(glance.basis, Basis::Count);
    assert_eq!(estate.changed(&glance).len(), 4);
}

#[tokio::test]
async fn a_snapshot_with_gaps_or_lost_parts_or_other_settings_is_listed_again() {
    let estate = Estate::new(Config::default()).await;
    let h = &estate.h;
    let glance = estate.look(&h.client).await;
    let cx = h.backup_context(Reconcile::Hinted);
    let project = |name: &str| glance.projects.iter().find(|p| p.name.as_str() == name).unwrap().clone();
    let digest = |name: &str| estate.known[&name.parse::<ProjectName>().unwrap()].1;
    let lost = h.vault.snapshot(&digest("prod")).await.unwrap().repositories[0].1.digest;
    std::fs::remove_file(h.object(&lost)).unwrap();
    assert!(backup::unchanged(&cx, &project("prod"), digest("prod")).await.unwrap().is_none(), "an index is lost");
    assert!(backup::unchanged(&cx, &project("shop"), digest("team")).await.unwrap().is_none(), "another project's");
    let mut renamed = project("team");
    renamed.metadata.insert("prevent_vul".to_owned(), "true".to_owned());
    assert!(backup::unchanged(&cx, &renamed, digest("team")).await.unwrap().is_none(), "its settings changed");
    let gaps = vault::tree::SnapshotIndex {
        gaps: vec![vault::tree::Gap {
            kind: "forbidden".into(),
            subject: "team/web:1".into(),
            cause: "x".into(),
            consequence: String::new(),
            remedy: "y".into(),
        }],
        ..h.vault.snapshot(&digest("team")).await.unwrap()
    };
    let gaps = h.vault.put_snapshot(&gaps).await.unwrap();
    assert!(backup::unchanged(&cx, &project("team"), gaps.digest).await.unwrap().is_none(), "it has gaps");
    assert!(
        backup::unchanged(&cx, &project("team"), digest("team")).await.unwrap().is_some(),
        "and without any of that it is sealed again"
    );
}
