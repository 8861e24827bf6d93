//! What goes wrong on the way: nothing of it may look like "complete" or like "nothing there".

use engine::backup::confirm::{Candidate, confirm};
use engine::backup::{self, BackupError, Reconcile, gap};
use engine::effect::OnConflict;
use engine::report::Outcome;
use engine::select::Selection;
use engine::{Control, Silent, Stop};
use harbor_sim::{Action, Match, Nth, images};
use http::Method;
use registry::RegistryError;
use vocab::Digest;

use crate::harness::{Harness, only, policy, shop};
use crate::push;

fn server_error() -> Action {
    Action::Status(500, "UNKNOWN".to_owned(), "internal server error".to_owned())
}

/// The layer of an image, of so many bytes that no other has.
async fn one_image(h: &Harness, tag: &str, seed: &str) -> (Digest, Digest) {
    let image = images::simple(seed, &[4_000]);
    let layer = push::digest(&image.blobs[1]);
    (push::image(&h.client, "shop/web", Some(tag), &image).await, layer)
}

#[tokio::test]
async fn a_wrong_login_is_an_error_and_never_an_empty_project() {
    let h = Harness::new().await;
    one_image(&h, "1", "a").await;
    let first = h.backup(None).await;
    let mut cx = h.backup_context(Reconcile::Hinted);
    cx.client = push::client(&h.sim.url(), "admin", "wrong");
    let error = backup::project(&cx, &shop(), Some(first.digest)).await.unwrap_err();
    assert!(matches!(error, BackupError::Registry(RegistryError::NotLoggedIn { .. })), "{error:?}");
    assert_eq!(h.pointers().await, 1);
}

#[tokio::test]
async fn a_login_that_ends_during_the_listing_seals_nothing() {
    let h = Harness::new().await;
    one_image(&h, "1", "a").await;
    let unauthorised = Action::Status(401, "UNAUTHORIZED".to_owned(), "unauthorized".to_owned());
    let fault = h.sim.control().fail(Match::new(Method::GET, "/users/current/permissions").nth(Nth::From(2)), unauthorised);
    let error = h.try_backup(None).await.unwrap_err();
    assert!(matches!(error, BackupError::Registry(RegistryError::NotLoggedIn { .. })), "{error:?}");
    assert!(fault.fired() > 0);
    assert_eq!(h.pointers().await, 0);
}

#[tokio::test]
async fn a_deleted_project_is_told_apart_from_an_empty_one() {
    let h = Harness::new().await;
    h.client.delete_project(&shop()).await.unwrap();
    assert!(matches!(h.try_backup(None).await, Err(BackupError::NoProject { .. })));
}

/// Which requests fail, given the manifest and its layer.
type Rule = fn(&Digest, &Digest) -> Match;

/// F-12, F-15, F-18, F-40.
#[tokio::test]
async fn what_cannot_be_read_is_a_named_gap_and_comes_with_the_next_run() {
    let table: [(Rule, Action, &str); 8] = [
        (|_, layer| Match::new(Method::GET, layer.to_string()), server_error(), gap::REGISTRY_FAILED),
        (
            |_, layer| Match::new(Method::GET, layer.to_string()),
            Action::Status(404, "BLOB_UNKNOWN".to_owned(), "blob unknown".to_owned()),
            gap::PART_MISSING,
        ),
        (|_, layer| Match::new(Method::GET, layer.to_string()), Action::WrongBytes, gap::PART_MISSING),
        (|_, layer| Match::new(Method::GET, layer.to_string()), Action::Truncate(0), gap::REGISTRY_FAILED),
        (|_, layer| Match::new(Method::GET, layer.to_string()), Action::Reset, gap::REGISTRY_FAILED),
        (
            |manifest, _| Match::new(Method::GET, manifest.to_string()),
            Action::Status(404, "MANIFEST_UNKNOWN".to_owned(), "manifest unknown".to_owned()),
            gap::LISTED_BUT_MISSING,
        ),
        (|manifest, _| Match::new(Method::GET, manifest.to_string()), Action::WrongBytes, gap::WRONG_DIGEST),
        (
            |manifest, _| Match::new(Method::GET, manifest.to_string()),
            Action::Status(412, "PROJECTPOLICYVIOLATION".to_owned(), "not scanned".to_owned()),
            gap::BLOCKED_BY_POLICY,
        ),
    ];
    for (number, (rule, action, kind)) in table.into_iter().enumerate() {
        let h = Harness::new().await;
        let (manifest, layer) = one_image(&h, "bad", "a").await;
        let (good, _) = one_image(&h, "good", "b").await;
        let fault = h.sim.control().fail(rule(&manifest, &layer), action);
        let outcome = h.try_backup(None).await.unwrap();
        assert!(fault.fired() > 0, "line {number}");
        assert!(!outcome.index.is_complete(), "line {number}: never complete");
        let gaps: Vec<_> = outcome.index.gaps.iter().map(|g| (g.kind.as_str(), g.subject.as_str())).collect();
        assert_eq!(gaps, [(kind, "shop/web:bad")], "line {number}");
        assert_eq!(outcome.index.gaps[0].digest, Some(manifest), "line {number}: another image under the tag is another gap");
        h.verified(&outcome.digest).await;
        let index = h.vault.repository(&outcome.index.repositories[0].1.digest).await.unwrap();
        assert_eq!(index.members.len(), 1, "line {number}");
        assert_eq!(index.members[0].descriptor.digest, good, "line {number}");
        h.sim.control().clear_faults();
        let healed = h.backup(Some(outcome.digest)).await;
        assert_eq!(healed.stats.tags, 2, "line {number}");
    }
}

