//! What stands around a registry: the storage it sends readers to, and what caps the bodies that are sent to it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use oci_distribution::errors::OciErrorCode;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode};
use vocab::RepositoryName;

use super::{Advice, Check, Found, Outcome, Sample, Untried, failed};
use crate::auth::Scope;
use crate::cap::{PIECE_BYTES_MAX, PIECE_BYTES_MIN};
use crate::client::{Client, Lane};
use crate::error::{Refusal, RegistryError};
use crate::harbor::SystemInfo;
use crate::transport::{BROKE, BodyMaker, Payload};

/// Sizes of bodies tried, in bytes, smallest first. Limits are met most often at 1 MiB, which is nginx's own.
const SIZES: [u64; 7] = [256 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB, 1024 * MIB];
const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
/// Bytes sent with the head: who decides by the announced size needs no more.
const FIRST_BYTES: u64 = KIB;
/// Bytes sent slowly, so that an answer may come first: Harbor's comes after some hundred KiB (seen on 2.15.2 and 2.12.4). Who has not answered by then wants to
/// read everything.
const PACED_BYTES: u64 = 2 * MIB;
/// Pause before each piece of these.
const PAUSE: Duration = Duration::from_millis(50);
/// Largest body sent in full, in bytes.
const SENT_BYTES_MAX: u64 = PIECE_BYTES_MAX;
/// Longest time spent on all of it.
const TIME_MAX: Duration = Duration::from_secs(30);
/// Bytes of zeros made at a time.
const ZEROS: usize = 64 * 1024;
/// Times a size is tried where the connection broke: once may be chance.
const BREAKS_MAX: u32 = 2;
/// An upload no registry has begun.
const NO_UPLOAD: &str = "00000000-0000-4000-8000-000000000000";

/// How far a try of bodies came.
struct Tried {
    /// Largest that passed, in bytes.
    passed: u64,
    /// Smallest that did not.
    refused: Option<u64>,
    /// It was not tried to its end.
    cut: bool,
}

impl Client {
    /// Whether the bytes of a blob can be had where the registry says they are. No row where no blob is known.
    pub(super) async fn storage_row(&self, sample: Option<&Sample>) -> Option<Check> {
        const CODE: &str = "storage";
        let sample = sample?;
        let blob = sample.blob?;
        Some(match self.for_run().blob_source(&sample.repository, &blob).await {
            Ok(None) => Check::new(CODE, Outcome::Pass, Found::StorageItself),
            Ok(Some(host)) => Check::new(CODE, Outcome::Pass, Found::StorageAnswers { host }),
            Err(error @ RegistryError::StorageUnreachable { .. }) => failed(CODE, error).advice(Advice::OpenStorage),
            Err(error) => failed(CODE, error),
        })
    }

    /// How large a body reaches Harbor: a piece of an upload that was never begun, which Harbor refuses by its address alone. Nothing of it is kept, in
    /// contrast to an upload that is begun and given up: deleting one needs a right that no login of Breakwater has.
    pub(super) async fn body_row(&self, sample: Option<&Sample>, info: &SystemInfo) -> Check {
        const CODE: &str = "body_size";
        let untried = |why: Untried| Check::new(CODE, Outcome::Warn, Found::BodiesUntried(why));
        if info.read_only {
            return untried(Untried::ReadOnly);
        }
        let Some(sample) = sample else { return untried(Untried::NoRepository) };
        let tried = match self.try_bodies(&sample.repository).await {
            Ok(tried) => tried,
            Err(RegistryError::Forbidden { .. } | RegistryError::NotFound { .. }) => return untried(Untried::MayNotPush),
            Err(error) => return untried(Untried::Trouble(error)),
        };
        let known = tried.refused.map(|refused| if tried.passed > 0 { tried.passed } else { refused });
        if !tried.cut || known.is_some() {
            self.cap().set(known);
        }
        match tried.refused {
            None if tried.passed == 0 => untried(Untried::TooLong),
            None => Check::new(CODE, Outcome::Pass, Found::BodiesPass { size_bytes: tried.passed, cut: tried.cut }),
            Some(refused) if tried.passed == 0 => {
                Check::new(CODE, Outcome::Fail, Found::BodiesRefused { limit_bytes: refused - 1 }).advice(Advice::RaiseBodyLimit)
            }
            Some(_) => Check::new(CODE, Outcome::Warn, Found::BodiesCapped { limit_bytes: tried.passed }).advice(Advice::RaiseBodyLimit),
        }
    }

    async fn try_bodies(&self, repository: &RepositoryName) -> Result<Tried, RegistryError> {
        let _permit = self.enter(Lane::Blob).await;
        let mut probe = Probe { client: self, repository, tried: Tried { passed: 0, refused: None, cut: false } };
        match tokio::time::timeout(TIME_MAX, probe.run()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) => probe.tried.cut = true,
        }
        Ok(probe.tried)
    }
}

