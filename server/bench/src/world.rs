//! The Harbor that is measured, and the images in it: a project of its own with a random name, removed at the end.

use std::collections::{BTreeMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use harbor_sim::images::{self, Blob, Image, Layer, Spec};
use harbor_sim::{Config, Running};
use registry::{Client, CreatedRobot, Reference, RobotSpec};
use secrecy::ExposeSecret;
use vocab::{ProjectName, RepositoryName, Tag};

use crate::tools::REPOSITORY;
use crate::{Failure, ours};

/// Layers that every image has.
const SHARED: usize = 3;
const SHARED_BYTES: usize = 2 * 1024 * 1024;
/// Layers of which every image has one.
const FAMILIES: usize = 10;
const FAMILY_BYTES: usize = 1024 * 1024;
/// The layer that is an image's own.
const OWN_BYTES: usize = 128 * 1024;
/// Images pushed at a time; more than Harbor's quota lock lets through is no use.
const PUSHES: usize = 4;

/// The Harbor.
pub(crate) struct Harbor {
    pub url: String,
    pub kind: String,
    admin: Client,
    /// Kept alive while it is measured.
    _sim: Option<Running>,
}

impl Harbor {
    /// The one `HARBOR_URL` names, else a simulator.
    pub async fn start() -> Result<Self, Failure> {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        if let Some(url) = variable("HARBOR_URL") {
            let missing = "HARBOR_URL needs HARBOR_USER and HARBOR_PASSWORD";
            let (user, password) = (variable("HARBOR_USER").ok_or(missing)?, variable("HARBOR_PASSWORD").ok_or(missing)?);
            let admin = ours::client(&url, &user, &password)?;
            admin.prove_login().await?;
            let version = admin.system_info().await?.version_text;
            let kind = format!("a real Harbor, version {version}");
            return Ok(Self { url: url.trim_end_matches('/').to_owned(), kind, admin, _sim: None });
        }
        let sim = harbor_sim::start(Config::default()).await?;
        let (user, password) = sim.admin();
        let admin = ours::client(&sim.url(), user, password)?;
        Ok(Self { url: sim.url(), kind: "the simulator, not a real Harbor".to_owned(), admin, _sim: Some(sim) })
    }
}

/// A project with one repository of many tags.
pub(crate) struct World<'a> {
    harbor: &'a Harbor,
    pub project: ProjectName,
    repository: RepositoryName,
    pub reader: CreatedRobot,
    pub writer: CreatedRobot,
    push: Client,
    shared: Vec<Layer>,
    families: Vec<Layer>,
    /// How often each tag was changed.
    generations: Vec<u32>,
    /// What the repository is known to hold, so that a layer is sent once.
    sent: tokio::sync::Mutex<HashSet<String>>,
}

impl<'a> World<'a> {
    /// Makes the project and the two robots the product would have. Once this returned, [`World::remove`] is owed, whatever happens.
    pub async fn make(harbor: &'a Harbor, tags: usize) -> Result<Self, Failure> {
        let project: ProjectName = format!("bwbench{}", &uuid::Uuid::new_v4().simple().to_string()[..10]).parse()?;
        harbor.admin.create_project(&project, false).await?;
        match Self::with_robots(harbor, &project, tags).await {
            Ok(world) => Ok(world),
            Err(error) => {
                harbor.admin.delete_project(&project).await?;
                Err(error)
            }
        }
    }

    async fn with_robots(harbor: &'a Harbor, project: &ProjectName, tags: usize) -> Result<Self, Failure> {
        let reader = harbor.admin.create_robot(&RobotSpec::least_privilege_backup(&format!("{project}-read"))).await?;
        let writer = harbor.admin.create_robot(&RobotSpec::least_privilege_restore(&format!("{project}-write"))).await?;
        let push = ours::client(&harbor.url, &writer.name, writer.secret.expose_secret())?;
        let layers = |kind: &str, count: usize, size_bytes: usize| {
            let layer = |at| images::random_layer(&format!("bench/{kind}/{at}"), &format!("{kind}/{at}.bin"), size_bytes);
            (0..count).map(layer).collect::<Vec<_>>()
        };
        Ok(Self {
            harbor,
            repository: format!("{project}/{REPOSITORY}").parse()?,
            project: project.clone(),
            reader,
            writer,
            push,
            shared: layers("shared", SHARED, SHARED_BYTES),
            families: layers("family", FAMILIES, FAMILY_BYTES),
            generations: vec![0; tags],
            sent: tokio::sync::Mutex::default(),
        })
    }

