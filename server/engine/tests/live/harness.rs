//! A real Harbor with a project of this test, a vault on disk, and the questions tests ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::Silent;
use engine::backup::{self, BackupContext, BackupError, Reconcile, SnapshotOutcome};
use engine::effect::{self, EffectPlan, OnConflict, PlanContext, Policy, Undone, Written};
use engine::report::Report;
use engine::restore::{self, RestoreContext};
use engine::select::Selection;
use futures::StreamExt;
use registry::{Client, CreatedRobot};
use secrecy::ExposeSecret;
use vault::{HarborName, Vault};
use vocab::{Digest, ProjectName, RepositoryName};

use crate::push;

/// Held by whoever has the garbage collected: that of one test takes blobs from under the images of another that are named by SHA-512.
pub static COLLECTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

pub struct Live {
    pub client: Client,
    pub vault: Vault,
    pub harbor: HarborName,
    pub project: ProjectName,
    pub folder: tempfile::TempDir,
}

impl Live {
    pub async fn new() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let (Some(url), Some(user), Some(password)) = (variable("HARBOR_URL"), variable("HARBOR_USER"), variable("HARBOR_PASSWORD")) else {
            println!("no HARBOR_URL, HARBOR_USER and HARBOR_PASSWORD: nothing was tried on a real Harbor");
            return None;
        };
        let client = push::client(&url, &user, &password);
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::init(&folder.path().join("vault")).await.unwrap();
        let project: ProjectName = format!("bweng{}", &uuid::Uuid::new_v4().simple().to_string()[..10]).parse().unwrap();
        client.create_project(&project, false).await.unwrap();
        Some(Self { client, vault, harbor: "live".parse().unwrap(), project, folder })
    }

    pub fn name(&self, repository: &str) -> String {
        format!("{}/{repository}", self.project)
    }

    pub fn backup_context(&self) -> BackupContext {
        BackupContext {
            client: self.client.clone(),
            vault: self.vault.clone(),
            harbor: self.harbor.clone(),
            progress: Arc::new(Silent),
            control: Arc::new(Silent),
            reconcile: Reconcile::Hinted,
            confirm: true,
            harbor_config: None,
            secrets: None,
            staging: None,
        }
    }

    pub async fn backup(&self, previous: Option<Digest>) -> SnapshotOutcome {
        let cx = self.backup_context();
        let started = std::time::Instant::now();
        let outcome = backup::project(&cx, &self.project, previous).await.unwrap();
        println!("backup: {:?} in {:?}", outcome.stats, started.elapsed());
        assert_eq!(outcome.index.gaps, []);
        assert_eq!(engine::verify::snapshot_to(&self.vault, &outcome.digest, engine::finding::Depth::Bytes).await, []);
        outcome
    }

    pub async fn plan(&self, snapshot: Digest, target: &ProjectName, on_conflict: OnConflict) -> EffectPlan {
        let cx = PlanContext { client: self.client.clone(), vault: self.vault.clone(), harbor: self.harbor.clone() };
        let policy = Policy {
            on_conflict,
            accessories: true,
            keep_suffix: "before".to_owned(),
            rename_suffix: "restored".to_owned(),
            digest_tag: String::new(),
        };
        let started = std::time::Instant::now();
        let plan = effect::plan(&cx, &snapshot, &Selection::Project, target, &policy).await.unwrap();
        println!("plan: {:?} {:?} in {:?}", plan.counts(), plan.estimate, started.elapsed());
        plan
    }

    /// The plan that undoes a restore; nothing of what it needs was captured.
    pub async fn undo(&self, plan: &EffectPlan, report: &Report, snapshot: Digest) -> EffectPlan {
        let cx = PlanContext { client: self.client.clone(), vault: self.vault.clone(), harbor: self.harbor.clone() };
        let (written, none, never) = (Written::of(report), BTreeMap::new(), BTreeMap::new());
        let undone = Undone { plan, written: &written, snapshot, captured: &none, elsewhere: &never };
        effect::undo(&cx, &undone, &Policy { keep_suffix: "before-undo".to_owned(), ..plan.policy.clone() }).await.unwrap()
    }

    pub async fn execute(&self, plan: &EffectPlan) -> Report {
        let report = self.try_execute(plan).await;
        assert!(report.is_clean(), "{report:#?}");
        report
    }

    /// The same, whatever comes of it.
    pub async fn try_execute(&self, plan: &EffectPlan) -> Report {
        let cx = RestoreContext { client: self.client.clone(), vault: self.vault.clone(), progress: Arc::new(Silent) };
        let started = std::time::Instant::now();
        let report = restore::execute(&cx, plan, &Silent).await.unwrap();
        println!(
            "restore: {} lines, {} manifests, {} mounted, {} sent, {} bytes, {} requests in {:?}",
            report.done(),
            report.manifests_put,
            report.blobs_mounted,
            report.blobs_sent,
            report.bytes_sent,
            report.requests,
            started.elapsed()
        );
        report
    }

    /// Tags and accessories as Harbor shows them.
    pub async fn state(&self, project: &ProjectName) -> BTreeMap<String, Vec<String>> {
        let mut state = BTreeMap::new();
        let artifacts = self.client.artifacts(project, None);
        futures::pin_mut!(artifacts);
        while let Some(artifact) = artifacts.next().await {
            let artifact = artifact.unwrap();
            let mut shown: Vec<String> = artifact.tags.iter().map(|tag| format!("tag {}", tag.name)).collect();
            shown.extend(artifact.accessories.iter().map(|a| format!("{} {}", a.kind, a.digest)));
            shown.sort();
            state.insert(format!("{}@{}", artifact.repository.within_project(), artifact.digest), shown);
        }
        for repository in self.client.repositories(project).await.unwrap() {
            let mut tags: Vec<String> = self.client.tag_names(&repository.name).await.unwrap().iter().map(ToString::to_string).collect();
            tags.sort();
            state.insert(repository.name.within_project().to_owned(), tags);
        }
        state
    }

    /// Pulls every blob of a tag's image and compares it with its digest; the client does both.
    pub async fn pull(&self, repository: &RepositoryName, tag: &str) {
        let raw = self.client.manifest_get_by_tag(repository, &push::tag(tag)).await.unwrap().unwrap();
        let manifest = vocab::Manifest::parse(&raw.media_type, &raw.bytes).unwrap();
        for blob in &manifest.blobs {
            let body = self.client.blob_get(repository, &blob.sha256().unwrap(), None);
            futures::pin_mut!(body);
            let mut size_bytes = 0;
            while let Some(piece) = body.next().await {
                size_bytes += piece.unwrap().len() as u64;
            }
            assert_eq!(Some(size_bytes), blob.stated_bytes());
        }
    }

    /// Puts a label on an artifact of `web`.
    pub async fn label(&self, digest: &Digest) {
        let project = self.client.project(&self.project).await.unwrap().unwrap();
        self.client.create_label(&project, "gold", "#FFD700", "good").await.unwrap();
        let label = self.client.labels(Some(&project)).await.unwrap().remove(0);
        self.client.add_artifact_label(&push::repository(&self.name("web")), digest, label.id).await.unwrap();
    }

    /// The label is in the settings and on each tag of the artifact.
    pub async fn check_label(&self, outcome: &SnapshotOutcome, digest: &Digest) {
        let settings = self.vault.project_settings(&outcome.index.config.as_ref().unwrap().digest).await.unwrap();
        assert_eq!(settings["unreadable"], serde_json::json!({}));
        assert_eq!(settings["labels"][0]["name"], "gold");
        let (_, descriptor) = outcome.index.repositories.iter().find(|(name, _)| name.within_project() == "web").unwrap();
        let index = self.vault.repository(&descriptor.digest).await.unwrap();
        let labelled: Vec<_> = index.members.iter().filter(|m| m.labels.iter().any(|label| label.name == "gold")).collect();
        assert_eq!(labelled.len(), 2, "1.0 and stable are the same artifact");
        assert!(labelled.iter().all(|member| member.descriptor.digest == *digest));
    }

    pub fn login(&self, robot: &CreatedRobot) -> Client {
        let url = self.client.endpoint().url.to_string();
        push::client(&url, &robot.name, robot.secret.expose_secret())
    }

    /// Whether a backup finds that there is no such project.
    pub async fn gone(&self) -> bool {
        let cx = self.backup_context();
        matches!(backup::project(&cx, &self.project, None).await, Err(BackupError::NoProject { .. }))
    }

    /// Has the garbage collected, waiting for a collection that goes on already.
    pub async fn collect(&self) {
        let id = loop {
            match self.client.gc_run(false).await {
                Ok(id) => break id,
                Err(registry::RegistryError::Conflict { .. }) => tokio::time::sleep(std::time::Duration::from_secs(2)).await,
                Err(error) => panic!("{error}"),
            }
        };
        while !self.client.gc_status(id).await.unwrap().is_over() {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }

    pub async fn remove(&self, project: &ProjectName) {
        for repository in self.client.repositories(project).await.unwrap() {
            self.client.delete_repository(&repository.name).await.unwrap();
        }
        self.client.delete_project(project).await.unwrap();
    }
}
