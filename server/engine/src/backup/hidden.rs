//! What Harbor's listings hide, found another way.
//!
//! To Harbor whatever was pushed with a `subject`, or by cosign's tag of a signature, is an accessory, and no listing shows one: it comes with the row of its
//! subject. One whose subject is in another repository, is gone or never was comes with nothing; a repository of such alone counts none and lists none.
//! Harbor still answers for it in three places: `tags/list` has its tag, `referrers` has it under its subject, and it is served by its digest. So
//!
//! - the snapshot before tells what was found earlier, which is asked for by digest, since no listing says whether it is still there;
//! - tags that nobody listed are looked up: of every repository on a full run, else of those that list nothing, or only what by its tag is about something
//!   that is not there;
//! - such a repository is asked what refers to the images of the project, all of them on a full run or where it is new, else the new ones, and
//!   Harbor's audit log, where it may be read, what was pushed there by digest;
//!   one in which something hidden was found, or whose tags speak of images that are not there, is asked what else is about the same.
//!
//! What has no tag, and is about something that nobody here knows, cannot be seen from outside. Where there is reason to think of it, the snapshot
//! says so as a [`Limit`]. An unchanged project without such repositories costs no request here.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use registry::{AuditLog, Reference, RegistryError};
use vault::VaultError;
use vault::tree::{Gap, Limit, Role};
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Digest, Manifest, RepositoryName, Tag};

use super::accessories::Search;
use super::collect::{Nodes, about};
use super::fetch::Fetcher;
use super::gap::{Cause, artifact_subject, tag_subject};
use super::limit::Told;
use super::listing::Listed;
use super::{BackupError, Note, Reconcile};
use crate::content;
use crate::source::{self, Seen};

/// Something without a tag may be in a repository, and nobody can list it.
pub const HIDDEN_UNTAGGED: &str = "hidden_untagged";
/// There were more places to ask than a run asks.
pub const ASKED_IN_PART: &str = "asked_in_part";

/// Most tags, or things of the snapshot before, that are looked up one by one in a repository.
const LOOKED_UP_MAX: usize = 10_000;
/// Most questions about referrers in one part of a project: at some 200 a second less than a minute.
const REFERRERS_ASKED_MAX: usize = 5_000;
/// Most rows of the audit log that are read for one repository.
const LOG_ROWS_MAX: usize = 1_000;
/// Questions on their way at a time; the client bounds listing calls further.
const ASKED_AT_ONCE: usize = 8;
/// The layer by which Harbor knows a signature of cosign's old kind.
const COSIGN_LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// What came of the search; what was found is among the nodes.
#[derive(Default)]
pub(crate) struct Unlisted {
    pub gaps: Vec<Gap>,
    pub limits: Vec<Limit>,
    pub notes: Vec<Note>,
    /// What was found, as Harbor shows it.
    pub found: Vec<Seen>,
}

/// Where the search stands.
pub(crate) struct Hidden<'a> {
    search: &'a Search<'a>,
    fetcher: &'a Fetcher,
    /// What was found.
    found: Vec<Seen>,
    /// Of what was found, what it is about; by repository.
    subjects: BTreeMap<RepositoryName, BTreeSet<Digest>>,
    unlisted: Unlisted,
}

impl<'a> Hidden<'a> {
    pub(crate) fn new(search: &'a Search<'a>, fetcher: &'a Fetcher) -> Self {
        Self { search, fetcher, found: Vec::new(), subjects: BTreeMap::new(), unlisted: Unlisted::default() }
    }

    /// Searches, and adds what it finds with all that is about it.
    pub(crate) async fn run(mut self, listed: &Listed, nodes: &mut Nodes) -> Result<Unlisted, BackupError> {
        let is_full = self.search.reconcile == Reconcile::Full;
        let quiet: Vec<RepositoryName> = listed.repositories.keys().filter(|name| nodes.is_all_about_others(name)).cloned().collect();
        for repository in listed.repositories.keys() {
            let gone = self.search.previous.unlisted(repository, nodes);
            if !gone.is_empty() {
                self.known(repository, gone, nodes).await?;
            }
        }
        // One that no snapshot has is looked through at once, as on a full run.
        let is_named = |name: &&RepositoryName| is_full || !self.search.previous.has(name) || quiet.binary_search(name).is_ok();
        let named = listed.repositories.keys().filter(is_named).cloned().collect();
        self.tags(named, nodes).await?;
        self.referrers(&quiet, nodes).await?;
        self.told(&quiet, nodes).await?;
        self.link(nodes).await?;
        let found = std::mem::take(&mut self.found);
        let deeper = self.search.run(&listed.project.name, &found, nodes).await?;
        self.unlisted.gaps.extend(deeper);
        self.state(&quiet, &found, nodes);
        self.unlisted.found = found;
        Ok(self.unlisted)
    }

