//! How rows look in answers. Absent values follow the recordings: some are `null`, some are left out.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::app::Version;
use crate::clock;
use crate::identity::Who;
use crate::model::{Accessory, Artifact, Label, Project, Repo, TagRow, World};
use crate::permission;
use crate::query::Params;
use crate::world;

/// Harbor's picture for signatures.
const ICON_SIGNATURE: &str = "sha256:20401d5b3a0f6dbc607c8d732eb08471af4ae6b19811a4efce8c6a724aed2882";
const ICON_IMAGE: &str = "sha256:0048162a053eef4d4ce3fe7518615bef084403614f8bca43b40ae2e762e11e06";
const ICON_CHART: &str = "sha256:61cf3a178ff0f75bf08a25d96b75cf7355dc197749a9f128ed3ef34b0df05518";
const ICON_OTHER: &str = "sha256:da834479c923584f4cbcdecc0dac61f32bef1d51e8aae598cf16bd154efab49f";

pub fn project(world: &World, who: &Who, project: &Project) -> Value {
    let mut shown = json!({
        "creation_time": clock::text(project.created),
        "current_user_role_ids": null,
        "cve_allowlist": {
            "creation_time": clock::NEVER,
            "id": project.id,
            "items": project.cve_items.iter().map(|id| json!({"cve_id": id})).collect::<Vec<_>>(),
            "project_id": project.id,
            "update_time": clock::NEVER,
        },
        "metadata": project.metadata,
        "name": project.name,
        "owner_id": project.owner_id,
        "owner_name": world.user_name(project.owner_id),
        "project_id": project.id,
        "repo_count": project.repos.len(),
        "update_time": clock::text(project.updated),
    });
    if let Some(expires_at) = project.cve_expires_at {
        shown["cve_allowlist"]["expires_at"] = json!(expires_at);
    }
    if let Some(role) = permission::role_of(who, project) {
        shown["current_user_role_id"] = json!(role);
        shown["current_user_role_ids"] = json!([role]);
    }
    shown
}

pub fn repository(project: &Project, repo: &Repo) -> Value {
    let view = View::new(project, repo);
    let listed = repo.artifacts.values().filter(|artifact| view.is_listed(artifact, false)).count();
    let mut shown = json!({
        "artifact_count": listed,
        "creation_time": clock::text(repo.created),
        "id": repo.id,
        "name": format!("{}/{}", project.name, repo.name),
        "project_id": project.id,
        "pull_count": repo.pull_count,
        "update_time": clock::text(repo.updated),
    });
    if !repo.description.is_empty() {
        shown["description"] = json!(repo.description);
    }
    shown
}

/// What to show of artifacts.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    pub tags: bool,
    pub labels: bool,
    pub accessories: bool,
    pub immutable: bool,
}

impl Parts {
    pub fn of(params: &Params) -> Self {
        Self {
            tags: params.flag("with_tag", true),
            labels: params.flag("with_label", false),
            accessories: params.flag("with_accessory", false),
            immutable: params.flag("with_immutable_status", false),
        }
    }
}

/// One repository for a listing: what decides whether an artifact is listed, and its rows gathered by digest, so that no artifact costs a search.
pub struct View<'a> {
    pub project: &'a Project,
    pub repo: &'a Repo,
    accessories: HashSet<&'a str>,
    children: HashSet<&'a str>,
    gathered: OnceCell<Gathered<'a>>,
}

struct Gathered<'a> {
    tags: HashMap<&'a str, Vec<&'a TagRow>>,
    attached: HashMap<&'a str, Vec<&'a Accessory>>,
}

