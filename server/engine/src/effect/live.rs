//! What the target holds now: read by one listing, or, for a few lines, one by one.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use registry::{Client, Reference, RegistryError};
use vocab::{Digest, ProjectName, RepositoryName, Tag};

use super::context::PlanError;
use super::desired::Desired;
use crate::backup::ARTIFACTS_MAX;
use crate::source::{self, Seen};

/// Up to this many lines are looked up one by one; above, one listing of the project is cheaper.
pub(crate) const LINES_ASKED_MAX: usize = 32;

/// The target's content.
pub(crate) struct Live<'a> {
    client: &'a Client,
    listing: Option<Listing>,
    /// Answers so far, so that nothing is asked twice.
    asked: Mutex<HashMap<(RepositoryName, Reference), Option<Seen>>>,
    /// All tag names of a repository.
    names: tokio::sync::Mutex<HashMap<RepositoryName, HashSet<Tag>>>,
    /// Whether the project exists at all.
    exists: bool,
}

struct Listing {
    tags: HashMap<(RepositoryName, Tag), Digest>,
    artifacts: HashMap<(RepositoryName, Digest), Seen>,
}

impl<'a> Live<'a> {
    /// Reads it. Prove the login before and after.
    pub(crate) async fn read(client: &'a Client, project: Option<&ProjectName>, desired_set: &[Desired]) -> Result<Self, PlanError> {
        let listing = match project {
            Some(project) if desired_set.len() > LINES_ASKED_MAX => Some(Listing::read(client, project).await?),
            _ => None,
        };
        Ok(Self { client, listing, asked: Mutex::default(), names: tokio::sync::Mutex::default(), exists: project.is_some() })
    }

    /// What a tag points to.
    pub(crate) async fn tag(&self, repository: &RepositoryName, tag: &Tag) -> Result<Option<Digest>, RegistryError> {
        if !self.exists {
            return Ok(None);
        }
        match &self.listing {
            // A listing shows no tags of accessories; a name that may be one is looked for, and asked for if it is there.
            Some(listing) => match listing.tags.get(&(repository.clone(), tag.clone())) {
                None if may_be_accessory(tag) && self.has_tag_name(repository, tag).await? => {
                    Ok(self.ask(repository, Reference::Tag(tag.clone())).await?.map(|seen| seen.digest))
                }
                found => Ok(found.copied()),
            },
            None => Ok(self.ask(repository, Reference::Tag(tag.clone())).await?.map(|seen| seen.digest)),
        }
    }

    /// The artifact, if the target has it. Accessories too.
    pub(crate) async fn artifact(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Seen>, RegistryError> {
        if !self.exists {
            return Ok(None);
        }
        if let Some(listing) = &self.listing {
            return Ok(listing.artifacts.get(&(repository.clone(), *digest)).cloned());
        }
        self.ask(repository, Reference::Digest(*digest)).await
    }

    /// An accessory, if the target has it; no listing shows it.
    pub(crate) async fn accessory(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Seen>, RegistryError> {
        if self.exists { self.ask(repository, Reference::Digest(*digest)).await } else { Ok(None) }
    }

    /// Whether the target knows this as about something that it does not have.
    pub(crate) async fn is_referrer(&self, repository: &RepositoryName, subject: &Digest, digest: &Digest) -> Result<bool, RegistryError> {
        if !self.exists {
            return Ok(false);
        }
        source::is_referrer(self.client, repository, subject, digest).await
    }

    /// Whether a tag is there, those on accessories too, by one list of the repository's names where many are asked for.
    pub(crate) async fn has_tag_name(&self, repository: &RepositoryName, tag: &Tag) -> Result<bool, RegistryError> {
        if self.listing.is_none() {
            return Ok(self.exists && self.ask(repository, Reference::Tag(tag.clone())).await?.is_some());
        }
        // Under the lock, so that side by side nobody reads the same list twice.
        let mut names = self.names.lock().await;
        if let Some(known) = names.get(repository) {
            return Ok(known.contains(tag));
        }
        let read: HashSet<Tag> = match self.client.tag_names(repository).await {
            Ok(read) => read.into_iter().collect(),
            Err(RegistryError::NotFound { .. }) => HashSet::new(),
            Err(error) => return Err(error),
        };
        let found = read.contains(tag);
        names.insert(repository.clone(), read);
        Ok(found)
    }

    async fn ask(&self, repository: &RepositoryName, reference: Reference) -> Result<Option<Seen>, RegistryError> {
        let key = (repository.clone(), reference);
        if let Some(known) = self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(known.clone());
        }
        let seen = source::artifact(self.client, repository, &key.1).await?;
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = &seen {
            asked.insert((repository.clone(), Reference::Digest(seen.digest)), Some(seen.clone()));
            for tag in &seen.tags {
                asked.insert((repository.clone(), Reference::Tag(tag.clone())), Some(seen.clone()));
            }
        }
        asked.insert(key, seen.clone());
        Ok(seen)
    }
}

fn may_be_accessory(tag: &Tag) -> bool {
    tag.as_str().starts_with("sha256-")
}

impl Listing {
    async fn read(client: &Client, project: &ProjectName) -> Result<Self, PlanError> {
        let repositories = client.repositories(project).await?;
        let mut seen = Vec::new();
        if !source::artifacts(client, project, &repositories, ARTIFACTS_MAX, &mut |one| seen.push(one)).await? {
            return Err(PlanError::TooMuch { project: project.clone() });
        }
        let tags = seen.iter().flat_map(|a| a.tags.iter().map(|tag| ((a.repository.clone(), tag.clone()), a.digest))).collect();
        let artifacts = seen.into_iter().map(|a| ((a.repository.clone(), a.digest), a)).collect();
        Ok(Self { tags, artifacts })
    }
}
