//! Images that a policy blocks, read through a staging project.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use engine::backup::staging::{COPIES_AT_ONCE, STAGING_FAILURES_MAX, Session, Staging, StagingGate, Unusable, contents, remove};
use engine::backup::{self, BackupContext, BackupError, Reconcile, SnapshotOutcome, gap};
use engine::{Silent, Stop};
use harbor_sim::{Action, Class, Gate, Match, Nth, Severity, images};
use http::Method;
use registry::{Client, Reference, RobotSpec};
use secrecy::ExposeSecret as _;
use vocab::{Digest, ProjectName, RepositoryName};

use crate::harness::{Harness, shop};
use crate::push;

pub const SESSION: Session = Session { job: 7, epoch: 1 };

pub fn staging_project() -> ProjectName {
    "breakwater-staging-test".parse().unwrap()
}

/// A harbor whose project wants signatures, a staging project, and the robot for it.
struct World {
    h: Harness,
    robot: Client,
}

impl World {
    async fn new() -> Self {
        let h = Harness::new().await;
        h.client.create_project(&staging_project(), false).await.unwrap();
        let robot = h.client.create_robot(&RobotSpec::least_privilege_staging("stage", &staging_project())).await.unwrap();
        let robot = push::client(&h.sim.url(), &robot.name, robot.secret.expose_secret());
        Self { h, robot }
    }

    async fn trust(&self, on: bool) {
        let metadata = BTreeMap::from([("enable_content_trust_cosign".to_owned(), on.to_string())]);
        self.h.client.update_project_metadata(&shop(), &metadata).await.unwrap();
    }

    fn staging(&self) -> Staging {
        Staging { client: self.robot.clone(), project: staging_project(), session: SESSION, gate: Arc::new(Silent), unusable: None }
    }

    fn context(&self) -> BackupContext {
        BackupContext { staging: Some(self.staging()), ..self.h.backup_context(Reconcile::Full) }
    }

    async fn backup(&self, previous: Option<Digest>) -> SnapshotOutcome {
        backup::project(&self.context(), &shop(), previous).await.unwrap()
    }

    async fn copies(&self) -> Vec<String> {
        self.h.client.repositories(&staging_project()).await.unwrap().iter().map(|r| r.name.to_string()).collect()
    }

    fn asked(&self, method: &Method, part: &str) -> usize {
        let seen = self.h.sim.control().seen();
        seen.iter().filter(|r| r.method == *method && r.path.contains(part)).count()
    }

    fn copy_calls(&self) -> usize {
        self.asked(&Method::POST, "/artifacts?from=")
    }
}

/// Kinds and subjects of gaps.
fn gaps(outcome: &SnapshotOutcome) -> Vec<(&str, &str)> {
    outcome.index.gaps.iter().map(|gap| (gap.kind.as_str(), gap.subject.as_str())).collect()
}

#[tokio::test]
async fn a_blocked_image_and_a_blocked_index_with_all_about_them_come_whole_and_the_staging_project_is_empty_again() {
    let w = World::new().await;
    let rich = push::rich(&w.h.client, "shop/web", "a").await;
    w.h.client.create_tag(&push::repository("shop/web"), &rich.children[0], &push::tag("one")).await.unwrap();
    w.trust(true).await;
    let before = w.h.state("shop").await;
    let without = backup::project(&w.h.backup_context(Reconcile::Full), &shop(), None).await.unwrap();
    let lacking = gaps(&without);
    assert!(lacking.contains(&(gap::BLOCKED_BY_POLICY, "shop/web:multi")), "{lacking:?}");
    assert!(lacking.iter().all(|(kind, _)| *kind == gap::BLOCKED_BY_POLICY), "{lacking:?}");
    assert!(without.index.gaps[0].remedy.contains("staging project"), "the gap names the remedy");
    assert_eq!(w.copy_calls(), 0, "nothing is copied where it is not allowed");

    let outcome = w.backup(Some(without.digest)).await;
    assert_eq!(gaps(&outcome), []);
    w.h.verified(&outcome.digest).await;
    let index = w.h.vault.repository(&outcome.index.repositories[0].1.digest).await.unwrap();
    for digest in rich.all() {
        assert!(index.members.iter().any(|member| member.descriptor.digest == digest), "{digest}");
    }
    assert_eq!(w.copies().await, Vec::<String>::new());
    // The signed image was not blocked and its SBOM was, with what is on the SBOM.
    assert_eq!((w.copy_calls(), outcome.stats.staged), (2, 2), "the index brings both children, the SBOM what is on it");
    assert!(outcome.notes.iter().any(|note| note.code == "read_through_staging" && note.text.starts_with("2 images")));
    assert_eq!(w.h.state("shop").await, before);
    assert_eq!(w.h.sim.control().pulls(), 0);
    let agents: Vec<String> = w.h.sim.control().seen().into_iter().map(|seen| seen.user_agent).collect();
    assert!(agents.iter().all(|agent| !agent.contains("cosign") && !agent.contains("notation")));

    // As if it had never been blocked.
    w.trust(false).await;
    let open = Harness::new().await;
    push::rich(&open.client, "shop/web", "a").await;
    open.client.create_tag(&push::repository("shop/web"), &rich.children[0], &push::tag("one")).await.unwrap();
    assert_eq!(open.backup(None).await.index.repositories, outcome.index.repositories);

    w.trust(true).await;
    let copies = w.copy_calls();
    let again = w.backup(Some(outcome.digest)).await;
    assert_eq!((gaps(&again), w.copy_calls(), again.stats.staged), (vec![], copies, 0), "what the vault has is not copied again");
}

