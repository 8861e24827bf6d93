//! Vaults in S3 buckets: from a form to a row, from a row to a store, and what a bucket is asked before it is trusted.

use std::sync::Arc;

use app::audit::events::VaultEvent;
use app::error::{ApiError, ErrorKind};
use app::harbors::types::{CheckList, CheckOutcome};
use app::units::Moment;
use app::vaults::types::{Bucket, ChangeBucket, NewVault, Vault};
use registry::{Endpoint, Limits};
use secrecy::SecretString;
use serde_json::json;
use sqlx::types::Json;
use time::OffsetDateTime;
use vault::VaultError;
use vault::store::bucket::{BucketPlace, BucketStore, PlaceError, Promise, is_fit};

use super::queries::{self, BucketRow};
use super::{health, lock, ops, reconcile, told};
use crate::access::{Caller, Operation, Origin};
use crate::audit::{self, Actor, Event};
use crate::crypto::Place;
use crate::error::Error;
use crate::events::{self, Topic};
use crate::state::AppState;

/// The region most servers of one's own accept.
const REGION: &str = "us-east-1";
/// Longest CA bundle, bytes.
const CA_BYTES_MAX: usize = 64 * 1024;

/// Where a bucket's secret is stored.
pub const fn secret_place(vault_id: i64) -> Place {
    Place { table: "vault_bucket", column: "secret", row: vault_id }
}

/// How a bucket is reached.
struct Reach<'a> {
    endpoint: &'a str,
    plain_http: bool,
    ca_pem: Option<&'a str>,
    region: &'a str,
    bucket: &'a str,
    prefix: &'a str,
    access_key: &'a str,
    secret: SecretString,
    path_style: bool,
}

/// A bucket that was reached, and what came of it.
struct Tried {
    store: BucketStore,
    endpoint: String,
    /// What to call it.
    name: String,
    checks: CheckList,
}

fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn field_of(error: PlaceError) -> &'static str {
    match error {
        PlaceError::Bucket => "bucket",
        PlaceError::Region => "region",
        PlaceError::Prefix => "prefix",
        PlaceError::AccessKey => "access_key",
        PlaceError::Secret => "secret",
        _ => "endpoint",
    }
}

/// The store of a bucket under the operator's rule; what is wrong is an error of its field.
fn store(state: &AppState, reach: Reach<'_>) -> Result<(BucketStore, Endpoint, String), Error> {
    let endpoint = Endpoint::new(reach.endpoint, reach.plain_http, reach.ca_pem.map(str::to_owned), state.addresses.clone());
    let endpoint = endpoint.map_err(|error| {
        let field = if matches!(error, registry::EndpointError::Certificate) { "ca_pem" } else { "endpoint" };
        ApiError::field(field, app::refusals::General::CannotBeUsed { why: error.to_string() })
    })?;
    let client = registry::guarded_client(&endpoint, &Limits::default())?;
    let Reach { region, bucket, prefix, access_key, secret, path_style, .. } = reach;
    let place = BucketPlace::new(&endpoint.url, region, bucket, prefix, access_key, secret, path_style)
        .map_err(|error| ApiError::field(field_of(error), app::refusals::General::CannotBeUsed { why: error.to_string() }))?;
    let name = place.name();
    let store = BucketStore::new(place, client)
        .map_err(|error| ApiError::field("endpoint", app::refusals::General::CannotBeUsed { why: error.to_string() }))?;
    Ok((store, endpoint, name))
}

/// The store of a registered bucket.
pub fn stored(state: &AppState, row: &BucketRow) -> Result<BucketStore, Error> {
    let secret = state.keys.open(secret_place(row.vault_id), &row.secret)?;
    Ok(store(state, reach_of(row, secret))?.0.with_lock(lock::of(row)))
}