#[tokio::test]
async fn a_registry_that_recovers_leaves_no_gap() {
    let h = Harness::new().await;
    let (_, layer) = one_image(&h, "1", "a").await;
    let fault = h.sim.control().fail(Match::new(Method::GET, layer.to_string()).nth(Nth::Only(1)), Action::Truncate(1_000));
    let other = h.sim.control().fail(Match::new(Method::GET, "/artifacts").nth(Nth::Only(1)), server_error());
    h.backup(None).await;
    assert_eq!((fault.fired(), other.fired()), (1, 1));
}

/// F-15.
#[tokio::test]
async fn a_harbor_that_fails_again_and_again_ends_the_run_and_what_was_read_is_kept() {
    let h = Harness::new().await;
    for number in 0..30 {
        push::image(&h.client, "shop/web", Some(&format!("v{number}")), &images::simple(&format!("s{number}"), &[50])).await;
    }
    let fault = h.sim.control().fail(Match::new(Method::GET, "/blobs/").nth(Nth::From(11)), server_error());
    let error = h.try_backup(None).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
    assert!(fault.fired() > 0);
    assert_eq!(h.pointers().await, 0);
    h.sim.control().clear_faults();
    h.sim.control().reset_counts();
    h.backup(None).await;
    let again = h.sim.control().count(&Method::GET, harbor_sim::Class::Blob);
    assert!(again <= 50, "{again} of 60 blobs were read again");
    assert_eq!(h.sim.control().count(&Method::GET, harbor_sim::Class::Manifest), 0);
}

/// F-25.
#[tokio::test]
async fn a_tag_that_moves_while_it_is_copied_is_recorded_as_first_seen() {
    let h = Harness::new().await;
    let (first, layer) = one_image(&h, "1", "a").await;
    // The layer is held up until the tag has moved.
    let fault = h.sim.control().fail(Match::new(Method::GET, layer.to_string()), Action::Delay(std::time::Duration::from_millis(300)));
    let run = h.try_backup(None);
    let mover = async {
        while fault.fired() == 0 {
            tokio::task::yield_now().await;
        }
        push::image(&h.client, "shop/web", Some("1"), &images::simple("later", &[9])).await
    };
    let (outcome, later) = tokio::join!(run, mover);
    let outcome = outcome.unwrap();
    let index = h.vault.repository(&outcome.index.repositories[0].1.digest).await.unwrap();
    assert_eq!(index.members[0].descriptor.digest, first);
    let moved: Vec<_> = outcome.notes.iter().filter(|note| note.code == "tag_moved").collect();
    assert_eq!(moved.len(), 1, "{:?}", outcome.notes);
    assert_eq!(moved[0].subject, "shop/web:1");
    assert!(moved[0].text.contains(&later.short()));
    let next = h.backup(Some(outcome.digest)).await;
    assert_eq!(next.stats.repositories_changed, 1);
}

