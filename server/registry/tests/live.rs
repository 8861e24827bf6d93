//! The client against a real Harbor: `HARBOR_URL`, `HARBOR_USER` and `HARBOR_PASSWORD` of an administrator, who gets a project and robots with random names, and has them
//! removed at the end. Without these variables it prints a line and does nothing.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use registry::{AddressRule, CheckKind, Client, Credential, Endpoint, Limits, Mount, Outcome, Reference, RegistryError, RobotSpec};
use secrecy::SecretString;
use testkit::{Act, Image, Proxy, Rule, images};
use vocab::{ProjectName, RepositoryName};

/// Longest a run of garbage collection is waited for, in polls.
const GC_POLLS_MAX: usize = 120;

struct Harbor {
    url: String,
    admin: Client,
}

fn client(url: &str, username: &str, secret: SecretString) -> Client {
    // The operator of a test chose the address, so every network is open.
    let open = ["127.0.0.0/8", "::1/128", "0.0.0.0/0", "::/0"].iter().map(|net| net.parse().unwrap()).collect();
    let endpoint = Endpoint::new(url, true, std::env::var("HARBOR_CA_PEM").ok(), AddressRule { allow: open }).unwrap();
    Client::new(endpoint, Credential { username: username.to_owned(), secret }, Limits::default()).unwrap()
}

fn harbor() -> Option<Harbor> {
    let get = |name| std::env::var(name).ok().filter(|v: &String| !v.is_empty());
    let (Some(url), Some(user), Some(password)) = (get("HARBOR_URL"), get("HARBOR_USER"), get("HARBOR_PASSWORD")) else {
        println!("not run: HARBOR_URL, HARBOR_USER and HARBOR_PASSWORD are not set");
        return None;
    };
    let admin = client(&url, &user, SecretString::from(password));
    Some(Harbor { url, admin })
}

/// Projects and robots to remove, whatever happens in between.
struct Litter {
    projects: Vec<ProjectName>,
    robots: Vec<i64>,
}

impl Litter {
    async fn remove(&self, admin: &Client) -> Result<(), RegistryError> {
        for project in &self.projects {
            for rule in admin.immutable_rules(project).await? {
                admin.delete_immutable_rule(project, rule.id).await?;
            }
            for repository in admin.repositories(project).await? {
                admin.delete_repository(&repository.name).await?;
            }
            admin.delete_project(project).await?;
        }
        for robot in &self.robots {
            admin.delete_robot(*robot).await?;
        }
        Ok(())
    }
}

fn tag(name: &str) -> Reference {
    Reference::Tag(name.parse().unwrap())
}

async fn push(client: &Client, repository: &RepositoryName, image: &Image, reference: &Reference) -> Result<(), RegistryError> {
    for (digest, bytes) in &image.blobs {
        if client.blob_head(repository, digest).await?.is_none() {
            client.blob_put_bytes(repository, digest, bytes.clone()).await?;
        }
    }
    client.manifest_put(repository, reference, &image.media_type, image.manifest.clone()).await
}

fn prefix() -> String {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let digest = vocab::Digest::of(format!("{nanos}-{}", std::process::id()).as_bytes());
    format!("bwreg{}", &digest.hex()[..8])
}

#[tokio::test]
async fn a_real_harbor_is_backed_up_and_restored_by_least_privilege_robots() {
    let Some(harbor) = harbor() else { return };
    let prefix = prefix();
    let mut litter = Litter { projects: Vec::new(), robots: Vec::new() };
    let run = std::panic::AssertUnwindSafe(journey(&harbor, &prefix, &mut litter));
    let outcome = futures::FutureExt::catch_unwind(run).await;
    let removed = litter.remove(&harbor.admin).await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
    removed.unwrap();
    assert!(!harbor.admin.projects().await.unwrap().iter().any(|p| p.name.as_str().starts_with(&prefix)));
}

