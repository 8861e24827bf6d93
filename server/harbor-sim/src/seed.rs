//! Content put into a simulator from inside, as its administrator, without HTTP: what tests arrange and the demo's world.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::clock;
use crate::identity::Who;
use crate::images::{self, Blob, File, Image, Layer, Spec};
use crate::model::{Label, Member};
use crate::reply::Refusal;
use crate::running::{Running, SimError};
use crate::world::{self, NewProject, Pushed};

/// The size of one layer of a sample model.
const MODEL_LAYER_BYTES: usize = 8 * 1024 * 1024;

fn administrator() -> Who {
    Who::User { id: 1, name: "admin".to_owned(), admin: true }
}

fn refused(what: &str, refusal: &Refusal) -> SimError {
    SimError::Seed { reason: format!("{what}: {}", Value::from(refusal.errors.clone())) }
}

fn failed(what: &str, error: &std::io::Error) -> SimError {
    SimError::Seed { reason: format!("{what}: {error}") }
}

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
        let Some(project_id) = world.project(project).map(|project| project.id) else { return };
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

/// The layers all sample services share.
fn base_layers() -> Vec<Layer> {
    let release = b"NAME=\"Sample Linux\"\nID=sample\nVERSION_ID=12\n";
    let passwd = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
    let files = [
        File { path: "etc/os-release", mode: 0o644, content: release },
        File { path: "etc/passwd", mode: 0o644, content: passwd },
    ];
    vec![
        images::layer("ADD rootfs.tar / # sample base", &files),
        images::random_layer("base/runtime", "usr/lib/libruntime.so", 600 * 1024),
        images::random_layer("base/certificates", "etc/ssl/certs/ca-bundle.crt", 180 * 1024),
    ]
}

/// A sample service: the shared base, one layer of libraries per minor version, one of code per version.
fn service(name: &str, version: &str, architecture: &str) -> Image {
    let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
    let mut layers = base_layers();
    let libraries = format!("opt/{name}/lib/vendor.bin");
    layers.push(images::random_layer(&format!("{name}/{minor}/{architecture}"), &libraries, 220 * 1024));
    let program = format!("opt/{name}/bin/{name}");
    let text = format!("#!/bin/sh\necho '{name} {version} ({architecture})'\n");
    let file = File { path: &program, mode: 0o755, content: text.as_bytes() };
    layers.push(images::layer(&format!("COPY {name} /{program}"), &[file]));
    let command = format!("/{program}");
    images::image(&Spec {
        architecture,
        command: &[&command],
        labels: &[("org.opencontainers.image.title", name), ("org.opencontainers.image.version", version)],
        layers: &layers,
        docker: false,
    })
}

/// Makes the demo's world, once: a second call, or a start with saved data, changes nothing.
pub async fn demo(harbor: &Running) -> Result<(), SimError> {
    if harbor.app().world().seeded {
        return Ok(());
    }
    shop(harbor).await?;
    models(harbor).await?;
    payments(harbor).await?;
    library(harbor).await?;
    harbor.app().change().seeded = true;
    Ok(())
}

async fn shop(harbor: &Running) -> Result<(), SimError> {
    harbor.create_project("shop", false)?;
    let production = harbor.create_label("shop", "production", "#0b7285")?;
    let candidate = harbor.create_label("shop", "release-candidate", "#e67700")?;
    for (repository, versions) in [
        ("web", &["1.0.0", "1.1.0", "1.1.1", "1.2.0", "1.3.0"][..]),
        ("api", &["2.0.0", "2.0.1", "2.1.0", "2.2.0-rc1"][..]),
        ("team/worker", &["0.9.0", "0.9.1", "1.0.0"][..]),
        ("team/scheduler", &["0.1.0", "0.2.0"][..]),
    ] {
        let name = format!("shop/{repository}");
        let short = repository.rsplit('/').next().unwrap_or(repository);
        for version in versions {
            harbor.push_image(&name, version, &service(short, version, "amd64")).await?;
        }
        let newest = service(short, versions.last().copied().unwrap_or_default(), "amd64");
        harbor.put_manifest(&name, "latest", &newest.manifest).await?;
    }
    let live = service("web", "1.3.0", "amd64").manifest;
    harbor.attach_label("shop/web", &live.digest, production)?;
    harbor.attach_label("shop/api", &service("api", "2.2.0-rc1", "amd64").manifest.digest, candidate)?;
    harbor.sign("shop/web", &live.digest, "release key").await?;
    let packages = images::spdx("shop-web-1.3.0", &["runtime", "vendor", "web"]);
    let packages = harbor.refer("shop/web", &live, images::SPDX, &packages).await?;
    harbor.sign("shop/web", &packages.manifest.digest, "release key").await?;
    let both = [service("web", "1.4.0", "amd64"), service("web", "1.4.0", "arm64")];
    harbor.push_index("shop/web", "1.4.0", &[&both[0], &both[1]]).await?;
    harbor.describe("shop/web", "The storefront. Signed releases, a list of packages for each.");
    harbor.describe("shop/api", "Orders and stock.");
    harbor.push_image("shop/charts/shop", "1.3.0", &images::chart("shop", "1.3.0")).await
}

async fn models(harbor: &Running) -> Result<(), SimError> {
    harbor.create_project("ml-models", false)?;
    for (repository, versions) in [("recommender", &["2026-08", "2026-09"][..]), ("fraud-score", &["v7"][..])] {
        for version in versions {
            let mut layers = base_layers();
            for part in 0..2 {
                // the first part is shared by all versions, as fine-tuned models share their base
                let seed = if part == 0 { repository.to_owned() } else { format!("{repository}/{version}") };
                layers.push(images::random_layer(&seed, &format!("model/weights-{part}.bin"), MODEL_LAYER_BYTES));
            }
            let image = images::image(&Spec {
                architecture: "amd64",
                command: &["/bin/serve-model"],
                labels: &[("model.version", version)],
                layers: &layers,
                docker: true,
            });
            harbor.push_image(&format!("ml-models/{repository}"), version, &image).await?;
        }
    }
    Ok(())
}

async fn payments(harbor: &Running) -> Result<(), SimError> {
    harbor.create_project("payments", false)?;
    for version in ["v1.0.0", "v1.0.1", "v1.1.0", "nightly"] {
        harbor.push_image("payments/gateway", version, &service("gateway", version, "amd64")).await?;
    }
    harbor.push_image("payments/ledger", "v3.2.0", &service("ledger", "v3.2.0", "amd64")).await?;
    harbor.make_immutable("payments", "v*");
    harbor.retain_latest("payments", 10);
    let users: Vec<String> =
        harbor.app().world().users.values().filter(|user| user.id != 1).map(|user| user.name.clone()).collect();
    for user in users {
        for project in ["shop", "payments"] {
            harbor.add_member(project, &user, 2)?;
        }
    }
    Ok(())
}

async fn library(harbor: &Running) -> Result<(), SimError> {
    let image = images::image(&Spec {
        architecture: "amd64",
        command: &["/bin/sh"],
        labels: &[],
        layers: &base_layers(),
        docker: false,
    });
    harbor.push_image("library/sample-linux", "12", &image).await?;
    harbor.put_manifest("library/sample-linux", "latest", &image.manifest).await
}
