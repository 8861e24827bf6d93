//! The target of the suite: the simulator, or the Harbor of `HARBOR_URL`, `HARBOR_USER`, `HARBOR_PASSWORD`.
//!
//! Every topic gets a [`Harbor`] with a random prefix; projects, robots and settings it made or changed are removed or
//! restored when the topic ends, also when it fails.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harbor_sim::images::{Blob, Image};
use harbor_sim::{Config, Running};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// How often an eventual effect of a real Harbor is looked for.
pub const POLLS_MAX: u32 = 120;
pub const POLL_EVERY: Duration = Duration::from_millis(500);

pub const ALL_MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json,application/vnd.oci.image.index.v1+json,\
application/vnd.docker.distribution.manifest.v2+json,application/vnd.docker.distribution.manifest.list.v2+json";
pub const SILENT: &str = "harbor-registry-client";

/// One topic at a time on a real Harbor: some change settings of the whole system.
static LIVE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Who a request is from.
#[derive(Clone)]
pub enum As {
    Admin,
    Nobody,
    Basic(String, String),
    Bearer(String),
}

pub struct Harbor {
    client: Client,
    pub url: String,
    user: String,
    password: String,
    pub prefix: String,
    pub sim: Option<Running>,
    projects: Mutex<Vec<String>>,
    robots: Mutex<Vec<i64>>,
    read_only_before: Mutex<Option<bool>>,
}

/// One answer, read to the end.
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Got {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
    pub fn total(&self) -> i64 {
        self.header("x-total-count").and_then(|text| text.parse().ok()).expect("a listing has X-Total-Count")
    }
    /// The codes of an error answer.
    pub fn codes(&self) -> Vec<String> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().filter_map(|error| error["code"].as_str().map(str::to_owned)).collect()
    }
    pub fn message(&self) -> String {
        self.json()["errors"][0]["message"].as_str().unwrap_or_default().to_owned()
    }
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }
    #[track_caller]
    pub fn refuse(self, status: u16, code: &str) -> Self {
        let got = self.expect(status);
        assert!(got.codes().iter().any(|have| have == code), "{code} in {:?}", got.codes());
        got
    }
}

/// Runs a topic and cleans up behind it.
pub async fn topic<F, T>(body: F)
where
    F: FnOnce(Arc<Harbor>) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let live = std::env::var("HARBOR_URL").is_ok();
    let _one_at_a_time = if live { Some(LIVE.lock().await) } else { None };
    let harbor = Arc::new(Harbor::open().await);
    let shared = Arc::clone(&harbor);
    let outcome = tokio::spawn(async move { body(shared).await }).await;
    harbor.clean_up().await;
    if let Err(error) = outcome {
        std::panic::resume_unwind(error.into_panic());
    }
}

impl Harbor {
    async fn open() -> Self {
        let prefix = format!("bw{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
        let variable = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
        let (sim, url, user, password) = match std::env::var("HARBOR_URL") {
            Ok(url) => {
                let url = url.trim_end_matches('/').to_owned();
                (None, url, variable("HARBOR_USER", "admin"), variable("HARBOR_PASSWORD", ""))
            }
            Err(_) => {
                let sim = harbor_sim::start(Config::default()).await.expect("the simulator starts");
                let (user, password) = (sim.admin().0.to_owned(), sim.admin().1.to_owned());
                (Some(sim), String::new(), user, password)
            }
        };
        let url = sim.as_ref().map_or(url, Running::url);
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().expect("a client");
        Self {
            client,
            url,
            user,
            password,
            prefix,
            sim,
            projects: Mutex::default(),
            robots: Mutex::default(),
            read_only_before: Mutex::default(),
        }
    }

    pub fn is_live(&self) -> bool {
        self.sim.is_none()
    }

    /// True where collecting garbage harms nobody: in the simulator, or where the operator said so.
    pub fn may_collect(&self) -> bool {
        !self.is_live() || std::env::var("HARBOR_GC").is_ok_and(|value| value == "1")
    }

    /// Where a file of this Harbor's storage is, if the test may touch it: `HARBOR_STORAGE` names the root of a registry that keeps its blobs in files.
    fn storage_file(digest: &str) -> Option<std::path::PathBuf> {
        let root = std::env::var("HARBOR_STORAGE").ok()?;
        let hex = digest.strip_prefix("sha256:").expect("a digest");
        Some(std::path::Path::new(&root).join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data"))
    }

    /// Takes the bytes of a blob or manifest out of storage, or puts others in their place; the database knows nothing of it. False where that cannot be done.
    pub async fn damage(&self, digest: &str, other: Option<&[u8]>) -> bool {
        match (&self.sim, other) {
            (Some(sim), None) => sim.lose(digest).await.expect("storage"),
            (Some(sim), Some(other)) => sim.spoil(digest, other),
            (None, _) => {
                let Some(file) = Self::storage_file(digest) else { return false };
                match other {
                    None => std::fs::remove_file(file).expect("a file of the storage"),
                    Some(other) => std::fs::write(file, other).expect("a file of the storage"),
                }
            }
        }
        true
    }

    pub fn basic(&self, who: &As) -> Option<(String, String)> {
        match who {
            As::Admin => Some((self.user.clone(), self.password.clone())),
            As::Basic(user, password) => Some((user.clone(), password.clone())),
            As::Nobody | As::Bearer(_) => None,
        }
    }

    /// Any request.
    pub async fn send(&self, who: &As, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Got {
        self.try_send(who, method, path, headers, body).await.expect("a body")
    }

    /// The same; `None` where the answer breaks off.
    pub async fn try_send(&self, who: &As, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Option<Got> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.url) };
        let mut request = self.client.request(method.clone(), url);
        if let Some((user, password)) = self.basic(who) {
            request = request.basic_auth(user, Some(password));
        }
        if let As::Bearer(token) = who {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_str(value).expect("a header"));
        }
        if !body.is_empty() || matches!(method, Method::POST | Method::PUT | Method::PATCH) {
            request = request.header("content-length", body.len()).body(body);
        }
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await.ok()?.to_vec();
        Some(Got { status, headers, bytes })
    }

