//! What people bring a registry, beyond what tools write: each strange in one way, and whether Harbor takes it. The same on 2.12 and 2.15.

use bytes::Bytes;
use engine::backup::SnapshotOutcome;
use futures::StreamExt;
use harbor_sim::images::{self, Blob};
use registry::{Client, Reference};
use serde_json::{Value, json};
use vault::Vault;
use vocab::{Algorithm, AnyDigest, Digest, OtherDigest, ProjectName, RepositoryName};

use crate::push;

const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// Levels of the index of indexes.
const NESTED: usize = 6;

/// A manifest as it is to be pushed.
struct Strange {
    repository: &'static str,
    tag: Option<String>,
    manifest: Blob,
    is_taken: bool,
}

/// Where things are pushed, and what was pushed there.
struct Pushing<'a> {
    client: &'a Client,
    project: &'a ProjectName,
    wrong: Vec<String>,
}

fn document(media_type: &str, value: &Value) -> Blob {
    Blob::new(media_type, value.to_string())
}

/// An image document over a configuration and layers, with more members.
fn over(config: &Value, layers: &Value, more: &Value) -> Blob {
    let mut value = json!({"schemaVersion": 2, "mediaType": images::OCI_MANIFEST, "config": config, "layers": layers});
    for (name, member) in more.as_object().unwrap() {
        value[name] = member.clone();
    }
    document(images::OCI_MANIFEST, &value)
}

fn index_of(children: &[Value]) -> Blob {
    document(images::OCI_INDEX, &json!({"schemaVersion": 2, "mediaType": images::OCI_INDEX, "manifests": children}))
}