fn reach_of(row: &BucketRow, secret: SecretString) -> Reach<'_> {
    Reach {
        endpoint: &row.endpoint,
        plain_http: row.plain_http,
        ca_pem: row.ca_pem.as_deref(),
        region: &row.region,
        bucket: &row.bucket,
        prefix: &row.prefix,
        access_key: &row.access_key,
        secret,
        path_style: row.path_style,
    }
}

/// What the pages may know of it.
pub fn view(row: BucketRow) -> Bucket {
    Bucket {
        endpoint: row.endpoint,
        plain_http: row.plain_http,
        ca_pem: row.ca_pem.unwrap_or_default(),
        region: row.region,
        bucket: row.bucket,
        prefix: row.prefix,
        path_style: row.path_style,
        access_key: row.access_key,
        secret_set: (Moment(row.secret_set_at), row.secret_set_by),
        can_lock: can_lock(&row.checks.0),
        checks: row.checks.0,
    }
}

async fn tried(state: &AppState, reach: Reach<'_>) -> Result<Tried, Error> {
    let (store, endpoint, name) = store(state, reach)?;
    let probes = store.probe().await;
    let fit = is_fit(&probes);
    let now = Moment(OffsetDateTime::now_utc());
    let checks = CheckList { checks: probes.iter().map(told::probe).collect(), at: now, backup_ok: fit, restore_ok: fit };
    Ok(Tried { store, endpoint: endpoint.url.as_str().trim_end_matches('/').to_owned(), name, checks })
}

/// Whether a bucket locks what it is told to lock, as far as was tried.
pub(super) fn can_lock(checks: &CheckList) -> bool {
    checks.checks.iter().any(|check| check.code == Promise::LockKept.code() && check.outcome == CheckOutcome::Pass)
}

/// Tries a registered bucket again.
pub(super) async fn try_again(state: &AppState, row: &BucketRow) -> Result<CheckList, Error> {
    let secret = state.keys.open(secret_place(row.vault_id), &row.secret)?;
    Ok(tried(state, reach_of(row, secret)).await?.checks)
}

/// Why a bucket is not taken, on the field it lies at as far as the server says so.
fn refused(checks: &CheckList) -> Error {
    let Some(worst) = checks.checks.iter().find(|check| check.outcome == CheckOutcome::Fail) else {
        return Error::defect("a bucket was refused and nothing had failed".to_owned());
    };
    if worst.code != Promise::Reach.code() {
        let error = ApiError::new(ErrorKind::Invalid, "checks_failed", crate::harbors::told::refusal(worst));
        let failed = checks.checks.iter().filter(|check| check.outcome == CheckOutcome::Fail);
        return failed.fold(error, crate::harbors::told::field).into();
    }
    let said = worst.detail.to_string().to_ascii_lowercase();
    // S3's own codes, and the words of servers that have codes of theirs.
    let field = [
        ("nosuchbucket", "bucket"),
        ("invalidbucketname", "bucket"),
        ("signaturedoesnotmatch", "secret"),
        ("authorizationheadermalformed", "region"),
        ("accessdenied", "access_key"),
        ("access key", "access_key"),
    ];
    let field = field.iter().find(|(word, _)| said.contains(word)).map_or("endpoint", |(_, field)| field);
    ApiError::field(field, app::harbors::refusals::Refusal::Found { detail: worst.detail.clone() }).into()
}

fn in_bucket(error: &VaultError) -> Error {
    ApiError::field("bucket", app::refusals::General::CannotBeUsed { why: crate::error::chain(error) }).into()
}