#[tokio::test]
async fn an_image_that_a_scan_blocks_is_read_and_layers_come_from_where_it_is() {
    let w = World::new().await;
    w.h.sim.install_scanner();
    let bad = push::image(&w.h.client, "shop/web", Some("bad"), &images::simple("bad", &[4_000])).await;
    push::image(&w.h.client, "shop/web", Some("unscanned"), &images::simple("unscanned", &[4_000])).await;
    let good = push::image(&w.h.client, "shop/web", Some("good"), &images::simple("good", &[4_000])).await;
    w.h.sim.scan("shop/web", &bad.to_string(), Severity::Critical).unwrap();
    w.h.sim.scan("shop/web", &good.to_string(), Severity::None).unwrap();
    let on = BTreeMap::from([("prevent_vul".to_owned(), "true".to_owned()), ("severity".to_owned(), "high".to_owned())]);
    w.h.client.update_project_metadata(&shop(), &on).await.unwrap();
    let outcome = w.backup(None).await;
    assert_eq!((gaps(&outcome), outcome.stats.staged), (vec![], 2));
    w.h.verified(&outcome.digest).await;
    assert_eq!(w.asked(&Method::GET, "/v2/breakwater-staging-test/"), 2, "manifests only");
    assert_eq!(w.h.sim.control().count(&Method::GET, Class::Blob), 6);
}

/// Counts who is asked.
struct Counting(AtomicUsize);

