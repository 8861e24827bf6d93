//! The job that frees what no snapshot needs. How it spares what somebody still needs is told in the vault's own `sweep` module; here
//! it is scheduled, bounded, recorded and shown.

use std::sync::Arc;

use app::audit::events::VaultEvent;
use app::error::ApiError;
use app::jobs::failures::{Failure, Help};
use app::jobs::lines::Line;
use app::jobs::sentences::{Phase, Title};
use app::units::Moment;
use app::vaults::types::{Amount, Sweep, SweepForm};
use sqlx::PgConnection;
use vault::{Swept, TEMP_AGE, Terms, Vault, VaultError};

use super::{queries, reconcile, told};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::error::Error;
use crate::events::{self, Topic};
use crate::jobs::{self, Enqueued, JobContext, JobError, NewJob, Work};
use crate::state::AppState;
use crate::troubles;

/// Sweeps of a vault that are shown.
const SHOWN: i64 = 10;

fn job(vault_id: i64, name: &str, form: SweepForm, trigger: &str, account_id: Option<i64>) -> NewJob {
    let vault = name.to_owned();
    NewJob {
        work: Work::Sweep { vault_id, dry_run: form.dry_run, however_much: form.however_much },
        title: if form.dry_run { Title::SweepLook { vault } } else { Title::Sweep { vault } },
        dedupe_key: format!("sweep:{vault_id}:{}", form.dry_run),
        trigger: trigger.to_owned(),
        account_id,
        harbor_id: None,
        project: None,
        link: Some(format!("/vaults/{vault_id}")),
        after: None,
    }
}

/// Queues a sweep.
pub async fn start(state: &AppState, caller: &Caller, origin: &Origin, vault_id: i64, form: SweepForm) -> Result<i64, Error> {
    caller.require(Operation::ManageEstate, None)?;
    let mut tx = state.pool.begin().await?;
    let row = queries::one(&mut tx, vault_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Vault))?;
    let Enqueued { job_id, new } = jobs::enqueue(&mut tx, &job(vault_id, &row.name, form, &caller.login, Some(caller.account_id))).await?;
    if new && !form.dry_run {
        let event = Event::new("vault.sweep.start", "vault", &row.name, VaultEvent::SweepAsked { vault: row.name.clone() })
            .with("job", job_id)
            .with("however_much", form.however_much);
        audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    }
    tx.commit().await?;
    Ok(job_id)
}

