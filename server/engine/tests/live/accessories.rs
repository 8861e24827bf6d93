//! Signatures and the like, beside their images and apart from them, and the order of pushes.

use std::collections::BTreeMap;

use engine::effect::{Effect, OnConflict};
use harbor_sim::images;
use registry::Reference;

use crate::harness::{COLLECTING, Live};
use crate::push;

/// Order, signatures under one tag, a rule that keeps tags as they are, a lost signature: deleted, collected, restored and asked for anew.
/// With `HARBOR_KEEP` set the project stays, so that other tools can look at it.
#[tokio::test]
async fn signatures_and_the_order_of_pushes_come_back() {
    let _alone = COLLECTING.lock().await;
    let Some(live) = Live::new().await else { return };
    let name = live.name("app");
    let repository = push::repository(&name);
    let names: Vec<String> = (1..=12).map(|n| format!("b{n}")).collect();
    for tag in &names {
        push::image(&live.client, &name, Some(tag), &images::simple(&format!("{name} {tag}"), &[400])).await;
    }
    let newest = names.last().unwrap().clone();
    let image = live.client.manifest_head(&repository, &Reference::Tag(push::tag(&newest))).await.unwrap().unwrap().digest.unwrap();
    let sig = images::cosign_tag(&image.to_string());
    let mut signatures = Vec::new();
    for who in ["first", "second"] {
        let signature = images::cosign_signature(&name, &image.to_string(), who);
        signatures.push(push::image(&live.client, &name, Some(&sig), &signature).await);
    }
    let snapshot = live.backup(None).await;
    let before = live.state(&live.project).await;

    // One signature lost from a living image.
    live.client.delete_artifact(&repository, &signatures[1].into()).await.unwrap();
    let plan = live.plan(snapshot.digest, &live.project, OnConflict::Leave).await;
    assert_eq!((plan.counts().accessories, plan.counts().writes()), (1, 1));
    assert_eq!(live.execute(&plan).await.ending(), engine::report::Ending::Done);
    assert_eq!(live.state(&live.project).await, before, "linked, and under its tag");

    // All of it lost, and collected.
    live.client.delete_repository(&repository).await.unwrap();
    live.collect().await;
    let plan = live.plan(snapshot.digest, &live.project, OnConflict::Leave).await;
    let report = live.execute(&plan).await;
    assert_eq!(report.ending(), engine::report::Ending::Done, "{report:#?}");
    assert_eq!(live.state(&live.project).await, before);
    let mut found = Vec::new();
    for tag in &names {
        let artifact = live.client.artifact(&repository, &push::tag(tag).into()).await.unwrap().unwrap();
        found.push((artifact.push_time, artifact.id, artifact.tags[0].push_time, tag.clone()));
    }
    let mut sorted = found.clone();
    sorted.sort_by_key(|(pushed, id, ..)| (*pushed, *id));
    assert_eq!(sorted.iter().map(|(.., tag)| tag.clone()).collect::<Vec<_>>(), names, "artifacts in the order of their pushes");
    sorted.sort_by_key(|(_, id, tagged, _)| (*tagged, *id));
    assert_eq!(sorted.iter().map(|(.., tag)| tag.clone()).collect::<Vec<_>>(), names, "and tags");

    // Under a rule that keeps every tag, the newest signature is the one that is linked.
    live.client.delete_artifact(&repository, &image.into()).await.unwrap();
    live.client.create_immutable_rule(&live.project, "**").await.unwrap();
    let plan = live.plan(snapshot.digest, &live.project, OnConflict::Leave).await;
    assert_eq!((plan.counts().creates, plan.counts().accessories, plan.counts().blocked), (1, 1, 1), "{:#?}", plan.items);
    let report = live.execute(&plan).await;
    assert_eq!((report.ending(), report.done()), (engine::report::Ending::Partly, 2), "{report:#?}");
    let linked = live.client.accessories(&repository, &image).await.unwrap();
    assert_eq!(linked.into_iter().map(|accessory| accessory.digest).collect::<Vec<_>>(), [signatures[1]]);
    for tag in &names {
        live.pull(&repository, tag).await;
    }
    for rule in live.client.immutable_rules(&live.project).await.unwrap() {
        live.client.delete_immutable_rule(&live.project, rule.id).await.unwrap();
    }
    if std::env::var("HARBOR_KEEP").is_ok() {
        println!("kept: {}", live.project);
        return;
    }
    live.remove(&live.project).await;
}

