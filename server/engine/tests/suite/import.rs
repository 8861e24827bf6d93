//! Images of other tools become snapshots, and snapshots become images of other tools. Hostile files become nothing.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use engine::Silent;
use engine::backup::{SnapshotOutcome, gap};
use engine::import::{self, Destination, ImportContext, ImportError, Imported, Target};
use futures::TryStreamExt;
use registry::Reference;
use serde_json::{Value, json};
use testkit::distribution::Distribution;
use testkit::images::{self, Image};
use time::OffsetDateTime;
use vault::tree::{Origin, REF_NAME, Role};
use vault::{Choice, Vault};
use vocab::Digest;

pub struct Place {
    folder: tempfile::TempDir,
    pub vault: Vault,
}

impl Place {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::init(&folder.path().join("vault")).await.unwrap();
        Self { folder, vault }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub async fn import(&self, path: &Path, repository: Option<&str>) -> Result<Imported, ImportError> {
        self.import_as(path, repository, &[]).await
    }

    pub async fn import_as(&self, path: &Path, repository: Option<&str>, names: &[(&str, &str)]) -> Result<Imported, ImportError> {
        let cx = ImportContext { vault: self.vault.clone(), progress: Arc::new(Silent), control: Arc::new(Silent) };
        let project = "shop".parse().unwrap();
        let destination = Destination {
            harbor: "imported".parse().unwrap(),
            repository: repository.map(|name| name.parse().unwrap()),
            names: names.iter().map(|(old, new)| ((*old).to_owned(), Target::parse(&project, new).unwrap())).collect(),
            project,
            moment: OffsetDateTime::now_utc(),
        };
        import::run(&cx, &destination, path).await
    }

    /// An import of which everything is in the vault and hashes right.
    pub async fn imported(&self, path: &Path, repository: Option<&str>) -> SnapshotOutcome {
        let imported = self.import(path, repository).await.unwrap();
        assert_eq!((imported.refused.as_slice(), imported.is_whole()), ([].as_slice(), true));
        let outcome = imported.snapshot;
        assert_eq!(outcome.index.gaps, []);
        assert_eq!(outcome.index.origin, Origin::Files);
        let findings = engine::verify::snapshot_to(&self.vault, &outcome.digest, engine::finding::Depth::Bytes).await;
        assert!(findings.is_empty(), "{findings:?}");
        outcome
    }

    /// An import that lacks something.
    pub async fn partly(&self, path: &Path, repository: Option<&str>) -> SnapshotOutcome {
        let imported = self.import(path, repository).await.unwrap();
        assert!(!imported.is_whole());
        imported.snapshot
    }

    pub async fn tags(&self, outcome: &SnapshotOutcome) -> Vec<String> {
        let mut tags = Vec::new();
        for (name, descriptor) in &outcome.index.repositories {
            let index = self.vault.repository(&descriptor.digest).await.unwrap();
            tags.extend(
                index.members.iter().filter_map(|m| m.tag.as_ref().map(|tag| format!("{name}:{tag}={}", m.descriptor.digest.short()))),
            );
        }
        tags.sort();
        tags
    }

    pub async fn pointers(&self) -> usize {
        self.vault.pointers().try_collect::<Vec<_>>().await.unwrap().len()
    }
}

pub fn entry(image: &Image, name: Option<&str>) -> Value {
    let mut entry = json!({ "mediaType": image.media_type, "digest": image.digest, "size": image.manifest.len() });
    if let Some(name) = name {
        entry["annotations"] = json!({ REF_NAME: name });
    }
    entry
}

/// A layout of these images, in a folder.
pub fn layout(path: &Path, named: &[(&Image, Option<&str>)], others: &[&Image]) {
    let blobs = path.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let entries: Vec<Value> = named.iter().map(|(image, name)| entry(image, *name)).collect();
    fs::write(path.join("index.json"), json!({ "schemaVersion": 2, "manifests": entries }).to_string()).unwrap();
    for image in named.iter().map(|(image, _)| *image).chain(others.iter().copied()) {
        fs::write(blobs.join(image.digest.hex()), &image.manifest).unwrap();
        for (digest, bytes) in &image.blobs {
            fs::write(blobs.join(digest.hex()), bytes).unwrap();
        }
    }
}

