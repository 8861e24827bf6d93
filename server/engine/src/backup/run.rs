//! One run, from the first proof of login to the pointer.

use std::collections::BTreeMap;
use std::sync::Arc;

use registry::{Client, Project};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;
use vault::tree::{ELSEWHERE_MAX, Elsewhere, Gap, Limit, RepositoryDescriptor, RepositoryIndex, SettingsOf, SnapshotIndex};
use vault::{Pointer, PointerName, Vault, VaultError};
use vocab::{Descriptor, Digest, ProjectName, RepositoryName};

use super::accessories::Search;
use super::assemble::assemble;
use super::collect::Nodes;
use super::fetch::Fetcher;
use super::gap;
use super::hidden::Hidden;
use super::limit;
use super::listing::{ARTIFACTS_AT_A_TIME, Front, Listed, Part, front, list, short_gap};
use super::previous::Previous;
use super::pushed::PushTimes;
use super::staging::Area;
use super::throttle::{Breaker, Throttle};
use super::{
    ARTIFACTS_MAX, BackupContext, BackupError, Note, Reconcile, SnapshotOutcome, Stats, blobs, confirm, crosscheck, manifests, settings,
};
use crate::control::{Event, Level};
use crate::hold::Held;

/// Backs a project up. `previous` is the newest snapshot of it in this vault that is not degraded; without one everything is read anew,
/// as far as the vault does not have it.
pub async fn project(cx: &BackupContext, project: &ProjectName, previous: Option<Digest>) -> Result<SnapshotOutcome, BackupError> {
    project_in_parts(cx, project, previous, ARTIFACTS_AT_A_TIME).await
}

/// The same with another bound on how many artifacts are taken together, as Harbor counts them. The snapshot is the same, byte for byte,
/// but for its times.
pub async fn project_in_parts(
    cx: &BackupContext,
    project: &ProjectName,
    previous: Option<Digest>,
    together: u64,
) -> Result<SnapshotOutcome, BackupError> {
    cx.control.check().await?;
    cx.vault.check().await?;
    // Before the first look at what the vault has: what is found there stays until the seal.
    let held = Held::take(&cx.vault, &format!("backup {}/{project}", cx.harbor)).await?;
    let outcome = run(cx, project, previous, together, &held).await;
    held.release().await;
    outcome
}

async fn run(
    cx: &BackupContext,
    name: &ProjectName,
    previous: Option<Digest>,
    together: u64,
    held: &Held,
) -> Result<SnapshotOutcome, BackupError> {
    let started = OffsetDateTime::now_utc();
    let requests_before = cx.client.counters().requests;
    let previous = Previous::load(&cx.vault, &cx.harbor, name, previous).await?;
    cx.progress.event(Event::Phase("listing"));
    let Front { project, last_change, parts } = front(&cx.client, name, together).await?;
    let fetcher = Arc::new(Fetcher {
        origin: Arc::new(cx.client.clone()),
        vault: cx.vault.clone(),
        progress: Arc::clone(&cx.progress),
        throttle: Throttle::new(Arc::clone(&cx.control)),
        breaker: Breaker::default(),
        stored: Arc::default(),
    });
    let area = cx.staging.clone().map(Area::new);
    let mut run = Run { cx, project, previous, held, fetcher, area, started, last_change, gathered: Gathered::default() };
    // Each step is large by itself and stands apart: in one piece they would not fit the stack of a worker.
    for part in parts {
        Box::pin(run.part(part)).await?;
    }
    let mut outcome = Box::pin(run.seal()).await?;
    outcome.stats.requests = cx.client.counters().requests.saturating_sub(requests_before);
    for note in &outcome.notes {
        let level = if note.code.starts_with("tag_") { Level::Warn } else { Level::Info };
        cx.progress.event(Event::Note { level, text: format!("{}: {}", note.subject, note.text), values: note.values() });
    }
    Ok(outcome)
}

