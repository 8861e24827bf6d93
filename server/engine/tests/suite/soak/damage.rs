//! Rot: one object is damaged, found, set aside and healed; nothing else is accused.

use std::fs;

use engine::backup::{self, Reconcile};
use engine::finding::Depth;
use engine::verify;
use rand::Rng;
use rand::rngs::StdRng;
use vocab::{Digest, ProjectName};

use super::actions::judge;
use super::oracle::AT_ONCE;
use super::trouble::Ended;
use super::world::World;

/// Objects of one snapshot that the vault made itself: indexes and settings.
async fn own_objects(world: &World, snapshot: &Digest) -> Vec<Digest> {
    let index = world.vault.snapshot(snapshot).await.unwrap();
    let settings = index.config.iter().map(|descriptor| descriptor.digest);
    let parts = index.repositories.iter().map(|(_, descriptor)| descriptor.digest).chain(settings);
    parts.chain([*snapshot]).collect()
}

fn spoil(good: &[u8], rng: &mut StdRng) -> (Vec<u8>, &'static str) {
    let mut bytes = good.to_vec();
    let at = rng.random_range(0..bytes.len());
    match rng.random_range(0..5) {
        0 | 1 => {
            bytes[at] ^= 1 << rng.random_range(0..8);
            (bytes, "a flipped bit")
        }
        2 => {
            bytes.truncate(at);
            (bytes, "truncated")
        }
        3 => {
            bytes.push(rng.random());
            (bytes, "extended")
        }
        _ => (Vec::new(), "emptied"),
    }
}

pub async fn damage(world: &mut World, rng: &mut StdRng) {
    if world.snaps.is_empty() {
        return;
    }
    let snap = &world.snaps[rng.random_range(0..world.snaps.len())];
    let (snapshot, project) = (snap.pointer.snapshot.digest, snap.project);
    let mut objects: Vec<Digest> = world.model.objects(&snap.state).into_iter().collect();
    let own = own_objects(world, &snapshot).await;
    objects.extend(&own);
    let object = objects[rng.random_range(0..objects.len())];
    let path = world.object(&object);
    let good = fs::read(&path).unwrap();
    let (bad, how) = spoil(&good, rng);
    world.log.add(&format!("{object} {how}"));
    fs::remove_file(&path).unwrap();
    fs::write(&path, bad).unwrap();
    for snap in &world.snaps {
        let findings = verify::snapshot_to(&world.vault, &snap.pointer.snapshot.digest, Depth::Bytes).await;
        assert!(findings.iter().all(|finding| finding.object == object && finding.degrades()), "accused wrongly: {findings:?}");
        assert!(snap.pointer.snapshot.digest != snapshot || !findings.is_empty(), "{how} {object} was not found");
    }
    world.vault.quarantine(&object, "a test damaged it").await.unwrap();
    // What says what else is needed cannot be read: then nothing may be deleted.
    let is_index =
        own.contains(&object) || world.model.known.get(&object).is_some_and(|known| !known.blobs.is_empty() || !known.children.is_empty());
    match world.vault.sweep(&AT_ONCE).await {
        Ok(_) => assert!(!is_index, "swept although {object} could not be read"),
        Err(_) => world.came("a sweep refused because of damage"),
    }
    let in_harbor = world.model.objects(&world.model.projects[project]).contains(&object);
    let name: ProjectName = project.parse().unwrap();
    let seen = vec![world.model.projects[project].clone()];
    let outcome = backup::project(&world.context(Reconcile::Hinted), &name, world.previous(project)).await;
    judge(world, project, seen, Ended { outcome: Some(outcome), fired: None }).await;
    if world.vault.size_of(&object).await.unwrap().is_some() {
        world.came("healed by the next backup");
    } else {
        assert!(!in_harbor, "Harbor has {object}, and the backup did not heal it");
        // As from the second vault, or a disk somebody found.
        world.vault.put_bytes(&good).await.unwrap();
        world.came("healed from another copy");
    }
    for snap in &world.snaps {
        let findings = verify::snapshot_to(&world.vault, &snap.pointer.snapshot.digest, Depth::Bytes).await;
        assert_eq!(findings, [], "healed");
    }
}
