//! `kill -9` at random points: no torn object under a final name, nothing acknowledged is lost, leftovers are cleaned.
//!
//! This proves atomicity against a dying process, not against a power cut (the page cache survives); fsync before the
//! rename and of the folder after it is what stands against that.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::{moment, put};
use crate::sweep::AT_ONCE;
use futures::TryStreamExt;
use rand::{Rng, SeedableRng};
use uuid::Uuid;
use vault::conformance::pattern;
use vault::tree::{RepositoryIndex, RepositoryMember, SnapshotIndex};
use vault::{Pointer, Vault};
use vocab::{Digest, media};

const CHILD: &str = "BREAKWATER_TEST_KILL_VAULT";
const SWEEPER: &str = "BREAKWATER_TEST_KILL_SWEEPER";
const SEED: &str = "BREAKWATER_TEST_KILL_SEED";
const CYCLES: u64 = 24;
/// How many writers the child runs at once.
const WRITERS: u64 = 8;

/// Not a test by itself: the process that is killed. Without its variable it has nothing to do.
#[test]
fn the_child_that_is_killed() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let seed: u64 = std::env::var(SEED).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async move {
        let vault = Vault::open(Path::new(&path), None).await.unwrap();
        let writers = (0..WRITERS).map(|writer| tokio::spawn(write_for_ever(vault.clone(), seed * WRITERS + writer)));
        futures::future::join_all(writers).await;
    });
}

async fn write_for_ever(vault: Vault, seed: u64) {
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    loop {
        let bytes = pattern(rng.random(), rng.random_range(0..2_500_000));
        put(&vault, &bytes).await.unwrap();
        println!("object {}", Digest::of(&bytes));
        if rng.random_ratio(1, 3) {
            let pointer = seal(&vault, &bytes).await;
            println!("pointer {}", pointer.name().unwrap());
            vault.rebuild_index().await.unwrap();
        }
    }
}

async fn seal(vault: &Vault, bytes: &bytes::Bytes) -> Pointer {
    let name: vocab::RepositoryName = "prod/app".parse().unwrap();
    let members = vec![RepositoryMember::root(crate::common::plain(media::OCI_MANIFEST, bytes), None)];
    let repository = RepositoryIndex { name: name.clone(), description: None, members, names: vault::Names::new() };
    let snapshot = SnapshotIndex {
        limits: Vec::new(),
        listed: None,
        harbor_config: None,
        pushed: None,
        harbor: "main".parse().unwrap(),
        project: "prod".parse().unwrap(),
        origin: vault::tree::Origin::Harbor,
        started: moment(0),
        finished: moment(1),
        gaps: Vec::new(),
        config: None,
        repositories: vec![(name, vault.put_repository(&repository).await.unwrap())],
        elsewhere: Vec::new(),
        closed: true,
    };
    let (harbor, project) = (snapshot.harbor.clone(), snapshot.project.clone());
    let descriptor = vault.put_snapshot(&snapshot).await.unwrap();
    let pointer = Pointer { harbor, project, moment: moment(1), id: Uuid::new_v4(), snapshot: descriptor, signature: None };
    vault.put_pointer(&pointer).await.unwrap();
    pointer
}

/// Lets the child write until it has reported `lines` times, kills it, and answers everything it had reported.
fn run_and_kill(path: &Path, seed: u64, lines: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::the_child_that_is_killed", "--nocapture", "--test-threads=1"])
        .env(CHILD, path)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut reported = Vec::new();
    let mut killed = false;
    for line in output.lines() {
        // The first report may share its line with the test runner's own words.
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        if let [.., kind @ ("object" | "pointer"), name] = words[..] {
            reported.push(format!("{kind} {name}"));
        }
        if !killed && reported.len() >= lines {
            // SIGKILL; what was reported before it arrived is still read, up to the end of the pipe.
            child.kill().unwrap();
            killed = true;
        }
    }
    assert!(!child.wait().unwrap().success());
    assert!(killed, "the child ended by itself, after {reported:?}");
    reported
}

