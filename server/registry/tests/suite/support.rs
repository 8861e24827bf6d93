//! Clients with short waits, and a push.

use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use registry::{AddressRule, Client, Credential, Endpoint, Limits, Reference, RegistryError};
use secrecy::SecretString;
use testkit::Image;
use vocab::{Digest, RepositoryName};

/// The secret of every test login; the sink looks for it.
pub const CANARY: &str = "canary-4f1d-secret";

pub fn loopback() -> AddressRule {
    AddressRule { allow: vec!["127.0.0.0/8".parse().unwrap()] }
}

/// Limits whose waits end quickly; counts are those of production.
pub fn quick() -> Limits {
    Limits {
        retry_pause: Duration::from_millis(1),
        retry_pause_max: Duration::from_millis(4),
        retry_after_max: Duration::from_millis(20),
        login_retry_pause: Duration::from_millis(1),
        ..Limits::default()
    }
}

pub fn client_with(url: &str, username: &str, secret: &str, limits: Limits) -> Client {
    let endpoint = Endpoint::new(url, true, None, loopback()).unwrap();
    Client::new(endpoint, Credential { username: username.to_owned(), secret: SecretString::from(secret.to_owned()) }, limits).unwrap()
}

/// A robot's client: Basic everywhere.
pub fn robot(url: &str) -> Client {
    client_with(url, "robot$test", CANARY, quick())
}

/// A user's client: a token on `/v2` where one is offered.
pub fn user(url: &str) -> Client {
    client_with(url, "dev", CANARY, quick())
}

pub fn repository(name: &str) -> RepositoryName {
    name.parse().unwrap()
}

pub fn tag(name: &str) -> Reference {
    Reference::Tag(name.parse().unwrap())
}

/// Sends what is missing, then the manifest.
pub async fn push(client: &Client, repository: &RepositoryName, image: &Image, reference: &Reference) -> Result<(), RegistryError> {
    for (digest, bytes) in &image.blobs {
        if client.blob_head(repository, digest).await?.is_none() {
            client.blob_put_bytes(repository, digest, bytes.clone()).await?;
        }
    }
    client.manifest_put(repository, reference, &image.media_type, image.manifest.clone()).await
}

/// The whole blob, or the error that ended it.
pub async fn read(client: &Client, repository: &RepositoryName, digest: &Digest, size_bytes: Option<u64>) -> Result<Bytes, RegistryError> {
    let pieces: Vec<Bytes> = client.blob_get(repository, digest, size_bytes).try_collect().await?;
    Ok(Bytes::from(pieces.concat()))
}