/// Every file of a folder in a tar archive, in the order of `names` first.
pub fn pack(folder: &Path, out: &Path) {
    let status = Command::new("tar").arg("-C").arg(folder).arg("-cf").arg(out).arg(".").status().unwrap();
    assert!(status.success());
}

/// An archive of exactly these entries.
fn archive(out: &Path, entries: &[(tar::EntryType, &str, &[u8])]) {
    let mut file = fs::File::create(out).unwrap();
    for (kind, name, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        // Past the crate's own check: a hostile archive has such names.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        file.write_all(header.as_bytes()).unwrap();
        file.write_all(content).unwrap();
        file.write_all(&vec![0; content.len().next_multiple_of(512) - content.len()]).unwrap();
    }
    file.write_all(&[0; 1024]).unwrap();
}

#[tokio::test]
async fn a_layout_and_its_archive_give_the_same_snapshot_with_children_and_signatures() {
    let place = Place::new().await;
    let (amd, arm) = (images::image(1, 2, 5_000), images::image(2, 2, 5_000));
    let index = images::index(&[(&amd, "amd64"), (&arm, "arm64")]);
    let signature = images::referrer(&index, "application/vnd.example.signature", images::bytes(7, 300));
    layout(&place.path("in"), &[(&index, Some("1.0")), (&index, Some("latest")), (&signature, None)], &[&amd, &arm]);
    let first = place.imported(&place.path("in"), Some("shop/app")).await;
    assert_eq!(place.tags(&first).await.len(), 2);
    let repository = place.vault.repository(&first.index.repositories[0].1.digest).await.unwrap();
    let role = |image: &Image| repository.members.iter().find(|m| m.descriptor.digest == image.digest).unwrap().role.clone();
    assert_eq!(role(&amd), Role::Child);
    assert!(matches!(role(&signature), Role::Accessory { subject, .. } if subject == index.digest));

    pack(&place.path("in"), &place.path("in.tar"));
    let second = place.imported(&place.path("in.tar"), Some("shop/app")).await;
    assert_eq!(second.index.repositories[0].1.digest, first.index.repositories[0].1.digest, "the same repository, whatever it came in");
    assert_eq!(second.stats.blobs_new, 0, "nothing is stored twice");
    let nameless = place.import(&place.path("in"), None).await;
    let Err(ImportError::Nothing { refused, .. }) = nameless else { panic!("{nameless:?}") };
    assert!(refused.len() == 3 && refused.iter().all(|line| line.remedy.contains("--repository")), "{refused:?}");
}

