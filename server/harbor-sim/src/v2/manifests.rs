//! Manifests: HEAD, GET (which may count as a pull), PUT, DELETE.

use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::Value;

use crate::app::Version;
use crate::clock;
use crate::model::{Artifact, Project, Repo, Severity, World};
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;
use crate::store::{digest_of, hex_of};
use crate::world::{self, MANIFEST_BYTES_MAX, Pushed};

/// Harbor's own agent, whose GETs are no pulls; only exactly this text (harbor.md §0.2).
const SILENT_AGENT: &str = "harbor-registry-client";
/// Configurations larger than this are not read for `extra_attrs`.
const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// GET and HEAD.
pub async fn get(call: &Call, name: &str, reference: &str) -> Answer {
    let found = {
        let world = call.app.world();
        let found = world.holder(name, reference);
        let (project, repo) = found.ok_or_else(|| Refusal::not_found(format!("repository {name} not found")))?;
        let Some(digest) = repo.resolve(reference) else {
            let mark = if reference.contains(':') { '@' } else { ':' };
            return Err(Refusal::not_found(format!("artifact {name}{mark}{reference} not found")));
        };
        let artifact = &repo.artifacts[digest];
        policy(call, &world, project, repo, artifact)?;
        (artifact.digest.clone(), artifact.manifest_media_type.clone())
    };
    let (digest, media_type) = found;
    if call.header("if-none-match").is_some_and(|tag| tag.trim_matches('"') == digest) {
        let mut answer = reply::done();
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(answer);
    }
    accepted(call, &media_type)?;
    let gone = |_| Refusal::registry(404, "MANIFEST_UNKNOWN", "manifest unknown", Some(Value::from(digest.as_str())));
    let bytes = call.app.store.read(&digest).await.map_err(gone)?;
    let etag = format!("\"{digest}\"");
    let length = bytes.len().to_string();
    let mut answer = reply::registry(
        StatusCode::OK,
        &[("content-type", &media_type), ("docker-content-digest", &digest), ("etag", &etag), ("content-length", &length)],
    );
    if !call.is_head() {
        *answer.body_mut() = Body::from(bytes);
        if call.header("user-agent") != Some(SILENT_AGENT) {
            count_pull(call, name, reference, &digest);
        }
    }
    Ok(answer)
}

/// Content trust and vulnerabilities; a signing tool's token may look (harbor.md §5).
fn policy(call: &Call, world: &World, project: &Project, repo: &Repo, artifact: &Artifact) -> Result<(), Refusal> {
    let agent = call.header("user-agent").unwrap_or_default();
    let signs = agent.contains("cosign") || agent.contains("notation");
    if signs && call.who.token_may_push(&project.name) {
        return Ok(());
    }
    trust(project, repo, artifact)?;
    vulnerability(world, project, artifact)
}

/// An artifact without a signature is refused; signatures themselves are exempt.
fn trust(project: &Project, repo: &Repo, artifact: &Artifact) -> Result<(), Refusal> {
    for (key, kind, tool) in
        [("enable_content_trust", "signature.notation", "notation"), ("enable_content_trust_cosign", "signature.cosign", "cosign")]
    {
        let on = project.metadata.get(key).is_some_and(|value| value == "true");
        if !on {
            continue;
        }
        let mut rows = repo.accessories.values();
        let exempt = rows.any(|row| {
            (row.digest == artifact.digest && row.kind.starts_with("signature.")) || (row.subject == artifact.digest && row.kind == kind)
        });
        if !exempt {
            return Err(Refusal::new(412, "PROJECTPOLICYVIOLATION", format!("The image is not signed by {tool}.")));
        }
    }
    Ok(())
}

/// An image that was not scanned, or in which a scan found what is bad enough, is refused. A scanned index is exempt, its children are not; so
/// is whatever no scanner reads.
fn vulnerability(world: &World, project: &Project, artifact: &Artifact) -> Result<(), Refusal> {
    let on = project.metadata.get("prevent_vul").is_some_and(|value| value == "true");
    if !on || !world.scanner || artifact.kind != "IMAGE" {
        return Ok(());
    }
    let named = project.metadata.get("severity").map_or("low", String::as_str);
    let limit: Severity = serde_json::from_value(Value::from(named)).unwrap_or(Severity::Low);
    let why = match artifact.scanned {
        None => "current image without vulnerability scanning",
        Some(found) if artifact.children.is_empty() && found >= limit => "current image with vulnerabilities",
        Some(_) => return Ok(()),
    };
    let message = format!("{why} cannot be pulled due to configured policy: severity \"{named}\" or higher.");
    Err(Refusal::new(412, "PROJECTPOLICYVIOLATION", message))
}

