//! `breakwater vault …`: with a place the bytes are enough and no server is needed; with a name the server does it.

use std::path::PathBuf;
use std::time::Duration;

use app::vaults::types::SweepForm;
use clap::{Args, Subcommand};
use futures::StreamExt as _;
use vault::{Amount, Terms, VaultError};
use vocab::RepositoryName;

use super::api::Remote;
use super::client::Plain;
use super::place::Place;
use super::vault_files::{self, Export, Import, size};
use super::{CliError, local_state, vaults as registered};
use crate::audit::Actor;
use crate::config::{DatabaseArgs, KeyArgs};
use crate::vaults::{self, rebuild};

/// Vault verbs.
#[derive(Subcommand)]
pub enum VaultVerb {
    /// Registered vaults
    List(Plain),
    /// One registered vault
    Show(registered::OneVault),
    /// Register a folder of the server, or a bucket, whose secret key is in `AWS_SECRET_ACCESS_KEY`
    Register(registered::Register),
    /// Try again what a registered bucket has to promise
    Test(registered::OneVault),
    /// Growth of a registered vault, and what takes its room
    Capacity(registered::OneVault),
    /// Sweeps of a registered vault
    Sweeps(registered::OneVault),
    /// What verification found in a registered vault
    Findings(registered::OneVault),
    /// How often everything in a registered vault is read
    Scrub(registered::ScrubVault),
    /// For how long a registered bucket locks what is written once
    Lock(registered::LockVault),
    /// Let a registered vault be written to again that was only read
    Open(registered::OneVault),
    /// Have the server make its catalogue agree with a registered vault
    Reconcile(registered::WorkOn),
    /// Make an empty vault in a folder or a bucket
    Init(Place),
    /// List the snapshots of a vault
    Snapshots(Place),
    /// Write a small OCI layout of one snapshot, for skopeo, oras or crane; no bytes are copied
    View(View),
    /// Copy images out of a snapshot as an OCI layout, in a folder or a tar archive
    Export(Export),
    /// Make a snapshot of images that other tools exported: OCI layouts, docker save, tar archives (also in gzip), folders of skopeo sync
    Import(Import),
    /// Read and hash every object, and walk every snapshot; of a registered vault the server does it
    Verify(Verify),
    /// Free what no snapshot needs: set it aside, or delete what an earlier sweep set aside; of a registered vault the server does it
    Sweep(Sweep),
    /// Register a vault that is there already, to be read only: after a disaster, before `vault rebuild`
    Adopt(Adopt),
    /// Make the catalogue agree with a registered vault: enter every snapshot it does not know, mark what the vault lost
    Rebuild(Rebuild),
}

/// A view to write.
#[derive(Args)]
pub struct View {
    #[command(flatten)]
    vault: Place,
    /// Digest of the snapshot, as `vault snapshots` prints it
    snapshot: String,
    /// Only this repository, with its project; its tags are then addressed without its name
    #[arg(long)]
    repository: Option<RepositoryName>,
    /// Folder to write, which must not exist
    #[arg(long)]
    out: PathBuf,
}

/// A vault to verify.
#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    vault: Place,
    #[command(flatten)]
    remote: Remote,
    /// Wait for the server's end of it
    #[arg(long)]
    wait: bool,
}

/// A vault to sweep.
#[derive(Args)]
pub struct Sweep {
    #[command(flatten)]
    vault: Place,
    #[command(flatten)]
    remote: Remote,
    /// Of a registered vault: go on although more than a fifth of it would be set aside
    #[arg(long)]
    however_much: bool,
    /// Wait for the server's end of it
    #[arg(long)]
    wait: bool,
    /// Count only; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Largest share of the vault one sweep may set aside, in percent
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(0..=100))]
    share_max: u8,
    /// Hours between setting aside and deleting
    #[arg(long, default_value_t = 24)]
    wait_hours: u32,
}

/// A vault to adopt.
#[derive(Args)]
pub struct Adopt {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    vault: Place,
    /// What to call it
    #[arg(long)]
    name: String,
}

/// A catalogue to fill.
#[derive(Args)]
pub struct Rebuild {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Name of the registered vault
    name: String,
}

