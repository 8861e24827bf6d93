//! The whole journey on a real Harbor: back up, delete, plan, restore, pull and compare. Its project has a random name and is removed.
//!
//! `HARBOR_URL`, `HARBOR_USER` and `HARBOR_PASSWORD` name the Harbor; without them it prints a line and does nothing.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

#[path = "suite/dry_run.rs"]
mod dry_run;
#[path = "suite/push.rs"]
mod push;
#[path = "suite/rich_settings.rs"]
mod rich_settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::Silent;
use engine::backup::{self, BackupContext, BackupError, Reconcile, SnapshotOutcome};
use engine::effect::{self, EffectPlan, OnConflict, PlanContext, Policy, Undone, Written};
use engine::import::{self, Destination, ImportContext};
use engine::report::Report;
use engine::restore::{self, RestoreContext};
use engine::select::Selection;
use futures::StreamExt;
use harbor_sim::images;
use registry::{Client, CreatedRobot, Reference, RobotSpec};
use secrecy::ExposeSecret;
use vault::{HarborName, Vault};
use vocab::{Digest, ProjectName, RepositoryName};

/// Tags of the repository that is only many.
const MANY_TAGS: usize = 200;

struct Live {
    client: Client,
    vault: Vault,
    harbor: HarborName,
    project: ProjectName,
    folder: tempfile::TempDir,
}

impl Live {
    async fn new() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let (Some(url), Some(user), Some(password)) = (variable("HARBOR_URL"), variable("HARBOR_USER"), variable("HARBOR_PASSWORD")) else {
            println!("no HARBOR_URL, HARBOR_USER and HARBOR_PASSWORD: nothing was tried on a real Harbor");
            return None;
        };
        let client = push::client(&url, &user, &password);
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::init(&folder.path().join("vault")).await.unwrap();
        let project: ProjectName = format!("bweng{}", &uuid::Uuid::new_v4().simple().to_string()[..10]).parse().unwrap();
        client.create_project(&project, false).await.unwrap();
        Some(Self { client, vault, harbor: "live".parse().unwrap(), project, folder })
    }

    fn name(&self, repository: &str) -> String {
        format!("{}/{repository}", self.project)
    }

    fn backup_context(&self) -> BackupContext {
        BackupContext {
            client: self.client.clone(),
            vault: self.vault.clone(),
            harbor: self.harbor.clone(),
            progress: Arc::new(Silent),
            control: Arc::new(Silent),
            reconcile: Reconcile::Hinted,
            harbor_config: None,
            secrets: None,
            staging: None,
        }
    }

    async fn backup(&self, previous: Option<Digest>) -> SnapshotOutcome {
        let cx = self.backup_context();
        let started = std::time::Instant::now();
        let outcome = backup::project(&cx, &self.project, previous).await.unwrap();
        println!("backup: {:?} in {:?}", outcome.stats, started.elapsed());
        assert_eq!(outcome.index.gaps, []);
        assert_eq!(engine::verify::snapshot_to(&self.vault, &outcome.digest, engine::verify::Depth::Bytes).await, []);
        outcome
    }

    async fn plan(&self, snapshot: Digest, target: &ProjectName, on_conflict: OnConflict) -> EffectPlan {
        let cx = PlanContext { client: self.client.clone(), vault: self.vault.clone(), harbor: self.harbor.clone() };
        let policy = Policy {
            on_conflict,
            accessories: true,
            keep_suffix: "before".to_owned(),
            rename_suffix: "restored".to_owned(),
            digest_tag: String::new(),
        };
        let started = std::time::Instant::now();
        let plan = effect::plan(&cx, &snapshot, &Selection::Project, target, &policy).await.unwrap();
        println!("plan: {:?} {:?} in {:?}", plan.counts(), plan.estimate, started.elapsed());
        plan
    }

    /// The plan that undoes a restore; nothing of what it needs was captured.
    async fn undo(&self, plan: &EffectPlan, report: &Report, snapshot: Digest) -> EffectPlan {
        let cx = PlanContext { client: self.client.clone(), vault: self.vault.clone(), harbor: self.harbor.clone() };
        let (written, none, never) = (Written::of(report), BTreeMap::new(), BTreeMap::new());
        let undone = Undone { plan, written: &written, snapshot, captured: &none, elsewhere: &never };
        effect::undo(&cx, &undone, &Policy { keep_suffix: "before-undo".to_owned(), ..plan.policy.clone() }).await.unwrap()
    }

    async fn execute(&self, plan: &EffectPlan) -> Report {
        let cx = RestoreContext { client: self.client.clone(), vault: self.vault.clone(), progress: Arc::new(Silent) };
        let started = std::time::Instant::now();
        let report = restore::execute(&cx, plan, &Silent).await.unwrap();
        println!(
            "restore: {} lines, {} manifests, {} mounted, {} sent, {} bytes, {} requests in {:?}",
            report.done(),
            report.manifests_put,
            report.blobs_mounted,
            report.blobs_sent,
            report.bytes_sent,
            report.requests,
            started.elapsed()
        );
        assert!(report.is_clean(), "{report:#?}");
        report
    }

    /// Tags and accessories as Harbor shows them.
    async fn state(&self, project: &ProjectName) -> BTreeMap<String, Vec<String>> {
        let mut state = BTreeMap::new();
        let artifacts = self.client.artifacts(project, None);
        futures::pin_mut!(artifacts);
        while let Some(artifact) = artifacts.next().await {
            let artifact = artifact.unwrap();
            let mut shown: Vec<String> = artifact.tags.iter().map(|tag| format!("tag {}", tag.name)).collect();
            shown.extend(artifact.accessories.iter().map(|a| format!("{} {}", a.kind, a.digest)));
            shown.sort();
            state.insert(format!("{}@{}", artifact.repository.within_project(), artifact.digest), shown);
        }
        for repository in self.client.repositories(project).await.unwrap() {
            let mut tags: Vec<String> = self.client.tag_names(&repository.name).await.unwrap().iter().map(ToString::to_string).collect();
            tags.sort();
            state.insert(repository.name.within_project().to_owned(), tags);
        }
        state
    }

    /// Pulls every blob of a tag's image and compares it with its digest; the client does both.
    async fn pull(&self, repository: &RepositoryName, tag: &str) {
        let raw = self.client.manifest_get_by_tag(repository, &push::tag(tag)).await.unwrap().unwrap();
        let manifest = vocab::Manifest::parse(&raw.media_type, &raw.bytes).unwrap();
        for blob in &manifest.blobs {
            let body = self.client.blob_get(repository, &blob.sha256().unwrap(), None);
            futures::pin_mut!(body);
            let mut size_bytes = 0;
            while let Some(piece) = body.next().await {
                size_bytes += piece.unwrap().len() as u64;
            }
            assert_eq!(Some(size_bytes), blob.stated_bytes());
        }
    }

    /// Puts a label on an artifact of `web`.
    async fn label(&self, digest: &Digest) {
        let project = self.client.project(&self.project).await.unwrap().unwrap();
        self.client.create_label(&project, "gold", "#FFD700", "good").await.unwrap();
        let label = self.client.labels(Some(&project)).await.unwrap().remove(0);
        self.client.add_artifact_label(&push::repository(&self.name("web")), digest, label.id).await.unwrap();
    }

    /// The label is in the settings and on each tag of the artifact.
    async fn check_label(&self, outcome: &SnapshotOutcome, digest: &Digest) {
        let settings = self.vault.project_settings(&outcome.index.config.as_ref().unwrap().digest).await.unwrap();
        assert_eq!(settings["unreadable"], serde_json::json!({}));
        assert_eq!(settings["labels"][0]["name"], "gold");
        let (_, descriptor) = outcome.index.repositories.iter().find(|(name, _)| name.within_project() == "web").unwrap();
        let index = self.vault.repository(&descriptor.digest).await.unwrap();
        let labelled: Vec<_> = index.members.iter().filter(|m| m.labels.iter().any(|label| label.name == "gold")).collect();
        assert_eq!(labelled.len(), 2, "1.0 and stable are the same artifact");
        assert!(labelled.iter().all(|member| member.descriptor.digest == *digest));
    }

    fn login(&self, robot: &CreatedRobot) -> Client {
        let url = self.client.endpoint().url.to_string();
        push::client(&url, &robot.name, robot.secret.expose_secret())
    }

    /// Whether a backup finds that there is no such project.
    async fn gone(&self) -> bool {
        let cx = self.backup_context();
        matches!(backup::project(&cx, &self.project, None).await, Err(BackupError::NoProject { .. }))
    }

    async fn remove(&self, project: &ProjectName) {
        for repository in self.client.repositories(project).await.unwrap() {
            self.client.delete_repository(&repository.name).await.unwrap();
        }
        self.client.delete_project(project).await.unwrap();
    }
}