/// The registry gives OCI manifests only to who names them in `Accept`.
fn accepted(call: &Call, media_type: &str) -> Result<(), Refusal> {
    let what = match media_type {
        "application/vnd.oci.image.manifest.v1+json" => ("manifest", "manifests"),
        "application/vnd.oci.image.index.v1+json" => ("index", "indexes"),
        _ => return Ok(()),
    };
    let mut accepts = call.headers.get_all(http::header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if accepts.any(|accept| accept.split(',').any(|one| one.split(';').next().unwrap_or_default().trim() == media_type)) {
        return Ok(());
    }
    let message = format!("OCI {} found, but accept header does not support OCI {}", what.0, what.1);
    Err(Refusal::registry(404, "MANIFEST_UNKNOWN", &message, None))
}

/// A pull moves times of tag, artifact, parent index and repository, and writes an audit row.
fn count_pull(call: &Call, name: &str, reference: &str, digest: &str) {
    let now = clock::now_us();
    let mut world = call.app.change();
    let by_tag = !reference.contains(':');
    if let Some(repo) = world.repo_mut(name) {
        repo.pull_count += 1;
        repo.updated = now;
        if let Some(tag) = repo.tags.get_mut(reference).filter(|_| by_tag) {
            tag.pull_time = now;
        }
        for artifact in repo.artifacts.values_mut() {
            if artifact.digest == digest || artifact.children.iter().any(|child| child.digest == digest) {
                artifact.pull_time = now;
            }
        }
    }
    let project_id = world.repo(name).map_or(0, |(project, _)| project.id);
    let resource = if by_tag { format!("{name}:{reference}") } else { format!("{name}@{digest}") };
    let what = format!("pull artifact: {name}@{digest}");
    world::audit(&mut world, &call.who, project_id, "pull", "artifact", &resource, &what);
    call.app.control.pulled(name);
}

/// PUT: checks, bytes into storage, rows.
pub async fn put(call: &Call, name: &str, reference: &str, body: Body) -> Answer {
    let version = call.app.config.version;
    if !reference.contains(':') && !world::is_tag(reference) {
        if version < Version::V2_15_2 {
            return Ok(plain_not_found());
        }
        return Err(Refusal::bad_request(format!("bad request: invalid tag name: {reference}")));
    }
    let bytes = read_manifest(version, body).await?;
    let media_type = call.header("content-type").unwrap_or_default().to_owned();
    let manifest = world::parse(&media_type, &bytes)?;
    let digest = digest_of(&bytes);
    let config = match &manifest.config {
        Some(reference) => config_of(call, &reference.digest).await,
        None => None,
    };
    let pushed = Pushed {
        who: &call.who,
        version,
        name,
        reference,
        digest: &digest,
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        manifest: &manifest,
        config: config.as_ref(),
    };
    world::precheck(&call.app.world(), &pushed)?;
    if let Some(named) = manifest.config.as_ref().filter(|_| manifest.kind() == "IMAGE" && config.is_none())
        && is_read(call, &named.digest).await
    {
        return Err(Refusal::new(500, "UNKNOWN", "internal server error"));
    }
    // Its database takes no such character.
    if manifest.annotations.iter().any(|(key, text)| key.contains('\0') || text.contains('\0')) {
        return Err(Refusal::new(500, "UNKNOWN", "internal server error"));
    }
    // What a registry remembers it writes no more (seen on 2.15.2).
    if !call.app.store.is_remembered(&digest) {
        call.app.store.put(bytes).await.map_err(|error| storage_failed(&error))?;
    }
    world::commit(&mut call.app.change(), &pushed)?;
    let location = format!("{}/v2/{name}/manifests/{digest}", call.base());
    let mut answer = reply::registry(StatusCode::CREATED, &[("docker-content-digest", &digest), ("location", &location)]);
    if let Some(subject) = &manifest.subject {
        reply::set(&mut answer, "oci-subject", subject);
    }
    Ok(answer)
}

async fn read_manifest(version: Version, body: Body) -> Result<Bytes, Refusal> {
    match Limited::new(body, MANIFEST_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(if version >= Version::V2_16 {
            Refusal::new(413, "REQUEST_ENTITY_TOO_LARGE", "request entity too large")
        } else {
            let detail = Value::from("http: request body too large");
            Refusal::registry(400, "MANIFEST_INVALID", "manifest invalid", Some(detail))
        }),
        Err(error) => Err(Refusal::bad_request(format!("the manifest could not be read: {error}"))),
    }
}

async fn config_of(call: &Call, digest: &str) -> Option<Value> {
    if !is_read(call, digest).await {
        return None;
    }
    serde_json::from_slice(&call.app.store.read(digest).await.ok()?).ok()
}

/// Whether Harbor reads this configuration; of an image it must be JSON then.
async fn is_read(call: &Call, digest: &str) -> bool {
    hex_of(digest).is_some() && call.app.store.size(digest).await.is_some_and(|size| size <= CONFIG_BYTES_MAX)
}

/// The registry's router before 2.15, to a tag it cannot parse.
fn plain_not_found() -> reply::Reply {
    let mut answer =
        reply::registry(StatusCode::NOT_FOUND, &[("content-type", "text/plain; charset=utf-8"), ("x-content-type-options", "nosniff")]);
    *answer.body_mut() = Body::from("404 page not found\n");
    answer
}

pub(super) fn storage_failed(error: &std::io::Error) -> Refusal {
    tracing::error!(%error, "the simulator's storage failed");
    Refusal::new(500, "UNKNOWN", "internal server error")
}

/// DELETE by digest is "delete artifact"; by tag it is unsupported.
pub fn delete(call: &Call, name: &str, reference: &str) -> Answer {
    if !reference.contains(':') {
        let message = format!("unsupported digest {reference}: invalid checksum digest format");
        return Err(Refusal::new(400, "UNSUPPORTED", message));
    }
    let mut world: crate::app::Change<'_> = call.app.change();
    let target: &mut World = &mut world;
    world::delete_artifact(target, &call.who, call.app.config.version, name, reference)?;
    let mut answer = reply::done();
    *answer.status_mut() = StatusCode::ACCEPTED;
    Ok(answer)
}
