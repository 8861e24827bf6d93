//! Views: what other tools see of a vault.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use crate::common::{Image, memory_vault, small_backup};
use serde_json::Value;
use vault::{Vault, VaultError};
use vocab::Digest;

async fn backed_up(path: &Path) -> (Vault, Digest) {
    let vault = Vault::init(path).await.unwrap();
    let digest = small_backup(&vault).await.unwrap().snapshot.digest;
    (vault, digest)
}

/// Runs skopeo. `None` when it is not installed and nobody insists.
fn skopeo(arguments: &[&str]) -> Option<Value> {
    let output = match Command::new("skopeo").args(arguments).output() {
        Ok(output) => output,
        Err(e) if std::env::var("BREAKWATER_REQUIRE_TOOLS").is_ok_and(|v| v == "1") => panic!("skopeo: {e}"),
        Err(_) => {
            eprintln!("skopeo is not installed: this part of the test was left out");
            return None;
        }
    };
    assert!(output.status.success(), "skopeo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_view_of_a_repository_names_images_by_their_tags() {
    let folder = tempfile::tempdir().unwrap();
    let (vault, snapshot) = backed_up(&folder.path().join("vault")).await;
    let out = folder.path().join("view");
    let view = vault.write_view(&snapshot, Some(&"prod/team/shop".parse().unwrap()), &out).await.unwrap();
    let names: Vec<(&str, bool)> = view.references.iter().map(|r| (r.reference.as_str(), r.addressable)).collect();
    assert_eq!(names, [("1.4", true), ("_odd", false), ("latest", true)]);
    assert!(view.unavailable.is_empty());
    assert_eq!((view.hard_links, view.symbolic_links, view.copies), (6, 0, 0));
    let index: Value = serde_json::from_slice(&fs::read(out.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 4, "three tags and the signature");
    let layer = Digest::of(&Image::new("shop", 10_240).layer).hex();
    let inode = |root: &Path| fs::metadata(root.join("blobs/sha256").join(&layer)).unwrap().ino();
    assert_eq!(inode(&out), inode(&folder.path().join("vault")), "no copy");
    let again = vault.write_view(&snapshot, None, &out).await;
    assert!(matches!(again, Err(VaultError::ForeignDirectory { .. })));
    let other = vault.write_view(&snapshot, Some(&"prod/none".parse().unwrap()), &folder.path().join("x")).await;
    assert!(matches!(other, Err(VaultError::NotInSnapshot { .. })));
}

#[tokio::test]
async fn skopeo_reads_a_view_of_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    let (vault, snapshot) = backed_up(&folder.path().join("vault")).await;
    let out = folder.path().join("view");
    vault.write_view(&snapshot, Some(&"prod/team/shop".parse().unwrap()), &out).await.unwrap();
    let image = format!("oci:{}:1.4", out.display());
    let Some(seen) = skopeo(&["inspect", &image]) else { return };
    assert_eq!(seen["Labels"]["name"], "shop");
    assert_eq!(seen["Digest"], Digest::of(&Image::new("shop", 10_240).manifest).to_string());
    let copy = folder.path().join("copy");
    skopeo(&["copy", "--insecure-policy", "--quiet", &image, &format!("dir:{}", copy.display())]);
    assert_eq!(fs::read(copy.join("manifest.json")).unwrap(), Image::new("shop", 10_240).manifest);
    vault.verify_object(&Digest::of(&Image::new("shop", 10_240).layer)).await.unwrap();
}

#[tokio::test]
async fn skopeo_reads_every_addressable_name_of_a_whole_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let (vault, snapshot) = backed_up(&folder.path().join("vault")).await;
    let out = folder.path().join("view");
    let view = vault.write_view(&snapshot, None, &out).await.unwrap();
    let names: Vec<&str> = view.references.iter().map(|r| r.reference.as_str()).collect();
    assert_eq!(names, ["team/shop:1.4", "team/shop:_odd", "team/shop:latest", "web:latest"]);
    for reference in view.references.iter().filter(|reference| reference.addressable) {
        let image = format!("oci:{}:{}", out.display(), reference.reference);
        let Some(seen) = skopeo(&["inspect", "--raw", &image]) else { return };
        assert_eq!(seen["schemaVersion"], 2);
    }
    let copy = folder.path().join("copy");
    let index = format!("oci:{}:web:latest", out.display());
    skopeo(&["copy", "--all", "--insecure-policy", "--quiet", &index, &format!("dir:{}", copy.display())]);
    assert!(fs::read(copy.join("manifest.json")).unwrap().starts_with(br#"{"manifests":["#));
}

#[tokio::test]
async fn skopeo_finds_a_snapshot_in_the_vault_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault");
    let (_, snapshot) = backed_up(&path).await;
    let image = format!("oci:{}:main/prod/20260921T141329Z", path.display());
    let Some(seen) = skopeo(&["inspect", "--raw", &image]) else { return };
    assert_eq!(seen["artifactType"], vault::tree::SNAPSHOT_TYPE);
    assert_eq!(Digest::of(&fs::read(path.join("blobs/sha256").join(snapshot.hex())).unwrap()), snapshot);
}

#[tokio::test]
async fn a_view_names_what_is_missing_and_shows_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault");
    let (vault, snapshot) = backed_up(&path).await;
    let layer = Digest::of(&Image::new("web", 700_000).layer);
    let manifest = Digest::of(&Image::new("signature", 512).manifest);
    for digest in [layer, manifest] {
        fs::remove_file(path.join("blobs/sha256").join(digest.hex())).unwrap();
    }
    let view = vault.write_view(&snapshot, None, &folder.path().join("view")).await.unwrap();
    let mut expected: Vec<vocab::AnyDigest> = vec![layer.into(), manifest.into()];
    expected.sort();
    assert_eq!(view.unavailable, expected);
    assert_eq!(view.references.len(), 4);
}

#[tokio::test]
async fn a_view_of_a_store_without_files_is_a_verified_copy() {
    let (_, vault) = memory_vault().await;
    let snapshot = small_backup(&vault).await.unwrap().snapshot.digest;
    let folder = tempfile::tempdir().unwrap();
    let view = vault.write_view(&snapshot, None, &folder.path().join("view")).await.unwrap();
    assert_eq!((view.hard_links, view.symbolic_links), (0, 0));
    for entry in fs::read_dir(folder.path().join("view/blobs/sha256")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert_eq!(Digest::of(&fs::read(entry.path()).unwrap()).hex(), name);
    }
    assert_eq!(fs::read_dir(folder.path().join("view/blobs/sha256")).unwrap().count(), usize::try_from(view.copies).unwrap());
}
