//! Backup: full, unchanged, changed; accessories; labels; what a second look finds.

use engine::backup::{self, Reconcile};
use engine::effect::{OnConflict, Warning};
use engine::select::Selection;
use engine::{Event, Silent};
use harbor_sim::{Action, Class, Match, images};
use http::Method;
use vault::tree::Role;
use vocab::Digest;

use crate::harness::{Harness, only, policy, shop};
use crate::push;

#[tokio::test]
async fn a_first_backup_takes_images_indexes_signatures_and_what_is_about_them() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    h.sim.control().reset_counts();
    let outcome = h.backup(None).await;
    assert_eq!(h.sim.control().pulls(), 0, "nothing counted as a pull");
    assert_eq!((outcome.stats.repositories, outcome.stats.tags), (1, 4), "1.0, stable, multi and the signature's");
    assert_eq!(outcome.stats.artifacts, 7);
    let (name, descriptor) = &outcome.index.repositories[0];
    assert_eq!(name.as_str(), "shop/web");
    let index = h.vault.repository(&descriptor.digest).await.unwrap();
    let role = |digest: &Digest| index.members.iter().find(|m| m.descriptor.digest == *digest).unwrap().role.clone();
    assert_eq!(role(&rich.plain), Role::Root);
    assert_eq!(role(&rich.index), Role::Root);
    assert!(rich.children.iter().all(|child| role(child) == Role::Child));
    assert_eq!(role(&rich.signature), Role::Accessory { subject: rich.plain, kind: "signature.cosign".to_owned() });
    assert!(matches!(role(&rich.sbom), Role::Accessory { subject, .. } if subject == rich.plain));
    assert!(matches!(role(&rich.deep), Role::Accessory { subject, .. } if subject == rich.sbom));
    for digest in rich.all() {
        assert!(h.vault.size_of(&digest).await.unwrap().is_some(), "{digest} is stored as a manifest");
    }
    let signed = index.members.iter().find(|m| m.descriptor.digest == rich.signature).unwrap();
    assert_eq!(signed.tag.as_ref().unwrap().as_str(), images::cosign_tag(&rich.plain.to_string()));
    assert!(h.vault.live_holds().await.unwrap().is_empty(), "the hold was released");
}

#[tokio::test]
async fn an_unchanged_project_of_two_hundred_tags_costs_five_requests_and_no_new_object() {
    let mut h = Harness::new().await;
    for number in 0..200 {
        let image = images::simple(&format!("base-{number}"), &[300]);
        push::image(&h.client, "shop/many", Some(&format!("v{number}")), &image).await;
    }
    push::rich(&h.client, "shop/web", "a").await;
    let first = h.backup(None).await;
    // A client that knows nothing of this Harbor yet, as after a restart.
    let (user, password) = h.sim.admin();
    h.client = push::client(&h.sim.url(), user, password);
    h.sim.control().reset_counts();
    let second = h.backup(Some(first.digest)).await;
    let seen: Vec<String> = h.sim.control().seen().iter().map(|s| format!("{} {}", s.method, s.path)).collect();
    assert!(seen.len() <= 5, "{seen:#?}");
    assert_eq!(second.stats.requests, seen.len() as u64);
    assert_eq!((second.stats.blobs_new, second.stats.repositories_changed), (0, 0));
    assert_eq!(first.index.repositories, second.index.repositories, "the same objects");
    assert_eq!(first.index.config, second.index.config);
    assert_eq!(second.stats.tags, 204);
}

#[tokio::test]
async fn one_changed_tag_costs_what_is_new_and_nothing_else() {
    let h = Harness::new().await;
    push::rich(&h.client, "shop/web", "a").await;
    push::rich(&h.client, "shop/api", "b").await;
    let first = h.backup(None).await;
    let image = images::simple("new", &[900]);
    let digest = push::image(&h.client, "shop/api", Some("1.0"), &image).await;
    h.sim.control().reset_counts();
    let second = h.backup(Some(first.digest)).await;
    assert_eq!(h.sim.control().count(&Method::GET, Class::Manifest), 1);
    assert_eq!(h.sim.control().count(&Method::GET, Class::Blob), 2, "configuration and layer");
    assert_eq!(second.stats.blobs_new, 3);
    assert_eq!(second.stats.repositories_changed, 1);
    assert!(second.stats.requests <= 15, "{}", second.stats.requests);
    assert!(h.vault.size_of(&digest).await.unwrap().is_some());
}