impl Pushing<'_> {
    fn name(&self, repository: &str) -> RepositoryName {
        format!("{}/{repository}", self.project).parse().unwrap()
    }

    async fn blob(&self, repository: &str, media_type: &str, bytes: impl Into<Bytes>) -> Blob {
        let blob = Blob::new(media_type, bytes);
        self.client.blob_put_bytes(&self.name(repository), &push::digest(&blob), blob.bytes.clone()).await.unwrap();
        blob
    }

    /// A blob under its SHA-512; answers its descriptor.
    async fn wide(&self, repository: &str, media_type: &str, text: &str) -> Value {
        let bytes = Bytes::from(text.to_owned());
        let name = OtherDigest::of(Algorithm::Sha512, &bytes);
        let (size, body) = (bytes.len() as u64, bytes.clone());
        let once = move || futures::stream::iter([Ok::<_, std::convert::Infallible>(body.clone())]);
        self.client.blob_put_as(&self.name(repository), &AnyDigest::from(name.clone()), size, once).await.unwrap();
        json!({"mediaType": media_type, "digest": name.to_string(), "size": size})
    }

    async fn put(&mut self, strange: Strange) {
        let Strange { repository, tag, manifest, is_taken } = strange;
        let reference = tag.as_ref().map_or_else(|| Reference::Digest(push::digest(&manifest)), |tag| Reference::Tag(push::tag(tag)));
        let put = self.client.manifest_put(&self.name(repository), &reference, &manifest.media_type, manifest.bytes.clone()).await;
        if put.is_ok() != is_taken {
            self.wrong.push(format!("{repository} {reference}: {put:?}"));
        }
    }

    async fn taken(&mut self, repository: &'static str, tag: &str, manifest: &Blob) {
        self.put(Strange { repository, tag: Some(tag.to_owned()), manifest: manifest.clone(), is_taken: true }).await;
    }

    async fn untagged(&mut self, repository: &'static str, manifest: &Blob) {
        self.put(Strange { repository, tag: None, manifest: manifest.clone(), is_taken: true }).await;
    }

    async fn refused(&mut self, repository: &'static str, tag: &str, manifest: &Blob) {
        self.put(Strange { repository, tag: Some(tag.to_owned()), manifest: manifest.clone(), is_taken: false }).await;
    }

    async fn config(&self, repository: &str) -> Value {
        let config = format!(r#"{{"architecture":"amd64","os":"linux","seed":"{}"}}"#, self.project);
        self.blob(repository, images::OCI_CONFIG, config).await.descriptor()
    }

    async fn members(&mut self) {
        let at = "odd/members";
        let config = self.config(at).await;
        let layer = self.blob(at, TAR, format!("{} layer", self.project)).await;
        let (one, none) = (json!([layer.descriptor()]), json!({}));
        let more = |value: Value| over(&config, &one, &value);
        self.refused(at, "no-config", &over(&Value::Null, &one, &none)).await;
        let mut inline = layer.descriptor();
        inline["data"] = json!("bm90IHdoYXQgdGhlIGxheWVyIGhvbGRz");
        self.taken(at, "data", &over(&config, &json!([inline]), &none)).await;
        let lies = json!([layer.descriptor(), {"mediaType": "text/plain", "digest": layer.digest, "size": 1}, {"digest": layer.digest, "size": -9}]);
        self.taken(at, "thrice", &over(&config, &lies, &none)).await;
        self.taken(at, "layer-is-config", &over(&config, &json!([config]), &none)).await;
        self.taken(at, "one-mebibyte", &more(json!({"annotations": {"org.example.long": "x".repeat(1 << 20)}}))).await;
        let names = json!({"ключ": "значение", "鍵": "\u{202e}", "": "no name", "a b": "\n", "🐟": ""});
        self.taken(at, "names", &more(json!({"annotations": names}))).await;
        // Its database takes no such character.
        self.refused(at, "nul", &more(json!({"annotations": {"a\u{0}b": "x"}}))).await;
        self.taken(at, "both-kinds", &more(json!({"artifactType": "application/vnd.example+json", "blobs": [layer.descriptor()]}))).await;
        self.refused(at, "with-children", &more(json!({"manifests": []}))).await;
        self.taken(at, "without-children", &more(json!({"manifests": Value::Null}))).await;
        self.taken(at, "big", &over(&config, &json!([{"mediaType": TAR, "digest": layer.digest, "size": i64::MAX}]), &none)).await;
        self.refused(at, "half", &over(&config, &json!([{"mediaType": TAR, "digest": layer.digest, "size": 1.5}]), &none)).await;
        let text = String::from_utf8(more(none.clone()).bytes.to_vec()).unwrap();
        for (tag, written) in [
            ("spaces", format!("\n\t {text}\r\n\r\n")),
            ("pretty", serde_json::to_string_pretty(&serde_json::from_str::<Value>(&text).unwrap()).unwrap().replace('\n', "\r\n")),
            ("escaped", text.replace("linux", "l\\u0069nux").replace("config\"", "conf\\u0069g\"")),
        ] {
            self.taken(at, tag, &Blob::new(images::OCI_MANIFEST, written)).await;
        }
        self.refused(at, "marked", &Blob::new(images::OCI_MANIFEST, format!("\u{feff}{text}"))).await;
        self.refused(at, "trailing", &Blob::new(images::OCI_MANIFEST, format!("{text}{{}}"))).await;
        self.refused(at, "artifact", &Blob::new(ARTIFACT, json!({"mediaType": ARTIFACT, "blobs": [layer.descriptor()]}).to_string())).await;
        let untyped = json!({"schemaVersion": 2, "config": config, "layers": one});
        self.taken(at, "untyped", &document(images::OCI_MANIFEST, &untyped)).await;
        self.refused(at, "version-7", &document(images::OCI_MANIFEST, &json!({"schemaVersion": 7, "config": config, "layers": one}))).await;
    }

    async fn blobs(&mut self) {
        let at = "odd/blobs";
        let config = self.config(at).await;
        let none = json!({});
        let empty = self.blob(at, TAR, "").await;
        self.taken(at, "empty-layer", &over(&config, &json!([empty.descriptor()]), &none)).await;
        let text = self.blob(at, images::OCI_CONFIG, "this is no JSON").await;
        self.refused(at, "text-config", &over(&text.descriptor(), &json!([]), &none)).await;
        let mut plain = text.descriptor();
        plain["mediaType"] = json!("text/plain");
        self.taken(at, "plain-config", &over(&plain, &json!([]), &none)).await;
        let wide = self.wide(at, images::OCI_CONFIG, &format!("{{\"by\":\"sha512 {}\"}}", self.project)).await;
        self.taken(at, "wide-config", &over(&wide, &json!([]), &none)).await;
        let layer = self.wide(at, TAR, &format!("{} by sha512", self.project)).await;
        self.taken(at, "wide-layer", &over(&config, &json!([layer]), &none)).await;
        let held = self.blob(at, images::OCI_EMPTY, "{}").await;
        let bare = json!({"artifactType": "application/vnd.example.thing", "annotations": {"n": self.project.as_str()}});
        self.taken(at, "bare", &over(&held.descriptor(), &json!([]), &bare)).await;
        self.taken(at, "typeless", &over(&json!({"digest": held.digest, "size": 2}), &json!([{"digest": empty.digest}]), &none)).await;
        // The manifest of another as a layer: its bytes are a blob too, and that is there first.
        let inner = over(&config, &json!([]), &json!({"annotations": {"inner": self.project.as_str()}}));
        let as_blob = self.blob(at, "application/octet-stream", inner.bytes.clone()).await;
        self.taken(at, "outer", &over(&config, &json!([as_blob.descriptor()]), &none)).await;
        self.taken(at, "inner", &inner).await;
        // Shared with another repository, which loses it.
        let shared = self.blob(at, TAR, format!("{} shared", self.project)).await;
        let image = over(&config, &json!([shared.descriptor()]), &none);
        self.taken(at, "shared", &image).await;
        self.config("odd/other").await;
        self.blob("odd/other", TAR, shared.bytes.clone()).await;
        self.taken("odd/other", "shared", &image).await;
        self.client.delete_repository(&self.name("odd/other")).await.unwrap();
        let moved: Vec<Blob> = (0..3).map(|n| over(&config, &json!([]), &json!({"annotations": {"n": n.to_string()}}))).collect();
        for image in &moved {
            self.taken(at, "moving", image).await;
        }
    }

    async fn indexes(&mut self) {
        let at = "odd/indexes";
        let config = self.config(at).await;
        let layer = self.blob(at, TAR, format!("{} child", self.project)).await;
        let child = over(&config, &json!([layer.descriptor()]), &json!({}));
        self.untagged(at, &child).await;
        let absent = over(&config, &json!([]), &json!({"annotations": {"absent": "yes"}})).descriptor();
        self.refused(at, "absent-child", &index_of(&[child.descriptor(), absent.clone()])).await;
        let mut elsewhere = absent;
        elsewhere["urls"] = json!(["https://example.com/x"]);
        self.refused(at, "absent-with-urls", &index_of(&[elsewhere])).await;
        let other = over(&config, &json!([]), &json!({"annotations": {"other": "child"}}));
        self.untagged(at, &other).await;
        let mut nested = child.clone();
        for level in 0..NESTED {
            nested = index_of(&[nested.descriptor(), other.descriptor()]);
            if level + 1 < NESTED {
                self.untagged(at, &nested).await;
            }
        }
        self.taken(at, "nested", &nested).await;
        self.refused(at, "twice", &index_of(&[child.descriptor(), child.descriptor()])).await;
        let mut platforms = [child.descriptor(), other.descriptor()];
        platforms[0]["platform"] = json!({"os": "linux", "architecture": "arm", "variant": "v7", "os.features": ["a"]});
        platforms[1]["platform"] = json!({});
        platforms[1]["size"] = json!(0);
        self.taken(at, "platforms", &index_of(&platforms)).await;
        self.taken(at, "nothing", &index_of(&[])).await;
        self.taken(at, "null", &document(images::OCI_INDEX, &json!({"schemaVersion": 2, "manifests": Value::Null}))).await;
        let mut as_file = child.descriptor();
        as_file["mediaType"] = json!("application/octet-stream");
        self.taken(at, "child-as-file", &index_of(&[as_file])).await;
        self.refused(at, "layer-as-child", &index_of(&[layer.descriptor()])).await;
        let docker = images::simple_docker(self.project.as_str(), &[300]);
        for blob in &docker.blobs {
            self.blob(at, &blob.media_type, blob.bytes.clone()).await;
        }
        self.untagged(at, &docker.manifest).await;
        self.taken(at, "mixed", &index_of(&[docker.manifest.descriptor(), child.descriptor()])).await;
        let list = json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [child.descriptor(), docker.manifest.descriptor()]});
        self.taken(at, "docker-list", &document(DOCKER_LIST, &list)).await;
        let mut attested = child.descriptor();
        attested["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        attested["annotations"] =
            json!({"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": docker.manifest.digest});
        let mut about = index_of(&[docker.manifest.descriptor(), attested]);
        let mut value: Value = serde_json::from_slice(&about.bytes).unwrap();
        value["subject"] = child.descriptor();
        about = document(images::OCI_INDEX, &value);
        self.taken(at, "index-about-a-child", &about).await;
    }

    async fn names(&mut self) {
        let at = "odd.names/a__b/c-d/e.f/g";
        let config = self.config(at).await;
        let image = |n: &str| over(&config, &json!([]), &json!({"annotations": {"n": n}}));
        let long = format!("{}.-_{}0", "a.".repeat(32), "z-".repeat(30));
        let (digits, hex) = (format!("{}.", "9".repeat(127)), "f".repeat(64));
        for tag in [long.as_str(), digits.as_str(), "_", "V1", "v1", "1.", "a..b", hex.as_str(), "latest"] {
            self.taken(at, tag, &image(tag)).await;
        }
        let (plain, gone) = (image("plain"), Digest::of(self.project.as_str().as_bytes()));
        self.taken(at, "plain", &plain).await;
        for ending in [".sig", ".att", ".sbom", "", ".SIG", ".sig.old"] {
            self.taken(at, &format!("sha256-{}{ending}", plain.digest.trim_start_matches("sha256:")), &image(&format!("beside{ending}")))
                .await;
            self.taken(at, &format!("sha256-{}{ending}", gone.hex()), &image(&format!("alone{ending}"))).await;
        }
        self.taken(at, "sha256-12.sig", &image("short")).await;
    }

    async fn subjects(&mut self) {
        let at = "odd/subjects";
        let config = self.config(at).await;
        let image = over(&config, &json!([]), &json!({"annotations": {"n": "subject"}}));
        self.taken(at, "image", &image).await;
        let about = |subject: Value, n: &str| {
            over(&config, &json!([]), &json!({"subject": subject, "artifactType": "application/x", "annotations": {"n": n}}))
        };
        let mut chain = image.clone();
        for level in 0..4 {
            chain = about(chain.descriptor(), &format!("level {level}"));
            self.untagged(at, &chain).await;
        }
        let mut lying = image.descriptor();
        lying["size"] = json!(1);
        lying["mediaType"] = json!("application/octet-stream");
        self.taken(at, "lying", &about(lying, "lying")).await;
        let never = json!({"mediaType": images::OCI_MANIFEST, "digest": Digest::of(b"never pushed"), "size": 3});
        self.taken(at, "about-nothing", &about(never, "nothing")).await;
        self.untagged(at, &about(image.descriptor(), "untagged")).await;
        self.taken(at, "image-too", &about(image.descriptor(), "tagged")).await;
    }
}

