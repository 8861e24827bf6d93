//! The client against the simulator, in each of its versions.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::TryStreamExt;
use harbor_sim::{Config, Running, Version};
use registry::{Artifact, CheckKind, Client, Found, Mount, Outcome, Reference, RegistryError, RobotSpec};
use secrecy::ExposeSecret;
use testkit::{Image, images};
use vocab::ProjectName;

use crate::support::{client_with, push, quick, repository, tag};

const VERSIONS: [Version; 5] = [Version::V2_11_2, Version::V2_12_4, Version::V2_14_1, Version::V2_15_2, Version::V2_16];

async fn harbor(version: Version) -> (Running, Client) {
    let running = harbor_sim::start(Config { version, ..Config::default() }).await.unwrap();
    let (name, password) = running.admin();
    let admin = client_with(&running.url(), name, password, quick());
    (running, admin)
}

fn project(name: &str) -> ProjectName {
    name.parse().unwrap()
}

async fn all(client: &Client, name: &str, count: Option<u64>) -> Vec<Artifact> {
    client.artifacts(&project(name), count).try_collect().await.unwrap()
}

struct Pushed {
    image: Image,
    index: Image,
    signature: Image,
    sbom: Image,
}

/// An image, an index over it and another, a signature, and a referrer.
async fn fill(client: &Client, name: &str) -> Pushed {
    client.create_project(&project(name), false).await.unwrap();
    let repo = repository(&format!("{name}/team/app"));
    let (image, other) = (images::image(1, 2, 500), images::ImageBuilder::new(2).architecture("arm64").layer(300).build());
    push(client, &repo, &image, &tag("v1")).await.unwrap();
    push(client, &repo, &other, &Reference::Digest(other.digest)).await.unwrap();
    let index = images::index(&[(&image, "amd64"), (&other, "arm64")]);
    push(client, &repo, &index, &tag("multi")).await.unwrap();
    let signature = images::cosign_signature(&image, 1);
    push(client, &repo, &signature, &tag(&image.signature_tag())).await.unwrap();
    let sbom = images::referrer(&image, "application/spdx+json", Bytes::from_static(b"{\"spdx\":1}"));
    push(client, &repo, &sbom, &Reference::Digest(sbom.digest)).await.unwrap();
    Pushed { image, index, signature, sbom }
}