#[tokio::test]
async fn a_shared_layer_is_read_once_for_all_repositories() {
    let h = Harness::new().await;
    for (number, name) in ["shop/a", "shop/b", "shop/team/c"].iter().enumerate() {
        let layers = [images::random_layer("shared", "base", 5_000), images::random_layer(name, "own", 100 + number)];
        let image = images::image(&images::Spec { architecture: "amd64", command: &["/x"], labels: &[], layers: &layers, docker: false });
        push::image(&h.client, name, Some("1"), &image).await;
    }
    h.sim.control().reset_counts();
    let outcome = h.backup(None).await;
    assert_eq!(h.sim.control().count(&Method::GET, Class::Blob), 7, "one base, three layers, three configurations");
    assert_eq!(outcome.stats.repositories, 3);
}

#[tokio::test]
async fn a_new_signature_on_a_known_image_is_seen_and_old_ones_are_not_asked_for_again() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let first = h.backup(None).await;
    let newer = images::cosign_signature("shop/web", &rich.plain.to_string(), "second");
    let newer = push::image(&h.client, "shop/web", Some(&images::cosign_tag(&rich.plain.to_string())), &newer).await;
    let second = h.backup(Some(first.digest)).await;
    let index = h.vault.repository(&second.index.repositories[0].1.digest).await.unwrap();
    let tagged: Vec<_> = index.members.iter().filter(|m| m.tag.as_ref().is_some_and(|t| t.as_str().ends_with(".sig"))).collect();
    assert_eq!(tagged.len(), 1, "the tag has one owner");
    assert_eq!(tagged[0].descriptor.digest, newer);
    assert!(index.members.iter().any(|m| m.descriptor.digest == rich.signature && m.tag.is_none()), "the older one stays, untagged");
}

#[tokio::test]
async fn a_full_run_finds_what_hints_do_not_show_and_agrees_with_a_hinted_one_otherwise() {
    let h = Harness::new().await;
    let rich = push::rich(&h.client, "shop/web", "a").await;
    let first = h.backup(None).await;
    let full = backup::project(&h.backup_context(Reconcile::Full), &shop(), Some(first.digest)).await.unwrap();
    assert_eq!(full.index.repositories, first.index.repositories);
    // Something about the deepest accessory: no listing shows it.
    let about = h.client.manifest_get(&push::repository("shop/web"), &rich.deep).await.unwrap();
    let subject = images::Blob::new(&about.media_type, about.bytes);
    let hidden = images::referrer(&subject, "application/vnd.example.hidden+json", "{}");
    let hidden = push::image(&h.client, "shop/web", None, &hidden).await;
    let hinted = h.backup(Some(full.digest)).await;
    assert_eq!(hinted.index.repositories, full.index.repositories, "the documented limit of hints");
    let full = backup::project(&h.backup_context(Reconcile::Full), &shop(), Some(hinted.digest)).await.unwrap();
    let index = h.vault.repository(&full.index.repositories[0].1.digest).await.unwrap();
    assert!(index.members.iter().any(|m| m.descriptor.digest == hidden));
}