    pub async fn api_as(&self, who: &As, method: Method, path: &str, body: Option<Value>) -> Got {
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let headers = [("content-type", "application/json"), ("accept", "application/json")];
        self.send(who, method, &format!("/api/v2.0{path}"), &headers, bytes).await
    }

    pub async fn get(&self, path: &str) -> Got {
        self.api_as(&As::Admin, Method::GET, path, None).await
    }
    pub async fn post(&self, path: &str, body: Value) -> Got {
        self.api_as(&As::Admin, Method::POST, path, Some(body)).await
    }
    pub async fn put(&self, path: &str, body: Value) -> Got {
        self.api_as(&As::Admin, Method::PUT, path, Some(body)).await
    }
    pub async fn delete(&self, path: &str) -> Got {
        self.api_as(&As::Admin, Method::DELETE, path, None).await
    }

    /// `/v2`, as the administrator.
    pub async fn v2(&self, method: Method, path: &str) -> Got {
        self.send(&As::Admin, method, &format!("/v2/{path}"), &[("accept", ALL_MANIFESTS)], Vec::new()).await
    }

    /// A manifest without counting as a pull.
    pub async fn manifest(&self, repository: &str, reference: &str) -> Got {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let headers = [("accept", ALL_MANIFESTS), ("user-agent", SILENT)];
        self.send(&As::Admin, Method::GET, &path, &headers, Vec::new()).await
    }

    pub async fn head_blob(&self, repository: &str, digest: &str) -> Got {
        self.v2(Method::HEAD, &format!("{repository}/blobs/{digest}")).await
    }

    /// Makes a project with the prefix and remembers to remove it.
    pub async fn project(&self, word: &str, body: Value) -> (String, i64) {
        let name = format!("{}{word}", self.prefix);
        let mut request = body;
        request["project_name"] = json!(name);
        self.projects.lock().unwrap().push(name.clone());
        let got = self.post("/projects", request).await.expect(201);
        let id = got.header("location").and_then(|place| place.rsplit('/').next()).expect("a location").parse();
        (name, id.expect("an id"))
    }

    /// The name a test will use for a project it makes itself.
    pub fn remember_project(&self, name: &str) {
        self.projects.lock().unwrap().push(name.to_owned());
    }

    /// Makes a robot and remembers to remove it: id, full name, secret.
    pub async fn robot(&self, body: Value) -> (i64, As) {
        let made = self.post("/robots", body).await.expect(201).json();
        let id = made["id"].as_i64().expect("an id");
        self.robots.lock().unwrap().push(id);
        let text = |key: &str| made[key].as_str().expect(key).to_owned();
        (id, As::Basic(text("name"), text("secret")))
    }

