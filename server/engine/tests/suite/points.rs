//! Every point at which something can fail, taken from a run and not from a list: each call of the store and each request of the
//! registry, in turn, with an error before, an error after, and the work dropped before and after. After each the oracle holds, and the
//! work done again comes to its end (F-1, F-4, F-5, F-15, F-32).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::Silent;
use engine::backup::{self, BackupContext, Reconcile};
use engine::effect::{self, OnConflict, PlanContext};
use engine::finding::Depth;
use engine::restore::{self, RestoreContext};
use engine::select::Selection;
use engine::verify;
use futures::TryStreamExt;
use harbor_sim::{Action, Config, Gate, Match, Nth, Running, images};
use registry::Client;
use vault::conformance::{Call, Fault, FaultyStore, Operation};
use vault::store::memory::MemoryStore;
use vault::{Pointer, Terms, Vault};
use vocab::Digest;

use crate::harness::{policy, shop};
use crate::push;

/// More points than any of these pieces of work has.
pub const POINTS_MAX: u64 = 1_000;
/// Faults of a store.
pub const FAULTS: [Fault; 4] = [Fault::Before, Fault::After, Fault::Stop, Fault::StopAfter];
const AT_ONCE: Terms = Terms { dry_run: false, young: Duration::ZERO, wait: Duration::ZERO, share_max_percent: 100 };

/// A Harbor with something new since the snapshot a vault has, and that vault's content, to be copied for each try.
struct Start {
    sim: Running,
    client: Client,
    base: MemoryStore,
    first: Pointer,
}

/// One try: a copy of the vault behind a store that can fail.
struct Try {
    store: Arc<FaultyStore>,
    vault: Vault,
}

pub fn client(sim: &Running) -> Client {
    let (user, password) = sim.admin();
    push::client(&sim.url(), user, password)
}

pub async fn sealed(client: &Client, vault: &Vault, previous: Option<Digest>) -> Result<Digest, backup::BackupError> {
    let cx = BackupContext {
        client: client.clone(),
        vault: vault.clone(),
        harbor: "harbor".parse().unwrap(),
        progress: Arc::new(Silent),
        control: Arc::new(Silent),
        reconcile: Reconcile::Full,
        confirm: true,
        harbor_config: None,
        secrets: None,
        staging: None,
    };
    let outcome = backup::project(&cx, &shop(), previous).await?;
    assert!(outcome.index.is_complete(), "{:?}", outcome.index.gaps);
    Ok(outcome.digest)
}

impl Start {
    /// With a sweep between its two steps, or with none.
    async fn new(sweeping: bool) -> Self {
        let sim = harbor_sim::start(Config::default()).await.unwrap();
        let client = client(&sim);
        client.create_project(&shop(), false).await.unwrap();
        push::rich(&client, "shop/web", "a").await;
        let base = MemoryStore::default();
        let vault = Vault::init_store(Arc::new(base.clone())).await.unwrap();
        sealed(&client, &vault, None).await.unwrap();
        let first: Vec<Pointer> = vault.pointers().try_collect().await.unwrap();
        push::image(&client, "shop/web", Some("1.0"), &images::simple("new", &[700])).await;
        push::image(&client, "shop/api", Some("1"), &images::simple("api", &[900, 30])).await;
        if sweeping {
            vault.put_bytes(b"condemned").await.unwrap();
            vault.sweep(&AT_ONCE).await.unwrap();
            vault.put_bytes(b"loose").await.unwrap();
            vault.put_bytes(b"more").await.unwrap();
        }
        Self { sim, client, base, first: first[0].clone() }
    }

    async fn a_try(&self) -> Try {
        let store = Arc::new(FaultyStore::new(Arc::new(self.base.copy())));
        let vault = Vault::open_store(store.clone(), None).await.unwrap();
        store.take_calls();
        Try { store, vault }
    }

    fn first(&self) -> Digest {
        self.first.snapshot.digest
    }
}

impl Try {
    /// Everything that has a pointer is whole.
    async fn holds(&self) {
        let pointers: Vec<Pointer> = self.vault.pointers().try_collect().await.unwrap();
        assert!(!pointers.is_empty());
        for pointer in pointers {
            let findings = verify::snapshot_to(&self.vault, &pointer.snapshot.digest, Depth::Bytes).await;
            assert_eq!(findings, [], "{pointer:?}");
        }
    }

