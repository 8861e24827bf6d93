//! A Harbor, a database, a vault and the program, for one test.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use harbor_sim::{Action, Config, Fault, Gate, Match, Nth, images};
use http::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::cluster::Cluster;
use crate::people::Client;
use crate::process::{BREAKWATER, Process};

/// The shortest lease a worker takes, seconds.
pub const LEASE_S: u64 = 3;
/// Longest that anything here may take.
pub const LIMIT: Duration = Duration::from_secs(180);
/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

/// Everything one test needs.
pub struct World {
    pub harbor: harbor_sim::Running,
    pub cluster: Cluster,
    pub pool: PgPool,
    pub http: reqwest::Client,
    pub folder: tempfile::TempDir,
    /// The vault's folder.
    pub vault: PathBuf,
    /// Where `serve` answers.
    pub base: String,
    pub serve: Option<Process>,
    /// The plan; it has the projects `shop` and, where a test makes it, `base`.
    pub plan: i64,
    token: String,
    key: String,
    started: AtomicU32,
    /// Another way to the database than straight.
    way: Option<String>,
}

/// A request the simulator holds.
pub struct Held {
    pub fault: Fault,
    pub gate: Gate,
}

impl World {
    /// Project `shop` in a Harbor, a vault, a plan, `serve`, an operator with a token; no worker yet.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = folder.path().join("vault");
        Self::made(folder, vault, Config::default()).await
    }

    /// The same with a Harbor that can be restarted.
    pub async fn with_lasting_harbor() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = folder.path().join("vault");
        let data = Some(folder.path().join("harbor"));
        Self::made(folder, vault, Config { data, ..Config::default() }).await
    }

    /// The same with the vault in another folder.
    pub async fn with_vault(vault: PathBuf) -> Self {
        Self::made(tempfile::tempdir().unwrap(), vault, Config::default()).await
    }

    async fn made(folder: tempfile::TempDir, vault: PathBuf, config: Config) -> Self {
        let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
        let harbor = harbor_sim::start(config).await.unwrap();
        harbor.create_project("shop", false).unwrap();
        let pool = pool_of(&cluster);
        let site = folder.path().join("site/pkg");
        std::fs::create_dir_all(&site).unwrap();
        // The console's files are not what is tested here; `serve` wants some.
        for name in ["breakwater.js", "breakwater.css"] {
            std::fs::write(site.join(name), "").unwrap();
        }
        let mut world = Self {
            harbor,
            cluster,
            pool,
            http: reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap(),
            folder,
            vault,
            base: String::new(),
            serve: None,
            plan: 0,
            token: String::new(),
            key: "3q2+796tvu/erb7v3q2+796tvu/erb7v3q2+796tvu8=".to_owned(),
            started: AtomicU32::new(0),
            way: None,
        };
        world.start_serve().await;
        world.register_operator();
        world.register().await;
        world
    }

    async fn register(&mut self) {
        self.register_harbor().await;
        let vault = self.post("/api/v1/vaults", json!({ "name": "main", "path": self.vault })).await;
        let plan = json!({
            "name": "nightly", "harbor": "prod", "vault_id": vault["id"], "include": "shop\nbase", "cron": "0 3 1 1 *", "zone": "UTC", "rpo_hours": 24
        });
        self.plan = self.post("/api/v1/plans", plan).await["id"].as_i64().unwrap();
    }

    // The program.

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BREAKWATER);
        // What is logged is waited for, so it must not depend on who runs the tests.
        command
            .args(args)
            .env_remove("RUST_LOG")
            .env("DATABASE_URL", self.way.clone().unwrap_or_else(|| self.cluster.url()))
            .env("BREAKWATER_KEY", &self.key);
        command.env("BREAKWATER_ALLOW_NETS", "127.0.0.0/8").env("BREAKWATER_LEASE_S", LEASE_S.to_string());
        command
    }

    fn log_file(&self, name: &str) -> PathBuf {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        self.folder.path().join(format!("{number:02}-{name}.log"))
    }

    /// Starts `serve` on a port the system chose and waits until it answers.
    pub async fn start_serve(&mut self) {
        let site = self.folder.path().join("site");
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut serve = Process::start("serve", self.log_file("serve"), command.arg("--site").arg(site));
        let address = until("serve listens", async || {
            assert!(serve.is_alive(), "serve ended: {}", serve.said());
            let said = serve.said();
            let line = said.lines().find(|line| line.contains("console is ready"))?;
            let line: Value = serde_json::from_str(line).ok()?;
            Some(line["fields"]["listen"].as_str().unwrap().to_owned())
        })
        .await;
        self.base = format!("http://{address}");
        let health = self.http.get(format!("{}/health", self.base)).send().await.unwrap();
        assert!(health.status().is_success(), "serve answers");
        self.serve = Some(serve);
    }

    /// Starts `serve` anew, with another way to the database.
    pub async fn serve_through(&mut self, url: &str) {
        self.serve = None;
        self.way = Some(url.to_owned());
        self.start_serve().await;
        self.way = None;
    }

    /// Starts a worker.
    pub fn worker(&self, name: &str) -> Process {
        Process::start(name, self.log_file(name), &mut self.command(&["worker", "--worker-name", name]))
    }

    /// Everything is lost but the Harbor and the vaults: another, empty database, another key, no `serve`.
    pub async fn lose_all_but_vaults(&mut self) {
        self.serve = None;
        self.cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
        self.pool = pool_of(&self.cluster);
        self.key = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=".to_owned();
    }

    /// Registers the Harbor.
    pub async fn register_harbor(&mut self) {
        let (admin, password) = self.harbor.admin();
        self.run(&["harbor", "add", "prod", &self.harbor.url(), "--admin-login", admin, "--plain-http"], password);
    }

    /// The operator, with a token.
    pub fn register_operator(&mut self) {
        self.run(&["admin", "create", "ops", "--duty", "operator"], PASSWORD);
        self.token = self.token_of("ops");
    }

    /// Starts a worker with another way to the database.
    pub fn worker_through(&self, name: &str, url: &str) -> Process {
        Process::start(name, self.log_file(name), self.command(&["worker", "--worker-name", name]).env("DATABASE_URL", url))
    }

    /// Runs a verb to its end, which must be good; answers with what it printed.
    pub fn run(&self, args: &[&str], input: &str) -> String {
        self.run_with(args, input, &[])
    }

    /// The same with something in its environment.
    pub fn run_with(&self, args: &[&str], input: &str, environment: &[(&str, &str)]) -> String {
        let mut child = self
            .command(args)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(format!("{input}\n").as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "breakwater {args:?}: {}\n{said}{wrong}", out.status);
        said.trim().to_owned()
    }

    /// A token that may change things.
    pub fn token_of(&self, login: &str) -> String {
        self.run(&["token", "create", login, "--name", "faults", "--write"], "")
    }

    /// Every invariant holds, by the oracle that reads database and vault only; and nothing panicked on the way.
    pub fn doctor(&self) {
        self.run(&["doctor", "--strict"], "");
        for (log, said) in self.logs() {
            assert!(!said.contains("panicked"), "{}\n{said}", log.display());
        }
    }

    /// What each process said, oldest first.
    fn logs(&self) -> Vec<(PathBuf, String)> {
        let mut files = Vec::new();
        collect(self.folder.path(), &mut files);
        files.retain(|path| path.extension().is_some_and(|e| e == "log"));
        files.sort();
        files.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap_or_default())).collect()
    }

    // The API.

    /// Asks as the operator.
    pub async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.client().ask(&self.token, Method::GET, path, None).await.unwrap();
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Tells as the operator.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.client().ask(&self.token, Method::POST, path, Some(body)).await.unwrap();
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// A client of its own.
    pub fn client(&self) -> Client {
        Client { http: self.http.clone(), base: self.base.clone() }
    }

    /// The operator's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    // Jobs.

    /// Queues a run of the plan; answers with its job.
    pub async fn queue_run(&self) -> i64 {
        self.post(&format!("/api/v1/plans/{}/run", self.plan), json!({})).await["job_id"].as_i64().unwrap()
    }

    /// A job's state and owner.
    pub async fn job(&self, job: i64) -> (String, String) {
        sqlx::query_as("select state, coalesce(owner, '') from job where job_id = $1").bind(job).fetch_one(&self.pool).await.unwrap()
    }

    /// Waits until a job is over; answers with how. A worker that waits for its next look is woken, so that no test waits for that.
    pub async fn job_over(&self, job: i64) -> String {
        until(&format!("job {job} is over"), async || {
            self.wake().await;
            let (state, _) = self.job(job).await;
            (state != "queued" && state != "running").then_some(state)
        })
        .await
    }

    /// Wakes workers as a new job does.
    pub async fn wake(&self) {
        let _ = sqlx::query("select pg_notify('breakwater', 'work')").execute(&self.pool).await;
    }

    /// The newest run of the plan, as the API shows it.
    pub async fn newest_run(&self) -> Value {
        self.get(&format!("/api/v1/plans/{}/runs", self.plan)).await["items"][0].clone()
    }

    /// Backs up with a worker of its own; the run must be complete.
    pub async fn back_up(&self) {
        let worker = self.worker("quiet");
        let job = self.queue_run().await;
        assert_eq!(self.job_over(job).await, "done");
        assert_eq!(self.newest_run().await["state"], "good");
        assert!(worker.terminate().success());
    }

    // Questions to the database and the vault.

    /// One number.
    pub async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    /// How many audit records have an action.
    pub async fn recorded(&self, action: &str) -> i64 {
        sqlx::query_scalar("select count(*) from audit_record where action = $1").bind(action).fetch_one(&self.pool).await.unwrap()
    }

    /// Files below a folder of the vault, sorted.
    pub fn files(&self, folder: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(&self.vault.join(folder), &mut files);
        files.sort();
        files
    }

    /// Pointers to sealed snapshots.
    pub fn pointers(&self) -> usize {
        self.files("breakwater/snapshots").len()
    }

    // The Harbor.

    /// Pushes tags `v0`, `v1` …, each an image with two layers of its own.
    pub async fn push(&self, repository: &str, tags: usize) {
        for number in 0..tags {
            let image = images::simple(&format!("{repository}/{number}"), &[9_000, 5_000]);
            self.harbor.push_image(repository, &format!("v{number}"), &image).await.unwrap();
        }
    }

    /// Stops the Harbor and starts it again as another version, at the same address.
    pub async fn restart_harbor(&mut self, version: harbor_sim::Version) {
        let listen = self.harbor.addr();
        let stand_in = harbor_sim::start(Config::default()).await.unwrap();
        std::mem::replace(&mut self.harbor, stand_in).stop().await.unwrap();
        let data = Some(self.folder.path().join("harbor"));
        let started = harbor_sim::start(Config { listen, data, version, ..Config::default() }).await.unwrap();
        std::mem::replace(&mut self.harbor, started).stop().await.unwrap();
    }

    /// Holds the Nth request from now on with this method and text in its path, before it is done.
    pub fn hold(&self, method: Method, path: &str, nth: u64) -> Held {
        let gate = Gate::default();
        let fault = self.harbor.control().fail(Match::new(method, path).nth(Nth::Only(nth)), Action::HoldRequest(gate.clone()));
        Held { fault, gate }
    }

    /// The same after it was done, before it is answered.
    pub fn hold_answer(&self, method: Method, path: &str, nth: u64) -> Held {
        let gate = Gate::default();
        let fault = self.harbor.control().fail(Match::new(method, path).nth(Nth::Only(nth)), Action::HoldAnswer(gate.clone()));
        Held { fault, gate }
    }

    /// Waits until a request is held. Workers that wait for their next look are woken.
    pub async fn held(&self, held: &Held, what: &str) {
        until(what, async || {
            self.wake().await;
            (held.fault.fired() == 1).then_some(())
        })
        .await;
    }

    /// A call to Harbor's API as its administrator.
    pub async fn harbor_api(&self, method: Method, path: &str) -> (u16, Value) {
        let (login, password) = self.harbor.admin();
        let request = self.http.request(method, format!("{}{path}", self.harbor.url())).basic_auth(login, Some(password));
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// What a tag of a repository points to.
    pub async fn tag(&self, repository: &str, tag: &str) -> Option<String> {
        let (project, name) = repository.split_once('/').unwrap();
        let path = format!("/api/v2.0/projects/{project}/repositories/{name}/artifacts/{tag}");
        let (status, answer) = self.harbor_api(Method::GET, &path).await;
        (status == 200).then(|| answer["digest"].as_str().unwrap().to_owned())
    }

    /// Requests so far that change something in the registry.
    pub fn writes(&self) -> usize {
        self.harbor
            .control()
            .seen()
            .iter()
            .filter(|seen| seen.path.starts_with("/v2/") || seen.path.contains("/artifacts/"))
            .filter(|seen| !matches!(seen.method, Method::GET | Method::HEAD))
            .count()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (log, said) in self.logs() {
                eprintln!("== {}\n{said}", log.display());
            }
        }
    }
}

fn pool_of(cluster: &Cluster) -> PgPool {
    PgPoolOptions::new().max_connections(4).connect_lazy(&cluster.url()).unwrap()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

/// Looks again and again until there is an answer; a named condition that does not come true within [`LIMIT`] fails the test.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < LIMIT, "waited {LIMIT:?} until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
