//! What a plan says of the target's tag retention, and what that retention then does.

use std::collections::BTreeSet;

use engine::Silent;
use engine::effect::{Lacking, OnConflict, Warning};
use engine::select::{Selection, Wanted, What};
use harbor_sim::images;
use registry::Reference;

use crate::dry_run::{Retention, warned};
use crate::harness::{Harness, only, policy, shop};
use crate::push;

fn retention(h: &Harness) -> Retention {
    let (user, password) = h.sim.admin();
    Retention { url: h.sim.url(), user: user.to_owned(), password: password.to_owned() }
}

fn names(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|name| (*name).to_owned()).collect()
}

async fn six(h: &Harness) {
    for version in 1..=6 {
        let tag = format!("v{version}");
        push::image(&h.client, "shop/live/app", Some(&tag), &images::simple(&tag, &[100])).await;
    }
}

async fn delete(h: &Harness, tags: &[&str]) {
    for tag in tags {
        h.client.delete_artifact(&push::repository("shop/live/app"), &Reference::Tag(push::tag(tag))).await.unwrap();
    }
}

#[tokio::test]
async fn old_tags_that_come_back_push_out_live_ones_and_the_plan_names_them() {
    let h = Harness::new().await;
    six(&h).await;
    let snapshot = h.backup(None).await;
    delete(&h, &["v1", "v2", "v3"]).await;
    let (ask, app) = (retention(&h), push::repository("shop/live/app"));
    let id = ask.set(&h.client, &shop(), "latestPushedK", 3, false).await;
    assert!(ask.deletes(id).await.is_empty(), "before the restore everything may stay");

    let all = Selection::Items(vec![Wanted { repository: app.clone(), what: What::AllTags }]);
    let plan = h.plan(&snapshot.digest, &all, &policy(OnConflict::Leave)).await;
    let live = names(&["live/app:v4", "live/app:v5", "live/app:v6"]);
    assert_eq!(warned(&plan, "retention_takes_live"), live);
    assert!(warned(&plan, "retention_takes_restored").is_empty());
    assert!(h.execute(&plan, &Silent).await.is_clean());
    assert_eq!(ask.deletes(id).await, live, "exactly what the plan said");
}

#[tokio::test]
async fn a_rule_by_last_pull_takes_the_restored_ones_again() {
    let h = Harness::new().await;
    six(&h).await;
    let snapshot = h.backup(None).await;
    delete(&h, &["v1", "v2", "v3", "v4", "v5", "v6"]).await;
    let ask = retention(&h);
    let id = ask.set(&h.client, &shop(), "nDaysSinceLastPull", 7, false).await;
    let plan = h.plan(&snapshot.digest, &only("shop/live/app", "v2"), &policy(OnConflict::Leave)).await;
    assert_eq!(warned(&plan, "retention_takes_restored"), names(&["live/app:v2"]));
    assert!(h.execute(&plan, &Silent).await.is_clean());
    assert_eq!(ask.deletes(id).await, names(&["live/app:v2"]));

    ask.set(&h.client, &shop(), "nDaysSinceLastPush", 7, false).await;
    let plan = h.plan(&snapshot.digest, &only("shop/live/app", "v3"), &policy(OnConflict::Leave)).await;
    assert!(plan.warnings.iter().any(|w| matches!(w, Warning::RetentionSpares { .. })), "{:?}", plan.warnings);
}

#[tokio::test]
async fn an_image_by_digest_alone_is_food_for_garbage_collection_unless_a_tag_keeps_it() {
    let h = Harness::new().await;
    six(&h).await;
    let repository = push::repository("shop/live/app");
    let (one, two) = (h.points_to("shop/live/app", "v1").await.unwrap(), h.points_to("shop/live/app", "v2").await.unwrap());
    let snapshot = h.backup(None).await;
    delete(&h, &["v1", "v2"]).await;
    let by_digest = |digests: &[vocab::Digest]| {
        Selection::Items(digests.iter().map(|d| Wanted { repository: repository.clone(), what: What::Artifact(*d) }).collect())
    };
    let bare = h.plan(&snapshot.digest, &by_digest(&[one]), &policy(OnConflict::Leave)).await;
    assert!(bare.warnings.iter().any(|w| matches!(w, Warning::Untagged { images: 1 })), "{:?}", bare.warnings);
    let keeping = engine::effect::Policy { digest_tag: "hotfix".to_owned(), ..policy(OnConflict::Leave) };
    let kept = h.plan(&snapshot.digest, &by_digest(&[one]), &keeping).await;
    assert_ne!(kept.hash(), bare.hash(), "the tag is part of what is voted on");
    assert!(kept.warnings.iter().all(|w| !matches!(w, Warning::Untagged { .. })));
    assert!(h.execute(&kept, &Silent).await.is_clean());
    assert_eq!(h.points_to("shop/live/app", "hotfix").await, Some(one));
    h.collect_garbage().await;
    assert_eq!(h.points_to("shop/live/app", "hotfix").await, Some(one), "kept");

    let both = h.plan(&snapshot.digest, &by_digest(&[one, two]), &keeping).await;
    let tags: Vec<String> = both.items.iter().map(engine::effect::EffectItem::reference).collect();
    let named = |digest: vocab::Digest| format!("hotfix-{}", &digest.hex()[..12]);
    assert_eq!(tags.iter().cloned().collect::<BTreeSet<_>>(), BTreeSet::from([named(one), named(two)]));
    let taken = h.plan(&snapshot.digest, &by_digest(&[two]), &keeping).await;
    assert!(matches!(taken.items[0].effect, engine::effect::Effect::Blocked { .. }), "a tag of another image never moves for it");
}

#[tokio::test]
async fn a_project_made_anew_names_each_class_of_settings_it_will_lack() {
    let h = Harness::new().await;
    six(&h).await;
    h.sim.describe("shop/live/app", "the app");
    h.sim.make_immutable("shop", "r*");
    h.sim.create_label("shop", "gold", "#FFD700").unwrap();
    retention(&h).set(&h.client, &shop(), "always", 0, false).await;
    let snapshot = h.backup(None).await;
    let target = "again".parse().unwrap();
    let plan = h.plan_into(&snapshot.digest, &Selection::Project, &target, &policy(OnConflict::Leave)).await;
    let made_anew = plan.warnings.iter().find_map(|w| match w {
        Warning::MadeAnew { project, public, lacks } => Some((project, public, lacks)),
        _ => None,
    });
    let (project, public, lacks) = made_anew.expect("a warning");
    assert_eq!((project, public), (&target, &false));
    for class in
        [Lacking::Labels { rows: 1 }, Lacking::ImmutableRules { rows: 1 }, Lacking::Retention, Lacking::Descriptions { repositories: 1 }]
    {
        assert!(lacks.contains(&class), "{class:?} in {lacks:?}");
    }
    assert!(lacks.iter().all(|l| !matches!(l, Lacking::Members { .. })), "the maker is a member again: {lacks:?}");
    assert!(lacks.iter().all(|l| !matches!(l, Lacking::Webhooks { .. })), "there were none: {lacks:?}");
}
