//! Reading blobs, and where a registry that keeps them elsewhere points to (F-20, S-62).
//!
//! Hashed on the way, the last piece leaves only after the digest over the whole agreed, so a consumer that saw the end saw the right bytes. What
//! left before is not trusted by that: a consumer must drop it when the stream ends in an error. A vault hashes what it writes, and would only
//! wait for a second hash: it takes the bytes as they come. Memory: two pieces of the connection, whatever the size of the blob.

use bytes::Bytes;
use futures::Stream;
use reqwest::header::{HeaderMap, LOCATION, RANGE};
use reqwest::{Method, StatusCode};
use url::Url;
use vocab::{AnyDigest, Digest, Hasher, OtherDigest, RepositoryName};

use super::location::redirect_target;
use super::reading::{Reading, length};
use crate::auth::Scope;
use crate::client::{Call, Client, Lane};
use crate::endpoint::{host_of, same_origin};
use crate::error::{RegistryError, clean};
use crate::storage::forbidden;
use crate::transport::{Payload, Request};

/// Most redirects followed for one blob.
const REDIRECTS_MAX: usize = 3;

/// What HEAD tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobHead {
    /// `None` where the registry points to its storage: that it does so says that the blob is there.
    pub size_bytes: Option<u64>,
}

/// A body that was followed to where it is.
pub(super) struct Followed {
    pub response: reqwest::Response,
    pub url: Url,
    /// The first piece, where the answer is a success and not empty.
    pub first: Option<Bytes>,
}

/// Whether a registry points to its storage with this answer, which it does with 307 and only for what it found there. Whoever sends everything to
/// another scheme or host keeps the path, and says nothing about the blob.
pub(super) fn points_to_storage(status: StatusCode, headers: &HeaderMap, asked: &Url) -> bool {
    let target = headers.get(LOCATION).and_then(|l| l.to_str().ok()).and_then(|location| asked.join(location).ok());
    status == StatusCode::TEMPORARY_REDIRECT && target.is_some_and(|target| target.path() != asked.path())
}

impl Client {
    pub(super) fn blob_call(&self, method: Method, repository: &RepositoryName, digest: &AnyDigest, act: &str) -> Call {
        let what = format!("{act} blob {} of {repository}", digest.short());
        self.v2(method, &format!("{repository}/blobs/{digest}"), Scope::Pull(repository.clone()), what)
    }

    /// Whether this repository has the blob. On Harbor a success also protects the blob from garbage collection for a while, so never skip
    /// it on restore. A storage the registry redirects to is not asked: the registry looked there before it did.
    pub async fn blob_head(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<BlobHead>, RegistryError> {
        self.blob_head_as(repository, &AnyDigest::from(*digest)).await
    }

    /// The same by the name a manifest gives it. By another algorithm than SHA-256 Harbor answers only once a manifest was put that names it so.
    pub async fn blob_head_as(&self, repository: &RepositoryName, digest: &AnyDigest) -> Result<Option<BlobHead>, RegistryError> {
        let call = self.blob_call(Method::HEAD, repository, digest, "look at");
        let answer = self.fetch(&call).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            status if points_to_storage(status, &answer.headers, &call.request.url) => Ok(Some(BlobHead { size_bytes: None })),
            status if status.is_success() => match length(&answer.headers) {
                Some(size_bytes) => Ok(Some(BlobHead { size_bytes: Some(size_bytes) })),
                None => Err(RegistryError::Protocol { what: format!("no size for blob {}", digest.short()) }),
            },
            _ => Err(self.refusal(&answer, &call.request.what, None)),
        }
    }

