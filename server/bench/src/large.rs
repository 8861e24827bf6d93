//! One layer far larger than the memory allowed, through the engine's own backup. On the simulator, which streams it from a file.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt;
use harbor_sim::Config;
use registry::{BoxError, Reference};
use serde::Serialize;
use serde_json::json;
use vocab::{Digest, Hasher, RepositoryName, media};

use crate::tools::{Case, Fixture, REPOSITORY, Tool};
use crate::usage::{self, Used};
use crate::{Failure, ours};

const PIECE_BYTES: usize = 1024 * 1024;
const PROJECT: &str = "large";

#[derive(Debug, Serialize)]
pub(crate) struct Large {
    pub mib: u64,
    #[serde(flatten)]
    pub used: Used,
    pub limits: Limits,
}

/// What the same bytes take where only one thing is done with them.
#[derive(Debug, Serialize)]
pub(crate) struct Limits {
    /// Received and dropped.
    pub source_s: f64,
    /// Hashed from memory.
    pub hash_s: f64,
    /// Written and synced.
    pub disk_s: f64,
}

async fn limits(
    client: &registry::Client,
    repository: &RepositoryName,
    layer: &Digest,
    mib: u64,
    folder: &Path,
) -> Result<Limits, Failure> {
    let started = Instant::now();
    let mut body = std::pin::pin!(client.blob_get(repository, layer, Some(mib * PIECE_BYTES as u64)));
    while let Some(piece) = body.next().await {
        piece?;
    }
    let source_s = started.elapsed().as_secs_f64();
    let piece = testkit::images::bytes(0, PIECE_BYTES);
    let file = folder.join("disk");
    tokio::task::spawn_blocking(move || {
        let started = Instant::now();
        let mut hasher = Hasher::new();
        (0..mib).for_each(|_| hasher.update(&piece));
        std::hint::black_box(hasher.finish());
        let hash_s = started.elapsed().as_secs_f64();
        let started = Instant::now();
        let mut out = File::create(&file)?;
        for _ in 0..mib {
            out.write_all(&piece)?;
        }
        out.sync_all()?;
        let disk_s = started.elapsed().as_secs_f64();
        std::fs::remove_file(&file)?;
        Ok(Limits { source_s, hash_s, disk_s })
    })
    .await?
}

/// Pieces that differ from each other, made as they are sent.
fn source(mib: u64) -> impl futures::Stream<Item = Result<Bytes, BoxError>> + Send {
    futures::stream::iter(0..mib).map(|at| Ok(testkit::images::bytes(at, PIECE_BYTES)))
}

pub(crate) async fn run(mib: u64, seconds_max: u64) -> Result<Large, Failure> {
    println!("· one layer of {mib} MiB, on the simulator");
    let folder = tempfile::Builder::new().prefix("breakwater-bench").tempdir()?;
    let sim = harbor_sim::start(Config { data: Some(folder.path().join("harbor")), ..Config::default() }).await?;
    let (user, secret) = sim.admin();
    let client = ours::client(&sim.url(), user, secret)?;
    client.create_project(&PROJECT.parse()?, false).await?;
    let repository: RepositoryName = format!("{PROJECT}/{REPOSITORY}").parse()?;
    let mut hasher = Hasher::new();
    let mut pieces = std::pin::pin!(source(mib));
    while let Some(piece) = pieces.next().await {
        hasher.update(&piece?);
    }
    let (size_bytes, layer) = (hasher.size_bytes(), hasher.finish());
    client.blob_put(&repository, &layer, size_bytes, move || source(mib)).await?;
    let config = Bytes::from_static(b"{}");
    let config_digest = vocab::Digest::of(&config);
    client.blob_put_bytes(&repository, &config_digest, config).await?;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media::OCI_MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest, "size": 2 },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": size_bytes }],
    });
    client.manifest_put(&repository, &Reference::Tag("big".parse()?), media::OCI_MANIFEST, manifest.to_string().into()).await?;
    let host = sim.addr().to_string();
    let fixture = Fixture { harbor: &host, project: PROJECT, user, secret, folder: folder.path(), registry: "" };
    let line = Tool::Breakwater.line(&std::env::current_exe()?, Case::First, &fixture);
    let (used, _) = usage::line(&line, folder.path(), seconds_max).await?;
    let limits = limits(&client, &repository, &layer, mib, folder.path()).await?;
    sim.stop().await?;
    Ok(Large { mib, used, limits })
}
