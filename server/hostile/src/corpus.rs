//! Bodies that readers accept, to be changed: what a real Harbor answered, what the vault writes, and small layouts.

use std::io::Write as _;
use std::sync::LazyLock;

use serde_json::{Value, json};
use vault::tree::{Gap, RepositoryDescriptor, RepositoryIndex, RepositoryMember, Role, SettingsOf, SnapshotIndex};
use vocab::{Descriptor, Digest, media};

use crate::records;

/// Answers recorded from real Harbors.
const RECORDED: [&str; 2] =
    [include_str!("../../registry/tests/fixtures/harbor_2_15_2.json"), include_str!("../../registry/tests/fixtures/harbor_2_12_4.json")];

const CONFIG: &[u8] = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
const LAYER: &[u8] = b"not an archive, only bytes";

/// A configuration, a layer, an image of both, and an index over the image.
pub(crate) static OBJECTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media::OCI_MANIFEST,
        "config": refer("application/vnd.oci.image.config.v1+json", CONFIG),
        "layers": [refer("application/vnd.oci.image.layer.v1.tar", LAYER)],
        "annotations": {"a": "b"},
    });
    let manifest = manifest.to_string().into_bytes();
    let mut member = refer(media::OCI_MANIFEST, &manifest);
    member["platform"] = json!({"architecture": "amd64", "os": "linux"});
    let index =
        json!({"schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": [member], "subject": refer(media::OCI_MANIFEST, &manifest)});
    vec![CONFIG.to_vec(), LAYER.to_vec(), manifest, index.to_string().into_bytes()]
});

fn refer(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len()})
}

fn index_json() -> Vec<u8> {
    let (image, index) = (&OBJECTS[2], &OBJECTS[3]);
    let named = |mut descriptor: Value, name: &str| {
        descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        descriptor
    };
    let manifests = [named(refer(media::OCI_MANIFEST, image), "1.0"), named(refer(media::OCI_INDEX, index), "shop/web:2.0")];
    json!({"schemaVersion": 2, "manifests": manifests}).to_string().into_bytes()
}

/// The same as an archive; `names` changes the names of entries.
fn tar(names: impl Fn(&str) -> String) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, names(name), bytes).expect("memory takes it");
    };
    add("oci-layout", vault::layout::OCI_LAYOUT);
    add("index.json", &index_json());
    OBJECTS.iter().for_each(|object| add(&format!("blobs/sha256/{}", Digest::of(object).hex()), object));
    builder.into_inner().expect("memory takes it")
}

/// What an older `docker save` writes.
fn saved() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let config = json!({"rootfs": {"type": "layers", "diff_ids": [Digest::of(LAYER), Digest::of(LAYER)]}}).to_string();
    let list = json!([{"Config": "c.json", "RepoTags": ["shop/web:3.0", "web"], "Layers": ["a/layer.tar", "b/layer.tar"]}]).to_string();
    for (name, bytes) in [("a/layer.tar", LAYER), ("c.json", config.as_bytes()), ("manifest.json", list.as_bytes())] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, bytes).expect("memory takes it");
    }
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "b/layer.tar", "../a/layer.tar").expect("memory takes it");
    builder.into_inner().expect("memory takes it")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn links() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, target) in [(tar::EntryType::Symlink, "/etc/passwd"), (tar::EntryType::Link, "index.json"), (tar::EntryType::Char, "x")] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        builder.append_link(&mut header, format!("blobs/sha256/{}", "0".repeat(64)), target).expect("memory takes it");
    }
    builder.into_inner().expect("memory takes it")
}

fn trees() -> Vec<Vec<u8>> {
    let image = &OBJECTS[2];
    let descriptor: Descriptor = serde_json::from_value(refer(media::OCI_MANIFEST, image)).expect("a descriptor");
    let accessory = Role::Accessory { subject: descriptor.digest, kind: "signature.cosign".to_owned() };
    let repository = RepositoryIndex {
        name: "prod/shop".parse().expect("a name"),
        description: Some("sells".to_owned()),
        members: vec![
            RepositoryMember::root(descriptor.clone(), "1.0".parse().ok()),
            RepositoryMember::root(descriptor.clone(), "latest".parse().ok()),
            RepositoryMember { role: accessory, ..RepositoryMember::root(descriptor, None) },
        ],
        names: vault::Names::new(),
    };
    let repository = repository.encode().expect("it can be written");
    let child = RepositoryDescriptor { digest: Digest::of(&repository), size: repository.len() as u64 };
    let gap = Gap {
        kind: "part_missing".to_owned(),
        subject: "prod/shop:1".to_owned(),
        cause: "c".to_owned(),
        consequence: String::new(),
        remedy: "r".to_owned(),
        digest: Some(Digest::of(b"blocked")),
        values: None,
    };
    let snapshot = SnapshotIndex {
        limits: Vec::new(),
        harbor: "main".parse().expect("a name"),
        project: "prod".parse().expect("a name"),
        origin: vault::tree::Origin::Harbor,
        started: time::OffsetDateTime::UNIX_EPOCH,
        finished: time::OffsetDateTime::UNIX_EPOCH + time::Duration::nanoseconds(1),
        listed: None,
        gaps: vec![gap],
        config: None,
        harbor_config: None,
        pushed: None,
        repositories: vec![("prod/shop".parse().expect("a name"), child)],
        elsewhere: Vec::new(),
        closed: true,
    };
    let settings = SettingsOf::Project.encode(&json!({"version": 2, "labels": []})).expect("it can be written");
    vec![repository, snapshot.encode().expect("it can be written"), settings.manifest]
}