/// What the parts of a project came to: of each repository its name and its descriptor, and nothing of what is in it.
#[derive(Default)]
struct Gathered {
    repositories: Vec<(RepositoryName, RepositoryDescriptor)>,
    changed: u64,
    artifacts: u64,
    tags: u64,
    logical_bytes: u64,
    gaps: Vec<Gap>,
    elsewhere: Vec<Elsewhere>,
    limits: Vec<Limit>,
    notes: Vec<Note>,
    pushed: PushTimes,
}

/// A run on its way: part by part, then the last steps: settings, snapshot, pointer, in this order.
struct Run<'a> {
    cx: &'a BackupContext,
    project: Project,
    previous: Previous,
    held: &'a Held,
    fetcher: Arc<Fetcher>,
    /// Where what a policy blocks is read.
    area: Option<Area>,
    started: OffsetDateTime,
    last_change: Option<OffsetDateTime>,
    gathered: Gathered,
}

impl Run<'_> {
    /// Lists, compares, fetches and stores some of the repositories. What breaks off leaves no snapshot, and what is stored is not fetched again.
    async fn part(&mut self, part: Part) -> Result<(), BackupError> {
        let (cx, fetcher) = (self.cx, &self.fetcher);
        let read_before = fetcher.stored.reads();
        let room = ARTIFACTS_MAX.saturating_sub(usize::try_from(self.gathered.artifacts).unwrap_or(usize::MAX));
        let listed = Box::pin(list(&cx.client, &self.project, part, room)).await?;
        let known = self.previous.known(&cx.vault, &listed).await?;
        let mut nodes = Nodes::of(&listed);
        let mut notes = listed.notes.clone();
        let search = Search {
            client: &cx.client,
            previous: &known,
            reconcile: cx.reconcile,
            throttle: &fetcher.throttle,
            breaker: &fetcher.breaker,
        };
        let mut gaps = Box::pin(search.run(&listed.project.name, &listed.artifacts, &mut nodes)).await?;
        let unlisted = Box::pin(Hidden::new(&search, fetcher).run(&listed, &mut nodes)).await?;
        gaps.extend(unlisted.gaps);
        notes.extend(unlisted.notes);
        self.gathered.limits.extend(unlisted.limits);
        gaps.extend(listed.short.iter().filter(|short| (nodes.of_repository(&short.name) as u64) < short.counted).map(short_gap));
        cx.progress.event(Event::Phase("reading manifests"));
        let states = Box::pin(manifests::read_all(fetcher, &known, &mut nodes, self.area.as_ref())).await?;
        cx.progress.event(Event::Phase("reading layers"));
        let fetched = Box::pin(blobs::fetch_all(fetcher, &nodes, &states, known.names())).await?;
        if fetcher.stored.reads() > read_before {
            cx.progress.event(Event::Phase("looking again"));
            notes.extend(Box::pin(crosscheck::moves(&cx.client, &listed)).await?);
            cx.client.prove_login().await?;
        }
        self.gathered.pushed.add(listed.artifacts.iter().chain(&unlisted.found));
        self.gathered.logical_bytes = self.gathered.logical_bytes.saturating_add(listed.logical_bytes());
        // A large repository is in memory once: what it was made of is let go of before and while it is put together.
        let Listed { repositories, .. } = listed;
        let before = known.into_descriptors();
        let assembled = assemble(repositories, nodes, states, &fetched);
        gaps.extend(assembled.gaps);
        self.gathered.elsewhere.extend(assembled.elsewhere);
        self.gathered.gaps.extend(gaps);
        self.gathered.notes.extend(notes);
        self.gathered.artifacts += assembled.artifacts;
        self.gathered.tags += assembled.tags;
        self.store(assembled.repositories, &before).await
    }

    /// Stores the repository indexes that differ from those before.
    async fn store(
        &mut self,
        repositories: Vec<RepositoryIndex>,
        before: &BTreeMap<RepositoryName, RepositoryDescriptor>,
    ) -> Result<(), BackupError> {
        for index in repositories {
            self.fetcher.throttle.check().await?;
            let bytes = index.encode().map_err(|e| VaultError::Invalid { what: "repository index", why: e.to_string() })?;
            // One form of a large repository at a time is enough.
            let RepositoryIndex { name, members, .. } = index;
            drop(members);
            let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
            let descriptor = match before.get(&name) {
                Some(before) if before.digest == digest => *before,
                _ => {
                    self.gathered.changed += 1;
                    RepositoryDescriptor { digest: self.cx.vault.put_whole(bytes.into()).await?, size }
                }
            };
            self.gathered.repositories.push((name, descriptor));
        }
        Ok(())
    }

    async fn seal(mut self) -> Result<SnapshotOutcome, BackupError> {
        let cx = self.cx;
        cx.progress.event(Event::Phase("sealing"));
        let Gathered { mut repositories, changed, artifacts, tags, logical_bytes, gaps, limits, elsewhere, mut notes, pushed } =
            std::mem::take(&mut self.gathered);
        repositories.sort_by(|one, other| one.0.cmp(&other.0));
        notes.extend(elsewhere_note(&self.project, &elsewhere));
        notes.extend(proxy_note(&self.project));
        notes.extend(self.area.as_ref().and_then(|area| staged_note(&self.project, area)));
        let pushed = match pushed.into_text(self.project.name.as_str()) {
            Ok(Some(times)) => Some(cx.vault.put_push_times(times).await?),
            Ok(None) => None,
            Err(note) => {
                notes.push(note);
                None
            }
        };
        let index = SnapshotIndex {
            pushed,
            listed: None,
            harbor_config: harbor_config(cx, self.previous.harbor_config.as_ref()).await?,
            harbor: cx.harbor.clone(),
            project: self.project.name.clone(),
            origin: vault::tree::Origin::Harbor,
            started: self.started,
            finished: OffsetDateTime::now_utc().max(self.started),
            gaps: gap::bounded(gaps, self.project.name.as_str()),
            limits: limit::bounded(limits, &self.project.name),
            config: Some(self.config().await?),
            repositories,
            elsewhere: bounded_elsewhere(elsewhere),
            closed: true,
        };
        let stats = Stats {
            repositories: index.repositories.len() as u64,
            repositories_changed: changed,
            artifacts,
            tags,
            staged: self.area.as_ref().map_or(0, Area::images),
            blobs_new: self.fetcher.stored.objects(),
            bytes_new: self.fetcher.stored.bytes(),
            bytes_logical: logical_bytes,
            requests: 0,
        };
        if let Some((pointer, before)) = self.previous.holds_still(&index).filter(|_| cx.confirm) {
            self.fetcher.throttle.check_now().await?;
            self.held.confirm_pointer(pointer, self.started).await?;
            let index = SnapshotIndex { repositories: index.repositories, ..before.clone() };
            let kept = Pointed { digest: pointer.snapshot.digest, id: pointer.id, name: pointer.name()? };
            return Ok(SnapshotOutcome { confirmed: Some(self.started), ..self.outcome(kept, index, stats, notes) });
        }
        let sealed = point(cx, self.held, &self.fetcher.throttle, &index).await?;
        Ok(self.outcome(sealed, index, stats, notes))
    }

    fn outcome(&self, pointed: Pointed, index: SnapshotIndex, stats: Stats, notes: Vec<Note>) -> SnapshotOutcome {
        SnapshotOutcome {
            confirmed: None,
            digest: pointed.digest,
            pointer: pointed.name,
            pointer_id: pointed.id,
            moment: index.started,
            index,
            stats,
            own: Some(confirm::own_print(&self.project)),
            last_change: self.last_change,
            notes,
        }
    }

    /// The settings: read again on a full run, when there are none, and when the project's own row changed; else those of before.
    async fn config(&self) -> Result<Descriptor, BackupError> {
        let (cx, project) = (self.cx, &self.project);
        let stored = match &self.previous.config {
            Some(before) => cx.vault.project_settings(&before.digest).await.ok(),
            None => None,
        };
        if let (Reconcile::Hinted, Some(before), Some(stored)) = (cx.reconcile, &self.previous.config, &stored)
            && settings::has_own(stored, project)
        {
            return Ok(before.clone());
        }
        let (secrets, before) = (cx.secrets.as_deref(), stored.as_ref());
        let reading = settings::Reading { client: &cx.client, harbor: &cx.harbor, secrets, before };
        let value = settings::read(&reading, project).await?;
        Ok(cx.vault.put_project(&value).await?)
    }
}

