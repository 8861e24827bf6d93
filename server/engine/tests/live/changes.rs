//! How a run knows what changed: update times, the audit log, and a Harbor that was set back.

use engine::backup::discovery::{Basis, Discovery, KnownState, OVERLAP, Since};
use engine::backup::sight::Sight;
use engine::backup::tail::{Ask, Mark, ROWS_MAX, Readable, Tail};
use harbor_sim::images;
use registry::{Reference, RobotSpec};

use crate::harness::Live;
use crate::push;

#[tokio::test]
async fn on_a_real_harbor_update_times_name_the_projects_that_changed_from_2_15_2_on() {
    let Some(mut live) = Live::new().await else { return };
    let admin = live.client.clone();
    let web = push::repository(&live.name("web"));
    let image = push::image(&admin, web.as_str(), Some("1"), &images::simple("hint", &[100])).await;
    push::image(&admin, &live.name("api"), Some("1"), &images::simple("hint-api", &[100])).await;
    let robot = admin.create_robot(&RobotSpec::least_privilege_backup(&format!("{}-hint", live.project))).await.unwrap();
    live.client = live.login(&robot);
    let first = Discovery::take(&live.client, None, 0).await.unwrap();
    let project = first.projects.iter().find(|p| p.name == live.project).unwrap();
    // As if the overlap were over: what came before this look is known.
    let known_state = KnownState { seen_at: first.at + OVERLAP + std::time::Duration::from_millis(1_500), ..first.state_of(project) };
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let before = live.client.counters().requests;
    let look = || async {
        let since = Since { seen_at: known_state.seen_at, mark: None };
        let discovery = Discovery::take(&live.client, Some(since), first.projects.len() as u64).await.unwrap();
        let project = discovery.projects.iter().find(|p| p.name == live.project).unwrap().clone();
        (discovery.basis, discovery.is_unchanged(&project, &known_state))
    };
    let (basis, unchanged) = look().await;
    println!("hint: {}; {} requests", basis.sentence(), live.client.counters().requests - before);
    let version = live.client.version().await.unwrap().unwrap();
    if version < registry::HarborVersion::UPDATE_TIMES {
        assert_eq!((basis, unchanged), (Basis::Version, false));
        let known = first.state_of(project);
        let before = live.client.counters().requests;
        let discovery = Discovery::take(&live.client, Since::of([known].iter()), first.projects.len() as u64).await.unwrap();
        let requests = live.client.counters().requests - before;
        println!("hint: {}; {requests} requests for {} projects", discovery.sentence(), discovery.projects.len());
        assert_eq!((discovery.basis, discovery.is_unchanged(project, &known)), (Basis::AuditLog, true));
        assert!(requests <= 6, "{requests}");
        admin.create_tag(&web, &image, &push::tag("2")).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let discovery = Discovery::take(&live.client, Since::of([known].iter()), first.projects.len() as u64).await.unwrap();
        assert_eq!((discovery.basis, discovery.is_unchanged(project, &known)), (Basis::AuditLog, false), "a tag");
    } else {
        assert_eq!((basis, unchanged), (Basis::UpdateTimes, true));
        assert!(live.client.counters().requests - before <= 5);
        admin.create_tag(&web, &image, &push::tag("2")).await.unwrap();
        assert_eq!(look().await, (Basis::UpdateTimes, false), "a tag");
    }
    live.client = admin;
    live.remove(&live.project).await;
    live.client.delete_robot(robot.id).await.unwrap();
}

#[tokio::test]
async fn on_a_real_harbor_the_same_content_gives_the_same_repository_indexes_as_on_every_other() {
    let Some(mut live) = Live::new().await else { return };
    let sim = harbor_sim::start(harbor_sim::Config::default()).await.unwrap();
    let (user, password) = sim.admin();
    let elsewhere = push::client(&sim.url(), user, password);
    elsewhere.create_project(&live.project, false).await.unwrap();
    for client in [&live.client, &elsewhere] {
        push::rich(client, &live.name("web"), "same").await;
        push::rich(client, &live.name("team/api"), "same").await;
    }
    let here = live.backup(None).await;
    let real = std::mem::replace(&mut live.client, elsewhere);
    let there = live.backup(None).await;
    live.client = real;
    live.remove(&live.project).await;
    sim.stop().await.unwrap();
    assert_eq!(here.index.repositories, there.index.repositories, "digests are over every tag, role, label and description");
}

