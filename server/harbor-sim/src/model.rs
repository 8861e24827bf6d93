//! What the simulator remembers: plain rows, serialised as they are into the state file.
//!
//! Two layers are kept apart because Harbor keeps them apart and clients meet the difference: Harbor's own tables
//! (projects, repositories, artifacts, tags, blob rows) and the registry's storage behind it (which blob and manifest is
//! linked in which repository name). Deleting an artifact touches the first only; garbage collection touches the second
//! (harbor.md §4).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::permission::Asked;

/// One resource and action a robot may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub resource: String,
    pub action: String,
}

/// One block of a robot's permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub kind: String,
    pub namespace: String,
    pub access: Vec<Access>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Robot {
    pub id: i64,
    /// The name without the prefix `robot$`, with `<project>+` for a project's robot.
    pub name: String,
    pub description: String,
    pub secret: Secret,
    /// Zero for a system robot.
    pub project_id: i64,
    pub duration: i64,
    pub expires_at: i64,
    pub disabled: bool,
    pub creator_ref: i64,
    pub creator_type: String,
    pub permissions: Vec<Grant>,
    pub created: i64,
    pub updated: i64,
}

/// A salted hash of a password.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secret {
    pub salt: String,
    pub hash: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    pub id: i64,
    pub name: String,
    pub secret: Secret,
    pub email: String,
    pub realname: String,
    pub comment: String,
    pub sysadmin: bool,
    pub created: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    pub id: i64,
    pub user_id: i64,
    pub role: i64,
}

