//! Manifests: HEAD, GET by digest without counting as a pull, PUT with the digest checked.

use std::fmt;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, USER_AGENT};
use reqwest::{Method, StatusCode};
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Digest, RepositoryName, Tag, media};

use super::schema1;
use crate::auth::Scope;
use crate::client::{Call, Client, Lane};
use crate::error::{Refusal, RegistryError, clean};
use crate::transport::{Answer, Payload, SILENT_AGENT};

/// Longest media type taken.
const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// A tag or a digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    Tag(Tag),
    Digest(Digest),
}

impl From<Tag> for Reference {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for Reference {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// What HEAD tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestHead {
    /// The registry's word; only a GET proves it. `None` if it gave none, or one that is not SHA-256.
    pub digest: Option<Digest>,
    pub media_type: String,
    pub size_bytes: Option<u64>,
}

/// A manifest exactly as it was pushed; its bytes hash to `digest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawManifest {
    pub media_type: String,
    pub bytes: Bytes,
    pub digest: Digest,
}

impl RawManifest {
    /// What was served. Of a manifest of Docker's schema 1 the payload is the manifest: around it is a signature made for this answer.
    fn of(answer: &Answer) -> Self {
        let media_type = media_type(answer);
        let payload = if media_type == media::DOCKER_SCHEMA1 { vocab::signed::payload(&answer.body) } else { None };
        let bytes = payload.map_or_else(|| answer.body.clone(), Bytes::from);
        Self { media_type, digest: Digest::of(&bytes), bytes }
    }
}

fn accept() -> HeaderValue {
    HeaderValue::from_str(&media::MANIFESTS.join(", ")).expect("media types are plain ASCII")
}

fn media_type(answer: &Answer) -> String {
    let text = answer.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    clean(text.split(';').next().unwrap_or_default().trim()).chars().take(MEDIA_TYPE_BYTES_MAX).collect()
}

fn told_digest(answer: &Answer) -> Option<Digest> {
    answer.header("docker-content-digest")?.parse().ok()
}

impl Client {
    fn manifest_call(&self, method: Method, repository: &RepositoryName, reference: &Reference, scope: Scope, act: &str) -> Call {
        let what = match reference {
            Reference::Tag(tag) => format!("{act} {repository}:{tag}"),
            Reference::Digest(digest) => format!("{act} {repository}@{}", digest.short()),
        };
        let mut call = self.v2(method, &format!("{repository}/manifests/{reference}"), scope, what);
        call.request.headers.insert(ACCEPT, accept());
        call.answer_bytes_max = MANIFEST_BYTES_MAX;
        call
    }

    /// Asks whether the manifest is there. Never counts as a pull. `None`: not there.
    pub async fn manifest_head(&self, repository: &RepositoryName, reference: &Reference) -> Result<Option<ManifestHead>, RegistryError> {
        let call = self.manifest_call(Method::HEAD, repository, reference, Scope::Pull(repository.clone()), "look at");
        let answer = self.expect_found(&call).await?;
        Ok(answer.map(|answer| ManifestHead {
            digest: told_digest(&answer),
            media_type: media_type(&answer),
            size_bytes: answer.header(CONTENT_LENGTH.as_str()).and_then(|n| n.parse().ok()),
        }))
    }

    /// Reads a manifest by digest without counting as a pull. The bytes are hashed; the registry's own digest header proves nothing.
    pub async fn manifest_get(&self, repository: &RepositoryName, digest: &Digest) -> Result<RawManifest, RegistryError> {
        let mut call = self.manifest_call(Method::GET, repository, &Reference::Digest(*digest), Scope::Pull(repository.clone()), "read");
        call.request.headers.insert(USER_AGENT, HeaderValue::from_static(SILENT_AGENT));
        let answer = self.expect(&call).await?;
        let raw = RawManifest::of(&answer);
        if raw.digest == *digest { Ok(raw) } else { Err(RegistryError::WrongDigest { expected: *digest, actual: raw.digest }) }
    }

    /// Reads what a tag points to. On Harbor prefer [`Client::manifest_get`]: a tag may move between two reads. Sent silently too, so it does not count as a pull
    /// either. `None`: no such tag.
    pub async fn manifest_get_by_tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<RawManifest>, RegistryError> {
        let mut call = self.manifest_call(Method::GET, repository, &Reference::Tag(tag.clone()), Scope::Pull(repository.clone()), "read");
        call.request.headers.insert(USER_AGENT, HeaderValue::from_static(SILENT_AGENT));
        let Some(answer) = self.expect_found(&call).await? else { return Ok(None) };
        let raw = RawManifest::of(&answer);
        if let Some(told) = told_digest(&answer).filter(|told| *told != raw.digest) {
            return Err(RegistryError::WrongDigest { expected: told, actual: raw.digest });
        }
        Ok(Some(raw))
    }

    /// Writes a manifest, bytes and type exactly as given, but for one of Docker's schema 1, which a registry takes signed and stores without
    /// its signature: it is signed with a key of the moment, as registries do for readers. Safe to repeat, except on an immutable tag.
    pub async fn manifest_put(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        media_type: &str,
        bytes: Bytes,
    ) -> Result<(), RegistryError> {
        let expected = Digest::of(&bytes);
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(RegistryError::TooLarge {
                what: format!("the manifest {}", expected.short()),
                limit_bytes: MANIFEST_BYTES_MAX as u64,
            });
        }
        if let Reference::Digest(named) = reference
            && *named != expected
        {
            return Err(RegistryError::WrongDigest { expected: *named, actual: expected });
        }
        let mut call = self.manifest_call(Method::PUT, repository, reference, Scope::Push(repository.clone()), "write");
        let kind = HeaderValue::from_str(media_type)
            .map_err(|_| RegistryError::Protocol { what: "the manifest's media type is not text".to_owned() })?;
        call.request.headers.remove(ACCEPT);
        call.request.headers.insert(CONTENT_TYPE, kind);
        call.request.payload = Payload::Bytes(if media_type == media::DOCKER_SCHEMA1 { schema1::signed(bytes) } else { bytes });
        call.lane = Lane::ManifestPut;
        let answer = self.fetch(&call).await?;
        if !answer.status.is_success() {
            // A child that was deleted, but is still in storage, passes the registry's check and fails Harbor's: 404 naming it (seen on 2.15.2).
            let child = (answer.status == StatusCode::NOT_FOUND).then(|| Refusal::read(&answer.body).named_digest()).flatten();
            let missing = child.filter(|digest| *digest != expected).map(|digest| RegistryError::MissingBlobs { digests: vec![digest] });
            return Err(missing.unwrap_or_else(|| self.refusal(&answer, &call.request.what, None)));
        }
        match told_digest(&answer) {
            Some(told) if told != expected => Err(RegistryError::WrongDigest { expected, actual: told }),
            _ => Ok(()),
        }
    }
}