async fn journey(harbor: &Harbor, prefix: &str, litter: &mut Litter) {
    let admin = &harbor.admin;
    admin.prove_login().await.unwrap();
    let info = admin.system_info().await.unwrap();
    println!("Harbor {}, {}", info.version_text, harbor.url);
    println!("health: {}", admin.health().await.unwrap().status);
    let (home, other): (ProjectName, ProjectName) = (format!("{prefix}a").parse().unwrap(), format!("{prefix}b").parse().unwrap());
    for project in [&home, &other] {
        admin.create_project(project, false).await.unwrap();
        litter.projects.push(project.clone());
    }
    assert_eq!(admin.create_project(&home, false).await.unwrap_err().code(), "conflict");
    let (reader, writer) = robots(harbor, prefix, litter).await;
    let repo: RepositoryName = format!("{home}/team/app").parse().unwrap();
    let pushed = fill(&writer, &repo).await;
    listed(&reader, &home, &repo, &pushed).await;
    silent(&reader, &repo, &pushed).await;
    checks(harbor, &reader, &writer).await;
    capped(harbor, prefix, litter, &repo).await;
    limits(harbor, &reader, &home, &repo, &pushed).await;
    mounted(&writer, &repo, &other, &pushed).await;
    undeleted(admin, &writer, &repo, &pushed).await;
    refused(admin, &writer, &home, &repo, &pushed).await;
    collected(admin, &writer, &repo, &pushed).await;
    remade(admin, &writer, &other, &pushed).await;
}

struct Pushed {
    image: Image,
    sibling: Image,
    index: Image,
    signature: Image,
    sbom: Image,
}

async fn robots(harbor: &Harbor, prefix: &str, litter: &mut Litter) -> (Client, Client) {
    let mut made = Vec::new();
    for spec in
        [RobotSpec::least_privilege_backup(&format!("{prefix}-backup")), RobotSpec::least_privilege_restore(&format!("{prefix}-restore"))]
    {
        let robot = harbor.admin.create_robot(&spec).await.unwrap();
        litter.robots.push(robot.id);
        println!("robot {}, left out: {:?}", robot.name, robot.left_out);
        let client = client(&harbor.url, &robot.name, robot.secret);
        client.prove_login().await.unwrap();
        made.push(client);
    }
    let writer = made.pop().unwrap();
    (made.pop().unwrap(), writer)
}

async fn fill(writer: &Client, repo: &RepositoryName) -> Pushed {
    let (image, sibling) = (images::image(1, 3, 200_083), images::ImageBuilder::new(2).architecture("arm64").layer(300).build());
    push(writer, repo, &image, &tag("v1")).await.unwrap();
    push(writer, repo, &image, &tag("latest")).await.unwrap();
    push(writer, repo, &sibling, &Reference::Digest(sibling.digest)).await.unwrap();
    let docker = images::ImageBuilder::new(3).docker().layer(100).build();
    push(writer, repo, &docker, &tag("docker")).await.unwrap();
    let index = images::index(&[(&image, "amd64"), (&sibling, "arm64")]);
    push(writer, repo, &index, &tag("multi")).await.unwrap();
    let signature = images::cosign_signature(&image, 1);
    push(writer, repo, &signature, &tag(&image.signature_tag())).await.unwrap();
    let sbom = images::referrer(&image, "application/spdx+json", Bytes::from_static(b"{\"spdxVersion\":\"SPDX-2.3\"}"));
    push(writer, repo, &sbom, &Reference::Digest(sbom.digest)).await.unwrap();
    Pushed { image, sibling, index, signature, sbom }
}

async fn listed(reader: &Client, home: &ProjectName, repo: &RepositoryName, pushed: &Pushed) {
    assert!(reader.projects().await.unwrap().iter().any(|p| p.name == *home));
    let repositories = reader.repositories(home).await.unwrap();
    assert_eq!((repositories.len(), &repositories[0].name), (1, repo));
    let artifacts: Vec<_> = reader.artifacts(home, None).try_collect().await.unwrap();
    assert_eq!(artifacts.len(), 4, "image, sibling, docker image, index");
    let image = artifacts.iter().find(|a| a.digest == pushed.image.digest).unwrap();
    let mut tags: Vec<_> = image.tags.iter().map(|t| t.name.as_str()).collect();
    tags.sort_unstable();
    assert_eq!(tags, ["latest", "v1"]);
    let mut about: Vec<_> = image.accessories.iter().map(|a| a.digest).collect();
    about.sort();
    let mut expected = [pushed.signature.digest, pushed.sbom.digest];
    expected.sort();
    assert_eq!(about, expected);
    assert_eq!(artifacts.iter().find(|a| a.digest == pushed.index.digest).unwrap().children.len(), 2);
    let names = reader.tag_names(repo).await.unwrap();
    assert!(names.iter().any(|t| t.as_str() == pushed.image.signature_tag()), "tags on accessories are in the tag list: {names:?}");
    assert!(reader.referrers(repo, &image.digest).await.unwrap().iter().any(|r| r.digest == pushed.sbom.digest));
    assert_eq!(reader.artifact(repo, &Reference::Digest(pushed.sbom.digest)).await.unwrap().unwrap().digest, pushed.sbom.digest);
}