#[tokio::test]
async fn on_a_real_harbor_what_was_deleted_comes_back_and_can_be_pulled() {
    let Some(mut live) = Live::new().await else { return };
    let rich = push::rich(&live.client, &live.name("web"), "live").await;
    push::rich(&live.client, &live.name("team/api"), "live").await;
    for number in 0..MANY_TAGS {
        let image = images::simple(&format!("live-{number}"), &[20_000]);
        push::image(&live.client, &live.name("many"), Some(&format!("v{number}")), &image).await;
    }
    live.label(&rich.plain).await;
    let admin = live.client.clone();
    let robot = admin.create_robot(&RobotSpec::least_privilege_restore(&format!("{}-write", live.project))).await.unwrap();
    live.client = live.login(&robot);
    let first = live.backup(None).await;
    live.check_label(&first, &rich.plain).await;
    let second = live.backup(Some(first.digest)).await;
    assert_eq!(first.index.repositories, second.index.repositories);
    assert_eq!(second.stats.blobs_new, 0);
    assert!(second.stats.requests <= 5, "{} requests", second.stats.requests);
    let before = live.state(&live.project).await;

    for repository in admin.repositories(&live.project).await.unwrap() {
        admin.delete_repository(&repository.name).await.unwrap();
    }
    let plan = live.plan(second.digest, &live.project, OnConflict::Leave).await;
    assert_eq!(plan.estimate.bytes_to_send, 0, "Harbor still has the blobs");
    let report = live.execute(&plan).await;
    assert_eq!((report.bytes_sent, report.blobs_mounted), (0, 0));
    assert_eq!(live.state(&live.project).await, before);
    for digest in rich.all() {
        assert!(live.client.artifact(&push::repository(&live.name("web")), &digest.into()).await.unwrap().is_some(), "{digest}");
    }
    live.pull(&push::repository(&live.name("web")), "1.0").await;
    live.pull(&push::repository(&live.name("many")), "v7").await;
    assert!(!live.plan(second.digest, &live.project, OnConflict::Leave).await.writes());

    let bad = push::image(&live.client, &live.name("web"), Some("1.0"), &images::simple("live-bad", &[9])).await;
    let plan = live.plan(second.digest, &live.project, OnConflict::Move).await;
    assert_eq!(plan.counts().moves, 1);
    let report = live.execute(&plan).await;
    let kept = live.client.manifest_head(&push::repository(&live.name("web")), &Reference::Tag(push::tag("1.0-before"))).await.unwrap();
    assert_eq!(kept.unwrap().digest, Some(bad));
    let undo = live.undo(&plan, &report, second.digest).await;
    live.execute(&undo).await;
    let now = live.client.manifest_head(&push::repository(&live.name("web")), &Reference::Tag(push::tag("1.0"))).await.unwrap();
    assert_eq!(now.unwrap().digest, Some(bad));

    let other: ProjectName = format!("{}x", live.project).parse().unwrap();
    let plan = live.plan(second.digest, &other, OnConflict::Leave).await;
    assert!(plan.creates_project);
    let report = live.execute(&plan).await;
    assert_eq!(report.bytes_sent, 0, "everything was mounted");
    assert_eq!(live.state(&other).await, before);
    live.client = admin;
    live.remove(&other).await;
    live.remove(&live.project).await;
    live.client.delete_robot(robot.id).await.unwrap();
}

