//! What the random hand can do, and how often it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use engine::Silent;
use engine::backup::confirm::{Candidate, confirm};
use engine::backup::{self, BackupError, Reconcile, SnapshotOutcome};
use engine::finding::Depth;
use engine::verify;
use rand::Rng;
use rand::rngs::StdRng;
use vault::{Pointer, Swept, Terms, Vault, VaultError};
use vocab::ProjectName;

use super::harbor::{self, Push};
use super::model::State;
use super::oracle::{self, AT_ONCE};
use super::trouble::{Ended, Trouble};
use super::world::{Which, World};
use super::{damage, transfer};

/// Every action and its weight.
pub const ACTIONS: [(&str, u32); 22] = [
    ("push", 12),
    ("push again elsewhere", 5),
    ("push an index", 4),
    ("retag", 5),
    ("delete a tag", 4),
    ("delete an artifact", 4),
    ("delete a repository", 1),
    ("add a referrer", 4),
    ("change settings", 3),
    ("back up", 20),
    ("back up unchanged", 4),
    ("back up beside sweeps", 4),
    ("back up beside a push", 3),
    ("back up on a snapshot let go", 4),
    ("restore", 7),
    ("copy", 8),
    ("copy on a snapshot let go", 3),
    ("let a snapshot go", 6),
    ("sweep", 8),
    ("move the clock", 4),
    ("damage", 6),
    ("reopen", 2),
];

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// Most turns that other work gets before sweeps begin beside it.
const TURNS_MAX: u32 = 300;
/// How far the clock goes by leaps of years.
const YEARS_MAX: i64 = 500_000 * DAY;

pub fn choose(rng: &mut StdRng) -> &'static str {
    let mut at = rng.random_range(0..ACTIONS.iter().map(|(_, weight)| weight).sum());
    for (name, weight) in ACTIONS {
        if at < weight {
            return name;
        }
        at -= weight;
    }
    ACTIONS[0].0
}

pub async fn act(world: &mut World, action: &'static str, rng: &mut StdRng) {
    *world.count.entry(action.to_owned()).or_default() += 1;
    match action {
        "push" => harbor::push(world, rng).await,
        "push again elsewhere" => harbor::push_again(world, rng).await,
        "push an index" => harbor::push_index(world, rng).await,
        "retag" => harbor::retag(world, rng).await,
        "delete a tag" => harbor::delete_tag(world, rng).await,
        "delete an artifact" => harbor::delete_artifact(world, rng).await,
        "delete a repository" => harbor::delete_repository(world, rng).await,
        "add a referrer" => harbor::refer(world, rng).await,
        "change settings" => harbor::settings(world, rng).await,
        "back up" => back_up(world, rng).await,
        "back up unchanged" => unchanged(world, rng).await,
        "back up beside sweeps" => beside_sweeps(world, rng).await,
        "back up beside a push" => beside_a_push(world, rng).await,
        "back up on a snapshot let go" => on_a_snapshot_let_go(world, rng).await,
        "restore" => transfer::restore(world, rng).await,
        "copy" => transfer::copy(world, rng).await,
        "copy on a snapshot let go" => transfer::copy_on_a_snapshot_let_go(world, rng).await,
        "let a snapshot go" => let_go(world, rng).await,
        "sweep" => sweep(world, rng).await,
        "move the clock" => clock(world, rng),
        "damage" => damage::damage(world, rng).await,
        "reopen" => world.reopen().await,
        other => panic!("{other} is not written"),
    }
}

fn reconcile(rng: &mut StdRng) -> Reconcile {
    if rng.random_bool(0.3) { Reconcile::Full } else { Reconcile::Hinted }
}

async fn back_up(world: &mut World, rng: &mut StdRng) {
    let (project, trouble) = (harbor::project(rng), Trouble::any(rng, true));
    world.log.add(&format!("{project} with {trouble:?}"));
    let name: ProjectName = project.parse().unwrap();
    let previous = world.previous(project).filter(|_| rng.random_bool(0.85));
    let seen = vec![world.model.projects[project].clone()];
    let (cx, store) = (world.context(reconcile(rng)), world.store.clone());
    let ended = trouble.during(&store, &world.sim, backup::project(&cx, &name, previous)).await;
    judge(world, project, seen, ended).await;
}

