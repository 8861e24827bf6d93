//! `/v2` against Debian's docker-registry.

use registry::{BlobHead, Mount, Reference, RegistryError};
use testkit::distribution::Login;
use testkit::{Distribution, images};
use vocab::Digest;

use crate::support::{CANARY, push, read, repository, robot, tag, user};

/// `dev` with [`CANARY`], bcrypt of cost 4.
fn htpasswd() -> Option<String> {
    let made = std::process::Command::new("htpasswd").args(["-nbBC", "4", "dev", CANARY]).output().ok()?;
    made.status.success().then(|| String::from_utf8_lossy(&made.stdout).trim().to_owned())
}

#[tokio::test]
async fn what_was_pushed_is_read_back_byte_for_byte() {
    let Some(server) = Distribution::start().await else { return };
    let (client, name) = (robot(&server.url()), repository("prod/team/app"));
    let image = images::image(1, 3, 70_000);
    assert_eq!(client.manifest_head(&name, &tag("v1")).await.unwrap(), None);
    assert_eq!(client.tag_names(&name).await.unwrap(), []);
    push(&client, &name, &image, &tag("v1")).await.unwrap();
    let head = client.manifest_head(&name, &tag("v1")).await.unwrap().unwrap();
    assert_eq!((head.digest, head.size_bytes), (Some(image.digest), Some(image.manifest.len() as u64)));
    let raw = client.manifest_get(&name, &image.digest).await.unwrap();
    assert_eq!((raw.bytes, raw.media_type), (image.manifest.clone(), image.media_type.clone()));
    assert_eq!(client.manifest_get_by_tag(&name, &"v1".parse().unwrap()).await.unwrap().unwrap().digest, image.digest);
    for (digest, bytes) in &image.blobs {
        assert_eq!(client.blob_head(&name, digest).await.unwrap(), Some(BlobHead { size_bytes: Some(bytes.len() as u64) }));
        assert_eq!(read(&client, &name, digest, Some(bytes.len() as u64)).await.unwrap(), bytes);
    }
    assert_eq!(client.tag_names(&name).await.unwrap(), ["v1".parse().unwrap()]);
    let counters = client.counters();
    assert!(counters.bytes_sent >= image.blob_bytes() && counters.bytes_received >= image.blob_bytes(), "{counters:?}");
    assert_eq!(counters.retries, 0);
}

#[tokio::test]
async fn a_blob_is_mounted_from_another_repository_and_an_unknown_one_is_not() {
    let Some(server) = Distribution::start().await else { return };
    let client = robot(&server.url());
    let (from, to) = (repository("prod/app"), repository("other/app"));
    let image = images::image(2, 1, 1000);
    push(&client, &from, &image, &tag("v1")).await.unwrap();
    let (digest, _) = &image.blobs[1];
    assert_eq!(client.blob_head(&to, digest).await.unwrap(), None);
    assert_eq!(client.blob_mount(&to, digest, &from).await.unwrap(), Mount::Done);
    assert_eq!(client.blob_head(&to, digest).await.unwrap(), Some(BlobHead { size_bytes: Some(1000) }));
    assert_eq!(client.blob_mount(&to, &Digest::of(b"nobody has this"), &from).await.unwrap(), Mount::NeedsUpload);
}

#[tokio::test]
async fn a_manifest_whose_blobs_are_missing_names_them() {
    let Some(server) = Distribution::start().await else { return };
    let (client, name) = (robot(&server.url()), repository("prod/app"));
    let image = images::image(3, 2, 100);
    let answer = client.manifest_put(&name, &tag("v1"), &image.media_type, image.manifest.clone()).await;
    let Err(RegistryError::MissingBlobs { mut digests }) = answer else { panic!("{answer:?}") };
    let mut expected: Vec<_> = image.blobs.iter().map(|(digest, _)| *digest).collect();
    digests.sort();
    expected.sort();
    assert_eq!(digests, expected);
    let wrong = Reference::Digest(Digest::of(b"other"));
    assert!(matches!(
        client.manifest_put(&name, &wrong, &image.media_type, image.manifest.clone()).await,
        Err(RegistryError::WrongDigest { .. })
    ));
}

#[tokio::test]
async fn more_tags_than_a_page_holds_are_all_listed() {
    let Some(server) = Distribution::start().await else { return };
    let (client, name) = (robot(&server.url()), repository("prod/app"));
    let image = images::image(4, 1, 10);
    push(&client, &name, &image, &tag("t0000")).await.unwrap();
    let puts = (1..1205).map(|n| {
        let (client, name, image) = (client.clone(), name.clone(), image.clone());
        async move { client.manifest_put(&name, &tag(&format!("t{n:04}")), &image.media_type, image.manifest.clone()).await }
    });
    futures::future::try_join_all(puts).await.unwrap();
    let names: std::collections::BTreeSet<_> = client.tag_names(&name).await.unwrap().into_iter().collect();
    assert_eq!((names.len(), names.last().unwrap().as_str()), (1205, "t1204"));
}

#[tokio::test]
async fn an_index_and_an_empty_blob_pass() {
    let Some(server) = Distribution::start().await else { return };
    let (client, name) = (robot(&server.url()), repository("prod/multi"));
    let (amd, arm) = (images::image(5, 1, 10), images::ImageBuilder::new(6).architecture("arm64").layer(0).build());
    for image in [&amd, &arm] {
        push(&client, &name, image, &Reference::Digest(image.digest)).await.unwrap();
    }
    let index = images::index(&[(&amd, "amd64"), (&arm, "arm64")]);
    push(&client, &name, &index, &tag("multi")).await.unwrap();
    assert_eq!(client.manifest_get(&name, &index.digest).await.unwrap().bytes, index.manifest);
    assert_eq!(read(&client, &name, &Digest::of(b""), Some(0)).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_user_is_challenged_for_basic_and_a_wrong_password_is_named() {
    let Some(line) = htpasswd() else {
        assert!(std::env::var("BREAKWATER_REQUIRE_TOOLS").as_deref() != Ok("1"), "htpasswd is not installed; install apache2-utils");
        println!("not run: htpasswd is not installed");
        return;
    };
    let Some(server) = Distribution::start_with(Login::Htpasswd(line)).await else { return };
    let name = repository("prod/app");
    let image = images::image(7, 1, 10);
    push(&user(&server.url()), &name, &image, &tag("v1")).await.unwrap();
    let wrong = crate::support::client_with(&server.url(), "dev", "wrong", crate::support::quick());
    let answer = wrong.manifest_head(&name, &tag("v1")).await;
    assert!(matches!(answer, Err(RegistryError::NotLoggedIn { ref username }) if username == "dev"), "{answer:?}");
}