/// The quota of a project; minus one is "no limit".
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Quota {
    pub id: i64,
    pub hard: i64,
    pub created: i64,
    pub updated: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Project {
    pub id: i64,
    pub name: String,
    pub owner_id: i64,
    pub metadata: BTreeMap<String, String>,
    pub cve_items: Vec<String>,
    pub cve_expires_at: Option<i64>,
    pub created: i64,
    pub updated: i64,
    pub quota: Quota,
    pub members: Vec<Member>,
    pub immutable: BTreeMap<i64, Value>,
    pub webhooks: BTreeMap<i64, Value>,
    /// Repositories by their name within the project.
    pub repos: BTreeMap<String, Repo>,
    /// Blobs that count towards the quota: each digest once.
    pub blobs: BTreeSet<String>,
    /// What deleted repositories left behind, by their names: things about something elsewhere, which Harbor does not list and so does not
    /// delete. They are given out by digest, and take no tag that anybody sees (seen on 2.12.4 and 2.15.2).
    #[serde(default)]
    pub left: BTreeMap<String, Repo>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Repo {
    pub id: i64,
    /// The name within the project.
    pub name: String,
    pub description: String,
    pub pull_count: i64,
    pub created: i64,
    pub updated: i64,
    pub artifacts: BTreeMap<String, Artifact>,
    pub tags: BTreeMap<String, TagRow>,
    pub accessories: BTreeMap<i64, Accessory>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Artifact {
    pub id: i64,
    pub digest: String,
    pub kind: String,
    pub media_type: String,
    pub manifest_media_type: String,
    pub artifact_type: String,
    pub size: i64,
    pub push_time: i64,
    pub pull_time: i64,
    pub annotations: BTreeMap<String, String>,
    pub extra_attrs: Option<Value>,
    pub children: Vec<Child>,
    /// Blobs and manifest of this artifact, for quota and collection.
    pub blobs: BTreeSet<String>,
    pub labels: Vec<i64>,
    /// The worst severity that a scan found; `None` was never scanned.
    #[serde(default)]
    pub scanned: Option<Severity>,
}

/// How bad a vulnerability is, and from where on a project blocks pulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    None,
    Low,
    Medium,
    High,
    Critical,
}

/// One member of an index.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Child {
    pub digest: String,
    pub platform: Option<Value>,
    pub annotations: BTreeMap<String, String>,
    pub urls: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TagRow {
    pub id: i64,
    pub name: String,
    pub digest: String,
    pub push_time: i64,
    pub pull_time: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Accessory {
    pub id: i64,
    pub digest: String,
    pub subject: String,
    pub kind: String,
    pub created: i64,
}

/// Harbor's row about one blob or manifest in storage.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BlobRow {
    /// The size Harbor believes, which counts for quotas; see harbor.md §5 "Upload shape".
    pub size: i64,
    pub manifest: bool,
    pub updated: i64,
}

/// What the registry's storage links under one repository name. Outlives the repository until garbage collection.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Links {
    pub blobs: BTreeSet<String>,
    /// Manifest digest to media type.
    pub manifests: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Label {
    pub id: i64,
    pub name: String,
    pub description: String,
    pub color: String,
    pub scope: String,
    pub project_id: i64,
    pub created: i64,
    pub updated: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditRow {
    pub id: i64,
    pub op_time: i64,
    pub username: String,
    pub operation: String,
    pub resource_type: String,
    pub resource: String,
    pub description: String,
    pub project_id: i64,
    /// In the log that came with 2.13, which counts for itself.
    #[serde(default)]
    pub extended: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Collection {
    pub id: i64,
    pub parameters: Value,
    pub created: i64,
    pub updated: i64,
    pub log: String,
}

/// A run of tag retention.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RetentionRun {
    pub id: i64,
    pub policy_id: i64,
    pub dry_run: bool,
    pub started: i64,
    pub tasks: Vec<RetentionTask>,
}

/// What it came to in one repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RetentionTask {
    pub id: i64,
    pub repository: String,
    pub total: usize,
    pub retained: usize,
    pub log: String,
}

/// The counters behind every id.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Ids(BTreeMap<String, i64>);

impl Ids {
    pub fn next(&mut self, kind: &str) -> i64 {
        let last = self.0.entry(kind.to_owned()).or_insert(0);
        *last += 1;
        *last
    }
}

/// Everything the simulator remembers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct World {
    pub ids: Ids,
    pub users: BTreeMap<i64, User>,
    pub projects: BTreeMap<i64, Project>,
    pub robots: BTreeMap<i64, Robot>,
    pub labels: BTreeMap<i64, Label>,
    pub retentions: BTreeMap<i64, Value>,
    pub blobs: BTreeMap<String, BlobRow>,
    /// Storage links by full repository name.
    pub links: BTreeMap<String, Links>,
    /// What storage lost; the database knows nothing of it.
    #[serde(default)]
    pub lost: BTreeSet<String>,
    /// Blobs that were pushed under a digest by SHA-512, with the one they are stored under.
    #[serde(default)]
    pub aliases: BTreeMap<String, String>,
    pub audit: Vec<AuditRow>,
    /// Which of the two logs is written.
    #[serde(default)]
    pub extended_audit: bool,
    /// Whether it tells of members and of changed projects.
    #[serde(default)]
    pub audits_members: bool,
    pub collections: Vec<Collection>,
    #[serde(default)]
    pub retention_runs: Vec<RetentionRun>,
    /// The saved schedule of garbage collection, if one was set.
    pub gc_schedule: Option<Value>,
    /// Settings that were changed; the others have their defaults.
    pub settings: BTreeMap<String, Value>,
    pub token_key: String,
    /// Whether a scanner is installed: without one nothing can be scanned, and the policy on vulnerabilities blocks nothing.
    #[serde(default)]
    pub scanner: bool,
    /// True once the demo's sample world was made.
    pub seeded: bool,
    /// Rights that calls needed.
    #[serde(skip)]
    pub asked: Asked,
}

impl World {
    pub fn read_only(&self) -> bool {
        self.settings.get("read_only") == Some(&Value::Bool(true))
    }

    pub fn project(&self, name: &str) -> Option<&Project> {
        self.projects.values().find(|project| project.name == name)
    }

    pub fn project_mut(&mut self, name: &str) -> Option<&mut Project> {
        self.projects.values_mut().find(|project| project.name == name)
    }

    /// The project and repository of a full name `project/repository`.
    pub fn repo(&self, full: &str) -> Option<(&Project, &Repo)> {
        let (project, repo) = full.split_once('/')?;
        let project = self.project(project)?;
        Some((project, project.repos.get(repo)?))
    }

    /// What a deleted repository of this full name left behind, if that has this digest and the repository of now has it not.
    pub fn left(&self, full: &str, digest: &str) -> Option<(&Project, &Repo)> {
        let (project, repo) = full.split_once('/')?;
        let project = self.project(project)?;
        let is_there = project.repos.get(repo).is_some_and(|repo| repo.artifacts.contains_key(digest));
        let left = project.left.get(repo).filter(|left| !is_there && left.artifacts.contains_key(digest))?;
        Some((project, left))
    }

    /// The repository that has what a reference names, or what one of its name left behind.
    pub fn holder(&self, full: &str, reference: &str) -> Option<(&Project, &Repo)> {
        self.left(full, reference).or_else(|| self.repo(full))
    }

    pub fn left_mut(&mut self, full: &str) -> Option<&mut Repo> {
        let (project, repo) = full.split_once('/')?;
        self.project_mut(project)?.left.get_mut(repo)
    }

    pub fn repo_mut(&mut self, full: &str) -> Option<&mut Repo> {
        let (project, repo) = full.split_once('/')?;
        self.project_mut(project)?.repos.get_mut(repo)
    }

    pub fn user_name(&self, id: i64) -> &str {
        self.users.get(&id).map_or("", |user| user.name.as_str())
    }

    /// Bytes a project uses: each blob once.
    pub fn used(&self, project: &Project) -> i64 {
        project.blobs.iter().filter_map(|digest| self.blobs.get(digest)).map(|row| row.size).sum()
    }
}

impl Repo {
    /// The digest a tag or digest names.
    pub fn resolve<'a>(&'a self, reference: &'a str) -> Option<&'a str> {
        let digest = if reference.contains(':') { reference } else { &self.tags.get(reference)?.digest };
        self.artifacts.get(digest).map(|artifact| artifact.digest.as_str())
    }

    pub fn is_accessory(&self, digest: &str) -> bool {
        self.accessories.values().any(|accessory| accessory.digest == digest)
    }

    pub fn is_tagged(&self, digest: &str) -> bool {
        self.tags.values().any(|tag| tag.digest == digest)
    }

    pub fn is_child(&self, digest: &str) -> bool {
        self.artifacts.values().any(|artifact| artifact.children.iter().any(|child| child.digest == digest))
    }
}