/// What a backup left, against what it may have seen.
pub async fn judge(world: &mut World, project: &'static str, seen: Vec<State>, ended: Ended<Result<SnapshotOutcome, BackupError>>) {
    let calm = ended.fired.is_none();
    match world.ended(ended) {
        None => world.pending.push((project, seen)),
        Some(Ok(outcome)) => {
            let pointer = world.vault.pointer(&outcome.pointer).await.unwrap().unwrap();
            if outcome.confirmed.is_some() {
                world.came("a snapshot confirmed by a listing");
            }
            assert!(oracle::adopt(world, pointer, project, &seen).await, "another content than Harbor had");
            assert!(!calm || outcome.index.is_complete(), "gaps without a reason: {:?}", outcome.index.gaps);
        }
        Some(Err(error)) => {
            assert!(!calm, "it failed without a reason: {error:?}");
            world.log.add(error.code());
            broke_off(world, project, seen).await;
        }
    }
}

/// An error leaves the outcome unknown: if there is a pointer, its snapshot is as good as any.
async fn broke_off(world: &mut World, project: &'static str, mut seen: Vec<State>) {
    seen.extend(world.pending.iter().filter(|(of, _)| *of == project).flat_map(|(_, seen)| seen.clone()));
    for pointer in world.pointers(Which::Near).await {
        if pointer.project.as_str() == project && !world.snaps.iter().any(|snap| snap.pointer == pointer) {
            assert!(oracle::adopt(world, pointer, project, &seen).await, "sealed with another content than Harbor had");
            world.came("a snapshot sealed although the backup answered an error");
        }
    }
}

async fn unchanged(world: &mut World, rng: &mut StdRng) {
    let project = harbor::project(rng);
    let state = world.model.projects[project].clone();
    let newest = world.newest(project).filter(|snap| snap.complete && snap.state == state);
    let Some(pointer) = newest.map(|snap| snap.pointer.clone()) else { return };
    confirm_unchanged(world, pointer).await;
}

async fn confirm_unchanged(world: &mut World, pointer: Pointer) {
    let candidate = Candidate { project: pointer.project.clone(), pointer_id: pointer.id, lock: false };
    let confirmed = confirm(&world.vault, &pointer.harbor, pointer.moment, vec![candidate], &Silent).await.unwrap();
    if !confirmed.is_empty() {
        assert!(world.snaps.iter().any(|snap| snap.pointer == pointer), "what is confirmed is kept");
        let findings = verify::snapshot_to(&world.vault, &pointer.snapshot.digest, Depth::Bytes).await;
        assert_eq!(findings, [], "and is whole");
        world.came("a snapshot confirmed without a listing");
    }
}

/// What sweeps beside other work do.
struct Beside {
    /// Turns before the first one.
    turns: u32,
    /// How far the clock leaps after each: holds lapse.
    leaps: Vec<i64>,
}

impl Beside {
    fn any(rng: &mut StdRng) -> Self {
        let most = rng.random_range(1..=TURNS_MAX);
        Self { turns: rng.random_range(0..most), leaps: (0..rng.random_range(1..5)).map(|_| rng.random_range(0..8 * HOUR)).collect() }
    }

    async fn run(self, vault: Vault, clock: Arc<AtomicI64>) -> Vec<Swept> {
        for _ in 0..self.turns {
            tokio::task::yield_now().await;
        }
        let mut all = Vec::new();
        for leap in self.leaps {
            all.push(vault.sweep(&AT_ONCE).await.unwrap());
            clock.fetch_add(leap, Ordering::SeqCst);
        }
        all
    }
}

async fn beside_sweeps(world: &mut World, rng: &mut StdRng) {
    let project = harbor::project(rng);
    let name: ProjectName = project.parse().unwrap();
    let seen = vec![world.model.projects[project].clone()];
    let (cx, previous) = (world.context(reconcile(rng)), world.previous(project));
    let beside = Beside::any(rng).run(world.vault.clone(), world.clock());
    let (outcome, swept) = tokio::join!(backup::project(&cx, &name, previous), beside);
    swept.iter().for_each(|swept| world.swept(swept));
    beside_ended(world, project, seen, outcome).await;
}

async fn beside_ended(world: &mut World, project: &'static str, seen: Vec<State>, outcome: Result<SnapshotOutcome, BackupError>) {
    if let Err(BackupError::Vault(VaultError::HoldLapsed { .. })) = &outcome {
        world.came("a hold lapsed during a backup");
        return broke_off(world, project, seen).await;
    }
    judge(world, project, seen, Ended { outcome: Some(outcome), fired: None }).await;
}