    /// Once all holds have lapsed, what is there is what is needed.
    async fn settles(&self) {
        let later = self.vault.with_clock(Arc::new(|| time::OffsetDateTime::now_utc() + time::Duration::days(30)));
        for _ in 0..3 {
            later.sweep(&AT_ONCE).await.unwrap();
        }
        let objects: Vec<(Digest, u64)> = self.vault.objects().try_collect().await.unwrap();
        assert_eq!(objects.len(), self.vault.needed().await.unwrap().len());
        assert!(later.condemned().await.unwrap().is_empty());
        self.holds().await;
    }

    /// The work, or nothing if the store stopped it.
    async fn work<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.store.stopped() => None,
            outcome = work => Some(outcome),
        }
    }
}

/// The map: how often each method is called in one undisturbed run, and what about.
fn print(what: &str, calls: &[Call]) -> BTreeMap<Operation, usize> {
    println!("{what}: {} calls of the store", calls.len());
    let mut counts = BTreeMap::new();
    for (number, (operation, about)) in calls.iter().enumerate() {
        println!("  {:>3} {operation:?} {about}", number + 1);
        *counts.entry(*operation).or_default() += 1;
    }
    counts
}

/// Fails each call of the store in turn, in each way; answers how many points there were for each.
async fn each_call(start: &Start, work: impl AsyncFn(&Try, Fault, u64)) -> Vec<u64> {
    let mut points = Vec::new();
    for fault in FAULTS {
        for nth in 1..POINTS_MAX {
            let one = start.a_try().await;
            one.store.fail_nth(nth, fault);
            work(&one, fault, nth).await;
            let fired = one.store.fired();
            one.store.heal();
            one.holds().await;
            if fired == 0 {
                points.push(nth - 1);
                break;
            }
        }
    }
    assert_eq!(points.len(), FAULTS.len(), "the work comes to an end without meeting the fault");
    points
}

#[tokio::test]
async fn a_backup_that_fails_at_any_call_of_the_store_leaves_nothing_half_done() {
    let start = Start::new(false).await;
    let plain = start.a_try().await;
    sealed(&start.client, &plain.vault, Some(start.first())).await.unwrap();
    let counts = print("backup", &plain.store.take_calls());
    for operation in
        [Operation::Put, Operation::Create, Operation::Head, Operation::Get, Operation::List, Operation::Sync, Operation::Remove]
    {
        assert!(counts.contains_key(&operation), "a backup calls {operation:?}");
    }
    let points = each_call(&start, async |one: &Try, fault, nth| {
        let outcome = one.work(sealed(&start.client, &one.vault, Some(start.first()))).await;
        if let Some(Err(error)) = &outcome {
            assert!(error.is_transient(), "{fault:?} at call {nth}: {error:?}");
        }
        one.store.spend();
        let again = sealed(&start.client, &one.vault, Some(start.first())).await;
        again.unwrap_or_else(|error| panic!("after {fault:?} at call {nth}: {error:?}"));
        one.settles().await;
    })
    .await;
    assert!(points.iter().all(|points| *points >= 50), "{points:?}");
}

#[tokio::test]
async fn a_sweep_that_fails_at_any_call_of_the_store_loses_nothing() {
    let start = Start::new(true).await;
    let plain = start.a_try().await;
    let swept = plain.vault.sweep(&AT_ONCE).await.unwrap();
    assert!(swept.condemned.count >= 2 && swept.deleted.count >= 1, "{swept:?}");
    let counts = print("sweep", &plain.store.take_calls());
    for operation in [Operation::Create, Operation::Replace, Operation::Get, Operation::List, Operation::Rename, Operation::Remove] {
        assert!(counts.contains_key(&operation), "a sweep calls {operation:?}");
    }
    let points = each_call(&start, async |one: &Try, fault, nth| {
        if let Some(Err(error)) = one.work(one.vault.sweep(&AT_ONCE)).await {
            assert!(error.is_transient(), "{fault:?} at call {nth}: {error:?}");
        }
        one.store.spend();
        one.holds().await;
        one.settles().await;
    })
    .await;
    assert!(points.iter().all(|points| *points >= 25), "{points:?}");
}