#[tokio::test]
async fn on_a_real_harbor_the_least_robots_back_up_a_project_and_bring_it_back_after_its_deletion() {
    let Some(mut live) = Live::new().await else { return };
    let admin = live.client.clone();
    push::rich(&admin, &live.name("web"), "gone").await;
    let before = live.state(&live.project).await;
    let reader = admin.create_robot(&RobotSpec::least_privilege_backup(&format!("{}-read", live.project))).await.unwrap();
    let writer = admin.create_robot(&RobotSpec::least_privilege_restore(&format!("{}-write", live.project))).await.unwrap();
    live.client = live.login(&reader);
    let snapshot = live.backup(None).await;
    live.client = admin.clone();
    live.remove(&live.project).await;
    live.client = live.login(&reader);
    assert!(live.gone().await, "the least login tells a deleted project from a forbidden one");
    live.client = live.login(&writer);
    let plan = live.plan(snapshot.digest, &live.project, OnConflict::Leave).await;
    let report = live.execute(&plan).await;
    assert!(report.created_project);
    assert_eq!(report.bytes_sent, 0);
    assert_eq!(live.state(&live.project).await, before);
    push::image(&admin, &live.name("web"), Some("1.0"), &images::simple("bad", &[9])).await;
    let plan = live.plan(snapshot.digest, &live.project, OnConflict::Move).await;
    assert_eq!(plan.counts().moves, 1, "{:?}", plan.warnings);
    live.execute(&plan).await;
    live.client = admin;
    live.remove(&live.project).await;
    for robot in [reader, writer] {
        live.client.delete_robot(robot.id).await.unwrap();
    }
}

