//! Sample images, deterministic from their seeds: real OCI and Docker images with gzip'd tar layers and a valid
//! configuration, indexes, cosign signatures, OCI 1.1 referrers and Helm charts.

mod archive;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::store::digest_of;

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
pub const COSIGN_LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
pub const SPDX: &str = "application/spdx+json";

/// The moment all sample images claim to be made at.
const CREATED: &str = "2026-01-01T00:00:00Z";

/// One blob or manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    pub media_type: String,
    /// `sha256:<hex>`
    pub digest: String,
    pub bytes: Bytes,
}

impl Blob {
    #[must_use]
    pub fn new(media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { media_type: media_type.to_owned(), digest: digest_of(&bytes), bytes }
    }

    fn json(media_type: &str, value: &Value) -> Self {
        Self::new(media_type, value.to_string())
    }

    /// Media type, digest and size, as manifests refer to it.
    #[must_use]
    pub fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len()})
    }
}

/// One layer of an image.
#[derive(Debug, Clone)]
pub struct Layer {
    pub blob: Blob,
    diff_id: String,
    created_by: String,
}

/// One file of a layer.
#[derive(Debug, Clone)]
pub struct File<'a> {
    pub path: &'a str,
    pub mode: u32,
    pub content: &'a [u8],
}

/// A manifest and the blobs it needs.
#[derive(Debug, Clone)]
pub struct Image {
    pub manifest: Blob,
    /// Configuration first, then layers.
    pub blobs: Vec<Blob>,
    pub architecture: String,
}

/// What an image shall be like.
#[derive(Debug, Clone)]
pub struct Spec<'a> {
    pub architecture: &'a str,
    pub command: &'a [&'a str],
    pub labels: &'a [(&'a str, &'a str)],
    pub layers: &'a [Layer],
    /// Docker media types instead of OCI's.
    pub docker: bool,
}

/// A layer of these files.
#[must_use]
pub fn layer(created_by: &str, files: &[File<'_>]) -> Layer {
    let tar = archive::tar(files);
    let diff_id = digest_of(&tar);
    Layer { blob: Blob::new(OCI_LAYER, archive::gzip(&tar)), diff_id, created_by: created_by.to_owned() }
}

/// A layer with one file of pseudo-random bytes.
#[must_use]
pub fn random_layer(seed: &str, path: &str, size_bytes: usize) -> Layer {
    let content = archive::noise(seed, size_bytes);
    layer(&format!("COPY {path} /{path}"), &[File { path, mode: 0o644, content: &content }])
}

/// An image.
#[must_use]
pub fn image(spec: &Spec<'_>) -> Image {
    let (manifest_type, config_type, layer_type) =
        if spec.docker { (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER) } else { (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER) };
    let labels: Value = spec.labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let mut inner = json!({"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "Cmd": spec.command});
    if !spec.labels.is_empty() {
        inner["Labels"] = labels;
    }
    let history: Vec<Value> = spec.layers.iter().map(|layer| json!({"created": CREATED, "created_by": layer.created_by})).collect();
    let diff_ids: Vec<&str> = spec.layers.iter().map(|layer| layer.diff_id.as_str()).collect();
    let config = json!({
        "architecture": spec.architecture, "os": "linux", "created": CREATED, "author": "Breakwater samples",
        "config": inner, "history": history, "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = Blob::json(config_type, &config);
    let layers: Vec<Blob> = spec.layers.iter().map(|layer| Blob { media_type: layer_type.to_owned(), ..layer.blob.clone() }).collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": manifest_type, "config": config.descriptor(),
        "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
    });
    let blobs = std::iter::once(config).chain(layers).collect();
    Image { manifest: Blob::json(manifest_type, &manifest), blobs, architecture: spec.architecture.to_owned() }
}

/// A small image from a seed, with one layer per size.
#[must_use]
pub fn simple(seed: &str, layer_sizes_bytes: &[usize]) -> Image {
    let layers: Vec<Layer> = layer_sizes_bytes
        .iter()
        .enumerate()
        .map(|(at, size)| random_layer(&format!("{seed}/{at}"), &format!("data/{at}.bin"), *size))
        .collect();
    image(&Spec { architecture: "amd64", command: &["/bin/true"], labels: &[("seed", seed)], layers: &layers, docker: false })
}

/// The same with Docker's media types.
#[must_use]
pub fn simple_docker(seed: &str, layer_sizes_bytes: &[usize]) -> Image {
    let layers: Vec<Layer> = layer_sizes_bytes
        .iter()
        .enumerate()
        .map(|(at, size)| random_layer(&format!("{seed}/{at}"), &format!("data/{at}.bin"), *size))
        .collect();
    image(&Spec { architecture: "amd64", command: &["/bin/true"], labels: &[("seed", seed)], layers: &layers, docker: true })
}

/// An index over images, one per architecture.
#[must_use]
pub fn index(images: &[&Image]) -> Blob {
    let manifests: Vec<Value> = images
        .iter()
        .map(|image| {
            let mut member = image.manifest.descriptor();
            member["platform"] = json!({"architecture": image.architecture, "os": "linux"});
            member
        })
        .collect();
    Blob::json(OCI_INDEX, &json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}))
}

/// The tag by which cosign's old convention names the signature of a digest.
#[must_use]
pub fn cosign_tag(digest: &str) -> String {
    format!("{}.sig", digest.replace(':', "-"))
}

/// A signature in cosign's old form, to be pushed by [`cosign_tag`].
#[must_use]
pub fn cosign_signature(repository: &str, digest: &str, seed: &str) -> Image {
    let payload = json!({
        "critical": {
            "identity": {"docker-reference": repository},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": {"seed": seed},
    });
    let payload = Blob::json(COSIGN_LAYER, &payload);
    let config = json!({
        "architecture": "", "os": "", "config": {}, "created": "0001-01-01T00:00:00Z",
        "rootfs": {"type": "layers", "diff_ids": [payload.digest]},
    });
    let config = Blob::json(OCI_CONFIG, &config);
    let mut layer = payload.descriptor();
    layer["annotations"] = json!({"dev.cosignproject.cosign/signature": digest_of(seed.as_bytes())});
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.descriptor(), "layers": [layer],
    });
    Image { manifest: Blob::json(OCI_MANIFEST, &manifest), blobs: vec![config, payload], architecture: String::new() }
}

