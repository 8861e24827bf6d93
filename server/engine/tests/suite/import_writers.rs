//! What each tool that writes images into files leaves behind, and where an import puts it.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use engine::import::{ImportError, Imported, Refused};
use serde_json::{Value, json};
use testkit::distribution::Distribution;
use testkit::images::{self, Image};
use vault::tree::{REF_NAME, Role};
use vocab::Digest;

use crate::import::{Place, entry, layout, pack};

const IMAGE_NAME: &str = "io.containerd.image.name";

/// A tar archive in memory.
#[derive(Default)]
struct Archive(Vec<(String, Content)>);

enum Content {
    File(Vec<u8>),
    Link(String),
}

impl Archive {
    fn file(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.push((name.to_owned(), Content::File(bytes.into())));
        self
    }

    fn json(self, name: &str, value: &Value) -> Self {
        self.file(name, value.to_string())
    }

    fn link(mut self, name: &str, target: &str) -> Self {
        self.0.push((name.to_owned(), Content::Link(target.to_owned())));
        self
    }

    fn blobs(self, folder: &str, images: &[&Image]) -> Self {
        let all = images.iter().flat_map(|image| image.blobs.iter().cloned().chain([(image.digest, image.manifest.clone())]));
        all.fold(self, |archive, (digest, bytes)| archive.file(&format!("{folder}blobs/sha256/{}", digest.hex()), bytes.to_vec()))
    }

