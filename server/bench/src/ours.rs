//! Breakwater's own part, in a process of its own: what a worker does with one job, without the database.

use std::path::PathBuf;
use std::sync::Arc;

use engine::Silent;
use engine::backup::confirm::{Candidate, confirm};
use engine::backup::discovery::{Discovery, KnownState, OVERLAP, Since};
use engine::backup::{self, BackupContext, Reconcile};
use engine::effect::{self, OnConflict, PlanContext, Policy};
use engine::restore::{self, RestoreContext};
use engine::select::Selection;
use registry::{AddressRule, Client, Credential, Endpoint, Limits};
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;
use vault::{HarborName, Vault};
use vocab::{Digest, ProjectName};

use crate::Failure;

/// Names in the environment under which the login is passed on: a command line can be seen by everybody.
pub(crate) const USER: &str = "BREAKWATER_BENCH_USER";
pub(crate) const SECRET: &str = "BREAKWATER_BENCH_SECRET";

/// Where from and where to.
#[derive(clap::Args)]
pub(crate) struct Place {
    #[arg(long)]
    url: String,
    #[arg(long)]
    project: ProjectName,
    #[arg(long)]
    folder: PathBuf,
}

/// Networks a Harbor may be in besides public ones: whoever runs a benchmark names it himself.
const OWN_NETS: [&str; 5] = ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/// A client with the product's own limits.
pub(crate) fn client(url: &str, user: &str, secret: &str) -> Result<Client, Failure> {
    let addresses = AddressRule { allow: OWN_NETS.iter().map(|net| net.parse()).collect::<Result<_, _>>()? };
    let endpoint = Endpoint::new(url, url.starts_with("http://"), None, addresses)?;
    Ok(Client::new(endpoint, Credential { username: user.to_owned(), secret: secret.to_owned().into() }, Limits::default())?)
}

impl Place {
    fn client(&self) -> Result<Client, Failure> {
        client(&self.url, &std::env::var(USER)?, &std::env::var(SECRET)?)
    }

    async fn vault(&self) -> Result<Vault, Failure> {
        let path = self.folder.join("vault");
        Ok(if path.exists() { Vault::open(&path, None).await? } else { Vault::init(&path).await? })
    }

    fn newest(&self) -> PathBuf {
        self.folder.join("newest")
    }
}

pub(crate) fn harbor() -> Result<HarborName, Failure> {
    Ok("bench".parse()?)
}

/// What the product's database keeps of the newest snapshot.
#[derive(Serialize, Deserialize)]
struct Newest {
    snapshot: Digest,
    pointer_id: Uuid,
    /// Harbor's clock at the look it belongs to; as of some minutes later, since this Harbor is only used by the benchmark: what changed just
    /// before a look is looked at again in the next one.
    seen_at: OffsetDateTime,
    project_id: i64,
    repositories: u64,
}

impl Newest {
    async fn read(place: &Place) -> Result<Option<Self>, Failure> {
        let file = place.newest();
        Ok(if file.exists() { Some(serde_json::from_slice(&tokio::fs::read(file).await?)?) } else { None })
    }

    const fn state_of(&self) -> KnownState {
        KnownState { seen_at: self.seen_at, project_id: self.project_id, repositories: self.repositories, mark: None }
    }
}

/// Backs the project up as a run of a plan does: a look at the whole Harbor, and a listing where it shows no way round. Prints the engine's own
/// figures.
pub(crate) async fn backup(place: &Place, listed: bool) -> Result<(), Failure> {
    let cx = BackupContext {
        client: place.client()?,
        vault: place.vault().await?,
        harbor: harbor()?,
        progress: Arc::new(Silent),
        control: Arc::new(Silent),
        reconcile: Reconcile::Hinted,
        confirm: true,
        harbor_config: None,
        secrets: None,
        staging: None,
    };
    let before = Newest::read(place).await?;
    let known_state = before.as_ref().map(Newest::state_of);
    let known = known_state.filter(|_| !listed);
    let discovery = Discovery::take(&cx.client, Since::of(known.iter()), 1).await?;
    let project = discovery.projects.iter().find(|project| project.name == place.project).ok_or("there is no such project")?;
    let unchanged = before.as_ref().zip(known.as_ref()).filter(|(_, known)| discovery.is_unchanged(project, known));
    let KnownState { seen_at, project_id, repositories, .. } = discovery.state_of(project);
    if let Some((before, _)) = unchanged {
        let candidate = Candidate { project: place.project.clone(), pointer_id: before.pointer_id, lock: false };
        if !confirm(&cx.vault, &cx.harbor, OffsetDateTime::now_utc(), vec![candidate], &Silent).await?.is_empty() {
            let newest =
                Newest { snapshot: before.snapshot, pointer_id: before.pointer_id, seen_at: seen_at + OVERLAP, project_id, repositories };
            tokio::fs::write(place.newest(), serde_json::to_vec(&newest)?).await?;
            println!("{}", json!({ "tags": 0, "blobs_new": 0, "bytes_new": 0, "requests": 0 }));
            return Ok(());
        }
    }
    let outcome = backup::project(&cx, &place.project, before.map(|before| before.snapshot)).await?;
    if !outcome.index.gaps.is_empty() {
        return Err(format!("{} gaps", outcome.index.gaps.len()).into());
    }
    let newest = Newest { snapshot: outcome.digest, pointer_id: outcome.pointer_id, seen_at: seen_at + OVERLAP, project_id, repositories };
    tokio::fs::write(place.newest(), serde_json::to_vec(&newest)?).await?;
    let stats = outcome.stats;
    println!("{}", json!({ "tags": stats.tags, "blobs_new": stats.blobs_new, "bytes_new": stats.bytes_new, "requests": stats.requests }));
    Ok(())
}

/// Plans the restore of the newest snapshot and does it.
pub(crate) async fn restore(place: &Place) -> Result<(), Failure> {
    let (client, vault) = (place.client()?, place.vault().await?);
    let snapshot = Newest::read(place).await?.ok_or("there is no snapshot")?.snapshot;
    let policy = Policy {
        on_conflict: OnConflict::Leave,
        accessories: true,
        keep_suffix: "before".to_owned(),
        rename_suffix: "restored".to_owned(),
        digest_tag: String::new(),
    };
    let cx = PlanContext { client: client.clone(), vault: vault.clone(), harbor: harbor()? };
    let plan = effect::plan(&cx, &snapshot, &Selection::Project, &place.project, &policy).await?;
    let cx = RestoreContext { client, vault, progress: Arc::new(Silent) };
    if !plan.writes() {
        println!("{}", json!({ "nothing": true }));
        return Ok(());
    }
    let report = restore::execute(&cx, &plan, &Silent).await?;
    if !report.is_clean() {
        return Err(format!("{} lines failed", report.failed()).into());
    }
    println!("{}", json!({ "done": report.done(), "manifests_put": report.manifests_put, "bytes_sent": report.bytes_sent }));
    Ok(())
}
