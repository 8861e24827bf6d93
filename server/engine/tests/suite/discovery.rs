//! A look at the whole Harbor: what it spares, what it must not conclude, and what only a full run finds.

use std::collections::HashMap;
use std::time::Duration;

use engine::Silent;
use engine::backup::confirm::{Candidate, confirm, own_print};
use engine::backup::discovery::{Basis, Discovery, KnownState, Since};
use engine::backup::sight::{Evidence, Sight};
use engine::backup::{self, Reconcile};
use harbor_sim::{Config, Version, images};
use registry::Client;
use secrecy::ExposeSecret;
use vault::PointerName;
use vocab::{Digest, ProjectName};

use crate::harness::Harness;
use crate::push;

/// Longer than [`backup::discovery::OVERLAP`].
const LONG: Duration = Duration::from_secs(3_600);
const PROJECTS: [&str; 4] = ["shop", "prod", "team", "empty"];

/// Projects, each backed up once, and what is known of them.
pub struct Estate {
    pub h: Harness,
    pub known: HashMap<ProjectName, Known>,
}

/// What is known of a project after its backup.
pub struct Known {
    pub state: KnownState,
    pub digest: Digest,
    pub pointer: PointerName,
    pub own: Option<Digest>,
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
        let discovery = Discovery::take(&estate.h.client, None, 0).await.unwrap();
        assert_eq!(discovery.basis, Basis::FirstLook);
        for project in discovery.projects.iter().filter(|p| PROJECTS.contains(&p.name.as_str())) {
            let cx = estate.h.backup_context(Reconcile::Full);
            let outcome = backup::project(&cx, &project.name, None).await.unwrap();
            assert_eq!(outcome.confirmed, None);
            let (digest, pointer, own) = (outcome.digest, outcome.pointer, outcome.own);
            estate.known.insert(project.name.clone(), Known { state: discovery.state_of(project), digest, pointer, own });
        }
        estate.h.sim.age_repositories(LONG);
        estate
    }

    pub fn since(&self) -> Option<Since> {
        Since::of(self.known.values().map(|known| &known.state))
    }

    pub async fn look(&self, client: &Client) -> Discovery {
        Discovery::take(client, self.since(), 5).await.unwrap()
    }

    /// Names of projects that have to be listed.
    pub fn changed(&self, discovery: &Discovery) -> Vec<String> {
        let rows = discovery.projects.iter().filter_map(|p| Some((p, self.known.get(&p.name)?)));
        rows.filter(|(p, known)| !discovery.is_unchanged(p, &known.state)).map(|(p, _)| p.name.to_string()).collect()
    }

    fn candidate(&self, name: &str) -> Candidate {
        let project: ProjectName = name.parse().unwrap();
        let pointer_id = self.known[&project].pointer.id();
        Candidate { project, pointer_id, lock: false }
    }

    async fn confirmed(&self, candidates: Vec<Candidate>) -> Vec<String> {
        let harbor = "harbor".parse().unwrap();
        let confirmed = confirm(&self.h.vault, &harbor, time::OffsetDateTime::now_utc(), candidates, &Silent).await.unwrap();
        confirmed.iter().map(ToString::to_string).collect()
    }
}

