//! Repositories, and dispatch of everything below one.

use bytes::Bytes;
use serde_json::Value;

use super::{artifacts, object, render, require, tags, text};
use crate::app::Version;
use crate::clock;
use crate::model::{Project, Repo, World};
use crate::permission;
use crate::query::{self, Field};
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;
use crate::world;

pub async fn route(call: &Call, project: &str, rest: &[&str], body: &Bytes) -> Answer {
    match (call.method.as_str(), rest) {
        ("GET", []) => list(call, project),
        ("GET", [repo]) => get(call, project, repo),
        ("PUT", [repo]) => update(call, project, repo, body),
        ("DELETE", [repo]) => delete(call, project, repo),
        (_, [repo, "artifacts", rest @ ..]) => {
            let name = artifacts::Named { project, repo };
            match (call.method.as_str(), rest) {
                ("GET", []) => artifacts::list(call, &name),
                ("POST", []) => artifacts::copy(call, &name),
                ("GET", [reference]) => artifacts::get(call, &name, reference),
                ("DELETE", [reference]) => artifacts::delete(call, &name, reference),
                ("GET", [reference, "accessories"]) => artifacts::accessories(call, &name, reference),
                ("POST", [reference, "labels"]) => artifacts::attach_label(call, &name, reference, body),
                ("DELETE", [reference, "labels", id]) => artifacts::detach_label(call, &name, reference, id),
                ("GET", [reference, "tags"]) => tags::list(call, &name, reference),
                ("POST", [reference, "tags"]) => tags::create(call, &name, reference, body),
                ("DELETE", [reference, "tags", tag]) => tags::delete(call, &name, reference, tag),
                ("GET", [reference, "additions", kind]) => artifacts::addition(call, &name, reference, kind).await,
                _ => Err(super::no_such_path(call)),
            }
        }
        _ => Err(super::no_such_path(call)),
    }
}

type Row<'a> = (&'a Project, &'a Repo);

fn listing(call: &Call, rows: Vec<Row<'_>>) -> Answer {
    let rows = match call.params.exact("blob_digest")? {
        None => rows,
        Some(digest) => {
            rows.into_iter().filter(|(_, repo)| repo.artifacts.values().any(|artifact| artifact.blobs.contains(&digest))).collect()
        }
    };
    let field = |(project, repo): &Row<'_>, key: &str| match key {
        "id" | "repository_id" => Some(Field::Int(repo.id)),
        "name" => Some(Field::Text(format!("{}/{}", project.name, repo.name))),
        "description" => Some(Field::Text(repo.description.clone())),
        "project_id" => Some(Field::Int(project.id)),
        "pull_count" => Some(Field::Int(repo.pull_count)),
        "creation_time" => Some(Field::Time(repo.created)),
        "update_time" => Some(Field::Time(repo.updated)),
        _ => None,
    };
    let show = |(project, repo): &Row<'_>| -> Value { render::repository(project, repo) };
    query::listing(&call.params, &call.path, "-creation_time,-id", rows, field, show)
}

fn list(call: &Call, project: &str) -> Answer {
    let world = call.app.world();
    let project = require(call, &world, project, "repository", "list")?;
    listing(call, project.repos.values().map(|repo| (project, repo)).collect())
}

/// `GET /repositories`: everything the caller may list.
pub fn all(call: &Call) -> Answer {
    let world = call.app.world();
    let rows = world
        .projects
        .values()
        .filter(|project| permission::in_project(&world, &call.who, project, "repository", "list"))
        .flat_map(|project| project.repos.values().map(move |repo| (project, repo)))
        .collect();
    listing(call, rows)
}

/// A repository the caller may act on.
pub fn find<'a>(call: &Call, world: &'a World, project: &str, repo: &str, right: (&str, &str)) -> Result<(&'a Project, &'a Repo), Refusal> {
    let project = require(call, world, project, right.0, right.1)?;
    let found = project.repos.get(repo);
    let found = found.ok_or_else(|| Refusal::not_found(format!("repository {}/{repo} not found", project.name)))?;
    Ok((project, found))
}

fn get(call: &Call, project: &str, repo: &str) -> Answer {
    let world = call.app.world();
    let (project, repo) = find(call, &world, project, repo, ("repository", "read"))?;
    Ok(reply::ok(&render::repository(project, repo)))
}

fn update(call: &Call, project: &str, repo: &str, body: &Bytes) -> Answer {
    let mut world = call.app.change();
    let (project, row) = find(call, &world, project, repo, ("repository", "update"))?;
    let (id, name) = (project.id, row.name.clone());
    let request = object(body)?;
    let description = text(&request, "description");
    // escaped on write since 2.14 and in the recorded 2.12.4 (harbor.md §3)
    let description = if call.app.config.version >= Version::V2_12_4 { escape(description) } else { description.to_owned() };
    if let Some(row) = world.projects.get_mut(&id).and_then(|project| project.repos.get_mut(&name)) {
        row.description = description;
        row.updated = clock::now_us();
    }
    Ok(reply::done())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;").replace('"', "&#34;")
}

fn delete(call: &Call, project: &str, repo: &str) -> Answer {
    let mut world = call.app.change();
    let (project, row) = find(call, &world, project, repo, ("repository", "delete"))?;
    let name = format!("{}/{}", project.name, row.name);
    world::delete_repository(&mut world, &call.who, &name)?;
    Ok(reply::done())
}