fn proxy_note(project: &Project) -> Option<Note> {
    project.is_proxy_cache().then(|| Note {
        code: "proxy_cache",
        subject: project.name.to_string(),
        text: "the project is a cache of another registry: what it holds today was backed up, and cannot be pushed back to it".to_owned(),
        facts: Value::Null,
    })
}

fn staged_note(project: &Project, area: &Area) -> Option<Note> {
    let text = format!("{} images that a policy blocks were read through {}", area.images(), area.project());
    let facts = json!({ "images": area.images(), "staging": area.project() });
    (area.images() > 0).then(|| Note { code: "read_through_staging", subject: project.name.to_string(), text, facts })
}

fn elsewhere_note(project: &Project, elsewhere: &[Elsewhere]) -> Option<Note> {
    let first = elsewhere.first()?;
    let text = format!(
        "the registry does not have {} layers that say where else they are, such as {} of {}; the images are kept without them",
        elsewhere.len(),
        first.object.short(),
        first.needed_by
    );
    let facts = json!({ "layers": elsewhere.len(), "layer": first.object.short(), "image": first.needed_by });
    Some(Note { code: "kept_elsewhere", subject: project.name.to_string(), text, facts })
}

/// No more than [`ELSEWHERE_MAX`], the same ones in every run.
fn bounded_elsewhere(mut elsewhere: Vec<Elsewhere>) -> Vec<Elsewhere> {
    elsewhere.sort();
    elsewhere.dedup();
    elsewhere.truncate(ELSEWHERE_MAX);
    elsewhere
}