/// Makes a vault in a bucket, or adopts the one that is there, once its check-list passes.
pub(super) async fn register(state: &AppState, actor: &Actor, name: String, form: &NewVault) -> Result<i64, Error> {
    if form.ca_pem.len() > CA_BYTES_MAX {
        return Err(ApiError::field("ca_pem", app::refusals::General::CertificateLong).into());
    }
    let (lock_days, lock_mode) = lock::wanted(form.lock_days, &form.lock_mode)?;
    let secret = SecretString::from(form.secret.trim().to_owned());
    let reach = Reach {
        endpoint: form.endpoint.trim(),
        plain_http: form.plain_http,
        ca_pem: given(&form.ca_pem),
        region: given(&form.region).unwrap_or(REGION),
        bucket: form.bucket.trim(),
        prefix: form.prefix.trim().trim_matches('/'),
        access_key: form.access_key.trim(),
        secret: secret.clone(),
        path_style: form.path_style,
    };
    let (region, bucket, prefix, access_key) = (reach.region, reach.bucket, reach.prefix, reach.access_key);
    let tried = tried(state, reach).await?;
    if !tried.checks.backup_ok {
        return Err(refused(&tried.checks));
    }
    if lock_days.is_some() && !can_lock(&tried.checks) {
        return Err(lock::cannot(&tried.checks));
    }
    let locked = lock_days.and_then(|days| u32::try_from(days).ok()).map(|days| vault::Lock::days(lock_mode, days));
    let here = Arc::new(tried.store.with_lock(locked));
    let (vault, adopted) = match vault::Vault::open_store(here.clone(), None).await {
        Ok(vault) => (vault, true),
        Err(VaultError::NotAVault { .. }) => (vault::Vault::init_store(here).await.map_err(|error| in_bucket(&error))?, false),
        Err(error) => return Err(in_bucket(&error)),
    };
    let found = ops::has_snapshots(&vault).await?;
    let mut tx = state.pool.begin().await?;
    let vault_id = ops::insert(&mut tx, &name, &tried.name, &vault, "bucket").await?;
    queries::set_read_only(&mut tx, vault_id, found).await?;
    let row = BucketRow {
        vault_id,
        endpoint: tried.endpoint,
        plain_http: form.plain_http,
        ca_pem: given(&form.ca_pem).map(str::to_owned),
        region: region.to_owned(),
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        path_style: form.path_style,
        access_key: access_key.to_owned(),
        secret: state.keys.seal(secret_place(vault_id), &secret),
        secret_set_at: OffsetDateTime::now_utc(),
        secret_set_by: actor.name().to_owned(),
        checks: Json(tried.checks),
        version: 1,
        lock_mode: lock_mode.as_str().to_owned(),
        lock_days,
    };
    queries::set_bucket(&mut tx, &row).await?;
    events::notify(&mut tx, Topic::Vaults).await?;
    let (action, what) = ops::made(&name, adopted);
    let event = Event::new(action, "vault", &name, what)
        .with("path", tried.name.as_str())
        .with("read_only", found)
        .with("vault_uuid", vault.id().to_string())
        .with("after", described(&row));
    audit::record(&mut tx, actor, event).await?;
    tx.commit().await?;
    health::check(state, vault_id).await?;
    if found {
        reconcile::compare(state, vault_id).await?;
    }
    Ok(vault_id)
}

/// What the audit history keeps of it: all but the secret.
fn described(row: &BucketRow) -> serde_json::Value {
    json!({ "endpoint": row.endpoint, "plain_http": row.plain_http, "region": row.region, "bucket": row.bucket, "prefix": row.prefix,
        "path_style": row.path_style, "access_key": row.access_key, "lock_days": row.lock_days, "lock_mode": row.lock_mode })
}

async fn managed(state: &AppState, caller: &Caller, vault_id: i64) -> Result<(String, uuid::Uuid, BucketRow), Error> {
    caller.require(Operation::ManageEstate, None)?;
    let mut conn = state.pool.acquire().await?;
    let vault = queries::one(&mut conn, vault_id).await?.ok_or_else(|| ApiError::not_found(app::refusals::Thing::Vault))?;
    let folder = || ApiError::new(ErrorKind::Conflict, "vault_not_a_bucket", app::vaults::refusals::Refusal::NotABucket);
    let bucket = queries::bucket(&mut conn, vault_id).await?.ok_or_else(folder)?;
    Ok((vault.name, vault.vault_uuid, bucket))
}