#[tokio::test]
async fn a_verification_that_fails_at_any_call_of_the_store_accuses_nobody() {
    let start = Start::new(false).await;
    let plain = start.a_try().await;
    assert_eq!(verify::snapshot_to(&plain.vault, &start.first(), Depth::Bytes).await, []);
    print("verify", &plain.store.take_calls());
    let points = each_call(&start, async |one: &Try, fault, nth| {
        let findings = one.work(verify::snapshot_to(&one.vault, &start.first(), Depth::Bytes)).await;
        // Not reached is not lost (I-6).
        let accused = findings.iter().flatten().find(|finding| finding.degrades());
        assert!(accused.is_none(), "{fault:?} at call {nth}: {accused:?}");
        one.store.spend();
        assert_eq!(verify::snapshot_to(&one.vault, &start.first(), Depth::Bytes).await, []);
    })
    .await;
    assert!(points.iter().all(|points| *points >= 20), "{points:?}");
}

async fn restored(client: &Client, vault: &Vault, snapshot: Digest) -> Result<engine::report::Report, String> {
    let cx = PlanContext { client: client.clone(), vault: vault.clone(), harbor: "harbor".parse().unwrap() };
    let plan = effect::plan(&cx, &snapshot, &Selection::Project, &shop(), &policy(OnConflict::Move)).await.map_err(|e| format!("{e:?}"))?;
    let cx = RestoreContext { client: client.clone(), vault: vault.clone(), progress: Arc::new(Silent) };
    restore::execute(&cx, &plan, &Silent).await.map_err(|e| format!("{e:?}"))
}

/// Tags and digests of the restored project.
async fn state(client: &Client) -> Vec<(String, Vec<String>, usize)> {
    let artifacts: Vec<registry::Artifact> = client.artifacts(&shop(), None).try_collect().await.unwrap();
    let mut rows: Vec<_> = artifacts
        .into_iter()
        .map(|artifact| {
            let mut tags: Vec<String> = artifact.tags.iter().map(|tag| tag.name.to_string()).collect();
            tags.sort();
            (artifact.digest.to_string(), tags, artifact.accessories.len())
        })
        .collect();
    rows.sort();
    rows
}

#[tokio::test]
async fn a_restore_that_fails_at_any_call_of_the_store_ends_in_the_same_state_when_it_is_done_again() {
    let start = Start::new(false).await;
    let (plain, sim) = (start.a_try().await, harbor_sim::start(Config::default()).await.unwrap());
    assert!(restored(&client(&sim), &plain.vault, start.first()).await.unwrap().is_clean());
    print("restore", &plain.store.take_calls());
    let wanted = state(&client(&sim)).await;
    let points = each_call(&start, async |one: &Try, fault, nth| {
        let sim = harbor_sim::start(Config::default()).await.unwrap();
        let client = client(&sim);
        let _ = one.work(restored(&client, &one.vault, start.first())).await;
        one.store.spend();
        let again = restored(&client, &one.vault, start.first()).await.unwrap();
        assert!(again.is_clean(), "after {fault:?} at call {nth}: {again:#?}");
        assert_eq!(state(&client).await, wanted, "after {fault:?} at call {nth}");
    })
    .await;
    assert!(points.iter().all(|points| *points >= 20), "{points:?}");
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// From here on nothing answers well.
    Gone,
    /// Done, and the answer is lost.
    LostAnswer,
    /// The work is dropped before it is done.
    DroppedBefore,
    /// The work is dropped after it was done.
    DroppedAfter,
}

const TROUBLES: [Trouble; 4] = [Trouble::Gone, Trouble::LostAnswer, Trouble::DroppedBefore, Trouble::DroppedAfter];

/// Does the work with trouble at the `nth` request; whether it fired, and how it ended.
async fn with_trouble<T>(sim: &Running, trouble: Trouble, nth: u64, work: impl Future<Output = T>) -> (bool, Option<T>) {
    let gate = Gate::default();
    let (times, action) = match trouble {
        Trouble::Gone => (Nth::From(nth), Action::Status(500, "UNKNOWN".to_owned(), "ordered by a test".to_owned())),
        Trouble::LostAnswer => (Nth::Only(nth), Action::LoseAnswer),
        Trouble::DroppedBefore => (Nth::Only(nth), Action::HoldRequest(gate.clone())),
        Trouble::DroppedAfter => (Nth::Only(nth), Action::HoldAnswer(gate.clone())),
    };
    let fault = sim.control().fail(Match::path("").nth(times), action);
    let is_drop = matches!(trouble, Trouble::DroppedBefore | Trouble::DroppedAfter);
    let met = async {
        while !is_drop || fault.fired() == 0 {
            tokio::task::yield_now().await;
        }
    };
    let outcome = tokio::select! {
        biased;
        outcome = work => Some(outcome),
        () = met => None,
    };
    gate.open();
    sim.control().clear_faults();
    (fault.fired() > 0, outcome)
}