/// An artifact that refers to another by OCI 1.1's `subject`.
#[must_use]
pub fn referrer(subject: &Blob, artifact_type: &str, payload: &str) -> Image {
    let payload = Blob::new(artifact_type, payload.to_owned());
    let config = Blob::new(OCI_EMPTY, "{}");
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": artifact_type,
        "config": config.descriptor(), "layers": [payload.descriptor()], "subject": subject.descriptor(),
    });
    Image { manifest: Blob::json(OCI_MANIFEST, &manifest), blobs: vec![config, payload], architecture: String::new() }
}

/// A list of packages in SPDX form, for [`referrer`].
#[must_use]
pub fn spdx(name: &str, packages: &[&str]) -> String {
    let packages: Vec<Value> = packages
        .iter()
        .map(|package| json!({"SPDXID": format!("SPDXRef-{package}"), "name": package, "downloadLocation": "NOASSERTION"}))
        .collect();
    json!({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": name,
        "documentNamespace": format!("https://example.com/spdx/{name}"),
        "creationInfo": {"created": CREATED, "creators": ["Organization: Breakwater samples"]}, "packages": packages,
    })
    .to_string()
}

/// A Helm chart as an OCI artifact.
#[must_use]
pub fn chart(name: &str, version: &str) -> Image {
    let config = json!({"apiVersion": "v2", "name": name, "version": version});
    let config = Blob::json("application/vnd.cncf.helm.config.v1+json", &config);
    let text = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
    let path = format!("{name}/Chart.yaml");
    let tar = archive::tar(&[File { path: &path, mode: 0o644, content: text.as_bytes() }]);
    let content = Blob::new("application/vnd.cncf.helm.chart.content.v1.tar+gzip", archive::gzip(&tar));
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.descriptor(), "layers": [content.descriptor()],
    });
    Image { manifest: Blob::json(OCI_MANIFEST, &manifest), blobs: vec![config, content], architecture: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_image() {
        assert_eq!(simple("a", &[100, 3_000]).manifest, simple("a", &[100, 3_000]).manifest);
        assert_ne!(simple("a", &[100]).manifest.digest, simple("b", &[100]).manifest.digest);
    }

    #[test]
    fn docker_and_oci_images_share_their_layers() {
        let (oci, docker) = (simple("x", &[2_000]), simple_docker("x", &[2_000]));
        assert_eq!(oci.blobs[1].digest, docker.blobs[1].digest);
        assert_ne!(oci.manifest.digest, docker.manifest.digest);
    }
}