#[async_trait]
impl StagingGate for Counting {
    async fn before_copy(&self, _: &RepositoryName, _: &Digest) -> Result<(), Stop> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn of_many_blocked_images_only_a_few_are_in_the_staging_project_at_a_time() {
    let w = World::new().await;
    for number in 0..16 {
        push::image(&w.h.client, "shop/web", Some(&format!("v{number}")), &images::simple(&format!("s{number}"), &[100])).await;
    }
    w.trust(true).await;
    let asked = Arc::new(Counting(AtomicUsize::new(0)));
    let cx = BackupContext { staging: Some(Staging { gate: asked.clone(), ..w.staging() }), ..w.context() };
    // The first reads of copies are held until nothing more is copied.
    let gate = Gate::default();
    let held = w.h.sim.control().fail(Match::new(Method::GET, "/v2/breakwater-staging-test/"), Action::HoldRequest(gate.clone()));
    let running = tokio::spawn(async move { backup::project(&cx, &shop(), None).await });
    while held.fired() < COPIES_AT_ONCE as u64 {
        tokio::task::yield_now().await;
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(w.copies().await.len(), COPIES_AT_ONCE, "no more than the named number");
    assert_eq!(asked.0.load(Ordering::SeqCst), COPIES_AT_ONCE, "each copy is asked for");
    gate.open();
    let outcome = running.await.unwrap().unwrap();
    assert_eq!((gaps(&outcome), outcome.stats.staged), (vec![], 16));
    assert_eq!((asked.0.load(Ordering::SeqCst), w.copies().await.len()), (16, 0));
}

#[tokio::test]
async fn a_copy_that_a_crash_left_tells_whose_it_is_and_what_is_no_copy_is_never_removed() {
    let w = World::new().await;
    push::image(&w.h.client, "shop/web", Some("1"), &images::simple("a", &[100])).await;
    w.trust(true).await;
    let gate = Gate::default();
    let held = w.h.sim.control().fail(Match::new(Method::DELETE, "/breakwater-staging-test/"), Action::HoldRequest(gate));
    let cx = w.context();
    let running = tokio::spawn(async move { backup::project(&cx, &shop(), None).await });
    while held.fired() == 0 {
        tokio::task::yield_now().await;
    }
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    held.remove();
    assert_eq!(w.copies().await.len(), 1, "the crash left a copy");

    push::image(&w.h.client, "breakwater-staging-test/somebodys", Some("1"), &images::simple("own", &[100])).await;
    let found = contents(&w.robot, &staging_project()).await.unwrap();
    assert_eq!(found.foreign, [push::repository("breakwater-staging-test/somebodys")]);
    assert_eq!(found.copies.iter().map(|(_, session)| *session).collect::<Vec<_>>(), [SESSION], "it tells whose it is");
    let all: Vec<_> = found.copies.into_iter().map(|(name, _)| name).chain(found.foreign).collect();
    assert!(matches!(remove(&w.robot, &all).await, (1, None)));
    assert_eq!(w.copies().await, ["breakwater-staging-test/somebodys"], "what is no copy is never removed");

    let outcome = w.backup(None).await;
    assert_eq!(gaps(&outcome), []);
}

#[tokio::test]
async fn what_does_not_fit_into_the_quota_stays_a_gap_that_says_so() {
    let w = World::new().await;
    push::image(&w.h.client, "shop/web", Some("big"), &images::simple("big", &[90_000])).await;
    push::image(&w.h.client, "shop/web", Some("small"), &images::simple("small", &[100])).await;
    w.trust(true).await;
    let project = w.h.client.project(&staging_project()).await.unwrap().unwrap();
    w.h.client.set_project_quota(&project, Some(20_000)).await.unwrap();
    let outcome = w.backup(None).await;
    assert_eq!((gaps(&outcome), outcome.stats.staged), (vec![(gap::BLOCKED_BY_POLICY, "shop/web:big")], 1));
    let gap = &outcome.index.gaps[0];
    assert!(gap.cause.contains("quota") && gap.remedy.contains("quota of the staging project"), "{gap:?}");
    assert_eq!(w.copies().await, Vec::<String>::new());
    w.h.client.set_project_quota(&project, None).await.unwrap();
    assert_eq!(gaps(&w.backup(Some(outcome.digest)).await), []);
}

#[tokio::test]
async fn a_staging_login_that_is_refused_leaves_gaps_with_the_reason_and_the_backup_goes_on() {
    let w = World::new().await;
    for number in 0..3 {
        push::image(&w.h.client, "shop/web", Some(&format!("v{number}")), &images::simple(&format!("s{number}"), &[100])).await;
    }
    push::image(&w.h.client, "shop/web", Some("signed"), &images::simple("signed", &[100])).await;
    let signed = w.h.points_to("shop/web", "signed").await.unwrap();
    w.h.sim.sign("shop/web", &signed.to_string(), "k").await.unwrap();
    w.trust(true).await;
    let wrong = push::client(&w.h.sim.url(), "robot$stage", "Wrong-secret-1");
    let cx = BackupContext { staging: Some(Staging { client: wrong, ..w.staging() }), ..w.context() };
    let outcome = backup::project(&cx, &shop(), None).await.unwrap();
    assert_eq!(gaps(&outcome).len(), 3);
    assert!(outcome.index.gaps.iter().all(|gap| gap.kind == gap::BLOCKED_BY_POLICY && gap.remedy.contains("test the connection")));
    assert_eq!(outcome.stats.tags, 2, "the signed image and its signature");
}

#[tokio::test]
async fn a_harbor_that_cannot_copy_is_left_in_peace_after_some_tries() {
    let w = World::new().await;
    for number in 0..20 {
        push::image(&w.h.client, "shop/web", Some(&format!("v{number}")), &images::simple(&format!("s{number}"), &[100])).await;
    }
    w.trust(true).await;
    let error = Action::Status(500, "UNKNOWN".to_owned(), "internal server error".to_owned());
    let fault = w.h.sim.control().fail(Match::new(Method::POST, "/artifacts?from="), error);
    let outcome = w.backup(None).await;
    assert_eq!(gaps(&outcome).len(), 20);
    let tried = usize::try_from(fault.fired()).unwrap();
    assert!((STAGING_FAILURES_MAX..STAGING_FAILURES_MAX + COPIES_AT_ONCE).contains(&tried), "{tried} copies were tried");
    assert_eq!(w.copies().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_staging_project_that_must_not_be_used_is_not_and_the_gap_says_why() {
    let w = World::new().await;
    push::image(&w.h.client, "shop/web", Some("1"), &images::simple("a", &[100])).await;
    w.trust(true).await;
    let cx = BackupContext {
        staging: Some(Staging {
            unusable: Some(Unusable { why: serde_json::json!({ "code": "gone", "project": "x" }), text: "somebody uses it".to_owned() }),
            ..w.staging()
        }),
        ..w.context()
    };
    let outcome = backup::project(&cx, &shop(), None).await.unwrap();
    assert_eq!((w.copy_calls(), gaps(&outcome)), (0, vec![(gap::BLOCKED_BY_POLICY, "shop/web:1")]));
    assert!(outcome.index.gaps[0].cause.contains("somebody uses it"));
}

/// Harbor copied and the answer was lost: the copy is removed all the same, and the image comes with the next run.
#[tokio::test]
async fn a_copy_whose_answer_was_lost_is_removed() {
    let w = World::new().await;
    push::image(&w.h.client, "shop/web", Some("1"), &images::simple("a", &[100])).await;
    w.trust(true).await;
    let fault = w.h.sim.control().fail(Match::new(Method::POST, "/artifacts?from=").nth(Nth::Only(1)), Action::LoseAnswer);
    let outcome = w.backup(None).await;
    assert_eq!((fault.fired(), gaps(&outcome).len()), (1, 1));
    assert_eq!(w.copies().await, Vec::<String>::new());
    assert_eq!(gaps(&w.backup(Some(outcome.digest)).await), []);
}

#[tokio::test]
async fn wrong_bytes_in_the_copy_are_not_taken() {
    let w = World::new().await;
    push::image(&w.h.client, "shop/web", Some("1"), &images::simple("a", &[100])).await;
    w.trust(true).await;
    let fault = w.h.sim.control().fail(Match::new(Method::GET, "/v2/breakwater-staging-test/"), Action::WrongBytes);
    let outcome = w.backup(None).await;
    assert!(fault.fired() > 0);
    assert_eq!(gaps(&outcome), [(gap::BLOCKED_BY_POLICY, "shop/web:1")]);
    assert_eq!(w.copies().await, Vec::<String>::new());
}

/// Refuses the third copy.
struct Stopping(AtomicUsize);

#[async_trait]
impl StagingGate for Stopping {
    async fn before_copy(&self, _: &RepositoryName, _: &Digest) -> Result<(), Stop> {
        if self.0.fetch_add(1, Ordering::SeqCst) >= 2 { Err(Stop::Cancelled) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_backup_that_is_stopped_while_it_stages_leaves_no_copy() {
    let w = World::new().await;
    for number in 0..8 {
        push::image(&w.h.client, "shop/web", Some(&format!("v{number}")), &images::simple(&format!("s{number}"), &[100])).await;
    }
    w.trust(true).await;
    let cx = BackupContext { staging: Some(Staging { gate: Arc::new(Stopping(AtomicUsize::new(0))), ..w.staging() }), ..w.context() };
    assert!(matches!(backup::project(&cx, &shop(), None).await, Err(BackupError::Stopped(Stop::Cancelled))));
    assert_eq!((w.copy_calls(), w.copies().await.len(), w.h.pointers().await), (2, 0, 0));
}

/// A tag on an accessory whose pull is blocked must not end a full run.
#[tokio::test]
async fn a_blocked_tag_that_no_listing_shows_is_looked_up_all_the_same() {
    let w = World::new().await;
    let rich = push::rich(&w.h.client, "shop/web", "a").await;
    w.h.client.create_tag(&push::repository("shop/web"), &rich.sbom, &push::tag("sbom")).await.unwrap();
    w.trust(true).await;
    let outcome = w.backup(None).await;
    assert_eq!(gaps(&outcome), []);
    let hinted = BackupContext { reconcile: Reconcile::Hinted, ..w.context() };
    w.h.client.create_tag(&push::repository("shop/web"), &rich.sbom, &push::tag("sbom-2")).await.unwrap();
    let next = backup::project(&hinted, &shop(), Some(outcome.digest)).await.unwrap();
    let full = w.backup(Some(next.digest)).await;
    let index = w.h.vault.repository(&full.index.repositories[0].1.digest).await.unwrap();
    assert!(index.members.iter().any(|member| member.tag == Some(push::tag("sbom-2"))), "{:?}", full.notes);
    assert!(w.h.client.manifest_head(&push::repository("shop/web"), &Reference::Tag(push::tag("sbom-2"))).await.is_err(), "it is blocked");
}
