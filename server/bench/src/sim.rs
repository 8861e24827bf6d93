//! A simulator in a process of its own, filled from inside: its memory is not counted as anybody's, and filling it takes no requests.

use std::process::Stdio;

use bytes::Bytes;
use harbor_sim::Config;
use harbor_sim::images::{Blob, OCI_CONFIG, OCI_MANIFEST, referrer};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::Failure;

pub(crate) const PROJECT: &str = "scale";
/// The layer that is an image's own.
const OWN_BYTES: usize = 4 * 1024;

/// What is in it.
#[derive(clap::Args, Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Content {
    #[arg(long)]
    pub repositories: usize,
    /// In each repository.
    #[arg(long)]
    pub tags: usize,
    /// A signature for each tag.
    #[arg(long)]
    pub referrers: bool,
    /// A layer of its own for each tag; without it, images differ in their manifests alone.
    #[arg(long)]
    pub layers: bool,
}

/// Where it is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Login {
    pub url: String,
    pub user: String,
    pub secret: String,
}

/// One that runs; it ends with this.
pub(crate) struct Filled {
    pub login: Login,
    _child: Child,
}

/// The child: fills a simulator, says where it is, and stays until its standard input ends.
pub(crate) async fn serve(content: &Content) -> Result<(), Failure> {
    let sim = harbor_sim::start(Config::default()).await?;
    sim.create_project(PROJECT, false)?;
    let config = Blob::new(OCI_CONFIG, Bytes::from_static(b"{\"architecture\":\"amd64\",\"os\":\"linux\"}"));
    for repository in 0..content.repositories {
        let name = format!("{PROJECT}/r{repository}");
        sim.put_blob(&name, &config).await?;
        for tag in 0..content.tags {
            let mut layers = Vec::new();
            if content.layers {
                let seed = (repository * content.tags + tag) as u64;
                let layer = Blob::new("application/vnd.oci.image.layer.v1.tar", testkit::images::bytes(seed, OWN_BYTES));
                sim.put_blob(&name, &layer).await?;
                layers.push(layer.descriptor());
            }
            let manifest = json!({
                "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.descriptor(), "layers": layers,
                "annotations": { "seed": format!("{repository}/{tag}") },
            });
            let manifest = Blob::new(OCI_MANIFEST, manifest.to_string());
            sim.put_manifest(&name, &format!("v{tag}"), &manifest).await?;
            if content.referrers {
                let signature = referrer(&manifest, "application/vnd.dev.cosign.artifact.sig.v1+json", &format!("{repository}/{tag}"));
                sim.push_image(&name, &signature.manifest.digest.clone(), &signature).await?;
            }
        }
    }
    let (user, secret) = sim.admin();
    println!("{}", serde_json::to_string(&Login { url: sim.url(), user: user.to_owned(), secret: secret.to_owned() })?);
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
    Ok(())
}

/// Starts one.
pub(crate) async fn start(content: &Content) -> Result<Filled, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["sim", "--repositories", &content.repositories.to_string(), "--tags", &content.tags.to_string()]);
    command.args(content.referrers.then_some("--referrers")).args(content.layers.then_some("--layers"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let out = child.stdout.take().ok_or("the simulator has no output")?;
    let line = BufReader::new(out).lines().next_line().await?.ok_or("the simulator did not start")?;
    Ok(Filled { login: serde_json::from_str(&line)?, _child: child })
}
