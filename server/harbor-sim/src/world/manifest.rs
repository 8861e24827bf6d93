//! Reading a pushed manifest: what it refers to and what Harbor shows of it.

use std::collections::BTreeMap;

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
    /// Foreign layers are neither checked nor stored nor counted.
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
}

/// Reads the bytes of a manifest under its declared media type.
pub fn parse(media_type: &str, bytes: &[u8]) -> Result<Parsed, Refusal> {
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !matches!(media_type, OCI_MANIFEST | OCI_INDEX | DOCKER_MANIFEST | DOCKER_LIST) {
        return Err(invalid("unmarshal manifest failed: missing signature key"));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| invalid(&format!("unmarshal manifest failed: {error}")))?;
    let declared = value["mediaType"].as_str().unwrap_or(media_type);
    if !value.is_object() || declared != media_type {
        return Err(invalid(&format!(
            "unmarshal manifest failed: if present, mediaType in manifest should be '{media_type}' not '{declared}'"
        )));
    }
    let index = matches!(media_type, OCI_INDEX | DOCKER_LIST);
    let layers = value["layers"].as_array().cloned().unwrap_or_default();
    let config = value["config"].is_object().then(|| reference(&value["config"]));
    let config_media_type = if index { media_type } else { value["config"]["mediaType"].as_str().unwrap_or_default() };
    Ok(Parsed {
        media_type: media_type.to_owned(),
        config_media_type: config_media_type.to_owned(),
        hollow: !index && config.is_none(),
        config: config.filter(|_| !index),
        layers: if index { Vec::new() } else { layers.iter().map(reference).collect() },
        children: if index { children(&value) } else { Vec::new() },
        subject: value["subject"]["digest"].as_str().map(str::to_owned),
        artifact_type: value["artifactType"].as_str().unwrap_or_default().to_owned(),
        annotations: annotations(&value),
        cosign_layer: layers.iter().any(|layer| layer["mediaType"] == COSIGN_LAYER),
    })
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "MANIFEST_INVALID", message)
}

fn reference(value: &Value) -> Reference {
    let foreign = value["urls"].as_array().is_some_and(|urls| !urls.is_empty())
        || value["mediaType"].as_str().is_some_and(|kind| kind.contains("foreign") || kind.contains("nondistributable"));
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
        self.config.iter().chain(&self.layers).filter(|reference| !reference.foreign)
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
