//! What can be told from an effect plan alone: its class, its hash, and what it covers.

use super::model::{
    AccessoryOf, BlockReason, EFFECT_VERSION, Effect, EffectItem, EffectPlan, Estimate, Link, OnConflict, Policy, SkipReason, Source,
};
use super::risk::TAGS_OF_ONE_REQUEST_MAX;
use time::OffsetDateTime;
use vocab::Digest;

fn item(tag: &str, effect: Effect) -> EffectItem {
    EffectItem {
        source_repository: "shop/web".parse().unwrap(),
        source_tag: Some(tag.parse().unwrap()),
        repository: "shop/web".parse().unwrap(),
        tag: Some(tag.parse().unwrap()),
        now: None,
        then: Digest::of(tag.as_bytes()),
        media_type: vocab::media::OCI_MANIFEST.to_owned(),
        effect,
        immutable: false,
        accessory: None,
        brought_for: None,
    }
}

/// A line as JSON, for tests of other files to begin with.
pub(super) fn any_item() -> serde_json::Value {
    serde_json::to_value(item("1", Effect::Create)).unwrap()
}

fn plan(items: Vec<EffectItem>) -> EffectPlan {
    EffectPlan {
        version: EFFECT_VERSION,
        harbor: "prod".parse().unwrap(),
        target_project: "shop".parse().unwrap(),
        creates_project: false,
        project_public: false,
        whole_project: false,
        policy: Policy {
            on_conflict: OnConflict::Move,
            accessories: true,
            keep_suffix: "before".to_owned(),
            rename_suffix: "restored".to_owned(),
            digest_tag: String::new(),
        },
        items,
        source: Source {
            harbor: "prod".parse().unwrap(),
            snapshot: Digest::of(b"snapshot"),
            project: "shop".parse().unwrap(),
            moment: OffsetDateTime::UNIX_EPOCH,
        },
        estimate: Estimate::default(),
        gaps: Vec::new(),
        warnings: Vec::new(),
    }
}

fn moved(tag: &str) -> EffectItem {
    EffectItem { now: Some(Digest::of(b"now")), ..item(tag, Effect::Move { keep_as: None }) }
}

fn accessory(effect: Effect) -> EffectItem {
    let accessory = AccessoryOf { subject: Digest::of(b"1"), kind: "signature.cosign".to_owned(), link: Link::Subject };
    EffectItem { tag: None, source_tag: None, then: Digest::of(b"signature"), accessory: Some(accessory), ..item("s", effect) }
}

/// A descriptor of this digest.
pub(super) fn described(digest: Digest) -> vocab::Descriptor {
    vocab::Descriptor {
        media_type: vocab::media::OCI_MANIFEST.to_owned(),
        digest,
        size: 1,
        artifact_type: None,
        annotations: std::collections::BTreeMap::new(),
        platform: None,
        urls: Vec::new(),
    }
}

#[test]
fn each_effect_has_its_class() {
    let same = || Effect::Skip { reason: SkipReason::Same };
    let create = |count: usize| (0..count).map(|n| item(&format!("v{n}"), Effect::Create)).collect::<Vec<_>>();
    let elsewhere = |items| EffectPlan { target_project: "other".parse().unwrap(), ..plan(items) };
    let blocked = Effect::Blocked { reason: BlockReason::Immutable, remedy: String::new() };
    let table = [
        ("nothing", plan(Vec::new()), 0),
        ("the same already", plan(vec![item("1", same())]), 0),
        ("left as it is", plan(vec![item("1", Effect::Skip { reason: SkipReason::Left })]), 0),
        ("blocked", plan(vec![EffectItem { immutable: true, ..item("1", blocked) }]), 0),
        ("adds one", plan(create(1)), 1),
        ("adds a signature", plan(vec![item("1", same()), accessory(Effect::Create)]), 1),
        ("its image and many signatures", plan(std::iter::repeat_n(accessory(Effect::Create), 99).chain(create(1)).collect()), 1),
        ("adds as many as one request may", plan(create(TAGS_OF_ONE_REQUEST_MAX)), 1),
        ("another project", elsewhere(create(1)), 2),
        ("another harbor", EffectPlan { harbor: "second".parse().unwrap(), ..plan(create(1)) }, 2),
        ("a new project", EffectPlan { creates_project: true, ..plan(create(1)) }, 2),
        ("moves one", plan(vec![item("1", Effect::Create), moved("2")]), 3),
        ("moves one elsewhere", elsewhere(vec![moved("2")]), 3),
        ("one too many", plan(create(TAGS_OF_ONE_REQUEST_MAX + 1)), 4),
        ("whole project", EffectPlan { whole_project: true, ..plan(create(1)) }, 4),
        ("whole project, nothing to do", EffectPlan { whole_project: true, ..plan(vec![item("1", same())]) }, 0),
        ("immutable", plan(vec![EffectItem { immutable: true, ..item("1", Effect::Create) }]), 4),
    ];
    for (name, plan, class) in table {
        assert_eq!(plan.risk(), class, "{name}");
    }
}

