//! What is lost is had again by its digest: from an older version in the same bucket, from another vault, then from a harbor that has it.
//! The digest decides; whoever gives the bytes is not believed.

use std::sync::Arc;

use app::audit::events::VaultEvent;
use app::jobs::failures::Failure;
use app::jobs::lines::Line;
use app::jobs::sentences::Phase;
use app::troubles::Trouble;
use app::vaults::findings::HealedBy;
use engine::finding::Severity;
use engine::survey::{Lack, Place};
use vault::tree::OCI_EMPTY_BYTES;
use vault::{PutError, Vault, VaultError};
use vocab::Digest;

use super::queries;
use crate::audit::{self, Actor, Event};
use crate::error::{Error, chain};
use crate::events::{self, Topic};
use crate::harbors::{self, Access};
use crate::jobs::{JobContext, JobError};
use crate::troubles;

/// Objects one job tries to heal.
const OBJECTS_MAX: usize = 10_000;

/// Heals what it can; answers how many objects.
pub async fn all(context: &Arc<JobContext>, vault_id: i64, vault: &Vault, lacks: &[Lack]) -> Result<i64, JobError> {
    let kinds = ["missing", "corrupt", "wrong_size"];
    let lost = lacks.iter().filter(|l| l.finding.severity == Severity::Loss && kinds.contains(&l.finding.kind.as_str()));
    let lost: Vec<&Lack> = lost.take(OBJECTS_MAX).collect();
    if lost.is_empty() {
        return Ok(0);
    }
    let others = others(context, vault_id).await?;
    let mut healed = 0;
    for lack in lost {
        context.check().await?;
        context.progress(|p| p.phase = Some(Phase::Healing)).await;
        let digest = lack.finding.object;
        if lack.finding.kind != "missing" && !set_aside(vault, &digest).await? {
            continue;
        }
        let Some((by, bytes)) = one(context, vault, &digest, lack, &others).await? else { continue };
        let mut tx = context.state.pool.begin().await?;
        context.fence(&mut tx).await?;
        queries::heal(&mut tx, vault_id, digest.as_bytes(), &by).await?;
        queries::add_stored(&mut tx, vault_id, i64::try_from(bytes).unwrap_or(i64::MAX)).await?;
        events::notify(&mut tx, Topic::Vaults).await?;
        let event = Event::new("vault.object.heal", "object", digest.to_string(), VaultEvent::Healed { by: by.clone() })
            .with("bytes", i64::try_from(bytes).unwrap_or(i64::MAX));
        audit::record(&mut tx, &Actor::job(context.job_id), event).await?;
        tx.commit().await?;
        context.log("info", Line::Healed { object: digest.to_string(), by }).await;
        healed += 1;
    }
    Ok(healed)
}

/// Moves what is damaged out of the way, as reading it would have done; `false`: it is whole.
async fn set_aside(vault: &Vault, digest: &Digest) -> Result<bool, JobError> {
    match vault.quarantine(digest, "its bytes do not match its name").await {
        Ok(_) | Err(VaultError::Missing { .. }) => Ok(true),
        Err(VaultError::Intact { .. }) => Ok(false),
        Err(error) => Err(Error::from(error).into()),
    }
}

async fn others(context: &JobContext, vault_id: i64) -> Result<Vec<(String, Vault)>, JobError> {
    let mut conn = context.state.pool.acquire().await?;
    let mut open = Vec::new();
    for row in queries::all(&mut conn).await?.into_iter().filter(|row| row.vault_id != vault_id) {
        match super::open(&context.state, &mut conn, row.vault_id).await {
            Ok(vault) => open.push((row.name, vault)),
            Err(error) => context.log("warn", Line::VaultSilent { vault: row.name, why: troubles::failure(&error) }).await,
        }
    }
    Ok(open)
}

async fn one(
    context: &JobContext,
    vault: &Vault,
    digest: &Digest,
    lack: &Lack,
    others: &[(String, Vault)],
) -> Result<Option<(HealedBy, u64)>, JobError> {
    if let Some(bytes) = vault.revive_object(digest).await.map_err(Error::from)? {
        return Ok(Some((HealedBy::OlderVersion, bytes)));
    }
    if *digest == Digest::of(OCI_EMPTY_BYTES) {
        vault.put_bytes(OCI_EMPTY_BYTES).await.map_err(Error::from)?;
        return Ok(Some((HealedBy::AlwaysSame, OCI_EMPTY_BYTES.len() as u64)));
    }
    for (name, other) in others {
        if !matches!(other.size_of(digest).await, Ok(Some(_))) {
            continue;
        }
        match vault.put(digest, None, other.get(digest)).await {
            Ok(stored) => return Ok(Some((HealedBy::Vault { vault: name.clone() }, stored.size_bytes))),
            Err(PutError::Vault(error)) if !is_theirs(&error) => return Err(Error::from(error).into()),
            Err(error) => {
                let from = HealedBy::Vault { vault: name.clone() };
                context.log("warn", Line::NotFrom { object: digest.to_string(), from, why: not_put(&error) }).await;
            }
        }
    }
    for place in &lack.places {
        let by = HealedBy::Harbor { repository: place.repository.to_string(), harbor: place.harbor.clone() };
        match from_harbor(context, vault, digest, place).await {
            Ok(Some(bytes)) => return Ok(Some((by, bytes))),
            Ok(None) => {}
            Err(why) => context.log("warn", Line::NotFrom { object: digest.to_string(), from: by, why }).await,
        }
    }
    Ok(None)
}

/// Why an object was not stored.
fn not_put<E: std::error::Error + 'static>(error: &PutError<E>) -> Failure {
    match error {
        PutError::Vault(error) => troubles::vault(error).into(),
        other => Trouble::Unforeseen { error: chain(other) }.into(),
    }
}

/// Whether another source may still do better.
fn is_theirs(error: &VaultError) -> bool {
    matches!(error, VaultError::WrongBytes { .. })
}

async fn from_harbor(context: &JobContext, vault: &Vault, digest: &Digest, place: &Place) -> Result<Option<u64>, Failure> {
    let said = |error: Error| troubles::failure(&error);
    let reach = {
        let mut conn = context.state.pool.acquire().await.map_err(|error| said(error.into()))?;
        harbors::queries::reach_by_name(&mut conn, &place.harbor).await.map_err(|error| said(error.into()))?
    };
    let Some(reach) = reach.filter(|reach| !reach.removed) else { return Ok(None) };
    let client = harbors::client(&context.state, &reach, Access::Read).map_err(said)?;
    if place.manifest {
        let manifest = client.manifest_get(&place.repository, digest).await.map_err(|error| said(error.into()))?;
        let stored = vault.put_bytes(&manifest.bytes).await.map_err(|error| said(error.into()))?;
        return Ok((stored == *digest).then_some(manifest.bytes.len() as u64));
    }
    let stored =
        vault.put(digest, None, client.blob_get_unhashed(&place.repository, digest, None)).await.map_err(|error| not_put(&error))?;
    Ok(Some(stored.size_bytes))
}
