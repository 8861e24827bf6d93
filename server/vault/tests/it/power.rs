//! A power cut at every point of a backup (F-2, F-7): what the disk has at that moment, and not what the page cache has.
//!
//! The vault lies on a file system in a file. Between two calls of the store that file is copied: what was never flushed is not in the
//! copy. Mounted, the copy is the disk after the cut. Needs root and loop devices; elsewhere it says so and does nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use futures::TryStreamExt;
use vault::conformance::{Fault, FaultyStore, Operation};
use vault::store::directory::DirectoryStore;
use vault::{Pointer, Vault};
use vocab::Digest;

use crate::common::{closure, small_backup};

/// More calls than a small backup makes.
const CALLS_MAX: u64 = 1_000;
/// Of the file system.
const DISK_BYTES: u64 = 32 * 1024 * 1024;

/// A mounted file system in a file, gone when this is dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(image: &Path, at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        run("mount", &["-o".as_ref(), "loop".as_ref(), image.as_os_str(), at.as_os_str()]).then(|| Self(at.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &["--lazy".as_ref(), self.0.as_os_str()]);
    }
}

fn run(program: &str, arguments: &[&std::ffi::OsStr]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

fn make(image: &Path) -> bool {
    std::fs::File::create(image).unwrap().set_len(DISK_BYTES).unwrap();
    run("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), image.as_os_str()])
}

/// The disk after the cut: every pointer leads to whole objects, and everything acknowledged is there.
async fn holds(at: &Path, stored: &[Digest], sealed: bool) {
    let vault = Vault::open(at, None).await.unwrap();
    for digest in stored {
        vault.verify_object(digest).await.unwrap_or_else(|error| panic!("{digest} was acknowledged: {error:?}"));
    }
    let objects: Vec<(Digest, u64)> = vault.objects().try_collect().await.unwrap();
    for (digest, _) in objects {
        vault.verify_object(&digest).await.unwrap_or_else(|error| panic!("{digest} has its final name and is torn: {error:?}"));
    }
    let (pointers, _) = closure(&vault).await.unwrap();
    assert!(!sealed || pointers.len() == 1, "the pointer was acknowledged");
    let again: Pointer = small_backup(&vault).await.unwrap();
    assert_eq!(closure(&vault).await.unwrap().0, [again]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_at_any_point_of_a_backup_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (image, copy) = (folder.path().join("disk.img"), folder.path().join("cut.img"));
    let disk = if make(&image) { Disk::mount(&image, &folder.path().join("disk")) } else { None };
    let Some(disk) = disk else { return println!("not run: it takes root, loop devices and mkfs.ext4") };
    let (mut cuts, mut lost) = (0, 0);
    for nth in 1..CALLS_MAX {
        let path = disk.0.join(format!("vault-{nth}"));
        drop(Vault::init(&path).await.unwrap());
        let store = Arc::new(FaultyStore::new(Arc::new(DirectoryStore::open(&path).await.unwrap())));
        let vault = Vault::open_store(store.clone(), None).await.unwrap();
        store.take_calls();
        store.fail_nth(nth, Fault::StopAfter);
        let ended = tokio::select! {
            biased;
            () = store.stopped() => false,
            outcome = small_backup(&vault) => outcome.is_ok(),
        };
        // What nobody flushed must be gone, or the copy shows more than a disk would have.
        std::fs::write(disk.0.join(format!("unflushed-{nth}")), b"never flushed").unwrap();
        std::fs::copy(&image, &copy).unwrap();
        let cut = Disk::mount(&copy, &folder.path().join("cut")).unwrap();
        let unflushed = std::fs::read(cut.0.join(format!("unflushed-{nth}"))).unwrap_or_default();
        lost += u64::from(unflushed.is_empty());
        let calls = store.take_calls();
        let stored: Vec<Digest> =
            calls.iter().filter(|(operation, _)| *operation == Operation::Put).map(|(_, about)| about.parse().unwrap()).collect();
        let sealed = calls.iter().any(|(operation, about)| *operation == Operation::Create && about.contains("/snapshots/"));
        holds(&cut.0.join(format!("vault-{nth}")), &stored, sealed).await;
        std::fs::remove_dir_all(&path).unwrap();
        drop(cut);
        if ended {
            assert!(cuts >= 40 && lost * 10 >= cuts * 9, "{cuts} cuts, {lost} of them lost what was never flushed");
            return;
        }
        cuts += 1;
    }
    panic!("a small backup makes more than {CALLS_MAX} calls");
}
