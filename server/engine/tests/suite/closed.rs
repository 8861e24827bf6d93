//! *Complete means restorable*: registries of anything Harbor accepts, in any order, with lies in sizes and types. What is closed comes back byte
//! for byte into an empty registry; what is not is said, by verification, plan and export alike.
//!
//! `CLOSED_CASES=1000000` reads and judges that many generated registries instead of a fixed set; `CLOSED_ROUNDS` is how many are backed up
//! and restored through the simulator.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use engine::Silent;
use engine::effect::{Effect, OnConflict};
use engine::select::Selection;
use futures::TryStreamExt;
use harbor_sim::images::{self, Blob};
use harbor_sim::{Action, Match};
use http::Method;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use vault::closed::{self, Known, Needs};
use vocab::{Algorithm, Demand, Digest, Manifest, OtherDigest};

use super::harness::{Harness, policy};
use super::push;

const REPOSITORY: &str = "shop/any";
const CASES: u64 = 300;
const ROUNDS: u64 = 6;

fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A manifest with what its maker knows of it.
#[derive(Debug, Clone)]
struct Made {
    media_type: &'static str,
    bytes: Bytes,
    demanded: BTreeSet<Digest>,
    children: BTreeSet<Digest>,
    /// Layers with addresses, and whether they were pushed.
    elsewhere: BTreeMap<Digest, bool>,
    depth: usize,
}

impl Made {
    fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

/// A registry in the making.
struct Maker {
    rng: StdRng,
    blobs: BTreeMap<Digest, Bytes>,
    made: Vec<Made>,
}

impl Maker {
    fn new(seed: u64) -> Self {
        let mut maker = Self { rng: StdRng::seed_from_u64(seed), blobs: BTreeMap::new(), made: Vec::new() };
        for number in 0..maker.rng.random_range(2..6) {
            maker.blob(&format!("{seed} {number}"));
        }
        for number in 0..maker.rng.random_range(2..7) {
            let made = if maker.made.is_empty() || maker.rng.random_bool(0.7) { maker.image(seed, number) } else { maker.index() };
            if !maker.made.iter().any(|other| other.digest() == made.digest()) {
                maker.made.push(made);
            }
        }
        maker
    }

    fn blob(&mut self, text: &str) -> Digest {
        let bytes = Bytes::from(text.to_owned());
        let digest = Digest::of(&bytes);
        self.blobs.insert(digest, bytes);
        digest
    }

    fn any_blob(&mut self) -> Digest {
        let all: Vec<Digest> = self.blobs.keys().copied().collect();
        *all.choose(&mut self.rng).unwrap()
    }

    /// Sizes and types as somebody may claim them.
    fn claims(&mut self, members: &mut Vec<(String, Value)>) {
        match self.rng.random_range(0..5) {
            0 => {}
            1 => members.push(("size".to_owned(), json!(-1))),
            2 => members.push(("size".to_owned(), Value::Null)),
            3 => members.push(("size".to_owned(), json!(self.rng.random_range(0..i64::MAX)))),
            _ => members.push(("size".to_owned(), json!(7))),
        }
        match self.rng.random_range(0..4) {
            0 => {}
            1 => members.push(("mediaType".to_owned(), Value::Null)),
            2 => members.push(("mediaType".to_owned(), json!(images::DOCKER_MANIFEST))),
            _ => members.push(("mediaType".to_owned(), json!("application/octet-stream"))),
        }
        for name in ["annotations", "platform"] {
            if self.rng.random_bool(0.2) {
                members.push((name.to_owned(), Value::Null));
            }
        }
    }

    /// An object with its members in any order, and its keys in any case.
    fn object(&mut self, mut members: Vec<(String, Value)>) -> String {
        members.shuffle(&mut self.rng);
        let members: Vec<String> = members
            .into_iter()
            .map(|(name, value)| {
                let name = match self.rng.random_range(0..8) {
                    0 => name.to_uppercase(),
                    1 => name.replace('s', "\u{17f}"),
                    _ => name,
                };
                let text = value.as_str().and_then(|text| text.strip_prefix("raw:")).map_or_else(|| value.to_string(), str::to_owned);
                format!("{}:{text}", Value::from(name))
            })
            .collect();
        format!("{{{}}}", members.join(","))
    }

    fn descriptor(&mut self, digest: &Digest, urls: bool) -> String {
        let mut members = vec![("digest".to_owned(), json!(digest))];
        self.claims(&mut members);
        if urls {
            members.push(("urls".to_owned(), json!(["https://layers.example.com/x"])));
        } else if self.rng.random_bool(0.2) {
            members.push(("urls".to_owned(), if self.rng.random_bool(0.5) { Value::Null } else { json!([]) }));
        }
        self.object(members)
    }

