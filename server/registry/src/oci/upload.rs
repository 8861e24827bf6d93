//! Writing blobs: mounted from another repository, or sent.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use reqwest::{Method, StatusCode};
use vocab::{AnyDigest, Digest, RepositoryName};

use super::pieces::Source;
use super::sending::Sending;
use crate::auth::Scope;
use crate::client::{Client, Lane};
use crate::error::{BoxError, RegistryError};
use crate::transport::BodyMaker;

/// Outcome of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mount {
    /// The blob is there now.
    Done,
    /// The registry cannot, or may not, take it from there: upload it.
    NeedsUpload,
}

impl Client {
    /// Takes a blob over from another repository of the same registry. Counts against the quota of the target.
    pub async fn blob_mount(&self, repository: &RepositoryName, digest: &Digest, from: &RepositoryName) -> Result<Mount, RegistryError> {
        let scope = Scope::Mount { to: repository.clone(), from: from.clone() };
        let what = format!("mount blob {} into {repository}", digest.short());
        let call = self
            .v2(Method::POST, &format!("{repository}/blobs/uploads/"), scope, what)
            .query("mount", &digest.to_string())
            .query("from", from.as_str());
        match self.expect(&call).await {
            Ok(answer) if answer.status == StatusCode::CREATED => match answer.header("docker-content-digest").map(str::parse::<Digest>) {
                Some(Ok(actual)) if actual != *digest => Err(RegistryError::WrongDigest { expected: *digest, actual }),
                _ => Ok(Mount::Done),
            },
            Ok(_) => Ok(Mount::NeedsUpload),
            // An unknown or unreadable source is no obstacle: the bytes can be sent.
            Err(RegistryError::NotFound { .. } | RegistryError::Forbidden { .. }) => Ok(Mount::NeedsUpload),
            Err(error) => Err(error),
        }
    }

    /// Sends a blob of `size_bytes`, in one body or, where something before the registry does not let that through, in pieces. `body` makes the
    /// bytes; each try calls it anew, and again from the start where it goes on with a later piece. It must not read through this client: both would wait for
    /// the same lane. An error of the body is given back as [`RegistryError::Source`].
    pub async fn blob_put<S, E>(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        size_bytes: u64,
        body: impl Fn() -> S + Send + Sync + 'static,
    ) -> Result<(), RegistryError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        self.blob_put_as(repository, &AnyDigest::Sha256(*digest), size_bytes, body).await
    }

    /// The same for a blob that manifests name by another algorithm: a registry has it under the name it is sent under, and under its SHA-256.
    pub async fn blob_put_as<S, E>(
        &self,
        repository: &RepositoryName,
        digest: &AnyDigest,
        size_bytes: u64,
        body: impl Fn() -> S + Send + Sync + 'static,
    ) -> Result<(), RegistryError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let make: BodyMaker = Arc::new(move || body().map(|piece| piece.map_err(Into::into)).boxed());
        let _permit = self.enter(Lane::Blob).await;
        Sending::new(self, repository, digest, Source::new(make, size_bytes)).run().await
    }

    /// [`Client::blob_put`] for bytes in memory.
    pub async fn blob_put_bytes(&self, repository: &RepositoryName, digest: &Digest, bytes: Bytes) -> Result<(), RegistryError> {
        let size_bytes = bytes.len() as u64;
        let once = move || futures::stream::iter([Ok::<_, std::convert::Infallible>(bytes.clone())]);
        self.blob_put(repository, digest, size_bytes, once).await
    }
}