/// Pushes all of it. Answers where Harbor said otherwise than is written here.
pub async fn push_all(client: &Client, project: &ProjectName) -> Vec<String> {
    let mut pushing = Pushing { client, project, wrong: Vec::new() };
    Box::pin(pushing.members()).await;
    Box::pin(pushing.blobs()).await;
    Box::pin(pushing.indexes()).await;
    Box::pin(pushing.names()).await;
    Box::pin(pushing.subjects()).await;
    pushing.wrong
}

/// Deletes all that a snapshot found in a project: with a repository alone Harbor does not delete what it does not list.
pub async fn empty(client: &Client, vault: &Vault, outcome: &SnapshotOutcome, project: &ProjectName) {
    for (name, descriptor) in &outcome.index.repositories {
        for member in vault.repository(&descriptor.digest).await.unwrap().members {
            // Gone with its image or its index, or needed by one that goes with the repository.
            let _ = client.delete_artifact(name, &member.descriptor.digest.into()).await;
        }
    }
    for repository in client.repositories(project).await.unwrap() {
        client.delete_repository(&repository.name).await.unwrap();
    }
}

/// What of a snapshot a Harbor does not have byte for byte.
pub async fn differences(vault: &Vault, outcome: &SnapshotOutcome, client: &Client, to: &ProjectName) -> Vec<String> {
    let mut bad = Vec::new();
    for (name, descriptor) in &outcome.index.repositories {
        let repository = name.in_project(to);
        for member in vault.repository(&descriptor.digest).await.unwrap().members {
            let digest = member.descriptor.digest;
            let what = member.tag.as_ref().map_or_else(|| format!("{repository}@{digest}"), |tag| format!("{repository}:{tag}"));
            let kept = vault.get_bytes(&digest, 5 << 20).await.unwrap();
            match client.manifest_get(&repository, &digest).await {
                // A Harbor serves an index of nothing as an image; what it says itself is the same.
                Ok(back)
                    if back.bytes == kept
                        && vocab::Manifest::parse(&back.media_type, &kept).unwrap().media_type == member.descriptor.media_type => {}
                Ok(back) => bad.push(format!("{what} is another: {}", back.media_type)),
                Err(error) => bad.push(format!("{what}: {error}")),
            }
            if let Some(tag) = &member.tag {
                let head = client.manifest_head(&repository, &Reference::Tag(tag.clone())).await.unwrap();
                // The registry's own digest; of a signed document it is that of the payload.
                if head.as_ref().and_then(|head| head.digest) != Some(digest) {
                    bad.push(format!("{what} points to {head:?}"));
                }
            }
            let needs = vault.needs(&digest, "").await.unwrap().unwrap();
            for blob in needs.blobs.iter().filter_map(|blob| blob.digest.sha256()) {
                let there = client.blob_head(&repository, &blob).await.unwrap().is_some();
                if there != vault.size_of(&blob).await.unwrap().is_some() {
                    bad.push(format!("{what}: blob {blob} is there: {there}"));
                }
            }
            for blob in &needs.blobs {
                if let vocab::AnyDigest::Other(other) = &blob.digest {
                    let body = client.blob_get_other(&repository, other);
                    futures::pin_mut!(body);
                    if !matches!(body.next().await, Some(Ok(_))) {
                        bad.push(format!("{what}: blob {other} did not come back"));
                    }
                }
            }
        }
    }
    bad
}