impl<'a> Gathered<'a> {
    fn of(repo: &'a Repo, wanted: impl Fn(&str) -> bool) -> Self {
        let mut gathered = Self { tags: HashMap::new(), attached: HashMap::new() };
        for tag in repo.tags.values().filter(|tag| wanted(&tag.digest)) {
            gathered.tags.entry(&tag.digest).or_default().push(tag);
        }
        for tags in gathered.tags.values_mut() {
            tags.sort_by_key(|tag| std::cmp::Reverse((tag.push_time, tag.id)));
        }
        for row in repo.accessories.values().filter(|row| wanted(&row.subject)) {
            gathered.attached.entry(&row.subject).or_default().push(row);
        }
        gathered
    }
}

impl<'a> View<'a> {
    pub fn new(project: &'a Project, repo: &'a Repo) -> Self {
        let accessories = repo.accessories.values().map(|row| row.digest.as_str()).collect();
        let children = repo.artifacts.values().flat_map(|artifact| &artifact.children).map(|child| child.digest.as_str()).collect();
        Self { project, repo, accessories, children, gathered: OnceCell::new() }
    }

    /// Of one artifact alone.
    pub fn of_one(project: &'a Project, repo: &'a Repo, artifact: &Artifact) -> Self {
        let gathered = OnceCell::from(Gathered::of(repo, |digest| *digest == artifact.digest));
        Self { project, repo, accessories: HashSet::new(), children: HashSet::new(), gathered }
    }

    /// Only these will be asked for, unless others were already: a page of a repository of very many.
    pub fn narrow(&self, digests: &HashSet<&str>) {
        self.gathered.get_or_init(|| Gathered::of(self.repo, |digest| digests.contains(digest)));
    }

