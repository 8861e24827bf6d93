//! The questions asked after every action, after some, and at the end.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use engine::finding::Depth;
use engine::verify;
use futures::TryStreamExt;
use vault::tree::{Role, SnapshotIndex};
use vault::{Pointer, Terms, Vault};
use vocab::Digest;
use vocab::manifest::MANIFEST_BYTES_MAX;

use super::model::{Model, PROJECTS, Snap, State};
use super::world::{Which, World};

/// At once, and as much as there is.
pub const AT_ONCE: Terms =
    Terms { dry_run: false, young: std::time::Duration::ZERO, wait: std::time::Duration::ZERO, share_max_percent: 100 };

/// What a snapshot says, read from the vault.
async fn content(vault: &Vault, index: &SnapshotIndex) -> State {
    let mut state = State::default();
    for (name, descriptor) in &index.repositories {
        for member in vault.repository(&descriptor.digest).await.unwrap().members {
            let digest = member.descriptor.digest;
            match member.role {
                Role::Accessory { subject, .. } => {
                    state.accessories.insert((name.to_string(), digest), subject);
                }
                Role::Root | Role::Child => {
                    state.artifacts.insert((name.to_string(), digest));
                    if let Some(tag) = member.tag {
                        state.tags.insert((name.to_string(), tag.to_string()), digest);
                    }
                }
            }
        }
    }
    let config = index.config.as_ref().unwrap();
    let settings = vault.project_settings(&config.digest).await.unwrap();
    state.public = settings["project"]["metadata"]["public"] == "true";
    state
}

/// Whether everything a snapshot with gaps has is what Harbor had, and everything it lacks is named.
fn is_part_of(part: &State, whole: &State, index: &SnapshotIndex) -> bool {
    let named = |repository: &str, word: &str| {
        index.gaps.iter().any(|gap| gap.subject == repository || gap.subject.contains(word) || gap.subject == index.project.to_string())
    };
    part.tags.iter().all(|(name, digest)| whole.tags.get(name) == Some(digest))
        && whole.tags.keys().all(|(repository, tag)| {
            part.tags.contains_key(&(repository.clone(), tag.clone())) || named(repository, &format!("{repository}:{tag}"))
        })
        && part.artifacts.is_subset(&whole.artifacts)
}

/// Takes a new pointer into the model, if it is one of what the project may have been seen as.
pub async fn adopt(world: &mut World, pointer: Pointer, project: &'static str, candidates: &[State]) -> bool {
    let index = world.vault.snapshot(&pointer.snapshot.digest).await.unwrap();
    assert_eq!(index.project.as_str(), project);
    let state = content(&world.vault, &index).await;
    let complete = index.is_complete();
    let fits = candidates.iter().any(|seen| if complete { state == *seen } else { is_part_of(&state, seen, &index) });
    if !fits {
        world
            .log
            .add(&format!("{} of {project} has {state:#?} and gaps {:?}; Harbor had {candidates:#?}", pointer.snapshot.digest, index.gaps));
        return false;
    }
    let findings = verify::snapshot_to(&world.vault, &pointer.snapshot.digest, Depth::Bytes).await;
    assert_eq!(findings, [], "a fresh snapshot of {project} is whole");
    if !complete {
        world.came("a snapshot with gaps");
    }
    // One that was confirmed is known.
    if !world.snaps.iter().any(|snap| snap.pointer == pointer) {
        world.snaps.push(Snap { pointer, state, complete, project });
    }
    true
}

/// Every pointer is expected, and every expected one is there.
pub async fn cheap(world: &mut World) {
    let found = world.pointers(Which::Near).await;
    for pointer in &found {
        if world.snaps.iter().any(|snap| snap.pointer == *pointer) {
            continue;
        }
        let project = PROJECTS.into_iter().find(|project| *project == pointer.project.as_str()).unwrap();
        let seen: Vec<State> = world.pending.iter().filter(|(of, _)| *of == project).flat_map(|(_, seen)| seen.clone()).collect();
        assert!(adopt(world, pointer.clone(), project, &seen).await, "a pointer nobody expects: {pointer:?}");
    }
    for snap in &world.snaps {
        assert!(found.contains(&snap.pointer), "lost: {:?}", snap.pointer);
    }
    let far = world.pointers(Which::Far).await;
    assert!(world.copies.iter().all(|(pointer, _)| far.contains(pointer)), "a copy is lost");
    let mut strange = far.iter().filter(|pointer| !world.copies.iter().any(|(copy, _)| copy == *pointer));
    assert!(strange.next().is_none(), "a copy nobody expects");
}

/// Every byte of every image, compared with the model: independent of how the program walks a snapshot.
async fn bytes(vault: &Vault, model: &Model, state: &State, pointer: &Pointer, done: &mut BTreeSet<Digest>) {
    for digest in model.objects(state) {
        if done.insert(digest) {
            let read = vault.get_bytes(&digest, MANIFEST_BYTES_MAX).await;
            let read = read.unwrap_or_else(|error| panic!("{digest} of {}: {error:?}", pointer.snapshot.digest));
            assert_eq!(read, model.known[&digest].bytes);
        }
    }
}

pub async fn thorough(world: &mut World) {
    let mut done = BTreeSet::new();
    for snap in &world.snaps {
        let findings = verify::snapshot_to(&world.vault, &snap.pointer.snapshot.digest, Depth::Bytes).await;
        assert_eq!(findings, [], "{:?} is whole", snap.pointer);
        let index = world.vault.snapshot(&snap.pointer.snapshot.digest).await.unwrap();
        assert_eq!(content(&world.vault, &index).await, snap.state, "a snapshot never changes (I-7)");
        assert_eq!(index.is_complete(), snap.complete);
        bytes(&world.vault, &world.model, &snap.state, &snap.pointer, &mut done).await;
    }
    done.clear();
    for (pointer, state) in &world.copies {
        let findings = verify::snapshot_to(&world.far, &pointer.snapshot.digest, Depth::Bytes).await;
        assert_eq!(findings, [], "the copy of {pointer:?} is whole");
        bytes(&world.far, &world.model, state, pointer, &mut done).await;
    }
    for project in PROJECTS {
        let live = live(world, project).await;
        assert_eq!(live, world.model.projects[project].tags, "the model and the Harbor agree on {project}");
    }
}

async fn live(world: &World, project: &str) -> BTreeMap<(String, String), Digest> {
    let mut tags = BTreeMap::new();
    for repository in world.client.repositories(&project.parse().unwrap()).await.unwrap() {
        let artifacts: Vec<registry::Artifact> = world.client.repository_artifacts(&repository.name).try_collect().await.unwrap();
        for artifact in artifacts {
            for tag in artifact.tags {
                tags.insert((repository.name.to_string(), tag.name.to_string()), artifact.digest);
            }
        }
    }
    tags
}

/// With all holds lapsed and nothing under way, sweeps leave exactly what the snapshots need.
pub async fn settled(world: &mut World) {
    world.jump_beyond(40 * 24 * 3_600);
    for _ in 0..4 {
        world.vault.sweep(&AT_ONCE).await.unwrap();
        world.jump(24 * 3_600);
    }
    let needed = world.vault.needed().await.unwrap();
    let objects: HashSet<Digest> =
        world.vault.objects().try_collect::<Vec<_>>().await.unwrap().into_iter().map(|(digest, _)| digest).collect();
    assert_eq!(objects, needed, "what is there is what is needed");
    assert!(world.vault.condemned().await.unwrap().is_empty());
    assert!(world.vault.live_holds().await.unwrap().is_empty());
    thorough(world).await;
}