#[tokio::test]
async fn an_unchanged_registry_costs_five_requests_however_many_projects_it_has() {
    let estate = Estate::new(Config::default()).await;
    let (user, password) = estate.h.sim.admin();
    let fresh = push::client(&estate.h.sim.url(), user, password);
    estate.h.sim.control().reset_counts();
    let discovery = estate.look(&fresh).await;
    assert_eq!(estate.changed(&discovery), [""; 0]);
    let all: Vec<Candidate> = PROJECTS.iter().map(|name| estate.candidate(name)).collect();
    let mut confirmed = estate.confirmed(all).await;
    confirmed.sort();
    assert_eq!(confirmed, ["empty", "prod", "shop", "team"]);
    assert_eq!(estate.h.sim.control().total(), 5, "{:?}", estate.h.sim.control().seen());
    assert_eq!(estate.h.pointers().await, 4, "and leaves nothing");
    assert_eq!(estate.h.vault.live_holds().await.unwrap().len(), 0);
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
    let digest = estate.known[&shop].digest;
    let web = h.points_to("shop/web", "1").await.unwrap();
    let label = h.sim.create_label("shop", "gold", "#FFD700").unwrap();
    h.sim.attach_label("shop/web", &web.to_string(), label).unwrap();
    let discovery = estate.look(&h.client).await;
    assert_eq!(estate.changed(&discovery), [""; 0], "the documented limit of the hint");
    let hinted = backup::project(&h.backup_context(Reconcile::Hinted), &shop, Some(digest)).await.unwrap();
    assert_ne!(hinted.digest, digest, "a listing shows it");
    let full = backup::project(&h.backup_context(Reconcile::Full), &shop, Some(digest)).await.unwrap();
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
    let discovery = Discovery::take(&old.h.client, old.since().map(|since| Since { mark: None, ..since }), 5).await.unwrap();
    assert_eq!(discovery.basis, Basis::Version);
    assert_eq!(old.changed(&discovery).len(), 4, "all are listed");

    let estate = Estate::new(Config::default()).await;
    let anonymous = push::client(&estate.h.sim.url(), "robot$nobody", "wrong");
    assert_eq!(Discovery::take(&anonymous, estate.since(), 5).await.unwrap_err().code(), "not_logged_in");
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
    let discovery = estate.look(&narrow).await;
    assert_eq!(discovery.basis, Basis::Count);
    assert_eq!(estate.changed(&discovery).len(), 4);
}

#[tokio::test]
async fn what_is_not_kept_or_stands_beside_damage_or_has_other_settings_is_listed_again() {
    let estate = Estate::new(Config::default()).await;
    let h = &estate.h;
    let discovery = estate.look(&h.client).await;
    let team = discovery.projects.iter().find(|p| p.name.as_str() == "team").unwrap();
    assert_eq!(estate.known[&team.name].own, Some(own_print(team)));
    let mut other = team.clone();
    other.metadata.insert("prevent_vul".to_owned(), "true".to_owned());
    assert_ne!(estate.known[&team.name].own, Some(own_print(&other)), "its settings changed");
    h.vault.forget(&estate.known[&"prod".parse::<ProjectName>().unwrap()].pointer).await.unwrap();
    let mistaken = Candidate { project: "shop".parse().unwrap(), ..estate.candidate("team") };
    let both = vec![estate.candidate("prod"), mistaken, estate.candidate("empty")];
    assert_eq!(estate.confirmed(both).await, ["empty"], "one is not kept, and one is another project's");
    let many = (0..20).map(|_| estate.candidate("prod")).chain([estate.candidate("team")]).collect();
    assert_eq!(estate.confirmed(many).await, ["team"], "the same where all pointers are listed");
    let lost = h.vault.snapshot(&estate.known[&team.name].digest).await.unwrap().repositories[0].1.digest;
    std::fs::write(h.object(&lost), b"damaged").unwrap();
    h.vault.quarantine(&lost, "found by a test").await.unwrap();
    assert_eq!(estate.confirmed(vec![estate.candidate("empty")]).await, [""; 0], "something in the vault is damaged");
}

#[tokio::test]
async fn a_project_that_is_listed_and_is_the_same_gets_no_other_snapshot() {
    let h = Harness::new().await;
    push::rich(&h.client, "shop/web", "a").await;
    let first = h.backup(None).await;
    for reconcile in [Reconcile::Hinted, Reconcile::Full] {
        let again = backup::project(&h.backup_context(reconcile), &crate::harness::shop(), Some(first.digest)).await.unwrap();
        assert_eq!((again.digest, &again.pointer, again.moment), (first.digest, &first.pointer, first.moment));
        assert!(again.confirmed.is_some_and(|at| at > first.moment));
        assert_eq!((again.stats.blobs_new, again.stats.repositories_changed), (0, 0));
    }
    assert_eq!(h.pointers().await, 1);
    // The same image pushed again has another place in the order of pushes, which a restore keeps.
    push::image(&h.client, "shop/web", Some("later"), &images::simple("later", &[5])).await;
    let second = h.backup(Some(first.digest)).await;
    assert_eq!((second.confirmed, h.pointers().await), (None, 2));
    // One that is not kept any more is nothing to build on.
    h.vault.forget(&second.pointer).await.unwrap();
    let third = h.backup(Some(second.digest)).await;
    assert_eq!((third.confirmed, h.pointers().await), (None, 2));
    h.verified(&third.digest).await;
}

