//! One image after another: copied, read, removed.
//!
//! What is copied is an image or an index: Harbor copies no accessory on its own, and brings all of them, however deep, with what they are
//! about. A signed image whose SBOM is blocked is therefore copied for the SBOM's sake.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::{StreamExt, stream};
use registry::RegistryError;
use vault::tree::Role;
use vocab::{Digest, RepositoryName, media};

use super::{Area, COPIES_AT_ONCE, still_blocked};
use crate::backup::collect::{Node, Nodes};
use crate::backup::fetch::{Fetcher, turn};
use crate::backup::gap::{BLOCKED_BY_POLICY, Cause, Remedy, StagingFault};
use crate::backup::manifests::{self, PLACES_MAX, State, States};
use crate::backup::{BackupError, DEPTH_MAX};
use crate::control::{Event, Level};

/// An image or index to copy, and what of it and about it a policy blocks.
struct Unit {
    digest: Digest,
    media_type: Option<Arc<str>>,
    size_bytes: u64,
    places: Vec<RepositoryName>,
    blocked: BTreeMap<Digest, Cause>,
}

/// Blocked accessories by what they are directly about.
type About = HashMap<Digest, Vec<(Digest, Option<Arc<str>>)>>;

/// Manifests that were read in a copy.
type Found = Vec<(Digest, State)>;

/// What all copies of one round share.
struct Round<'a> {
    fetcher: &'a Fetcher,
    area: &'a Area,
    /// Digests of which a state is known that is not "blocked".
    known: HashSet<Digest>,
    about: About,
}

/// Reads what a policy blocks through the staging project. What cannot be read there either stays blocked, with the reason.
pub(crate) async fn read_blocked(fetcher: &Arc<Fetcher>, area: &Area, nodes: &Nodes, states: &mut States) -> Result<(), BackupError> {
    // Indexes first: their children come along, and are copied on their own only where their index is not blocked.
    for indexes in [true, false] {
        let units = units(area, nodes, states, indexes);
        if units.is_empty() {
            continue;
        }
        fetcher.progress.event(Event::Phase("reading what a policy blocks"));
        let known = states.iter().filter(|(_, state)| !is_blocked(state)).map(|(digest, _)| *digest).collect();
        let round = &Round { fetcher, area, known, about: about(nodes, states) };
        let mut copies = stream::iter(units).map(|unit| async move { round.one(&unit).await }).buffer_unordered(COPIES_AT_ONCE);
        let mut stopped = None;
        // Also after an error to the end: whatever is copied is removed again.
        while let Some(result) = copies.next().await {
            match result {
                Ok(found) => found.into_iter().for_each(|(digest, state)| merge(states, digest, state)),
                Err(error) => {
                    area.stopped.store(true, Ordering::Release);
                    stopped.get_or_insert(error);
                }
            }
        }
        if let Some(error) = stopped {
            return Err(error);
        }
    }
    Ok(())
}

/// What was read stays read, whatever came of another try.
fn merge(states: &mut States, digest: Digest, state: State) {
    if matches!(state, State::Read(_)) || states.get(&digest).is_none_or(is_blocked) {
        states.insert(digest, state);
    }
}

fn is_blocked(state: &State) -> bool {
    matches!(state, State::Failed(cause) if cause.kind == BLOCKED_BY_POLICY)
}

/// What is to be copied: the blocked images, or what blocked accessories are about.
fn units(area: &Area, nodes: &Nodes, states: &States, indexes: bool) -> Vec<Unit> {
    let mut units: BTreeMap<Digest, Unit> = BTreeMap::new();
    for (repository, digest, _) in nodes.iter() {
        let Some(State::Failed(cause)) = states.get(digest).filter(|state| is_blocked(state)) else { continue };
        let Some((root, node)) = root(nodes, repository, digest) else { continue };
        let is_index = node.media_type.as_deref().is_some_and(media::is_index);
        if is_index != indexes || area.was_tried(&root) {
            continue;
        }
        let unit = units.entry(root).or_insert_with(|| Unit {
            digest: root,
            media_type: node.media_type.clone(),
            size_bytes: node.size_bytes,
            places: Vec::new(),
            blocked: BTreeMap::new(),
        });
        unit.blocked.insert(*digest, cause.clone());
        if unit.places.len() < PLACES_MAX && !unit.places.contains(repository) {
            unit.places.push(repository.clone());
        }
    }
    units.keys().for_each(|digest| area.tries(digest));
    units.into_values().collect()
}

/// What something is about in the end; itself, if it is about nothing.
fn root<'a>(nodes: &'a Nodes, repository: &RepositoryName, digest: &Digest) -> Option<(Digest, &'a Node)> {
    let mut at = *digest;
    for _ in 0..DEPTH_MAX {
        let node = nodes.get(repository, &at)?;
        match &node.role {
            Role::Accessory { subject, .. } => at = *subject,
            Role::Root | Role::Child => return Some((at, node)),
        }
    }
    None
}

fn about(nodes: &Nodes, states: &States) -> About {
    let mut about = About::new();
    for (_, digest, node) in nodes.iter().filter(|(_, digest, _)| states.get(digest).is_some_and(is_blocked)) {
        if let Role::Accessory { subject, .. } = &node.role {
            about.entry(*subject).or_default().push((*digest, node.media_type.clone()));
        }
    }
    about
}

