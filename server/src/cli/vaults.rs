//! The verbs over the API for vaults that are registered.

use app::units::{Moment, bytes};
use app::vaults::types::{Amount, Capacity, ChangeLock, ChangeScrub, Finding, Sweep, SweepForm, Vault};
use clap::Args;
use serde_json::json;

use super::api::{Api, Remote};
use super::client::{Plain, Queued, print_json, wait_for};
use super::place::Place;
use super::words::{Table, line};
use super::{CliError, names};

/// A registered vault.
#[derive(Args)]
pub struct OneVault {
    #[command(flatten)]
    pub remote: Remote,
    /// Its name
    pub vault: String,
}

/// A vault to work on at length.
#[derive(Args)]
pub struct WorkOn {
    #[command(flatten)]
    of: OneVault,
    /// Wait for its end
    #[arg(long)]
    wait: bool,
}

/// A vault to register.
#[derive(Args)]
pub struct Register {
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    place: Place,
    /// What to call it
    #[arg(long)]
    name: String,
    /// Days for which what is written in the bucket is locked; 0 = not
    #[arg(long, default_value_t = 0)]
    lock_days: i32,
    /// governance or compliance
    #[arg(long, default_value = "governance")]
    lock_mode: String,
}

/// A lock to change.
#[derive(Args)]
pub struct LockVault {
    #[command(flatten)]
    of: OneVault,
    /// Days
    #[arg(long)]
    days: i32,
    /// governance or compliance
    #[arg(long, default_value = "governance")]
    mode: String,
}

/// How often everything is read.
#[derive(Args)]
pub struct ScrubVault {
    #[command(flatten)]
    of: OneVault,
    /// Days within which everything is read once
    #[arg(long)]
    days: i32,
    /// At most so many MiB a second
    #[arg(long)]
    mib_s: Option<i64>,
}

async fn found(one: &OneVault) -> Result<(Api, i64), CliError> {
    let api = one.remote.api()?;
    let id = names::vault(&api, &one.vault).await?;
    Ok((api, id))
}

fn print(remote: &Remote, vault: &Vault) -> Result<(), CliError> {
    if remote.json {
        return print_json(vault);
    }
    line(format!("{}: {}, {:?}: {}", vault.name, vault.path, vault.state, vault.state_detail));
    let free = vault.free_bytes.map_or_else(String::new, |free| format!(", {} free", bytes(free)));
    let verified = vault.verified.map_or_else(|| "never".to_owned(), Moment::long);
    line(format!(
        "  {} snapshots, {} stored{free}; verified {verified}, {} findings",
        vault.snapshots,
        bytes(vault.stored_bytes),
        vault.findings
    ));
    vault.lock.iter().for_each(|lock| line(format!("  locked for {} days ({})", lock.days, lock.mode)));
    Ok(())
}

/// `vault list`.
pub async fn list(args: Plain) -> Result<(), CliError> {
    let vaults: Vec<Vault> = args.remote.api()?.get("/vaults", &[]).await?;
    if args.remote.json {
        return print_json(&vaults);
    }
    let mut table = Table::new(&["vault", "state", "snapshots", "stored", "findings", "where"]);
    for v in vaults {
        let state = format!("{:?}", v.state).to_lowercase();
        table.row([v.name, state, v.snapshots.to_string(), bytes(v.stored_bytes), v.findings.to_string(), v.path]);
    }
    table.print();
    Ok(())
}

/// `vault show`.
pub async fn show(args: OneVault) -> Result<(), CliError> {
    let (api, id) = found(&args).await?;
    print(&args.remote, &api.get(&format!("/vaults/{id}"), &[]).await?)
}

/// `vault register`.
pub async fn register(args: Register) -> Result<(), CliError> {
    let mut form = args.place.form(&args.name)?;
    (form.lock_days, form.lock_mode) = (args.lock_days, args.lock_mode);
    print(&args.remote, &args.remote.api()?.post("/vaults", &form).await?)
}

/// `vault test`.
pub async fn test(args: OneVault) -> Result<(), CliError> {
    let (api, id) = found(&args).await?;
    let vault: Vault = api.post(&format!("/vaults/{id}/bucket/check"), &json!({})).await?;
    if !args.remote.json
        && let Some(bucket) = &vault.bucket
    {
        super::harbor::print_checks(&bucket.checks);
    }
    print(&args.remote, &vault)
}