    /// Asks for what the snapshot before had and no listing shows now, if it is of the kind that none would.
    async fn known(&mut self, repository: &RepositoryName, gone: Vec<Digest>, nodes: &mut Nodes) -> Result<(), BackupError> {
        let fetcher = self.fetcher;
        let read: Vec<Option<Digest>> = stream::iter(gone)
            .map(|digest| async move {
                let is_hidden = stored(fetcher, &digest).await?.is_none_or(|manifest| is_hidden(&manifest));
                Ok::<_, VaultError>(is_hidden.then_some(digest))
            })
            .buffered(ASKED_AT_ONCE)
            .try_collect()
            .await?;
        let wanted = read.into_iter().flatten().map(Reference::Digest).collect();
        self.look_up(repository, wanted, nodes).await
    }

    /// Asks repositories for all their tag names, and looks up the ones nobody has.
    async fn tags(&mut self, repositories: Vec<RepositoryName>, nodes: &mut Nodes) -> Result<(), BackupError> {
        let client = self.search.client;
        let mut names = stream::iter(repositories)
            .map(|repository| async move { client.tag_names(&repository).await.map(|names| (repository, names)) })
            .buffered(ASKED_AT_ONCE);
        while let Some((repository, names)) = names.try_next().await? {
            let unknown = names.into_iter().filter(|tag| nodes.owner(&repository, tag).is_none()).map(Reference::Tag).collect();
            self.look_up(&repository, unknown, nodes).await?;
        }
        Ok(())
    }

    /// Asks for each, and adds what is there.
    async fn look_up(&mut self, repository: &RepositoryName, mut wanted: Vec<Reference>, nodes: &mut Nodes) -> Result<(), BackupError> {
        if wanted.len() > LOOKED_UP_MAX {
            self.limit(repository, &Told::LookedUpInPart { looked: LOOKED_UP_MAX, of: wanted.len() });
            wanted.truncate(LOOKED_UP_MAX);
        }
        let search = self.search;
        let mut answers = stream::iter(wanted)
            .map(|reference| async move {
                let answer = match search.throttle.check().await {
                    Ok(()) => source::artifact(search.client, repository, &reference).await.map_err(BackupError::Registry),
                    Err(stop) => Err(BackupError::Stopped(stop)),
                };
                (reference, answer)
            })
            .buffered(ASKED_AT_ONCE);
        while let Some((reference, answer)) = answers.next().await {
            match (answer, reference) {
                (Ok(Some(seen)), _) => {
                    search.breaker.success();
                    self.take(seen, nodes);
                }
                (Ok(None), Reference::Tag(tag)) => self.unlisted.notes.push(passed(repository, &tag)),
                (Ok(None), Reference::Digest(_)) => {}
                (Err(BackupError::Registry(error)), reference) => {
                    let error = search.breaker.failure(error)?;
                    let subject = match reference {
                        Reference::Tag(tag) => tag_subject(repository, &tag),
                        Reference::Digest(digest) => artifact_subject(repository, &digest),
                    };
                    self.unlisted.gaps.push(Cause::of(&error).gap(subject));
                }
                (Err(other), _) => return Err(other),
            }
        }
        Ok(())
    }

    /// What is known already gets the tags it has by now; what is new is found.
    fn take(&mut self, seen: Seen, nodes: &mut Nodes) {
        if !nodes.contains(&seen.repository, &seen.digest) {
            nodes.add(&seen, Role::Root);
            nodes.adopt(&seen);
            self.found.push(seen);
            return;
        }
        for tag in &seen.tags {
            nodes.claim(&seen.repository, tag, &seen.digest);
        }
    }

