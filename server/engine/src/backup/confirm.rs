//! Projects in which nothing changed as far as a [`super::discovery::Discovery`] shows: their newest snapshots are confirmed, all together.
//!
//! No request is made to the Harbor, and nothing is read of what is unchanged: what counts is that its snapshot is kept, that nothing in
//! the vault is damaged, and that the project's own row is as it was when the snapshot was made ([`own_print`]). It costs one listing of the
//! vault's pointers however many projects there are; where the vault locks, also a look at the locks that run short.

use std::collections::HashMap;

use futures::TryStreamExt;
use registry::Project;
use time::OffsetDateTime;
use uuid::Uuid;
use vault::{HarborName, PointerName, Vault, VaultError};
use vocab::{Digest, ProjectName};

use super::previous::is_whole;
use super::{BackupError, settings};
use crate::control::Control;
use crate::hold::Held;

/// So few projects are looked for one by one; for more all pointers are listed, whatever they are of.
const ONE_BY_ONE_MAX: usize = 16;

/// A project whose newest snapshot is to be confirmed.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Which.
    pub project: ProjectName,
    /// The pointer of its newest snapshot in this vault.
    pub pointer_id: Uuid,
    /// Its lock runs short: the vault is to lock what it reaches as if it were made now.
    pub lock: bool,
}

/// What a project's own row shows, in short: as long as it is the same, its own settings are.
#[must_use]
pub fn own_print(project: &Project) -> Digest {
    Digest::of(settings::own_text(project).as_bytes())
}

/// Confirms the snapshots of projects that are unchanged since a look at `at`; answers those that are: what is not among them has to be listed.
pub async fn confirm(
    vault: &Vault,
    harbor: &HarborName,
    at: OffsetDateTime,
    candidates: Vec<Candidate>,
    control: &dyn Control,
) -> Result<Vec<ProjectName>, BackupError> {
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    control.check().await?;
    vault.check().await?;
    // What a pointer keeps while the hold stands is marked by every sweep; what a sweep condemned before has no pointer.
    let held = Held::take(vault, &format!("confirm {harbor}")).await?;
    let confirmed = kept(vault, harbor, at, candidates, control, &held).await;
    held.release().await;
    confirmed
}

async fn kept(
    vault: &Vault,
    harbor: &HarborName,
    at: OffsetDateTime,
    candidates: Vec<Candidate>,
    control: &dyn Control,
    held: &Held,
) -> Result<Vec<ProjectName>, BackupError> {
    if !is_whole(vault).await? {
        return Ok(Vec::new());
    }
    let names = pointers(vault, harbor, &candidates).await?;
    let mut confirmed = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let Some(name) = names.get(&candidate.pointer_id).filter(|name| *name.project() == candidate.project) else { continue };
        if candidate.lock {
            control.check().await?;
            let Some(pointer) = vault.pointer(name).await? else { continue };
            vault.lock_confirmed(&pointer, at).await?;
        }
        confirmed.push(candidate.project);
    }
    held.stands().await?;
    Ok(confirmed)
}

/// Names of the pointers of the harbor, by their ids: a listing alone.
async fn pointers(vault: &Vault, harbor: &HarborName, candidates: &[Candidate]) -> Result<HashMap<Uuid, PointerName>, VaultError> {
    if candidates.len() > ONE_BY_ONE_MAX {
        let all = vault.pointer_names().try_filter(|name| std::future::ready(name.harbor() == harbor));
        return all.map_ok(|name| (name.id(), name)).try_collect().await;
    }
    let mut names = HashMap::new();
    for candidate in candidates {
        let of_project: Vec<PointerName> = vault.pointer_names_of(harbor, &candidate.project).try_collect().await?;
        names.extend(of_project.into_iter().map(|name| (name.id(), name)));
    }
    Ok(names)
}