/// A whole backup's reading does not move Harbor's counter; an ordinary pull would.
async fn silent(reader: &Client, repo: &RepositoryName, pushed: &Pushed) {
    let before = reader.repository(repo).await.unwrap().unwrap().pull_count;
    for image in [&pushed.image, &pushed.index, &pushed.signature, &pushed.sbom] {
        assert_eq!(reader.manifest_get(repo, &image.digest).await.unwrap().bytes, image.manifest);
        reader.manifest_head(repo, &Reference::Digest(image.digest)).await.unwrap().unwrap();
        for (digest, bytes) in &image.blobs {
            let pieces: Vec<Bytes> = reader.blob_get(repo, digest, Some(bytes.len() as u64)).try_collect().await.unwrap();
            assert_eq!(Bytes::from(pieces.concat()), *bytes);
        }
    }
    let after = reader.repository(repo).await.unwrap().unwrap().pull_count;
    assert_eq!(before, after, "a backup counted as a pull");
}

async fn checks(harbor: &Harbor, reader: &Client, writer: &Client) {
    for (client, kind) in [(reader, CheckKind::Backup), (writer, CheckKind::Restore)] {
        let rows = client.check_list(kind).await;
        for row in &rows {
            println!("  {:?} {:<16} {:?} {:?}", kind, row.code, row.outcome, row.found);
        }
        assert!(rows.iter().all(|r| r.outcome != Outcome::Fail), "{rows:#?}");
        assert!(rows.iter().all(|r| r.missing.is_empty()), "{rows:#?}");
    }
    let rows = reader.check_list(CheckKind::Restore).await;
    let row = rows.iter().find(|r| r.code == "push").unwrap();
    assert!(row.outcome == Outcome::Fail && row.missing.iter().any(|p| p.to_string() == "repository:push"), "{row:?}");
    let wrong = client(&harbor.url, "robot$nobody-at-all", SecretString::from("wrong"));
    let rows = wrong.check_list(CheckKind::Backup).await;
    assert_eq!(rows.last().map(|r| (r.code, r.outcome)), Some(("login", Outcome::Fail)), "{rows:#?}");
    assert_eq!(wrong.prove_login().await.unwrap_err().code(), "not_logged_in");
}

/// Through proxies that cap bodies, each in its way, as the robot for restores.
async fn capped(harbor: &Harbor, prefix: &str, litter: &mut Litter, repo: &RepositoryName) {
    let made = harbor.admin.create_robot(&RobotSpec::least_privilege_restore(&format!("{prefix}-capped"))).await.unwrap();
    litter.robots.push(made.id);
    for (number, act) in [Act::too_large(), Act::HangUp, Act::ResetAfter(300_000)].into_iter().enumerate() {
        let proxy = Proxy::start(&harbor.url).await;
        proxy.fault(Rule::bodies_over(1024 * 1024), act.clone());
        let bytes = images::bytes(number as u64 + 700, 3_500_001);
        let digest = vocab::Digest::of(&bytes);
        let untold = client(&proxy.url(), &made.name, made.secret.clone());
        untold.blob_put_bytes(repo, &digest, bytes.clone()).await.unwrap_or_else(|error| panic!("{act:?}: {error:?}"));
        let pieces: Vec<Bytes> = untold.blob_get(repo, &digest, Some(bytes.len() as u64)).try_collect().await.unwrap();
        assert_eq!((Bytes::from(pieces.concat()), untold.body_bytes_max()), (bytes, Some(1024 * 1024)), "{act:?}");
        let told = client(&proxy.url(), &made.name, made.secret.clone());
        let rows = told.check_list(CheckKind::Restore).await;
        let row = rows.iter().find(|row| row.code == "body_size").unwrap();
        println!("  {act:?}: {:?}", row.found);
        assert_eq!((row.outcome, told.body_bytes_max()), (Outcome::Warn, Some(1024 * 1024)), "{act:?}: {row:?}");
    }
}