    /// Asks what refers to what is known: in a repository that lists nothing to the images of all, where something was found to what that is about.
    async fn referrers(&mut self, quiet: &[RepositoryName], nodes: &mut Nodes) -> Result<(), BackupError> {
        for index in 0..self.found.len() {
            let (repository, digest) = (self.found[index].repository.clone(), self.found[index].digest);
            let named = self.found[index].tags.iter().filter_map(about).map(|(subject, _)| subject).collect::<Vec<_>>();
            let subject = self.subject(&repository, &digest).await?;
            self.subjects.entry(repository).or_default().extend(subject.into_iter().chain(named));
        }
        if self.search.reconcile == Reconcile::Full {
            self.spoken_of(nodes);
        }
        let mut questions: Vec<(RepositoryName, Digest)> =
            self.subjects.iter().flat_map(|(name, subjects)| subjects.iter().map(move |subject| (name.clone(), *subject))).collect();
        let known = self.search.previous.digests();
        for repository in quiet {
            let is_new = self.search.reconcile == Reconcile::Full || !self.search.previous.has(repository);
            let asked = self.subjects.get(repository);
            let subjects: BTreeSet<Digest> = nodes
                .iter()
                .filter(|(name, digest, node)| *name != repository && (is_new || !known.contains(digest)) && node.is_image())
                .map(|(_, digest, _)| *digest)
                .filter(|digest| asked.is_none_or(|asked| !asked.contains(digest)))
                .collect();
            questions.extend(subjects.into_iter().map(|subject| (repository.clone(), subject)));
        }
        if questions.len() > REFERRERS_ASKED_MAX {
            for repository in questions[REFERRERS_ASKED_MAX..].iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>() {
                self.limit(&repository, &Told::ReferrersInPart { asked: REFERRERS_ASKED_MAX, images: questions.len() });
            }
            questions.truncate(REFERRERS_ASKED_MAX);
        }
        self.ask(questions, nodes).await
    }

    /// Images that tags of a repository name, as cosign does, and that are not in it.
    fn spoken_of(&mut self, nodes: &Nodes) {
        for (repository, _, node) in nodes.iter() {
            for (subject, _) in node.tags.iter().filter_map(about).filter(|(subject, _)| !nodes.contains(repository, subject)) {
                self.subjects.entry(repository.clone()).or_default().insert(subject);
            }
        }
    }

    /// Looks up what the audit log says was pushed by digest where something is hidden: also what is about things that nobody here knows. A hint and no
    /// more; a log that is off, purged or not for this login names nothing.
    async fn told(&mut self, quiet: &[RepositoryName], nodes: &mut Nodes) -> Result<(), BackupError> {
        let search = self.search;
        let is_new = |name: &RepositoryName| search.reconcile == Reconcile::Full || !search.previous.has(name);
        let places: BTreeSet<RepositoryName> = quiet.iter().chain(self.subjects.keys()).filter(|name| is_new(name)).cloned().collect();
        if places.is_empty() {
            return Ok(());
        }
        let Some(version) = search.client.version().await? else { return Ok(()) };
        for repository in places {
            search.throttle.check().await?;
            let digests = match search.client.pushed_by_digest(AuditLog::of(version), &repository, LOG_ROWS_MAX).await {
                Ok(digests) => digests,
                Err(error) => {
                    search.breaker.failure(error)?;
                    return Ok(());
                }
            };
            let unknown: BTreeSet<Digest> = digests.into_iter().filter(|digest| !nodes.contains(&repository, digest)).collect();
            self.look_up(&repository, unknown.into_iter().map(Reference::Digest).collect(), nodes).await?;
        }
        Ok(())
    }

    async fn ask(&mut self, questions: Vec<(RepositoryName, Digest)>, nodes: &mut Nodes) -> Result<(), BackupError> {
        let search = self.search;
        let mut answers = stream::iter(questions)
            .map(|(repository, subject)| async move {
                let answer = match search.throttle.check().await {
                    Ok(()) => search.client.referrers(&repository, &subject).await.map_err(BackupError::Registry),
                    Err(stop) => Err(BackupError::Stopped(stop)),
                };
                (repository, subject, answer)
            })
            .buffered(ASKED_AT_ONCE);
        let mut wanted: BTreeMap<RepositoryName, BTreeSet<Digest>> = BTreeMap::new();
        while let Some((repository, subject, answer)) = answers.next().await {
            match answer {
                Ok(referrers) => {
                    search.breaker.success();
                    let new = referrers.into_iter().map(|referrer| referrer.digest).filter(|digest| !nodes.contains(&repository, digest));
                    let new: BTreeSet<Digest> = new.collect();
                    if !new.is_empty() {
                        self.subjects.entry(repository.clone()).or_default().insert(subject);
                        wanted.entry(repository).or_default().extend(new);
                    }
                }
                // Harbor before 2.8: then nothing has a subject there either.
                Err(BackupError::Registry(RegistryError::Unsupported { .. })) => return Ok(()),
                Err(BackupError::Registry(error)) => {
                    let error = search.breaker.failure(error)?;
                    let told = Told::ReferrersUnasked { image: subject.short(), why: error.facts(), text: error.to_string() };
                    self.limit(&repository, &told);
                }
                Err(other) => return Err(other),
            }
        }
        drop(answers);
        for (repository, digests) in wanted {
            self.look_up(&repository, digests.into_iter().map(Reference::Digest).collect(), nodes).await?;
        }
        Ok(())
    }

