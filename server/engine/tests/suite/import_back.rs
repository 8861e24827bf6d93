//! What this program exported comes back as it was, and objects that layouts name by another algorithm come in.

use std::fs;

use serde_json::json;
use testkit::images;
use vault::{Choice, Names};
use vocab::{Algorithm, Digest, OtherDigest};

use super::import::{Place, layout, pack};

/// Names whose beginning other tools take for a project or a host.
#[tokio::test]
async fn repositories_come_back_under_their_own_names_whatever_those_begin_with() {
    let place = Place::new().await;
    let made: Vec<_> = (0..5).map(|seed| images::image(seed, 1, 200)).collect();
    let names = ["shop/shop/web:1.0", "shop/quay.io/web:1.0", "shop/localhost/web:1.0", "shop/library/web:1.0", "shop/web:1.0"];
    layout(&place.path("in"), &made.iter().zip(names).map(|(image, name)| (image, Some(name))).collect::<Vec<_>>(), &[]);
    let first = place.imported(&place.path("in"), None).await;
    let tags = place.tags(&first).await;
    assert_eq!(tags.len(), 5, "{tags:?}");
    assert!(
        tags.iter().any(|tag| tag.starts_with("shop/shop/web:1.0=")) && tags.iter().any(|tag| tag.starts_with("shop/quay.io/web:1.0="))
    );
    let export = place.vault.plan_export(&first.digest, &Choice::default()).await.unwrap();
    place.vault.export_to(&export, &place.path("out")).await.unwrap();
    let second = place.imported(&place.path("out"), None).await;
    assert_eq!(place.tags(&second).await, tags);
    assert_eq!(second.index.repositories, first.index.repositories);
}

#[tokio::test]
async fn a_layer_named_by_sha512_comes_in_from_a_folder_and_from_an_archive() {
    let place = Place::new().await;
    let (layer, config) = (b"a layer named by sha512".as_slice(), b"{}".as_slice());
    let wide = OtherDigest::of(Algorithm::Sha512, layer);
    let manifest = json!({ "schemaVersion": 2, "mediaType": vocab::media::OCI_MANIFEST,
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(config), "size": 2 },
        "layers": [{ "mediaType": "application/octet-stream", "digest": wide.to_string(), "size": layer.len() }] })
    .to_string();
    let digest = Digest::of(manifest.as_bytes());
    let folder = place.path("in");
    layout(&folder, &[], &[]);
    let entry = json!({ "mediaType": vocab::media::OCI_MANIFEST, "digest": digest, "size": manifest.len(),
        "annotations": { vault::tree::REF_NAME: "shop/wide:1" } });
    fs::write(folder.join("index.json"), json!({ "schemaVersion": 2, "manifests": [entry] }).to_string()).unwrap();
    fs::write(folder.join("blobs/sha256").join(digest.hex()), &manifest).unwrap();
    fs::write(folder.join("blobs/sha256").join(Digest::of(config).hex()), config).unwrap();
    let object = folder.join("blobs/sha512").join(wide.hex());
    fs::create_dir_all(object.parent().unwrap()).unwrap();
    fs::write(&object, layer).unwrap();
    pack(&folder, &place.path("in.tar"));
    for from in ["in", "in.tar"] {
        let outcome = place.imported(&place.path(from), None).await;
        let index = place.vault.repository(&outcome.index.repositories[0].1.digest).await.unwrap();
        assert_eq!(index.names, Names::from([(wide.clone(), Digest::of(layer))]), "{from}");
        let export = place.vault.plan_export(&outcome.digest, &Choice::default()).await.unwrap();
        let out = place.path(&format!("out of {from}"));
        place.vault.export_to(&export, &out).await.unwrap();
        assert_eq!(fs::read(out.join("blobs/sha512").join(wide.hex())).unwrap(), layer, "{from}");
    }

    // What does not have its name rightly, or is not there, is a gap.
    let lacking = Place::new().await;
    fs::write(&object, b"something else").unwrap();
    pack(&folder, &place.path("bad.tar"));
    for (from, cause) in [("in", "gives bytes with the digest"), ("bad.tar", "gives bytes with the digest")] {
        let gaps = lacking.partly(&place.path(from), None).await.index.gaps;
        assert!(gaps.len() == 1 && gaps[0].cause.contains(cause), "{from}: {gaps:?}");
    }
    fs::remove_file(&object).unwrap();
    let gaps = lacking.partly(&folder, None).await.index.gaps;
    assert!(gaps.len() == 1 && gaps[0].cause.contains("is not among the files"), "{gaps:?}");
}
