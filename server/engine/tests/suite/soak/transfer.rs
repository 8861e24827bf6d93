//! Restores into an empty Harbor, and copies into the second vault.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::Silent;
use engine::copy::{self, Copied, CopyContext, CopyError};
use engine::effect::{self, OnConflict, PlanContext};
use engine::report::Report;
use engine::restore::{self, RestoreContext};
use engine::select::Selection;
use futures::TryStreamExt;
use harbor_sim::Config;
use rand::Rng;
use rand::rngs::StdRng;
use registry::{Client, Reference};
use vault::{Pointer, Vault, VaultError};
use vocab::Digest;

use super::model::State;
use super::oracle::AT_ONCE;
use super::trouble::{Ended, Trouble};
use super::world::World;
use crate::harness::{only, policy};
use crate::push;

/// A random snapshot of a random vault, all of it or one tag, into a Harbor that has nothing; with trouble, and again without.
pub async fn restore(world: &mut World, rng: &mut StdRng) {
    let far = rng.random_bool(0.4) && !world.copies.is_empty();
    if !far && world.snaps.is_empty() {
        return;
    }
    let (pointer, state) = if far {
        world.copies[rng.random_range(0..world.copies.len())].clone()
    } else {
        let snap = &world.snaps[rng.random_range(0..world.snaps.len())];
        (snap.pointer.clone(), snap.state.clone())
    };
    let (vault, store) = if far { (world.far.clone(), world.far_store.clone()) } else { (world.vault.clone(), world.store.clone()) };
    let sim = harbor_sim::start(Config::default()).await.unwrap();
    let (user, password) = sim.admin();
    let client = push::client(&sim.url(), user, password);
    let tags: Vec<&(String, String)> = state.tags.keys().collect();
    let one = (rng.random_bool(0.3) && !tags.is_empty()).then(|| tags[rng.random_range(0..tags.len())].clone());
    let selection = one.as_ref().map_or(Selection::Project, |(repository, tag)| only(repository, tag));
    let trouble = Trouble::any(rng, true);
    world.log.add(&format!("{} from {} with {trouble:?}", pointer.snapshot.digest.short(), if far { "far" } else { "near" }));
    if !trouble.is_none() {
        let ended = trouble.during(&store, &sim, run(&client, &vault, &pointer, &selection)).await;
        let calm = ended.fired.is_none();
        match world.ended(ended) {
            Some(Ok(report)) => assert!(!calm || report.is_clean(), "{report:#?}"),
            Some(Err(error)) => assert!(!calm, "it failed without a reason: {error}"),
            None => {}
        }
    }
    let report = run(&client, &vault, &pointer, &selection).await.unwrap();
    assert!(report.is_clean(), "{report:#?}");
    let is_complete = vault.snapshot(&pointer.snapshot.digest).await.unwrap().is_complete();
    let state = if is_complete { state } else { without_orphans(world, state) };
    compare(world, &client, &state, one.as_ref()).await;
    if far {
        world.came("a restore of the second vault's copy");
    }
}

async fn run(client: &Client, vault: &Vault, pointer: &Pointer, selection: &Selection) -> Result<Report, String> {
    let harbor = "harbor".parse().unwrap();
    let cx = PlanContext { client: client.clone(), vault: vault.clone(), harbor };
    let plan = effect::plan(&cx, &pointer.snapshot.digest, selection, &pointer.project, &policy(OnConflict::Move)).await;
    let plan = plan.map_err(|error| format!("{error:?}"))?;
    let cx = RestoreContext { client: client.clone(), vault: vault.clone(), progress: Arc::new(Silent) };
    restore::execute(&cx, &plan, &Silent).await.map_err(|error| format!("{error:?}"))
}

/// Of a snapshot with gaps: an untagged member of an index that is a gap, and what is about an image that is one, are in the snapshot and
/// come back when they are asked for by digest, not with the whole project.
fn without_orphans(world: &World, mut state: State) -> State {
    let all = state.artifacts.clone();
    let is_tagged = |repository: &str, digest: &Digest| state.tags.iter().any(|((r, _), to)| r == repository && to == digest);
    let is_orphan = |repository: &str, digest: &Digest| {
        let mut parents = world.model.known.iter().filter(|(_, known)| known.children.contains(digest)).map(|(parent, _)| *parent);
        parents.any(|parent| !all.contains(&(repository.to_owned(), parent)))
    };
    let kept: BTreeSet<_> = all.iter().filter(|(r, digest)| is_tagged(r, digest) || !is_orphan(r, digest)).cloned().collect();
    state.accessories.retain(|(repository, _), subject| kept.contains(&(repository.clone(), *subject)));
    state.artifacts = kept;
    state
}