/// What the reading robot must not be able to do.
async fn limits(harbor: &Harbor, reader: &Client, home: &ProjectName, repo: &RepositoryName, pushed: &Pushed) {
    let put = reader.manifest_put(repo, &tag("evil"), &pushed.image.media_type, pushed.image.manifest.clone()).await.unwrap_err();
    assert_eq!(put.code(), "forbidden");
    assert_eq!(reader.delete_tag(repo, &"v1".parse().unwrap()).await.unwrap_err().code(), "forbidden");
    // A user's client takes a token on /v2.
    assert!(harbor.admin.manifest_head(repo, &tag("v1")).await.unwrap().is_some());
    let nowhere: RepositoryName = format!("{home}nope/app").parse().unwrap();
    assert_eq!(harbor.admin.manifest_head(&nowhere, &tag("v1")).await.unwrap(), None);
    assert!(reader.members(home).await.is_ok() && reader.immutable_rules(home).await.is_ok());
    let project = reader.project(home).await.unwrap().unwrap();
    assert!(reader.labels(Some(&project)).await.is_ok() && reader.retention(&project).await.unwrap().is_none());
    assert!(reader.project_quota(home).await.unwrap().unwrap().used_bytes > 600_000);
    let log = registry::AuditLog::of(reader.version().await.unwrap().unwrap());
    let newest = reader.newest_audit(log, 0).await.unwrap().unwrap();
    let changes = reader.audit_changes(log, newest.rows.last().unwrap().id - 1, 10_000).await.unwrap().unwrap();
    assert!(changes.iter().any(|row| row.operation == "create" && row.resource == format!("{repo}:v1")), "{changes:?}");
    assert!(changes.iter().all(|row| row.operation != "pull"), "{changes:?}");
}

async fn mounted(writer: &Client, repo: &RepositoryName, other: &ProjectName, pushed: &Pushed) {
    let target = repo.in_project(other);
    let sent = writer.counters().bytes_sent;
    for (digest, _) in &pushed.image.blobs {
        assert_eq!(writer.blob_head(&target, digest).await.unwrap(), None);
        assert_eq!(writer.blob_mount(&target, digest, repo).await.unwrap(), Mount::Done);
    }
    writer.manifest_put(&target, &tag("v1"), &pushed.image.media_type, pushed.image.manifest.clone()).await.unwrap();
    assert_eq!(writer.counters().bytes_sent - sent, pushed.image.manifest.len() as u64);
    assert_eq!(writer.blob_mount(&target, &vocab::Digest::of(b"nobody has this"), repo).await.unwrap(), Mount::NeedsUpload);
    assert_eq!(writer.repositories_with_blob(other, &pushed.image.blobs[0].0).await.unwrap().len(), 1);
}

async fn undeleted(admin: &Client, writer: &Client, repo: &RepositoryName, pushed: &Pushed) {
    let child = admin.delete_artifact(repo, &Reference::Digest(pushed.image.digest)).await.unwrap_err();
    assert_eq!(child.code(), "precondition", "a child of an index: {child:?}");
    for image in [&pushed.index, &pushed.image] {
        admin.delete_artifact(repo, &Reference::Digest(image.digest)).await.unwrap();
    }
    assert_eq!(writer.manifest_head(repo, &tag("v1")).await.unwrap(), None);
    assert_eq!(writer.manifest_get(repo, &pushed.image.digest).await.unwrap_err().code(), "not_found");
    let sent = writer.counters().bytes_sent;
    // The sibling was an untagged child of the deleted index only, so it went with it; Harbor names it.
    let early = writer.manifest_put(repo, &tag("multi"), &pushed.index.media_type, pushed.index.manifest.clone()).await.unwrap_err();
    assert!(matches!(&early, RegistryError::MissingBlobs { .. }), "{early:?}");
    let sent = sent + pushed.index.manifest.len() as u64;
    let order = [
        (&pushed.image, tag("v1")),
        (&pushed.sibling, Reference::Digest(pushed.sibling.digest)),
        (&pushed.index, tag("multi")),
        (&pushed.signature, tag(&pushed.image.signature_tag())),
        (&pushed.sbom, Reference::Digest(pushed.sbom.digest)),
    ];
    let mut manifests = 0;
    for (image, reference) in order {
        for (digest, _) in &image.blobs {
            assert!(writer.blob_head(repo, digest).await.unwrap().is_some());
        }
        writer.manifest_put(repo, &reference, &image.media_type, image.manifest.clone()).await.unwrap();
        manifests += image.manifest.len() as u64;
    }
    assert_eq!(writer.counters().bytes_sent - sent, manifests, "deleted images come back without one blob byte");
    assert_eq!(admin.accessories(repo, &pushed.image.digest).await.unwrap().len(), 2, "signature and referrer are back too");
    writer.create_tag(repo, &pushed.image.digest, &"again".parse().unwrap()).await.unwrap();
    assert_eq!(writer.create_tag(repo, &pushed.image.digest, &"again".parse().unwrap()).await.unwrap_err().code(), "conflict");
    admin.delete_tag(repo, &"again".parse().unwrap()).await.unwrap();
}

