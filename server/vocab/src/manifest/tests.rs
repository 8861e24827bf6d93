use super::*;
use crate::AnyDigest;
use proptest::prelude::*;

fn name(seed: &str) -> Digest {
    Digest::of(seed.as_bytes())
}

fn descriptor(seed: &str, more: &str) -> String {
    format!(r#"{{"mediaType":"x","digest":"{}","size":7{more}}}"#, name(seed))
}

fn image(members: &str) -> String {
    format!(r#"{{"schemaVersion":2,"config":{},{members}}}"#, descriptor("config", ""))
}

fn read(text: &str) -> Manifest {
    Manifest::parse(media::OCI_MANIFEST, text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Digests with who demands them.
fn demands(names: &[Named]) -> Vec<(Digest, Demand)> {
    names.iter().filter_map(|named| Some((named.sha256()?, named.demand))).collect()
}

#[test]
fn an_image_names_its_config_and_each_layer_once() {
    let d = descriptor("one", "");
    let manifest = read(&image(&format!(r#""layers":[{d},{d}]"#)));
    assert_eq!(demands(&manifest.blobs), [(name("config"), Demand::Registry), (name("one"), Demand::Registry)]);
    assert_eq!(manifest.artifact_type.as_deref(), Some("x"));
    assert_eq!(manifest.layers().count(), 1);
    assert_eq!(manifest.blobs[1].stated_bytes(), Some(7));
}

/// `layers` null, absent or empty; members that are null where the specification leaves them out.
#[test]
fn null_is_absent() {
    for layers in [r#""layers":null"#, r#""layers":[]"#, r#""annotations":null"#] {
        let manifest = read(&image(layers));
        assert_eq!(demands(&manifest.blobs), [(name("config"), Demand::Registry)], "{layers}");
    }
    let d = descriptor("one", r#","urls":null,"annotations":null,"platform":null"#);
    let text = image(&format!(r#""layers":[{d}],"subject":null,"annotations":{{"a":null}},"artifactType":null,"mediaType":null"#));
    let manifest = read(&text);
    assert_eq!((manifest.blobs.len(), manifest.subject.as_ref()), (2, None));
    assert_eq!(manifest.annotations["a"], "");
    let index = format!(r#"{{"schemaVersion":2,"manifests":[{d}],"config":null,"layers":null}}"#);
    let index = Manifest::parse(media::OCI_INDEX, index.as_bytes()).unwrap();
    assert_eq!(demands(&index.children), [(name("one"), Demand::Registry)]);
}

#[test]
fn a_layer_may_be_elsewhere_if_it_says_where() {
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let layer = |kind: &str, urls: &str| format!(r#"{{"mediaType":"{kind}","digest":"{}","size":1{urls}}}"#, name("l"));
    let urls = r#","urls":["https://a.example/b"]"#;
    for (kind, urls, demand) in [
        (foreign, urls, Demand::Clients),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", urls, Demand::Clients),
        (foreign, "", Demand::Registry),
        (foreign, r#","urls":[]"#, Demand::Registry),
        (foreign, r#","urls":null"#, Demand::Registry),
        ("application/vnd.oci.image.layer.v1.tar", urls, Demand::Clients),
        ("", urls, Demand::Clients),
    ] {
        let manifest = read(&image(&format!(r#""layers":[{}]"#, layer(kind, urls))));
        assert_eq!(manifest.blobs[1].demand, demand, "{kind} {urls}");
    }
    let twice = read(&image(&format!(r#""layers":[{},{}]"#, layer(foreign, urls), layer("x", ""))));
    assert_eq!(twice.blobs[1].demand, Demand::Registry, "one of the two is an ordinary layer");
    assert_eq!(twice.blobs[1].urls, ["https://a.example/b"]);
}

/// What Go reads counts, and what any other reading names is named too.
#[test]
fn keys_twice_and_in_another_case() {
    let (one, two) = (descriptor("one", ""), descriptor("two", ""));
    let both = [(name("config"), Demand::Registry), (name("two"), Demand::Registry), (name("one"), Demand::Nobody)];
    for members in [
        format!(r#""layers":[{one}],"layers":[{two}]"#),
        format!(r#""layers":[{one}],"LAYERS":[{two}]"#),
        format!(r#""LayerS":[{one}],"layer\u017f":[{two}]"#),
        format!(r#""layers":[{{"digest":"{}","digest":"{}"}}]"#, name("one"), name("two")),
        format!(r#""layers":[{one}],"layers":null,"layers":[{two}]"#),
    ] {
        let mut found = demands(&read(&image(&members)).blobs);
        let mut wanted = both.to_vec();
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{members}");
    }
    // The second list is read over the first: its element keeps what it does not say itself.
    let over = read(&image(&format!(r#""layers":[{one},{two}],"layers":[{{"size":9}}]"#)));
    assert_eq!(demands(&over.blobs), [(name("config"), Demand::Registry), (name("one"), Demand::Registry), (name("two"), Demand::Nobody)]);
    assert_eq!(over.blobs[1].size, Some(9));
    let last = read(&image(r#""layers":null,"mediaType":"x","mediaType":"application/vnd.oci.image.manifest.v1+json""#));
    assert_eq!(last.media_type, media::OCI_MANIFEST);
}

#[test]
fn what_lies_under_keys_of_another_type_is_named_and_demanded_by_nobody() {
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[],"manifests":[{}],"fsLayers":7}}"#,
        media::DOCKER_MANIFEST,
        descriptor("config", ""),
        descriptor("one", "")
    );
    let manifest = Manifest::parse(media::DOCKER_MANIFEST, text.as_bytes()).unwrap();
    assert_eq!(demands(&manifest.children), [(name("one"), Demand::Nobody)]);
}

#[test]
fn a_size_is_a_claim_and_may_be_any_number() {
    for (size, read_as) in [("-1", Some(-1)), ("0", Some(0)), ("-0", Some(0)), ("9223372036854775807", Some(i64::MAX)), ("null", None)] {
        let layer = format!(r#"{{"digest":"{}","size":{size}}}"#, name("one"));
        let manifest = read(&image(&format!(r#""layers":[{layer},{layer}]"#)));
        assert_eq!(manifest.blobs[1].size, read_as, "{size}");
        assert_eq!(manifest.blobs[1].media_type, None);
    }
    for size in ["9223372036854775808", "1e3", "1.5", "\"7\"", "true", "[]"] {
        let text = image(&format!(r#""layers":[{{"digest":"{}","size":{size}}}]"#, name("one")));
        assert!(Manifest::parse(media::OCI_MANIFEST, text.as_bytes()).is_err(), "{size}: no registry takes it");
    }
}

#[test]
fn a_name_by_another_algorithm_is_a_name_and_no_digest_is_told() {
    let wide = format!("sha512:{}", "ab".repeat(64));
    let manifest = read(&image(&format!(r#""layers":[{{"digest":"{wide}"}},{{"digest":"md5:00"}}]"#)));
    assert_eq!(manifest.blobs[1].digest, wide.parse::<AnyDigest>().unwrap());
    assert_eq!(manifest.blob_digests().count(), 1);
    assert_eq!(manifest.unknown, ["md5:00"]);
}

#[test]
fn the_type_is_the_documents_own() {
    let d = descriptor("one", "");
    let typed = |kind: &str| format!(r#"{{"schemaVersion":2,"mediaType":"{kind}","manifests":[{d}]}}"#);
    let parsed = Manifest::parse(media::OCI_MANIFEST, typed(media::DOCKER_LIST).as_bytes()).unwrap();
    assert_eq!(parsed.media_type, media::DOCKER_LIST);
    let silent = format!(r#"{{"schemaVersion":2,"manifests":[{d}]}}"#);
    for (told, own) in [
        ("", media::OCI_INDEX),
        (media::OCI_MANIFEST, media::OCI_INDEX),
        (media::DOCKER_LIST, media::DOCKER_LIST),
        ("a/b", media::OCI_INDEX),
    ] {
        assert_eq!(Manifest::parse(told, silent.as_bytes()).unwrap().media_type, own, "{told}");
    }
    assert_eq!(Manifest::parse("", br#"{"schemaVersion":1,"fsLayers":[]}"#).unwrap().media_type, media::DOCKER_SCHEMA1);
    assert!(matches!(Manifest::parse("", typed("a/b").as_bytes()), Err(ManifestError::UnknownType(_))));
}

#[test]
fn schema_1_names_its_layers() {
    let text = format!(r#"{{"schemaVersion":1,"fsLayers":[{{"blobSum":"{0}"}},{{"blobSum":"{0}"}}],"config":7}}"#, name("one"));
    let manifest = Manifest::parse(media::DOCKER_SCHEMA1, text.as_bytes()).unwrap();
    assert_eq!(demands(&manifest.blobs), [(name("one"), Demand::Registry)]);
}

/// F-44.
#[test]
fn a_document_that_is_two_things_is_refused() {
    let d = descriptor("one", "");
    for (told, text) in [
        (media::OCI_INDEX, format!(r#"{{"schemaVersion":2,"config":{d},"layers":[{d}],"manifests":[{d}]}}"#)),
        (media::OCI_INDEX, format!(r#"{{"schemaVersion":2,"layers":[],"manifests":[{d}]}}"#)),
        (media::OCI_MANIFEST, format!(r#"{{"schemaVersion":2,"mediaType":"{}","config":{d},"Manifests":[]}}"#, media::OCI_MANIFEST)),
        (media::OCI_MANIFEST, format!(r#"{{"config":{d},"layers":[]}}"#)),
    ] {
        assert!(matches!(Manifest::parse(told, text.as_bytes()), Err(ManifestError::Ambiguous(_))), "{text}");
    }
    for text in [image(r#""layers":{}"#), image(r#""annotations":[]"#), image(r#""subject":"x""#), image(r#""layers":[[]]"#)] {
        assert!(matches!(Manifest::parse("", text.as_bytes()), Err(ManifestError::Kind(_))), "{text}");
    }
}

/// F-42: more than any image has, and all that Harbor's own limit has room for.
#[test]
fn as_many_descriptors_as_fit_are_read_and_what_is_larger_is_refused() {
    let layers = |count: usize| {
        let all: Vec<String> = (0..count).map(|n| format!(r#"{{"digest":"sha256:{n:064x}"}}"#)).collect();
        image(&format!(r#""layers":[{}]"#, all.join(",")))
    };
    assert_eq!(read(&layers(10_050)).blobs.len(), 10_051);
    let most = 49_000;
    assert!(layers(most).len() < MANIFEST_BYTES_MAX && layers(most + 1_000).len() > MANIFEST_BYTES_MAX);
    assert_eq!(read(&layers(most)).blobs.len(), most + 1);
    let good = image(r#""layers":[]"#);
    let long = format!("{good}{}", " ".repeat(MANIFEST_BYTES_MAX + 1 - good.len()));
    assert!(matches!(Manifest::parse(media::OCI_MANIFEST, long.as_bytes()), Err(ManifestError::TooLarge(_))));
    let empty = image(&format!(r#""layers":[{}{{}}]"#, "{},".repeat(1_000_000)));
    assert_eq!(Manifest::parse(media::OCI_MANIFEST, empty.as_bytes()), Err(ManifestError::TooManyNames));
    let marked = format!("\u{feff}{good}");
    assert!(Manifest::parse(media::OCI_MANIFEST, marked.as_bytes()).is_err(), "a byte order mark");
    assert!(Manifest::parse(media::OCI_MANIFEST, format!("{good}x").as_bytes()).is_err(), "something behind it");
}

/// F-42.
#[test]
fn bytes_that_are_no_text_and_halves_of_characters_are_read_as_go_reads_them() {
    let mut text = image(&format!(r#""layers":[{}],"annotations":{{"a":"\ud83d x"}},"b":"?""#, descriptor("one", ""))).into_bytes();
    let at = text.iter().position(|byte| *byte == b'?').unwrap();
    text[at] = 0xff;
    let manifest = Manifest::parse(media::OCI_MANIFEST, &text).unwrap();
    assert_eq!((manifest.blobs.len(), manifest.annotations["a"].as_str()), (2, "\u{fffd} x"));
}

/// F-42.
#[test]
fn deep_nesting_costs_no_stack() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Manifest::parse(media::OCI_INDEX, deep.as_bytes()).is_err());
    assert_eq!(read(&image(&format!(r#""other":{deep}"#))).blobs.len(), 1, "what no field is for");
    assert!(Manifest::parse(media::OCI_MANIFEST, image(&format!(r#""layers":{deep}"#)).as_bytes()).is_err());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512), kind in 0..5_usize) {
        let _ = Manifest::parse(media::MANIFESTS[kind], &bytes);
    }
}

/// Taken by Harbor as seen on 2.15.2: a blob with addresses may have any name, or none.
#[test]
fn a_name_that_is_no_digest_is_told_only_where_it_is_demanded() {
    let urls = r#""urls":["http://a.example"]"#;
    let manifest = read(&image(&format!(r#""layers":[{{{urls}}},{{"digest":"md5:00",{urls}}},{{"digest":"md5:01"}}]"#)));
    assert_eq!((manifest.blobs.len(), manifest.unknown), (1, vec!["md5:01".to_owned()]));
    let hollow = Manifest::parse(media::OCI_MANIFEST, br#"{"schemaVersion":2}"#).unwrap();
    assert_eq!(
        (hollow.media_type.as_str(), hollow.unknown.len()),
        (media::OCI_INDEX, 0),
        "an index to Harbor, which serves it as an image"
    );
}