    /// The bytes of a blob. `size_bytes`, where known, is checked too. After an error everything received is to be dropped.
    pub fn blob_get(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        size_bytes: Option<u64>,
    ) -> impl Stream<Item = Result<Bytes, RegistryError>> + Send + 'static {
        self.blob_read(repository, digest, size_bytes, Some(Hasher::new()))
    }

    /// The same without a look at the digest, for a consumer that hashes the bytes itself and drops them when they are others, as a vault
    /// does. Size and resuming are as for [`Client::blob_get`].
    pub fn blob_get_unhashed(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        size_bytes: Option<u64>,
    ) -> impl Stream<Item = Result<Bytes, RegistryError>> + Send + 'static {
        self.blob_read(repository, digest, size_bytes, None)
    }

    /// The bytes of a blob that is named by another algorithm than SHA-256. Nobody here looks at the digest: the consumer does.
    pub fn blob_get_other(
        &self,
        repository: &RepositoryName,
        digest: &OtherDigest,
    ) -> impl Stream<Item = Result<Bytes, RegistryError>> + Send + 'static + use<> {
        let what = format!("read blob {} of {repository}", AnyDigest::from(digest.clone()).short());
        let call = self.v2(Method::GET, &format!("{repository}/blobs/{digest}"), Scope::Pull(repository.clone()), what);
        let client = self.clone();
        async_stream::try_stream! {
            let _permit = client.enter(Lane::Blob).await;
            // With no hasher the digest by which it would be judged is of no use.
            let mut reading = Reading::new(&client, call, Digest::of(&[]), None, None);
            while let Some(piece) = reading.next().await? {
                yield piece;
            }
        }
    }

    fn blob_read(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        size_bytes: Option<u64>,
        hasher: Option<Hasher>,
    ) -> impl Stream<Item = Result<Bytes, RegistryError>> + Send + 'static + use<> {
        let (client, digest) = (self.clone(), *digest);
        let call = self.blob_call(Method::GET, repository, &digest.into(), "read");
        async_stream::try_stream! {
            let _permit = client.enter(Lane::Blob).await;
            let mut reading = Reading::new(&client, call, digest, size_bytes, hasher);
            while let Some(piece) = reading.next().await? {
                yield piece;
            }
        }
    }

    /// Opens a blob and says where its bytes come from, by the host's name; `None`: from the registry itself.
    pub(crate) async fn blob_source(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<String>, RegistryError> {
        let call = self.blob_call(Method::GET, repository, &(*digest).into(), "read");
        let _permit = self.enter(Lane::Blob).await;
        let mut reading = Reading::new(self, call, *digest, None, None);
        loop {
            match reading.open(0).await {
                Ok(opened) => {
                    let elsewhere = !same_origin(&opened.url, &self.endpoint().url);
                    return Ok(elsewhere.then(|| clean(&host_of(&opened.url))));
                }
                Err(error) => reading.again(error, None).await?,
            }
        }
    }

    /// Follows redirects by hand, without any credential. Each host is asked under the rules of [`crate::storage`].
    pub(super) async fn follow(&self, location: Option<&str>, request: &Request) -> Result<Followed, RegistryError> {
        let mut url = redirect_target(self.endpoint(), &request.url, location).map_err(forbidden)?;
        for _ in 0..REDIRECTS_MAX {
            let mut headers = HeaderMap::new();
            if let Some(range) = request.headers.get(RANGE) {
                headers.insert(RANGE, range.clone());
            }
            let hop =
                Request { method: request.method.clone(), url: url.clone(), headers, payload: Payload::Empty, what: request.what.clone() };
            let (response, first) = if same_origin(&url, &self.endpoint().url) {
                self.first_of(&hop).await?
            } else {
                self.storage().host(&url)?.ask(self.limits(), || self.first_of(&hop)).await?
            };
            if !response.status().is_redirection() {
                return Ok(Followed { response, url, first });
            }
            let location = response.headers().get(LOCATION).and_then(|l| l.to_str().ok());
            url = redirect_target(self.endpoint(), &url, location).map_err(forbidden)?;
        }
        Err(RegistryError::RedirectRefused { host: host_of(&url), reason: "the blob is redirected too often" })
    }

    /// The head of an answer, and the first piece of a good one: a host that sends no byte did not answer.
    async fn first_of(&self, hop: &Request) -> Result<(reqwest::Response, Option<Bytes>), RegistryError> {
        let mut response = self.transport().send(hop, None).await?;
        let first = if response.status().is_success() { self.transport().chunk(&mut response, &hop.url, &hop.what).await? } else { None };
        Ok((response, first))
    }
}