/// F-6.
#[tokio::test]
async fn a_damaged_vault_is_healed_by_the_next_run() {
    let h = Harness::new().await;
    let (manifest, layer) = one_image(&h, "1", "a").await;
    let first = h.backup(None).await;
    for object in [manifest, layer] {
        let mut bytes = std::fs::read(h.object(&object)).unwrap();
        bytes[10] ^= 1;
        std::fs::remove_file(h.object(&object)).unwrap();
        std::fs::write(h.object(&object), bytes).unwrap();
        let findings = engine::verify::snapshot_to(&h.vault, &first.digest, engine::finding::Depth::Bytes).await;
        assert_eq!(findings.iter().map(|f| f.kind.as_str()).collect::<Vec<_>>(), ["corrupt"]);
        h.vault.quarantine(&object, "a test damaged it").await.unwrap();
        h.backup(Some(first.digest)).await;
        h.verified(&first.digest).await;
    }
}

/// F-39, the snapshot that a backup builds on is let go and condemned before the backup begins, and judged while it runs.
#[tokio::test]
async fn a_snapshot_let_go_before_the_backup_began_is_not_built_on() {
    let h = Harness::new().await;
    one_image(&h, "1", "a").await;
    let first = h.backup(None).await;
    h.vault.forget(&first.pointer).await.unwrap();
    let at_once =
        vault::Terms { dry_run: false, young: std::time::Duration::ZERO, wait: std::time::Duration::ZERO, share_max_percent: 100 };
    assert!(h.vault.sweep(&at_once).await.unwrap().condemned.count > 0);
    let gate = harbor_sim::Gate::default();
    let fault = h.sim.control().fail(Match::new(Method::GET, "/artifacts").nth(Nth::Only(1)), Action::HoldRequest(gate.clone()));
    let judge = async {
        while fault.fired() == 0 {
            tokio::task::yield_now().await;
        }
        let swept = h.vault.sweep(&at_once).await.unwrap();
        gate.open();
        swept
    };
    let (outcome, swept) = tokio::join!(h.try_backup(Some(first.digest)), judge);
    assert!(swept.deleted.count > 0, "the image's objects were deleted: {swept:?}");
    h.verified(&outcome.unwrap().digest).await;
}

/// F-39, where nothing is listed at all.
#[tokio::test]
async fn a_snapshot_let_go_is_not_confirmed() {
    let h = Harness::new().await;
    one_image(&h, "1", "a").await;
    let first = h.backup(None).await;
    let candidate = Candidate { project: shop(), pointer_id: first.pointer_id, lock: false };
    let confirmed = || confirm(&h.vault, first.pointer.harbor(), first.moment, vec![candidate.clone()], &Silent);
    assert_eq!(confirmed().await.unwrap(), [shop()]);
    h.vault.forget(&first.pointer).await.unwrap();
    assert_eq!(confirmed().await.unwrap(), [], "it has to be listed");
}

struct Never;

#[async_trait::async_trait]
impl Control for Never {
    async fn check(&self) -> Result<(), Stop> {
        Err(Stop::Cancelled)
    }
}

/// F-20.
#[tokio::test]
async fn a_storage_that_cannot_be_read_is_a_gap_of_each_image_and_stops_nothing_else() {
    let h = Harness::new().await;
    let (kept, _) = one_image(&h, "kept", "kept").await;
    let first = h.backup(None).await;
    for number in 0..15 {
        one_image(&h, &format!("v{number}"), &format!("new {number}")).await;
    }
    for elsewhere in ["http://no-such-host.invalid/bucket", "http://192.168.9.7/bucket", "http://127.0.0.1:9/bucket"] {
        let fault = h.sim.control().fail(Match::new(Method::GET, "/blobs/sha256:"), Action::Redirect(elsewhere.to_owned()));
        let mut cx = h.backup_context(Reconcile::Full);
        cx.client = cx.client.for_run();
        let sealed = backup::project(&cx, &shop(), Some(first.digest)).await.unwrap();
        let gaps: Vec<_> = sealed.index.gaps.iter().filter(|gap| gap.kind == gap::STORAGE_UNREACHABLE).collect();
        assert_eq!((sealed.index.gaps.len(), gaps.len()), (15, 15), "{elsewhere}: one image is one gap: {:?}", sealed.index.gaps);
        let host = elsewhere.split('/').nth(2).unwrap().split(':').next().unwrap();
        assert!(gaps.iter().all(|gap| gap.cause.contains(host)), "{gaps:?}");
        assert!(gaps.iter().all(|gap| gap.remedy.contains("--allow-net") && gap.remedy.contains("redirect: disable: true")), "{gaps:?}");
        assert!(gaps.iter().all(|gap| !gap.subject.contains(&kept.to_string())), "what the vault has needs no storage");
        assert!(fault.fired() >= 15, "the registry itself is asked for each");
        h.sim.control().clear_faults();
    }
    let healed = h.backup(Some(first.digest)).await;
    assert!(healed.index.gaps.is_empty(), "{:?}", healed.index.gaps);
}

