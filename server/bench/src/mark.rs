//! The mark of a sweep over a vault of very many references. The vault is written by hand: manifests and indexes as they would be, and of
//! blobs the names alone, which is all a mark sees of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use vault::store::directory::DirectoryStore;
use vault::tree::{RepositoryIndex, RepositoryMember, SnapshotIndex};
use vault::{Pointer, Terms, Vault};
use vocab::{Descriptor, Digest, media};

use crate::tools::Line;
use crate::usage::{self, Used};
use crate::{Failure, ours};

/// Blobs each manifest refers to.
const REFERENCES_EACH: usize = 20;
/// Of these, ones no other manifest has.
const OWN: usize = 2;
/// Manifests of one repository, and repositories of one project.
const TAGS: usize = 10;
const REPOSITORIES: usize = 50;
/// Snapshots of each project; they share all repositories but one.
const SNAPSHOTS: i64 = 3;

/// Which vault.
#[derive(clap::Args)]
pub(crate) struct Order {
    #[arg(long)]
    folder: PathBuf,
}

#[derive(Debug, Serialize)]
pub(crate) struct Marked {
    pub references: usize,
    pub manifests: usize,
    pub blobs: usize,
    #[serde(flatten)]
    pub used: Used,
}

/// The child: what a sweep does until it has condemned nothing yet.
pub(crate) async fn mark(order: &Order) -> Result<(), Failure> {
    let vault = Vault::open(&order.folder, None).await?;
    let swept = vault.sweep(&Terms { dry_run: true, ..Terms::default() }).await?;
    println!("{}", json!({ "snapshots": swept.snapshots, "needed": swept.needed.count, "condemned": swept.condemned.count }));
    if swept.condemned.count > 0 {
        return Err(format!("{} objects of it are taken for unneeded", swept.condemned.count).into());
    }
    Ok(())
}

pub(crate) async fn run(references: usize, seconds_max: u64) -> Result<Marked, Failure> {
    println!("· a mark over {references} references");
    let folder = tempfile::Builder::new().prefix("breakwater-bench").tempdir()?;
    let place = folder.path().join("vault");
    let manifests = write(&place, references).await?;
    let program = std::env::current_exe()?.display().to_string();
    let command = vec![program, "mark".to_owned(), "--folder".to_owned(), place.display().to_string()];
    let (used, _) = usage::line(&Line { command, environment: Vec::new() }, folder.path(), seconds_max).await?;
    let shared = shared(manifests);
    Ok(Marked { references: manifests * REFERENCES_EACH, manifests, blobs: manifests * OWN + shared, used })
}

/// Blobs that manifests share.
const fn shared(manifests: usize) -> usize {
    manifests + 1
}

fn blob(kind: &str, number: usize) -> Digest {
    Digest::of(format!("{kind}/{number}").as_bytes())
}

fn described(media_type: &str, digest: Digest, size: usize) -> Descriptor {
    let annotations = std::collections::BTreeMap::new();
    let media_type = media_type.to_owned();
    Descriptor { media_type, digest, size: size as u64, artifact_type: None, annotations, platform: None, urls: Vec::new() }
}

/// Writes the vault and answers how many manifests it has. Not durable: it lives as long as the measurement.
async fn write(place: &Path, references: usize) -> Result<usize, Failure> {
    let vault = Vault::init_store(Arc::new(DirectoryStore::init(place).await?)).await?;
    let blobs = place.join("blobs/sha256");
    let put = |bytes: &[u8]| -> std::io::Result<Digest> {
        let digest = Digest::of(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes)?;
        Ok(digest)
    };
    let wanted = (references / REFERENCES_EACH).max(TAGS * REPOSITORIES);
    let projects = wanted / (TAGS * REPOSITORIES);
    let manifests = projects * TAGS * REPOSITORIES;
    let (mut number, mut pointers) = (0, Vec::new());
    for project in 0..projects {
        let mut repositories = Vec::new();
        for repository in 0..REPOSITORIES {
            let mut members = Vec::new();
            for tag in 0..TAGS {
                let own = (0..OWN).map(|at| described("application/vnd.oci.image.layer.v1.tar+gzip", blob("own", number * OWN + at), 1));
                let common = (OWN..REFERENCES_EACH).map(|at| {
                    let at = (number * 7 + at * 31) % shared(manifests);
                    described("application/vnd.oci.image.layer.v1.tar+gzip", blob("shared", at), 1)
                });
                let mut all: Vec<Descriptor> = own.chain(common).collect();
                let config = all.remove(0);
                let manifest = json!({ "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "config": config, "layers": all });
                let bytes = serde_json::to_vec(&manifest)?;
                let descriptor = described(media::OCI_MANIFEST, put(&bytes)?, bytes.len());
                members.push(RepositoryMember::root(descriptor, Some(format!("v{tag}").parse()?)));
                number += 1;
            }
            let name = format!("p{project}/r{repository}").parse()?;
            let bytes = RepositoryIndex { name, description: None, members, names: vault::Names::new() }.encode()?;
            let descriptor = vault::tree::RepositoryDescriptor { digest: put(&bytes)?, size: bytes.len() as u64 };
            repositories.push((format!("p{project}/r{repository}").parse()?, descriptor));
        }
        for number in 0..SNAPSHOTS {
            let started = time::OffsetDateTime::from_unix_timestamp(1_790_000_000 + number)?;
            let left_out = usize::from(number > 0);
            let index = SnapshotIndex {
                limits: Vec::new(),
                harbor: ours::harbor()?,
                project: format!("p{project}").parse()?,
                origin: vault::tree::Origin::Harbor,
                started,
                finished: started,
                listed: None,
                gaps: Vec::new(),
                elsewhere: Vec::new(),
                closed: true,
                config: None,
                harbor_config: None,
                pushed: None,
                repositories: repositories[left_out..].to_vec(),
            };
            let bytes = index.encode()?;
            let snapshot = described(media::OCI_INDEX, put(&bytes)?, bytes.len());
            let (harbor, project) = (index.harbor.clone(), index.project.clone());
            pointers.push(Pointer { harbor, project, moment: started, id: uuid::Uuid::new_v4(), snapshot, signature: None });
        }
    }
    // They alone are made durable, which takes everything before with it: once, then, and not each time.
    for pointer in &pointers {
        vault.put_pointer(pointer).await?;
    }
    Ok(manifests)
}
