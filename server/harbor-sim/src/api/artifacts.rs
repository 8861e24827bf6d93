//! Artifacts: the listings clients page through, one artifact, its accessories, labels, deletion and copy.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use serde_json::json;

use super::render::{Parts, View};
use super::{number, object, require};
use crate::app::Version;
use crate::model::{Artifact, Project, Repo, World};
use crate::query::{self, Field, Test};
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;
use crate::world;

/// A repository as a path names it.
pub struct Named<'a> {
    pub project: &'a str,
    pub repo: &'a str,
}

type Row<'v, 'a> = (&'v View<'a>, &'a Artifact);

/// `GET /projects/{p}/repositories/{r}/artifacts`
pub fn list(call: &Call, name: &Named<'_>) -> Answer {
    let world = call.app.world();
    let project = require(call, &world, name.project, "artifact", "list")?;
    let views: Vec<View<'_>> = project.repos.get(name.repo).map(|repo| View::new(project, repo)).into_iter().collect();
    listing(call, &world, &views)
}

/// `GET /projects/{p}/artifacts`: the whole project, since 2.12.
pub fn of_project(call: &Call, project: &str) -> Answer {
    if call.app.config.version < Version::V2_12_4 {
        return Err(super::no_such_path(call));
    }
    super::require_login(call)?;
    let world = call.app.world();
    let project = require(call, &world, project, "artifact", "list")?;
    // Before the views are made: of very many repositories some may be asked for.
    let tests = call.params.tests()?;
    let by_id: Vec<&Test> = tests.iter().filter(|(key, _)| key == "repository_id").map(|(_, test)| test).collect();
    let asked = project.repos.values().filter(|repo| by_id.iter().all(|test| test.fits(&Field::Int(repo.id))));
    let views: Vec<View<'_>> = asked.map(|repo| View::new(project, repo)).collect();
    listing(call, &world, &views)
}

fn listing<'v, 'a>(call: &Call, world: &World, views: &'v [View<'a>]) -> Answer {
    let tests = call.params.tests()?;
    let base = tests.iter().any(|(key, test)| key == "base" && *test == Test::Is("*".to_owned()));
    let special: Vec<&(String, Test)> = tests.iter().filter(|(key, _)| key == "tags" || key == "labels").collect();
    let rows: Vec<Row<'v, 'a>> = views
        .iter()
        .flat_map(|view: &'v View<'a>| {
            let repo: &'a Repo = view.repo;
            repo.artifacts.values().map(move |artifact| (view, artifact))
        })
        .filter(|(view, artifact)| view.is_listed(artifact, base))
        .filter(|row| special.iter().all(|(key, test)| fits(row, key, test)))
        .collect();
    let parts = Parts::of(&call.params);
    let version = call.app.config.version;
    let page = query::paged(&call.params, &call.path, "-push_time,-id", rows, field)?;
    let mut shown: HashMap<i64, HashSet<&str>> = HashMap::new();
    for (view, artifact) in &page.rows {
        shown.entry(view.repo.id).or_default().insert(&artifact.digest);
    }
    for view in views {
        if let Some(digests) = shown.get(&view.repo.id) {
            view.narrow(digests);
        }
    }
    Ok(page.answer(|(view, artifact)| view.artifact(world, version, artifact, parts)))
}

/// The filters on tags and labels, which know `*` and `nil`.
fn fits((view, artifact): &Row<'_, '_>, key: &str, test: &Test) -> bool {
    if key == "labels" {
        return test.fits(&Field::Many(artifact.labels.iter().map(ToString::to_string).collect()));
    }
    let tags = view.tags_of(artifact);
    match test {
        Test::Is(text) if text == "*" => !tags.is_empty(),
        Test::Is(text) if text == "nil" => tags.is_empty(),
        _ => test.fits(&Field::Many(tags.iter().map(|tag| tag.name.clone()).collect())),
    }
}

fn field((view, artifact): &Row<'_, '_>, key: &str) -> Option<Field> {
    match key {
        "id" => Some(Field::Int(artifact.id)),
        "digest" => Some(Field::Text(artifact.digest.clone())),
        "type" => Some(Field::Text(artifact.kind.clone())),
        "media_type" => Some(Field::Text(artifact.media_type.clone())),
        "artifact_type" => Some(Field::Text(artifact.artifact_type.clone())),
        "manifest_media_type" => Some(Field::Text(artifact.manifest_media_type.clone())),
        "push_time" => Some(Field::Time(artifact.push_time)),
        "pull_time" => Some(Field::Time(artifact.pull_time)),
        "size" => Some(Field::Int(artifact.size)),
        "repository_id" => Some(Field::Int(view.repo.id)),
        "repository_name" => Some(Field::Text(view.name())),
        _ => None,
    }
}

/// An artifact the caller may act on.
pub fn find<'a>(
    call: &Call,
    world: &'a World,
    name: &Named<'_>,
    reference: &str,
    right: (&str, &str),
) -> Result<(&'a Project, &'a Repo, &'a Artifact), Refusal> {
    let project = require(call, world, name.project, right.0, right.1)?;
    let mark = if reference.contains(':') { '@' } else { ':' };
    let missing = || Refusal::not_found(format!("artifact {}/{}{mark}{reference} not found", project.name, name.repo));
    let Some((_, repo)) = world.holder(&format!("{}/{}", project.name, name.repo), reference) else {
        return Err(Refusal::not_found(format!("repository {}/{} not found", project.name, name.repo)));
    };
    let digest = repo.resolve(reference).ok_or_else(missing)?;
    let artifact = repo.artifacts.get(digest).ok_or_else(missing)?;
    Ok((project, repo, artifact))
}

