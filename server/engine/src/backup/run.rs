//! One run, from the first proof of login to the pointer.

use std::sync::Arc;

use registry::{Client, Project};
use time::OffsetDateTime;
use uuid::Uuid;
use vault::tree::{Gap, SettingsOf, SnapshotIndex};
use vault::{Pointer, PointerName, Vault, VaultError};
use vocab::{Descriptor, Digest, ProjectName, RepositoryName};

use super::accessories::Search;
use super::assemble::{Assembled, assemble};
use super::collect::Nodes;
use super::fetch::Fetcher;
use super::listing::{Listed, list, unlisted_gap};
use super::pace::{Breaker, Pace};
use super::previous::Previous;
use super::staging::Area;
use super::{BackupContext, BackupError, Note, Reconcile, SnapshotOutcome, Stats, blobs, crosscheck, manifests, settings};
use crate::control::{Event, Level};
use crate::hold::Held;

/// Backs a project up. `previous` is the newest snapshot of it in this vault that is not degraded; without one everything is read anew,
/// as far as the vault does not have it.
pub async fn project(cx: &BackupContext, project: &ProjectName, previous: Option<Digest>) -> Result<SnapshotOutcome, BackupError> {
    cx.control.check().await?;
    cx.vault.check().await?;
    // Before the first look at what the vault has: what is found there stays until the seal.
    let held = Held::take(&cx.vault, &format!("backup {}/{project}", cx.harbor)).await?;
    let outcome = run(cx, project, previous, &held).await;
    held.release().await;
    outcome
}

async fn run(cx: &BackupContext, name: &ProjectName, previous: Option<Digest>, held: &Held) -> Result<SnapshotOutcome, BackupError> {
    let started = OffsetDateTime::now_utc();
    let requests_before = cx.client.counters().requests;
    let previous = Previous::load(&cx.vault, &cx.harbor, name, previous).await?;
    cx.progress.event(Event::Phase("listing"));
    let listed = list(&cx.client, name).await?;
    let fetcher = Arc::new(Fetcher {
        origin: Arc::new(cx.client.clone()),
        vault: cx.vault.clone(),
        progress: Arc::clone(&cx.progress),
        pace: Pace::new(Arc::clone(&cx.control)),
        breaker: Breaker::default(),
        stored: Arc::default(),
    });
    let mut nodes = Nodes::of(&listed);
    let mut notes = listed.notes.clone();
    let search =
        Search { client: &cx.client, previous: &previous, reconcile: cx.reconcile, pace: &fetcher.pace, breaker: &fetcher.breaker };
    let mut gaps = search.run(&listed, &mut nodes).await?;
    if cx.reconcile == Reconcile::Full {
        notes.extend(crosscheck::tag_names(&cx.client, &listed, &mut nodes).await?);
    }
    cx.progress.event(Event::Phase("reading manifests"));
    let area = cx.staging.clone().map(Area::new);
    let states = manifests::read_all(&fetcher, &previous, &mut nodes, area.as_ref()).await?;
    cx.progress.event(Event::Phase("reading layers"));
    let failures = blobs::fetch_all(&fetcher, &nodes, &states).await?;
    if fetcher.stored.any_read() {
        cx.progress.event(Event::Phase("looking again"));
        notes.extend(crosscheck::moves(&cx.client, &listed).await?);
        cx.client.prove_login().await?;
    }
    let assembled = assemble(&listed.repositories, &nodes, &states, &failures);
    gaps.extend(assembled.gaps.iter().cloned());
    gaps.extend(listed.unlisted.iter().map(unlisted_gap));
    notes.extend(standing_notes(&listed, &assembled));
    notes.extend(area.as_ref().and_then(|area| staged_note(&listed, area)));
    cx.progress.event(Event::Phase("sealing"));
    let seal = Seal { cx, listed: &listed, previous: &previous, held, fetcher: &fetcher, started };
    let mut outcome = seal.write(assembled, gaps, notes).await?;
    outcome.stats.requests = cx.client.counters().requests.saturating_sub(requests_before);
    outcome.stats.staged = area.as_ref().map_or(0, Area::images);
    for note in &outcome.notes {
        let level = if note.code.starts_with("tag_") { Level::Warn } else { Level::Info };
        cx.progress.event(Event::Note { level, text: format!("{}: {}", note.subject, note.text) });
    }
    Ok(outcome)
}

fn standing_notes(listed: &Listed, assembled: &Assembled) -> Vec<Note> {
    let mut notes = Vec::new();
    if listed.project.is_proxy_cache() {
        notes.push(Note {
            code: "proxy_cache",
            subject: listed.project.name.to_string(),
            text: "the project is a cache of another registry: what it holds today was backed up, and cannot be pushed back to it"
                .to_owned(),
        });
    }
    notes.extend(assembled.foreign.iter().map(|(repository, digest)| Note {
        code: "foreign_layers",
        subject: super::gap::artifact_subject(repository, digest),
        text: "it has layers that no registry stores; they were not fetched, and a restore does not need them".to_owned(),
    }));
    notes
}

