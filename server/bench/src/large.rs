//! One layer far larger than the memory allowed, through the engine's own backup. On the simulator, which streams it from a file.

use bytes::Bytes;
use futures::StreamExt;
use harbor_sim::Config;
use registry::{BoxError, Reference};
use serde::Serialize;
use serde_json::json;
use vocab::{Hasher, RepositoryName, media};

use crate::measure::{self, Used};
use crate::tools::{Case, Ground, REPOSITORY, Tool};
use crate::{Failure, ours};

const PIECE_BYTES: usize = 1024 * 1024;
const PROJECT: &str = "large";

#[derive(Debug, Serialize)]
pub(crate) struct Large {
    pub mib: u64,
    #[serde(flatten)]
    pub used: Used,
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
    let ground = Ground { harbor: &host, project: PROJECT, user, secret, folder: folder.path(), registry: "" };
    let line = Tool::Breakwater.line(&std::env::current_exe()?, Case::First, &ground);
    let (used, _) = measure::line(&line, folder.path(), seconds_max).await?;
    sim.stop().await?;
    Ok(Large { mib, used })
}