async fn beside_a_push(world: &mut World, rng: &mut StdRng) {
    let project = harbor::project(rng);
    let name: ProjectName = project.parse().unwrap();
    let push = Push::any(project, rng);
    let (cx, previous) = (world.context(reconcile(rng)), world.previous(project));
    let before = world.model.projects[project].clone();
    let client = world.client.clone();
    let (outcome, ()) = tokio::join!(backup::project(&cx, &name, previous), push.send(&client));
    push.tell(world);
    let after = world.model.projects[project].clone();
    // A tag that moved away leaves its image; Harbor may have been listed before or after.
    let ended = Ended { outcome: Some(outcome), fired: None };
    judge(world, project, vec![before, after], ended).await;
}

/// The sequence that broke others: the snapshot a backup builds on is let go, a sweep condemns what it alone had, the backup builds on it
/// all the same, and the next sweep judges.
async fn on_a_snapshot_let_go(world: &mut World, rng: &mut StdRng) {
    let project = harbor::project(rng);
    let Some(snap) = world.newest(project) else { return };
    let (pointer, same) = (snap.pointer.clone(), snap.complete && snap.state == world.model.projects[project]);
    world.forget(&pointer).await;
    if rng.random_bool(0.7) {
        let others: Vec<_> = world.snaps.iter().filter(|snap| snap.project == project).map(|snap| snap.pointer.clone()).collect();
        for other in others {
            world.forget(&other).await;
        }
    }
    // Holds of what broke off earlier would make the judgement wait.
    world.jump_beyond(7 * HOUR);
    let swept = world.vault.sweep(&AT_ONCE).await.unwrap();
    world.swept(&swept);
    let previous = pointer.snapshot.digest;
    if same && rng.random_bool(0.5) {
        return confirm_unchanged(world, pointer).await;
    }
    let name: ProjectName = project.parse().unwrap();
    let seen = vec![world.model.projects[project].clone()];
    let cx = world.context(reconcile(rng));
    let beside = Beside::any(rng).run(world.vault.clone(), world.clock());
    let (outcome, swept) = tokio::join!(backup::project(&cx, &name, Some(previous)), beside);
    swept.iter().for_each(|swept| world.swept(swept));
    beside_ended(world, project, seen, outcome).await;
}

async fn let_go(world: &mut World, rng: &mut StdRng) {
    if rng.random_bool(0.3) && !world.copies.is_empty() {
        let at = rng.random_range(0..world.copies.len());
        let (pointer, _) = world.copies.swap_remove(at);
        return world.far.forget(&pointer.name().unwrap()).await.unwrap();
    }
    // Several at a time, so that there is something only they needed.
    for _ in 0..world.snaps.len().div_ceil(4) {
        let pointer = world.snaps[rng.random_range(0..world.snaps.len())].pointer.clone();
        world.forget(&pointer).await;
    }
}

async fn sweep(world: &mut World, rng: &mut StdRng) {
    let (far, trouble) = (rng.random_bool(0.25), Trouble::of_sweep(rng));
    world.log.add(&format!("with {trouble:?}"));
    let terms = if rng.random_bool(0.2) { Terms { share_max_percent: 100, ..Terms::default() } } else { AT_ONCE };
    let (vault, store) = if far { (world.far.clone(), world.far_store.clone()) } else { (world.vault.clone(), world.store.clone()) };
    let ended = trouble.during(&store, &world.sim, vault.sweep(&terms)).await;
    let calm = ended.fired.is_none();
    match world.ended(ended) {
        Some(Ok(swept)) => world.swept(&swept),
        Some(Err(error)) => assert!(!calm, "it failed without a reason: {error:?}"),
        None => {}
    }
    if rng.random_bool(0.5) {
        world.jump(rng.random_range(0..7 * HOUR));
        let swept = vault.sweep(&terms).await.unwrap();
        world.swept(&swept);
    }
}

/// Mostly on, as clocks go; sometimes back, and then beyond where it has been.
fn clock(world: &mut World, rng: &mut StdRng) {
    if world.is_behind() {
        return world.jump_beyond(HOUR);
    }
    let leaps = [HOUR, DAY, 8 * DAY, 8 * DAY, 40 * DAY, 3_650 * DAY, -HOUR, -DAY, -400 * DAY];
    let leap = leaps[rng.random_range(0..leaps.len())];
    world.log.add(&format!("{leap} s"));
    // Not beyond the years a date can have.
    if world.seconds() < YEARS_MAX { world.jump(leap) } else { world.jump(HOUR) }
}
