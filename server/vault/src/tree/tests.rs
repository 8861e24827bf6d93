use proptest::prelude::*;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::*;

fn described(seed: u8, size: u64) -> Descriptor {
    Descriptor {
        media_type: media::OCI_MANIFEST.to_owned(),
        digest: Digest::of(&[seed]),
        size,
        artifact_type: None,
        annotations: BTreeMap::new(),
        platform: None,
        urls: Vec::new(),
    }
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![
        Just(Role::Root),
        Just(Role::Child),
        any::<u8>().prop_map(|seed| Role::Accessory { subject: Digest::of(&[seed]), kind: "signature.cosign".to_owned() }),
    ]
}

fn label() -> impl Strategy<Value = Label> {
    ("\\PC{0,12}", "[gp]", "(#[0-9A-F]{6})?").prop_map(|(name, scope, color)| Label { name, scope, color })
}

/// Members as Harbor lists them: each tag once, each (artifact, role) without a tag once.
fn members() -> impl Strategy<Value = Vec<RepositoryMember>> {
    let tagged = proptest::collection::btree_map("[a-z0-9_][a-zA-Z0-9._-]{0,8}", (any::<u8>(), any::<bool>()), 0..12);
    let untagged = proptest::collection::btree_map((any::<u8>(), role()), proptest::collection::vec(label(), 0..4), 0..12);
    (tagged, untagged).prop_map(|(tagged, untagged)| {
        let mut out: Vec<RepositoryMember> = tagged
            .into_iter()
            .map(|(tag, (seed, annotated))| {
                let mut descriptor = described(seed, 1000 + u64::from(seed));
                if annotated {
                    descriptor.annotations.insert("com.example.note".to_owned(), "kept".to_owned());
                }
                RepositoryMember::root(descriptor, Some(tag.parse().unwrap()))
            })
            .collect();
        out.extend(untagged.into_iter().map(|((seed, role), labels)| RepositoryMember {
            descriptor: described(seed, u64::from(seed)),
            tag: None,
            role,
            labels,
        }));
        out
    })
}

fn repository(members: Vec<RepositoryMember>) -> RepositoryIndex {
    RepositoryIndex {
        name: "prod/team/app".parse().unwrap(),
        description: Some("the \"shop\"\n".to_owned()),
        members,
        names: crate::Names::new(),
    }
}