fn staged_note(listed: &Listed, area: &Area) -> Option<Note> {
    let text = format!("{} images that a policy blocks were read through {}", area.images(), area.project());
    let subject = listed.project.name.to_string();
    (area.images() > 0).then_some(Note { code: "read_through_staging", subject, text })
}

/// The last steps: indexes, settings, snapshot, pointer, in this order.
struct Seal<'a> {
    cx: &'a BackupContext,
    listed: &'a Listed,
    previous: &'a Previous,
    held: &'a Held,
    fetcher: &'a Fetcher,
    started: OffsetDateTime,
}

impl Seal<'_> {
    async fn write(&self, assembled: Assembled, gaps: Vec<Gap>, notes: Vec<Note>) -> Result<SnapshotOutcome, BackupError> {
        let cx = self.cx;
        let mut repositories: Vec<(RepositoryName, Descriptor)> = Vec::with_capacity(assembled.repositories.len());
        let mut changed = 0;
        for index in &assembled.repositories {
            self.fetcher.pace.check().await?;
            let bytes = index.encode().map_err(|e| VaultError::Invalid { what: "repository index", why: e.to_string() })?;
            let digest = Digest::of(&bytes);
            let descriptor = match self.previous.repository(&index.name) {
                Some(before) if before.digest == digest => before.clone(),
                _ => {
                    changed += 1;
                    cx.vault.put_repository(index).await?
                }
            };
            repositories.push((index.name.clone(), descriptor));
        }
        let index = SnapshotIndex {
            listed: None,
            harbor_config: harbor_config(cx, self.previous.harbor_config.as_ref()).await?,
            harbor: cx.harbor.clone(),
            project: self.listed.project.name.clone(),
            started: self.started,
            finished: OffsetDateTime::now_utc().max(self.started),
            gaps,
            config: Some(self.config().await?),
            repositories,
        };
        let sealed = point(cx, self.held, &self.fetcher.pace, &index).await?;
        let stats = Stats {
            repositories: index.repositories.len() as u64,
            repositories_changed: changed,
            artifacts: assembled.artifacts,
            tags: assembled.tags,
            staged: 0,
            blobs_new: self.fetcher.stored.objects(),
            bytes_new: self.fetcher.stored.bytes(),
            bytes_logical: self.listed.logical_bytes(),
            requests: 0,
        };
        Ok(sealed.outcome(index, stats, notes, self.listed.last_change))
    }

    /// The settings: read again on a full run, when there are none, and when the project's own row changed; else those of before.
    async fn config(&self) -> Result<Descriptor, BackupError> {
        let (cx, project) = (self.cx, &self.listed.project);
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

impl Pointed {
    fn outcome(self, index: SnapshotIndex, stats: Stats, notes: Vec<Note>, last_change: Option<OffsetDateTime>) -> SnapshotOutcome {
        let moment = index.started;
        SnapshotOutcome { digest: self.digest, pointer: self.name, pointer_id: self.id, moment, index, stats, last_change, notes }
    }
}

/// Stores the snapshot index, and points at it.
async fn point(cx: &BackupContext, held: &Held, pace: &Pace, index: &SnapshotIndex) -> Result<Pointed, BackupError> {
    let descriptor = cx.vault.put_snapshot(index).await?;
    // The last moment to stop: whoever lost the lease or was cancelled seals nothing (I-20).
    pace.check_now().await?;
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

/// Seals what the snapshot before holds once more, for a project in which nothing changed as far as a [`super::glance::Glance`] shows.
///
/// No request is made. `None`: it has to be listed, because the snapshot before has gaps, is not whole, or has other settings than the
/// project's own row shows now.
pub async fn unchanged(cx: &BackupContext, project: &Project, previous: Digest) -> Result<Option<SnapshotOutcome>, BackupError> {
    cx.control.check().await?;
    cx.vault.check().await?;
    let held = Held::take(&cx.vault, &format!("backup {}/{}", cx.harbor, project.name)).await?;
    let outcome = seal_again(cx, project, previous, &held).await;
    held.release().await;
    outcome
}

async fn seal_again(cx: &BackupContext, project: &Project, previous: Digest, held: &Held) -> Result<Option<SnapshotOutcome>, BackupError> {
    let started = OffsetDateTime::now_utc();
    let Some(before) = Previous::whole(&cx.vault, &cx.harbor, &project.name, &previous).await? else { return Ok(None) };
    let Some(config) = &before.config else { return Ok(None) };
    match cx.vault.project_settings(&config.digest).await {
        Ok(stored) if settings::has_own(&stored, project) => {}
        _ => return Ok(None),
    }
    let index = SnapshotIndex {
        listed: Some(before.listed_at()),
        started,
        finished: OffsetDateTime::now_utc().max(started),
        harbor_config: harbor_config(cx, before.harbor_config.as_ref()).await?,
        ..before
    };
    let stats = Stats { repositories: index.repositories.len() as u64, ..Stats::default() };
    let sealed = point(cx, held, &Pace::new(Arc::clone(&cx.control)), &index).await?;
    Ok(Some(sealed.outcome(index, stats, Vec::new(), None)))
}