    fn bytes(&self) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in &self.0 {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            match content {
                Content::File(bytes) => {
                    header.set_size(bytes.len() as u64);
                    builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
                }
                Content::Link(target) => {
                    header.set_size(0);
                    header.set_entry_type(tar::EntryType::Symlink);
                    builder.append_link(&mut header, name, target).unwrap();
                }
            }
        }
        builder.into_inner().unwrap()
    }

    fn write(&self, path: &Path) {
        fs::write(path, self.bytes()).unwrap();
    }

    /// Unpacked, as `tar -x` does.
    fn unpack(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        tar::Archive::new(self.bytes().as_slice()).unpack(folder).unwrap();
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn marker(archive: Archive, folder: &str) -> Archive {
    archive.file(&format!("{folder}oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#.as_slice())
}

fn annotated(image: &Image, annotations: Value) -> Value {
    let mut value = entry(image, None);
    value["annotations"] = annotations;
    value
}

fn tagged(repository: &str, tag: &str, image: &Image) -> String {
    format!("{repository}:{tag}={}", image.digest.short())
}

/// A layout in a folder with these entries.
fn entries(path: &Path, images: &[&Image], manifests: &[Value]) {
    let named: Vec<(&Image, Option<&str>)> = images.iter().map(|image| (*image, None)).collect();
    layout(path, &named, &[]);
    fs::write(path.join("index.json"), json!({ "schemaVersion": 2, "manifests": manifests }).to_string()).unwrap();
}

fn refused<'a>(imported: &'a Imported, from: &str) -> &'a Refused {
    imported.refused.iter().find(|line| line.from == from).unwrap_or_else(|| panic!("{from} is not among {:?}", imported.refused))
}

/// `docker save` of Docker 25 and later: a layout with bare tags and whole names, and the older list beside it.
#[tokio::test]
async fn docker_save_of_two_images_lands_in_two_repositories() {
    let place = Place::new().await;
    let (web, api) = (images::image(1, 1, 900), images::image(2, 1, 900));
    let of = |image: &Image, name: &str| annotated(image, json!({ IMAGE_NAME: name, REF_NAME: "1.0" }));
    let index = json!({ "schemaVersion": 2, "manifests": [
        of(&web, "registry.example.com/shop/web:1.0"), of(&api, "registry.example.com/shop/api:1.0"), of(&api, "docker.io/library/api:1.0"),
    ] });
    let list = json!([{ "Config": "blobs/sha256/0", "RepoTags": ["registry.example.com/shop/web:1.0"], "Layers": ["blobs/sha256/1"] }]);
    let archive = marker(Archive::default(), "").blobs("", &[&web, &api]).json("index.json", &index);
    let archive = archive.json("manifest.json", &list).json("repositories", &json!({}));
    archive.write(&place.path("two.tar"));
    let outcome = place.imported(&place.path("two.tar"), None).await;
    assert_eq!(place.tags(&outcome).await, [tagged("shop/api", "1.0", &api), tagged("shop/web", "1.0", &web)]);
    assert_eq!(outcome.notes, []);
    // In gzip, within a folder, and as a folder within a folder it is the same.
    let inner = marker(Archive::default(), "./save/two/").blobs("save/two/", &[&web, &api]).json("save/two/index.json", &index);
    let inner = inner.file("save/README", b"images".as_slice());
    fs::write(place.path("two.tgz"), gzip(&inner.bytes())).unwrap();
    inner.unpack(&place.path("unpacked"));
    for from in ["two.tgz", "unpacked"] {
        let again = place.imported(&place.path(from), None).await;
        assert_eq!(again.index.repositories, outcome.index.repositories, "{from}");
    }
}

/// An image as `docker save` before 25 writes it: layers in folders that are named by no digest, the second shared by a link.
fn older(image: &Image, other: &Image, names: &[&str]) -> Archive {
    let config = |image: &Image| format!("{}.json", image.blobs[0].0.hex());
    let layer = |image: &Image| image.blobs[1].1.to_vec();
    let list = json!([
        { "Config": config(image), "RepoTags": names, "Layers": ["aa/layer.tar"] },
        { "Config": config(other), "RepoTags": null, "Layers": ["bb/layer.tar"] },
    ]);
    let archive =
        Archive::default().file("aa/VERSION", b"1.0".as_slice()).file("aa/json", b"{}".as_slice()).file("aa/layer.tar", layer(image));
    let archive = archive.link("bb/layer.tar", "../aa/layer.tar").file(&config(image), image.blobs[0].1.to_vec());
    archive.file(&config(other), other.blobs[0].1.to_vec()).json("manifest.json", &list).json("repositories", &json!({}))
}

#[tokio::test]
async fn docker_save_of_older_versions_gets_manifests_that_are_the_same_each_time() {
    let place = Place::new().await;
    let image = images::ImageBuilder::new(3).shared_layer(9, 3_000).build();
    let other = images::ImageBuilder::new(4).shared_layer(9, 3_000).build();
    let archive = older(&image, &other, &["shop/web:1.0", "registry.example.com:5000/shop/web:latest"]);
    archive.write(&place.path("old.tar"));
    fs::write(place.path("old.tar.gz"), gzip(&archive.bytes())).unwrap();
    archive.unpack(&place.path("old"));
    let first = place.imported(&place.path("old.tar"), None).await;
    let tags = place.tags(&first).await;
    assert_eq!(tags.iter().map(|tag| tag.split_once('=').unwrap().0).collect::<Vec<_>>(), ["shop/web:1.0", "shop/web:latest"]);
    assert_eq!((first.stats.artifacts, first.stats.tags), (2, 2), "the one without a name is there too");
    assert_eq!(first.notes.iter().map(|note| note.code).collect::<Vec<_>>(), ["manifest_made"]);
    let index = place.vault.repository(&first.index.repositories[0].1.digest).await.unwrap();
    let member = index.members.iter().find(|member| member.tag.is_some()).unwrap();
    let manifest: Value = serde_json::from_slice(&place.vault.get_bytes(&member.descriptor.digest, 10_000).await.unwrap()).unwrap();
    assert_eq!(manifest["config"]["digest"], image.blobs[0].0.to_string());
    assert_eq!(manifest["layers"][0]["digest"], image.blobs[1].0.to_string());
    for from in ["old.tar.gz", "old"] {
        let again = place.imported(&place.path(from), None).await;
        assert_eq!(again.index.repositories, first.index.repositories, "{from}");
        assert_eq!(again.stats.blobs_new, 0, "{from}");
    }
}

#[tokio::test]
async fn an_older_archive_whose_links_or_layers_lie_gives_what_is_good_in_it() {
    let place = Place::new().await;
    let good = images::image(5, 1, 500);
    let config = format!("{}.json", good.blobs[0].0.hex());
    let layer = good.blobs[1].1.to_vec();
    let item = |tag: &str, layer: &str| json!({ "Config": config, "RepoTags": [format!("shop/web:{tag}")], "Layers": [layer] });
    let items = [
        item("good", "l/layer.tar"),
        item("out", "out/layer.tar"),
        item("circle", "circle/layer.tar"),
        item("root", "/etc/passwd"),
        item("other", "other/layer.tar"),
        item("linked", "linked/layer.tar"),
    ];
    let archive = Archive::default().file("l/layer.tar", layer).file("other/layer.tar", b"not the layer".as_slice());
    let archive =
        archive.link("out/layer.tar", "../../../etc/passwd").link("circle/layer.tar", "layer.tar").link("linked/layer.tar", "/etc/passwd");
    let archive = archive.file(&config, good.blobs[0].1.to_vec()).json("manifest.json", &Value::Array(items.to_vec()));
    archive.write(&place.path("old.tar"));
    let imported = place.import(&place.path("old.tar"), None).await.unwrap();
    assert_eq!(imported.landed.iter().map(|line| line.to.as_str()).collect::<Vec<_>>(), ["shop/web:good"]);
    assert_eq!(imported.refused.len(), 5, "{:?}", imported.refused);
    assert!(imported.refused.iter().all(|line| line.from.starts_with("shop/web:") && line.remedy.contains("save the image again")));
    assert!(refused(&imported, "shop/web:other").why.contains("damaged"));
    // Without the list it is older still.
    Archive::default().json("repositories", &json!({})).file("aa/json", b"{}".as_slice()).write(&place.path("ancient.tar"));
    let ancient = place.import(&place.path("ancient.tar"), None).await;
    assert!(ancient.is_err_and(|error| error.to_string().contains("before 1.10")));
}

/// `crane pull` and kaniko: the configuration is named by its digest, layers are in gzip.
#[tokio::test]
async fn layers_in_gzip_are_kept_as_they_came_and_checked_by_what_they_hold() {
    let place = Place::new().await;
    let image = images::image(6, 1, 900);
    let layer = gzip(&image.blobs[1].1);
    let (name, config) = (format!("{}.tar.gz", Digest::of(&layer).hex()), format!("sha256:{}", image.blobs[0].0.hex()));
    let of = |layer: &str, name: &str, bytes: &[u8]| {
        let list = json!([{ "Config": config, "RepoTags": ["registry.example.com/shop/web:1.0"], "Layers": [layer] }]);
        Archive::default().file(&config, image.blobs[0].1.to_vec()).file(name, bytes).json("manifest.json", &list)
    };
    of(&name, &name, &layer).write(&place.path("crane.tar"));
    let outcome = place.imported(&place.path("crane.tar"), None).await;
    let index = place.vault.repository(&outcome.index.repositories[0].1.digest).await.unwrap();
    let manifest = place.vault.get_bytes(&index.members[0].descriptor.digest, 10_000).await.unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["layers"][0]["digest"], Digest::of(&layer).to_string());
    assert_eq!(manifest["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    of("layer.tar.gz", "layer.tar.gz", &gzip(b"another layer")).write(&place.path("lies.tar"));
    let Err(ImportError::Nothing { refused, .. }) = place.import(&place.path("lies.tar"), None).await else { panic!("it lies") };
    assert!(refused[0].why.contains("damaged"), "{refused:?}");
}

/// Signature, attestation and referrer of an image, as hauler and cosign keep them.
fn signed(named: bool) -> (Vec<Image>, Vec<Value>) {
    let image = images::image(7, 1, 900);
    let signature = images::cosign_signature(&image, 1);
    let attestation = images::cosign_signature(&image, 2);
    let bundle = images::referrer(&image, "application/vnd.dev.sigstore.bundle.v0.3+json", Bytes::from_static(b"{\"bundle\":1}"));
    let of = |image: &Image, kind: &str| {
        let mut annotations = json!({ "kind": format!("dev.cosignproject.cosign/{kind}") });
        if named {
            annotations[REF_NAME] = "shop/web:1.0".into();
            annotations[IMAGE_NAME] = "registry.example.com/shop/web:1.0".into();
        }
        annotated(image, annotations)
    };
    let mut manifests = vec![of(&image, "image"), of(&signature, "sigs"), of(&attestation, "atts")];
    if named {
        manifests.push(of(&bundle, &format!("referrers/{}", bundle.digest.hex())));
    }
    (vec![image, signature, attestation, bundle], manifests)
}

#[tokio::test]
async fn what_hauler_and_cosign_save_stays_beside_its_image() {
    let place = Place::new().await;
    for named in [true, false] {
        let (images, manifests) = signed(named);
        let all: Vec<&Image> = images.iter().collect();
        let [image, signature, attestation, bundle] = all[..] else { panic!("four of them") };
        let path = place.path(if named { "hauler" } else { "cosign" });
        entries(&path, &all, &manifests);
        pack(&path, &path.with_extension("tar"));
        let beside = |ending: &str| format!("sha256-{}.{ending}", image.digest.hex());
        for path in [path.clone(), path.with_extension("tar")] {
            let outcome = place.imported(&path, (!named).then_some("shop/web")).await;
            let mut expected = vec![tagged("shop/web", &beside("sig"), signature), tagged("shop/web", &beside("att"), attestation)];
            if named {
                expected.push(tagged("shop/web", "1.0", image));
            }
            expected.sort();
            assert_eq!(place.tags(&outcome).await, expected, "{}", path.display());
            let index = place.vault.repository(&outcome.index.repositories[0].1.digest).await.unwrap();
            let role = |image: &Image| index.members.iter().find(|m| m.descriptor.digest == image.digest).unwrap().role.clone();
            for about in [signature, bundle] {
                assert!(matches!(role(about), Role::Accessory { subject, .. } if subject == image.digest), "{about:?}");
            }
        }
    }
    // An image without any name gets one, and what is beside it goes with it.
    let image = signed(false).0[0].digest.to_string();
    let imported = place.import_as(&place.path("cosign"), None, &[(&image, "team/web:2.0")]).await.unwrap();
    assert!(imported.is_whole(), "{imported:?}");
    assert!(imported.landed.iter().any(|line| line.to == "shop/team/web:2.0"));
    assert!(imported.landed.iter().all(|line| line.to.starts_with("shop/team/web")), "{:?}", imported.landed);
    assert!(imported.landed.iter().any(|line| line.from.contains("not named")), "the bundle that nothing names is found");
}

#[tokio::test]
async fn names_with_digests_and_names_given_twice_mean_what_they_say() {
    let place = Place::new().await;
    let (old, new) = (images::image(8, 1, 300), images::image(9, 1, 300));
    let named = |image: &Image, name: &str| annotated(image, json!({ REF_NAME: name }));
    let both = format!("registry.example.com/shop/web:3.0@{}", old.digest);
    let digest = format!("registry.example.com/shop/api@{}", new.digest);
    let lies = format!("shop/web:4.0@{}", Digest::of(b"another"));
    let manifests = [
        named(&old, &both),
        named(&new, &digest),
        named(&new, &lies),
        named(&old, "shop/web:latest"),
        named(&new, "shop/web:latest"),
        named(&new, "https://other.example.com/shop/web"),
    ];
    entries(&place.path("in"), &[&old, &new], &manifests);
    let imported = place.import(&place.path("in"), None).await.unwrap();
    assert_eq!(place.tags(&imported.snapshot).await, [tagged("shop/web", "3.0", &old), tagged("shop/web", "latest", &new)]);
    let landed: Vec<(&str, &str)> = imported.landed.iter().map(|line| (line.from.as_str(), line.to.as_str())).collect();
    let untagged = |name: &str, image: &Image| format!("{name}@{}", image.digest);
    let (api, kept) = (untagged("shop/api", &new), untagged("shop/web", &old));
    assert_eq!(
        landed,
        [
            ("registry.example.com/shop/web:3.0", "shop/web:3.0"),
            ("registry.example.com/shop/api", api.as_str()),
            ("shop/web:latest", kept.as_str()),
            ("shop/web:latest", "shop/web:latest"),
            ("other.example.com/shop/web", "shop/web:latest"),
        ]
    );
    assert!(refused(&imported, &lies).why.contains("promises"));
    let twice: Vec<&str> =
        imported.snapshot.notes.iter().filter(|note| note.code == "tag_twice").map(|note| note.subject.as_str()).collect();
    assert_eq!(twice, ["shop/web:latest"]);
}

#[tokio::test]
async fn what_cannot_land_is_refused_by_name_and_can_be_told_where_to_go() {
    let place = Place::new().await;
    let (a, b, c) = (images::image(11, 1, 300), images::image(12, 1, 300), images::image(13, 1, 300));
    let named = |image: &Image, name: &str| annotated(image, json!({ REF_NAME: name }));
    let manifests = [
        named(&a, "one.example.com/shop/web:1.0"),
        named(&b, "two.example.com/shop/web:1.0"),
        named(&b, "Shop/Web:1.0"),
        named(&c, "shop/web:no tag"),
        named(&c, "charts/web:1.0.0+build.5"),
        entry(&c, None),
        json!({ "mediaType": "text/plain", "digest": a.digest, "size": 1, "annotations": { REF_NAME: "shop/text:1" } }),
        json!({ "mediaType": a.media_type, "digest": format!("sha512:{}", "0".repeat(128)), "size": 1, "annotations": { REF_NAME: "shop/long:1" } }),
    ];
    entries(&place.path("in"), &[&a, &b, &c], &manifests);
    let imported = place.import(&place.path("in"), None).await.unwrap();
    assert_eq!(place.tags(&imported.snapshot).await, [tagged("shop/charts/web", "1.0.0_build.5", &c), tagged("shop/web", "1.0", &a)]);
    assert!(!imported.is_whole());
    assert_eq!(imported.refused.len(), 6, "{:?}", imported.refused);
    assert!(refused(&imported, "two.example.com/shop/web:1.0").why.contains("one.example.com/shop/web:1.0"));
    assert!(refused(&imported, "Shop/Web:1.0").why.contains("lower case"));
    assert!(refused(&imported, "shop/web:no tag").why.contains("no tag"));
    assert!(refused(&imported, &c.digest.to_string()).remedy.contains("--repository"));
    assert!(refused(&imported, "shop/long:1").why.contains("sha512"));
    assert!(imported.refused.iter().all(|line| !line.remedy.is_empty()));
    let names = [
        ("two.example.com/shop/web:1.0", "web:two"),
        ("https://Shop/Web:1.0", "upper:1.0"),
        (&c.digest.to_string(), "shop/third:1"),
        ("nobody:1", "web:1"),
    ];
    let imported = place.import_as(&place.path("in"), None, &names).await.unwrap();
    let to = |from: &str| imported.landed.iter().filter(|line| line.from == from).map(|line| line.to.as_str()).collect::<Vec<_>>();
    assert_eq!(to("two.example.com/shop/web:1.0"), ["shop/web:two"]);
    assert_eq!(to("Shop/Web:1.0"), ["shop/upper:1.0"]);
    assert_eq!(to(&c.digest.to_string()), ["shop/third:1"]);
    assert!(refused(&imported, "nobody:1").why.contains("nothing"));
}

#[tokio::test]
async fn an_import_of_nothing_is_an_error_and_seals_nothing() {
    let place = Place::new().await;
    entries(&place.path("empty"), &[], &[]);
    assert!(matches!(place.import(&place.path("empty"), None).await, Err(ImportError::Empty { .. })));
    fs::write(place.path("empty/index.json"), r#"{"schemaVersion":2}"#).unwrap();
    assert!(matches!(place.import(&place.path("empty"), None).await, Err(ImportError::Empty { .. })));
    fs::remove_file(place.path("empty/oci-layout")).unwrap();
    assert!(place.import(&place.path("empty"), None).await.is_err_and(|error| error.to_string().contains("without oci-layout")));
    Archive::default().json("manifest.json", &json!([])).write(&place.path("none.tar"));
    assert!(matches!(place.import(&place.path("none.tar"), None).await, Err(ImportError::Empty { .. })));
    for (name, begin) in [("zstd", b"\x28\xb5\x2f\xfd....".as_slice()), ("xz", b"\xfd7zXZ\0..")] {
        fs::write(place.path("packed"), begin).unwrap();
        let error = place.import(&place.path("packed"), None).await.unwrap_err().to_string();
        assert!(error.contains(&format!("{name} -d")), "{error}");
    }
    let image = images::image(14, 1, 300);
    entries(&place.path("upper"), &[&image], &[annotated(&image, json!({ REF_NAME: "Shop/Web:1" }))]);
    assert!(matches!(place.import(&place.path("upper"), None).await, Err(ImportError::Nothing { refused, .. }) if refused.len() == 1));
    assert_eq!(place.pointers().await, 0);
}

/// Gzip makes an archive larger than it came, but not without bound.
#[tokio::test]
async fn an_archive_that_unpacks_beyond_measure_is_refused() {
    let place = Place::new().await;
    let zeros = vec![0; 64 * 1024 * 1024];
    let name = format!("blobs/sha256/{}", Digest::of(&zeros).hex());
    let archive = marker(Archive::default(), "").json("index.json", &json!({ "manifests": [] })).file(&name, zeros);
    fs::write(place.path("bomb.tgz"), gzip(&archive.bytes())).unwrap();
    let error = place.import(&place.path("bomb.tgz"), None).await.unwrap_err();
    assert!(error.to_string().contains("gzip -d"), "{error}");
    assert_eq!(place.pointers().await, 0);
}

#[tokio::test]
async fn what_skopeo_writes_into_archives_goes_out_and_comes_back_under_its_names() {
    let Some(registry) = Distribution::start().await else { return };
    let place = Place::new().await;
    let image = images::image(15, 2, 40_000);
    layout(&place.path("in"), &[(&image, Some("1.0"))], &[]);
    let skopeo = |from: &str, to: &str| {
        let output = Command::new("skopeo").args(["copy", "--insecure-policy", "--dest-tls-verify=false", from, to]).output().unwrap();
        assert!(output.status.success(), "skopeo {from} {to}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let path = |name: &str| place.path(name).display().to_string();
    let source = format!("oci:{}:1.0", path("in"));
    skopeo(&source, &format!("docker-archive:{}:registry.example.com/shop/web:1.0", path("docker.tar")));
    skopeo(&source, &format!("oci-archive:{}:shop/web:1.0", path("oci.tar")));
    skopeo(&source, &format!("dir:{}", path("dir")));
    let made = place.imported(&place.path("docker.tar"), None).await;
    let kept = place.imported(&place.path("oci.tar"), None).await;
    for outcome in [&made, &kept] {
        // The tool packs layers on its way, so the image has another digest than the one it was made of.
        let [tag] = &place.tags(outcome).await[..] else { panic!("one tag") };
        assert!(tag.starts_with("shop/web:1.0="), "{tag}");
    }
    let nameless = place.imported(&place.path("dir"), Some("shop/web")).await;
    assert_eq!(nameless.stats.artifacts, 1);
    // What was made of a docker archive is an image to skopeo: its layers are what they were.
    let export = place.vault.plan_export(&made.digest, &vault::Choice::default()).await.unwrap();
    place.vault.export_to(&export, &place.path("out")).await.unwrap();
    let target = format!("docker://{}/back/web:1.0", registry.host());
    skopeo(&format!("oci:{}:1.0", path("out")), &target);
    let raw = Command::new("skopeo").args(["inspect", "--config", "--raw", "--tls-verify=false", &target]).output().unwrap();
    assert_eq!(raw.stdout, image.blobs[0].1, "the same configuration, so the same image");
}
