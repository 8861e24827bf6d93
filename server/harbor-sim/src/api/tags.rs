//! Tags of one artifact. The API never moves a tag: an existing name is a conflict (harbor.md §5).

use bytes::Bytes;

use super::artifacts::{Named, find};
use super::render::View;
use super::{object, text};
use crate::model::TagRow;
use crate::query::{self, Field};
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;
use crate::world;

pub fn list(call: &Call, name: &Named<'_>, reference: &str) -> Answer {
    let world = call.app.world();
    let (project, repo, artifact) = find(call, &world, name, reference, ("tag", "list"))?;
    let view = View::of_one(project, repo, artifact);
    let rows: Vec<&TagRow> = view.tags_of(artifact).to_vec();
    let immutable = call.params.flag("with_immutable_status", false);
    let field = |row: &&TagRow, key: &str| match key {
        "id" => Some(Field::Int(row.id)),
        "name" => Some(Field::Text(row.name.clone())),
        "push_time" => Some(Field::Time(row.push_time)),
        "pull_time" => Some(Field::Time(row.pull_time)),
        _ => None,
    };
    query::listing(&call.params, &call.path, "-push_time,-id", rows, field, |row| view.tag(row, immutable))
}

pub fn create(call: &Call, name: &Named<'_>, reference: &str, body: &Bytes) -> Answer {
    let request = object(body)?;
    let tag = text(&request, "name");
    let mut world = call.app.change();
    let (project, repo, artifact) = find(call, &world, name, reference, ("tag", "create"))?;
    if !world::is_tag(tag) {
        return Err(Refusal::bad_request(format!("bad request: invalid tag name: {tag}")));
    }
    if repo.tags.contains_key(tag) {
        return Err(Refusal::conflict(format!("tag {tag} already exists under the repository {}", repo.id)));
    }
    let (project_id, full, digest) = (project.id, format!("{}/{}", project.name, repo.name), artifact.digest.clone());
    world::tag_artifact(&mut world, call.app.config.version, &full, tag, &digest);
    let resource = format!("{full}:{tag}");
    let what = format!("create tag: {resource}");
    world::audit(&mut world, &call.who, project_id, "create", "tag", &resource, &what);
    let mut answer = reply::done();
    *answer.status_mut() = http::StatusCode::CREATED;
    Ok(answer)
}

pub fn delete(call: &Call, name: &Named<'_>, reference: &str, tag: &str) -> Answer {
    let mut world = call.app.change();
    let (project, repo, artifact) = find(call, &world, name, reference, ("tag", "delete"))?;
    if repo.tags.get(tag).is_none_or(|row| row.digest != artifact.digest) {
        return Err(Refusal::not_found(format!("tag {tag} attached to artifact {} not found", artifact.id)));
    }
    let full = format!("{}/{}", project.name, repo.name);
    world::delete_tag(&mut world, &call.who, call.app.config.version, &full, tag)?;
    Ok(reply::done())
}