#[tokio::test]
async fn on_a_real_harbor_update_times_name_the_projects_that_changed_from_2_15_2_on() {
    use engine::backup::glance::{Basis, Glance, OVERLAP, Since, Standing};
    let Some(mut live) = Live::new().await else { return };
    let admin = live.client.clone();
    let web = push::repository(&live.name("web"));
    let image = push::image(&admin, web.as_str(), Some("1"), &images::simple("hint", &[100])).await;
    push::image(&admin, &live.name("api"), Some("1"), &images::simple("hint-api", &[100])).await;
    let robot = admin.create_robot(&RobotSpec::least_privilege_backup(&format!("{}-hint", live.project))).await.unwrap();
    live.client = live.login(&robot);
    let first = Glance::take(&live.client, None, 0).await.unwrap();
    let project = first.projects.iter().find(|p| p.name == live.project).unwrap();
    // As if the overlap were over: what came before this look is known.
    let standing = Standing { seen_at: first.at + OVERLAP + std::time::Duration::from_millis(1_500), ..first.standing(project) };
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let before = live.client.counters().requests;
    let look = || async {
        let since = Since { seen_at: standing.seen_at, mark: None };
        let glance = Glance::take(&live.client, Some(since), first.projects.len() as u64).await.unwrap();
        let project = glance.projects.iter().find(|p| p.name == live.project).unwrap().clone();
        (glance.basis, glance.is_unchanged(&project, &standing))
    };
    let (basis, unchanged) = look().await;
    println!("hint: {}; {} requests", basis.sentence(), live.client.counters().requests - before);
    let version = live.client.version().await.unwrap().unwrap();
    if version < registry::HarborVersion::UPDATE_TIMES {
        assert_eq!((basis, unchanged), (Basis::Version, false));
        let known = first.standing(project);
        let before = live.client.counters().requests;
        let glance = Glance::take(&live.client, Since::of([known].iter()), first.projects.len() as u64).await.unwrap();
        let requests = live.client.counters().requests - before;
        println!("hint: {}; {requests} requests for {} projects", glance.sentence(), glance.projects.len());
        assert_eq!((glance.basis, glance.is_unchanged(project, &known)), (Basis::AuditLog, true));
        assert!(requests <= 6, "{requests}");
        admin.create_tag(&web, &image, &push::tag("2")).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        let glance = Glance::take(&live.client, Since::of([known].iter()), first.projects.len() as u64).await.unwrap();
        assert_eq!((glance.basis, glance.is_unchanged(project, &known)), (Basis::AuditLog, false), "a tag");
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
    use engine::backup::tail::{Ask, Mark, ROWS_MAX, Readable, Tail};
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

/// Shows where a secret was sealed, and nothing of it.
struct Stamp;

impl backup::SealSecrets for Stamp {
    fn seal(&self, place: &str, secret: &secrecy::SecretString) -> String {
        format!("{} bytes for {place}", secret.expose_secret().len())
    }
}

#[tokio::test]
async fn on_a_real_harbor_the_least_robot_reads_each_setting_and_each_version_gives_the_same() {
    let Some(mut live) = Live::new().await else { return };
    let variable = |name: &str| std::env::var(name).unwrap();
    let admin = rich_settings::Admin { url: variable("HARBOR_URL"), user: variable("HARBOR_USER"), password: variable("HARBOR_PASSWORD") };
    let client = live.client.clone();
    push::image(&client, &live.name("web"), Some("1"), &images::simple("settings", &[100])).await;
    admin.arrange(&client, &live.project).await;
    let robot = client.create_robot(&RobotSpec::least_privilege_backup(&format!("{}-read", live.project))).await.unwrap();
    assert_eq!(robot.left_out, [], "this version knows each right");
    live.client = live.login(&robot);
    let mut cx = live.backup_context();
    cx.reconcile = Reconcile::Full;
    cx.secrets = Some(Arc::new(Stamp));
    let config = backup::harbor_settings(&live.client, &live.vault, None).await.unwrap();
    cx.harbor_config = Some(config.clone());
    let outcome = backup::project(&cx, &live.project, None).await.unwrap();
    let settings = live.vault.project_settings(&outcome.index.config.clone().unwrap().digest).await.unwrap();
    let of_harbor = live.vault.settings(vault::tree::SettingsOf::Harbor, &config.digest).await.unwrap();
    let again = backup::project(&cx, &live.project, Some(outcome.digest)).await.unwrap();
    let requests = live.client.counters().requests;
    let harbor_again = backup::harbor_settings(&live.client, &live.vault, Some(&config)).await.unwrap();
    println!(
        "the Harbor's own settings: {} requests, not readable: {}",
        live.client.counters().requests - requests,
        of_harbor["unreadable"]
    );
    live.client = client;
    live.remove(&live.project).await;
    live.client.delete_robot(robot.id).await.unwrap();
    assert_eq!(settings, rich_settings::expected("live", &live.project));
    assert_eq!(again.index.config, outcome.index.config);
    assert_eq!(harbor_again.digest, config.digest);
    let lacking: Vec<&String> = of_harbor["unreadable"].as_object().unwrap().keys().collect();
    assert_eq!(lacking, ["configuration", "users"], "no robot may have these");
}

/// What Harbor counts and dates of an image and its repository, moved by pulls.
async fn pulls(admin: &Client, project: &ProjectName, digest: &Digest) -> serde_json::Value {
    let artifact = admin.setting(&format!("/projects/{project}/repositories/web/artifacts/{digest}"), "read an artifact").await.unwrap();
    let repository = admin.setting(&format!("/projects/{project}/repositories/web"), "read a repository").await.unwrap();
    let tags: Vec<_> = artifact["tags"].as_array().into_iter().flatten().map(|tag| tag["pull_time"].clone()).collect();
    serde_json::json!([artifact["pull_time"], tags, repository["pull_count"], repository["update_time"]])
}

#[tokio::test]
async fn on_a_real_harbor_images_that_content_trust_blocks_are_read_through_a_staging_project_and_count_no_pull() {
    use engine::backup::staging::{Session, Staging, contents, remove};
    let Some(mut live) = Live::new().await else { return };
    let admin = live.client.clone();
    let rich = push::rich(&admin, &live.name("web"), "staged").await;
    let many: Vec<Digest> = {
        let mut many = Vec::new();
        for number in 0..16 {
            let image = images::simple(&format!("staged-{number}"), &[20_000]);
            many.push(push::image(&admin, &live.name("web"), Some(&format!("v{number}")), &image).await);
        }
        many
    };
    let metadata = BTreeMap::from([("enable_content_trust_cosign".to_owned(), "true".to_owned())]);
    admin.update_project_metadata(&live.project, &metadata).await.unwrap();
    let before =
        (live.state(&live.project).await, pulls(&admin, &live.project, &rich.index).await, pulls(&admin, &live.project, &many[0]).await);

    let staging: ProjectName = format!("{}{}", registry::STAGING_PREFIX, live.project).parse().unwrap();
    admin.create_project(&staging, false).await.unwrap();
    let reader = admin.create_robot(&RobotSpec::least_privilege_backup(&format!("{}-read", live.project))).await.unwrap();
    let stager = admin.create_robot(&RobotSpec::least_privilege_staging(&format!("{}-stage", live.project), &staging)).await.unwrap();
    assert_eq!(stager.left_out, [], "this version knows each right");
    let robot = live.login(&stager);
    let row = robot.project(&staging).await.unwrap().unwrap();
    robot.mark_staging_project(&row).await.unwrap();
    let others = live.login(&reader).projects().await.unwrap();
    let checks = robot.check_staging(&staging, &others).await;
    live.client = live.login(&reader);
    assert!(live.client.is_staging_project(&row).await.unwrap(), "the backup robot sees the mark");

    let gaps = backup::project(&live.backup_context(), &live.project, None).await.unwrap().index.gaps;
    let session = Session { job: 1, epoch: 1 };
    let mut cx = live.backup_context();
    cx.reconcile = Reconcile::Full;
    cx.staging = Some(Staging { client: robot.clone(), project: staging.clone(), session, gate: Arc::new(Silent), unusable: None });
    let (started, requests) = (std::time::Instant::now(), robot.counters().requests);
    let outcome = backup::project(&cx, &live.project, None).await.unwrap();
    println!("staged {} images in {:?}, {} requests for it", outcome.stats.staged, started.elapsed(), robot.counters().requests - requests);
    let after =
        (live.state(&live.project).await, pulls(&admin, &live.project, &rich.index).await, pulls(&admin, &live.project, &many[0]).await);
    let left = contents(&robot, &staging).await.unwrap();

    // What a crash leaves: a copy that nobody removes, until somebody looks.
    robot.copy_artifact(&push::repository(&live.name("web")), &many[0], &session.repository(&staging, &many[0])).await.unwrap();
    let crashed = contents(&robot, &staging).await.unwrap();
    let names: Vec<RepositoryName> = crashed.copies.iter().map(|(name, _)| name.clone()).collect();
    let removed = remove(&robot, &names).await;
    // What does not fit.
    admin.set_project_quota(&row, Some(1_000)).await.unwrap();
    let refused = robot.copy_artifact(&push::repository(&live.name("web")), &many[0], &session.repository(&staging, &many[0])).await;
    let elsewhere: RepositoryName = live.name("stolen").parse().unwrap();
    let stolen = robot.copy_artifact(&push::repository(&live.name("web")), &many[0], &elsewhere).await;
    let pushed = robot.manifest_put(&elsewhere, &Reference::Tag(push::tag("1")), vocab::media::OCI_MANIFEST, "{}".into()).await;
    let deleted = robot.delete_repository(&push::repository(&live.name("web"))).await;
    let gone = robot.delete_project(&staging).await;

    live.client = admin;
    live.remove(&live.project).await;
    for robot in [reader, stager] {
        live.client.delete_robot(robot.id).await.unwrap();
    }
    println!("{checks:#?}");
    assert!(checks.iter().all(|check| check.outcome == registry::Outcome::Pass));
    assert!(gaps.len() >= 17 && gaps.iter().all(|gap| gap.kind == backup::gap::BLOCKED_BY_POLICY), "{gaps:?}");
    assert_eq!(outcome.index.gaps, []);
    assert_eq!(engine::verify::snapshot_to(&live.vault, &outcome.digest, engine::verify::Depth::Bytes).await, []);
    assert!(outcome.stats.staged >= 18);
    assert_eq!(after, before, "the source shows nothing of it");
    assert_eq!((left.copies, left.foreign), (vec![], vec![]));
    assert_eq!(crashed.copies.iter().map(|(_, whose)| *whose).collect::<Vec<_>>(), [session]);
    assert!(matches!(removed, (1, None)), "{removed:?}");
    assert!(matches!(refused, Err(registry::RegistryError::QuotaExceeded { .. })), "{refused:?}");
    for (what, refused) in [("copy", stolen), ("push", pushed), ("delete", deleted)] {
        assert!(matches!(refused, Err(registry::RegistryError::Forbidden { .. })), "{what}: {refused:?}");
    }
    gone.unwrap();
}

/// An archive as `docker save` before 25 writes it, of one image under this name.
fn docker_save(path: &std::path::Path, name: &str) {
    let layer = b"what a layer holds".as_slice();
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": [Digest::of(layer), Digest::of(layer)] },
    });
    let config = config.to_string();
    let config_name = format!("{}.json", Digest::of(config.as_bytes()).hex());
    let list = serde_json::json!([{ "Config": config_name, "RepoTags": [name], "Layers": ["aa/layer.tar", "bb/layer.tar"] }]).to_string();
    let mut builder = tar::Builder::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in [("aa/layer.tar", layer), (config_name.as_str(), config.as_bytes()), ("manifest.json", list.as_bytes())] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes).unwrap();
    }
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "bb/layer.tar", "../aa/layer.tar").unwrap();
    builder.into_inner().unwrap();
}

