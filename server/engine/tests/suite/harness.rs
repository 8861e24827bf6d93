//! A simulator, a vault in a temporary directory, and the questions tests ask.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use engine::backup::{self, BackupContext, BackupError, Reconcile, SnapshotOutcome};
use engine::effect::{self, EffectPlan, OnConflict, PlanContext, Policy, Undone, Written};
use engine::report::Report;
use engine::restore::{self, RestoreContext};
use engine::select::{Selection, Wanted, What};
use engine::{Event, Gate, Progress, Silent};
use futures::StreamExt;
use harbor_sim::{Config, Running};
use registry::{Client, Reference};
use vault::Vault;
use vocab::{Digest, ProjectName};

use crate::push;

/// Everything one test needs. The project `shop` exists.
pub struct Harness {
    pub sim: Running,
    pub client: Client,
    pub vault: Vault,
    pub heard: Arc<Heard>,
    pub folder: tempfile::TempDir,
}

/// Keeps what the engine told.
#[derive(Default)]
pub struct Heard(Mutex<Vec<Event>>);

impl Progress for Heard {
    fn event(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Heard {
    pub fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

pub fn shop() -> ProjectName {
    "shop".parse().unwrap()
}

impl Harness {
    pub async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub async fn with(config: Config) -> Self {
        let sim = harbor_sim::start(config).await.unwrap();
        let (user, password) = sim.admin();
        let client = push::client(&sim.url(), user, password);
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::init(&folder.path().join("vault")).await.unwrap();
        client.create_project(&shop(), false).await.unwrap();
        Self { sim, client, vault, heard: Arc::default(), folder }
    }

    /// The file of an object.
    pub fn object(&self, digest: &Digest) -> std::path::PathBuf {
        self.folder.path().join("vault/blobs/sha256").join(digest.hex())
    }

    pub fn backup_context(&self, reconcile: Reconcile) -> BackupContext {
        BackupContext {
            client: self.client.clone(),
            vault: self.vault.clone(),
            harbor: "harbor".parse().unwrap(),
            progress: Arc::clone(&self.heard) as Arc<dyn Progress>,
            control: Arc::new(Silent),
            reconcile,
            confirm: true,
            harbor_config: None,
            secrets: None,
            staging: None,
        }
    }

    pub async fn try_backup(&self, previous: Option<Digest>) -> Result<SnapshotOutcome, BackupError> {
        backup::project(&self.backup_context(Reconcile::Hinted), &shop(), previous).await
    }

    /// A backup that must be complete and whole.
    pub async fn backup(&self, previous: Option<Digest>) -> SnapshotOutcome {
        let outcome = self.try_backup(previous).await.unwrap();
        assert_eq!(outcome.index.gaps, [], "no gaps");
        self.verified(&outcome.digest).await;
        outcome
    }

    pub async fn verified(&self, digest: &Digest) {
        let findings = engine::verify::snapshot_to(&self.vault, digest, engine::finding::Depth::Bytes).await;
        assert_eq!(findings, [], "the snapshot is whole");
    }

    pub async fn pointers(&self) -> usize {
        self.vault.pointers().count().await
    }

    pub async fn plan(&self, snapshot: &Digest, selection: &Selection, policy: &Policy) -> EffectPlan {
        self.plan_into(snapshot, selection, &shop(), policy).await
    }

    pub async fn plan_into(&self, snapshot: &Digest, selection: &Selection, target: &ProjectName, policy: &Policy) -> EffectPlan {
        let cx = PlanContext { client: self.client.clone(), vault: self.vault.clone(), harbor: "harbor".parse().unwrap() };
        effect::plan(&cx, snapshot, selection, target, policy).await.unwrap()
    }

    pub async fn execute(&self, plan: &EffectPlan, gate: &dyn Gate) -> Report {
        let cx = RestoreContext {
            client: self.client.clone(),
            vault: self.vault.clone(),
            progress: Arc::clone(&self.heard) as Arc<dyn Progress>,
        };
        restore::execute(&cx, plan, gate).await.unwrap()
    }

    /// The plan that undoes a restore. `captured` names images that the snapshot has.
    pub async fn undo(&self, plan: &EffectPlan, report: &Report, snapshot: &Digest, captured: &[Digest]) -> EffectPlan {
        let cx = PlanContext { client: self.client.clone(), vault: self.vault.clone(), harbor: "harbor".parse().unwrap() };
        let written = Written::of(report);
        let captured: BTreeMap<Digest, Digest> = captured.iter().map(|digest| (*digest, *snapshot)).collect();
        let elsewhere = BTreeMap::new();
        let undone = Undone { plan, written: &written, snapshot: *snapshot, captured: &captured, elsewhere: &elsewhere };
        let policy = Policy { keep_suffix: format!("before-undo-{}", &plan.hash().hex()[..8]), ..policy(OnConflict::Move) };
        effect::undo(&cx, &undone, &policy).await.unwrap()
    }

    /// What a tag points to.
    pub async fn points_to(&self, repository: &str, tag: &str) -> Option<Digest> {
        let reference = Reference::Tag(push::tag(tag));
        self.client.manifest_head(&push::repository(repository), &reference).await.unwrap().and_then(|head| head.digest)
    }

    /// Accessories of an artifact: digest to kind.
    pub async fn accessories(&self, repository: &str, digest: &Digest) -> BTreeMap<Digest, String> {
        let found = self.client.accessories(&push::repository(repository), digest).await.unwrap();
        found.into_iter().map(|accessory| (accessory.digest, accessory.kind)).collect()
    }

    /// Everything a repository shows: tags and accessories, to compare two states.
    pub async fn state(&self, project: &str) -> BTreeMap<String, Vec<String>> {
        let project: ProjectName = project.parse().unwrap();
        let mut state: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let artifacts = self.client.artifacts(&project, None);
        futures::pin_mut!(artifacts);
        while let Some(artifact) = artifacts.next().await {
            let artifact = artifact.unwrap();
            let mut shown: Vec<String> = artifact.tags.iter().map(|tag| format!("tag {}", tag.name)).collect();
            shown.extend(artifact.accessories.iter().map(|a| format!("{} {}", a.kind, a.digest)));
            shown.sort();
            state.insert(format!("{}@{}", artifact.repository, artifact.digest), shown);
        }
        for repository in self.client.repositories(&project).await.unwrap() {
            let mut names: Vec<String> = self.client.tag_names(&repository.name).await.unwrap().iter().map(ToString::to_string).collect();
            names.sort();
            state.insert(repository.name.to_string(), names);
        }
        state
    }

    /// Deletes a repository with everything in it.
    pub async fn delete(&self, repository: &str) {
        self.client.delete_repository(&push::repository(repository)).await.unwrap();
    }

    /// Runs garbage collection to its end.
    pub async fn collect_garbage(&self) {
        let id = self.client.gc_run(false).await.unwrap();
        for _ in 0..1_000 {
            if self.client.gc_status(id).await.unwrap().is_over() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("garbage collection does not end");
    }
}

pub fn policy(on_conflict: OnConflict) -> Policy {
    Policy {
        on_conflict,
        accessories: true,
        keep_suffix: "before-restore-1".to_owned(),
        rename_suffix: "restored-1".to_owned(),
        digest_tag: String::new(),
    }
}

/// One tag.
pub fn only(repository: &str, tag: &str) -> Selection {
    Selection::Items(vec![Wanted { repository: push::repository(repository), what: What::Tag(push::tag(tag)) }])
}
