//! Pushing sample images, as a build would.

use bytes::Bytes;
use harbor_sim::images::{self, Blob, Image};
use registry::{AddressRule, Client, Credential, Endpoint, Limits, Reference};
use vocab::{Digest, RepositoryName, Tag};

pub fn digest(blob: &Blob) -> Digest {
    blob.digest.parse().unwrap()
}

pub fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

pub fn repository(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

/// A client that may connect to loopback, and waits next to nothing between tries.
pub fn client(url: &str, username: &str, password: &str) -> Client {
    let addresses = AddressRule { allow: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap(), "10.0.0.0/8".parse().unwrap()] };
    let endpoint = Endpoint::new(url, true, None, addresses).unwrap();
    let credential = Credential { username: username.to_owned(), secret: password.to_owned().into() };
    let quick = std::time::Duration::from_millis(1);
    let limits = Limits { retry_max: 2, retry_pause: quick, retry_pause_max: quick, login_retry_pause: quick, ..Limits::default() };
    Client::new(endpoint, credential, limits).unwrap()
}

/// Pushes the image's blobs and its manifest, by tag or by digest.
pub async fn image(client: &Client, name: &str, reference: Option<&str>, image: &Image) -> Digest {
    let repository = repository(name);
    for blob in &image.blobs {
        client.blob_put_bytes(&repository, &digest(blob), blob.bytes.clone()).await.unwrap();
    }
    manifest(client, name, reference, &image.manifest).await
}

/// Pushes a manifest whose parts are there.
pub async fn manifest(client: &Client, name: &str, reference: Option<&str>, blob: &Blob) -> Digest {
    let digest = digest(blob);
    let reference = reference.map_or(Reference::Digest(digest), |text| Reference::Tag(tag(text)));
    client.manifest_put(&repository(name), &reference, &blob.media_type, Bytes::clone(&blob.bytes)).await.unwrap();
    digest
}

/// What one rich repository holds.
pub struct Rich {
    /// Tag `1.0`.
    pub plain: Digest,
    /// Tag `multi`.
    pub index: Digest,
    pub children: [Digest; 2],
    /// On `1.0`, by cosign's old tag.
    pub signature: Digest,
    /// On `1.0`, by `subject`.
    pub sbom: Digest,
    /// On the SBOM.
    pub deep: Digest,
}

impl Rich {
    /// Every manifest.
    pub fn all(&self) -> [Digest; 7] {
        let [one, two] = self.children;
        [self.plain, self.index, one, two, self.signature, self.sbom, self.deep]
    }
}

/// Pushes an image with a signature, an SBOM with something about it, and an index over two more.
pub async fn rich(client: &Client, name: &str, seed: &str) -> Rich {
    let plain = images::simple(&format!("{seed}-plain"), &[3_000, 500]);
    let one = images::simple(&format!("{seed}-one"), &[2_000]);
    let two = images::simple_docker(&format!("{seed}-two"), &[2_500]);
    let index = images::index(&[&one, &two]);
    let signature = images::cosign_signature(name, &plain.manifest.digest, seed);
    let sbom = images::referrer(&plain.manifest, images::SPDX, &images::spdx(seed, &["libc", "openssl"]));
    let deep = images::referrer(&sbom.manifest, "application/vnd.example.note+json", "{\"seen\":true}");
    let rich = Rich {
        plain: image(client, name, Some("1.0"), &plain).await,
        children: [image(client, name, None, &one).await, image(client, name, None, &two).await],
        index: manifest(client, name, Some("multi"), &index).await,
        signature: image(client, name, Some(&images::cosign_tag(&plain.manifest.digest)), &signature).await,
        sbom: image(client, name, None, &sbom).await,
        deep: image(client, name, None, &deep).await,
    };
    manifest(client, name, Some("stable"), &plain.manifest).await;
    rich
}