#[tokio::test]
async fn everything_in_a_project_is_found_and_no_read_counts_as_a_pull() {
    for version in VERSIONS {
        let (running, admin) = harbor(version).await;
        let pushed = fill(&admin, "prod").await;
        let repo = repository("prod/team/app");
        admin.prove_login().await.unwrap();
        let listed = all(&admin, "prod", None).await;
        let digests: BTreeSet<_> = listed.iter().map(|a| a.digest).collect();
        assert_eq!(listed.len(), 3, "{version:?}: the image, its sibling and the index");
        assert!(digests.contains(&pushed.image.digest) && digests.contains(&pushed.index.digest), "{version:?}");
        assert!(listed.iter().all(|a| a.repository == repo));
        let image = listed.iter().find(|a| a.digest == pushed.image.digest).unwrap();
        let about: BTreeSet<_> = image.accessories.iter().map(|a| a.digest).collect();
        assert_eq!(about, BTreeSet::from([pushed.signature.digest, pushed.sbom.digest]), "{version:?}");
        let referrers: BTreeSet<_> = admin.referrers(&repo, &image.digest).await.unwrap().into_iter().map(|d| d.digest).collect();
        assert!(referrers.contains(&pushed.sbom.digest), "{version:?}");
        assert_eq!(admin.accessories(&repo, &image.digest).await.unwrap().len(), 2);
        for digest in digests.iter().chain(&about) {
            let raw = admin.manifest_get(&repo, digest).await.unwrap();
            assert_eq!(raw.digest, *digest);
        }
        admin.manifest_get_by_tag(&repo, &"v1".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(running.control().pulls(), 0, "{version:?}");
        assert_eq!(admin.repository(&repo).await.unwrap().unwrap().pull_count, 0);
    }
}

#[tokio::test]
async fn a_long_listing_is_read_by_key_and_a_known_one_in_one_answer() {
    let (_running, admin) = harbor(Version::V2_15_2).await;
    admin.create_project(&project("prod"), false).await.unwrap();
    let repo = repository("prod/app");
    let shared = images::ImageBuilder::new(1).shared_layer(7, 100).build();
    admin.blob_put_bytes(&repo, &shared.blobs[1].0, shared.blobs[1].1.clone()).await.unwrap();
    for seed in 0..230 {
        let image = images::ImageBuilder::new(seed).shared_layer(7, 100).build();
        push(&admin, &repo, &image, &tag(&format!("v{seed}"))).await.unwrap();
    }
    admin.system_info().await.unwrap();
    let before = admin.counters().requests;
    let paged = all(&admin, "prod", None).await;
    let pages = admin.counters().requests - before;
    let at_once = all(&admin, "prod", Some(230)).await;
    assert_eq!((paged.len(), pages), (230, 3));
    assert_eq!(paged, at_once);
    assert_eq!(admin.counters().requests - before - pages, 1);
    for number in 0..150 {
        admin.create_project(&project(&format!("p{number}")), false).await.unwrap();
    }
    let names: BTreeSet<_> = admin.projects().await.unwrap().into_iter().map(|p| p.name).collect();
    assert!((0..150).all(|n| names.contains(&project(&format!("p{n}")))));
}

#[tokio::test]
async fn more_than_a_hundred_repositories_are_all_listed() {
    for version in VERSIONS {
        let (_running, admin) = harbor(version).await;
        admin.create_project(&project("prod"), false).await.unwrap();
        let image = images::image(1, 1, 10);
        for number in 0..120 {
            push(&admin, &repository(&format!("prod/r{number}")), &image, &tag("v1")).await.unwrap();
        }
        let found: BTreeSet<_> = admin.repositories(&project("prod")).await.unwrap().into_iter().map(|r| r.name).collect();
        assert_eq!(found.len(), 120, "{version:?}");
        assert_eq!(all(&admin, "prod", None).await.len(), 120, "{version:?}");
    }
}

#[tokio::test]
async fn an_image_deleted_in_harbor_comes_back_by_its_manifest_alone() {
    let (_running, admin) = harbor(Version::V2_15_2).await;
    let pushed = fill(&admin, "prod").await;
    let repo = repository("prod/team/app");
    admin.delete_artifact(&repo, &Reference::Digest(pushed.index.digest)).await.unwrap();
    admin.delete_artifact(&repo, &Reference::Digest(pushed.image.digest)).await.unwrap();
    assert_eq!(admin.manifest_head(&repo, &tag("v1")).await.unwrap(), None);
    let sent = admin.counters().bytes_sent;
    for (digest, _) in &pushed.image.blobs {
        assert!(admin.blob_head(&repo, digest).await.unwrap().is_some());
    }
    admin.manifest_put(&repo, &tag("v1"), &pushed.image.media_type, pushed.image.manifest.clone()).await.unwrap();
    assert_eq!(admin.counters().bytes_sent - sent, pushed.image.manifest.len() as u64, "not one blob byte");
    let back = admin.artifact(&repo, &tag("v1")).await.unwrap().unwrap();
    assert_eq!(back.digest, pushed.image.digest);
}

#[tokio::test]
async fn a_blob_is_mounted_across_projects() {
    let (_running, admin) = harbor(Version::V2_15_2).await;
    let pushed = fill(&admin, "prod").await;
    admin.create_project(&project("other"), false).await.unwrap();
    let (from, to) = (repository("prod/team/app"), repository("other/app"));
    for (digest, _) in &pushed.image.blobs {
        assert_eq!(admin.blob_mount(&to, digest, &from).await.unwrap(), Mount::Done);
    }
    assert_eq!(admin.blob_mount(&to, &vocab::Digest::of(b"?"), &from).await.unwrap(), Mount::NeedsUpload);
    assert_eq!(admin.blob_mount(&to, &pushed.image.blobs[0].0, &repository("nope/app")).await.unwrap(), Mount::NeedsUpload);
    admin.manifest_put(&to, &tag("v1"), &pushed.image.media_type, pushed.image.manifest.clone()).await.unwrap();
    assert_eq!(admin.repositories_with_blob(&project("prod"), &pushed.image.blobs[0].0).await.unwrap().len(), 1);
}

#[tokio::test]
async fn least_privilege_robots_can_do_their_work_and_no_more() {
    for version in [Version::V2_12_4, Version::V2_14_1, Version::V2_15_2, Version::V2_16] {
        let (running, admin) = harbor(version).await;
        let pushed = fill(&admin, "prod").await;
        let repo = repository("prod/team/app");
        let made = admin.create_robot(&RobotSpec::least_privilege_backup("backup")).await.unwrap();
        assert_eq!(made.left_out, [], "{version:?}");
        let reader = client_with(&running.url(), &made.name, made.secret.expose_secret(), quick());
        reader.prove_login().await.unwrap();
        assert_eq!(all(&reader, "prod", None).await.len(), 3);
        reader.manifest_get(&repo, &pushed.image.digest).await.unwrap();
        let denied = reader.manifest_put(&repo, &tag("v2"), &pushed.image.media_type, pushed.image.manifest.clone()).await.unwrap_err();
        assert_eq!(denied.code(), "forbidden", "{version:?}: {denied:?}");
        let denied = reader.delete_tag(&repo, &"v1".parse().unwrap()).await.unwrap_err();
        assert_eq!(denied.code(), "forbidden", "{version:?}");
        let (gone, of_gone) = (project("gone"), repository("gone/app"));
        assert_eq!(reader.project(&gone).await.unwrap().map(|found| found.id), None, "{version:?}: gone, not forbidden");
        assert_eq!(reader.repository(&of_gone).await.unwrap().map(|found| found.id), None, "{version:?}");
        assert!(reader.artifact(&of_gone, &tag("v1")).await.unwrap().is_none(), "{version:?}");
        assert_eq!(reader.repositories(&gone).await.unwrap_err().code(), "not_found", "{version:?}");
        let rows = reader.check_list(CheckKind::Backup).await;
        assert!(rows.iter().all(|r| r.outcome != Outcome::Fail), "{version:?}: {rows:#?}");
        assert!(rows.iter().find(|r| r.code == "silent").unwrap().outcome == Outcome::Pass, "{version:?}: {rows:#?}");
        let log = rows.iter().find(|r| r.code == "read_audit").unwrap();
        assert_eq!(log.outcome, Outcome::Pass, "{version:?}: the robot that Breakwater makes sees the log");
        let mut blind = RobotSpec::least_privilege_backup("blind");
        blind.permissions.iter_mut().for_each(|scope| scope.access.retain(|p| p.resource != "audit-log"));
        let blind = admin.create_robot(&blind).await.unwrap();
        let blind = client_with(&running.url(), &blind.name, blind.secret.expose_secret(), quick());
        let rows = blind.check_list(CheckKind::Backup).await;
        let log = rows.iter().find(|r| r.code == "read_audit").unwrap();
        assert!(log.outcome == Outcome::Warn && log.missing[0].to_string() == "audit-log:list", "{version:?}: {log:?}");
        let rows = reader.check_list(CheckKind::Restore).await;
        let push_row = rows.iter().find(|r| r.code == "push").unwrap();
        assert_eq!(push_row.outcome, Outcome::Fail);
        assert!(
            push_row.missing.iter().any(|p| p.to_string() == "repository:push") && matches!(push_row.found, Found::MissingIn { .. }),
            "{push_row:?}"
        );

        let made = admin.create_robot(&RobotSpec::least_privilege_restore("restore")).await.unwrap();
        let writer = client_with(&running.url(), &made.name, made.secret.expose_secret(), quick());
        let rows = writer.check_list(CheckKind::Restore).await;
        assert!(rows.iter().all(|r| r.outcome != Outcome::Fail && r.missing.is_empty()), "{version:?}: {rows:#?}");
        push(&writer, &repo, &images::image(9, 1, 10), &tag("v9")).await.unwrap();
        writer.create_project(&project("lost"), false).await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_secret_is_named_and_never_an_empty_harbor() {
    let (running, admin) = harbor(Version::V2_15_2).await;
    fill(&admin, "prod").await;
    let wrong = client_with(&running.url(), "robot$nobody", "wrong", quick());
    assert!(matches!(wrong.prove_login().await, Err(RegistryError::NotLoggedIn { .. })));
    let rows = wrong.check_list(CheckKind::Backup).await;
    let last = rows.last().unwrap();
    assert_eq!((last.code, last.outcome), ("login", Outcome::Fail), "{rows:#?}");
    assert_eq!(wrong.repositories(&project("prod")).await.unwrap_err().code(), "not_logged_in");
    let user = client_with(&running.url(), "admin", "wrong", quick());
    assert_eq!(user.manifest_get(&repository("prod/team/app"), &vocab::Digest::of(b"x")).await.unwrap_err().code(), "not_logged_in");
}

#[tokio::test]
async fn immutable_tags_quota_and_read_only_mode_are_told_apart() {
    let (_running, admin) = harbor(Version::V2_15_2).await;
    let pushed = fill(&admin, "prod").await;
    let (name, repo) = (project("prod"), repository("prod/team/app"));
    admin.create_immutable_rule(&name, "v*").await.unwrap();
    assert_eq!(admin.immutable_rules(&name).await.unwrap().len(), 1);
    let error = admin.manifest_put(&repo, &tag("v1"), &pushed.image.media_type, pushed.image.manifest.clone()).await.unwrap_err();
    assert_eq!(error.code(), "immutable");
    assert_eq!(admin.delete_tag(&repo, &"v1".parse().unwrap()).await.unwrap_err().code(), "immutable");
    let found = admin.project(&name).await.unwrap().unwrap();
    let used = admin.project_quota(&name).await.unwrap().unwrap().used_bytes;
    admin.set_project_quota(&found, Some(used + 10)).await.unwrap();
    let error = push(&admin, &repo, &images::image(50, 1, 5_000), &tag("big")).await.unwrap_err();
    assert_eq!(error.code(), "quota_exceeded");
    admin.set_project_quota(&found, None).await.unwrap();
    admin.set_read_only(true).await.unwrap();
    assert!(admin.system_info().await.unwrap().read_only);
    assert_eq!(push(&admin, &repo, &images::image(51, 1, 10), &tag("ro")).await.unwrap_err().code(), "read_only");
    admin.set_read_only(false).await.unwrap();
    assert_eq!(admin.create_project(&name, false).await.unwrap_err().code(), "conflict");
    assert_eq!(admin.delete_project(&name).await.unwrap_err().code(), "precondition");
    assert_eq!(admin.project(&project("nope")).await.unwrap(), None);
}

#[tokio::test]
async fn a_project_made_anew_is_written_to_with_fresh_tokens() {
    let (_running, admin) = harbor(Version::V2_15_2).await;
    fill(&admin, "prod").await;
    admin.delete_repository(&repository("prod/team/app")).await.unwrap();
    admin.delete_project(&project("prod")).await.unwrap();
    fill(&admin, "prod").await;
}
