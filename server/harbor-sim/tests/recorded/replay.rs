//! Sends one recorded session again.

use std::collections::HashMap;

use harbor_sim::images::{self, Blob};
use harbor_sim::{Config, Running, Version};
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::compare;

/// One recorded exchange, or a step that was not recorded.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Step {
    Setup { setup: Value },
    Exchange(Box<Exchange>),
}

#[derive(Debug, Deserialize)]
pub struct Exchange {
    pub topic: String,
    pub note: String,
    pub method: String,
    pub path: String,
    pub status: u16,
    pub send: HashMap<String, String>,
    pub who: Option<String>,
    pub raw: Option<String>,
    pub bytes: Option<usize>,
    pub json: Option<Value>,
    pub errors: Option<Vec<(String, String)>>,
    #[serde(default)]
    pub details: Vec<String>,
    pub keys: Option<Vec<String>>,
    pub headers: HashMap<String, String>,
}

/// One upload under way.
struct Upload {
    place: String,
    bytes: Vec<u8>,
}

pub struct Replay {
    pub sim: Running,
    client: Client,
    /// Recorded hexadecimal digest to ours.
    digests: HashMap<String, String>,
    /// Bytes by our digest.
    contents: HashMap<String, Vec<u8>>,
    ids: HashMap<(String, String), String>,
    uploads: HashMap<String, Upload>,
    secrets: HashMap<String, String>,
    /// Added to a project's use when its quota is set.
    pub headroom: Option<i64>,
}

pub struct Got {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub json: Value,
}

const ALL: &str = "application/vnd.oci.image.manifest.v1+json,application/vnd.oci.image.index.v1+json,\
application/vnd.docker.distribution.manifest.v2+json,application/vnd.docker.distribution.manifest.list.v2+json";
/// Topics whose pushes had blobs the recording did not keep.
const FILLED: [&str; 3] = ["push", "order", "odd-manifests"];

pub async fn run(version: Version, fixture: &str) -> Vec<String> {
    let sim = harbor_sim::start(Config { version, ..Config::default() }).await.unwrap();
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    let mut replay = Replay {
        sim,
        client,
        digests: HashMap::new(),
        contents: HashMap::new(),
        ids: HashMap::new(),
        uploads: HashMap::new(),
        secrets: HashMap::new(),
        headroom: None,
    };
    let steps: Vec<Step> = serde_json::from_str(fixture).unwrap();
    let mut problems = Vec::new();
    for step in steps {
        match step {
            Step::Setup { setup } => crate::setup::apply(&mut replay, &setup).await,
            Step::Exchange(exchange) => {
                let got = replay.exchange(&exchange).await;
                for problem in compare::differences(&replay, &exchange, &got) {
                    problems.push(format!("{} / {} / {} {}: {problem}", exchange.topic, exchange.note, exchange.method, exchange.path));
                }
            }
        }
    }
    replay.sim.stop().await.unwrap();
    problems
}