#[tokio::test]
async fn settings_and_descriptions_are_part_of_the_snapshot_and_do_not_change_by_themselves() {
    let h = Harness::new().await;
    push::rich(&h.client, "shop/web", "a").await;
    h.client.set_repository_description(&push::repository("shop/web"), "the <web> shop").await.unwrap();
    h.client.create_immutable_rule(&shop(), "v*").await.unwrap();
    let first = h.backup(None).await;
    let settings = h.vault.project_settings(&first.index.config.as_ref().unwrap().digest).await.unwrap();
    assert_eq!(settings["project"]["metadata"]["public"], "false");
    assert_eq!(settings["immutable_rules"][0]["tags"][0]["pattern"], "v*");
    assert_eq!(settings["members"][0]["name"], "admin");
    let index = h.vault.repository(&first.index.repositories[0].1.digest).await.unwrap();
    assert_eq!(index.description.as_deref(), Some("the <web> shop"));
    let again = backup::project(&h.backup_context(Reconcile::Full), &shop(), Some(first.digest)).await.unwrap();
    assert_eq!(again.index.config, first.index.config, "nothing volatile is in the settings");
    let public = std::collections::BTreeMap::from([("public".to_owned(), "true".to_owned())]);
    h.client.update_project_metadata(&shop(), &public).await.unwrap();
    let changed = h.backup(Some(again.digest)).await;
    assert_ne!(changed.index.config, first.index.config, "a hinted run sees what the project's own row says");
}

#[tokio::test]
async fn a_harbor_without_project_listing_gives_the_same_snapshot() {
    let old = Harness::with(harbor_sim::Config { version: harbor_sim::Version::V2_11_2, ..harbor_sim::Config::default() }).await;
    let new = Harness::new().await;
    for h in [&old, &new] {
        push::rich(&h.client, "shop/web", "a").await;
        push::rich(&h.client, "shop/team/api", "b").await;
    }
    let (old, new) = (old.backup(None).await, new.backup(None).await);
    assert_eq!(old.index.repositories, new.index.repositories);
}

#[tokio::test]
async fn an_empty_project_and_an_emptied_repository_are_backed_up_as_what_they_are() {
    let h = Harness::new().await;
    let empty = h.backup(None).await;
    assert!(empty.index.repositories.is_empty() && empty.index.is_complete());
    push::image(&h.client, "shop/web", Some("1"), &images::simple("x", &[10])).await;
    let first = h.backup(Some(empty.digest)).await;
    h.client.delete_artifact(&push::repository("shop/web"), &push::tag("1").into()).await.unwrap();
    let second = h.backup(Some(first.digest)).await;
    assert_eq!(second.stats.tags, 0);
    assert_eq!(h.pointers().await, 3);
}

#[tokio::test]
async fn progress_adds_up_and_the_amount_is_known_before_the_first_layer() {
    let h = Harness::new().await;
    push::rich(&h.client, "shop/web", "a").await;
    h.backup(None).await;
    let heard = h.heard.all();
    let (mut items, mut bytes, mut items_done, mut bytes_done) = (0, 0, 0, 0);
    for event in &heard {
        match event {
            Event::Total { items: more, bytes: more_bytes } => {
                items += more;
                bytes += more_bytes;
            }
            Event::Item { .. } => items_done += 1,
            Event::Bytes(more) => {
                bytes_done += more;
                assert!(bytes_done <= bytes, "announced before it came");
            }
            Event::Phase(_) | Event::Note { .. } => {}
        }
    }
    assert_eq!((items_done, bytes_done), (items, bytes));
    assert!(items > 7 && bytes > 8_000, "{items} {bytes}");
    assert!(matches!(heard.first(), Some(Event::Phase("listing"))));
}

#[tokio::test]
async fn two_projects_backed_up_side_by_side_share_one_fetch_of_a_common_layer() {
    let h = Harness::new().await;
    let other = "other".parse().unwrap();
    h.client.create_project(&other, false).await.unwrap();
    let image = images::simple("common", &[200_000]);
    for name in ["shop/a", "other/a"] {
        push::image(&h.client, name, Some("1"), &image).await;
    }
    h.sim.control().reset_counts();
    let cx = h.backup_context(Reconcile::Hinted);
    let (project, slow) = (shop(), push::digest(&image.blobs[1]).to_string());
    // Held up, so that both want it at the same time.
    h.sim.control().fail(Match::new(Method::GET, slow), Action::Delay(std::time::Duration::from_millis(200)));
    let (one, two) = tokio::join!(backup::project(&cx, &project, None), backup::project(&cx, &other, None));
    let stored = one.unwrap().stats.blobs_new + two.unwrap().stats.blobs_new;
    assert_eq!(stored, 3, "one manifest, one configuration, one layer");
    assert_eq!(h.sim.control().count(&Method::GET, Class::Blob), 2);
    assert_eq!(h.sim.control().count(&Method::GET, Class::Manifest), 1);
}