#[tokio::test]
async fn what_skopeo_sync_wrote_comes_in_and_what_goes_out_is_read_by_skopeo() {
    let Some(registry) = Distribution::start().await else { return };
    let place = Place::new().await;
    let (amd, arm) = (images::image(11, 3, 40_000), images::image(12, 3, 40_000));
    let index = images::index(&[(&amd, "amd64"), (&arm, "arm64")]);
    let plain = images::image(13, 2, 70_000);
    let client = crate::push::client(&registry.url(), "anybody", "anything");
    for (image, tag) in [(&amd, None), (&arm, None), (&index, Some("multi")), (&plain, Some("1.0"))] {
        let repository = crate::push::repository("team/app");
        for (digest, bytes) in &image.blobs {
            client.blob_put_bytes(&repository, digest, bytes.clone()).await.unwrap();
        }
        let reference = tag.map_or(Reference::Digest(image.digest), |tag| Reference::Tag(crate::push::tag(tag)));
        client.manifest_put(&repository, &reference, &image.media_type, image.manifest.clone()).await.unwrap();
    }
    let skopeo = |arguments: &[&str]| {
        let output = Command::new("skopeo").args(arguments).output().unwrap();
        assert!(output.status.success(), "skopeo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let synced = place.path("synced");
    let source = format!("{}/team/app", registry.host());
    skopeo(&[
        "sync",
        "--all",
        "--scoped",
        "--src-tls-verify=false",
        "--src",
        "docker",
        "--dest",
        "dir",
        &source,
        &synced.display().to_string(),
    ]);
    let outcome = place.imported(&synced, None).await;
    let short = |image: &Image| image.digest.short();
    let expected = [format!("shop/team/app:1.0={}", short(&plain)), format!("shop/team/app:multi={}", short(&index))];
    assert_eq!(place.tags(&outcome).await, expected);

    let choice = Choice { repository: Some("shop/team/app".parse().unwrap()), tags: vec!["multi".parse().unwrap()] };
    let export = place.vault.plan_export(&outcome.digest, &choice).await.unwrap();
    assert!(export.left_out.is_empty());
    assert_eq!(export.references.iter().map(|r| r.reference.as_str()).collect::<Vec<_>>(), ["multi"]);
    let out = place.path("out");
    place.vault.export_to(&export, &out).await.unwrap();
    let raw = skopeo(&["inspect", "--raw", &format!("oci:{}:multi", out.display())]);
    assert_eq!(raw, index.manifest);
    let bytes: Vec<u8> = place.vault.archive(export.clone()).try_collect::<Vec<_>>().await.unwrap().concat();
    assert_eq!(bytes.len() as u64, export.archive_bytes());
    fs::write(place.path("out.tar"), &bytes).unwrap();
    let target = format!("docker://{}/back/app:multi", registry.host());
    skopeo(&[
        "copy",
        "--all",
        "--insecure-policy",
        "--dest-tls-verify=false",
        &format!("oci-archive:{}:multi", place.path("out.tar").display()),
        &target,
    ]);
    let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &target]);
    assert_eq!(raw, index.manifest, "byte for byte what was pushed first");
    let again: Vec<u8> = place.vault.archive(export).try_collect::<Vec<_>>().await.unwrap().concat();
    assert_eq!(bytes, again, "the same archive each time");
    let back = place.imported(&place.path("out.tar"), Some("shop/team/app")).await;
    assert_eq!(place.tags(&back).await, [format!("shop/team/app:multi={}", short(&index))]);
}

#[tokio::test]
async fn several_repositories_go_out_and_come_back_whole() {
    let place = Place::new().await;
    let (a, b) = (images::image(21, 1, 900), images::image(22, 1, 900));
    let about_a = images::referrer(&a, "application/vnd.example.sbom", images::bytes(5, 100));
    layout(&place.path("in"), &[(&a, Some("team/a:1")), (&b, Some("b:1"))], &[]);
    let mut index: Value = serde_json::from_slice(&fs::read(place.path("in/index.json")).unwrap()).unwrap();
    let mut nameless = entry(&about_a, None);
    nameless["annotations"] = json!({ "io.breakwater.repository": "team/a" });
    index["manifests"].as_array_mut().unwrap().push(nameless);
    fs::write(place.path("in/index.json"), index.to_string()).unwrap();
    for (digest, bytes) in about_a.blobs.iter().chain([&(about_a.digest, about_a.manifest.clone())]) {
        fs::write(place.path("in/blobs/sha256").join(digest.hex()), bytes).unwrap();
    }
    let first = place.imported(&place.path("in"), None).await;
    assert_eq!(first.stats.artifacts, 3);
    let export = place.vault.plan_export(&first.digest, &Choice::default()).await.unwrap();
    place.vault.export_to(&export, &place.path("out")).await.unwrap();
    let second = place.imported(&place.path("out"), None).await;
    let repositories =
        |outcome: &SnapshotOutcome| outcome.index.repositories.iter().map(|(n, d)| (n.clone(), d.digest)).collect::<Vec<_>>();
    assert_eq!(repositories(&second), repositories(&first));
    let only = Choice { repository: None, tags: vec!["1".parse().unwrap()] };
    assert_eq!(
        place.vault.plan_export(&first.digest, &only).await.unwrap().objects(),
        export.objects(),
        "a signature comes with its image"
    );
}

