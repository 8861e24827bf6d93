//! The sample world of `breakwater demo`.

use crate::images::{self, File, Image, Layer, Spec};
use crate::running::{Running, SimError};

/// The size of one layer of a sample model.
const MODEL_LAYER_BYTES: usize = 8 * 1024 * 1024;

/// The layers all sample services share.
fn base_layers() -> Vec<Layer> {
    let release = b"NAME=\"Sample Linux\"\nID=sample\nVERSION_ID=12\n";
    let passwd = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
    let files = [File { path: "etc/os-release", mode: 0o644, content: release }, File { path: "etc/passwd", mode: 0o644, content: passwd }];
    vec![
        images::layer("ADD rootfs.tar / # sample base", &files),
        images::random_layer("base/runtime", "usr/lib/libruntime.so", 600 * 1024),
        images::random_layer("base/certificates", "etc/ssl/certs/ca-bundle.crt", 180 * 1024),
    ]
}

/// A sample service: the shared base, one layer of libraries per minor version, one of code per version.
fn service(name: &str, version: &str, architecture: &str) -> Image {
    let minor = version.rsplit_once('.').map_or(version, |(minor, _)| minor);
    let mut layers = base_layers();
    let libraries = format!("opt/{name}/lib/vendor.bin");
    layers.push(images::random_layer(&format!("{name}/{minor}/{architecture}"), &libraries, 220 * 1024));
    let program = format!("opt/{name}/bin/{name}");
    let text = format!("#!/bin/sh\necho '{name} {version} ({architecture})'\n");
    let file = File { path: &program, mode: 0o755, content: text.as_bytes() };
    layers.push(images::layer(&format!("COPY {name} /{program}"), &[file]));
    let command = format!("/{program}");
    images::image(&Spec {
        architecture,
        command: &[&command],
        labels: &[("org.opencontainers.image.title", name), ("org.opencontainers.image.version", version)],
        layers: &layers,
        docker: false,
    })
}

/// Makes the demo's world, once: a second call, or a start with saved data, changes nothing.
pub async fn demo(harbor: &Running) -> Result<(), SimError> {
    if harbor.app().world().seeded {
        return Ok(());
    }
    shop(harbor).await?;
    models(harbor).await?;
    payments(harbor).await?;
    library(harbor).await?;
    harbor.app().change().seeded = true;
    Ok(())
}

async fn shop(harbor: &Running) -> Result<(), SimError> {
    harbor.create_project("shop", false)?;
    let production = harbor.create_label("shop", "production", "#0b7285")?;
    let candidate = harbor.create_label("shop", "release-candidate", "#e67700")?;
    for (repository, versions) in [
        ("web", &["1.0.0", "1.1.0", "1.1.1", "1.2.0", "1.3.0"][..]),
        ("api", &["2.0.0", "2.0.1", "2.1.0", "2.2.0-rc1"][..]),
        ("team/worker", &["0.9.0", "0.9.1", "1.0.0"][..]),
        ("team/scheduler", &["0.1.0", "0.2.0"][..]),
    ] {
        let name = format!("shop/{repository}");
        let short = repository.rsplit('/').next().unwrap_or(repository);
        for version in versions {
            harbor.push_image(&name, version, &service(short, version, "amd64")).await?;
        }
        let newest = service(short, versions.last().copied().unwrap_or_default(), "amd64");
        harbor.put_manifest(&name, "latest", &newest.manifest).await?;
    }
    let live = service("web", "1.3.0", "amd64").manifest;
    harbor.attach_label("shop/web", &live.digest, production)?;
    harbor.attach_label("shop/api", &service("api", "2.2.0-rc1", "amd64").manifest.digest, candidate)?;
    harbor.sign("shop/web", &live.digest, "release key").await?;
    let packages = images::spdx("shop-web-1.3.0", &["runtime", "vendor", "web"]);
    let packages = harbor.refer("shop/web", &live, images::SPDX, &packages).await?;
    harbor.sign("shop/web", &packages.manifest.digest, "release key").await?;
    let both = [service("web", "1.4.0", "amd64"), service("web", "1.4.0", "arm64")];
    harbor.push_index("shop/web", "1.4.0", &[&both[0], &both[1]]).await?;
    harbor.describe("shop/web", "The storefront. Signed releases, a list of packages for each.");
    harbor.describe("shop/api", "Orders and stock.");
    harbor.push_image("shop/charts/shop", "1.3.0", &images::chart("shop", "1.3.0")).await
}

async fn models(harbor: &Running) -> Result<(), SimError> {
    harbor.create_project("ml-models", false)?;
    for (repository, versions) in [("recommender", &["2026-08", "2026-09"][..]), ("fraud-score", &["v7"][..])] {
        for version in versions {
            let mut layers = base_layers();
            for part in 0..2 {
                // the first part is shared by all versions, as fine-tuned models share their base
                let seed = if part == 0 { repository.to_owned() } else { format!("{repository}/{version}") };
                layers.push(images::random_layer(&seed, &format!("model/weights-{part}.bin"), MODEL_LAYER_BYTES));
            }
            let image = images::image(&Spec {
                architecture: "amd64",
                command: &["/bin/serve-model"],
                labels: &[("model.version", version)],
                layers: &layers,
                docker: true,
            });
            harbor.push_image(&format!("ml-models/{repository}"), version, &image).await?;
        }
    }
    Ok(())
}

async fn payments(harbor: &Running) -> Result<(), SimError> {
    harbor.create_project("payments", false)?;
    for version in ["v1.0.0", "v1.0.1", "v1.1.0", "nightly"] {
        harbor.push_image("payments/gateway", version, &service("gateway", version, "amd64")).await?;
    }
    harbor.push_image("payments/ledger", "v3.2.0", &service("ledger", "v3.2.0", "amd64")).await?;
    harbor.make_immutable("payments", "v*");
    harbor.retain_latest("payments", 10);
    let users: Vec<String> = harbor.app().world().users.values().filter(|user| user.id != 1).map(|user| user.name.clone()).collect();
    for user in users {
        for project in ["shop", "payments"] {
            harbor.add_member(project, &user, 2)?;
        }
    }
    Ok(())
}

async fn library(harbor: &Running) -> Result<(), SimError> {
    let image = images::image(&Spec { architecture: "amd64", command: &["/bin/sh"], labels: &[], layers: &base_layers(), docker: false });
    harbor.push_image("library/sample-linux", "12", &image).await?;
    harbor.put_manifest("library/sample-linux", "latest", &image.manifest).await
}
