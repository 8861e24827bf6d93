//! The job that reads and hashes every object of a vault, then walks every snapshot for what is missing.
//!
//! Collects, never stops at the first fault. A corrupt object is moved to quarantine, its snapshots are degraded at once, and the next
//! backup that sees the digest stores it anew. An object that cannot be read is not called corrupt (I-6).

use std::sync::Arc;

use futures::StreamExt as _;
use vault::VaultError;

use super::queries;
use crate::audit::{self, Actor, Event, Outcome};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::jobs::{JobContext, JobError};

/// Snapshots looked at per page of the catalogue.
const SNAPSHOT_ROWS: i64 = 200;

/// What one verification came to.
#[derive(Default)]
struct Tally {
    objects: i64,
    bytes: i64,
    findings: i64,
    degraded: i64,
}

/// Runs it.
pub async fn verify_job(context: Arc<JobContext>, vault_id: i64) -> Result<(), JobError> {
    let (row, vault) = {
        let mut conn = context.state.pool.acquire().await?;
        let row = queries::one(&mut conn, vault_id)
            .await?
            .ok_or_else(|| JobError::Permanent { message: "the vault is gone".to_owned(), remedy: None })?;
        (row, super::open(&context.state, &mut conn, vault_id).await?)
    };
    let mut tally = Tally::default();
    read_objects(&context, vault_id, &vault, &mut tally).await?;
    walk_snapshots(&context, vault_id, &vault, &mut tally).await?;
    let mut tx = context.state.pool.begin().await?;
    context.fence(&mut tx).await?;
    queries::verified(&mut tx, vault_id, tally.bytes).await?;
    events::notify(&mut tx, Topic::Vaults).await?;
    let sentence = format!("verified {} objects of the vault {}, {} findings", tally.objects, row.name, tally.findings);
    let mut event = Event::new("vault.verify.finish", "vault", &row.name, sentence)
        .with("objects", tally.objects)
        .with("bytes", tally.bytes)
        .with("findings", tally.findings)
        .with("degraded_snapshots", tally.degraded);
    if tally.findings > 0 {
        event = event.outcome(Outcome::Partial, "findings");
    }
    audit::record(&mut tx, &Actor::job(context.job_id), event).await.map_err(JobError::from)?;
    tx.commit().await?;
    Ok(())
}

async fn read_objects(context: &JobContext, vault_id: i64, vault: &vault::Vault, tally: &mut Tally) -> Result<(), JobError> {
    let known_bad: std::collections::HashSet<Vec<u8>> = {
        let mut conn = context.state.pool.acquire().await?;
        queries::open_objects(&mut conn, vault_id).await?.into_iter().collect()
    };
    let objects = vault.objects();
    futures::pin_mut!(objects);
    while let Some(object) = objects.next().await {
        context.glance()?;
        let (digest, size) = object.map_err(Error::from)?;
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        match vault.verify_object(&digest).await {
            Ok(_) => {
                if known_bad.contains(digest.as_bytes().as_slice()) {
                    let mut conn = context.state.pool.acquire().await?;
                    queries::heal(&mut conn, vault_id, digest.as_bytes()).await?;
                    context.log("info", format!("{digest} is whole again")).await;
                }
            }
            Err(VaultError::Corrupt { .. }) => {
                vault.quarantine(&digest, "its bytes do not match its name").await.map_err(Error::from)?;
                let detail = "its bytes do not match its name; it was moved to quarantine";
                report(
                    context,
                    vault_id,
                    "corrupt",
                    &digest,
                    detail,
                    "run the plan again while the harbor still has the image: it stores the object anew",
                )
                .await?;
                tally.findings += 1;
            }
            // Swept since it was listed; what a snapshot needs is looked for in the second half.
            Err(VaultError::Missing { .. }) => {}
            Err(error) => {
                report(context, vault_id, "unreadable", &digest, &error.to_string(), "look at the disk or the mount, then verify again")
                    .await?;
                tally.findings += 1;
            }
        }
        tally.objects += 1;
        tally.bytes += size;
        let (objects_done, bytes_done) = (tally.objects, tally.bytes);
        context
            .progress(|p| {
                p.phase = "reading every object".to_owned();
                p.items_done = objects_done;
                p.bytes_done = bytes_done;
            })
            .await;
    }
    Ok(())
}

async fn walk_snapshots(context: &JobContext, vault_id: i64, vault: &vault::Vault, tally: &mut Tally) -> Result<(), JobError> {
    let mut after = 0;
    loop {
        let rows = {
            let mut conn = context.state.pool.acquire().await?;
            queries::snapshots(&mut conn, vault_id, after, SNAPSHOT_ROWS).await?
        };
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = *last;
        for (snapshot_id, digest) in rows {
            context.glance()?;
            let digest = vocab::Digest::from_bytes(&digest).map_err(|e| JobError::from(Error::defect(e.to_string())))?;
            let findings = engine::verify::snapshot(vault, &digest).await;
            for finding in &findings {
                report(context, vault_id, &finding.kind, &finding.object, &finding.detail, &finding.remedy).await?;
            }
            tally.findings += i64::try_from(findings.len()).unwrap_or(i64::MAX);
            let degraded = verdict(&findings);
            tally.degraded += i64::from(degraded == Some(true));
            if let Some(degraded) = degraded {
                let mut conn = context.state.pool.acquire().await?;
                queries::set_degraded(&mut conn, vault_id, snapshot_id, degraded).await?;
            }
            context.progress(|p| p.phase = "walking every snapshot".to_owned()).await;
        }
    }
}

/// Whether a snapshot is degraded; `None` where something could not be looked at and nothing is known to be lost: then a mark it has
/// stays (I-6).
fn verdict(findings: &[engine::verify::Finding]) -> Option<bool> {
    if findings.iter().any(engine::verify::Finding::degrades) {
        return Some(true);
    }
    findings.is_empty().then_some(false)
}

async fn report(
    context: &JobContext,
    vault_id: i64,
    kind: &str,
    object: &vocab::Digest,
    detail: &str,
    remedy: &str,
) -> Result<(), JobError> {
    let mut tx = context.state.pool.begin().await?;
    context.fence(&mut tx).await?;
    if queries::find(&mut tx, vault_id, kind, object, detail, remedy).await? {
        let event = Event::new("vault.mismatch.found", "object", object.to_string(), format!("{kind} object found: {detail}"))
            .outcome(Outcome::Failure, kind.to_owned());
        audit::record(&mut tx, &Actor::job(context.job_id), event).await?;
    }
    tx.commit().await?;
    context.log("error", format!("{kind} {object}: {detail}")).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use engine::verify::{Finding, Severity};
    use vocab::Digest;

    use super::verdict;

    fn finding(severity: Severity) -> Finding {
        let text = String::new();
        Finding { kind: text.clone(), severity, object: Digest::of(b""), subject: text.clone(), detail: text.clone(), remedy: text }
    }

    #[test]
    fn what_could_not_be_looked_at_neither_sets_a_mark_nor_lifts_one() {
        assert_eq!(verdict(&[]), Some(false));
        assert_eq!(verdict(&[finding(Severity::Unknown)]), None);
        assert_eq!(verdict(&[finding(Severity::Unknown), finding(Severity::Loss)]), Some(true));
    }
}