#[tokio::test]
async fn a_backup_that_fails_at_any_request_seals_nothing_false_and_ends_when_it_is_done_again() {
    let start = Start::new(false).await;
    let (mut points, mut gone_during_settings) = (Vec::new(), 0);
    for trouble in TROUBLES {
        for nth in 1..POINTS_MAX {
            let one = start.a_try().await;
            // Of its own: what one client learnt would spare another requests.
            let client = client(&start.sim);
            start.sim.control().reset_counts();
            let (fired, outcome) = with_trouble(&start.sim, trouble, nth, backup_with_gaps(&client, &one.vault, start.first())).await;
            one.holds().await;
            if !fired {
                assert!(matches!(outcome, Some(Ok(true))), "{trouble:?}: {outcome:?}");
                points.push(nth - 1);
                break;
            }
            if trouble == Trouble::Gone && matches!(outcome, Some(Ok(true))) {
                // Settings that cannot be read are named in the settings; no image depends on them.
                let seen = start.sim.control().seen();
                let missed: Vec<&str> = seen.iter().filter(|seen| seen.status == 500).map(|seen| seen.path.as_str()).collect();
                assert!(missed.iter().all(|path| is_of_settings(path)), "complete without {missed:?}");
                gone_during_settings += 1;
            }
            let again = sealed(&client, &one.vault, Some(start.first())).await;
            again.unwrap_or_else(|error| panic!("after {trouble:?} at request {nth}: {error:?}"));
            one.holds().await;
        }
    }
    assert!(points.len() == TROUBLES.len() && points.iter().all(|points| *points >= 15), "{points:?}");
    println!("backup: {points:?} requests for {TROUBLES:?}; gone during {gone_during_settings} of settings");
}

/// Whether a request asks for a project's settings, not for images or for the proof of login.
fn is_of_settings(path: &str) -> bool {
    let words = ["/members", "/labels", "/immutabletagrules", "/retentions", "/webhook", "/robots", "/scanner", "/summary", "/preheat"];
    words.iter().any(|word| path.contains(word)) && !path.contains("/repositories/")
}

/// Whether it is complete.
async fn backup_with_gaps(client: &Client, vault: &Vault, previous: Digest) -> Result<bool, String> {
    let cx = BackupContext {
        client: client.clone(),
        vault: vault.clone(),
        harbor: "harbor".parse().unwrap(),
        progress: Arc::new(Silent),
        control: Arc::new(Silent),
        reconcile: Reconcile::Full,
        confirm: true,
        harbor_config: None,
        secrets: None,
        staging: None,
    };
    let outcome = backup::project(&cx, &shop(), Some(previous)).await.map_err(|error| format!("{error:?}"))?;
    Ok(outcome.index.is_complete())
}

#[tokio::test]
async fn a_restore_that_fails_at_any_request_ends_in_the_same_state_when_it_is_done_again() {
    let start = Start::new(false).await;
    let one = start.a_try().await;
    let sim = harbor_sim::start(Config::default()).await.unwrap();
    assert!(restored(&client(&sim), &one.vault, start.first()).await.unwrap().is_clean());
    for seen in sim.control().seen() {
        println!("  {} {}", seen.method, seen.path);
    }
    let wanted = state(&client(&sim)).await;
    let mut points = Vec::new();
    for trouble in TROUBLES {
        for nth in 1..POINTS_MAX {
            let sim = harbor_sim::start(Config::default()).await.unwrap();
            let client = client(&sim);
            let (fired, _) = with_trouble(&sim, trouble, nth, restored(&client, &one.vault, start.first())).await;
            if !fired {
                points.push(nth - 1);
                break;
            }
            let again = restored(&client, &one.vault, start.first()).await.unwrap();
            assert!(again.is_clean(), "after {trouble:?} at request {nth}: {again:#?}");
            assert_eq!(state(&client).await, wanted, "after {trouble:?} at request {nth}");
        }
    }
    assert!(points.len() == TROUBLES.len() && points.iter().all(|points| *points >= 30), "{points:?}");
    println!("restore: {points:?} requests for {TROUBLES:?}");
}