impl Round<'_> {
    /// Copies one image, reads what is blocked of it, and removes the copy whatever came of it.
    async fn one(&self, unit: &Unit) -> Result<Found, BackupError> {
        let (fetcher, area) = (self.fetcher, self.area);
        let _room = area.room(unit.size_bytes).await;
        if area.stopped.load(Ordering::Acquire) {
            return Ok(Found::new());
        }
        if let Some((fault, remedy)) = area.given_up() {
            return Ok(failed(unit, &fault, remedy));
        }
        fetcher.throttle.check().await?;
        if let Some(found) = self.came_along(unit).await? {
            return Ok(found);
        }
        let copy = area.staging.session.repository(area.project(), &unit.digest);
        let read = match self.copied(unit, &copy).await? {
            Ok(()) => self.read(unit, &copy).await,
            Err(error) => Ok(Err(error)),
        };
        self.remove(&copy).await;
        match read? {
            Ok(found) => {
                area.success();
                Ok(found)
            }
            Err(error) => {
                let (fault, remedy) = area.failure(&error);
                Ok(failed(unit, &fault, remedy))
            }
        }
    }

    /// What of it came along with another image meanwhile; none unless that is all.
    async fn came_along(&self, unit: &Unit) -> Result<Option<Found>, BackupError> {
        let mut found = Found::new();
        for digest in unit.blocked.keys() {
            match manifests::stored(self.fetcher, digest, None).await? {
                Some(state) => found.push((*digest, state)),
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// Has it copied from the first place that has it.
    async fn copied(&self, unit: &Unit, copy: &RepositoryName) -> Result<Result<(), RegistryError>, BackupError> {
        let staging = &self.area.staging;
        let mut error = RegistryError::NotFound { what: format!("the image {}", unit.digest.short()) };
        for place in &unit.places {
            staging.gate.before_copy(place, &unit.digest).await?;
            match staging.client.copy_artifact(place, &unit.digest, copy).await {
                // Some versions say so of what a try before has copied.
                Ok(()) | Err(RegistryError::Conflict { .. }) => return Ok(Ok(())),
                Err(RegistryError::NotFound { what }) => error = RegistryError::NotFound { what },
                Err(other) => return Ok(Err(other)),
            }
        }
        Ok(Err(error))
    }

    /// Reads in the copy what is blocked: the image, its children, and what is about any of them.
    async fn read(&self, unit: &Unit, copy: &RepositoryName) -> Result<Result<Found, RegistryError>, BackupError> {
        let (mut found, mut seen, mut lacking) = (Found::new(), HashSet::new(), None);
        let mut level = vec![(unit.digest, unit.media_type.clone())];
        for _ in 0..DEPTH_MAX {
            let mut next = Vec::new();
            for (digest, media_type) in std::mem::take(&mut level) {
                if !seen.insert(digest) {
                    continue;
                }
                next.extend(self.about.get(&digest).into_iter().flatten().cloned());
                if self.known.contains(&digest) {
                    continue;
                }
                match self.read_one(copy, &digest, media_type.as_deref()).await? {
                    Ok(state) => {
                        if let State::Read(parts) = &state {
                            next.extend(parts.children().map(|child| (child, None)));
                        }
                        found.push((digest, state));
                    }
                    Err(error) if digest == unit.digest => return Ok(Err(error)),
                    Err(error) => lacking = Some((digest, error)),
                }
            }
            level = next;
            if level.is_empty() {
                break;
            }
        }
        if let (true, Some((_, error))) = (found.is_empty(), lacking) {
            return Ok(Err(error));
        }
        self.area.read_an_image();
        Ok(Ok(found))
    }

    async fn read_one(
        &self,
        copy: &RepositoryName,
        digest: &Digest,
        media_type: Option<&str>,
    ) -> Result<Result<State, RegistryError>, BackupError> {
        let turn = turn(&self.fetcher.vault, digest);
        let _turn = turn.lock().await;
        if let Some(state) = manifests::stored(self.fetcher, digest, media_type).await? {
            return Ok(Ok(state));
        }
        self.fetcher.stored.read();
        match self.area.staging.client.manifest_get(copy, digest).await {
            Ok(raw) => manifests::take(self.fetcher, digest, &raw).await.map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Takes the copy away. One that stays is removed at the end of the run, or by the next.
    async fn remove(&self, copy: &RepositoryName) {
        match self.area.staging.client.delete_repository(copy).await {
            Ok(()) | Err(RegistryError::NotFound { .. }) => {}
            Err(error) => {
                let text = format!("the copy {copy} could not be removed yet: {error}");
                let values = serde_json::json!({ "code": "copy_stays", "subject": copy, "why": error.facts() });
                self.fetcher.progress.event(Event::Note { level: Level::Warn, text, values });
            }
        }
    }
}

fn failed(unit: &Unit, fault: &StagingFault, remedy: Remedy) -> Found {
    unit.blocked.iter().map(|(digest, cause)| (*digest, State::Failed(still_blocked(cause, fault, remedy)))).collect()
}