#[tokio::test]
async fn on_a_real_harbor_signatures_kept_elsewhere_are_captured_and_come_back() {
    let _alone = COLLECTING.lock().await;
    let Some(live) = Live::new().await else { return };
    let image = images::simple(&format!("{} elsewhere", live.project), &[2_000]);
    let digest = push::image(&live.client, &live.name("app/web"), Some("v1"), &image).await;
    let apart = live.name("apart");
    let signature = images::cosign_signature(&apart, &image.manifest.digest, "k");
    push::image(&live.client, &apart, Some(&images::cosign_tag(&image.manifest.digest)), &signature).await;
    push::image(&live.client, &apart, Some("bill"), &images::referrer(&image.manifest, images::SPDX, "{}")).await;
    push::image(&live.client, &apart, None, &images::referrer(&image.manifest, "application/vnd.example.note+json", "{\"a\":1}")).await;
    let nowhere = images::simple("never pushed", &[10]);
    push::image(&live.client, &live.name("lone"), None, &images::referrer(&nowhere.manifest, images::SPDX, "{\"b\":1}")).await;
    let attested = format!("sha256-{}.att", digest.hex());
    push::image(&live.client, &live.name("app/web"), Some(&attested), &images::simple("att", &[30])).await;
    // The log is written a moment later.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let outcome = live.backup(None).await;
    println!("limits: {:#?}", outcome.index.limits);
    let mut found = BTreeMap::new();
    for (name, descriptor) in &outcome.index.repositories {
        let index = live.vault.repository(&descriptor.digest).await.unwrap();
        found.insert(name.to_string(), index.members.len());
        println!("{name}: {:?}", index.members.iter().map(|m| (m.tag.clone(), m.role.clone())).collect::<Vec<_>>());
    }
    assert_eq!(found, BTreeMap::from([(live.name("app/web"), 2), (live.name("apart"), 3), (live.name("lone"), 1)]));
    let again = live.backup(Some(outcome.digest)).await;
    assert_eq!(again.index.repositories, outcome.index.repositories);
    let before = live.state(&live.project).await;
    for name in found.keys() {
        live.client.delete_repository(&push::repository(name)).await.unwrap();
    }
    live.collect().await;
    let plan = live.plan(outcome.digest, &live.project, OnConflict::Leave).await;
    let left: Vec<_> = plan.items.iter().filter(|item| matches!(item.effect, Effect::Blocked { .. })).map(|item| item.then).collect();
    assert_eq!(left.len(), 2, "what Harbor keeps of a deleted repository takes no tag: {:#?}", plan.items);
    for (name, descriptor) in outcome.index.repositories.iter().filter(|(name, _)| name.within_project() != "app/web") {
        for member in live.vault.repository(&descriptor.digest).await.unwrap().members {
            live.client.delete_artifact(name, &member.descriptor.digest.into()).await.unwrap();
        }
    }
    live.collect().await;
    let plan = live.plan(outcome.digest, &live.project, OnConflict::Leave).await;
    live.execute(&plan).await;
    let referrers = live.client.referrers(&push::repository(&apart), &digest).await.unwrap();
    assert_eq!(referrers.len(), 3);
    let back = live.backup(Some(outcome.digest)).await;
    assert_eq!(back.index.repositories, outcome.index.repositories, "as it was");
    assert_eq!(live.state(&live.project).await, before, "and what Harbor did not list it does not list now");
    live.remove(&live.project).await;
}

/// Preview and restore cost requests by artifacts and tags, not by tags times accessories.
#[tokio::test]
async fn on_a_real_harbor_one_image_with_230_tags_and_130_referrers_comes_back_with_a_few_requests_for_each() {
    const TAGS: usize = 230;
    const REFERRERS: usize = 130;
    let Some(live) = Live::new().await else { return };
    let name = live.name("many");
    let image = images::simple(&name, &[400]);
    push::image(&live.client, &name, Some("t0"), &image).await;
    let digest = push::digest(&image.manifest);
    for tag in 1..TAGS {
        live.client.create_tag(&push::repository(&name), &digest, &push::tag(&format!("t{tag}"))).await.unwrap();
    }
    for number in 0..REFERRERS {
        let referrer = images::referrer(&image.manifest, images::SPDX, &format!("{{\"number\":{number}}}"));
        push::image(&live.client, &name, None, &referrer).await;
    }
    let snapshot = live.backup(None).await;
    let before = live.state(&live.project).await;
    live.client.delete_repository(&push::repository(&name)).await.unwrap();
    let asked = live.client.counters().requests;
    let plan = live.plan(snapshot.digest, &live.project, OnConflict::Leave).await;
    let asked = live.client.counters().requests - asked;
    assert_eq!((plan.counts().creates, plan.counts().accessories), (TAGS as u64, REFERRERS as u64));
    assert!(asked < 2 * (TAGS + REFERRERS) as u64, "{asked} requests for the preview");
    let report = live.execute(&plan).await;
    assert!(report.requests < 5 * (TAGS + REFERRERS) as u64, "{} requests", report.requests);
    assert_eq!(live.state(&live.project).await, before);
    live.remove(&live.project).await;
}
