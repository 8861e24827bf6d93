//! Archives of `docker save` that are no OCI layout, and of the tools that write the same: `podman save`, `skopeo copy docker-archive:`,
//! `crane pull`, kaniko, jib. `manifest.json` lists images, each a configuration and layers by the names of their files.
//!
//! Such an archive has no manifest that a registry could keep, so one is made of the configuration and the layers as they are: as OCI
//! image manifest, written the way Docker 25 and later write theirs, and the same each time. The configuration says what each layer
//! holds, and what does not agree with it is refused.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vocab::{Digest, media};

use super::listing::{DOCKER, Listing, Measured};
use super::name::{Bare, Name};
use super::packed::Packing;
use super::{FILES_MAX, Found, ImportError, Kind, Opened, Refused, renaming};
use crate::backup::Note;

/// Most layers of one image; Docker stops at 127.
const LAYERS_MAX: usize = 10_000;
/// Manifests that are made, in bytes in all.
const MADE_BYTES_MAX: usize = 256 * 1024 * 1024;
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const AGAIN: &str = "save the image again, with a current tool";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    #[serde(alias = "config")]
    config: String,
    #[serde(default, alias = "repoTags")]
    repo_tags: Option<Vec<String>>,
    #[serde(default, alias = "layers")]
    layers: Option<Vec<String>>,
}

/// What a configuration says of layers: the digest of each, unpacked.
#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Option<Vec<Digest>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    schema_version: u32,
    media_type: &'static str,
    config: Described,
    layers: Vec<Described>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    media_type: &'static str,
    digest: Digest,
    size: u64,
}

/// What the images of an archive are made of.
#[derive(Default)]
pub(super) struct Parts {
    /// Manifests that were made, each once.
    pub manifests: BTreeMap<Digest, Vec<u8>>,
    manifests_bytes: usize,
    /// Configurations that were read, by name: many images may have one.
    configs: HashMap<String, Result<Rc<[Digest]>, String>>,
    /// Entries of the archive that are parts of images.
    pub wanted: HashMap<usize, Digest>,
}

/// Adds the images that the `manifest.json` in `folder` lists.
pub(super) fn images(listing: &Listing, folder: &str, parts: &mut Parts, opened: &mut Opened) -> Result<(), ImportError> {
    let place = format!("{folder}{DOCKER}");
    let refused = |why: String| ImportError::Refused { place: place.clone(), why };
    let items: Vec<Value> = serde_json::from_slice(listing.text(&place).unwrap_or_default()).map_err(|e| refused(e.to_string()))?;
    if opened.found.len() + items.len() > FILES_MAX {
        return Err(refused(format!("it names more than {FILES_MAX} images")));
    }
    for (number, value) in items.into_iter().enumerate() {
        let item: Item = match serde_json::from_value(value) {
            Ok(item) => item,
            Err(error) => {
                let from = format!("image {number} of {place}");
                opened.refused.push(Refused { from, why: error.to_string(), remedy: AGAIN.to_owned() });
                continue;
            }
        };
        let names = item.repo_tags.as_deref().unwrap_or_default();
        match made(listing, folder, &item, parts) {
            Ok(digest) => {
                for name in names {
                    match Name::parse(name, Bare::Repository) {
                        Ok(name) => opened.found.push(found(name, digest)),
                        Err(why) => opened.refused.push(Refused { from: shown(name), why, remedy: renaming(&shown(name)) }),
                    }
                }
                if names.is_empty() {
                    opened.found.push(found(Name::default(), digest));
                }
            }
            Err(why) => {
                let from = names.first().map_or_else(|| shown(&item.config), |name| shown(name));
                opened.refused.push(Refused { from, why, remedy: AGAIN.to_owned() });
            }
        }
    }
    Ok(())
}

/// What is said once, where manifests were made.
pub(super) fn note(place: &str, parts: &Parts) -> Option<Note> {
    let text = format!(
        "the archive has no manifests; for {} of its images one was made of configuration and layers, always the same",
        parts.manifests.len()
    );
    (!parts.manifests.is_empty()).then(|| Note { code: "manifest_made", subject: place.to_owned(), text, facts: serde_json::Value::Null })
}