/// Changes how a bucket is reached: tests it first, and that the same vault is there. Another address needs the secret again (S-53).
pub async fn change(state: &AppState, caller: &Caller, origin: &Origin, form: ChangeBucket) -> Result<Vault, Error> {
    caller.require(Operation::ManageSecrets, None)?;
    let (name, uuid, row) = managed(state, caller, form.vault_id).await?;
    if form.ca_pem.len() > CA_BYTES_MAX {
        return Err(ApiError::field("ca_pem", app::refusals::General::CertificateLong).into());
    }
    let endpoint = form.endpoint.trim().trim_end_matches('/');
    let access_key = form.access_key.trim();
    let fresh = given(&form.secret).map(|secret| SecretString::from(secret.to_owned()));
    let new_secret = fresh.is_some();
    let secret = match fresh {
        Some(secret) => secret,
        None if endpoint != row.endpoint => {
            return Err(ApiError::field("secret", app::vaults::refusals::Refusal::SecretAgain).into());
        }
        None if access_key != row.access_key => return Err(ApiError::field("secret", app::vaults::refusals::Refusal::KeySecret).into()),
        None => state.keys.open(secret_place(row.vault_id), &row.secret)?,
    };
    let reach = Reach {
        endpoint,
        plain_http: form.plain_http,
        ca_pem: given(&form.ca_pem),
        region: given(&form.region).unwrap_or(REGION),
        bucket: &row.bucket,
        prefix: &row.prefix,
        access_key,
        secret: secret.clone(),
        path_style: form.path_style,
    };
    let region = reach.region;
    let tried = tried(state, reach).await?;
    if !tried.checks.backup_ok {
        return Err(refused(&tried.checks));
    }
    if row.lock_days.is_some() && !can_lock(&tried.checks) {
        let why = app::vaults::refusals::Refusal::MustLock;
        return Err(ApiError::field("access_key", why).into());
    }
    vault::Vault::open_store(Arc::new(tried.store), Some(uuid.into()))
        .await
        .map_err(|error| Error::from(ApiError::field("endpoint", app::refusals::General::CannotBeUsed { why: error.to_string() })))?;
    let mut changed = BucketRow {
        endpoint: tried.endpoint,
        plain_http: form.plain_http,
        ca_pem: given(&form.ca_pem).map(str::to_owned),
        region: region.to_owned(),
        path_style: form.path_style,
        access_key: access_key.to_owned(),
        checks: Json(tried.checks),
        ..row.clone()
    };
    if new_secret {
        changed.secret = state.keys.seal(secret_place(row.vault_id), &secret);
        changed.secret_set_at = OffsetDateTime::now_utc();
        changed.secret_set_by.clone_from(&caller.login);
    }
    let mut tx = state.pool.begin().await?;
    queries::set_bucket(&mut tx, &changed).await?;
    queries::set_path(&mut tx, row.vault_id, &tried.name).await?;
    events::notify(&mut tx, Topic::Vaults).await?;
    let event = Event::new("vault.update", "vault", &name, VaultEvent::BucketChanged { vault: name.clone() })
        .with("before", described(&row))
        .with("after", described(&changed))
        .with("new_secret", new_secret);
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    health::check(state, row.vault_id).await?;
    ops::get(state, caller, row.vault_id).await
}

/// Tries again what a vault needs of its bucket, and keeps what came of it.
pub async fn check(state: &AppState, caller: &Caller, origin: &Origin, vault_id: i64) -> Result<Vault, Error> {
    let (name, _, row) = managed(state, caller, vault_id).await?;
    let checks = try_again(state, &row).await?;
    let fit = checks.backup_ok;
    let mut tx = state.pool.begin().await?;
    queries::set_checks(&mut tx, vault_id, &checks).await?;
    events::notify(&mut tx, Topic::Vaults).await?;
    let event = Event::new("vault.test", "vault", &name, VaultEvent::BucketTested { vault: name.clone() }).with("fit", fit);
    audit::record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    health::check(state, vault_id).await?;
    ops::get(state, caller, vault_id).await
}