fn hex(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

impl Replay {
    /// Every recorded digest in a text becomes ours.
    pub fn translate(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut run = String::new();
        for c in text.chars().chain(['\0']) {
            if c.is_ascii_digit() || ('a'..='f').contains(&c) {
                run.push(c);
                continue;
            }
            out.push_str(self.digests.get(&run).unwrap_or(&run));
            run.clear();
            if c != '\0' {
                out.push(c);
            }
        }
        out
    }

    pub fn learn(&mut self, recorded: &str, ours: &str) {
        self.digests.insert(hex(recorded).to_owned(), hex(ours).to_owned());
    }

    pub fn learn_id(&mut self, kind: &str, recorded: &str, ours: &str) {
        self.ids.insert((kind.to_owned(), recorded.to_owned()), ours.to_owned());
    }

    pub fn learn_secret(&mut self, name: &str, secret: &str) {
        self.secrets.insert(name.to_owned(), secret.to_owned());
    }

    fn id(&self, kind: &str, recorded: &str) -> String {
        self.ids.get(&(kind.to_owned(), recorded.to_owned())).cloned().unwrap_or_else(|| recorded.to_owned())
    }

    fn path(&self, path: &str) -> String {
        let mut path = self.translate(path);
        for (marker, kind) in [
            ("/projects/", "projects"),
            ("reference_id=", "projects"),
            ("scope=/project/", "projects"),
            ("ProjectID%3D", "projects"),
            ("project_id=", "projects"),
            ("/robots/", "robots"),
            ("/retentions/", "retentions"),
            ("/immutabletagrules/", "immutabletagrules"),
            ("/quotas/", "quotas"),
        ] {
            let Some(at) = path.find(marker).map(|at| at + marker.len()) else {
                continue;
            };
            let end = path[at..].find(|c: char| !c.is_ascii_digit()).map_or(path.len(), |end| at + end);
            let whole = path[end..].chars().next().is_none_or(|c| !c.is_ascii_alphanumeric());
            if end > at && whole {
                let ours = self.id(kind, &path[at..end]);
                path.replace_range(at..end, &ours);
            }
        }
        path
    }

    /// Ids inside a body.
    fn body(&self, path: &str, value: &Value) -> Value {
        let mut value: Value = serde_json::from_str(&self.translate(&value.to_string())).unwrap();
        if path.ends_with("/labels")
            && path.contains("/artifacts/")
            && let Some(id) = value["id"].as_i64()
        {
            value["id"] = json!(self.id("labels", &id.to_string()).parse::<i64>().unwrap());
        }
        if value["secret"] == "<secret>" {
            value["secret"] = json!("A-Known-Secret-1");
        }
        for pointer in ["/project_id", "/scope/ref"] {
            if let Some(id) = value.pointer_mut(pointer)
                && let Some(number) = id.as_i64()
            {
                *id = json!(self.id("projects", &number.to_string()).parse::<i64>().unwrap());
            }
        }
        value
    }

    /// Makes what a recorded manifest refers to.
    pub async fn fill(&mut self, repository: &str, raw: &str) {
        let manifest: Value = serde_json::from_str(raw).unwrap();
        let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
        for descriptor in manifest.get("config").into_iter().chain(&layers) {
            if descriptor.get("urls").is_some() {
                continue;
            }
            let recorded = descriptor["digest"].as_str().unwrap();
            let ours = match self.digests.get(hex(recorded)) {
                Some(ours) => self.contents[&format!("sha256:{ours}")].clone(),
                None => {
                    let size = usize::try_from(descriptor["size"].as_u64().unwrap()).unwrap();
                    content(descriptor["mediaType"].as_str().unwrap(), recorded, size)
                }
            };
            let blob = Blob::new("application/octet-stream", ours);
            self.learn(recorded, &blob.digest);
            self.contents.insert(blob.digest.clone(), blob.bytes.to_vec());
            self.sim.put_blob(repository, &blob).await.unwrap();
        }
        for child in manifest["manifests"].as_array().cloned().unwrap_or_default() {
            let recorded = child["digest"].as_str().unwrap();
            if !self.digests.contains_key(hex(recorded)) {
                let image = images::simple(recorded, &[200]);
                self.sim.push_image(repository, &image.manifest.digest.clone(), &image).await.unwrap();
                self.learn(recorded, &image.manifest.digest);
            }
        }
    }

    /// Our bytes of a recorded manifest.
    pub fn manifest(&mut self, raw: &str) -> Vec<u8> {
        let ours = self.translate(raw).into_bytes();
        let (recorded, digest) = (Blob::new("", raw.to_owned()).digest, Blob::new("", ours.clone()).digest);
        self.learn(&recorded, &digest);
        ours
    }

    pub async fn send(&self, who: Option<(&str, &str)>, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Got {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.sim.url()) };
        let method: Method = method.parse().unwrap();
        let mut request = self.client.request(method.clone(), url);
        match who {
            Some(("Bearer", token)) => request = request.bearer_auth(token),
            Some((user, password)) => request = request.basic_auth(user, Some(password)),
            None => {}
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() || matches!(method, Method::POST | Method::PUT | Method::PATCH) {
            request = request.header("content-length", body.len()).body(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await.unwrap();
        Got { status, headers, json: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }

    pub async fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Got {
        let body = body.map(|body| self.body(path, body).to_string().into_bytes()).unwrap_or_default();
        let (user, password) = self.sim.admin();
        self.send(Some((user, password)), method, &self.path(path), &[("content-type", "application/json")], body).await
    }

    /// The repository a `/v2` path speaks of.
    fn repository(path: &str) -> Option<&str> {
        let rest = path.strip_prefix("/v2/")?;
        ["/manifests/", "/blobs/", "/tags/", "/referrers/"].iter().find_map(|word| rest.split_once(word)).map(|(name, _)| name)
    }

    async fn credential(&self, exchange: &Exchange) -> Option<(String, String)> {
        let who = exchange.who.as_deref()?;
        let (user, password) = self.sim.admin();
        if who == "wrong" {
            return Some((user.to_owned(), "Wrong-Password-1".to_owned()));
        }
        if who.starts_with("Bearer") {
            let name = Self::repository(&exchange.path).unwrap();
            let path = format!("/service/token?service=harbor-registry&scope=repository:{name}:pull,push");
            let token = self.send(Some((user, password)), "GET", &path, &[], Vec::new()).await.json;
            return Some(("Bearer".to_owned(), token["token"].as_str().unwrap().to_owned()));
        }
        let name = who.trim_start_matches("Basic <").trim_end_matches('>');
        let password = if name == "admin" { password } else { self.secrets[name].as_str() };
        Some((name.to_owned(), password.to_owned()))
    }

    async fn exchange(&mut self, exchange: &Exchange) -> Got {
        let manifest_put = exchange.method == "PUT" && exchange.path.contains("/manifests/");
        if manifest_put && exchange.status == 201 && FILLED.contains(&exchange.topic.as_str()) {
            let repository = Self::repository(&exchange.path).unwrap().to_owned();
            self.fill(&repository, exchange.raw.as_deref().unwrap()).await;
        }
        let mut body = match (&exchange.raw, exchange.bytes, &exchange.json) {
            (Some(raw), _, _) => self.manifest(raw),
            (_, Some(size), _) if manifest_put => large_manifest(size),
            (_, Some(size), _) => content("", &exchange.path, size),
            (_, _, Some(value)) => self.body(&exchange.path, value).to_string().into_bytes(),
            _ => Vec::new(),
        };
        if let Some(headroom) = self.headroom.filter(|_| exchange.path.contains("/quotas/") && exchange.method == "PUT") {
            body = json!({"hard": {"storage": headroom}}).to_string().into_bytes();
            self.headroom = None;
        }
        let path = self.upload_path(exchange, &mut body);
        let mut headers: Vec<(&str, String)> = Vec::new();
        for (name, value) in &exchange.send {
            let value = if value == "all" { ALL.to_owned() } else { self.translate(value) };
            headers.push((name, value));
        }
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let who = self.credential(exchange).await;
        let who = who.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
        let got = self.send(who, &exchange.method, &path, &headers, body.clone()).await;
        self.remember(exchange, &got, &body);
        got
    }

    /// The place of an upload is ours, and the digest that closes it is that of what was really sent.
    fn upload_path(&mut self, exchange: &Exchange, body: &mut Vec<u8>) -> String {
        let Some((_, rest)) = exchange.path.split_once("/blobs/uploads/") else {
            return self.path(&exchange.path);
        };
        let id = rest.split('?').next().unwrap_or_default();
        let Some(upload) = self.uploads.get(id) else {
            return self.path(&exchange.path);
        };
        let place = upload.place.clone();
        let Some((_, digest)) = rest.split_once("digest=") else {
            return place;
        };
        let recorded = digest.replace("%3A", ":");
        if exchange.status == 201 {
            if let Some(known) = self.digests.get(hex(&recorded)).and_then(|ours| self.contents.get(&format!("sha256:{ours}"))) {
                body.clone_from(known);
            }
            let mut whole = upload.bytes.clone();
            whole.extend_from_slice(body);
            let ours = Blob::new("", whole.clone()).digest;
            self.contents.insert(ours.clone(), whole);
            self.learn(&recorded, &ours);
        }
        format!("{place}&digest={}", self.translate(&recorded))
    }

    /// What later exchanges need of this answer.
    fn remember(&mut self, exchange: &Exchange, got: &Got, body: &[u8]) {
        let header = |name: &str| got.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        if let (Some(id), Some(place)) = (exchange.headers.get("docker-upload-uuid"), header("location")) {
            let upload = self.uploads.entry(id.clone()).or_insert(Upload { place: String::new(), bytes: Vec::new() });
            upload.place = place;
            if exchange.method == "PATCH" {
                upload.bytes.extend_from_slice(body);
            }
        }
        if let (Some(recorded), Some(ours)) = (exchange.headers.get("location"), header("location")) {
            let last = |place: &str| -> Option<(String, String)> {
                let (rest, id) = place.rsplit_once('/')?;
                Some((rest.rsplit('/').next()?.to_owned(), id.to_owned()))
            };
            if let (Some((kind, recorded)), Some((_, ours))) = (last(recorded), last(&ours)) {
                self.learn_id(&kind, &recorded, &ours);
            }
        }
        if let (Some(name), Some(secret)) = (got.json["name"].as_str(), got.json["secret"].as_str()) {
            self.secrets.insert(name.to_owned(), secret.to_owned());
        }
    }
}

/// Bytes of the recorded size; a configuration is one.
fn content(media_type: &str, seed: &str, size: usize) -> Vec<u8> {
    if media_type.contains("image.config") || media_type.contains("container.image") {
        let mut text = json!({
            "architecture": "amd64", "os": "linux", "config": {}, "created": "2026-01-01T00:00:00Z",
            "rootfs": {"type": "layers", "diff_ids": []}, "seed": seed,
        })
        .to_string();
        while text.len() < size {
            text.push(' ');
        }
        return text.into_bytes();
    }
    if media_type == images::OCI_EMPTY {
        return b"{}".to_vec();
    }
    seed.bytes().cycle().take(size).collect()
}

fn large_manifest(size: usize) -> Vec<u8> {
    json!({"schemaVersion": 2, "annotations": {"x": "y".repeat(size)}}).to_string().into_bytes()
}
