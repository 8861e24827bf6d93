//! Cases of the fault matrix that no other file has.

use engine::backup::{self, BackupContext, BackupError, Reconcile};
use engine::finding::{Depth, Severity};
use engine::verify;
use harbor_sim::{Action, Gate, Match, Nth, images};
use http::{HeaderName, HeaderValue, Method};
use testkit::proxy::{Act, Proxy, Rule};
use vault::{Terms, VaultError};
use vocab::Digest;

use crate::harness::{Harness, shop};
use crate::push;

/// Does `meanwhile` while the first request that fits is held up.
async fn held_up<T>(h: &Harness, rule: Match, work: impl Future<Output = T>, meanwhile: impl AsyncFnOnce()) -> T {
    let gate = Gate::default();
    let fault = h.sim.control().fail(rule, Action::HoldRequest(gate.clone()));
    let over = std::cell::Cell::new(false);
    let other = async {
        while fault.fired() == 0 {
            assert!(!over.get(), "no such request came");
            tokio::task::yield_now().await;
        }
        meanwhile().await;
        gate.open();
    };
    let work = async {
        let outcome = work.await;
        over.set(true);
        outcome
    };
    let (outcome, ()) = tokio::join!(work, other);
    outcome
}

/// F-8: with the disk gone, nothing is called lost, nothing is swept and nothing is sealed.
#[tokio::test]
async fn a_vault_that_is_gone_accuses_nobody_and_is_not_written_to() {
    let h = Harness::new().await;
    push::rich(&h.client, "shop/web", "a").await;
    let snapshot = h.backup(None).await;
    let marker = h.object(&snapshot.digest).ancestors().nth(3).unwrap().join("breakwater/vault.json");
    let kept = std::fs::read(&marker).unwrap();
    std::fs::remove_file(&marker).unwrap();
    let findings = verify::snapshot_to(&h.vault, &snapshot.digest, Depth::Bytes).await;
    assert!(findings.iter().all(|finding| finding.severity == Severity::Unknown) && findings.len() == 1, "{findings:?}");
    let at_once = Terms { dry_run: false, young: std::time::Duration::ZERO, wait: std::time::Duration::ZERO, share_max_percent: 100 };
    assert!(matches!(h.vault.sweep(&at_once).await, Err(VaultError::NotAVault { .. })));
    assert!(matches!(h.try_backup(Some(snapshot.digest)).await, Err(BackupError::Vault(VaultError::NotAVault { .. }))));
    std::fs::write(&marker, kept).unwrap();
    assert_eq!(h.pointers().await, 1);
    h.verified(&snapshot.digest).await;
}

/// F-25, I-8: what goes or comes while the bytes are read is recorded as first seen.
#[tokio::test]
async fn tags_that_are_deleted_or_made_anew_during_a_backup_are_recorded_as_first_seen() {
    let h = Harness::new().await;
    let (gone, anew) = (images::simple("gone", &[300]), images::simple("anew", &[400]));
    let first = push::image(&h.client, "shop/web", Some("gone"), &gone).await;
    let second = push::image(&h.client, "shop/web", Some("anew"), &anew).await;
    let name = push::repository("shop/web");
    let rule = Match::new(Method::GET, "/blobs/").nth(Nth::First(1));
    let outcome = held_up(&h, rule, h.try_backup(None), async || {
        h.client.delete_tag(&name, &push::tag("gone")).await.unwrap();
        h.client.delete_tag(&name, &push::tag("anew")).await.unwrap();
        push::image(&h.client, "shop/web", Some("anew"), &images::simple("third", &[9])).await;
    })
    .await
    .unwrap();
    assert!(outcome.index.is_complete(), "{:?}", outcome.index.gaps);
    h.verified(&outcome.digest).await;
    let index = h.vault.repository(&outcome.index.repositories[0].1.digest).await.unwrap();
    let tags: Vec<(String, Digest)> =
        index.members.iter().filter_map(|m| Some((m.tag.as_ref()?.to_string(), m.descriptor.digest))).collect();
    assert_eq!(tags, [("anew".to_owned(), second), ("gone".to_owned(), first)]);
    let mut notes: Vec<(&str, &str)> = outcome.notes.iter().map(|note| (note.code, note.subject.as_str())).collect();
    notes.sort_unstable();
    assert_eq!(notes, [("tag_gone", "shop/web:gone"), ("tag_moved", "shop/web:anew")]);
}

/// F-27: what was there all the time is in the snapshot, whatever comes and goes between two pages.
#[tokio::test]
async fn images_that_come_and_go_between_two_pages_hide_no_other() {
    const IMAGES: usize = 230;
    let h = Harness::new().await;
    for number in 0..IMAGES {
        let image = images::simple(&format!("s{number}"), &[20]);
        h.sim.push_image("shop/web", &format!("v{number}"), &image).await.unwrap();
    }
    // One that gives no more than a page: the first request is refused, the second is the first page.
    let refused = Action::Status(400, "BAD_REQUEST".to_owned(), "page_size".to_owned());
    let whole = h.sim.control().fail(Match::path("page_size=-1"), refused);
    let name = push::repository("shop/web");
    let rule = Match::path("/projects/shop/artifacts?").nth(Nth::Only(3));
    let outcome = held_up(&h, rule, h.try_backup(None), async || {
        for number in 0..40 {
            h.client.delete_artifact(&name, &registry::Reference::Tag(push::tag(&format!("v{number}")))).await.unwrap();
        }
        push::image(&h.client, "shop/web", Some("late"), &images::simple("late", &[9])).await;
    })
    .await
    .unwrap();
    assert!(whole.fired() > 0);
    h.verified(&outcome.digest).await;
    let index = h.vault.repository(&outcome.index.repositories[0].1.digest).await.unwrap();
    let has = |tag: &str| index.members.iter().any(|member| member.tag.as_ref().is_some_and(|found| found.as_str() == tag));
    for number in 40..IMAGES {
        assert!(has(&format!("v{number}")), "v{number} was there all the time");
    }
    // What went may be there, or be named.
    let named = |tag: &str| outcome.index.gaps.iter().any(|gap| gap.subject.ends_with(&format!(":{tag}")));
    let silent = (0..40).filter(|number| !has(&format!("v{number}")) && !named(&format!("v{number}"))).count();
    assert!(silent == 0 || !outcome.notes.is_empty() || !outcome.index.is_complete(), "{silent} went in silence");
}