    fn gathered(&self) -> &Gathered<'a> {
        self.gathered.get_or_init(|| Gathered::of(self.repo, |_| true))
    }

    /// Accessories are never listed; untagged children only with `base=*`.
    pub fn is_listed(&self, artifact: &Artifact, base: bool) -> bool {
        let digest = artifact.digest.as_str();
        let is_plain = base || !self.children.contains(digest);
        !self.accessories.contains(digest) && (is_plain || self.gathered().tags.contains_key(digest))
    }

    pub fn tags_of(&self, artifact: &Artifact) -> &[&'a TagRow] {
        self.gathered().tags.get(artifact.digest.as_str()).map_or(&[], Vec::as_slice)
    }

    pub fn name(&self) -> String {
        format!("{}/{}", self.project.name, self.repo.name)
    }

    /// One artifact.
    pub fn artifact(&self, world: &World, version: Version, artifact: &Artifact, parts: Parts) -> Value {
        let mut shown = json!({
            "accessories": null, "labels": null, "tags": null, "references": null,
            "digest": artifact.digest,
            "icon": icon(&artifact.kind),
            "id": artifact.id,
            "manifest_media_type": artifact.manifest_media_type,
            "media_type": artifact.media_type,
            "project_id": self.project.id,
            "pull_time": clock::text(artifact.pull_time),
            "push_time": clock::text(artifact.push_time),
            "repository_id": self.repo.id,
            "size": artifact.size,
            "type": artifact.kind,
        });
        if version >= Version::V2_12_4 {
            shown["repository_name"] = json!(self.name());
            if !artifact.artifact_type.is_empty() {
                shown["artifact_type"] = json!(artifact.artifact_type);
            }
        }
        if let Some(attrs) = &artifact.extra_attrs {
            shown["extra_attrs"] = attrs.clone();
        }
        if !artifact.annotations.is_empty() {
            shown["annotations"] = json!(artifact.annotations);
        }
        if let Some(links) = self.addition_links(artifact) {
            shown["addition_links"] = links;
        }
        if !artifact.children.is_empty() {
            shown["references"] = self.references(artifact);
        }
        let tags = self.tags_of(artifact);
        if parts.tags && !tags.is_empty() {
            shown["tags"] = tags.iter().map(|row| self.tag(row, parts.immutable)).collect();
        }
        if parts.labels && !artifact.labels.is_empty() {
            shown["labels"] = artifact.labels.iter().filter_map(|id| world.labels.get(id)).map(label).collect();
        }
        let attached = self.attached_to(&artifact.digest);
        if parts.accessories && !attached.is_empty() {
            shown["accessories"] = attached.iter().map(|row| self.accessory(row)).collect();
        }
        shown
    }

    fn references(&self, artifact: &Artifact) -> Value {
        let one = |child: &crate::model::Child| {
            let urls = if child.urls.is_empty() { Value::Null } else { json!(child.urls) };
            let mut shown = json!({
                "child_digest": child.digest,
                "child_id": self.repo.artifacts.get(&child.digest).map_or(0, |row| row.id),
                "parent_id": artifact.id,
                "urls": urls,
            });
            if let Some(platform) = &child.platform {
                shown["platform"] = platform.clone();
            }
            if !child.annotations.is_empty() {
                shown["annotations"] = json!(child.annotations);
            }
            shown
        };
        artifact.children.iter().map(one).collect()
    }

    fn addition_links(&self, artifact: &Artifact) -> Option<Value> {
        let names: &[&str] = match artifact.kind.as_str() {
            "IMAGE" if artifact.children.is_empty() && artifact.extra_attrs.is_some() => &["build_history"],
            "CHART" => &["dependencies", "readme.md", "values.yaml"],
            _ => return None,
        };
        let repo = self.repo.name.replace('/', "%252F");
        let start = format!("/api/v2.0/projects/{}/repositories/{repo}/artifacts/{}", self.project.name, artifact.digest);
        let link = |name: &&str| ((*name).to_owned(), json!({"absolute": false, "href": format!("{start}/additions/{name}")}));
        Some(Value::Object(names.iter().map(link).collect()))
    }

    /// Accessories whose own artifact is still there.
    pub fn attached_to(&self, digest: &str) -> Vec<&'a Accessory> {
        let rows = self.gathered().attached.get(digest).into_iter().flatten();
        rows.filter(|row| self.repo.artifacts.contains_key(&row.digest)).copied().collect()
    }

    pub fn accessory(&self, row: &Accessory) -> Value {
        let own = self.repo.artifacts.get(&row.digest);
        let icon = if row.kind.starts_with("signature.") { ICON_SIGNATURE } else { "" };
        json!({
            "artifact_id": own.map_or(0, |artifact| artifact.id),
            "creation_time": clock::text(row.created),
            "digest": row.digest,
            "icon": icon,
            "id": row.id,
            "size": own.map_or(0, |artifact| artifact.size),
            "subject_artifact_digest": row.subject,
            "subject_artifact_id": self.repo.artifacts.get(&row.subject).map_or(0, |artifact| artifact.id),
            "subject_artifact_repo": self.name(),
            "type": row.kind,
        })
    }

    pub fn tag(&self, row: &TagRow, with_immutable: bool) -> Value {
        json!({
            "artifact_id": self.repo.artifacts.get(&row.digest).map_or(0, |artifact| artifact.id),
            "id": row.id,
            "immutable": with_immutable && world::is_immutable(self.project, &self.repo.name, &row.name),
            "name": row.name,
            "pull_time": clock::text(row.pull_time),
            "push_time": clock::text(row.push_time),
            "repository_id": self.repo.id,
        })
    }
}

fn icon(kind: &str) -> &'static str {
    match kind {
        "IMAGE" => ICON_IMAGE,
        "CHART" => ICON_CHART,
        _ => ICON_OTHER,
    }
}

pub fn label(row: &Label) -> Value {
    let mut shown = json!({
        "color": row.color,
        "creation_time": clock::text(row.created),
        "id": row.id,
        "name": row.name,
        "scope": row.scope,
        "update_time": clock::text(row.updated),
    });
    if row.project_id != 0 {
        shown["project_id"] = json!(row.project_id);
    }
    if !row.description.is_empty() {
        shown["description"] = json!(row.description);
    }
    shown
}