/// Tag by tag, manifest by manifest, blob by blob.
async fn compare(world: &World, client: &Client, state: &State, one: Option<&(String, String)>) {
    let mut checked = BTreeSet::new();
    for ((repository, tag), digest) in state.tags.iter().filter(|(name, _)| one.is_none_or(|one| one == *name)) {
        let found = client.manifest_get_by_tag(&push::repository(repository), &push::tag(tag)).await.unwrap();
        assert_eq!(found.unwrap().bytes, world.model.known[digest].bytes, "{repository}:{tag}");
        whole(world, client, repository, digest, &mut checked).await;
    }
    if one.is_some() {
        return;
    }
    for (repository, digest) in &state.artifacts {
        whole(world, client, repository, digest, &mut checked).await;
    }
    for ((repository, digest), subject) in &state.accessories {
        whole(world, client, repository, digest, &mut checked).await;
        let about = client.accessories(&push::repository(repository), subject).await.unwrap();
        assert!(about.iter().any(|accessory| accessory.digest == *digest), "{digest} is about {subject} again");
    }
    // Of an empty project nothing comes back but its settings.
    let Some((repository, _)) = state.artifacts.first() else { return };
    let project = push::repository(repository).project();
    for repository in client.repositories(&project).await.unwrap() {
        for tag in client.tag_names(&repository.name).await.unwrap() {
            let there = state.tags.contains_key(&(repository.name.to_string(), tag.to_string()));
            assert!(there || tag.as_str().starts_with("sha256-"), "{}:{tag} was not in the snapshot", repository.name);
        }
    }
}

async fn whole(world: &World, client: &Client, repository: &str, digest: &Digest, checked: &mut BTreeSet<(String, Digest)>) {
    if !checked.insert((repository.to_owned(), *digest)) {
        return;
    }
    let (name, known) = (push::repository(repository), &world.model.known[digest]);
    assert_eq!(client.manifest_get(&name, digest).await.unwrap().bytes, known.bytes, "{repository}@{digest}");
    assert!(client.manifest_head(&name, &Reference::Digest(*digest)).await.unwrap().is_some());
    for blob in &known.blobs {
        let bytes = client.blob_get(&name, blob, None).try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        });
        assert_eq!(bytes.await.unwrap(), world.model.known[blob].bytes, "{blob} of {repository}@{digest}");
    }
    for child in &known.children {
        Box::pin(whole(world, client, repository, child, checked)).await;
    }
}

pub async fn copy(world: &mut World, rng: &mut StdRng) {
    let trouble = Trouble::any(rng, false);
    world.log.add(&format!("with {trouble:?}"));
    if world.snaps.is_empty() {
        return;
    }
    let at = rng.random_range(0..world.snaps.len());
    let before = world.newest_copy(world.snaps[at].project).filter(|_| rng.random_bool(0.8)).map(|pointer| pointer.snapshot.digest);
    let store = if rng.random_bool(0.3) { world.store.clone() } else { world.far_store.clone() };
    let (pointer, state) = (world.snaps[at].pointer.clone(), world.snaps[at].state.clone());
    let cx = context(world);
    let ended = trouble.during(&store, &world.sim, copy::snapshot(&cx, &pointer, before)).await;
    copied(world, pointer, state, ended).await;
}

fn context(world: &World) -> CopyContext {
    CopyContext { from: world.vault.clone(), to: world.far.clone(), progress: Arc::new(Silent), control: Arc::new(Silent) }
}

async fn copied(world: &mut World, pointer: Pointer, state: State, ended: Ended<Result<Copied, CopyError>>) {
    let calm = ended.fired.is_none();
    let outcome = world.ended(ended);
    let there = world.pointers(super::world::Which::Far).await.contains(&pointer);
    match outcome {
        Some(Ok(_)) => assert!(there),
        Some(Err(CopyError::To(VaultError::HoldLapsed { .. }) | CopyError::From(VaultError::HoldLapsed { .. }))) => {
            world.came("a hold lapsed during a copy");
        }
        Some(Err(error)) => assert!(!calm, "it failed without a reason: {error:?}"),
        None => {}
    }
    if there && !world.copies.iter().any(|(copy, _)| *copy == pointer) {
        world.copies.push((pointer, state));
    }
}

/// As for a backup: what the copy builds on in the second vault is let go, condemned, and judged while the copy runs.
pub async fn copy_on_a_snapshot_let_go(world: &mut World, rng: &mut StdRng) {
    if world.snaps.is_empty() {
        return;
    }
    let at = rng.random_range(0..world.snaps.len());
    let Some(before) = world.newest_copy(world.snaps[at].project) else { return };
    let (pointer, state) = (world.snaps[at].pointer.clone(), world.snaps[at].state.clone());
    world.far.forget(&before.name().unwrap()).await.unwrap();
    world.copies.retain(|(copy, _)| *copy != before);
    world.far.sweep(&AT_ONCE).await.unwrap();
    let (cx, far) = (context(world), world.far.clone());
    let judges = async {
        far.sweep(&AT_ONCE).await.unwrap();
        far.sweep(&AT_ONCE).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(copy::snapshot(&cx, &pointer, Some(before.snapshot.digest)), judges);
    copied(world, pointer, state, Ended { outcome: Some(outcome), fired: None }).await;
}
