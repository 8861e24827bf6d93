//! Images, indexes, signatures and referrers as bytes, the same for the same seed.

use bytes::Bytes;
use serde_json::{Value, json};
use vocab::{Digest, media};

/// Layers that are not an archive anybody unpacks, only bytes of a size.
const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
/// The layer cosign writes its signatures into.
const COSIGN_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// A manifest with the blobs it refers to; an index has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub media_type: String,
    pub manifest: Bytes,
    pub digest: Digest,
    pub blobs: Vec<(Digest, Bytes)>,
}

impl Image {
    fn of(media_type: &str, document: &Value, blobs: Vec<(Digest, Bytes)>) -> Self {
        let manifest = Bytes::from(document.to_string());
        Self { media_type: media_type.to_owned(), digest: Digest::of(&manifest), manifest, blobs }
    }

    /// Bytes of all blobs.
    #[must_use]
    pub fn blob_bytes(&self) -> u64 {
        self.blobs.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest, "size": self.manifest.len() })
    }

    /// The tag under which cosign keeps legacy signatures of this manifest.
    #[must_use]
    pub fn signature_tag(&self) -> String {
        format!("sha256-{}.sig", self.digest.hex())
    }
}

/// `size_bytes` bytes that do not compress and are the same for the same seed (splitmix64).
#[must_use]
pub fn bytes(seed: u64, size_bytes: usize) -> Bytes {
    let mut state = seed;
    let mut out = Vec::with_capacity(size_bytes + 8);
    while out.len() < size_bytes {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        out.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    out.truncate(size_bytes);
    Bytes::from(out)
}

fn blob(bytes: Bytes) -> (Digest, Bytes) {
    (Digest::of(&bytes), bytes)
}

fn refer(media_type: &str, (digest, bytes): &(Digest, Bytes)) -> Value {
    json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
}

/// Builds an image.
#[derive(Debug, Clone)]
pub struct ImageBuilder {
    seed: u64,
    architecture: String,
    layers: Vec<Bytes>,
    docker: bool,
}

impl ImageBuilder {
    /// An image without layers yet; the configuration is unique to the seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, architecture: "amd64".to_owned(), layers: Vec::new(), docker: false }
    }

    #[must_use]
    pub fn architecture(mut self, architecture: &str) -> Self {
        self.architecture = architecture.to_owned();
        self
    }

    /// Docker's manifest, schema 2, instead of the OCI one.
    #[must_use]
    pub fn docker(mut self) -> Self {
        self.docker = true;
        self
    }

    /// Adds a layer of this size, unique to the builder's seed.
    #[must_use]
    pub fn layer(self, size_bytes: usize) -> Self {
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(self.layers.len() as u64 + 1);
        self.shared_layer(seed, size_bytes)
    }

    /// Adds a layer that every image with this layer seed and size shares.
    #[must_use]
    pub fn shared_layer(mut self, layer_seed: u64, size_bytes: usize) -> Self {
        self.layers.push(bytes(layer_seed, size_bytes));
        self
    }

    /// Puts it together.
    #[must_use]
    pub fn build(self) -> Image {
        let layers: Vec<_> = self.layers.into_iter().map(blob).collect();
        let diff_ids: Vec<_> = layers.iter().map(|(digest, _)| digest.to_string()).collect();
        let config = json!({
            "architecture": self.architecture, "os": "linux", "created": "2026-01-01T00:00:00Z",
            "config": { "Labels": { "seed": self.seed.to_string() } }, "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        let config = blob(Bytes::from(config.to_string()));
        let (manifest_type, config_type, layer_type) = if self.docker {
            (media::DOCKER_MANIFEST, "application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip")
        } else {
            (media::OCI_MANIFEST, CONFIG_TYPE, LAYER_TYPE)
        };
        let described: Vec<_> = layers.iter().map(|l| refer(layer_type, l)).collect();
        let document =
            json!({ "schemaVersion": 2, "mediaType": manifest_type, "config": refer(config_type, &config), "layers": described });
        Image::of(manifest_type, &document, std::iter::once(config).chain(layers).collect())
    }
}

/// An image of `layer_count` layers of `layer_bytes` each.
#[must_use]
pub fn image(seed: u64, layer_count: usize, layer_bytes: usize) -> Image {
    (0..layer_count).fold(ImageBuilder::new(seed), |builder, _| builder.layer(layer_bytes)).build()
}

/// An index over images, each with the architecture it is for.
#[must_use]
pub fn index(children: &[(&Image, &str)]) -> Image {
    let entry = |(image, architecture): &(&Image, &str)| {
        let mut descriptor = image.descriptor();
        descriptor["platform"] = json!({ "architecture": architecture, "os": "linux" });
        descriptor
    };
    let manifests: Vec<_> = children.iter().map(entry).collect();
    Image::of(media::OCI_INDEX, &json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": manifests }), Vec::new())
}

/// A legacy cosign signature: push it by [`Image::signature_tag`] of its subject. It signs nothing; registries do not look.
#[must_use]
pub fn cosign_signature(subject: &Image, seed: u64) -> Image {
    let payload = json!({ "critical": { "identity": { "docker-reference": "" }, "image": { "docker-manifest-digest": subject.digest }, "type": "cosign container image signature" }, "optional": { "seed": seed } });
    let layer = blob(Bytes::from(payload.to_string()));
    let config = blob(Bytes::from(
        json!({ "architecture": "", "os": "", "rootfs": { "type": "layers", "diff_ids": [layer.0] }, "config": {} }).to_string(),
    ));
    let mut described = refer(COSIGN_TYPE, &layer);
    described["annotations"] = json!({ "dev.cosignproject.cosign/signature": format!("seed-{seed}") });
    let document =
        json!({ "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "config": refer(CONFIG_TYPE, &config), "layers": [described] });
    Image::of(media::OCI_MANIFEST, &document, vec![config, layer])
}

/// An artifact about `subject`, OCI 1.1: push it by digest.
#[must_use]
pub fn referrer(subject: &Image, artifact_type: &str, content: Bytes) -> Image {
    let config = blob(Bytes::from_static(b"{}"));
    let layer = blob(content);
    let document = json!({
        "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "artifactType": artifact_type, "config": refer(media::OCI_EMPTY, &config),
        "layers": [refer(artifact_type, &layer)], "subject": subject.descriptor(),
    });
    Image::of(media::OCI_MANIFEST, &document, vec![config, layer])
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::Manifest;

    #[test]
    fn the_same_seed_gives_the_same_image_and_another_seed_another() {
        let a = image(7, 2, 1000);
        assert_eq!(a, image(7, 2, 1000));
        assert_ne!(a.digest, image(8, 2, 1000).digest);
        assert_eq!(a.blobs.len(), 3);
        assert!(a.blobs.iter().all(|(digest, bytes)| Digest::of(bytes) == *digest));
    }

    #[test]
    fn what_is_built_parses_as_what_it_is() {
        let amd = ImageBuilder::new(1).shared_layer(99, 10).layer(5).build();
        let arm = ImageBuilder::new(2).architecture("arm64").shared_layer(99, 10).build();
        let parse = |image: &Image| Manifest::parse(&image.media_type, &image.manifest).unwrap();
        assert_eq!(parse(&amd).blobs[1].digest, parse(&arm).blobs[1].digest, "the layer is shared");
        assert_eq!(parse(&index(&[(&amd, "amd64"), (&arm, "arm64")])).children.len(), 2);
        assert_eq!(parse(&referrer(&amd, "application/spdx+json", Bytes::from_static(b"x"))).subject.unwrap().sha256(), Some(amd.digest));
        assert!(parse(&cosign_signature(&amd, 1)).subject.is_none());
        assert_eq!(parse(&ImageBuilder::new(3).docker().layer(9).build()).blobs.len(), 2);
    }
}