/// Queues the sweeps that are due, each once.
pub async fn queue_due(state: &AppState) -> Result<(), Error> {
    let mut tx = state.pool.begin().await?;
    for (vault_id, name) in queries::sweeps_due(&mut tx).await? {
        jobs::enqueue(&mut tx, &job(vault_id, &name, SweepForm::default(), "schedule", None)).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// The last sweeps.
pub async fn list(state: &AppState, caller: &Caller, vault_id: i64) -> Result<Vec<Sweep>, Error> {
    caller.require(Operation::ReadEstate, None)?;
    let mut conn = state.pool.acquire().await?;
    queries::place(&mut conn, vault_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Vault))?;
    newest(&mut conn, vault_id).await
}

/// The newest of a vault that is known to be there.
pub(super) async fn newest(conn: &mut PgConnection, vault_id: i64) -> Result<Vec<Sweep>, Error> {
    let rows = queries::sweeps(conn, vault_id, SHOWN).await?;
    Ok(rows.into_iter().map(view).collect())
}

fn view((id, job_id, dry_run, finished, outcome): queries::SweepRow) -> Sweep {
    let swept = outcome.0;
    let amount = |a: vault::Amount| Amount { count: whole(a.count), size_bytes: whole(a.size_bytes) };
    Sweep {
        id,
        job_id,
        dry_run,
        finished: Moment(finished),
        needed: amount(swept.needed),
        young: amount(swept.young),
        condemned: amount(swept.condemned),
        returned: amount(swept.returned),
        deleted: amount(swept.deleted),
        waiting: amount(swept.waiting),
        waiting_for: swept.waiting_for,
        locked: amount(swept.locked),
        locked_until: swept.locked_until.map(Moment),
        old_versions: amount(swept.old_versions),
    }
}

fn whole(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Runs it.
pub async fn sweep_job(context: Arc<JobContext>, vault_id: i64, form: SweepForm) -> Result<(), JobError> {
    let (row, vault) = {
        let mut conn = context.state.pool.acquire().await?;
        crate::clock::must_agree(&mut conn).await?;
        let row = queries::one(&mut conn, vault_id).await?.ok_or_else(|| JobError::for_good(Failure::VaultGone))?;
        let vault = if form.dry_run {
            super::open(&context.state, &mut conn, vault_id).await
        } else {
            super::open_to_write(&context.state, &mut conn, vault_id).await
        };
        (row, vault?)
    };
    if !form.dry_run && reconcile::compare(&context.state, vault_id).await?.is_some() {
        return Err(JobError::Permanent { failure: Failure::CatalogueDiffers { vault: row.name.clone() }, help: Some(Help::Rebuild) });
    }
    context.progress(|p| p.phase = Some(Phase::LettingGo)).await;
    if !form.dry_run {
        crate::plans::left::expire(&context, vault_id, &vault).await?;
        crate::plans::imported::expire(&context, vault_id).await?;
        crate::plans::retention::forget(&context, vault_id, &vault).await?;
    }
    context.check().await?;
    context.progress(|p| p.phase = Some(Phase::Marking)).await;
    let mut terms = Terms { dry_run: form.dry_run, ..Terms::default() };
    if form.however_much {
        terms.share_max_percent = 100;
    }
    let swept = vault.sweep(&terms).await.map_err(|error| refused(&error))?;
    context.log("info", Line::Swept { parts: told::swept(&swept, form.dry_run) }).await;
    if !form.dry_run {
        tidy(&context, &vault).await;
    }
    let mut tx = context.state.pool.begin().await?;
    context.fence(&mut tx).await?;
    record(&mut tx, &context, &row, &swept, form.dry_run).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes away what broken-off writes left, and old versions of small files. A help, and no reason to call a sweep failed.
async fn tidy(context: &JobContext, vault: &Vault) {
    match vault.clean_temp(TEMP_AGE).await {
        Ok(cleaned) if cleaned.count > 0 => {
            let line = Line::TidiedUp { leftovers: whole(cleaned.count), size_bytes: whole(cleaned.size_bytes) };
            context.log("info", line).await;
        }
        Ok(_) => {}
        Err(error) => context.log("warn", Line::NotTidiedUp { why: troubles::vault(&error) }).await,
    }
}

async fn record(conn: &mut PgConnection, context: &JobContext, row: &queries::Row, swept: &Swept, dry_run: bool) -> Result<(), JobError> {
    queries::insert_sweep(conn, row.vault_id, context.job_id, dry_run, swept).await?;
    events::notify(conn, Topic::Vaults).await?;
    if dry_run {
        return Ok(());
    }
    let parts = [swept.needed, swept.young, swept.condemned, swept.waiting, swept.locked, swept.old_versions];
    let stored = parts.iter().map(|part| part.size_bytes).sum();
    queries::swept(conn, row.vault_id, whole(stored)).await?;
    let what = VaultEvent::SweepDone { vault: row.name.clone(), parts: told::swept(swept, false) };
    let event = Event::new("vault.sweep.finish", "vault", &row.name, what)
        .with("snapshots", swept.snapshots)
        .with("condemned_objects", swept.condemned.count)
        .with("deleted_objects", swept.deleted.count)
        .with("deleted_bytes", swept.deleted.size_bytes)
        .with("returned_objects", swept.returned.count)
        .with("locked_objects", swept.locked.count);
    audit::record(conn, &Actor::job(context.job_id), event).await?;
    Ok(())
}

fn refused(error: &VaultError) -> JobError {
    let failure = troubles::vault(error).into();
    let help = match error {
        VaultError::SweepTooMuch { .. } => Help::SweepOnce,
        VaultError::Corrupt { .. } | VaultError::Missing { .. } | VaultError::Tree { .. } | VaultError::DamagedRecord { .. } => {
            Help::VerifyAndRun
        }
        error => return JobError::of(failure, error.is_transient()),
    };
    JobError::Permanent { failure, help: Some(help) }
}
