//! Reading a pushed manifest: what it refers to and what Harbor shows of it.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use crate::model::Child;
use crate::reply::Refusal;

/// The largest manifest the registry takes.
pub const MANIFEST_BYTES_MAX: usize = 4 * 1024 * 1024;

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The layer by which Harbor knows a legacy cosign signature.
const COSIGN_LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// One descriptor of a manifest.
#[derive(Debug, Clone)]
pub struct Reference {
    pub digest: String,
    pub size: i64,
    /// With addresses it is taken without being there, whatever its type (seen on 2.15.2: Harbor runs its registry with validation off).
    pub foreign: bool,
}

/// What a manifest says.
#[derive(Debug, Clone)]
pub struct Parsed {
    pub media_type: String,
    /// The configuration's media type, or the manifest's own for an index.
    pub config_media_type: String,
    pub config: Option<Reference>,
    pub layers: Vec<Reference>,
    pub children: Vec<(Reference, Child)>,
    pub subject: Option<String>,
    pub artifact_type: String,
    pub annotations: BTreeMap<String, String>,
    pub cosign_layer: bool,
    /// A manifest without a configuration, which the registry refuses in a way of its own.
    pub hollow: bool,
    pub schema_version: i64,
}

/// Reads the bytes of a manifest under its declared media type.
pub fn parse(media_type: &str, bytes: &[u8]) -> Result<Parsed, Refusal> {
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !matches!(media_type, OCI_MANIFEST | OCI_INDEX | DOCKER_MANIFEST | DOCKER_LIST) {
        return Err(invalid("unmarshal manifest failed: missing signature key"));
    }
    let text = String::from_utf8_lossy(bytes);
    let Folded(value) = serde_json::from_str(&text).map_err(|error| invalid(&format!("unmarshal manifest failed: {error}")))?;
    let declared = value["mediatype"].as_str().filter(|declared| !declared.is_empty()).unwrap_or(media_type);
    if !value.is_object() || declared != media_type {
        return Err(invalid(&format!(
            "unmarshal manifest failed: if present, mediaType in manifest should be '{media_type}' not '{declared}'"
        )));
    }
    let index = matches!(media_type, OCI_INDEX | DOCKER_LIST);
    let (is_image, is_index) = (!value["config"].is_null() || !value["layers"].is_null(), !value["manifests"].is_null());
    if (media_type == OCI_INDEX && is_image) || (media_type == OCI_MANIFEST && is_index) {
        return Err(invalid("unmarshal manifest failed: expected one kind of document but found the other"));
    }
    misfit(&value, index)?;
    let layers = value["layers"].as_array().cloned().unwrap_or_default();
    let config = value["config"].is_object().then(|| reference(&value["config"]));
    let config_media_type = if index { media_type } else { value["config"]["mediatype"].as_str().unwrap_or_default() };
    Ok(Parsed {
        media_type: media_type.to_owned(),
        config_media_type: config_media_type.to_owned(),
        hollow: !index && config.is_none(),
        schema_version: value["schemaversion"].as_i64().unwrap_or(0),
        config: config.filter(|_| !index),
        layers: if index { Vec::new() } else { layers.iter().map(reference).collect() },
        children: if index { children(&value) } else { Vec::new() },
        subject: value["subject"]["digest"].as_str().map(str::to_owned),
        artifact_type: value["artifacttype"].as_str().unwrap_or_default().to_owned(),
        annotations: annotations(&value),
        cosign_layer: layers.iter().any(|layer| layer["mediatype"] == COSIGN_LAYER),
    })
}

/// A document with its keys in lower case, but for those of annotations: Harbor reads keys in any case, and the last of several.
struct Folded(Value);

impl<'de> Deserialize<'de> for Folded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Fold).map(Self)
    }
}

struct Fold;

impl<'de> Visitor<'de> for Fold {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Folded(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = serde_json::Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let key = key.to_lowercase().replace('\u{17f}', "s");
            let value = if key == "annotations" { members.next_value()? } else { members.next_value::<Folded>()?.0 };
            all.insert(key, value);
        }
        Ok(Value::Object(all))
    }
}

/// Refuses a member that is of another kind than its field.
fn misfit(value: &Value, index: bool) -> Result<(), Refusal> {
    let texts = |value: &Value| value.as_object().is_some_and(|map| map.values().all(|text| text.is_string() || text.is_null()));
    let size = |value: &Value| value.is_null() || value.as_i64().is_some();
    let descriptor = |value: &Value| {
        value.is_null()
            || (value.is_object()
                && size(&value["size"])
                && (value["digest"].is_null() || value["digest"].is_string())
                && (value["urls"].is_null() || value["urls"].is_array())
                && (value["annotations"].is_null() || texts(&value["annotations"])))
    };
    let list = |value: &Value| value.is_null() || value.as_array().is_some_and(|all| all.iter().all(descriptor));
    let fits = [
        ("config", descriptor(&value["config"])),
        ("layers", list(&value["layers"])),
        ("manifests", !index || list(&value["manifests"])),
        ("annotations", value["annotations"].is_null() || texts(&value["annotations"])),
        ("schemaVersion", size(&value["schemaversion"])),
    ];
    match fits.into_iter().find(|(_, fits)| !fits) {
        Some((member, _)) => Err(invalid(&format!("unmarshal manifest failed: json: cannot unmarshal into Go struct field .{member}"))),
        None => Ok(()),
    }
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "MANIFEST_INVALID", message)
}