/// So many zeros, the first of them slowly, and the rest only where they are few enough.
fn zeros(size_bytes: u64, pause: Duration) -> BodyMaker {
    Arc::new(move || {
        let parts = futures::stream::unfold(0, move |sent| async move {
            let most = match sent {
                0 => FIRST_BYTES,
                _ if sent < PACED_BYTES => {
                    tokio::time::sleep(pause).await;
                    ZEROS as u64
                }
                _ if size_bytes > SENT_BYTES_MAX && sent < size_bytes => return Some((Err("not answered".into()), size_bytes)),
                _ => ZEROS as u64,
            };
            let take = most.min(size_bytes - sent);
            let part = Bytes::from_static(&[0; ZEROS]).slice(..usize::try_from(take).unwrap_or(ZEROS));
            (take > 0).then_some((Ok(part), sent + take))
        });
        parts.boxed()
    })
}

/// What became of a body.
enum Came {
    /// Harbor itself answered.
    Through,
    Refused,
    /// Nobody answered, and it is too large to be sent in full.
    Unknown,
}

/// A try of sizes.
struct Probe<'a> {
    client: &'a Client,
    repository: &'a RepositoryName,
    tried: Tried,
}

impl Probe<'_> {
    /// Upwards until a size is refused, then downwards until one passes.
    async fn run(&mut self) -> Result<(), RegistryError> {
        for size_bytes in SIZES {
            if !self.passes(size_bytes).await? {
                break;
            }
        }
        let next = |tried: &Tried| tried.refused.map(|refused| refused / 2).filter(|half| *half >= PIECE_BYTES_MIN && *half > tried.passed);
        while let Some(half) = next(&self.tried) {
            if !self.passes(half).await? && self.tried.refused != Some(half) {
                break;
            }
        }
        Ok(())
    }

    async fn passes(&mut self, size_bytes: u64) -> Result<bool, RegistryError> {
        let mut breaks = 0;
        while breaks < BREAKS_MAX {
            match self.send(size_bytes).await {
                Ok(Came::Through) => {
                    self.tried.passed = self.tried.passed.max(size_bytes);
                    return Ok(true);
                }
                Ok(Came::Refused) => break,
                Ok(Came::Unknown) => return Ok(false),
                // Hung up in the middle of a body: a limit that is not said, or chance.
                Err(RegistryError::Unreachable { reason: BROKE, .. }) => breaks += 1,
                Err(error) => return Err(error),
            }
        }
        self.tried.refused = Some(size_bytes);
        Ok(false)
    }

    async fn send(&self, size_bytes: u64) -> Result<Came, RegistryError> {
        let what = format!("try an upload to {}", self.repository);
        let path = format!("{}/blobs/uploads/{NO_UPLOAD}", self.repository);
        let mut call = self.client.v2(Method::PATCH, &path, Scope::Push(self.repository.clone()), what);
        call.request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        call.request.payload = Payload::Stream { make: zeros(size_bytes, PAUSE), size_bytes };
        let answer = match self.client.sent_once(&call).await {
            Ok(answer) => answer,
            Err(RegistryError::Source { .. }) => return Ok(Came::Unknown),
            Err(error) => return Err(error),
        };
        let refusal = Refusal::read(&answer.body);
        let is_harbors = refusal.has(&OciErrorCode::BlobUploadInvalid) || refusal.has(&OciErrorCode::BlobUploadUnknown);
        match answer.status {
            StatusCode::PAYLOAD_TOO_LARGE => Ok(Came::Refused),
            status if is_harbors || status.is_success() => Ok(Came::Through),
            _ => Err(self.client.refusal(&answer, &call.request.what, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_zeros_are_as_many_as_announced_and_too_many_are_not_sent() {
        for size_bytes in [1, FIRST_BYTES, FIRST_BYTES + 1, 3 * ZEROS as u64 + 7] {
            let parts: Vec<_> = zeros(size_bytes, Duration::ZERO)().collect().await;
            let sum: usize = parts.iter().map(|part| part.as_ref().map_or(0, Bytes::len)).sum();
            assert_eq!((sum as u64, parts.iter().any(Result::is_err)), (size_bytes, false));
        }
        let parts: Vec<_> = zeros(SENT_BYTES_MAX + 1, Duration::ZERO)().collect().await;
        let sum: usize = parts.iter().map(|part| part.as_ref().map_or(0, Bytes::len)).sum();
        assert!(parts.last().is_some_and(Result::is_err) && (sum as u64) < 2 * PACED_BYTES, "{sum}");
    }
}