/// `breakwater vault …`.
pub async fn run(verb: VaultVerb) -> Result<(), CliError> {
    match verb {
        VaultVerb::List(args) => registered::list(args).await,
        VaultVerb::Show(args) => registered::show(args).await,
        VaultVerb::Register(args) => registered::register(args).await,
        VaultVerb::Test(args) => registered::test(args).await,
        VaultVerb::Capacity(args) => registered::capacity(args).await,
        VaultVerb::Sweeps(args) => registered::sweeps(args).await,
        VaultVerb::Findings(args) => registered::findings(args).await,
        VaultVerb::Scrub(args) => registered::scrub(args).await,
        VaultVerb::Lock(args) => registered::lock(args).await,
        VaultVerb::Open(args) => registered::open(args).await,
        VaultVerb::Reconcile(args) => registered::reconcile(args).await,
        VaultVerb::Init(args) => {
            let vault = args.init().await?;
            println!("made the vault {} in {}", vault.id(), vault.path().display());
            Ok(())
        }
        VaultVerb::Snapshots(args) => {
            let vault = args.open().await?;
            let pointers = vault.pointers();
            futures::pin_mut!(pointers);
            while let Some(pointer) = pointers.next().await {
                let pointer = pointer?;
                println!(
                    "{}\t{}/{}\t{}",
                    app::units::Moment(pointer.moment).url(),
                    pointer.harbor,
                    pointer.project,
                    pointer.snapshot.digest
                );
            }
            Ok(())
        }
        VaultVerb::View(args) => view(args).await,
        VaultVerb::Export(args) => vault_files::export(args).await,
        VaultVerb::Import(args) => vault_files::import(args).await,
        VaultVerb::Verify(args) => match args.vault.registered()? {
            Some(name) => registered::verify(args.remote, name.to_owned(), args.wait).await,
            None => verify(&args.vault).await,
        },
        VaultVerb::Sweep(args) => match args.vault.registered()? {
            Some(name) => {
                let form = SweepForm { dry_run: args.dry_run, however_much: args.however_much };
                registered::sweep(args.remote, name.to_owned(), form, args.wait).await
            }
            None => sweep(&args).await,
        },
        VaultVerb::Adopt(args) => adopt(args).await,
        VaultVerb::Rebuild(args) => rebuild(args).await,
    }
}

async fn view(args: View) -> Result<(), CliError> {
    let vault = args.vault.open().await?;
    let digest = args.snapshot.parse().map_err(|e| CliError::Usage(format!("{e}")))?;
    let view = vault.write_view(&digest, args.repository.as_ref(), &args.out).await?;
    println!("{} references in {}", view.references.len(), args.out.display());
    for reference in view.references.iter().take(5) {
        println!("  skopeo inspect oci:{}:{}", args.out.display(), reference.reference);
    }
    Ok(())
}

async fn verify(args: &Place) -> Result<(), CliError> {
    let vault = args.open().await?;
    let (mut objects, mut bytes, mut faults) = (0_u64, 0_u64, 0_u64);
    let all = vault.objects();
    futures::pin_mut!(all);
    while let Some(object) = all.next().await {
        let (digest, size) = object?;
        objects += 1;
        bytes += size;
        match vault.verify_object(&digest).await {
            Ok(_) => {}
            Err(error @ VaultError::Corrupt { .. }) => {
                faults += 1;
                println!("corrupt\t{digest}\t{error}");
            }
            Err(error) => {
                faults += 1;
                println!("unreadable\t{digest}\t{error}");
            }
        }
    }
    let pointers = vault.pointers();
    futures::pin_mut!(pointers);
    while let Some(pointer) = pointers.next().await {
        for finding in engine::verify::snapshot(&vault, &pointer?.snapshot.digest).await {
            faults += 1;
            println!("{}\t{}\t{}", finding.kind, finding.object, finding.fault);
        }
    }
    println!("{objects} objects, {}, {faults} faults", size(bytes));
    if faults > 0 { Err(CliError::Failed(format!("{faults} faults found"))) } else { Ok(()) }
}

async fn sweep(args: &Sweep) -> Result<(), CliError> {
    let vault = args.vault.open().await?;
    let terms = Terms {
        dry_run: args.dry_run,
        share_max_percent: args.share_max,
        wait: Duration::from_secs(u64::from(args.wait_hours) * 3_600),
        ..Terms::default()
    };
    let swept = vault.sweep(&terms).await?;
    let line = |what: &str, amount: Amount| {
        println!("{what}\t{} objects\t{}", amount.count, size(amount.size_bytes));
    };
    println!("{} snapshots", swept.snapshots);
    line("needed", swept.needed);
    line("young", swept.young);
    line(if args.dry_run { "would be set aside" } else { "set aside" }, swept.condemned);
    line("put back", swept.returned);
    line("waiting", swept.waiting);
    line(if args.dry_run { "would be deleted" } else { "deleted" }, swept.deleted);
    for owner in swept.waiting_for {
        println!("waits for\t{owner}");
    }
    Ok(())
}

/// Never makes one: whoever mistypes the place after a disaster wants to hear of it.
async fn adopt(args: Adopt) -> Result<(), CliError> {
    let vault = args.vault.open().await?;
    let state = local_state(&args.database, &args.key).await?;
    let form = args.vault.form(&args.name)?;
    vaults::register(&state, &Actor::command_line(), form).await?;
    println!("registered the vault {} as {}", vault.id(), args.name);
    println!("`breakwater vault rebuild {}` makes the catalogue from it, for each Harbor that is registered under its old name", args.name);
    Ok(())
}

/// What a vault does not hold cannot come back: accounts, plans, votes.
async fn rebuild(args: Rebuild) -> Result<(), CliError> {
    let state = local_state(&args.database, &args.key).await?;
    let found: Option<i64> =
        sqlx::query_scalar("select vault_id from vault where name = $1").bind(&args.name).fetch_optional(&state.pool).await?;
    let vault_id = found.ok_or_else(|| CliError::Failed(format!("no vault named {} is registered", args.name)))?;
    let rebuilt = rebuild::rebuild(&state, vault_id, &rebuild::By::CommandLine).await;
    let rebuilt = rebuilt.map_err(|error| CliError::Failed(error.to_string()))?;
    if rebuilt.left_out.is_empty() { Ok(()) } else { Err(CliError::Failed("not everything could be entered".to_owned())) }
}
