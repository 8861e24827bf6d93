//! A restore that is stopped at its first write, its second, its third … and taken up again ends in the same state.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use engine::effect::OnConflict;
use engine::report::{ItemResult, Outcome};
use engine::select::Selection;
use engine::{Gate, Silent, Stop, TagIntent};
use harbor_sim::images;

use crate::harness::{Harness, policy};
use crate::push;

/// Writes allowed before a test gives up: far more than the restore needs.
const WRITES_MAX: usize = 200;

/// Lets so many questions pass and stops at the next.
struct StopAt {
    left: AtomicUsize,
    stopped: AtomicUsize,
}

impl StopAt {
    fn new(allowed: usize) -> Self {
        Self { left: AtomicUsize::new(allowed), stopped: AtomicUsize::new(0) }
    }

    fn ask(&self) -> Result<(), Stop> {
        let taken = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        taken.map(|_| ()).map_err(|_| {
            self.stopped.fetch_add(1, Ordering::SeqCst);
            Stop::LeaseLost
        })
    }
}

#[async_trait]
impl Gate for StopAt {
    async fn before_write(&self, _: &str) -> Result<(), Stop> {
        self.ask()
    }

    async fn tag_intent(&self, _: &TagIntent) -> Result<(), Stop> {
        self.ask()
    }

    async fn item_done(&self, _: &ItemResult) -> Result<(), Stop> {
        self.ask()
    }
}

/// A project with something missing, something moved and something gone for good.
async fn damaged() -> (Harness, vocab::Digest) {
    let h = Harness::new().await;
    push::rich(&h.client, "shop/web", "a").await;
    push::rich(&h.client, "shop/api", "b").await;
    let snapshot = h.backup(None).await;
    h.delete("shop/web").await;
    h.collect_garbage().await;
    push::image(&h.client, "shop/api", Some("1.0"), &images::simple("bad", &[77])).await;
    (h, snapshot.digest)
}

#[tokio::test]
async fn a_restore_stopped_at_any_write_and_run_again_ends_in_the_same_state() {
    let (h, snapshot) = damaged().await;
    let plan = h.plan(&snapshot, &Selection::Project, &policy(OnConflict::Move)).await;
    assert!(h.execute(&plan, &Silent).await.is_clean());
    let wanted = h.state("shop").await;
    for allowed in 0..WRITES_MAX {
        let (h, snapshot) = damaged().await;
        let plan = h.plan(&snapshot, &Selection::Project, &policy(OnConflict::Move)).await;
        let gate = StopAt::new(allowed);
        let report = h.execute(&plan, &gate).await;
        if report.stopped.is_none() {
            assert!(report.is_clean() && allowed > 30, "{allowed} stops before the restore was done: {report:#?}");
            return;
        }
        assert_eq!(report.items.len(), plan.items.len(), "every line is reported");
        assert!(report.items.iter().all(|i| !matches!(i.outcome, Outcome::Failed { .. })), "{report:#?}");
        let fresh = h.plan(&snapshot, &Selection::Project, &policy(OnConflict::Move)).await;
        assert!(plan.covers(&fresh), "after {allowed} writes\n{:#?}\n{:#?}", plan.items, fresh.items);
        let again = h.execute(&plan, &Silent).await;
        assert!(again.is_clean(), "after {allowed} writes: {again:#?}");
        assert_eq!(h.state("shop").await, wanted, "after {allowed} writes");
        let undo = h.undo(&plan, &again, &snapshot, &[]).await;
        assert_eq!(undo.counts().moves, 1, "what the first try moved can be undone after the second");
    }
    panic!("the restore never ends");
}

#[tokio::test]
async fn nothing_is_written_after_a_stop() {
    let (h, snapshot) = damaged().await;
    let plan = h.plan(&snapshot, &Selection::Project, &policy(OnConflict::Move)).await;
    let before = h.state("shop").await;
    let report = h.execute(&plan, &StopAt::new(0)).await;
    assert_eq!(report.stopped, Some(Stop::LeaseLost));
    assert_eq!((report.manifests_put, report.blobs_sent, report.done()), (0, 0, 0));
    assert_eq!(h.state("shop").await, before);
}