    pub async fn upload(&self, repository: &str, blob: &Blob) {
        if self.head_blob(repository, &blob.digest).await.status == 200 {
            return;
        }
        self.upload_again(repository, blob).await.expect(201);
    }

    pub async fn start_upload(&self, repository: &str) -> String {
        let got = self.v2(Method::POST, &format!("{repository}/blobs/uploads/")).await.expect(202);
        self.place(got.header("location").expect("a location"))
    }

    /// Keeps our own scheme and host, as a client must.
    pub fn place(&self, location: &str) -> String {
        let path = location.split_once("://").map_or(location, |(_, rest)| &rest[rest.find('/').unwrap_or(0)..]);
        format!("{}{path}", self.url)
    }

    pub async fn upload_again(&self, repository: &str, blob: &Blob) -> Got {
        let place = self.start_upload(repository).await;
        let place = format!("{place}&digest={}", blob.digest);
        let headers = [("content-type", "application/octet-stream")];
        self.send(&As::Admin, Method::PUT, &place, &headers, blob.bytes.to_vec()).await
    }

    pub async fn put_manifest(&self, repository: &str, reference: &str, manifest: &Blob) -> Got {
        self.put_manifest_as(&As::Admin, repository, reference, manifest).await
    }

    pub async fn put_manifest_as(&self, who: &As, repository: &str, reference: &str, manifest: &Blob) -> Got {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let headers = [("content-type", manifest.media_type.as_str())];
        self.send(who, Method::PUT, &path, &headers, manifest.bytes.to_vec()).await
    }

    pub async fn push(&self, repository: &str, reference: &str, image: &Image) -> Got {
        for blob in &image.blobs {
            self.upload(repository, blob).await;
        }
        let got = self.put_manifest(repository, reference, &image.manifest).await.expect(201);
        assert_eq!(got.header("docker-content-digest"), Some(image.manifest.digest.as_str()));
        got
    }

    /// Looks until `found` is true; a simulator needs one look, a real Harbor's batches some seconds.
    pub async fn eventually(&self, what: &str, path: &str, found: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..POLLS_MAX {
            let value = self.get(path).await.json();
            if found(&value) {
                return value;
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
        panic!("{what} did not happen at {path}");
    }

    /// Remembers the read-only setting once, then changes it.
    pub async fn read_only(&self, on: bool) {
        let before = self.get("/configurations").await.expect(200).json()["read_only"]["value"].as_bool();
        self.read_only_before.lock().unwrap().get_or_insert(before.unwrap_or(false));
        self.put("/configurations", json!({"read_only": on})).await.expect(200);
    }

    async fn clean_up(&self) {
        let before = self.read_only_before.lock().unwrap().take();
        if let Some(before) = before {
            self.put("/configurations", json!({"read_only": before})).await.expect(200);
        }
        let robots = std::mem::take(&mut *self.robots.lock().unwrap());
        for id in robots {
            self.delete(&format!("/robots/{id}")).await;
        }
        let projects = std::mem::take(&mut *self.projects.lock().unwrap());
        for name in projects {
            self.remove_project(&name).await;
        }
    }

    pub async fn remove_project(&self, name: &str) {
        let rules = self.get(&format!("/projects/{name}/immutabletagrules?page_size=100")).await.json();
        for rule in rules.as_array().into_iter().flatten() {
            self.delete(&format!("/projects/{name}/immutabletagrules/{}", rule["id"])).await;
        }
        let repositories = self.get(&format!("/projects/{name}/repositories?page_size=100")).await.json();
        for repository in repositories.as_array().into_iter().flatten() {
            let full = repository["name"].as_str().unwrap_or_default();
            let short = full.strip_prefix(&format!("{name}/")).unwrap_or(full);
            self.delete(&format!("/projects/{name}/repositories/{}", twice(short))).await;
        }
        self.delete(&format!("/projects/{name}")).await;
    }

    /// The version as numbers, as far as the caller may know it.
    pub async fn version(&self) -> (u32, u32) {
        let info = self.get("/systeminfo").await.json();
        let text = info["harbor_version"].as_str().unwrap_or_default().trim_start_matches('v').to_owned();
        let mut parts = text.split(['.', '-']).map_while(|part| part.parse().ok());
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }
}

/// A repository's name in a path: encoded twice.
pub fn twice(repository: &str) -> String {
    repository.replace('/', "%252F")
}

/// The values of one key over a list.
pub fn texts(list: &Value, key: &str) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|row| row[key].as_str().map(str::to_owned)).collect()
}