/// Header lines that matter, an empty line, and the body.
fn recorded() -> Vec<Vec<u8>> {
    let rows = RECORDED.iter().flat_map(|text| serde_json::from_str::<Vec<Value>>(text).expect("the recordings are JSON"));
    let answers = rows.filter(|row| row["status"] == 200 && !row["body"].is_null()).map(|row| {
        let mut answer = String::new();
        for (name, value) in row["headers"].as_object().into_iter().flatten() {
            answer.push_str(&format!("{name}: {}\n", value.as_str().unwrap_or_default()));
        }
        answer.push('\n');
        let body = row["body"].as_str().map_or_else(|| row["body"].to_string(), str::to_owned);
        (answer + &body).into_bytes()
    });
    let images = OBJECTS.iter().map(|object| [b"content-type: application/vnd.oci.image.manifest.v1+json\n\n".as_slice(), object].concat());
    answers.chain(images).collect()
}

fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Inputs to begin with, by the name of a target.
///
/// # Panics
/// If there is no such target.
#[must_use]
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    let digest = Digest::of(b"x").to_string();
    match target {
        "manifest" => {
            let schema1 = json!({"schemaVersion": 1, "fsLayers": [{"blobSum": digest}]}).to_string();
            OBJECTS[2..].iter().cloned().chain([schema1.into_bytes()]).collect()
        }
        "names" => texts(&[
            &digest,
            &digest.to_uppercase(),
            "shop/web",
            "shop/deep/base",
            "a.b_c-d",
            "1.0",
            "latest",
            "sha256-0000.sig",
            "main/prod/20260921T131320Z-00000000-0000-0000-0000-00000000002a",
            "v2.15.2-abc",
        ]),
        "pasted" => texts(&[
            &format!("docker-pullable://harbor.example:8443/p/team/web:1.4@{digest}"),
            "Failed to pull image \"harbor.example/shop/web:1.4.2\": rpc error: code = NotFound desc = failed to resolve reference",
            "helm pull oci://[::1]:8443/p/charts/shop --version 1.2.0+build.7",
            "https://ann:pw@harbor.example/harbor/projects/3/repositories/team%252Fweb/artifacts-tab/artifacts/sha256:9f2c…1b7e",
            "拉取失败：harbor.example/p/web：1.4\u{200b}.2，请检查",
            "manifest tagged by \"1.4.2\" is not found",
            "9f2c1b7e0d3a",
        ]),
        "headers" => texts(&[
            r#"Bearer realm="https://harbor.example/service/token",service="harbor-registry",scope="repository:a/b:pull,push""#,
            r#"Bearer realm="https://harbor.example:8443/service/token""#,
            r#"Bearer realm="http://10.1.2.3:8080/service/token",service="x\"y""#,
            "bytes 10-19/4119",
            "bytes 0-0/*",
            "120",
            "Mon, 23 Nov 2026 19:04:50 GMT",
            "/v2/shop/web/blobs/uploads/1?_state=x%3D%3D",
            "https://harbor.example/v2/shop/web/blobs/uploads/1?_state=x",
            "https://storage.example/bucket/object?X-Amz-Signature=0",
            "http://10.1.2.3:8080/v2/shop/web/blobs/uploads/1",
        ]),
        "indexes" => trees(),
        "records" => records::corpus(),
        "answers" => recorded(),
        "layout" => vec![index_json()],
        "archive" => {
            let in_a_folder = tar(|name| format!("a/b/{name}"));
            vec![tar(str::to_owned), tar(|name| format!("./{name}")), in_a_folder, saved(), gzip(&saved()), links()]
        }
        other => panic!("there is no target {other}"),
    }
}
