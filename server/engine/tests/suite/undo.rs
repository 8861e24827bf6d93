//! Undo: back to exactly what was there, or "cannot, because".

use engine::Silent;
use engine::effect::{BlockReason, Effect, EffectPlan, OnConflict, SkipReason};
use engine::report::Report;
use harbor_sim::images;
use registry::Reference;
use vocab::{Digest, Tag};

use crate::harness::{Harness, only, policy};
use crate::push;

/// `shop/web:1.0` as captured, an image somebody pushed over it, and the restore that moved the tag back.
struct Moved {
    h: Harness,
    snapshot: Digest,
    captured: Digest,
    over: Digest,
    plan: EffectPlan,
    report: Report,
}

async fn moved(keep: bool) -> Moved {
    let h = Harness::new().await;
    let captured = push::image(&h.client, "shop/web", Some("1.0"), &images::simple("good", &[300])).await;
    push::image(&h.client, "shop/web", Some("2.0"), &images::simple("other", &[300])).await;
    let snapshot = h.backup(None).await.digest;
    let over = push::image(&h.client, "shop/web", Some("1.0"), &images::simple("over", &[77])).await;
    h.client.delete_tag(&push::repository("shop/web"), &push::tag("2.0")).await.unwrap();
    let policy = policy(OnConflict::Move);
    let policy = if keep { policy } else { engine::effect::Policy { keep_suffix: String::new(), ..policy } };
    let plan = h.plan(&snapshot, &only("shop/web", "1.0"), &policy).await;
    let report = h.execute(&plan, &Silent).await;
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(h.points_to("shop/web", "1.0").await, Some(captured));
    Moved { h, snapshot, captured, over, plan, report }
}

impl Moved {
    async fn undo(&self, captured: &[Digest]) -> EffectPlan {
        self.h.undo(&self.plan, &self.report, &self.snapshot, captured).await
    }

    async fn delete(&self, digest: Digest) {
        self.h.client.delete_artifact(&push::repository("shop/web"), &Reference::Digest(digest)).await.unwrap();
    }

    async fn points_to(&self) -> Option<Digest> {
        self.h.points_to("shop/web", "1.0").await
    }
}

fn line<'a>(plan: &'a EffectPlan, tag: &str) -> &'a engine::effect::EffectItem {
    plan.items.iter().find(|item| item.reference() == tag).unwrap_or_else(|| panic!("no line {tag}: {:#?}", plan.items))
}

fn kept_as(plan: &EffectPlan, tag: &str) -> Tag {
    match &line(plan, tag).effect {
        Effect::Move { keep_as: Some(kept) } => kept.clone(),
        other => panic!("{other:?} keeps nothing"),
    }
}

#[tokio::test]
async fn an_image_never_captured_gets_its_tag_back_by_its_digest_although_it_has_no_tag_left() {
    let m = moved(false).await;
    let undo = m.undo(&[]).await;
    let item = line(&undo, "1.0");
    assert_eq!((item.then, item.now), (m.over, Some(m.captured)), "what it pointed to, not what a snapshot has");
    assert!(matches!(item.effect, Effect::Move { .. }) && item.is_from_registry());
    assert_eq!((undo.risk(), undo.estimate.bytes_to_send), (3, 0));
    let report = m.h.execute(&undo, &Silent).await;
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(m.points_to().await, Some(m.over));

    let again = m.h.undo(&undo, &report, &m.snapshot, &[m.captured]).await;
    assert_eq!(line(&again, "1.0").then, m.captured, "undoing the undo");
    assert!(m.h.execute(&again, &Silent).await.is_clean());
    assert_eq!(m.points_to().await, Some(m.captured));
}

#[tokio::test]
async fn what_harbor_removed_comes_from_the_vault_or_is_said_to_be_gone() {
    let m = moved(false).await;
    m.delete(m.over).await;
    let undo = m.undo(&[]).await;
    let Effect::Blocked { reason, remedy } = &line(&undo, "1.0").effect else { panic!("{:#?}", undo.items) };
    assert_eq!(*reason, BlockReason::Gone { object: m.over, elsewhere: None });
    assert!(remedy.contains("never captured"), "{remedy}");
    assert!(!undo.writes());

    // The reverse: what the undo moved away was captured, and Harbor removed it.
    let m = moved(false).await;
    let undo = m.undo(&[]).await;
    let report = m.h.execute(&undo, &Silent).await;
    m.h.client.delete_tag(&push::repository("shop/web"), &kept_as(&undo, "1.0")).await.unwrap();
    m.delete(m.captured).await;
    m.h.collect_garbage().await;
    let again = m.h.undo(&undo, &report, &m.snapshot, &[m.captured]).await;
    let item = line(&again, "1.0");
    assert_eq!(item.then, m.captured);
    assert!(!item.is_from_registry(), "from the vault");
    let report = m.h.execute(&again, &Silent).await;
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(m.points_to().await, Some(m.captured));
}

