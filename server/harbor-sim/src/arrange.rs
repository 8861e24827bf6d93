//! Content put into a simulator from inside, as its administrator and without HTTP: what tests and the demo arrange.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::clock;
use crate::identity::Who;
use crate::images::{self, Blob, Image};
use crate::model::{Label, Member, Severity, World};
use crate::reply::Refusal;
use crate::running::{Running, SimError};
use crate::world::{self, NewProject, Pushed};

fn administrator() -> Who {
    Who::User { id: 1, name: "admin".to_owned(), admin: true }
}

fn refused(what: &str, refusal: &Refusal) -> SimError {
    SimError::Seed { reason: format!("{what}: {}", Value::from(refusal.errors.clone())) }
}

fn failed(what: &str, error: &std::io::Error) -> SimError {
    SimError::Seed { reason: format!("{what}: {error}") }
}

/// The simulator's database at some moment.
#[derive(Debug, Clone)]
pub struct Dump(Box<World>);

impl Running {
    /// Makes a project and gives its id.
    pub fn create_project(&self, name: &str, public: bool) -> Result<i64, SimError> {
        let metadata = BTreeMap::from([("public".to_owned(), public.to_string())]);
        let new = NewProject { name: name.to_owned(), metadata, ..NewProject::default() };
        let made = world::create_project(&mut self.app().change(), &administrator(), new);
        made.map_err(|refusal| refused(name, &refusal))
    }

    /// Makes a user.
    pub fn create_user(&self, name: &str, password: &str) {
        world::add_user(&mut self.app().change(), name, password, &format!("{name}@example.com"), name);
    }

    /// Makes an existing user a member: 1 project administrator, 4 maintainer, 2 developer, 3 guest, 5 limited guest.
    pub fn add_member(&self, project: &str, user: &str, role: i64) -> Result<(), SimError> {
        let mut world = self.app().change();
        let user_id = world.users.values().find(|row| row.name == user).map(|row| row.id);
        let user_id = user_id.ok_or_else(|| SimError::Seed { reason: format!("no user {user}") })?;
        let id = world.ids.next("member");
        let row = world.project_mut(project);
        let row = row.ok_or_else(|| SimError::Seed { reason: format!("no project {project}") })?;
        row.members.push(Member { id, user_id, role });
        Ok(())
    }

    /// Puts a blob into a repository (`project/name`).
    pub async fn put_blob(&self, repository: &str, blob: &Blob) -> Result<(), SimError> {
        self.app().store.put(blob.bytes.clone()).await.map_err(|error| failed(repository, &error))?;
        let size = i64::try_from(blob.bytes.len()).unwrap_or(i64::MAX);
        let mut world = self.app().change();
        world::blob_row(&mut world, repository, &blob.digest, size);
        world::associate(&mut world, repository, &blob.digest);
        Ok(())
    }

    /// Puts a manifest under a tag or digest; what it refers to must be there.
    pub async fn put_manifest(&self, repository: &str, reference: &str, manifest: &Blob) -> Result<(), SimError> {
        let parsed = world::parse(&manifest.media_type, &manifest.bytes).map_err(|refusal| refused(repository, &refusal))?;
        let config = match &parsed.config {
            Some(config) => self.app().store.read(&config.digest).await.ok(),
            None => None,
        };
        let config: Option<Value> = config.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        self.app().store.put(manifest.bytes.clone()).await.map_err(|error| failed(repository, &error))?;
        let pushed = Pushed {
            who: &administrator(),
            version: self.app().config.version,
            name: repository,
            reference,
            digest: &manifest.digest,
            size: i64::try_from(manifest.bytes.len()).unwrap_or(i64::MAX),
            manifest: &parsed,
            config: config.as_ref(),
        };
        world::commit(&mut self.app().change(), &pushed).map_err(|refusal| refused(repository, &refusal))
    }