async fn check(path: &Path, reported: &[String]) -> u64 {
    let vault = Vault::open(path, None).await.unwrap();
    let objects: Vec<(Digest, u64)> = vault.objects().try_collect().await.unwrap();
    for (digest, _) in &objects {
        vault.verify_object(digest).await.unwrap_or_else(|e| panic!("torn: {e:?}"));
    }
    let pointers: Vec<Pointer> = vault.pointers().try_collect().await.unwrap();
    let names: Vec<String> = pointers.iter().map(|pointer| pointer.name().unwrap().to_string()).collect();
    for line in reported {
        match line.split_once(' ').unwrap() {
            ("object", digest) => {
                let digest: Digest = digest.parse().unwrap();
                assert!(objects.iter().any(|(found, _)| *found == digest), "{digest} was acknowledged and is gone");
            }
            (_, name) => assert!(names.iter().any(|found| found == name), "{name} was acknowledged and is gone"),
        }
    }
    for pointer in &pointers {
        let snapshot = vault.snapshot(&pointer.snapshot.digest).await.unwrap();
        let repository = vault.repository(&snapshot.repositories[0].1.digest).await.unwrap();
        let image = &repository.members[0].descriptor;
        assert_eq!(vault.size_of(&image.digest).await.unwrap(), Some(image.size), "a kept snapshot is complete");
    }
    let index: serde_json::Value = serde_json::from_slice(&fs::read(path.join("index.json")).unwrap()).unwrap();
    assert!(index["manifests"].as_array().unwrap().len() <= pointers.len());
    let cleaned = vault.clean_temp(Duration::ZERO).await.unwrap();
    assert_eq!(fs::read_dir(path.join("breakwater/tmp")).unwrap().count(), 0);
    cleaned.count
}

/// F-1, F-7.
#[test]
fn a_process_killed_at_any_point_leaves_no_torn_object_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut rng = rand::rngs::StdRng::seed_from_u64(7);
    let mut leftovers = 0;
    for cycle in 0..CYCLES {
        // A fresh vault now and then keeps the check of all objects short.
        let path = folder.path().join((cycle / 6).to_string());
        if cycle % 6 == 0 {
            runtime.block_on(Vault::init(&path)).unwrap();
        }
        let reported = run_and_kill(&path, cycle, rng.random_range(1..25));
        leftovers += runtime.block_on(check(&path, &reported));
    }
    assert!(leftovers > 0, "no kill fell into a write: this run proved nothing");
}

/// Objects nothing needs, in the vault that is swept.
const LOOSE: u64 = 120;

/// Not a test by itself: sweeps twice, and is killed meanwhile.
#[test]
fn the_sweeper_that_is_killed() {
    let Ok(path) = std::env::var(SWEEPER) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async move {
        let vault = later(Vault::open(Path::new(&path), None).await.unwrap(), 1);
        loop {
            vault.sweep(&AT_ONCE).await.unwrap();
        }
    });
}

/// So many days on: what was just written is old, and the holds of the killed have lapsed.
fn later(vault: Vault, days: i64) -> Vault {
    vault.with_clock(std::sync::Arc::new(move || time::OffsetDateTime::now_utc() + time::Duration::days(days)))
}

fn count(folder: &Path) -> u64 {
    fs::read_dir(folder)
        .map_or(0, |entries| entries.flatten().map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum())
}

/// F-1.
#[test]
fn a_sweep_killed_at_any_point_loses_nothing_and_the_next_ones_finish_it() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut while_moving, mut while_deleting) = (0, 0);
    for cycle in 0..6 {
        let path = folder.path().join(cycle.to_string());
        let needed = runtime.block_on(async {
            let vault = Vault::init(&path).await.unwrap();
            crate::common::small_backup(&vault).await.unwrap();
            let loose = (0..LOOSE).map(|seed| pattern(100 + seed, 64)).collect::<Vec<_>>();
            futures::future::try_join_all(loose.iter().map(|bytes| put(&vault, bytes))).await.unwrap();
            vault.needed().await.unwrap()
        });
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::the_sweeper_that_is_killed", "--nocapture", "--test-threads=1"])
            .env(SWEEPER, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // At a share of the moves, or of the deletions that follow: by what is on the disk, not by time.
        let (objects, condemned) = (path.join("blobs/sha256"), path.join("breakwater/condemned"));
        let share = LOOSE * (cycle / 2 * 3 + 1) / 10;
        let reached = || match cycle % 2 {
            0 => count(&objects) <= needed.len() as u64 + LOOSE - share,
            _ => count(&objects) <= needed.len() as u64 && count(&condemned) <= LOOSE - share,
        };
        while !reached() {
            assert!(child.try_wait().unwrap().is_none(), "the sweeper ended by itself");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        while_moving += u64::from(count(&objects) > needed.len() as u64);
        while_deleting += u64::from(count(&objects) == needed.len() as u64 && count(&condemned) > 1);
        runtime.block_on(async {
            let vault = later(Vault::open(&path, None).await.unwrap(), 30);
            for digest in &needed {
                vault.verify_object(digest).await.unwrap();
            }
            for _ in 0..3 {
                vault.sweep(&AT_ONCE).await.unwrap();
            }
            assert_eq!(vault.needed().await.unwrap(), needed);
        });
        assert_eq!((count(&objects), count(&condemned)), (needed.len() as u64, 0));
    }
    assert!(while_moving > 0 && while_deleting > 0, "{while_moving} kills while moving, {while_deleting} while deleting");
}