/// `GET …/artifacts/{reference}`
pub fn get(call: &Call, name: &Named<'_>, reference: &str) -> Answer {
    let world = call.app.world();
    let (project, repo, artifact) = find(call, &world, name, reference, ("artifact", "read"))?;
    let view = View::of_one(project, repo, artifact);
    Ok(reply::ok(&view.artifact(&world, call.app.config.version, artifact, Parts::of(&call.params))))
}

/// `GET …/artifacts/{reference}/accessories`
pub fn accessories(call: &Call, name: &Named<'_>, reference: &str) -> Answer {
    let world = call.app.world();
    let (project, repo, artifact) = find(call, &world, name, reference, ("accessory", "list"))?;
    let view = View::of_one(project, repo, artifact);
    let rows = view.attached_to(&artifact.digest);
    let field = |row: &&crate::model::Accessory, key: &str| match key {
        "id" => Some(Field::Int(row.id)),
        "digest" => Some(Field::Text(row.digest.clone())),
        "type" => Some(Field::Text(row.kind.clone())),
        "creation_time" => Some(Field::Time(row.created)),
        _ => None,
    };
    query::listing(&call.params, &call.path, "id", rows, field, |row| view.accessory(row))
}

/// `DELETE …/artifacts/{reference}`
pub fn delete(call: &Call, name: &Named<'_>, reference: &str) -> Answer {
    let mut world = call.app.change();
    let (project, repo, artifact) = find(call, &world, name, reference, ("artifact", "delete"))?;
    let (full, digest) = (format!("{}/{}", project.name, repo.name), artifact.digest.clone());
    world::delete_artifact(&mut world, &call.who, call.app.config.version, &full, &digest)?;
    Ok(reply::done())
}

/// `POST …/artifacts?from=project/repository@digest`
pub fn copy(call: &Call, name: &Named<'_>) -> Answer {
    let mut world = call.app.change();
    let target = format!("{}/{}", require(call, &world, name.project, "artifact", "create")?.name, name.repo);
    let from = call.params.get("from").unwrap_or_default();
    let bad = || Refusal::bad_request(format!("invalid reference: {from}"));
    let (source, reference) = match from.split_once('@') {
        Some(pair) => pair,
        None => from.rsplit_once(':').ok_or_else(bad)?,
    };
    let (source_project, source_repo) = source.split_once('/').ok_or_else(bad)?;
    let named = Named { project: source_project, repo: source_repo };
    let digest = find(call, &world, &named, reference, ("artifact", "read"))?.2.digest.clone();
    world::copy_artifact(&mut world, &call.who, call.app.config.version, source, &digest, &target)?;
    Ok(reply::created(&format!("{}/{reference}", call.path.trim_end_matches('/'))))
}

/// `POST …/artifacts/{reference}/labels`
pub fn attach_label(call: &Call, name: &Named<'_>, reference: &str, body: &Bytes) -> Answer {
    let id = object(body)?["id"].as_i64().unwrap_or(0);
    let mut world = call.app.change();
    let (project, repo, artifact) = find(call, &world, name, reference, ("artifact-label", "create"))?;
    let label = world.labels.get(&id).ok_or_else(|| Refusal::not_found(format!("label {id} not found")))?;
    if label.scope == "p" && label.project_id != project.id {
        return Err(Refusal::bad_request(format!("the label {id} belongs to another project")));
    }
    if artifact.labels.contains(&id) {
        return Err(Refusal::conflict(format!("label {id} is already added to the artifact {}", artifact.id)));
    }
    let (full, digest) = (format!("{}/{}", project.name, repo.name), artifact.digest.clone());
    if let Some(artifact) = world.repo_mut(&full).and_then(|repo| repo.artifacts.get_mut(&digest)) {
        artifact.labels.push(id);
    }
    Ok(reply::done())
}

/// `DELETE …/artifacts/{reference}/labels/{id}`
pub fn detach_label(call: &Call, name: &Named<'_>, reference: &str, id: &str) -> Answer {
    let id = number(id, "label_id")?;
    let mut world = call.app.change();
    let (project, repo, artifact) = find(call, &world, name, reference, ("artifact-label", "delete"))?;
    if !artifact.labels.contains(&id) {
        return Err(Refusal::not_found(format!("reference with label {id} and artifact {} not found", artifact.id)));
    }
    let (full, digest) = (format!("{}/{}", project.name, repo.name), artifact.digest.clone());
    if let Some(artifact) = world.repo_mut(&full).and_then(|repo| repo.artifacts.get_mut(&digest)) {
        artifact.labels.retain(|label| *label != id);
    }
    Ok(reply::done())
}

/// `GET …/additions/build_history`
pub async fn addition(call: &Call, name: &Named<'_>, reference: &str, kind: &str) -> Answer {
    let digest = find(call, &call.app.world(), name, reference, ("artifact-addition", "read"))?.2.digest.clone();
    let manifest = call.app.store.read(&digest).await.ok();
    let manifest = manifest.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    let config = manifest.and_then(|manifest| manifest["config"]["digest"].as_str().map(str::to_owned));
    match (kind, config) {
        ("build_history", Some(config)) => {
            let bytes = call.app.store.read(&config).await.unwrap_or_default();
            let config = serde_json::from_slice::<serde_json::Value>(&bytes).unwrap_or_default();
            Ok(reply::ok(&json!(config["history"].as_array().cloned().unwrap_or_default())))
        }
        _ => Err(Refusal::bad_request(format!("addition {kind} isn't supported for this artifact"))),
    }
}