    /// Puts an image with all its blobs; blobs already in the repository are not written again.
    pub async fn push_image(&self, repository: &str, reference: &str, image: &Image) -> Result<(), SimError> {
        for blob in &image.blobs {
            let there = self.app().world().links.get(repository).is_some_and(|links| links.blobs.contains(&blob.digest));
            if !there {
                self.put_blob(repository, blob).await?;
            }
        }
        self.put_manifest(repository, reference, &image.manifest).await
    }

    /// Puts images by digest and an index over them by tag.
    pub async fn push_index(&self, repository: &str, reference: &str, images: &[&Image]) -> Result<Blob, SimError> {
        for image in images {
            self.push_image(repository, &image.manifest.digest.clone(), image).await?;
        }
        let index = images::index(images);
        self.put_manifest(repository, reference, &index).await?;
        Ok(index)
    }

    /// Installs a scanner: from now on policies on vulnerabilities count.
    pub fn install_scanner(&self) {
        self.app().change().scanner = true;
    }

    /// Has a scan find this in an artifact.
    pub fn scan(&self, repository: &str, digest: &str, worst: Severity) -> Result<(), SimError> {
        let mut world = self.app().change();
        let artifact = world.repo_mut(repository).and_then(|repo| repo.artifacts.get_mut(digest));
        let artifact = artifact.ok_or_else(|| SimError::Seed { reason: format!("no artifact {repository}@{digest}") })?;
        artifact.scanned = Some(worst);
        Ok(())
    }

    /// Signs a digest in cosign's old form and gives the signature.
    pub async fn sign(&self, repository: &str, digest: &str, seed: &str) -> Result<Image, SimError> {
        let signature = images::cosign_signature(repository, digest, seed);
        self.push_image(repository, &images::cosign_tag(digest), &signature).await?;
        Ok(signature)
    }

    /// Attaches a referrer by OCI 1.1's `subject`.
    pub async fn refer(&self, repository: &str, subject: &Blob, kind: &str, payload: &str) -> Result<Image, SimError> {
        let referrer = images::referrer(subject, kind, payload);
        self.push_image(repository, &referrer.manifest.digest.clone(), &referrer).await?;
        Ok(referrer)
    }

    /// Moves the times of all repositories back, as if nothing had happened in them for so long.
    pub fn age_repositories(&self, by: std::time::Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        for repo in self.app().change().projects.values_mut().flat_map(|project| project.repos.values_mut()) {
            repo.created = repo.created.saturating_sub(by);
            repo.updated = repo.updated.saturating_sub(by);
        }
    }

    /// The storage loses the bytes of a blob or manifest; the database knows nothing of it.
    pub async fn lose(&self, digest: &str) -> Result<(), SimError> {
        self.app().store.lose(digest).await.map_err(|error| failed(digest, &error))?;
        let mut world = self.app().change();
        let is_blob = world.blobs.get(digest).is_some_and(|row| !row.manifest);
        if !is_blob || !self.app().store.is_remembered(digest) {
            world.lost.insert(digest.to_owned());
        }
        Ok(())
    }

    /// The registry keeps the sizes of its blobs in a cache, as Harbor's installer sets it up: it says of what its storage lost that it is there.
    pub fn remember_sizes(&self) {
        self.app().store.remember_sizes();
    }

    /// The storage has other bytes under a blob's name.
    pub fn spoil(&self, digest: &str, bytes: &[u8]) {
        self.app().store.spoil(digest, bytes::Bytes::copy_from_slice(bytes));
    }

    /// The database as it is, as an operator's nightly dump has it.
    #[must_use]
    pub fn dump(&self) -> Dump {
        Dump(Box::new(self.app().world().clone()))
    }

    /// Restores a dump: rows, numbers and times are as they were, and storage keeps what came since.
    pub fn set_back(&self, dump: &Dump) {
        let mut world = self.app().change();
        let (links, lost) = (std::mem::take(&mut world.links), std::mem::take(&mut world.lost));
        *world = World { links, lost, ..World::clone(&dump.0) };
    }

