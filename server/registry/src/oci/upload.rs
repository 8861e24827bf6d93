//! Writing blobs: mount from another repository, or one PUT with the whole body.
//!
//! POST opens an upload, PUT with `digest` sends the whole body with its length. Never a last piece in the PUT after PATCHes: Harbor then counts only that
//! piece against the quota; a single POST with the digest it does not support (harbor.md §5).

use bytes::Bytes;
use futures::{Stream, StreamExt};
use reqwest::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode};
use std::sync::Arc;
use time::OffsetDateTime;
use url::Url;
use vocab::{Digest, RepositoryName};

use super::location::upload_location;
use crate::auth::Scope;
use crate::client::{Access, Call, Client, Lane, repeatable};
use crate::error::{BoxError, Refusal, RegistryError};
use crate::retry::{Tries, may_repeat, retry_after};
use crate::transport::{BodyMaker, Payload};
use oci_distribution::errors::OciErrorCode;

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

    /// Sends a blob of `size_bytes`. `body` makes the bytes; each try calls it anew. It must not read through this client: both would wait for
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
        let make: BodyMaker = Arc::new(move || body().map(|piece| piece.map_err(Into::into)).boxed());
        let _permit = self.enter(Lane::Blob).await;
        let mut tries = Tries::new(self.limits());
        loop {
            let (error, asked) = match self.upload(repository, digest, size_bytes, &make).await {
                Ok(Uploaded::Done) => return Ok(()),
                Ok(Uploaded::Again(error, asked)) => (error, asked),
                Err(error) if repeatable(&error, true) => (error, None),
                Err(error) => return Err(error),
            };
            self.pause(&mut tries, asked, error).await?;
            // The answer may have been lost, not the upload.
            if self.has_blob_now(repository, digest).await? {
                return Ok(());
            }
        }
    }

    /// [`Client::blob_put`] for bytes in memory.
    pub async fn blob_put_bytes(&self, repository: &RepositoryName, digest: &Digest, bytes: Bytes) -> Result<(), RegistryError> {
        let size_bytes = bytes.len() as u64;
        let once = move || futures::stream::iter([Ok::<_, std::convert::Infallible>(bytes.clone())]);
        self.blob_put(repository, digest, size_bytes, once).await
    }

    /// HEAD inside a lane that is already entered; trouble counts as *no*, the upload will meet it again.
    async fn has_blob_now(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool, RegistryError> {
        let scope = Scope::Push(repository.clone());
        let call = self.v2(Method::HEAD, &format!("{repository}/blobs/{digest}"), scope, format!("look at blob {}", digest.short()));
        match self.authorised(&call.request, &call.access).await {
            Ok(response) => Ok(response.status() == StatusCode::OK),
            Err(error) if repeatable(&error, true) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn upload(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        size_bytes: u64,
        make: &BodyMaker,
    ) -> Result<Uploaded, RegistryError> {
        let scope = Scope::Push(repository.clone());
        let what = format!("upload blob {} to {repository}", digest.short());
        let start = self.v2(Method::POST, &format!("{repository}/blobs/uploads/"), scope.clone(), what.clone());
        let mut location = match self.send_part(&start).await? {
            Part::Done(answer) if answer.status == StatusCode::ACCEPTED => {
                upload_location(self.endpoint(), &start.request.url, answer.header(LOCATION.as_str()))?
            }
            Part::Done(answer) => {
                return Err(RegistryError::Protocol { what: format!("status {} at the start of an upload", answer.status.as_u16()) });
            }
            Part::Again(error, asked) => return Ok(Uploaded::Again(error, asked)),
        };
        append_digest(&mut location, digest);
        let mut finish = self.v2(Method::PUT, "", scope, what);
        finish.request.url = location;
        finish.request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        finish.request.payload = Payload::Stream { make: Arc::clone(make), size_bytes };
        match self.send_part(&finish).await? {
            Part::Done(answer) => match answer.header("docker-content-digest").map(str::parse::<Digest>) {
                Some(Ok(actual)) if actual != *digest => Err(RegistryError::WrongDigest { expected: *digest, actual }),
                _ => Ok(Uploaded::Done),
            },
            Part::Again(error, asked) => Ok(Uploaded::Again(error, asked)),
        }
    }

    /// One request of an upload, inside a lane that is already entered.
    async fn send_part(&self, call: &Call) -> Result<Part, RegistryError> {
        let mut proved = false;
        loop {
            let response = self.authorised(&call.request, &call.access).await?;
            let answer = self.transport().read(response, call.answer_bytes_max, &call.request.what).await?;
            if answer.status == StatusCode::UNAUTHORIZED && matches!(call.access, Access::V2(_)) {
                self.settle(call, &answer, &mut proved).await?;
                continue;
            }
            if answer.status.is_success() {
                return Ok(Part::Done(answer));
            }
            let asked = retry_after(&answer.headers, OffsetDateTime::now_utc());
            let error = self.refusal(&answer, &call.request.what, asked);
            // An upload the registry forgot is begun anew.
            let forgotten = Refusal::read(&answer.body).has(&OciErrorCode::BlobUploadUnknown);
            let may = forgotten || may_repeat(answer.status, true);
            return if may { Ok(Part::Again(error, asked)) } else { Err(error) };
        }
    }
}

enum Uploaded {
    Done,
    Again(RegistryError, Option<std::time::Duration>),
}

enum Part {
    Done(crate::transport::Answer),
    Again(RegistryError, Option<std::time::Duration>),
}

/// Adds the digest and leaves the registry's own query as it is: re-encoding its state would break its signature.
fn append_digest(url: &mut Url, digest: &Digest) {
    let query = match url.query() {
        Some(old) if !old.is_empty() => format!("{old}&digest={digest}"),
        _ => format!("digest={digest}"),
    };
    url.set_query(Some(&query));
}