    /// What something is about, by its manifest. One that cannot be read tells nothing here, and becomes a gap where it is read for keeping.
    async fn subject(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Digest>, BackupError> {
        if let Some(manifest) = stored(self.fetcher, digest).await? {
            return Ok(subject_of(&manifest));
        }
        self.search.throttle.check().await?;
        self.fetcher.stored.read();
        match self.fetcher.origin.manifest(repository, digest).await {
            Ok(raw) => {
                let Ok(manifest) = Manifest::parse(&raw.media_type, &raw.bytes) else { return Ok(None) };
                self.fetcher.vault.put_bytes(&raw.bytes).await?;
                self.fetcher.stored.add(raw.bytes.len() as u64);
                Ok(subject_of(&manifest))
            }
            Err(error) => {
                self.search.breaker.failure(error)?;
                Ok(None)
            }
        }
    }

    /// What came between the listing and now together with its subject belongs to it.
    async fn link(&self, nodes: &mut Nodes) -> Result<(), BackupError> {
        for seen in &self.found {
            let named = seen.tags.iter().find_map(|tag| about(tag).filter(|(_, ending)| *ending == "sig"));
            let (subject, kind) = match named {
                Some((subject, _)) => (Some(subject), "signature.cosign"),
                None => (self.subject(&seen.repository, &seen.digest).await?, "subject.accessory"),
            };
            if let Some(subject) = subject.filter(|subject| *subject != seen.digest && nodes.contains(&seen.repository, subject)) {
                nodes.set_role(&seen.repository, &seen.digest, Role::Accessory { subject, kind: kind.to_owned() });
            }
        }
        Ok(())
    }

    /// Says of each repository that may hold more than was found that it may.
    fn state(&mut self, quiet: &[RepositoryName], found: &[Seen], nodes: &Nodes) {
        let mut places: BTreeMap<RepositoryName, usize> = quiet.iter().map(|name| (name.clone(), 0)).collect();
        for seen in found.iter().filter(|seen| nodes.get(&seen.repository, &seen.digest).is_some_and(|node| node.role == Role::Root)) {
            *places.entry(seen.repository.clone()).or_default() += 1;
        }
        for (repository, count) in places {
            let told = match count {
                0 if nodes.of_repository(&repository) > 0 => Told::ListedAboutGone,
                0 => Told::NothingListed,
                artifacts => Told::Unlisted { artifacts },
            };
            self.limit(&repository, &told);
        }
    }

    fn limit(&mut self, repository: &RepositoryName, told: &Told) {
        self.unlisted.limits.push(told.limit(repository.to_string()));
    }
}

/// A manifest of the vault; none that is lost, damaged or not understood.
async fn stored(fetcher: &Fetcher, digest: &Digest) -> Result<Option<Manifest>, VaultError> {
    match fetcher.vault.get_bytes(digest, MANIFEST_BYTES_MAX).await {
        Ok(bytes) => Ok(Manifest::parse(&content::sniff(&bytes), &bytes).ok()),
        Err(error) if error.is_transient() => Err(error),
        Err(_) => Ok(None),
    }
}

/// What a manifest is about. Harbor links by SHA-256 alone what it can be asked for here.
fn subject_of(manifest: &Manifest) -> Option<Digest> {
    manifest.subject.as_ref()?.digest.sha256()
}

/// Whether Harbor keeps it out of its listings.
fn is_hidden(manifest: &Manifest) -> bool {
    manifest.subject.is_some() || manifest.blobs.iter().any(|blob| blob.media_type.as_deref() == Some(COSIGN_LAYER))
}

fn passed(repository: &RepositoryName, tag: &Tag) -> Note {
    let text = "the tag was removed while the backup ran".to_owned();
    Note { code: "tag_gone", subject: tag_subject(repository, tag), text, facts: serde_json::Value::Null }
}