#[tokio::test]
async fn on_a_real_harbor_what_docker_saved_is_imported_restored_and_pulled_by_its_name() {
    let Some(live) = Live::new().await else { return };
    let archive = live.folder.path().join("saved.tar");
    docker_save(&archive, &format!("registry.example.com/{}/team/web:1.0", live.project));
    let cx = ImportContext { vault: live.vault.clone(), progress: Arc::new(Silent), control: Arc::new(Silent) };
    let destination = Destination {
        harbor: live.harbor.clone(),
        project: live.project.clone(),
        repository: None,
        names: BTreeMap::new(),
        moment: time::OffsetDateTime::now_utc(),
    };
    let imported = import::run(&cx, &destination, &archive).await.unwrap();
    assert!(imported.is_whole(), "{imported:?}");
    assert_eq!(imported.landed[0].to, live.name("team/web:1.0"));
    let plan = live.plan(imported.snapshot.digest, &live.project, OnConflict::Leave).await;
    live.execute(&plan).await;
    live.pull(&push::repository(&live.name("team/web")), "1.0").await;
    let state = live.state(&live.project).await;
    assert_eq!(state[&format!("team/web@{}", imported.landed[0].digest)], ["tag 1.0"]);
    live.remove(&live.project).await;
}

/// Order, signatures under one tag, a rule that keeps tags as they are, a lost signature: deleted, collected, restored and asked for anew.
/// With `HARBOR_KEEP` set the project stays, so that other tools can look at it.
#[tokio::test]
async fn signatures_and_the_order_of_pushes_come_back() {
    let Some(live) = Live::new().await else { return };
    let name = live.name("app");
    let repository = push::repository(&name);
    let names: Vec<String> = (1..=12).map(|n| format!("b{n}")).collect();
    for tag in &names {
        push::image(&live.client, &name, Some(tag), &images::simple(&format!("{name} {tag}"), &[400])).await;
    }
    let newest = names.last().unwrap().clone();
    let image = live.client.manifest_head(&repository, &Reference::Tag(push::tag(&newest))).await.unwrap().unwrap().digest.unwrap();
    let sig = images::cosign_tag(&image.to_string());
    let mut signatures = Vec::new();
    for who in ["first", "second"] {
        let signature = images::cosign_signature(&name, &image.to_string(), who);
        signatures.push(push::image(&live.client, &name, Some(&sig), &signature).await);
    }
    let snapshot = live.backup(None).await;
    let before = live.state(&live.project).await;

    // One signature lost from a living image.
    live.client.delete_artifact(&repository, &signatures[1].into()).await.unwrap();
    let plan = live.plan(snapshot.digest, &live.project, OnConflict::Leave).await;
    assert_eq!((plan.counts().accessories, plan.counts().writes()), (1, 1));
    assert_eq!(live.execute(&plan).await.ending(), engine::report::Ending::Done);
    assert_eq!(live.state(&live.project).await, before, "linked, and under its tag");

    // All of it lost, and collected.
    live.client.delete_repository(&repository).await.unwrap();
    let id = live.client.gc_run(false).await.unwrap();
    while !live.client.gc_status(id).await.unwrap().is_over() {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    let plan = live.plan(snapshot.digest, &live.project, OnConflict::Leave).await;
    let report = live.execute(&plan).await;
    assert_eq!(report.ending(), engine::report::Ending::Done, "{report:#?}");
    assert_eq!(live.state(&live.project).await, before);
    let mut found = Vec::new();
    for tag in &names {
        let artifact = live.client.artifact(&repository, &push::tag(tag).into()).await.unwrap().unwrap();
        found.push((artifact.push_time, artifact.id, artifact.tags[0].push_time, tag.clone()));
    }
    let mut sorted = found.clone();
    sorted.sort_by_key(|(pushed, id, ..)| (*pushed, *id));
    assert_eq!(sorted.iter().map(|(.., tag)| tag.clone()).collect::<Vec<_>>(), names, "artifacts in the order of their pushes");
    sorted.sort_by_key(|(_, id, tagged, _)| (*tagged, *id));
    assert_eq!(sorted.iter().map(|(.., tag)| tag.clone()).collect::<Vec<_>>(), names, "and tags");

    // Under a rule that keeps every tag, the newest signature is the one that is linked.
    live.client.delete_artifact(&repository, &image.into()).await.unwrap();
    live.client.create_immutable_rule(&live.project, "**").await.unwrap();
    let plan = live.plan(snapshot.digest, &live.project, OnConflict::Leave).await;
    assert_eq!((plan.counts().creates, plan.counts().accessories, plan.counts().blocked), (1, 1, 1), "{:#?}", plan.items);
    let report = live.execute(&plan).await;
    assert_eq!((report.ending(), report.done()), (engine::report::Ending::Partly, 2), "{report:#?}");
    let linked = live.client.accessories(&repository, &image).await.unwrap();
    assert_eq!(linked.into_iter().map(|accessory| accessory.digest).collect::<Vec<_>>(), [signatures[1]]);
    for tag in &names {
        live.pull(&repository, tag).await;
    }
    for rule in live.client.immutable_rules(&live.project).await.unwrap() {
        live.client.delete_immutable_rule(&live.project, rule.id).await.unwrap();
    }
    if std::env::var("HARBOR_KEEP").is_ok() {
        println!("kept: {}", live.project);
        return;
    }
    live.remove(&live.project).await;
}

/// Projects that hold whatever somebody got a Harbor to take, restored into another Harbor, or another project of the same one. `HARBOR_PROJECTS`
/// names them, separated by commas; `HARBOR_TARGET_URL` is where they are restored, with the same login.
#[tokio::test]
async fn on_a_real_harbor_whatever_it_took_comes_back_elsewhere() {
    let Ok(projects) = std::env::var("HARBOR_PROJECTS") else { return };
    let Some(live) = Live::new().await else { return };
    let (user, password) = (std::env::var("HARBOR_USER").unwrap(), std::env::var("HARBOR_PASSWORD").unwrap());
    let target = std::env::var("HARBOR_TARGET_URL").map_or_else(|_| live.client.clone(), |url| push::client(&url, &user, &password));
    let mut bad = Vec::new();
    for name in projects.split(',') {
        let project: ProjectName = name.parse().unwrap();
        let outcome = backup::project(&live.backup_context(), &project, None).await.unwrap();
        println!("{name}: {:?}\n  gaps {:?}\n  elsewhere {:?}", outcome.stats, outcome.index.gaps, outcome.index.elsewhere);
        bad.extend(outcome.index.gaps.iter().map(|gap| format!("{name}: gap {gap:?}")));
        let findings = engine::verify::snapshot_to(&live.vault, &outcome.digest, engine::verify::Depth::Bytes).await;
        bad.extend(findings.iter().map(|finding| format!("{name}: finding {finding:?}")));
        let export = live.vault.plan_export(&outcome.digest, &vault::Choice::default()).await.unwrap();
        bad.extend(export.left_out.iter().map(|out| format!("{name}: left out of an export {out:?}")));
        let to: ProjectName = format!("{}-{name}", live.project).parse().unwrap();
        let cx = PlanContext { client: target.clone(), vault: live.vault.clone(), harbor: "target".parse().unwrap() };
        let policy = Policy {
            on_conflict: OnConflict::Leave,
            accessories: true,
            keep_suffix: "a".to_owned(),
            rename_suffix: "b".to_owned(),
            digest_tag: String::new(),
        };
        let plan = effect::plan(&cx, &outcome.digest, &Selection::Project, &to, &policy).await.unwrap();
        println!("  plan {:?} {:?}", plan.counts(), plan.warnings);
        let cx = RestoreContext { client: target.clone(), vault: live.vault.clone(), progress: Arc::new(Silent) };
        let report = restore::execute(&cx, &plan, &Silent).await.unwrap();
        println!("  restored {} lines, {} manifests, {} blobs sent", report.done(), report.manifests_put, report.blobs_sent);
        if !report.is_clean() {
            bad.push(format!("{name}: {report:#?}"));
        }
        bad.extend(differences(&live.vault, &outcome, &target, &to).await.into_iter().map(|what| format!("{name}: {what}")));
        for repository in target.repositories(&to).await.unwrap() {
            target.delete_repository(&repository.name).await.unwrap();
        }
        target.delete_project(&to).await.unwrap();
    }
    live.remove(&live.project).await;
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// What of a snapshot a Harbor does not have byte for byte.
async fn differences(vault: &Vault, outcome: &SnapshotOutcome, client: &Client, to: &ProjectName) -> Vec<String> {
    let mut bad = Vec::new();
    for (name, descriptor) in &outcome.index.repositories {
        let repository = name.in_project(to);
        for member in vault.repository(&descriptor.digest).await.unwrap().members {
            let digest = member.descriptor.digest;
            let what = member.tag.as_ref().map_or_else(|| format!("{repository}@{digest}"), |tag| format!("{repository}:{tag}"));
            let kept = vault.get_bytes(&digest, 5 << 20).await.unwrap();
            match client.manifest_get(&repository, &digest).await {
                // A Harbor serves an index of nothing as an image; what it says itself is the same.
                Ok(back)
                    if back.bytes == kept
                        && vocab::Manifest::parse(&back.media_type, &kept).unwrap().media_type == member.descriptor.media_type => {}
                Ok(back) => bad.push(format!("{what} is another: {}", back.media_type)),
                Err(error) => bad.push(format!("{what}: {error}")),
            }
            if let Some(tag) = &member.tag {
                let head = client.manifest_head(&repository, &Reference::Tag(tag.clone())).await.unwrap();
                // The registry's own digest; of a signed document it is that of the payload.
                if head.as_ref().and_then(|head| head.digest) != Some(digest) {
                    bad.push(format!("{what} points to {head:?}"));
                }
            }
            let needs = vault.needs(&digest, "").await.unwrap().unwrap();
            for blob in needs.blobs.iter().filter_map(|blob| blob.digest.sha256()) {
                let there = client.blob_head(&repository, &blob).await.unwrap().is_some();
                if there != vault.size_of(&blob).await.unwrap().is_some() {
                    bad.push(format!("{what}: blob {blob} is there: {there}"));
                }
            }
            for blob in &needs.blobs {
                if let vocab::AnyDigest::Other(other) = &blob.digest {
                    let body = client.blob_get_other(&repository, other);
                    futures::pin_mut!(body);
                    if !matches!(body.next().await, Some(Ok(_))) {
                        bad.push(format!("{what}: blob {other} did not come back"));
                    }
                }
            }
        }
    }
    bad
}

#[tokio::test]
async fn on_a_real_harbor_signatures_kept_elsewhere_are_captured_and_come_back() {
    let Some(live) = Live::new().await else { return };
    let image = images::simple(&format!("{} elsewhere", live.project), &[2_000]);
    let digest = push::image(&live.client, &live.name("app/web"), Some("v1"), &image).await;
    let apart = live.name("apart");
    let signature = images::cosign_signature(&apart, &image.manifest.digest, "k");
    push::image(&live.client, &apart, Some(&images::cosign_tag(&image.manifest.digest)), &signature).await;
    push::image(&live.client, &apart, Some("bill"), &images::referrer(&image.manifest, images::SPDX, "{}")).await;
    push::image(&live.client, &apart, None, &images::referrer(&image.manifest, "application/vnd.example.note+json", "{\"a\":1}")).await;
    let nowhere = images::simple("never pushed", &[10]);
    push::image(&live.client, &live.name("lone"), None, &images::referrer(&nowhere.manifest, images::SPDX, "{\"b\":1}")).await;
    let attested = format!("sha256-{}.att", digest.hex());
    push::image(&live.client, &live.name("app/web"), Some(&attested), &images::simple("att", &[30])).await;
    // The log is written a moment later.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let outcome = live.backup(None).await;
    println!("limits: {:#?}", outcome.index.limits);
    let mut found = BTreeMap::new();
    for (name, descriptor) in &outcome.index.repositories {
        let index = live.vault.repository(&descriptor.digest).await.unwrap();
        found.insert(name.to_string(), index.members.len());
        println!("{name}: {:?}", index.members.iter().map(|m| (m.tag.clone(), m.role.clone())).collect::<Vec<_>>());
    }
    assert_eq!(found, BTreeMap::from([(live.name("app/web"), 2), (live.name("apart"), 3), (live.name("lone"), 1)]));
    let again = live.backup(Some(outcome.digest)).await;
    assert_eq!(again.index.repositories, outcome.index.repositories);
    for name in found.keys() {
        live.client.delete_repository(&push::repository(name)).await.unwrap();
    }
    let plan = live.plan(outcome.digest, &live.project, OnConflict::Leave).await;
    live.execute(&plan).await;
    let referrers = live.client.referrers(&push::repository(&apart), &digest).await.unwrap();
    assert_eq!(referrers.len(), 3);
    let back = live.backup(Some(outcome.digest)).await;
    assert_eq!(back.index.repositories, outcome.index.repositories, "as it was");
    live.remove(&live.project).await;
}

/// `HARBOR_SET_BACK` is a command that keeps the Harbor's database when it is run with `save`, and sets it back when it is run with `restore`.
#[tokio::test]
async fn a_real_harbor_that_is_set_back_is_noticed() {
    use engine::backup::glance::{Basis, Glance, Since};
    use engine::backup::sight::Sight;
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
    let first = Glance::take(&live.client, None, 0).await.unwrap();
    let sight = Sight::of(&first, None);
    let standing = first.standing(first.projects.iter().find(|p| p.name == live.project).unwrap());
    let look = || async {
        let glance = Glance::take(&live.client, Since::of([standing].iter()), first.projects.len() as u64).await.unwrap();
        glance.against(&live.client, &sight).await.unwrap()
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
    let glance = look().await;
    println!("{}", glance.sentence());
    assert_eq!(glance.basis, Basis::SetBack, "{}", glance.sentence());
    assert!(glance.set_back.unwrap().kept_until.is_some_and(|until| until <= sight.at));
    live.remove(&live.project).await;
}

/// A project that keeps the three artifacts pushed last: old tags that come back are the newest, and the plan names what goes for them.
#[tokio::test]
async fn a_plan_names_what_harbors_own_dry_run_names_after_the_restore() {
    let Some(live) = Live::new().await else { return };
    let app = push::repository(&live.name("live/app"));
    for version in 1..=6 {
        let tag = format!("v{version}");
        push::image(&live.client, app.as_str(), Some(&tag), &images::simple(&format!("{}{tag}", live.project), &[100])).await;
    }
    let snapshot = live.backup(None).await.digest;
    for tag in ["v1", "v2", "v3"] {
        live.client.delete_artifact(&app, &Reference::Tag(push::tag(tag))).await.unwrap();
    }
    let variable = |name: &str| std::env::var(name).unwrap();
    let ask = dry_run::Retention { url: variable("HARBOR_URL"), user: variable("HARBOR_USER"), password: variable("HARBOR_PASSWORD") };
    let policy = ask.set(&live.client, &live.project, "latestPushedK", 3, false).await;
    assert!(ask.deletes(policy).await.is_empty());
    let plan = live.plan(snapshot, &live.project, OnConflict::Leave).await;
    let told = dry_run::warned(&plan, "retention_takes_live");
    println!("{:?}", plan.warnings);
    live.execute(&plan).await;
    assert_eq!(told, ask.deletes(policy).await, "what the plan said is what Harbor says");
    assert_eq!(told.into_iter().collect::<Vec<_>>(), ["live/app:v4", "live/app:v5", "live/app:v6"]);
    live.remove(&live.project).await;
}

/// A tag moved by a restore away from an image that no snapshot has, which lost every tag: undo gives it back by its digest.
#[tokio::test]
async fn undo_gives_a_tag_back_to_an_image_that_was_never_captured() {
    let Some(live) = Live::new().await else { return };
    let web = push::repository(&live.name("web"));
    push::image(&live.client, web.as_str(), Some("1.0"), &images::simple(&format!("{}good", live.project), &[50])).await;
    let snapshot = live.backup(None).await.digest;
    let over = push::image(&live.client, web.as_str(), Some("1.0"), &images::simple(&format!("{}over", live.project), &[60])).await;
    let plan = live.plan(snapshot, &live.project, OnConflict::Move).await;
    let report = live.execute(&plan).await;
    live.client.delete_tag(&web, &push::tag("1.0-before")).await.unwrap();
    assert!(live.client.artifact(&web, &Reference::Digest(over)).await.unwrap().unwrap().tags.is_empty());
    let undo = live.undo(&plan, &report, snapshot).await;
    println!("{:#?}", undo.items);
    live.execute(&undo).await;
    let now = live.client.manifest_head(&web, &Reference::Tag(push::tag("1.0"))).await.unwrap().unwrap();
    assert_eq!(now.digest, Some(over));

    // And once Harbor has removed it, it is said that it cannot be.
    let back = live.undo(&undo, &live.execute(&undo).await, snapshot).await;
    println!("{:#?}", back.items.iter().map(|item| &item.effect).collect::<Vec<_>>());
    live.client.delete_artifact(&web, &Reference::Digest(over)).await.unwrap();
    let gone = live.undo(&plan, &report, snapshot).await;
    assert!(!gone.writes(), "{:#?}", gone.items);
    live.remove(&live.project).await;
}
