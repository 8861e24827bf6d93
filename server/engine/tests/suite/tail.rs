//! A look by the Harbor's audit log, where update times say nothing: what it spares, and when nothing follows from it.

use std::collections::{HashMap, HashSet};

use engine::backup::discovery::{Basis, Discovery, Since};
use engine::backup::tail::{self, Ask, Readable, Tail};
use harbor_sim::{Config, Version, images};
use registry::{AuditLog, Client, Permission, PermissionKind, RobotScope, RobotSpec};
use secrecy::ExposeSecret;
use vocab::ProjectName;

use crate::discovery::Estate;
use crate::push;

/// Harbors whose update times say nothing: one with each log.
const VERSIONS: [(Version, AuditLog); 2] = [(Version::V2_12_4, AuditLog::Old), (Version::V2_14_1, AuditLog::Extended)];

async fn estate(version: Version) -> Estate {
    Estate::new(Config { version, ..Config::default() }).await
}

/// Another login at the same Harbor.
async fn robot(estate: &Estate, system: &[(&str, &str)]) -> Client {
    let access = |rights: &[(&str, &str)]| rights.iter().map(|(resource, action)| Permission::new(resource, action)).collect();
    let scope = |kind, namespace: &str, rights| RobotScope { kind, namespace: namespace.to_owned(), access: access(rights) };
    let spec = RobotSpec {
        name: "narrow".to_owned(),
        description: String::new(),
        duration_days: -1,
        level: PermissionKind::System,
        permissions: vec![
            scope(PermissionKind::System, "/", system),
            scope(PermissionKind::Project, "*", &[("repository", "list"), ("project", "read")]),
        ],
    };
    let robot = estate.h.client.create_robot(&spec).await.unwrap();
    push::client(&estate.h.sim.url(), &robot.name, robot.secret.expose_secret())
}

#[tokio::test]
async fn an_unchanged_registry_costs_five_requests_and_a_sixth_where_many_pulled() {
    for (version, log) in VERSIONS {
        let estate = estate(version).await;
        let (user, password) = estate.h.sim.admin();
        let fresh = push::client(&estate.h.sim.url(), user, password);
        for (pulls, requests) in [(0, 5), (40, 5), (300, 6)] {
            estate.h.sim.pull_often("shop/web", "1", pulls);
            estate.h.sim.control().reset_counts();
            let discovery = estate.look(&fresh).await;
            assert_eq!((discovery.basis, discovery.audit_log()), (Basis::AuditLog, Some(log)), "{version:?} {pulls}");
            assert_eq!(estate.changed(&discovery), [""; 0], "{version:?}: pulls change nothing");
            assert_eq!(estate.h.sim.control().total(), requests, "{version:?} {pulls}: {:?}", estate.h.sim.control().seen());
        }
    }
}