fn reference(value: &Value) -> Reference {
    let foreign = value["urls"].as_array().is_some_and(|urls| !urls.is_empty());
    Reference { digest: value["digest"].as_str().unwrap_or_default().to_owned(), size: value["size"].as_i64().unwrap_or(0), foreign }
}

fn annotations(value: &Value) -> BTreeMap<String, String> {
    let map = value["annotations"].as_object().cloned().unwrap_or_default();
    map.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect()
}

fn children(value: &Value) -> Vec<(Reference, Child)> {
    let members = value["manifests"].as_array().cloned().unwrap_or_default();
    members
        .iter()
        .map(|member| {
            let urls = member["urls"].as_array().cloned().unwrap_or_default();
            let child = Child {
                digest: member["digest"].as_str().unwrap_or_default().to_owned(),
                platform: member["platform"].is_object().then(|| platform(&member["platform"])),
                annotations: annotations(member),
                urls: urls.iter().filter_map(|url| url.as_str().map(str::to_owned)).collect(),
            };
            (reference(member), child)
        })
        .collect()
}

/// Harbor's odd spelling of a platform.
fn platform(value: &Value) -> Value {
    let mut shown = json!({"OsFeatures": value.get("os.features").cloned().unwrap_or(Value::Null)});
    for (from, to) in [("architecture", "architecture"), ("os", "os"), ("variant", "variant"), ("os.version", "'os.version'")] {
        if let Some(text) = value[from].as_str() {
            shown[to] = json!(text);
        }
    }
    shown
}

impl Parsed {
    pub fn is_index(&self) -> bool {
        matches!(self.media_type.as_str(), OCI_INDEX | DOCKER_LIST)
    }

    /// All blobs that must be there: configuration, then layers.
    pub fn blobs(&self) -> impl Iterator<Item = &Reference> {
        self.named_blobs().filter(|reference| !reference.foreign)
    }

    /// All blobs, there or not.
    pub fn named_blobs(&self) -> impl Iterator<Item = &Reference> {
        self.config.iter().chain(&self.layers)
    }

    /// Harbor's type of the artifact: known kinds, else a guess from the configuration's media type.
    pub fn kind(&self) -> String {
        if self.is_index() {
            return "IMAGE".to_owned();
        }
        match self.config_media_type.as_str() {
            "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json" => "IMAGE".into(),
            "application/vnd.cncf.helm.config.v1+json" => "CHART".into(),
            "application/vnd.cnab.manifest.v1" => "CNAB".into(),
            "application/vnd.goharbor.harbor.sbom.v1" => "SBOM".into(),
            "application/vnd.wasm.config.v1+json" => "WASM".into(),
            "application/vnd.cncf.model.config.v1+json" | "application/vnd.cnai.model.config.v1+json" => "CNAI".into(),
            other => guess(other).unwrap_or_else(|| "UNKNOWN".to_owned()),
        }
    }

    /// The type Harbor shows: the manifest's own, else the configuration's.
    pub fn shown_artifact_type(&self) -> String {
        if !self.artifact_type.is_empty() || self.is_index() {
            return self.artifact_type.clone();
        }
        self.config_media_type.clone()
    }

    /// What Harbor keeps of the configuration.
    pub fn extra_attrs(&self, config: Option<&Value>) -> Option<Value> {
        let config = config?;
        match self.kind().as_str() {
            "IMAGE" => {
                let text = |name: &str| config[name].as_str().unwrap_or_default().to_owned();
                let inner = if config["config"].is_object() { config["config"].clone() } else { json!({}) };
                Some(json!({
                    "architecture": text("architecture"), "author": text("author"), "config": inner,
                    "created": config.get("created").cloned().unwrap_or(Value::Null), "os": text("os"),
                }))
            }
            "CHART" => Some(config.clone()),
            _ => None,
        }
    }

    /// The kind of accessory a manifest with `subject` is.
    pub fn accessory_kind(&self, bundles_are_signatures: bool) -> &'static str {
        let kind = self.shown_artifact_type();
        if self.config_media_type == "application/vnd.cncf.notary.signature" || kind == "application/vnd.cncf.notary.signature" {
            "signature.notation"
        } else if self.config_media_type == "application/vnd.goharbor.harbor.sbom.v1" {
            "sbom.harbor"
        } else if self.config_media_type == "application/vnd.nydus.image.v1" {
            "accelerator.nydus"
        } else if bundles_are_signatures && kind.starts_with("application/vnd.dev.sigstore.bundle") {
            "signature.cosign"
        } else {
            "subject.accessory"
        }
    }
}

/// `application/vnd.<owner>.<kind>.config.<version>` is shown as `<KIND>`.
fn guess(media_type: &str) -> Option<String> {
    let rest = media_type.strip_prefix("application/vnd.")?;
    let (_, rest) = rest.split_once('.')?;
    let (kind, _) = rest.split_once(".config.")?;
    (!kind.is_empty()).then(|| kind.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_guessed_from_the_configuration() {
        assert_eq!(guess("application/vnd.acme.rocket.config.v1+json").as_deref(), Some("ROCKET"));
        assert_eq!(guess("application/vnd.oci.empty.v1+json"), None);
    }

    #[test]
    fn an_unknown_media_type_is_refused_as_recorded() {
        let refusal = parse("application/vnd.oci.artifact.manifest.v1+json", b"{}").unwrap_err();
        assert_eq!(refusal.errors[0]["message"], "unmarshal manifest failed: missing signature key");
    }
}