#[tokio::test]
async fn a_cancelled_backup_seals_nothing() {
    let h = Harness::new().await;
    one_image(&h, "1", "a").await;
    let mut cx = h.backup_context(Reconcile::Hinted);
    cx.control = std::sync::Arc::new(Never);
    assert!(matches!(backup::project(&cx, &shop(), None).await, Err(BackupError::Stopped(Stop::Cancelled))));
    assert_eq!(h.pointers().await, 0);
    assert!(h.vault.live_holds().await.unwrap().is_empty());
}

#[tokio::test]
async fn blobs_that_go_between_upload_and_manifest_are_sent_again() {
    let h = Harness::new().await;
    let (manifest, layer) = one_image(&h, "1", "a").await;
    let snapshot = h.backup(None).await;
    h.delete("shop/web").await;
    h.collect_garbage().await;
    let plan = h.plan(&snapshot.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    let gone = Action::Status(400, "MANIFEST_BLOB_UNKNOWN".to_owned(), "blob unknown to registry".to_owned());
    let fault = h.sim.control().fail(Match::new(Method::PUT, manifest.to_string()).nth(Nth::First(2)), gone);
    let report = h.execute(&plan, &Silent).await;
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(fault.fired(), 2);
    assert!(h.client.blob_head(&push::repository("shop/web"), &layer).await.unwrap().is_some());
}

#[tokio::test]
async fn a_read_back_that_differs_fails_the_line_and_moves_no_tag() {
    let h = Harness::new().await;
    let (manifest, _) = one_image(&h, "1", "a").await;
    let snapshot = h.backup(None).await;
    let bad = push::image(&h.client, "shop/web", Some("1"), &images::simple("bad", &[9])).await;
    let plan = h.plan(&snapshot.digest, &only("shop/web", "1"), &policy(OnConflict::Move)).await;
    h.sim.control().fail(Match::new(Method::GET, format!("/manifests/{manifest}")), Action::WrongBytes);
    let report = h.execute(&plan, &Silent).await;
    assert!(matches!(&report.items[0].outcome, Outcome::Failed { code, .. } if code == "read_back_differs"), "{report:#?}");
    assert_eq!(h.points_to("shop/web", "1").await, Some(bad));
}

#[tokio::test]
async fn read_only_mode_in_the_middle_stops_the_restore_and_reports_the_rest() {
    let h = Harness::new().await;
    for number in 0..8 {
        push::image(&h.client, "shop/web", Some(&format!("v{number}")), &images::simple(&format!("s{number}"), &[50])).await;
    }
    let snapshot = h.backup(None).await;
    h.delete("shop/web").await;
    let plan = h.plan(&snapshot.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    let denied = Action::Status(403, "DENIED".to_owned(), "The system is in read only mode. Any modification is prohibited.".to_owned());
    h.sim.control().fail(Match::new(Method::PUT, "/manifests/").nth(Nth::From(3)), denied);
    let report = h.execute(&plan, &Silent).await;
    assert_eq!(report.items.len(), 8);
    assert!(report.done() >= 1 && report.failed() >= 5, "{report:#?}");
    assert!(report.items.iter().all(|i| !matches!(&i.outcome, Outcome::Failed { code, .. } if code != "read_only")), "{report:#?}");
    h.sim.control().clear_faults();
    assert!(h.execute(&plan, &Silent).await.is_clean());
}