#[tokio::test]
async fn a_tag_somebody_moved_since_is_left_and_one_that_is_gone_is_made_again() {
    let m = moved(false).await;
    let third = push::image(&m.h.client, "shop/web", Some("1.0"), &images::simple("third", &[11])).await;
    let undo = m.undo(&[]).await;
    assert_eq!(line(&undo, "1.0").effect, Effect::Skip { reason: SkipReason::Left });
    assert!(!undo.writes());
    assert_eq!(m.points_to().await, Some(third));

    m.h.client.delete_tag(&push::repository("shop/web"), &push::tag("1.0")).await.unwrap();
    let undo = m.undo(&[]).await;
    assert_eq!(line(&undo, "1.0").effect, Effect::Create);
    assert!(m.h.execute(&undo, &Silent).await.is_clean());
    assert_eq!(m.points_to().await, Some(m.over));
    assert_eq!(line(&m.undo(&[]).await, "1.0").effect, Effect::Skip { reason: SkipReason::Same }, "it is so already");
}

#[tokio::test]
async fn an_index_never_captured_comes_back_with_its_parts_where_they_are() {
    let h = Harness::new().await;
    push::image(&h.client, "shop/web", Some("1.0"), &images::simple("good", &[300])).await;
    let snapshot = h.backup(None).await.digest;
    let over = push::rich(&h.client, "shop/web", "over").await.index;
    push::manifest(
        &h.client,
        "shop/web",
        Some("1.0"),
        &images::index(&[&images::simple("over-one", &[2_000]), &images::simple_docker("over-two", &[2_500])]),
    )
    .await;
    let plan = h
        .plan(&snapshot, &only("shop/web", "1.0"), &engine::effect::Policy { keep_suffix: String::new(), ..policy(OnConflict::Move) })
        .await;
    let report = h.execute(&plan, &Silent).await;
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.items[0].previous, Some(over));
    h.client.delete_tag(&push::repository("shop/web"), &push::tag("1.0")).await.unwrap();
    let undo = h.undo(&plan, &report, &snapshot, &[]).await;
    assert_eq!(line(&undo, "1.0").effect, Effect::Create);
    let report = h.execute(&undo, &Silent).await;
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(h.points_to("shop/web", "1.0").await, Some(over));
}

#[tokio::test]
async fn what_the_restore_made_stays_and_is_listed() {
    let h = Harness::new().await;
    let good = push::image(&h.client, "shop/web", Some("1.0"), &images::simple("good", &[300])).await;
    let lost = push::image(&h.client, "shop/web", Some("2.0"), &images::simple("other", &[300])).await;
    let snapshot = h.backup(None).await.digest;
    let over = push::image(&h.client, "shop/web", Some("1.0"), &images::simple("over", &[77])).await;
    h.client.delete_tag(&push::repository("shop/web"), &push::tag("2.0")).await.unwrap();
    let plan = h.plan(&snapshot, &engine::select::Selection::Project, &policy(OnConflict::Move)).await;
    let report = h.execute(&plan, &Silent).await;
    assert!(report.is_clean(), "{report:#?}");
    let undo = h.undo(&plan, &report, &snapshot, &[]).await;
    let stays = Effect::Skip { reason: SkipReason::Stays };
    assert_eq!((&line(&undo, "2.0").effect, line(&undo, "2.0").then), (&stays, lost));
    assert_eq!((&line(&undo, "1.0-before-restore-1").effect, line(&undo, "1.0-before-restore-1").then), (&stays, over));
    assert!(h.execute(&undo, &Silent).await.is_clean());
    assert_eq!(h.points_to("shop/web", "1.0").await, Some(over));
    assert_eq!(h.points_to("shop/web", "2.0").await, Some(lost), "nothing is taken away");
    let kept = kept_as(&undo, "1.0");
    assert_eq!(h.points_to("shop/web", kept.as_str()).await, Some(good), "today's image keeps a tag of its own");
}