#[tokio::test]
async fn what_is_missing_or_damaged_is_a_gap_coming_in_and_left_out_going_out() {
    let place = Place::new().await;
    let (whole, lacking, damaged) = (images::image(31, 2, 900), images::image(32, 2, 900), images::image(33, 2, 900));
    let names = [(&whole, Some("whole")), (&lacking, Some("lacking")), (&damaged, Some("damaged"))];
    layout(&place.path("in"), &names, &[]);
    let blob = |image: &Image| place.path("in/blobs/sha256").join(image.blobs[1].0.hex());
    fs::remove_file(blob(&lacking)).unwrap();
    fs::write(blob(&damaged), vec![0; 900]).unwrap();
    pack(&place.path("in"), &place.path("in.tar"));
    for source in ["in", "in.tar"] {
        let outcome = place.partly(&place.path(source), Some("shop/app")).await;
        let gaps: Vec<(&str, &str)> = outcome.index.gaps.iter().map(|g| (g.subject.as_str(), g.kind.as_str())).collect();
        assert_eq!(gaps.iter().map(|(subject, _)| *subject).collect::<Vec<_>>(), ["shop/app:damaged", "shop/app:lacking"], "{source}");
        assert!(gaps.iter().all(|(_, kind)| [gap::PART_MISSING, gap::LISTED_BUT_MISSING, gap::WRONG_DIGEST].contains(kind)), "{gaps:?}");
        assert!(outcome.index.gaps.iter().all(|g| !g.cause.contains("registry") && !g.remedy.is_empty()), "{:?}", outcome.index.gaps);
        assert_eq!(place.tags(&outcome).await, [format!("shop/app:whole={}", whole.digest.short())]);
    }
    let outcome = place.imported_only_whole(&whole).await;
    let stored = place.path("vault/blobs/sha256").join(whole.blobs[1].0.hex());
    let object = fs::read(&stored).unwrap();
    fs::remove_file(&stored).unwrap();
    let export = place.vault.plan_export(&outcome.digest, &Choice::default()).await.unwrap();
    assert_eq!(export.references, []);
    assert_eq!((export.left_out[0].image.as_str(), export.left_out[0].part.clone()), ("whole", whole.blobs[1].0.into()));
    // Damaged with the right size: found while it is written, and then nothing of the export counts.
    fs::write(&stored, vec![1; object.len()]).unwrap();
    let export = place.vault.plan_export(&outcome.digest, &Choice::default()).await.unwrap();
    assert!(place.vault.archive(export.clone()).try_collect::<Vec<_>>().await.is_err());
    assert!(place.vault.export_to(&export, &place.path("bad")).await.is_err());
    assert!(!place.path("bad/index.json").exists(), "a folder without its index names no image");
}

impl Place {
    async fn imported_only_whole(&self, image: &Image) -> SnapshotOutcome {
        layout(&self.path("one"), &[(image, Some("whole"))], &[]);
        self.imported(&self.path("one"), Some("shop/app")).await
    }
}

