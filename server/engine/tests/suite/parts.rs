//! A large project is taken in parts: the same snapshot as in one go, in listings that keep to a part, and nothing twice after a crash.

use std::collections::BTreeSet;

use engine::backup::{self, BackupError, Reconcile, SnapshotOutcome};
use harbor_sim::{Action, Class, Config, Match, Nth, Version, images};
use http::Method;
use vocab::Digest;

use crate::harness::{Harness, shop};
use crate::push;

const REPOSITORIES: usize = 7;

/// Repositories of which one is rich, one empty, and the others have a few tags each.
async fn fill(h: &Harness) {
    for number in 0..REPOSITORIES {
        let name = format!("shop/r{number}");
        for tag in 0..3 {
            let image = images::simple(&format!("{number}/{tag}"), &[300, 500]);
            push::image(&h.client, &name, Some(&format!("v{tag}")), &image).await;
        }
    }
    push::rich(&h.client, "shop/r3", "rich").await;
    for tag in 0..3 {
        h.client.delete_artifact(&push::repository("shop/r5"), &registry::Reference::Tag(push::tag(&format!("v{tag}")))).await.unwrap();
    }
}

async fn in_parts(h: &Harness, reconcile: Reconcile, previous: Option<Digest>, together: u64) -> Result<SnapshotOutcome, BackupError> {
    backup::project_in_parts(&h.backup_context(reconcile), &shop(), previous, together).await
}

/// Everything of a snapshot but its times.
fn content(outcome: &SnapshotOutcome) -> impl PartialEq + std::fmt::Debug + use<> {
    let index = &outcome.index;
    let mut stats = outcome.stats;
    (stats.requests, stats.blobs_new, stats.bytes_new, stats.repositories_changed) = (0, 0, 0, 0);
    (index.repositories.clone(), index.config.clone(), index.gaps.clone(), stats)
}

/// Listings of artifacts that were asked for: path and query.
fn listings(h: &Harness) -> Vec<String> {
    let listed = |path: &str| path.split('?').next().is_some_and(|path| path.ends_with("/artifacts"));
    h.sim.control().seen().into_iter().map(|seen| seen.path).filter(|path| listed(path)).collect()
}

#[tokio::test]
async fn a_project_in_parts_is_the_same_snapshot_as_in_one_go() {
    for reconcile in [Reconcile::Hinted, Reconcile::Full] {
        let h = Harness::new().await;
        fill(&h).await;
        let whole = in_parts(&h, reconcile, None, 1_000).await.unwrap();
        for together in [1, 4, 6] {
            // Into a vault that has nothing yet: all is read again.
            let mut cx = h.backup_context(reconcile);
            cx.vault = vault::Vault::init_store(std::sync::Arc::new(vault::store::memory::MemoryStore::default())).await.unwrap();
            let parts = backup::project_in_parts(&cx, &shop(), None, together).await.unwrap();
            assert_eq!(content(&parts), content(&whole), "{together} at a time, {reconcile:?}");
            let bytes = |vault: &vault::Vault, digest: Digest| {
                let vault = vault.clone();
                async move { vault.get_bytes(&digest, 1_000_000).await.unwrap() }
            };
            for (_, repository) in &whole.index.repositories {
                assert_eq!(bytes(&cx.vault, repository.digest).await, bytes(&h.vault, repository.digest).await);
            }
            let again = backup::project_in_parts(&cx, &shop(), Some(parts.digest), together).await.unwrap();
            assert_eq!((again.stats.blobs_new, again.stats.repositories_changed), (0, 0));
            assert_eq!(content(&again), content(&whole));
        }
    }
}

#[tokio::test]
async fn each_part_is_one_listing_between_two_proofs_of_login() {
    let h = Harness::new().await;
    fill(&h).await;
    let first = in_parts(&h, Reconcile::Hinted, None, 6).await.unwrap();
    h.sim.control().reset_counts();
    let second = in_parts(&h, Reconcile::Hinted, Some(first.digest), 6).await.unwrap();
    // Six at a time: two repositories of three, and the rich one with what is next to it.
    let listed = listings(&h);
    assert!(listed.iter().all(|path| path.contains("repository_id")), "{listed:#?}");
    assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), listed.len(), "none twice");
    let parts = listed.len() as u64;
    assert!((3..REPOSITORIES as u64).contains(&parts), "{listed:#?}");
    // The project, its repositories, a proof before, and of each part a listing and a proof after it; and the names in the one that lists nothing.
    assert_eq!(second.stats.requests, 3 + 2 * parts + 1);
    assert_eq!(h.sim.control().count(&Method::GET, Class::Manifest), 0);
}

#[tokio::test]
async fn an_older_harbor_is_listed_repository_by_repository() {
    let h = Harness::with(Config { version: Version::V2_11_2, ..Config::default() }).await;
    fill(&h).await;
    let whole = in_parts(&h, Reconcile::Hinted, None, 1_000).await.unwrap();
    let parts = in_parts(&h, Reconcile::Hinted, Some(whole.digest), 4).await.unwrap();
    assert_eq!(content(&parts), content(&whole));
}

#[tokio::test]
async fn a_run_that_ends_between_two_parts_seals_nothing_and_the_next_fetches_nothing_twice() {
    let h = Harness::new().await;
    fill(&h).await;
    let blobs = |h: &Harness| h.sim.control().count(&Method::GET, Class::Blob) + h.sim.control().count(&Method::GET, Class::Manifest);
    // Every listing of a later part is refused.
    let refused = Action::Status(403, "FORBIDDEN".to_owned(), "not now".to_owned());
    let fault = h.sim.control().fail(Match::new(Method::GET, "repository_id").nth(Nth::From(3)), refused);
    h.sim.control().reset_counts();
    in_parts(&h, Reconcile::Hinted, None, 4).await.unwrap_err();
    assert!(fault.fired() > 0);
    assert_eq!(h.pointers().await, 0, "nothing is sealed");
    let before = blobs(&h);
    assert!(before > 0, "the first parts were read");
    fault.remove();
    let outcome = in_parts(&h, Reconcile::Hinted, None, 4).await.unwrap();
    h.verified(&outcome.digest).await;
    assert_eq!(outcome.index.gaps, []);
    let both = blobs(&h);
    let other = Harness::new().await;
    fill(&other).await;
    other.sim.control().reset_counts();
    in_parts(&other, Reconcile::Hinted, None, 4).await.unwrap();
    assert_eq!(both, blobs(&other), "as many as in one run");
}

#[tokio::test]
async fn a_repository_that_goes_between_two_parts_is_not_taken_for_a_gap() {
    let h = Harness::new().await;
    fill(&h).await;
    let gate = harbor_sim::Gate::default();
    // The second part waits before it is listed; meanwhile a repository of it goes.
    let held = h.sim.control().fail(Match::new(Method::GET, "repository_id").nth(Nth::Only(2)), Action::HoldRequest(gate.clone()));
    let (outcome, ()) = tokio::join!(in_parts(&h, Reconcile::Hinted, None, 6), async {
        while held.fired() == 0 {
            tokio::task::yield_now().await;
        }
        h.delete("shop/r2").await;
        gate.open();
    });
    let outcome = outcome.unwrap();
    assert_eq!(outcome.index.gaps, []);
    assert!(outcome.index.repositories.iter().all(|(name, _)| name.as_str() != "shop/r2"));
    assert_eq!(outcome.index.repositories.len(), REPOSITORIES - 1);
}