async fn work(args: &WorkOn, what: &str) -> Result<(), CliError> {
    let (api, id) = found(&args.of).await?;
    let queued: Queued = api.post(&format!("/vaults/{id}/{what}"), &json!({})).await?;
    wait_for(&args.of.remote, &api, queued, args.wait).await
}

/// `vault reconcile`.
pub async fn reconcile(args: WorkOn) -> Result<(), CliError> {
    work(&args, "rebuild").await
}

/// `vault verify` of a registered one.
pub async fn verify(remote: Remote, vault: String, wait: bool) -> Result<(), CliError> {
    work(&WorkOn { of: OneVault { remote, vault }, wait }, "verify").await
}

/// `vault sweep` of a registered one.
pub async fn sweep(remote: Remote, vault: String, form: SweepForm, wait: bool) -> Result<(), CliError> {
    let one = OneVault { remote, vault };
    let (api, id) = found(&one).await?;
    let queued: Queued = api.post(&format!("/vaults/{id}/sweep"), &form).await?;
    wait_for(&one.remote, &api, queued, wait).await
}

/// `vault open`.
pub async fn open(args: OneVault) -> Result<(), CliError> {
    let (api, id) = found(&args).await?;
    api.post::<()>(&format!("/vaults/{id}/open"), &json!({})).await?;
    line("open for writing");
    Ok(())
}

/// `vault lock`.
pub async fn lock(args: LockVault) -> Result<(), CliError> {
    let (api, id) = found(&args.of).await?;
    let form = ChangeLock { vault_id: id, lock_days: args.days, lock_mode: args.mode };
    api.put::<()>(&format!("/vaults/{id}/lock"), &form).await?;
    line(format!("what is written from now on is locked for {} days", args.days));
    Ok(())
}

/// `vault scrub`.
pub async fn scrub(args: ScrubVault) -> Result<(), CliError> {
    let (api, id) = found(&args.of).await?;
    let form = ChangeScrub { vault_id: id, days: args.days, mib_s: args.mib_s };
    api.put::<()>(&format!("/vaults/{id}/scrub"), &form).await?;
    line(format!("everything is read once in {} days", args.days));
    Ok(())
}

/// `vault capacity`.
pub async fn capacity(args: OneVault) -> Result<(), CliError> {
    let (api, id) = found(&args).await?;
    let capacity: Capacity = api.get(&format!("/vaults/{id}/capacity"), &[]).await?;
    if args.remote.json {
        return print_json(&capacity);
    }
    let growth = capacity.per_day.map_or_else(|| "no growth known yet".to_owned(), |bytes_a_day| format!("{} a day", bytes(bytes_a_day)));
    line(format!("{growth}{}", capacity.days_left.map_or_else(String::new, |days| format!(", full in {days} days"))));
    let mut table = Table::new(&["project", "plan", "size", "new", "snapshots"]);
    for p in capacity.projects {
        let plan = p.plan.unwrap_or_default();
        table.row([format!("{}/{}", p.harbor, p.project), plan, bytes(p.logical_bytes), bytes(p.bytes_new), p.snapshots.to_string()]);
    }
    table.print();
    Ok(())
}

/// `vault sweeps`.
pub async fn sweeps(args: OneVault) -> Result<(), CliError> {
    let (api, id) = found(&args).await?;
    let sweeps: Vec<Sweep> = api.get(&format!("/vaults/{id}/sweeps"), &[]).await?;
    if args.remote.json {
        return print_json(&sweeps);
    }
    let amount = |amount: Amount| format!("{} ({})", amount.count, bytes(amount.size_bytes));
    let mut table = Table::new(&["finished", "kind", "needed", "set aside", "deleted", "waiting"]);
    for s in sweeps {
        let kind = if s.dry_run { "count only" } else { "sweep" };
        table.row([s.finished.url(), kind.to_owned(), amount(s.needed), amount(s.condemned), amount(s.deleted), amount(s.waiting)]);
    }
    table.print();
    Ok(())
}

/// `vault findings`.
pub async fn findings(args: OneVault) -> Result<(), CliError> {
    let (api, id) = found(&args).await?;
    let findings: Vec<Finding> = api.get(&format!("/vaults/{id}/findings"), &[]).await?;
    if args.remote.json {
        return print_json(&findings);
    }
    let mut table = Table::new(&["found", "kind", "object", "what", "remedy", "healed"]);
    for f in findings {
        let healed = f.healed.map(Moment::url).unwrap_or_default();
        table.row([f.found.url(), f.kind.to_string(), f.object, f.detail.to_string(), f.remedy.to_string(), healed]);
    }
    table.print();
    Ok(())
}