    fn document(&mut self, media_type: &str, mut members: Vec<(String, Value)>) -> Bytes {
        members.push(("schemaVersion".to_owned(), json!(2)));
        if media_type == images::DOCKER_MANIFEST || self.rng.random_bool(0.5) {
            members.push(("mediaType".to_owned(), json!(media_type)));
        }
        if self.rng.random_bool(0.3) {
            members.push(("annotations".to_owned(), json!({"org.example.note": Value::Null, "x": "\u{202e}"})));
        }
        if self.rng.random_bool(0.2) {
            members.push(("other".to_owned(), json!([[[{"layers": 7}]]])));
        }
        Bytes::from(self.object(members))
    }

    fn image(&mut self, seed: u64, number: u64) -> Made {
        let media_type = if self.rng.random_bool(0.3) { images::DOCKER_MANIFEST } else { images::OCI_MANIFEST };
        let config = self.any_blob();
        let (mut demanded, mut elsewhere, mut layers) = (BTreeSet::from([config]), BTreeMap::new(), Vec::new());
        for layer in 0..self.rng.random_range(0..4) {
            if self.rng.random_bool(0.25) {
                let name = format!("elsewhere {seed} {number} {layer}");
                let pushed = self.rng.random_bool(0.5);
                let digest = if pushed { self.blob(&name) } else { Digest::of(name.as_bytes()) };
                elsewhere.insert(digest, pushed);
                layers.push(self.descriptor(&digest, true));
            } else {
                let digest = self.any_blob();
                demanded.insert(digest);
                layers.push(self.descriptor(&digest, false));
            }
        }
        elsewhere.retain(|digest, _| !demanded.contains(digest));
        let config = self.descriptor(&config, false);
        let mut members = vec![("config".to_owned(), raw(config))];
        match layers.is_empty() {
            true if self.rng.random_bool(0.5) => {}
            true => members.push(("layers".to_owned(), Value::Null)),
            false => members.push(("layers".to_owned(), raw(format!("[{}]", layers.join(","))))),
        }
        Made { media_type, bytes: self.document(media_type, members), demanded, children: BTreeSet::new(), elsewhere, depth: 1 }
    }

    fn index(&mut self) -> Made {
        let below: Vec<Made> = self.made.iter().filter(|made| made.depth < 6).cloned().collect();
        let count = self.rng.random_range(0..4).min(below.len());
        let chosen: Vec<Made> = below.choose_multiple(&mut self.rng, count).cloned().collect();
        let children: Vec<String> = chosen.iter().map(|child| self.descriptor(&child.digest(), false)).collect();
        let depth = 1 + chosen.iter().map(|child| child.depth).max().unwrap_or(0);
        let members = vec![("manifests".to_owned(), raw(format!("[{}]", children.join(","))))];
        let bytes = self.document(images::OCI_INDEX, members);
        let children = chosen.iter().map(Made::digest).collect();
        Made { media_type: images::OCI_INDEX, bytes, demanded: BTreeSet::new(), children, elsewhere: BTreeMap::new(), depth }
    }