#[tokio::test]
async fn a_harbor_that_was_set_back_is_noticed_and_no_hint_about_it_is_followed() {
    // By update times; by the log; and by the log where so much happened since that the numbers fit again.
    for (version, busy) in
        [(Version::V2_15_2, 0), (Version::V2_15_2, 150), (Version::V2_12_4, 0), (Version::V2_12_4, 40), (Version::V2_14_1, 150)]
    {
        let mut estate = Estate::new(Config { version, ..Config::default() }).await;
        let h = &estate.h;
        let dump = h.sim.dump();
        push::image(&h.client, "prod/web", Some("only-later"), &images::simple("later", &[7])).await;
        h.client.delete_tag(&push::repository("team/web"), &push::tag("1")).await.unwrap();
        let after = estate.look(&h.client).await;
        let sight = Sight::of(&after, None);
        for (name, known) in &mut estate.known {
            known.state = after.state_of(after.projects.iter().find(|p| p.name == *name).unwrap());
        }
        let h = &estate.h;
        let text = serde_json::to_string(&sight).unwrap();
        let sight: Sight = serde_json::from_str(&text).unwrap();
        let quiet = estate.look(&h.client).await.against(&h.client, &sight).await.unwrap();
        assert_eq!(quiet.set_back, None, "nothing happened");

        h.sim.set_back(&dump);
        h.sim.pull_often("shop/web", "1", busy);
        let trap = estate.look(&h.client).await;
        let discovery = trap.clone().against(&h.client, &sight).await.unwrap();
        let set_back = discovery.set_back.as_ref().unwrap_or_else(|| panic!("{version:?} {busy}: {}", trap.sentence()));
        assert_eq!((discovery.basis, estate.changed(&discovery).len()), (Basis::SetBack, 4), "all are listed");
        assert!(set_back.kept_until.is_none_or(|until| until <= sight.at));
        assert!(set_back.kept_until.is_some() || busy > 0, "where nothing came since, what is left says until when: {version:?}");
        assert!(discovery.sentence().contains("set back"), "{}", discovery.sentence());
        let now = Sight::of(&discovery, Some(&sight));
        let next = estate.look(&h.client).await.against(&h.client, &now).await.unwrap();
        assert_eq!(next.set_back, None, "it is noticed once");
    }
}

#[tokio::test]
async fn what_was_deleted_or_made_meanwhile_is_no_sign_of_a_harbor_set_back() {
    let estate = Estate::new(Config::default()).await;
    let h = &estate.h;
    push::image(&h.client, "prod/web", Some("2"), &images::simple("later", &[7])).await;
    let sight = Sight::of(&estate.look(&h.client).await, None);
    h.delete("prod/web").await;
    push::image(&h.client, "prod/web", Some("2"), &images::simple("again", &[7])).await;
    h.delete("team/api").await;
    h.client.create_project(&"newer".parse().unwrap(), false).await.unwrap();
    push::image(&h.client, "newer/web", Some("2"), &images::simple("later", &[7])).await;
    let discovery = estate.look(&h.client).await.against(&h.client, &sight).await.unwrap();
    assert_eq!((discovery.set_back, discovery.basis), (None, Basis::UpdateTimes));
}

#[tokio::test]
async fn a_number_that_is_handed_out_again_gives_a_harbor_away_that_hides_everything_else() {
    let estate = Estate::new(Config { version: Version::V2_12_4, ..Config::default() }).await;
    let h = &estate.h;
    let dump = h.sim.dump();
    h.client.create_project(&"lost".parse().unwrap(), false).await.unwrap();
    let seen = estate.look(&h.client).await;
    // By a login that may not read the log, and a minute ago, by which clocks may differ.
    let sight = Sight { at: seen.at - Duration::from_secs(60), row: None, ..Sight::of(&seen, None) };
    h.sim.set_back(&dump);
    h.client.create_project(&"other".parse().unwrap(), false).await.unwrap();
    let discovery = estate.look(&h.client).await.against(&h.client, &sight).await.unwrap();
    assert!(matches!(discovery.set_back.unwrap().evidence, Evidence::NumberAgain { name, .. } if name == "other"));
}