#[tokio::test]
async fn each_change_names_its_project_and_no_other() {
    for (version, _) in VERSIONS {
        let estate = estate(version).await;
        let h = &estate.h;
        // So many that changes have to be asked for by themselves.
        h.sim.pull_often("shop/web", "1", 200);
        let image = push::image(&h.client, "prod/web", Some("2"), &images::simple("new", &[7])).await;
        assert_eq!(estate.changed(&estate.look(&h.client).await), ["prod"], "a push");
        h.client.create_tag(&push::repository("team/web"), &image, &push::tag("3")).await.unwrap_err();
        assert_eq!(estate.changed(&estate.look(&h.client).await), ["prod"], "what was refused names nothing");
        let team = push::image(&h.client, "team/web", None, &images::simple("team", &[100])).await;
        h.client.create_tag(&push::repository("team/web"), &team, &push::tag("3")).await.unwrap();
        assert_eq!(sorted(estate.changed(&estate.look(&h.client).await)), ["prod", "team"], "a tag");
        let empty: ProjectName = "empty".parse().unwrap();
        h.client.delete_project(&empty).await.unwrap();
        h.client.create_project(&empty, false).await.unwrap();
        assert_eq!(sorted(estate.changed(&estate.look(&h.client).await)), ["empty", "prod", "team"], "another project of that name");
        h.client.delete_tag(&push::repository("shop/web"), &push::tag("1")).await.unwrap();
        assert_eq!(estate.changed(&estate.look(&h.client).await).len(), 4, "a tag gone");
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

#[tokio::test]
async fn a_robot_names_its_project_in_the_newer_log_and_a_member_from_2_16_on() {
    for (version, members) in [(Version::V2_14_1, false), (Version::V2_16, true)] {
        let estate = estate(version).await;
        let h = &estate.h;
        let names: HashSet<ProjectName> = ["team", "prod", "shop"].iter().map(|name| name.parse().unwrap()).collect();
        let projects: HashSet<&ProjectName> = names.iter().collect();
        let ask = |since| Ask { log: AuditLog::Extended, since, projects: &projects, rows_max: tail::ROWS_MAX };
        let mark = Tail::read(&h.client, ask(None)).await.unwrap().mark;
        h.sim.create_user("lee", "Harbor12345");
        let call = |path: &str, body: serde_json::Value| {
            let (user, password) = h.sim.admin();
            reqwest::Client::new().post(format!("{}/api/v2.0{path}", h.sim.url())).basic_auth(user, Some(password)).json(&body).send()
        };
        let member = serde_json::json!({ "role_id": 2, "member_user": { "username": "lee" } });
        assert_eq!(call("/projects/team/members", member).await.unwrap().status(), 201);
        let access = serde_json::json!([{ "resource": "repository", "action": "pull" }]);
        let permissions = serde_json::json!([{ "kind": "project", "namespace": "prod", "access": access }]);
        let robot = serde_json::json!({ "name": "ci", "duration": -1, "level": "project", "permissions": permissions });
        assert_eq!(call("/robots", robot).await.unwrap().status(), 201);
        let tail = Tail::read(&h.client, ask(mark)).await.unwrap();
        let named = |name: &str| tail.names(&name.parse().unwrap(), mark).unwrap();
        assert_eq!((named("team"), named("prod"), named("shop")), (members, true, false), "{version:?}");
    }
}

#[tokio::test]
async fn nothing_follows_from_a_log_with_missing_rows() {
    for (version, _) in VERSIONS {
        let purged = |name: &'static str| async move {
            let estate = estate(version).await;
            push::image(&estate.h.client, "prod/web", Some("2"), &images::simple("new", &[7])).await;
            push::image(&estate.h.client, "team/web", Some("2"), &images::simple("newer", &[7])).await;
            estate.h.sim.purge_audit(|_, resource| resource.starts_with(name));
            let discovery = estate.look(&estate.h.client).await;
            assert_eq!((discovery.basis, discovery.log), (Basis::Version, Some(Readable::Gap)), "{version:?} {name}");
            assert_eq!(estate.changed(&discovery).len(), 4, "all are listed");
            (estate, discovery)
        };
        purged("").await;
        // A look at which all was listed is where the next one reads on.
        let (estate, discovery) = purged("prod/web:2").await;
        let known_states: Vec<_> = discovery.projects.iter().map(|p| (p.clone(), discovery.state_of(p))).collect();
        let since = Since::of(known_states.iter().map(|(_, known_state)| known_state));
        let next = Discovery::take(&estate.h.client, since, 5).await.unwrap();
        assert_eq!(next.basis, Basis::AuditLog);
        assert!(known_states.iter().all(|(project, known_state)| next.is_unchanged(project, known_state)));
    }
}

#[tokio::test]
async fn nothing_follows_from_a_log_that_shows_no_row_or_has_too_many_or_is_another_one() {
    for (version, _) in VERSIONS {
        let estate = estate(version).await;
        let blind = robot(&estate, &[("project", "list")]).await;
        let discovery = Discovery::take(&blind, estate.since(), 5).await.unwrap();
        assert_eq!((discovery.basis, discovery.log), (Basis::Version, Some(Readable::Gap)), "it sees an empty list");
        let discovery = Discovery::take(&blind, estate.since().map(|since| Since { mark: None, ..since }), 5).await.unwrap();
        assert_eq!((discovery.log, estate.changed(&discovery).len()), (Some(Readable::Empty), 4));
        assert!(discovery.sentence().contains("audit-log:list"), "{}", discovery.sentence());

        for n in 0..=tail::ROWS_MAX / 2 {
            let repository = push::repository("shop/web");
            let tag = push::tag(&format!("t{n}"));
            let digest = estate.h.points_to("shop/web", "1").await.unwrap();
            estate.h.client.create_tag(&repository, &digest, &tag).await.unwrap();
            estate.h.client.delete_tag(&repository, &tag).await.unwrap();
        }
        let discovery = estate.look(&estate.h.client).await;
        assert_eq!((discovery.log, estate.changed(&discovery).len()), (Some(Readable::TooMany), 4));
    }
}

#[tokio::test]
async fn the_numbers_of_one_log_are_not_looked_for_in_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let data = Some(folder.path().to_owned());
    let old = harbor_sim::start(Config { data: data.clone(), version: Version::V2_12_4, ..Config::default() }).await.unwrap();
    let (user, password) = (old.admin().0.to_owned(), old.admin().1.to_owned());
    old.create_project("shop", false).unwrap();
    old.push_image("shop/web", "1", &images::simple("web", &[100])).await.unwrap();
    let discovery = Discovery::take(&push::client(&old.url(), &user, &password), None, 0).await.unwrap();
    let known: HashMap<ProjectName, _> = discovery.projects.iter().map(|p| (p.name.clone(), discovery.state_of(p))).collect();
    assert!(known.values().all(|known_state| known_state.mark.is_some_and(|mark| mark.log == AuditLog::Old)));
    old.stop().await.unwrap();

    let new = harbor_sim::start(Config { data, version: Version::V2_14_1, ..Config::default() }).await.unwrap();
    // As many rows as the old log had, so that the numbers fit.
    for n in 0..4 {
        new.push_image("shop/web", &format!("n{n}"), &images::simple("web", &[100])).await.unwrap();
    }
    let client = push::client(&new.url(), &user, &password);
    let discovery = Discovery::take(&client, Since::of(known.values()), 2).await.unwrap();
    assert_eq!((discovery.basis, discovery.log), (Basis::Version, Some(Readable::NoMark)));
    assert!(discovery.projects.iter().all(|p| !discovery.is_unchanged(p, &known[&p.name])));
    let shop = discovery.projects.iter().find(|p| p.name.as_str() == "shop").unwrap();
    assert_eq!(discovery.state_of(shop).mark.unwrap().log, AuditLog::Extended);
}