async fn refused(admin: &Client, writer: &Client, home: &ProjectName, repo: &RepositoryName, pushed: &Pushed) {
    admin.create_immutable_rule(home, "v*").await.unwrap();
    let error = writer.manifest_put(repo, &tag("v1"), &pushed.image.media_type, pushed.image.manifest.clone()).await.unwrap_err();
    assert_eq!(error.code(), "immutable");
    let rules = writer.immutable_rules(home).await.unwrap();
    assert_eq!(rules[0].tags[0].pattern, "v*");
    admin.delete_immutable_rule(home, rules[0].id).await.unwrap();
    let project = admin.project(home).await.unwrap().unwrap();
    let used = admin.project_quota(home).await.unwrap().unwrap().used_bytes;
    admin.set_project_quota(&project, Some(used + 100)).await.unwrap();
    let error = push(writer, repo, &images::image(77, 1, 50_000), &tag("big")).await.unwrap_err();
    assert_eq!(error.code(), "quota_exceeded", "{error:?}");
    admin.set_project_quota(&project, None).await.unwrap();
    let missing = images::image(78, 2, 10);
    let error = writer.manifest_put(repo, &tag("missing"), &missing.media_type, missing.manifest.clone()).await.unwrap_err();
    assert!(matches!(&error, RegistryError::MissingBlobs { digests } if digests.len() == 3), "{error:?}");
    admin.set_repository_description(repo, "a <b> & \"c\"").await.unwrap();
    assert_eq!(admin.repository(repo).await.unwrap().unwrap().description.as_deref(), Some("a <b> & \"c\""));
    admin.create_label(&project, "prod", "#00ff00", "x").await.unwrap();
    let label = admin.labels(Some(&project)).await.unwrap()[0].id;
    for _ in 0..2 {
        admin.add_artifact_label(repo, &pushed.image.digest, label).await.unwrap();
    }
    let artifact = writer.artifact(repo, &Reference::Digest(pushed.image.digest)).await.unwrap().unwrap();
    assert_eq!(artifact.labels[0].name, "prod");
}

/// After garbage collection a deleted image's blobs are gone and are sent anew. Skipped where the window spares fresh blobs.
async fn collected(admin: &Client, writer: &Client, repo: &RepositoryName, pushed: &Pushed) {
    let lonely = images::image(99, 1, 5_000);
    push(writer, repo, &lonely, &tag("lonely")).await.unwrap();
    admin.delete_artifact(repo, &Reference::Digest(lonely.digest)).await.unwrap();
    let id = admin.gc_run(false).await.unwrap();
    let mut over = false;
    for _ in 0..GC_POLLS_MAX {
        let run = admin.gc_status(id).await.unwrap();
        if run.is_over() {
            assert_eq!(run.status, "Success", "{run:?}");
            over = true;
            break;
        }
        // Another machine's job can only be polled.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(over, "garbage collection does not end");
    let gone = writer.blob_head(repo, &lonely.blobs[1].0).await.unwrap().is_none();
    println!("garbage collection removed the deleted image's layer: {gone}");
    push(writer, repo, &lonely, &tag("lonely")).await.unwrap();
    assert!(writer.blob_head(repo, &pushed.image.blobs[1].0).await.unwrap().is_some(), "what is in use stays");
}

async fn remade(admin: &Client, writer: &Client, other: &ProjectName, pushed: &Pushed) {
    assert_eq!(admin.delete_project(other).await.unwrap_err().code(), "precondition");
    let repo: RepositoryName = format!("{other}/team/app").parse().unwrap();
    admin.delete_repository(&repo).await.unwrap();
    admin.delete_project(other).await.unwrap();
    assert_eq!(admin.project(other).await.unwrap(), None);
    writer.create_project(other, false).await.unwrap();
    push(writer, &repo, &pushed.image, &tag("v1")).await.unwrap();
    assert!(admin.manifest_head(&repo, &tag("v1")).await.unwrap().is_some(), "the user's old token was dropped or replaced");
}