    /// Purges audit rows: those for whose operation and resource `is_purged`.
    pub fn purge_audit(&self, is_purged: impl Fn(&str, &str) -> bool) {
        self.app().change().audit.retain(|row| !is_purged(&row.operation, &row.resource));
    }

    /// Writes the audit rows of so many pulls.
    pub fn pull_often(&self, repository: &str, tag: &str, times: usize) {
        let mut world = self.app().change();
        let Some(project_id) = world.repo(repository).map(|(project, _)| project.id) else { return };
        for _ in 0..times {
            let resource = format!("{repository}:{tag}");
            let what = format!("pull artifact: {resource}");
            world::audit(&mut world, &administrator(), project_id, "pull", "artifact", &resource, &what);
        }
    }

    /// Makes a label of a project and gives its id.
    pub fn create_label(&self, project: &str, name: &str, color: &str) -> Result<i64, SimError> {
        let mut world = self.app().change();
        let row = world.project(project);
        let project_id = row.ok_or_else(|| SimError::Seed { reason: format!("no project {project}") })?.id;
        let id = world.ids.next("label");
        let created = clock::now_us();
        let label = Label {
            id,
            name: name.to_owned(),
            description: String::new(),
            color: color.to_owned(),
            scope: "p".to_owned(),
            project_id,
            created,
            updated: created,
        };
        world.labels.insert(id, label);
        Ok(id)
    }

    /// Rights that calls of a robot needed so far, `system project:list` or `project repository:pull`, and whether it had them.
    pub fn rights_asked(&self, robot: &str) -> BTreeMap<String, bool> {
        let asked = self.app().world().asked.all();
        asked.into_iter().filter(|(who, ..)| who == robot).map(|(_, place, right, had)| (format!("{place} {right}"), had)).collect()
    }

    /// Puts a label on an artifact.
    pub fn attach_label(&self, repository: &str, digest: &str, label: i64) -> Result<(), SimError> {
        let mut world = self.app().change();
        let artifact = world.repo_mut(repository).and_then(|repo| repo.artifacts.get_mut(digest));
        let artifact = artifact.ok_or_else(|| SimError::Seed { reason: format!("no artifact {repository}@{digest}") })?;
        artifact.labels.push(label);
        Ok(())
    }

    /// Sets a repository's description.
    pub fn describe(&self, repository: &str, description: &str) {
        if let Some(repo) = self.app().change().repo_mut(repository) {
            description.clone_into(&mut repo.description);
        }
    }

    /// Adds a rule that makes tags of every repository immutable.
    pub fn make_immutable(&self, project: &str, tag_pattern: &str) {
        let mut world = self.app().change();
        let id = world.ids.next("immutable");
        if let Some(project) = world.project_mut(project) {
            let rule = json!({
                "disabled": false, "action": "immutable", "template": "immutable_template",
                "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": tag_pattern}],
                "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]},
            });
            project.immutable.insert(id, rule);
        }
    }

    /// Gives a project a retention policy that keeps the newest artifacts of each repository.
    pub fn retain_latest(&self, project: &str, count: u32) {
        let mut world = self.app().change();
        let Some(project_id) = world.project(project).map(|project| project.id) else {
            return;
        };
        let id = world.ids.next("retention");
        let policy = json!({
            "id": id, "algorithm": "or", "scope": {"level": "project", "ref": project_id},
            "trigger": {"kind": "Schedule", "settings": {"cron": "0 0 3 * * *"}},
            "rules": [{
                "action": "retain", "template": "latestPushedK", "params": {"latestPushedK": count},
                "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "**",
                                   "extras": "{\"untagged\":true}"}],
                "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]},
            }],
        });
        world.retentions.insert(id, policy);
        if let Some(project) = world.projects.get_mut(&project_id) {
            project.metadata.insert("retention_id".to_owned(), id.to_string());
        }
    }
}