/// F-46.
#[tokio::test]
async fn a_layer_that_is_not_in_the_registry_is_named_and_never_asked_for_at_its_addresses() {
    let h = Harness::new().await;
    let mut image = images::simple_docker("windows", &[700]);
    let foreign = serde_json::json!({
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "size": 12_345,
        "digest": Digest::of(b"far away"), "urls": ["https://layers.example.com/base"],
    });
    let mut document: serde_json::Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
    document["layers"].as_array_mut().unwrap().insert(0, foreign);
    image.manifest = images::Blob::new(images::DOCKER_MANIFEST, document.to_string());
    push::image(&h.client, "shop/windows", Some("1"), &image).await;
    let outcome = h.backup(None).await;
    assert_eq!(outcome.notes.iter().map(|note| note.code).collect::<Vec<_>>(), ["kept_elsewhere"]);
    assert!(outcome.index.is_complete() && outcome.index.closed);
    let [elsewhere] = &outcome.index.elsewhere[..] else { panic!("{:?}", outcome.index.elsewhere) };
    assert_eq!((&elsewhere.object, elsewhere.needed_by.as_str()), (&Digest::of(b"far away").into(), "shop/windows:1"));
    assert_eq!(elsewhere.urls, ["https://layers.example.com/base"]);
    h.verified(&outcome.digest).await;
    h.delete("shop/windows").await;
    h.collect_garbage().await;
    let plan = h.plan(&outcome.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    let [told] = plan.warnings.iter().filter(|w| matches!(w, Warning::LayerElsewhere { .. })).collect::<Vec<_>>()[..] else {
        panic!("{:?}", plan.warnings)
    };
    let Warning::LayerElsewhere { images, more: 0, address: Some(address), .. } = told else { panic!("{told:?}") };
    assert_eq!((images.as_slice(), address.as_str()), (["shop/windows:1".to_owned()].as_slice(), "https://layers.example.com/base"));
    assert!(h.execute(&plan, &Silent).await.is_clean());
}

/// F-43.
#[tokio::test]
async fn indexes_nested_without_end_become_gaps_and_nested_ones_come_back() {
    let h = Harness::new().await;
    let image = images::simple("leaf", &[100]);
    push::image(&h.client, "shop/nest", None, &image).await;
    let mut inner = image.manifest.clone();
    for depth in 1..=backup::DEPTH_MAX + 4 {
        let member = serde_json::json!({"mediaType": inner.media_type, "digest": inner.digest, "size": inner.bytes.len()});
        let document = serde_json::json!({"schemaVersion": 2, "mediaType": images::OCI_INDEX, "manifests": [member]});
        inner = images::Blob::new(images::OCI_INDEX, document.to_string());
        let tag = [3, backup::DEPTH_MAX + 4].contains(&depth).then(|| format!("depth-{depth}"));
        push::manifest(&h.client, "shop/nest", tag.as_deref(), &inner).await;
    }
    let outcome = h.try_backup(None).await.unwrap();
    h.verified(&outcome.digest).await;
    h.delete("shop/nest").await;
    h.collect_garbage().await;
    let plan = h.plan(&outcome.digest, &only("shop/nest", "depth-3"), &policy(OnConflict::Leave)).await;
    let report = h.execute(&plan, &Silent).await;
    assert!(report.is_clean() && report.manifests_put == 4, "{report:#?}");
    let deep = format!("shop/nest:depth-{}", backup::DEPTH_MAX + 4);
    let gap = outcome.index.gaps.iter().find(|gap| gap.subject == deep).unwrap();
    assert_eq!(gap.kind, backup::gap::TOO_DEEP, "what a restore could not follow is not called complete");
}