fn found(name: Name, digest: Digest) -> Found {
    Found { name, kind: Kind::Image, digest, media_type: Some(media::OCI_MANIFEST.to_owned()) }
}

fn shown(text: &str) -> String {
    text.chars().take(200).collect::<String>().escape_debug().to_string()
}

/// Makes the manifest of an image, or says why it cannot be.
fn made(listing: &Listing, folder: &str, item: &Item, parts: &mut Parts) -> Result<Digest, String> {
    let file = |name: &str| listing.find(&format!("{folder}{name}")).ok_or_else(|| format!("{} is not in the archive", shown(name)));
    let config = file(&item.config)?;
    is_named_right(&item.config, config)?;
    let config_name = format!("{folder}{}", item.config);
    let text = listing.text(&config_name);
    let said = parts.configs.entry(config_name).or_insert_with(|| layers_of(text));
    let said = said.clone()?;
    let names = item.layers.as_deref().unwrap_or_default();
    if names.len() != said.len() || names.len() > LAYERS_MAX {
        return Err(format!("its configuration has {} layers and the archive gives {}", said.len(), names.len()));
    }
    let mut layers = Vec::with_capacity(names.len());
    let mut wanted = vec![config];
    for (name, said) in names.iter().zip(said.iter().copied()) {
        let layer = file(name)?;
        let (media_type, holds) = match layer.packing {
            Packing::Gzip => ("application/vnd.oci.image.layer.v1.tar+gzip", layer.unpacked),
            // What it holds cannot be looked at here: its name is what there is.
            Packing::Other("zstd", _) => {
                is_named_right(name, layer)?;
                ("application/vnd.oci.image.layer.v1.tar+zstd", Some(said))
            }
            _ => ("application/vnd.oci.image.layer.v1.tar", Some(layer.digest)),
        };
        if holds != Some(said) {
            return Err(format!("its layer {} is damaged: it does not hold what the configuration says", shown(name)));
        }
        layers.push(Described { media_type, digest: layer.digest, size: layer.size_bytes });
        wanted.push(layer);
    }
    let config = Described { media_type: CONFIG_TYPE, digest: config.digest, size: config.size_bytes };
    let made = Made { schema_version: 2, media_type: media::OCI_MANIFEST, config, layers };
    let manifest = serde_json::to_vec(&made).map_err(|e| e.to_string())?;
    let digest = Digest::of(&manifest);
    if !parts.manifests.contains_key(&digest) {
        parts.manifests_bytes += manifest.len();
        if parts.manifests_bytes > MADE_BYTES_MAX {
            return Err(format!("the manifests of the images are longer than {MADE_BYTES_MAX} bytes in all"));
        }
    }
    parts.wanted.extend(wanted.into_iter().map(|file| (file.number, file.digest)));
    parts.manifests.insert(digest, manifest);
    Ok(digest)
}

/// What a configuration says its layers hold.
fn layers_of(text: Option<&[u8]>) -> Result<Rc<[Digest]>, String> {
    let text = text.ok_or("its configuration is no JSON, or too long")?;
    let said: Config = serde_json::from_slice(text).map_err(|e| format!("its configuration cannot be read: {e}"))?;
    Ok(said.rootfs.diff_ids.unwrap_or_default().into())
}

