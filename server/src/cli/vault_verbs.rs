//! Looking after a vault without a server: the bytes are enough.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use futures::StreamExt as _;
use vault::{Vault, VaultError};
use vocab::RepositoryName;

use super::{CliError, local_state};
use crate::audit::Actor;
use crate::config::{DatabaseArgs, KeyArgs};
use crate::projects::{adopt, catalogue};

/// Vault verbs.
#[derive(Subcommand)]
pub enum VaultVerb {
    /// Make an empty vault in a folder
    Init(Folder),
    /// List the snapshots of a vault
    Snapshots(Folder),
    /// Write a small OCI layout of one snapshot, for skopeo, oras or crane; no bytes are copied
    View(View),
    /// Read and hash every object, and walk every snapshot
    Verify(Folder),
    /// Enter into the catalogue every snapshot of a registered vault that it does not know
    Rebuild(Rebuild),
}

/// A vault's folder.
#[derive(Args)]
pub struct Folder {
    /// Folder of the vault
    path: PathBuf,
}

/// A view to write.
#[derive(Args)]
pub struct View {
    /// Folder of the vault
    path: PathBuf,
    /// Digest of the snapshot, as `vault snapshots` prints it
    snapshot: String,
    /// Only this repository, with its project; its tags are then addressed without its name
    #[arg(long)]
    repository: Option<RepositoryName>,
    /// Folder to write, which must not exist
    #[arg(long)]
    out: PathBuf,
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
        VaultVerb::Init(args) => {
            let vault = Vault::init(&args.path).await?;
            println!("made the vault {} in {}", vault.id(), args.path.display());
            Ok(())
        }
        VaultVerb::Snapshots(args) => {
            let vault = Vault::open(&args.path, None).await?;
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
        VaultVerb::Verify(args) => verify(&args).await,
        VaultVerb::Rebuild(args) => rebuild(args).await,
    }
}

async fn view(args: View) -> Result<(), CliError> {
    let vault = Vault::open(&args.path, None).await?;
    let digest = args.snapshot.parse().map_err(|e| CliError::Usage(format!("{e}")))?;
    let view = vault.write_view(&digest, args.repository.as_ref(), &args.out).await?;
    println!("{} references in {}", view.references.len(), args.out.display());
    for reference in view.references.iter().take(5) {
        println!("  skopeo inspect oci:{}:{}", args.out.display(), reference.reference);
    }
    Ok(())
}

async fn verify(args: &Folder) -> Result<(), CliError> {
    let vault = Vault::open(&args.path, None).await?;
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
            println!("{}\t{}\t{}", finding.kind, finding.object, finding.detail);
        }
    }
    let size = app::units::bytes(i64::try_from(bytes).unwrap_or(i64::MAX));
    println!("{objects} objects, {size}, {faults} faults");
    if faults > 0 { Err(CliError::Failed(format!("{faults} faults found"))) } else { Ok(()) }
}

/// Snapshots the catalogue does not know are entered oldest first. What a vault does not hold cannot come back: accounts, plans, votes.
async fn rebuild(args: Rebuild) -> Result<(), CliError> {
    let state = local_state(&args.database, &args.key).await?;
    let found: Option<(i64, String, uuid::Uuid)> =
        sqlx::query_as("select vault_id, path, vault_uuid from vault where name = $1").bind(&args.name).fetch_optional(&state.pool).await?;
    let (vault_id, path, uuid) = found.ok_or_else(|| CliError::Failed(format!("no vault named {} is registered", args.name)))?;
    let vault = state.vault(&path, uuid).await?;
    let mut pointers = Vec::new();
    let all = vault.pointers();
    futures::pin_mut!(all);
    while let Some(pointer) = all.next().await {
        pointers.push(pointer?);
    }
    pointers.sort_by_key(|p| (p.moment, p.id));
    let mut entered = 0_u64;
    for pointer in pointers {
        let known: bool = sqlx::query_scalar("select exists (select 1 from snapshot where pointer_id = $1)")
            .bind(pointer.id)
            .fetch_one(&state.pool)
            .await?;
        if known {
            continue;
        }
        let harbor: Option<i64> = sqlx::query_scalar("select harbor_id from harbor where name = $1")
            .bind(pointer.harbor.to_string())
            .fetch_optional(&state.pool)
            .await?;
        let Some(harbor_id) = harbor else {
            println!(
                "left out: {}/{} at {}: register a harbor named {} first",
                pointer.harbor, pointer.project, pointer.moment, pointer.harbor
            );
            continue;
        };
        let project_id = catalogue::project_id(&mut *state.pool.acquire().await?, harbor_id, pointer.project.as_str()).await?;
        let newest = adopt::newest(&mut *state.pool.acquire().await?, project_id).await?;
        if !adopt::is_later(pointer.moment, newest) {
            println!("left out: {}/{} at {}: the catalogue has later ones", pointer.harbor, pointer.project, pointer.moment);
            continue;
        }
        let Some(prepared) = adopt::prepare(&state.pool, &vault, vault_id, project_id, &pointer).await? else {
            println!("left out: {}/{} at {}: verify the vault to see what it lacks", pointer.harbor, pointer.project, pointer.moment);
            continue;
        };
        let mut tx = state.pool.begin().await?;
        let new = adopt::enter(&mut tx, &Actor::command_line(), &prepared, &pointer).await?;
        tx.commit().await?;
        entered += u64::from(new);
    }
    println!("{entered} snapshots entered");
    Ok(())
}
