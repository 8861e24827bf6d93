//! `doctor`: the oracle of the invariants, from SQL and the vaults' bytes alone (reliability.md §2, §3.3).
//!
//! With `--strict` every snapshot's closure is walked, and any broken invariant ends with exit code 1.

use clap::Args;
use futures::TryStreamExt as _;
use sqlx::PgPool;

use super::{CliError, local_state};
use crate::audit::{self, Actor};
use crate::config::{DatabaseArgs, KeyArgs};
use crate::projects::adopt;
use crate::state::AppState;

/// Checks the invariants.
#[derive(Args)]
pub struct Doctor {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Walk every snapshot, and fail on any broken invariant
    #[arg(long)]
    strict: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One broken invariant.
#[derive(Debug, serde::Serialize)]
struct Broken {
    invariant: &'static str,
    what: String,
}

/// Questions whose answer must be no row: invariant, what it means, SQL with one text column.
const QUESTIONS: [(&str, &str, &str); 12] = [
    ("I-20", "a running job without a lease", "select job_id::text from job where state = 'running' and (lease_until is null or owner is null)"),
    ("I-21", "a job beyond its tries that did not end", "select job_id::text from job where state = 'queued' and attempt >= attempt_max"),
    (
        "I-21",
        "a run that is open although its job is over",
        "select r.run_id::text from run r join job j using (job_id) where r.state in ('queued', 'running') and j.state in ('done', 'dead', 'cancelled')",
    ),
    (
        "I-17",
        "a restore that wrote without enough approvals of others",
        "select q.request_id::text from request q where q.started_at is not null
            and (select count(distinct v.account_id) from vote v where v.request_id = q.request_id and v.approve and v.account_id <> q.account_id
                    and v.plan_hash = q.plan_hash and v.voted_at <= q.started_at) < q.votes_needed",
    ),
    (
        "I-21",
        "a request that is open although its job is over",
        "select q.request_id::text from request q join job j using (job_id) where q.state in ('queued', 'running') and j.state in ('done', 'dead', 'cancelled')",
    ),
    (
        "S8",
        "an account holds two duties although the set-up is over",
        "select a.login from account a join account_duty d using (account_id)
          where a.disabled_at is null and exists (select 1 from duty_seal) group by a.login having count(*) > 1",
    ),
    (
        "I-22",
        "a snapshot without its audit record",
        "select s.snapshot_id::text from snapshot s where not exists
            (select 1 from audit_record a where a.action in ('snapshot.create', 'snapshot.adopt') and a.object = s.snapshot_id::text)",
    ),
    (
        "I-22",
        "a vote without its audit record",
        "select v.vote_id::text from vote v where not exists
            (select 1 from audit_record a where a.action like 'restore.vote.%' and a.object = v.request_id::text)",
    ),
    (
        "I-22",
        "images were copied into a staging project and the outcome is not recorded",
        "select u.run_id::text from staging_use u join run r using (run_id) where u.ended_at is null and r.state not in ('queued', 'running')",
    ),
    (
        "I-22",
        "a staging project held copies of work that is over, or what is none of ours, at the last look",
        "select name || ': ' || staging_left || ' copies; of others: ' || array_to_string(staging_foreign, ', ')
           from harbor where removed_at is null and (staging_left > 0 or cardinality(staging_foreign) > 0)",
    ),
    (
        "I-8",
        "two spans of one tag at the same time",
        "select a.repository_id || ':' || a.tag from tag_span a join tag_span b
            on a.repository_id = b.repository_id and a.tag = b.tag and a.from_at < b.from_at and (a.to_at is null or a.to_at > b.from_at)",
    ),
    (
        "I-9",
        "a snapshot whose count of gaps is not that of its list",
        "select snapshot_id::text from snapshot
          where gap_count <> (select count(*) from jsonb_array_elements(gaps) g where g ->> 'kind' <> 'kept_elsewhere')",
    ),
];

/// `breakwater doctor`.
pub async fn doctor(args: Doctor) -> Result<(), CliError> {
    let state = local_state(&args.database, &args.key).await?;
    let mut broken = questions(&state.pool).await?;
    let check = audit::verify_pool(&state.pool, &Actor::command_line()).await?;
    if let Some((seq, how)) = &check.broken {
        broken.push(Broken { invariant: "I-24", what: format!("audit event {seq}: {how}") });
    }
    if let Some(ahead) = crate::clock::skew(&mut *state.pool.acquire().await?).await? {
        broken.push(Broken { invariant: "I-35", what: crate::clock::words(ahead) });
    }
    broken.extend(closed_secrets(&state).await?.into_iter().map(|what| Broken { invariant: "I-28", what }));
    let walked = vaults(&state, args.strict, &mut broken).await?;
    if args.json {
        let value = serde_json::json!({ "audit_events": check.events, "snapshots_walked": walked, "broken": broken });
        println!("{value:#}");
    } else {
        for b in &broken {
            println!("{}\t{}", b.invariant, b.what);
        }
        println!("{} audit events and {walked} snapshots checked, {} invariants broken", check.events, broken.len());
    }
    if args.strict && !broken.is_empty() {
        return Err(CliError::Failed(format!("{} invariants are broken", broken.len())));
    }
    Ok(())
}

async fn questions(pool: &PgPool) -> Result<Vec<Broken>, CliError> {
    let mut broken = Vec::new();
    for (invariant, what, sql) in QUESTIONS {
        let rows: Vec<String> = sqlx::query_scalar(sql).fetch_all(pool).await?;
        broken.extend(rows.into_iter().map(|row| Broken { invariant, what: format!("{what}: {row}") }));
    }
    Ok(broken)
}

/// A harbor's id, name and sealed secrets for reading, for writing and for staging.
type SecretRow = (i64, String, Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

/// Stored secrets that do not open with the keys at hand, and why (I-28).
pub async fn closed_secrets(state: &AppState) -> sqlx::Result<Vec<String>> {
    let mut closed = Vec::new();
    let rows: Vec<SecretRow> =
        sqlx::query_as("select harbor_id, name, read_secret, write_secret, staging_secret from harbor where removed_at is null")
            .fetch_all(&state.pool)
            .await?;
    for (row, name, read, write, staging) in rows {
        for (column, sealed) in [("read_secret", Some(read)), ("write_secret", write), ("staging_secret", staging)] {
            let Some(sealed) = sealed else { continue };
            if let Err(error) = state.keys.open(crate::crypto::Place { table: "harbor", column, row }, &sealed) {
                closed.push(format!("{column} of {name}: {error}"));
            }
        }
    }
    let rows: Vec<(i64, String, Vec<u8>)> =
        sqlx::query_as("select vault_id, name, secret from vault_bucket join vault using (vault_id)").fetch_all(&state.pool).await?;
    for (row, name, sealed) in rows {
        if let Err(error) = state.keys.open(crate::vaults::bucket::secret_place(row), &sealed) {
            closed.push(format!("secret of the vault {name}: {error}"));
        }
    }
    Ok(closed)
}

/// Vaults open, every snapshot of the catalogue has its pointer, and its closure is whole (I-1).
async fn vaults(state: &AppState, strict: bool, broken: &mut Vec<Broken>) -> Result<usize, CliError> {
    let rows: Vec<(i64, String)> = sqlx::query_as("select vault_id, name from vault").fetch_all(&state.pool).await?;
    let mut walked = 0;
    for (vault_id, name) in rows {
        let opened = {
            let mut conn = state.pool.acquire().await?;
            crate::vaults::open(state, &mut conn, vault_id).await
        };
        let vault = match opened {
            Ok(vault) => vault,
            Err(error) => {
                broken.push(Broken { invariant: "F-8", what: format!("vault {name}: {}", crate::error::chain(&error)) });
                continue;
            }
        };
        let pointers: Vec<vault::Pointer> = vault.pointers().try_collect().await?;
        let pointed: std::collections::HashSet<vocab::Digest> = pointers.iter().map(|pointer| pointer.snapshot.digest).collect();
        adrift(&state.pool, &name, &pointers, broken).await?;
        let snapshots: Vec<(i64, Vec<u8>, bool)> =
            sqlx::query_as("select snapshot_id, digest, degraded_at is not null from vault_snapshot where vault_id = $1")
                .bind(vault_id)
                .fetch_all(&state.pool)
                .await?;
        for (id, digest, degraded) in snapshots {
            let Ok(digest) = vocab::Digest::from_bytes(&digest) else { continue };
            if !pointed.contains(&digest) {
                broken.push(Broken { invariant: "I-33", what: format!("snapshot {id} has no pointer in the vault {name}") });
            }
            if strict {
                walked += 1;
                let findings = engine::verify::snapshot(&vault, &digest).await;
                if !findings.is_empty() && !degraded {
                    broken.push(Broken {
                        invariant: "I-1",
                        what: format!("snapshot {id}: {} objects are missing or damaged", findings.len()),
                    });
                }
            }
        }
    }
    Ok(walked)
}

/// Sealed snapshots that the catalogue should have and does not (I-33). While a backup runs, one may be on its way there.
async fn adrift(pool: &PgPool, vault: &str, pointers: &[vault::Pointer], broken: &mut Vec<Broken>) -> Result<(), CliError> {
    let ids: Vec<uuid::Uuid> = pointers.iter().map(|pointer| pointer.id).collect();
    let unknown: Vec<uuid::Uuid> = sqlx::query_scalar(
        "select p.id from unnest($1::uuid[]) p (id)
          where not exists (select 1 from snapshot_ever s where s.pointer_id = p.id)
            and not exists (select 1 from job j where j.kind = 'backup' and j.state = 'running')",
    )
    .bind(&ids)
    .fetch_all(pool)
    .await?;
    for pointer in pointers.iter().filter(|pointer| unknown.contains(&pointer.id)) {
        let newest: Option<time::OffsetDateTime> = sqlx::query_scalar(
            "select max(s.moment) from snapshot_ever s join project p using (project_id) join harbor h using (harbor_id) where h.name = $1 and p.name = $2",
        )
        .bind(pointer.harbor.to_string())
        .bind(pointer.project.as_str())
        .fetch_one(pool)
        .await?;
        if adopt::is_later(pointer.moment, newest) {
            let what = format!(
                "{}/{} at {} is sealed in the vault {vault} and not in the catalogue",
                pointer.harbor, pointer.project, pointer.moment
            );
            broken.push(Broken { invariant: "I-33", what });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::crypto::{KeyRing, Place};

    fn state(pool: &PgPool) -> AppState {
        let ring = KeyRing::parse(&KeyRing::generate()).unwrap();
        AppState::new(pool.clone(), ring, Vec::new(), "http://localhost".parse().unwrap())
    }

    #[sqlx::test(migrator = "crate::MIGRATOR")]
    async fn a_secret_that_another_key_sealed_is_named(pool: PgPool) {
        let (right, wrong) = (state(&pool), state(&pool));
        let row: i64 = sqlx::query_scalar(
            "insert into harbor (name, url, read_login, read_secret, secret_set_by)
             values ('prod', 'https://harbor.example', 'robot', '', 'test') returning harbor_id",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        let sealed = right.keys.seal(Place { table: "harbor", column: "read_secret", row }, &SecretString::from("s".to_owned()));
        sqlx::query("update harbor set read_secret = $1").bind(sealed).execute(&pool).await.unwrap();
        assert_eq!(closed_secrets(&right).await.unwrap(), Vec::<String>::new());
        let named = closed_secrets(&wrong).await.unwrap();
        assert!(named.len() == 1 && named[0].starts_with("read_secret of prod: the key "), "{named:?}");
    }
}