/// A file that is named by a digest must have it.
fn is_named_right(name: &str, file: &Measured) -> Result<(), String> {
    let base = name.rsplit_once('/').map_or(name, |(_, base)| base);
    let base = base.strip_prefix("sha256:").unwrap_or(base);
    let stem = base.split_once('.').map_or(base, |(stem, _)| stem);
    match Digest::from_hex(stem) {
        Ok(told) if told != file.digest => Err(format!("{} is damaged: its bytes hash to {}", shown(name), file.digest.short())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(layers: &[&[u8]]) -> Vec<u8> {
        let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
        json!({ "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": diff_ids } }).to_string().into_bytes()
    }

    fn read(files: &[(&str, &[u8])]) -> (Vec<Found>, Vec<Refused>, Parts) {
        let mut listing = Listing::of("here");
        for (number, (name, bytes)) in files.iter().enumerate() {
            assert!(listing.file(number, name, bytes.len() as u64, *bytes).is_ok());
        }
        let (mut parts, mut opened) = (Parts::default(), Opened::default());
        images(&listing, "", &mut parts, &mut opened).unwrap();
        (opened.found, opened.refused, parts)
    }

    #[test]
    fn the_manifest_that_is_made_is_that_of_a_newer_docker() {
        let layer: &[u8] = b"bytes of a tar";
        let config = config(&[layer]);
        let name = format!("{}.json", Digest::of(&config).hex());
        let list = json!([{ "Config": name, "RepoTags": ["web:1", "web:latest"], "Layers": ["a/layer.tar"] }]).to_string();
        let (found, refused, parts) = read(&[("a/layer.tar", layer), (&name, &config), (DOCKER, list.as_bytes())]);
        assert_eq!(refused, []);
        let expected = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{}","size":{}}}]}}"#,
            Digest::of(&config),
            config.len(),
            Digest::of(layer),
            layer.len()
        );
        assert_eq!(parts.manifests, BTreeMap::from([(Digest::of(expected.as_bytes()), expected.clone().into_bytes())]));
        assert!(found.iter().all(|found| found.digest == Digest::of(expected.as_bytes())));
        assert_eq!(found.iter().map(|found| found.name.shown.as_str()).collect::<Vec<_>>(), ["web:1", "web:latest"]);
        assert_eq!(parts.wanted, HashMap::from([(0, Digest::of(layer)), (1, Digest::of(&config))]));
    }

    #[test]
    fn an_image_that_does_not_agree_with_itself_is_refused_and_the_others_are_made() {
        let (layer, other): (&[u8], &[u8]) = (b"layer", b"other");
        let (good, longer) = (config(&[layer]), config(&[layer, layer]));
        // A layer is proved by what the configuration says of it, whatever its file is called; a configuration by its name alone.
        let (any, wrong) = (format!("{}.tar", Digest::of(b"no").hex()), format!("{}.json", Digest::of(b"no").hex()));
        let list = json!([
            { "Config": "good.json", "RepoTags": null, "Layers": ["l.tar"] },
            { "Config": "good.json", "RepoTags": ["web:other"], "Layers": ["o.tar"] },
            { "Config": "good.json", "RepoTags": ["web:none"], "Layers": ["none.tar"] },
            { "Config": "longer.json", "RepoTags": ["web:longer"], "Layers": ["l.tar"] },
            { "Config": "none.json", "RepoTags": ["web:config"], "Layers": ["l.tar"] },
            { "config": "good.json", "repoTags": ["web:named"], "layers": [any] },
            { "Config": wrong, "RepoTags": ["web:wrong"], "Layers": ["l.tar"] },
            { "Config": "../l.tar", "RepoTags": [], "Layers": ["/l.tar"] },
            { "Config": "good.json", "RepoTags": ["web:-x", "web:1"], "Layers": ["l.tar"] },
            7,
        ]);
        let list = list.to_string();
        let files: [(&str, &[u8]); 7] = [
            ("l.tar", layer),
            ("o.tar", other),
            (&any, layer),
            (&wrong, &good),
            ("good.json", &good),
            ("longer.json", &longer),
            (DOCKER, list.as_bytes()),
        ];
        let (found, refused, parts) = read(&files);
        assert_eq!(found.iter().map(|found| found.name.shown.as_str()).collect::<Vec<_>>(), ["", "web:named", "web:1"]);
        assert_eq!(refused.len(), 8, "{refused:?}");
        assert_eq!(parts.manifests.len(), 1, "the same each time");
    }
}