/// The Harbor's settings of this run, else those of the snapshot before; none that are not in the vault while the hold stands.
async fn harbor_config(cx: &BackupContext, before: Option<&Descriptor>) -> Result<Option<Descriptor>, BackupError> {
    let Some(config) = cx.harbor_config.as_ref().or(before) else { return Ok(None) };
    match cx.vault.settings(SettingsOf::Harbor, &config.digest).await {
        Ok(_) => Ok(Some(config.clone())),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// Reads the settings of the Harbor itself and stores them. `before`: those of an earlier snapshot; the same settings are the same object.
pub async fn harbor_settings(client: &Client, vault: &Vault, before: Option<&Descriptor>) -> Result<Descriptor, BackupError> {
    let known = match before {
        Some(before) => vault.settings(SettingsOf::Harbor, &before.digest).await.ok(),
        None => None,
    };
    client.prove_login().await?;
    let value = settings::read_harbor(client, known.as_ref()).await?;
    client.prove_login().await?;
    Ok(vault.put_settings(SettingsOf::Harbor, &value).await?)
}

/// A pointer that was written.
struct Pointed {
    digest: Digest,
    id: Uuid,
    name: PointerName,
}

/// Stores the snapshot index, and points at it.
async fn point(cx: &BackupContext, held: &Held, throttle: &Throttle, index: &SnapshotIndex) -> Result<Pointed, BackupError> {
    let descriptor = cx.vault.put_snapshot(index).await?;
    // The last moment to stop: whoever lost the lease or was cancelled seals nothing (I-20).
    throttle.check_now().await?;
    let pointer = Pointer {
        harbor: index.harbor.clone(),
        project: index.project.clone(),
        moment: index.started,
        id: Uuid::now_v7(),
        snapshot: descriptor.clone(),
        signature: None,
    };
    let name = held.seal(&pointer).await?;
    Ok(Pointed { digest: descriptor.digest, id: pointer.id, name })
}