#[test]
fn the_hash_is_over_the_effect_and_nothing_else() {
    let base = plan(vec![item("1", Effect::Create), moved("2")]);
    // Pinned: another value here voids every vote that waits, so raise EFFECT_VERSION with it.
    assert_eq!(base.hash().to_string(), "sha256:22d2ed441b74cb60086eb6423da92048df6d7a7946d4c70bb04332a6213c1154");
    let mut volatile = base.clone();
    volatile.estimate.bytes_to_send = 7;
    volatile.source.snapshot = Digest::of(b"another");
    volatile.project_public = true;
    assert_eq!(volatile.hash(), base.hash());
    let change = |change: fn(&mut EffectPlan)| {
        let mut changed = base.clone();
        change(&mut changed);
        assert_ne!(changed.hash(), base.hash());
    };
    change(|p| p.version += 1);
    change(|p| p.harbor = "second".parse().unwrap());
    change(|p| p.target_project = "other".parse().unwrap());
    change(|p| p.creates_project = true);
    change(|p| p.whole_project = true);
    change(|p| p.policy.keep_suffix.clear());
    change(|p| p.items[0].then = Digest::of(b"x"));
    change(|p| p.items[1].now = None);
    change(|p| p.items[1].effect = Effect::Create);
    change(|p| p.items.push(accessory(Effect::Create)));
    change(|p| p.items.truncate(1));
}

#[test]
fn a_plan_covers_itself_partly_done_and_nothing_more() {
    let base = plan(vec![item("1", Effect::Create), moved("2"), item("3", Effect::Skip { reason: SkipReason::Left })]);
    assert!(base.covers(&base));
    let with = |change: fn(&mut EffectPlan)| {
        let mut fresh = base.clone();
        change(&mut fresh);
        base.covers(&fresh)
    };
    let done = |item: &mut EffectItem| {
        item.now = Some(item.then);
        item.effect = Effect::Skip { reason: SkipReason::Same };
    };
    let mut half = base.clone();
    done(&mut half.items[0]);
    assert!(base.covers(&half), "one line is done");
    done(&mut half.items[1]);
    assert!(base.covers(&half), "all lines are done");
    assert!(!half.covers(&base), "undoing what was found done was never voted for");
    assert!(!with(|p| p.items[0].effect = Effect::Move { keep_as: None }));
    assert!(!with(|p| p.items[1].now = Some(Digest::of(b"somebody moved it"))));
    assert!(!with(|p| p.items[0].then = Digest::of(b"another image")));
    assert!(!with(|p| p.items.truncate(2)));
    assert!(!with(|p| p.creates_project = true));
    assert!(!with(|p| p.items[2].effect = Effect::Create));
}

#[test]
fn a_plan_of_version_1_is_read_and_its_accessories_are_lines_of_their_own() {
    let mut value = serde_json::to_value(plan(vec![item("1", Effect::Create), item("2", Effect::Create)])).unwrap();
    value["version"] = 1.into();
    let signature = serde_json::json!({
        "digest": Digest::of(b"signature"), "media_type": vocab::media::OCI_MANIFEST, "subject": Digest::of(b"1"),
        "kind": "signature.cosign", "tag": null, "missing": true,
    });
    for line in value["items"].as_array_mut().unwrap() {
        line["accessories"] = serde_json::json!([signature]);
    }
    let read: EffectPlan = serde_json::from_value(value).unwrap();
    assert_eq!(read.version, 1, "so that nothing executes it");
    assert_eq!((read.counts().creates, read.counts().accessories), (2, 1));
    assert_eq!(read.items[2].accessory.as_ref().map(|accessory| accessory.subject), Some(Digest::of(b"1")));
}

#[test]
fn lines_are_counted_by_what_they_are() {
    let untagged = EffectItem { tag: None, ..item("3", Effect::Create) };
    let counts = plan(vec![item("1", Effect::Create), moved("2"), untagged, accessory(Effect::Create), accessory(Effect::Create)]).counts();
    assert_eq!((counts.creates, counts.moves, counts.untagged, counts.accessories, counts.writes()), (1, 1, 1, 2, 5));
}