    /// Pushes the images.
    pub async fn fill(&self) -> Result<(), Failure> {
        for layer in self.shared.iter().chain(&self.families) {
            self.blob(&layer.blob).await?;
        }
        self.push_all((0..self.tags()).collect()).await
    }

    pub fn tags(&self) -> usize {
        self.generations.len()
    }

    fn image(&self, number: usize) -> Image {
        let seed = format!("bench/own/{number}/{}", self.generations[number]);
        let own = images::random_layer(&seed, "own.bin", OWN_BYTES);
        let layers: Vec<Layer> = self.shared.iter().chain([&self.families[number % FAMILIES], &own]).cloned().collect();
        images::image(&Spec { architecture: "amd64", command: &["/bin/true"], labels: &[("seed", &seed)], layers: &layers, docker: false })
    }

    /// Bytes of all different blobs.
    pub fn unique_bytes(&self) -> u64 {
        let mut sizes = BTreeMap::new();
        for number in 0..self.tags() {
            sizes.extend(self.image(number).blobs.into_iter().map(|blob| (blob.digest, blob.bytes.len() as u64)));
        }
        sizes.values().sum()
    }

    async fn blob(&self, blob: &Blob) -> Result<(), Failure> {
        if self.sent.lock().await.insert(blob.digest.clone()) {
            self.push.blob_put_bytes(&self.repository, &blob.digest.parse()?, blob.bytes.clone()).await?;
        }
        Ok(())
    }

    async fn push_all(&self, numbers: Vec<usize>) -> Result<(), Failure> {
        let pushes = stream::iter(numbers).map(|number| self.push_one(number));
        pushes.buffer_unordered(PUSHES).try_collect::<Vec<()>>().await?;
        Ok(())
    }

    async fn push_one(&self, number: usize) -> Result<(), Failure> {
        let image = self.image(number);
        for blob in &image.blobs {
            self.blob(blob).await?;
        }
        let Blob { media_type, bytes, .. } = &image.manifest;
        self.push.manifest_put(&self.repository, &Reference::Tag(tag(number)?), media_type, bytes.clone()).await?;
        Ok(())
    }

    /// Puts back what a tool's restore did not bring, so that the next one finds the same.
    pub async fn mend(&self) -> Result<usize, Failure> {
        let there: HashSet<Tag> = match self.push.tag_names(&self.repository).await {
            Ok(names) => names.into_iter().collect(),
            Err(registry::RegistryError::NotFound { .. }) => HashSet::new(),
            Err(error) => return Err(error.into()),
        };
        let mut missing = Vec::new();
        for number in 0..self.tags() {
            if !there.contains(&tag(number)?) {
                missing.push(number);
            }
        }
        if !missing.is_empty() {
            // Without its repository a blob has to be sent again.
            self.sent.lock().await.clear();
            self.push_all(missing.clone()).await?;
        }
        Ok(missing.len())
    }

    /// Replaces one image in a hundred, the old ones deleted, so that the repository keeps its size.
    pub async fn change(&mut self) -> Result<(), Failure> {
        let changed: Vec<usize> = (0..self.tags()).step_by(100).collect();
        for number in &changed {
            self.harbor.admin.delete_artifact(&self.repository, &Reference::Tag(tag(*number)?)).await?;
            self.generations[*number] += 1;
        }
        self.push_all(changed).await
    }

    /// Deletes the repository. Its blobs stay in Harbor's storage until its garbage collection.
    pub async fn delete(&self) -> Result<(), Failure> {
        Ok(self.harbor.admin.delete_repository(&self.repository).await?)
    }

    /// Pulls as Harbor counts them; zero when there is no repository.
    pub async fn pulls(&self) -> Result<u64, Failure> {
        Ok(self.push.repository(&self.repository).await?.map_or(0, |repository| repository.pull_count))
    }

    /// Removes everything this made.
    pub async fn remove(self) -> Result<(), Failure> {
        let admin = &self.harbor.admin;
        for repository in admin.repositories(&self.project).await? {
            admin.delete_repository(&repository.name).await?;
        }
        admin.delete_project(&self.project).await?;
        for robot in [self.reader, self.writer] {
            admin.delete_robot(robot.id).await?;
        }
        Ok(())
    }
}

fn tag(number: usize) -> Result<Tag, Failure> {
    Ok(format!("v{number}").parse()?)
}
