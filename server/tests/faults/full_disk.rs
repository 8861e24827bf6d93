//! A vault on a disk that is full (F-3, I-34).

use std::path::Path;
use std::process::Command;

use harbor_sim::images;

use crate::people::names;
use crate::world::World;

/// Room at first: the first backup fits, the second does not.
const SMALL: &str = "size=4m";
/// Room after somebody made some.
const LARGE: &str = "size=32m";
/// Layers that fit one by one and not together: they are written side by side, so the disk itself runs full.
const LAYERS_BYTES: [usize; 4] = [2_000_000; 4];

/// A small disk in memory; it goes with this value.
struct Disk(tempfile::TempDir);

impl Disk {
    /// None: whoever runs this may not mount one. That is a right of the machine, no tool that could be installed, so it is said and left
    /// out; anything else that keeps it from being mounted fails the test.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        match mount(&["-t", "tmpfs", "-o", SMALL, "tmpfs"], folder.path()) {
            Ok(()) => Some(Self(folder)),
            Err(why) => {
                let refused =
                    ["permission denied", "not permitted", "must be superuser"].iter().any(|said| why.to_lowercase().contains(said));
                assert!(refused, "a small disk cannot be mounted: {why}");
                eprintln!("left out: a small disk needs root and mount(2): {why}");
                None
            }
        }
    }

    fn grow(&self) {
        mount(&["-o", &format!("remount,{LARGE}")], self.0.path()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn mount(options: &[&str], place: &Path) -> Result<(), String> {
    let out = Command::new("mount").args(options).arg(place).output().map_err(|e| e.to_string())?;
    if out.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&out.stderr).trim().to_owned()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_fails_the_backup_in_one_sentence_and_nothing_else() {
    let Some(disk) = Disk::new() else { return };
    let world = World::with_vault(disk.0.path().join("vault")).await;
    world.push("shop/web", 3).await;
    world.back_up().await;
    let large = images::simple("large", &LAYERS_BYTES);
    world.harbor.push_image("shop/large", "v0", &large).await.unwrap();
    let lost = world.lose("shop/web", 3).await;

    let worker = world.worker("w");
    let job = world.queue_run().await;
    assert_eq!(world.job_over(job).await, "dead");
    let job = world.get(&format!("/api/v1/jobs/{job}")).await;
    let said = job["error"]["text"].as_str().unwrap();
    for part in ["shop could not be backed up", "no space left", " needed", "free", "kept in reserve"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!job["remedy"]["text"].as_str().unwrap_or_default().is_empty(), "{job}");
    assert_eq!(world.newest_run().await["state"], "failed");
    assert_eq!(world.pointers(), 1);

    // What is there can be looked at and restored.
    let contents = world.get("/api/v1/projects/prod/shop/contents?repo=shop/web").await;
    assert_eq!(contents["tags"].as_array().unwrap().len(), 3, "{contents}");
    let asked = world.draft(&names(&lost)).await;
    let job = world.approved(&asked).await;
    assert_eq!(world.job_over(job).await, "done");
    assert_eq!(world.request(&asked).await["state"], "done");
    world.are_back(&lost).await;
    world.doctor();

    disk.grow();
    let job = world.queue_run().await;
    assert_eq!(world.job_over(job).await, "done");
    assert_eq!(world.newest_run().await["state"], "good");
    assert!(worker.terminate().success());
    world.doctor();
}
