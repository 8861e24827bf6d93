//! Lists: tags, referrers, catalog.

use axum::body::Body;
use serde_json::{Value, json};

use crate::reply::{self, Answer, Refusal};
use crate::server::Call;

/// The page of `_catalog` and `tags/list` when none is asked for is "everything"; this caps an asked-for one.
const PAGE_MAX: usize = 100_000;

fn page<'a>(call: &Call, names: impl Iterator<Item = &'a str>, path: &str) -> Result<(Vec<&'a str>, Option<String>), Refusal> {
    let last = call.params.get("last").unwrap_or_default();
    let size = match call.params.get("n") {
        None => PAGE_MAX,
        Some(text) => text.parse::<usize>().map_err(|_| Refusal::bad_request("invalid value for n"))?.min(PAGE_MAX),
    };
    let mut rest: Vec<&str> = names.filter(|name| *name > last).collect();
    let more = rest.len() > size;
    rest.truncate(size);
    let link = rest.last().filter(|_| more).map(|last| format!("<{path}?last={last}&n={size}>; rel=\"next\""));
    Ok((rest, link))
}

fn answer(value: &Value, link: Option<String>) -> Answer {
    let mut answer = reply::ok(value);
    reply::set(&mut answer, "content-type", reply::ERROR_MEDIA);
    if let Some(link) = link {
        reply::set(&mut answer, "link", &link);
    }
    Ok(answer)
}

/// All tag names, those of accessories included.
pub fn tags(call: &Call, name: &str) -> Answer {
    let world = call.app.world();
    let (_, repo) = world.repo(name).ok_or_else(|| Refusal::not_found(format!("repository {name} not found")))?;
    let (tags, link) = page(call, repo.tags.keys().map(String::as_str), &call.path)?;
    answer(&json!({"name": name, "tags": tags}), link)
}

/// All repositories.
pub fn catalog(call: &Call) -> Answer {
    let world = call.app.world();
    let mut names: Vec<String> =
        world.projects.values().flat_map(|project| project.repos.keys().map(move |repo| format!("{}/{repo}", project.name))).collect();
    names.sort();
    let (names, link) = page(call, names.iter().map(String::as_str), &call.path)?;
    answer(&json!({"repositories": names}), link)
}

/// What refers to a digest, whether that digest is here or not.
pub async fn referrers(call: &Call, name: &str, digest: &str) -> Answer {
    let filter = call.params.get("artifactType").map(str::to_owned);
    let rows: Vec<(String, Value)> = {
        let world = call.app.world();
        let (project, within) = name.split_once('/').unwrap_or((name, ""));
        let repos = world.project(project).into_iter().flat_map(|project| [project.repos.get(within), project.left.get(within)]);
        repos
            .flatten()
            .flat_map(|repo| repo.accessories.values().filter(|row| row.subject == digest).map(move |row| (repo, row)))
            .filter_map(|(repo, row)| repo.artifacts.get(&row.digest))
            .filter(|artifact| filter.as_ref().is_none_or(|wanted| *wanted == artifact.artifact_type))
            .map(|artifact| {
                let mut shown = json!({
                    "mediaType": artifact.manifest_media_type,
                    "digest": artifact.digest,
                    "size": 0,
                });
                if !artifact.annotations.is_empty() {
                    shown["annotations"] = json!(artifact.annotations);
                }
                shown["artifactType"] = json!(artifact.artifact_type);
                (artifact.digest.clone(), shown)
            })
            .collect()
    };
    let mut manifests = Vec::with_capacity(rows.len());
    for (digest, mut shown) in rows {
        shown["size"] = json!(call.app.store.size(&digest).await.unwrap_or(0));
        manifests.push(shown);
    }
    let total = manifests.len();
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests});
    let mut answer = reply::done();
    *answer.body_mut() = Body::from(format!("{index}\n"));
    reply::set(&mut answer, "content-type", media_type);
    reply::set(&mut answer, "x-total-count", &total.to_string());
    if filter.is_some() {
        reply::set(&mut answer, "oci-filters-applied", "artifactType");
    }
    Ok(answer)
}