proptest! {
    #[test]
    fn an_unchanged_repository_has_the_same_bytes_in_whatever_order_it_is_listed(
        (listed, shuffled) in members().prop_flat_map(|m| (Just(m.clone()), Just(m).prop_shuffle())),
        repeat in any::<prop::sample::Index>(),
    ) {
        let mut shuffled = shuffled;
        for member in &mut shuffled {
            member.labels.reverse();
        }
        if !shuffled.is_empty() {
            // A page seen twice because something was inserted while listing.
            shuffled.push(shuffled[repeat.index(shuffled.len())].clone());
        }
        prop_assert_eq!(repository(listed).encode().unwrap(), repository(shuffled).encode().unwrap());
    }

    #[test]
    fn a_repository_reads_back_as_it_was_written(members in members()) {
        let bytes = repository(members.clone()).encode().unwrap();
        let read = RepositoryIndex::decode(&bytes).unwrap();
        prop_assert_eq!(read.members.len(), members.len());
        for member in &members {
            let mut sorted = member.clone();
            sorted.labels.sort();
            sorted.labels.dedup();
            prop_assert!(read.members.contains(&sorted), "{:?} is lost", sorted);
        }
        prop_assert_eq!(read.encode().unwrap(), bytes);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = RepositoryIndex::decode(&bytes);
        let _ = SnapshotIndex::decode(&bytes);
        let _ = SettingsOf::Project.blob_of(&bytes);
    }

    #[test]
    fn a_snapshot_reads_back_as_it_was_written(
        seeds in proptest::collection::btree_set(any::<u8>(), 0..10),
        gaps in proptest::collection::btree_set(("[a-z_]{1,9}", "\\PC{0,20}", "\\PC{0,20}"), 0..5),
        has_config in any::<bool>(),
        seconds in 0_i64..4_000_000_000,
        nanoseconds in 0_i64..1_000_000_000,
    ) {
        let started = OffsetDateTime::from_unix_timestamp(seconds).unwrap() + time::Duration::nanoseconds(nanoseconds);
        let mut repositories: Vec<_> = seeds
            .iter()
            .map(|seed| (format!("prod/r{seed:03}").parse().unwrap(), RepositoryDescriptor { digest: Digest::of(&[*seed]), size: 5 }))
            .collect();
        let config = has_config.then(|| super::descriptor(media::OCI_MANIFEST, Digest::of(b"config"), 9, PROJECT_TYPE));
        let limits = gaps.iter().map(|(kind, subject, text)| Limit { kind: kind.clone(), subject: subject.clone(), text: text.clone(), values: Some(Facts::Number(7)) });
        let limits: Vec<Limit> = limits.collect();
        let gaps: Vec<Gap> = gaps
            .into_iter()
            .map(|(kind, subject, cause)| Gap { kind, subject, cause, consequence: String::new(), remedy: "look".to_owned(), digest: None, values: None })
            .collect();
        let written = SnapshotIndex {
            limits,
            harbor: "main".parse().unwrap(),
            project: "prod".parse().unwrap(),
            origin: if seconds % 3 == 0 { Origin::Files } else { Origin::Harbor },
            started,
            finished: started + time::Duration::seconds(1),
            listed: (nanoseconds % 2 == 0).then_some(started - time::Duration::hours(5)),
            gaps,
            harbor_config: config.as_ref().map(|_| super::descriptor(media::OCI_MANIFEST, Digest::of(b"harbor"), 9, HARBOR_TYPE)),
            pushed: config.as_ref().map(|_| super::descriptor(media::OCI_MANIFEST, Digest::of(b"pushed"), 9, PUSHED_TYPE)),
            config,
            repositories: repositories.clone(),
            elsewhere: Vec::new(),
            closed: true,
        };
        let bytes = written.encode().unwrap();
        let read = SnapshotIndex::decode(&bytes).unwrap();
        prop_assert_eq!(&read, &written);
        prop_assert_eq!(read.is_complete(), written.gaps.is_empty());
        repositories.reverse();
        let (mut gaps, mut limits) = (written.gaps.clone(), written.limits.clone());
        gaps.reverse();
        limits.reverse();
        let elsewhere = time::UtcOffset::from_hms(5, 30, 0).unwrap();
        let other = SnapshotIndex { repositories, gaps, limits, started: started.to_offset(elsewhere), ..written };
        prop_assert_eq!(other.encode().unwrap(), bytes);
    }
}

#[test]
fn the_bytes_of_format_1_do_not_change() {
    let member = RepositoryMember {
        descriptor: described(1, 7),
        tag: Some("1.4".parse().unwrap()),
        role: Role::Root,
        labels: vec![Label { name: "prod".to_owned(), scope: "g".to_owned(), color: "#FFFFFF".to_owned() }],
    };
    let index = RepositoryIndex { name: "prod/app".parse().unwrap(), description: None, members: vec![member], names: crate::Names::new() };
    let text = String::from_utf8(index.encode().unwrap()).unwrap();
    let digest = Digest::of(&[1]);
    assert_eq!(
        text,
        format!(
            r##"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","artifactType":"application/vnd.breakwater.repository.v1","manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":7,"annotations":{{"io.breakwater.labels":"[{{\"name\":\"prod\",\"scope\":\"g\",\"color\":\"#FFFFFF\"}}]","io.breakwater.role":"root","org.opencontainers.image.ref.name":"1.4"}}}}],"annotations":{{"io.breakwater.repository":"prod/app"}}}}"##
        )
    );
}