/// F-48.
#[tokio::test]
async fn hostile_archives_write_nothing_outside_and_seal_nothing() {
    use tar::EntryType as Kind;
    let place = Place::new().await;
    let image = images::image(41, 1, 500);
    let name = format!("blobs/sha256/{}", image.digest.hex());
    let marker: (Kind, &str, &[u8]) = (Kind::Regular, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    let index = json!({ "manifests": [entry(&image, Some("1"))] }).to_string();
    let index = (Kind::Regular, "index.json", index.as_bytes());
    let long = vec![b'a'; 2 * 1024 * 1024];
    type Entry<'a> = (Kind, &'a str, &'a [u8]);
    let cases: Vec<(&str, Vec<Entry>)> = vec![
        ("symlink", vec![marker, (Kind::Symlink, &name, b"")]),
        ("hard link", vec![marker, (Kind::Link, &name, b"")]),
        ("device", vec![marker, (Kind::Char, &name, b"")]),
        ("pipe", vec![marker, (Kind::Fifo, &name, b"")]),
        ("sparse", vec![marker, (Kind::GNUSparse, &name, b"")]),
        ("two indexes", vec![marker, index, index]),
        ("no index", vec![marker]),
        ("no marker", vec![index]),
        ("other version", vec![(Kind::Regular, "oci-layout", br#"{"imageLayoutVersion":"2.0"}"#), index]),
        ("long name", vec![marker, (Kind::GNULongName, "././@LongLink", &long), index]),
        ("long pax", vec![marker, (Kind::XHeader, "pax", &long), index]),
    ];
    for (case, entries) in cases {
        let path = place.path("hostile.tar");
        archive(&path, &entries);
        let outcome = place.import(&path, Some("shop/app")).await;
        assert!(matches!(outcome, Err(ImportError::Refused { .. } | ImportError::Unknown { .. })), "{case}: {outcome:?}");
    }
    // Names that lead elsewhere are no objects; the image they pretend to hold is a gap.
    let path = place.path("paths.tar");
    let up = format!("../../{name}");
    let back = name.replace('/', "\\");
    let upper = format!("blobs/sha256/{}", image.digest.hex().to_uppercase());
    let content: &[u8] = &image.manifest;
    let names = [up.as_str(), "/etc/breakwater-import", back.as_str(), upper.as_str(), "blobs/sha256/../../x"];
    let mut entries = vec![marker, index];
    entries.extend(names.iter().map(|name| (Kind::Regular, *name, content)));
    archive(&path, &entries);
    let outcome = place.partly(&path, Some("shop/app")).await;
    assert_eq!(outcome.index.gaps.len(), 1);
    assert!(!Path::new("/etc/breakwater-import").exists());
    assert_eq!(outcome.stats.blobs_new, 0);
    // Cut off in the middle of an object.
    archive(&path, &[marker, index, (Kind::Regular, &name, content)]);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..512 * 5 + 40]).unwrap();
    let before = place.pointers().await;
    assert!(matches!(place.import(&path, Some("shop/app")).await, Err(ImportError::Refused { .. })));
    // No archive at all, and one that is packed.
    fs::write(&path, b"\x1f\x8b\x08 not a tar").unwrap();
    assert!(place.import(&path, Some("shop/app")).await.is_err());
    assert_eq!(place.pointers().await, before);
}

/// F-48.
#[tokio::test]
async fn an_archive_that_claims_eight_terabytes_is_refused_by_what_it_holds() {
    let place = Place::new().await;
    let path = place.path("sparse.tar");
    archive(&path, &[(tar::EntryType::Regular, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)]);
    let mut bytes = fs::read(&path).unwrap();
    bytes.truncate(1024);
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_path(format!("blobs/sha256/{}", Digest::of(b"x").hex())).unwrap();
    header.set_size(8 << 40);
    header.set_cksum();
    bytes.extend_from_slice(header.as_bytes());
    fs::write(&path, bytes).unwrap();
    let outcome = place.import(&path, Some("shop/app")).await;
    assert!(outcome.is_err(), "{outcome:?}");
    assert_eq!(place.pointers().await, 0);
}

/// F-48.
#[tokio::test]
async fn links_and_pipes_in_folders_are_never_followed() {
    let place = Place::new().await;
    let image = images::image(51, 1, 500);
    layout(&place.path("in"), &[(&image, Some("1"))], &[]);
    // The right bytes behind a link are still not taken: what may be read is decided by where it lies.
    let blob = place.path("in/blobs/sha256").join(image.blobs[1].0.hex());
    fs::rename(&blob, place.path("elsewhere")).unwrap();
    symlink(place.path("elsewhere"), &blob).unwrap();
    let outcome = place.partly(&place.path("in"), Some("shop/app")).await;
    assert_eq!(outcome.index.gaps.len(), 1);
    let config = place.path("in/blobs/sha256").join(image.blobs[0].0.hex());
    fs::remove_file(&config).unwrap();
    assert!(Command::new("mkfifo").arg(&config).status().unwrap().success());
    let outcome = place.partly(&place.path("in"), Some("shop/app")).await;
    assert_eq!(outcome.index.gaps.len(), 1);
    fs::remove_file(place.path("in/index.json")).unwrap();
    symlink("/etc/passwd", place.path("in/index.json")).unwrap();
    assert!(place.import(&place.path("in"), Some("shop/app")).await.is_err());
    fs::create_dir(place.path("nothing")).unwrap();
    assert!(matches!(place.import(&place.path("nothing"), None).await, Err(ImportError::Unknown { .. })));
}

/// A gibibyte of zeros, packed three times over.
const BOMB: &str = "H4sIAAAAAAACA5Pv5mAAASbmt3cW5gUXyrQ9LFuboWamtkzgsZpHmkcXY/cNkSTFmTMdFt1OWWBwh1NCj0GknKF4d0NqUmQA99K3vjqW7z/P+H/R/ufTJ7a/bKRz3/jk1fUcf93/dHp9fH76bmWg4QkPpoVPn3xWwqBq26+/r85qAoUMSt5/+77sduCDh29eej8HCjQc/P3l0Y+T3/gbdx/9vbIYKHLggey/vfPytzfEr37Prv6OESjU/N3dAOTaIBZmILnAFcyJAnMU3JA4ozKjMqMyozKjMqMyBGX0vn1Pm6374PHfR4dfX1Su/vf2+c/bX63/819Jbz1z4g0/AwDYL/M5IwcAAA==";

fn shell(command: &str) -> String {
    let out = Command::new("sh").arg("-c").arg(command).output().unwrap();
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// F-49.
#[tokio::test]
async fn a_layer_that_unpacks_to_a_gibibyte_stays_as_small_as_it_came() {
    let place = Place::new().await;
    let packed = place.path("bomb");
    shell(&format!("printf %s '{BOMB}' | base64 -d > {}", packed.display()));
    let unpacked = shell(&format!("gzip -dc < {} | gzip -dc | gzip -dc | head -c 20000000 | wc -c", packed.display()));
    assert_eq!(unpacked, "20000000", "it is one");
    let bomb = bytes::Bytes::from(fs::read(&packed).unwrap());
    let digest = Digest::of(&bomb);
    let of = |kind: &str| json!({ "mediaType": kind, "digest": digest, "size": bomb.len() });
    let kinds = ["application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip"];
    let manifest = bytes::Bytes::from(
        json!({ "schemaVersion": 2, "config": of("application/vnd.oci.image.config.v1+json"), "layers": kinds.map(of) }).to_string(),
    );
    let media_type = vocab::media::OCI_MANIFEST.to_owned();
    let image = Image { media_type, digest: Digest::of(&manifest), manifest, blobs: vec![(digest, bomb.clone())] };
    layout(&place.path("in"), &[(&image, Some("1"))], &[]);
    pack(&place.path("in"), &place.path("in.tar"));
    for from in ["in", "in.tar"] {
        place.imported(&place.path(from), Some("shop/app")).await;
    }
    let stored = place.path("vault/blobs/sha256").join(digest.hex());
    assert_eq!(fs::read(stored).unwrap(), bomb, "bytes are kept as they came");
    let kib: u64 = shell(&format!("du -sk --apparent-size {} | cut -f1", place.path("vault").display())).parse().unwrap();
    assert!(kib < 64, "{kib} KiB");
    // Nor does one go on being unpacked that is no archive of images.
    assert!(place.import(&packed, Some("shop/app")).await.is_err());
}