/// What the audit log tells, with update times left aside where there are any. Nobody else may write to the Harbor meanwhile.
#[tokio::test]
async fn on_a_real_harbor_the_audit_log_names_the_projects_that_changed() {
    let Some(mut live) = Live::new().await else { return };
    let admin = live.client.clone();
    let web = push::repository(&live.name("web"));
    let image = push::image(&admin, web.as_str(), Some("1"), &images::simple("log", &[100])).await;
    let robot = admin.create_robot(&RobotSpec::least_privilege_backup(&format!("{}-log", live.project))).await.unwrap();
    live.client = live.login(&robot);
    let log = registry::AuditLog::of(live.client.version().await.unwrap().unwrap());
    let names = std::collections::HashSet::from([&live.project]);
    let read = |since: Option<Mark>| {
        let client = live.client.clone();
        let projects = &names;
        async move {
            // Rows are written a moment after their change.
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            Tail::read(&client, Ask { log, since, projects, rows_max: ROWS_MAX }).await.unwrap()
        }
    };
    let first = read(None).await;
    assert_eq!(first.readable, Readable::NoMark, "the robot that Breakwater makes sees the log");
    let mut mark = first.mark;
    for what in ["nothing", "pulls", "push", "tag", "tag gone", "artifact gone", "repository gone"] {
        match what {
            "pulls" => pull_often(&live.name("web"), 130).await,
            "push" => drop(push::image(&admin, &live.name("api"), Some("1"), &images::simple("log-api", &[9])).await),
            "tag" => admin.create_tag(&web, &image, &push::tag("2")).await.unwrap(),
            "tag gone" => admin.delete_tag(&web, &push::tag("2")).await.unwrap(),
            "artifact gone" => admin.delete_artifact(&web, &Reference::Digest(image)).await.unwrap(),
            "repository gone" => admin.delete_repository(&push::repository(&live.name("api"))).await.unwrap(),
            _ => {}
        }
        let before = live.client.counters().requests;
        let tail = read(mark).await;
        println!("{what}: {} requests, mark {:?}", live.client.counters().requests - before, tail.mark);
        assert_eq!(tail.readable, Readable::Whole, "{what}");
        assert_eq!(tail.names(&live.project, mark), Some(!matches!(what, "nothing" | "pulls")), "{what}");
        assert_eq!(tail.tells_of_push(&live.project, mark), matches!(what, "push" | "tag"), "{what}");
        mark = tail.mark;
    }
    live.client = admin;
    live.remove(&live.project).await;
    live.client.delete_robot(robot.id).await.unwrap();
}

/// Pulls as anybody does, so that Harbor writes it down.
async fn pull_often(repository: &str, times: usize) {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let client = reqwest::Client::new();
    for _ in 0..times {
        let url = format!("{}/v2/{repository}/manifests/1", variable("HARBOR_URL"));
        let call = client.get(url).basic_auth(variable("HARBOR_USER"), Some(variable("HARBOR_PASSWORD")));
        let answer = call.header("accept", "application/vnd.oci.image.manifest.v1+json").send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }
}

/// `HARBOR_SET_BACK` is a command that keeps the Harbor's database when it is run with `save`, and sets it back when it is run with `restore`.
#[tokio::test]
async fn a_real_harbor_that_is_set_back_is_noticed() {
    let Ok(command) = std::env::var("HARBOR_SET_BACK") else { return };
    let Some(live) = Live::new().await else { return };
    let run = |word: &str| {
        let done = std::process::Command::new("sh").args(["-c", &format!("{command} {word}")]).status().unwrap();
        assert!(done.success(), "{command} {word}");
    };
    let web = live.name("web");
    push::image(&live.client, &web, Some("stable"), &images::simple("before", &[100])).await;
    run("save");
    // Longer than the clocks of one Harbor may differ.
    tokio::time::sleep(std::time::Duration::from_secs(70)).await;
    push::image(&live.client, &web, Some("stable"), &images::simple("after", &[100])).await;
    push::image(&live.client, &web, Some("only-later"), &images::simple("later", &[100])).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let first = Discovery::take(&live.client, None, 0).await.unwrap();
    let sight = Sight::of(&first, None);
    let known_state = first.state_of(first.projects.iter().find(|p| p.name == live.project).unwrap());
    let look = || async {
        let discovery = Discovery::take(&live.client, Since::of([known_state].iter()), first.projects.len() as u64).await.unwrap();
        discovery.against(&live.client, &sight).await.unwrap()
    };
    let quiet = look().await;
    assert_eq!(quiet.set_back, None, "{}", quiet.sentence());
    run("restore");
    for _ in 0..60 {
        if live.client.prove_login().await.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    let discovery = look().await;
    println!("{}", discovery.sentence());
    assert_eq!(discovery.basis, Basis::SetBack, "{}", discovery.sentence());
    assert!(discovery.set_back.unwrap().kept_until.is_some_and(|until| until <= sight.at));
    live.remove(&live.project).await;
}