#[test]
fn a_snapshot_from_before_the_harbors_settings_is_read() {
    let text = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","artifactType":"application/vnd.breakwater.snapshot.v1","manifests":[],"annotations":{"io.breakwater.finished":"2026-01-02T03:04:06Z","io.breakwater.harbor":"main","io.breakwater.project":"prod","io.breakwater.started":"2026-01-02T03:04:05Z"}}"#;
    let read = SnapshotIndex::decode(text.as_bytes()).unwrap();
    assert_eq!(read.origin, Origin::Harbor, "and what it was read from was a Harbor");
    assert_eq!((read.listed, &read.harbor_config, &read.pushed), (None, &None, &None));
    assert_eq!(read.limits, [], "which is what older snapshots say of limits");
    assert_eq!(read.listed_at(), read.started);
    assert_eq!(read.encode().unwrap(), text.as_bytes(), "and written as it was");
}

#[test]
fn a_tag_that_names_two_artifacts_is_refused() {
    let tag: vocab::Tag = "latest".parse().unwrap();
    let two = [1, 2].map(|seed| RepositoryMember::root(described(seed, 1), Some(tag.clone())));
    assert_eq!(repository(two.to_vec()).encode(), Err(TreeError::TagTwice("latest".to_owned())));
    let sizes = [1, 2].map(|size| RepositoryMember::root(described(1, size), None));
    assert!(matches!(repository(sizes.to_vec()).encode(), Err(TreeError::ArtifactTwice(_))));
    let huge = RepositoryMember::root(described(1, u64::MAX), None);
    assert_eq!(repository(vec![huge]).encode(), Err(TreeError::Size(u64::MAX)));
}

#[test]
fn annotations_of_a_stranger_cannot_pass_for_ours() {
    let mut descriptor = described(1, 1);
    descriptor.annotations.insert(REF_NAME.to_owned(), "../../etc".to_owned());
    descriptor.annotations.insert(ROLE.to_owned(), "accessory".to_owned());
    let read = RepositoryIndex::decode(&repository(vec![RepositoryMember::root(descriptor, None)]).encode().unwrap()).unwrap();
    assert_eq!(read.members, vec![RepositoryMember::root(described(1, 1), None)]);
}

#[test]
fn an_index_of_another_kind_is_refused() {
    let snapshot = encode_index(Some(SNAPSHOT_TYPE), std::iter::empty(), &BTreeMap::new());
    assert!(matches!(RepositoryIndex::decode(&snapshot), Err(TreeError::OtherType { .. })));
    assert_eq!(SnapshotIndex::decode(&snapshot), Err(TreeError::Annotation(PROJECT)));
}

#[test]
fn equal_settings_have_equal_bytes() {
    let one: Value = serde_json::from_str(r#"{"b":{"y":1,"x":[{"n":1,"m":2}]},"a":null}"#).unwrap();
    let other: Value = serde_json::from_str(r#"{ "a": null, "b": {"x":[{"m":2,"n":1}],"y":1} }"#).unwrap();
    let encoded = SettingsOf::Project.encode(&one).unwrap();
    assert_eq!(encoded, SettingsOf::Project.encode(&other).unwrap());
    assert_eq!(encoded.settings, br#"{"a":null,"b":{"x":[{"m":2,"n":1}],"y":1}}"#);
    let blob = SettingsOf::Project.blob_of(&encoded.manifest).unwrap();
    assert_eq!(blob.digest, Digest::of(&encoded.settings));
    let manifest = vocab::Manifest::parse(media::OCI_MANIFEST, &encoded.manifest).unwrap();
    assert_eq!(manifest.artifact_type.as_deref(), Some(PROJECT_TYPE));
    assert_eq!(manifest.blobs.len(), 2);
    assert_ne!(encoded, SettingsOf::Project.encode(&json!({})).unwrap());
    let harbor = SettingsOf::Harbor.encode(&one).unwrap();
    assert_eq!(harbor.settings, encoded.settings);
    assert!(matches!(SettingsOf::Project.blob_of(&harbor.manifest), Err(TreeError::OtherType { .. })), "one is not taken for the other");
}
