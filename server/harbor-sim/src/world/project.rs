//! Projects.

use std::collections::BTreeMap;

use serde_json::json;

use super::audit;
use crate::clock;
use crate::identity::Who;
use crate::model::{Member, Project, Quota, World};
use crate::reply::Refusal;

/// The longest project name.
const NAME_MAX: usize = 255;

/// A project to make.
#[derive(Debug, Default)]
pub struct NewProject {
    pub name: String,
    pub metadata: BTreeMap<String, String>,
    /// Bytes; honoured by the caller's rights, already decided.
    pub storage_limit: Option<i64>,
}

/// Lower-case letters and digits, with single separators inside.
pub fn valid_name(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    (1..=NAME_MAX).contains(&name.len())
        && edge(name.chars().next())
        && edge(name.chars().last())
        && name.chars().all(inner)
        && !["..", "._", "_.", ".-", "-."].iter().any(|pair| name.contains(pair))
}

/// Makes a project and gives its id.
pub fn create_project(world: &mut World, who: &Who, new: NewProject) -> Result<i64, Refusal> {
    if !valid_name(&new.name) {
        return Err(Refusal::bad_request("project name is not in lower case or contains illegal characters"));
    }
    if world.project(&new.name).is_some() {
        return Err(Refusal::conflict(format!("The project named {} already exists", new.name)));
    }
    let metadata = metadata_at_birth(new.metadata)?;
    let id = world.ids.next("project");
    let created = clock::now_us();
    let default_limit = super::setting(world, "storage_per_project", json!(-1)).as_i64().unwrap_or(-1);
    let hard = new.storage_limit.filter(|limit| *limit != 0).unwrap_or(default_limit);
    let quota = Quota { id: world.ids.next("quota"), hard, created, updated: created };
    let owner_id = who.user_id();
    let member = Member { id: world.ids.next("member"), user_id: owner_id, role: 1 };
    let project = Project {
        id,
        name: new.name.clone(),
        owner_id,
        metadata,
        cve_items: Vec::new(),
        cve_expires_at: None,
        created,
        updated: created,
        quota,
        members: vec![member],
        immutable: BTreeMap::new(),
        webhooks: BTreeMap::new(),
        repos: BTreeMap::new(),
        blobs: std::collections::BTreeSet::new(),
        left: BTreeMap::new(),
    };
    world.projects.insert(id, project);
    audit(world, who, id, "create", "project", &new.name, &format!("create project: {}", new.name));
    Ok(id)
}

/// What a project may be born with: no retention policy, and private unless it says otherwise.
fn metadata_at_birth(mut metadata: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Refusal> {
    if metadata.get("retention_id").is_some_and(|id| !id.is_empty()) {
        return Err(Refusal::bad_request(
            "bad request: the retention_id in the request's payload when creating a project should be omitted, \
             alternatively passing an empty string",
        ));
    }
    metadata.remove("retention_id");
    metadata.entry("public".to_owned()).or_insert_with(|| "false".to_owned());
    Ok(metadata)
}

/// Why a project cannot be deleted, if it cannot.
pub fn deletable(project: &Project) -> Option<&'static str> {
    (!project.repos.is_empty()).then_some("the project contains repositories, can not be deleted")
}

/// Deletes an empty project; its robots, labels and retention policy go with it.
pub fn delete_project(world: &mut World, who: &Who, id: i64) -> Result<(), Refusal> {
    let Some(project) = world.projects.get(&id) else {
        return Err(Refusal::not_found(format!("project {id} not found")));
    };
    if let Some(reason) = deletable(project) {
        return Err(Refusal::precondition(format!("precondition failed: {reason}")));
    }
    let name = project.name.clone();
    world.projects.remove(&id);
    world.robots.retain(|_, robot| robot.project_id != id);
    world.labels.retain(|_, label| label.scope != "p" || label.project_id != id);
    world.retentions.retain(|_, policy| policy["scope"]["ref"].as_i64() != Some(id));
    audit(world, who, id, "delete", "project", &name, &format!("delete project: {name}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_names_follow_harbors_rule() {
        for good in ["a", "shop", "ml-models", "a__b", "a.b-c", "1"] {
            assert!(valid_name(good), "{good}");
        }
        for bad in ["", "Bad Name", "-a", "a-", "a..b", "a._b", "ä"] {
            assert!(!valid_name(bad), "{bad}");
        }
    }
}