/// A backup through a proxy into a vault of its own.
async fn beside(h: &Harness, folder: &std::path::Path) -> (Proxy, BackupContext) {
    let proxy = Proxy::start(&h.sim.url()).await;
    let (user, password) = h.sim.admin();
    let vault = vault::Vault::init(&folder.join("vault")).await.unwrap();
    let client = push::client(&proxy.url(), user, password);
    let cx = BackupContext { client, vault, ..h.backup_context(Reconcile::Hinted) };
    (proxy, cx)
}

/// F-44: a document that is served as something it does not say it is: it is kept and restored as what it says itself.
#[tokio::test]
async fn a_manifest_that_is_served_as_another_type_is_what_it_says_itself() {
    let h = Harness::new().await;
    let image = images::simple("one", &[100]);
    let digest = push::image(&h.client, "shop/web", Some("1"), &image).await;
    let folder = tempfile::tempdir().unwrap();
    let (proxy, cx) = beside(&h, folder.path()).await;
    let index = Act::SetHeader(http::header::CONTENT_TYPE, HeaderValue::from_static(images::OCI_INDEX));
    let fault = proxy.fault(Rule::new(Method::GET, "/manifests/"), index);
    let outcome = backup::project(&cx, &shop(), None).await.unwrap();
    assert!(fault.fired() > 0);
    assert!(outcome.index.is_complete(), "{:?}", outcome.index.gaps);
    let repository = cx.vault.repository(&outcome.index.repositories[0].1.digest).await.unwrap();
    let member = &repository.members[0].descriptor;
    assert_eq!((member.digest, member.media_type.as_str()), (digest, image.manifest.media_type.as_str()));
    assert_eq!(verify::snapshot_to(&cx.vault, &outcome.digest, Depth::Bytes).await, []);
}

/// F-40: the hash of the bytes decides, whatever the header says.
#[tokio::test]
async fn a_digest_header_that_lies_or_names_another_algorithm_changes_nothing() {
    let h = Harness::new().await;
    push::rich(&h.client, "shop/web", "a").await;
    let honest = h.backup(None).await;
    let digest = HeaderName::from_static("docker-content-digest");
    let other = format!("sha256:{}", "0".repeat(64));
    let sha512 = format!("sha512:{}", "0".repeat(128));
    let acts = [
        Act::DropHeader(digest.clone()),
        Act::SetHeader(digest.clone(), HeaderValue::from_str(&other).unwrap()),
        Act::SetHeader(digest, HeaderValue::from_str(&sha512).unwrap()),
    ];
    for act in acts {
        let folder = tempfile::tempdir().unwrap();
        let (proxy, cx) = beside(&h, folder.path()).await;
        let fault = proxy.fault(Rule::new(Method::GET, "/manifests/"), act.clone());
        let outcome = backup::project(&cx, &shop(), None).await.unwrap();
        assert!(fault.fired() > 0, "{act:?}");
        if outcome.index.is_complete() {
            assert_eq!(outcome.index.repositories, honest.index.repositories, "{act:?}");
        }
        assert_eq!(verify::snapshot_to(&cx.vault, &outcome.digest, Depth::Bytes).await, [], "{act:?}");
    }
}

/// F-43: two indexes on each level, each with both of the level below: 2^12 ways down, and 25 documents.
#[tokio::test]
async fn a_diamond_of_indexes_is_read_once_per_document() {
    const LEVELS: usize = 12;
    let h = Harness::new().await;
    let leaf = images::simple("leaf", &[100]);
    push::image(&h.client, "shop/diamond", None, &leaf).await;
    let mut below = vec![leaf.manifest.clone()];
    for level in 0..LEVELS {
        let members: Vec<_> = below.iter().map(images::Blob::descriptor).collect();
        let mut here = Vec::new();
        for side in ["left", "right"] {
            let document = serde_json::json!({
                "schemaVersion": 2, "mediaType": images::OCI_INDEX, "manifests": members, "annotations": {"side": side},
            });
            let index = images::Blob::new(images::OCI_INDEX, document.to_string());
            let tag = (level + 1 == LEVELS).then_some(side);
            push::manifest(&h.client, "shop/diamond", tag, &index).await;
            here.push(index);
        }
        below = here;
    }
    h.sim.control().reset_counts();
    let outcome = h.backup(None).await;
    let manifests = h.sim.control().count(&Method::GET, harbor_sim::Class::Manifest);
    assert_eq!(manifests, 2 * LEVELS as u64 + 1, "each document once");
    assert_eq!(outcome.stats.artifacts, 2 * LEVELS as u64 + 1);
}