    /// What a manifest and all below it demand: worked out from what the maker knows, by no code of the product.
    fn closure(&self, root: &Digest) -> BTreeSet<Digest> {
        let mut all = BTreeSet::new();
        let mut waiting = vec![*root];
        while let Some(digest) = waiting.pop() {
            if all.insert(digest)
                && let Some(made) = self.made.iter().find(|made| made.digest() == digest)
            {
                all.extend(&made.demanded);
                waiting.extend(&made.children);
            }
        }
        all
    }
}

/// JSON as it is to be written.
fn raw(text: String) -> Value {
    Value::from(format!("raw:{text}"))
}

/// Whatever shape a manifest has, exactly what its maker demands is read out of it, and exactly what lacks something is not closed.
#[test]
fn any_registry_is_read_and_judged_as_its_maker_knows_it() {
    for seed in 0..asked("CLOSED_CASES", CASES) {
        let mut maker = Maker::new(seed);
        let mut read: BTreeMap<Digest, Needs> = BTreeMap::new();
        for made in &maker.made {
            let manifest = Manifest::parse(made.media_type, &made.bytes).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert_eq!(manifest.media_type, made.media_type, "seed {seed}");
            let of = |demand| manifest.blobs.iter().filter(move |blob| blob.demand == demand).filter_map(|blob| blob.sha256());
            assert_eq!(of(Demand::Registry).collect::<BTreeSet<_>>(), made.demanded, "seed {seed}");
            assert_eq!(of(Demand::Clients).collect::<BTreeSet<_>>(), made.elsewhere.keys().copied().collect(), "seed {seed}");
            assert_eq!(manifest.child_digests().collect::<BTreeSet<_>>(), made.children, "seed {seed}");
            read.insert(made.digest(), Needs::of(&manifest, made.bytes.len()));
        }
        let everything: Vec<Digest> = maker.made.iter().flat_map(|made| maker.closure(&made.digest())).collect();
        let lost: BTreeSet<Digest> = everything.choose_multiple(&mut maker.rng, 1).copied().collect();
        let known = read.iter().filter(|(digest, _)| !lost.contains(digest)).map(|(digest, needs)| (*digest, Known::Read(needs)));
        let is_met =
            |need: &closed::Need| need.demand != Demand::Registry || need.digest.sha256().is_some_and(|blob| !lost.contains(&blob));
        let verdicts = closed::judge(known, is_met);
        for made in maker.made.iter().filter(|made| !lost.contains(&made.digest())) {
            let whole = maker.closure(&made.digest()).is_disjoint(&lost);
            assert_eq!(verdicts[&made.digest()].is_ok(), whole, "seed {seed}: {:?}", made.bytes);
        }
    }
}

/// Through the simulator: backup, everything deleted and collected, restore, read back; then one object is lost.
#[tokio::test]
async fn any_registry_comes_back_and_what_is_lost_of_it_is_said_by_everybody() {
    for seed in 0..asked("CLOSED_ROUNDS", ROUNDS) {
        let mut maker = Maker::new(seed);
        let h = Harness::new().await;
        let repository = push::repository(REPOSITORY);
        for (digest, bytes) in &maker.blobs {
            h.client.blob_put_bytes(&repository, digest, bytes.clone()).await.unwrap();
        }
        for (number, made) in maker.made.iter().enumerate() {
            let blob = Blob::new(made.media_type, made.bytes.clone());
            push::manifest(&h.client, REPOSITORY, Some(&format!("t{number}")), &blob).await;
        }
        let outcome = h.backup(None).await;
        let absent = maker.made.iter().flat_map(|made| &made.elsewhere).filter(|(_, pushed)| !**pushed).count();
        assert_eq!(outcome.index.elsewhere.len(), absent, "seed {seed}");
        h.delete(REPOSITORY).await;
        h.collect_garbage().await;
        let plan = h.plan(&outcome.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
        let report = h.execute(&plan, &Silent).await;
        assert!(report.is_clean(), "seed {seed}: {report:#?}");
        for (number, made) in maker.made.iter().enumerate() {
            let back = h.client.manifest_get_by_tag(&repository, &push::tag(&format!("t{number}"))).await.unwrap().unwrap();
            assert_eq!(back.bytes, made.bytes, "seed {seed}");
            let pushed = made.elsewhere.iter().filter(|(_, pushed)| **pushed).map(|(digest, _)| digest);
            for blob in made.demanded.iter().chain(pushed) {
                assert!(h.client.blob_head(&repository, blob).await.unwrap().is_some(), "seed {seed}: {blob} did not come back");
            }
        }
        // One object is lost. Whoever needs it is told so by verification, export and plan, and nobody else is.
        let everything: Vec<Digest> = maker.made.iter().flat_map(|made| maker.closure(&made.digest())).collect();
        let lost = *everything.choose(&mut maker.rng).unwrap();
        std::fs::remove_file(h.object(&lost)).unwrap();
        let findings = engine::verify::snapshot(&h.vault, &outcome.digest).await;
        assert_eq!(findings.iter().map(|finding| finding.object).collect::<BTreeSet<_>>(), BTreeSet::from([lost]), "seed {seed}");
        assert_eq!(engine::verify::snapshot(&h.vault, &outcome.digest).await, findings, "seed {seed}: the same twice");
        let broken: BTreeSet<String> = maker
            .made
            .iter()
            .enumerate()
            .filter(|(_, made)| maker.closure(&made.digest()).contains(&lost))
            .map(|(number, _)| format!("t{number}"))
            .collect();
        let export = h.vault.plan_export(&outcome.digest, &vault::Choice::default()).await.unwrap();
        assert_eq!(export.left_out.iter().map(|out| out.image.clone()).collect::<BTreeSet<_>>(), broken, "seed {seed}");
        h.delete(REPOSITORY).await;
        let plan = h.plan(&outcome.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
        let blocked = plan.items.iter().filter(|item| matches!(item.effect, Effect::Blocked { .. }));
        assert_eq!(blocked.filter_map(|item| item.tag.as_ref()).map(ToString::to_string).collect::<BTreeSet<_>>(), broken, "seed {seed}");
    }
}

/// Twelve images on one layer, and a manifest that states a wrong size for it.
#[tokio::test]
async fn one_liar_harms_nobody() {
    let h = Harness::new().await;
    let base = Bytes::from_static(b"a base layer that everybody shares");
    for number in 0..12 {
        let image = images::simple(&format!("fleet-{number}"), &[300]);
        push::image(&h.client, "shop/fleet", None, &image).await;
        let mut document: Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
        document["layers"]
            .as_array_mut()
            .unwrap()
            .push(json!({"mediaType": images::OCI_LAYER, "digest": Digest::of(&base), "size": base.len()}));
        h.client.blob_put_bytes(&push::repository("shop/fleet"), &Digest::of(&base), base.clone()).await.unwrap();
        let manifest = Blob::new(images::OCI_MANIFEST, document.to_string());
        push::manifest(&h.client, "shop/fleet", Some(&format!("v{number}")), &manifest).await;
    }
    let config = Bytes::from_static(b"{}");
    for bytes in [&base, &config] {
        h.client.blob_put_bytes(&push::repository("shop/bad"), &Digest::of(bytes), bytes.clone()).await.unwrap();
    }
    let lie = json!({"schemaVersion": 2, "mediaType": images::OCI_MANIFEST,
        "config": {"mediaType": images::OCI_EMPTY, "digest": Digest::of(&config), "size": 2},
        "layers": [{"mediaType": "application/octet-stream", "digest": Digest::of(&base), "size": 7}]});
    push::manifest(&h.client, "shop/bad", Some("misstated"), &Blob::new(images::OCI_MANIFEST, lie.to_string())).await;
    let outcome = h.backup(None).await;
    assert_eq!(outcome.stats.tags, 13, "the liar is kept too: its bytes could be had");
    let again = h.backup(Some(outcome.digest)).await;
    assert_eq!(again.stats.blobs_new, 0);
}

/// An index that states another size and type for its child: the child is put back as what it is.
#[tokio::test]
async fn an_index_that_misstates_a_child_comes_back_with_it() {
    let h = Harness::new().await;
    let child = images::simple("child", &[400]);
    let digest = push::image(&h.client, "shop/multi", None, &child).await;
    let entry = json!({"mediaType": images::DOCKER_MANIFEST, "digest": digest, "size": 1});
    let index = json!({"schemaVersion": 2, "mediaType": images::OCI_INDEX, "manifests": [entry]});
    push::manifest(&h.client, "shop/multi", Some("m"), &Blob::new(images::OCI_INDEX, index.to_string())).await;
    let outcome = h.backup(None).await;
    h.delete("shop/multi").await;
    h.collect_garbage().await;
    let plan = h.plan(&outcome.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    let report = h.execute(&plan, &Silent).await;
    assert!(report.is_clean(), "{report:#?}");
    let back = h.client.manifest_get(&push::repository("shop/multi"), &digest).await.unwrap();
    assert_eq!((back.bytes, back.media_type.as_str()), (child.manifest.bytes, images::OCI_MANIFEST));
}

/// An image with a layer that is named by SHA-512, under the tag `1` of `shop/wide`.
async fn push_wide(h: &Harness) -> (Bytes, OtherDigest) {
    let repository = push::repository("shop/wide");
    let (layer, config) = (Bytes::from_static(b"a layer named by sha512"), Bytes::from_static(b"{}"));
    let wide = OtherDigest::of(Algorithm::Sha512, &layer);
    let body = layer.clone();
    let once = move || futures::stream::iter([Ok::<_, std::convert::Infallible>(body.clone())]);
    h.client.blob_put_as(&repository, &wide.clone().into(), layer.len() as u64, once).await.unwrap();
    h.client.blob_put_bytes(&repository, &Digest::of(&config), config.clone()).await.unwrap();
    let document = json!({"schemaVersion": 2, "mediaType": images::OCI_MANIFEST,
        "config": {"mediaType": images::OCI_EMPTY, "digest": Digest::of(&config), "size": 2},
        "layers": [{"mediaType": "application/octet-stream", "digest": wide.to_string(), "size": layer.len()}]});
    push::manifest(&h.client, "shop/wide", Some("1"), &Blob::new(images::OCI_MANIFEST, document.to_string())).await;
    (layer, wide)
}

/// F-40: read by the name it has, checked against it, stored under its SHA-256, and sent under the name that manifests demand.
#[tokio::test]
async fn a_blob_named_by_sha512_is_kept_under_its_sha256_and_comes_back() {
    let h = Harness::new().await;
    let (layer, wide) = push_wide(&h).await;
    let repository = push::repository("shop/wide");
    let outcome = h.backup(None).await;
    let object = Digest::of(&layer);
    let index = h.vault.repository(&outcome.index.repositories[0].1.digest).await.unwrap();
    assert_eq!(index.names, vault::Names::from([(wide.clone(), object)]));
    assert!(h.vault.needed().await.unwrap().contains(&object), "the sweep keeps it");
    let again = h.backup(Some(outcome.digest)).await;
    assert_eq!((again.index.repositories.clone(), again.stats.blobs_new), (outcome.index.repositories.clone(), 0));
    let out = h.folder.path().join("export");
    let export = h.vault.plan_export(&outcome.digest, &vault::Choice::default()).await.unwrap();
    h.vault.export_to(&export, &out).await.unwrap();
    assert_eq!(std::fs::read(out.join("blobs/sha512").join(wide.hex())).unwrap(), layer, "other tools find it under its name");
    h.delete("shop/wide").await;
    h.collect_garbage().await;
    let plan = h.plan(&outcome.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    let report = h.execute(&plan, &Silent).await;
    assert!(report.is_clean(), "{report:#?}");
    let back: Vec<Bytes> = h.client.blob_get_other(&repository, &wide).try_collect().await.unwrap();
    assert_eq!(back.concat(), layer);
    std::fs::remove_file(h.object(&object)).unwrap();
    let findings = engine::verify::snapshot(&h.vault, &outcome.digest).await;
    assert_eq!(findings.iter().map(|finding| (finding.kind.as_str(), finding.object)).collect::<Vec<_>>(), [("missing", object)]);
}

/// Harbor's collection takes such a layer from under its image: what was captured before has it, and what was not is a gap that says so.
#[tokio::test]
async fn a_blob_named_by_sha512_that_harbor_collected_is_said_to_be_and_comes_back() {
    let h = Harness::new().await;
    let (layer, wide) = push_wide(&h).await;
    let captured = h.backup(None).await;
    h.collect_garbage().await;
    let repository = push::repository("shop/wide");
    assert!(h.client.blob_head_as(&repository, &wide.clone().into()).await.unwrap().is_none(), "as on a real Harbor");
    let (kept, empty) = (h.vault.clone(), h.folder.path().join("empty"));
    let other = Harness { vault: vault::Vault::init(&empty).await.unwrap(), ..h };
    let late = other.try_backup(None).await.unwrap();
    let gap = &late.index.gaps[0];
    assert_eq!((late.index.gaps.len(), gap.subject.as_str()), (1, "shop/wide:1"));
    assert!(gap.cause.contains("garbage collection removes") && gap.remedy.contains("delete it in Harbor"), "{gap:?}");

    let h = Harness { vault: kept, ..other };
    h.delete("shop/wide").await;
    let plan = h.plan(&captured.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    let report = h.execute(&plan, &Silent).await;
    assert!(report.is_clean(), "{report:#?}");
    let back: Vec<Bytes> = h.client.blob_get_other(&repository, &wide).try_collect().await.unwrap();
    assert_eq!(back.concat(), layer);
}

/// What Harbor does not count as used it is asked for after the manifest too: nothing is done before it says that it is there.
#[tokio::test]
async fn a_blob_named_by_sha512_is_asked_for_before_its_image_is_done() {
    let h = Harness::new().await;
    let (_, wide) = push_wide(&h).await;
    let captured = h.backup(None).await;
    h.delete("shop/wide").await;
    h.collect_garbage().await;
    let gone = Action::Status(404, "NOT_FOUND".to_owned(), "collected meanwhile".to_owned());
    let asked = h.sim.control().fail(Match::new(Method::HEAD, wide.to_string()), gone);
    let plan = h.plan(&captured.digest, &Selection::Project, &policy(OnConflict::Leave)).await;
    let report = h.execute(&plan, &Silent).await;
    assert_eq!(asked.fired(), 1);
    let detail = format!("{:?}", report.items[0].outcome);
    assert!(!report.is_clean() && detail.contains("does not have the blob sha512"), "{detail}");
}
