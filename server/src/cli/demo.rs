//! `breakwater demo`: everything on one machine, to look at. A Postgres of its own, a small Harbor with sample images, the console and
//! a worker; the first start makes people, a plan and some history, later ones go on with it.

use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use app::accounts::types::{Duty, NewUser};
use app::harbors::types::NewHarbor;
use app::plans::types::PlanForm;
use app::vaults::types::NewVault;
use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::postgres::Postgres;
use super::{CliError, migrate_pool, serve};
use crate::access::{Caller, Origin};
use crate::audit::Actor;
use crate::crypto::{self, KeyRing};
use crate::jobs::worker::{self, Settings};
use crate::state::{AppState, connect};
use crate::{accounts, harbors, plans, telemetry, vaults};

/// Looks at a job's state until it is over, at most so often.
const LOOKS_MAX: u32 = 600;
/// Wait between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// Starts everything with samples.
#[derive(Args)]
pub struct Demo {
    /// Folder for all its data
    #[arg(long, env = "BREAKWATER_DEMO_DIR", default_value = ".demo")]
    dir: PathBuf,
    /// Port of the console
    #[arg(long, default_value_t = 8300)]
    port: u16,
    /// Port of the small Harbor
    #[arg(long, default_value_t = 8301)]
    harbor_port: u16,
    /// Folder with the console's files
    #[arg(long, env = "BREAKWATER_SITE")]
    site: Option<PathBuf>,
    /// Postgres to use instead of a private one, without a password; with one in the variable `DATABASE_URL`
    #[arg(long)]
    database_url: Option<String>,
}

/// What the first start makes up, kept for the later ones. Only its owner may read the file.
#[derive(Serialize, Deserialize)]
struct Secrets {
    key: String,
    harbor_admin: String,
    people: Vec<(String, String)>,
    /// The samples are made and have a history.
    ready: bool,
}

impl Secrets {
    fn load(dir: &Path) -> Result<Self, CliError> {
        let path = dir.join("credentials.json");
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|e| CliError::Failed(format!("{} cannot be read: {e}; remove the folder to begin anew", path.display()))),
            Err(_) => Ok(Self {
                key: KeyRing::generate(),
                harbor_admin: crypto::random_token(),
                people: ["ops", "sec", "auditor", "dev", "lead"].map(|name| (name.to_owned(), password())).to_vec(),
                ready: false,
            }),
        }
    }

    fn save(&self, dir: &Path) -> Result<(), CliError> {
        let path = dir.join("credentials.json");
        let fail = |e: std::io::Error| CliError::Failed(format!("cannot write {}: {e}", path.display()));
        let text = serde_json::to_vec_pretty(self).map_err(|e| CliError::Failed(e.to_string()))?;
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path).map_err(fail)?;
        std::io::Write::write_all(&mut file, &text).map_err(fail)
    }

    fn password_of(&self, login: &str) -> &str {
        self.people.iter().find(|(name, _)| name == login).map_or("", |(_, password)| password)
    }
}

/// Four groups of four letters and digits: typed more easily than pasted.
fn password() -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let group = || (0..4).map(|_| char::from(LETTERS[rand::random_range(0..LETTERS.len())])).collect::<String>();
    [group(), group(), group(), group()].join("-")
}

/// `breakwater demo`.
pub async fn demo(args: Demo) -> Result<(), CliError> {
    telemetry::start_quiet();
    let given = crate::config::database_url(args.database_url.as_deref())?;
    std::fs::create_dir_all(&args.dir).map_err(|e| CliError::Failed(format!("cannot make {}: {e}", args.dir.display())))?;
    let dir = args.dir.canonicalize().map_err(|e| CliError::Failed(format!("cannot use {}: {e}", args.dir.display())))?;
    let shutdown = serve::on_signal();
    // Both ports are taken before anything is made, so that a busy one is said at once.
    let listener = serve::bind(SocketAddr::from(([127, 0, 0, 1], args.port))).await?;
    let mut secrets = Secrets::load(&dir)?;
    secrets.save(&dir)?;
    let postgres = match &given {
        Some(_) => None,
        None => {
            say("starting Postgres");
            let (folder, anew) = (private_folder(&dir), !secrets.ready);
            if anew {
                discard(&[dir.join("harbor"), dir.join("vault"), dir.join("offsite")])?;
            }
            Some(
                tokio::task::spawn_blocking(move || Postgres::start(&folder, anew))
                    .await
                    .map_err(|e| CliError::Failed(e.to_string()))??,
            )
        }
    };
    let url =
        given.as_ref().map(|url| url.expose_secret().to_owned()).or_else(|| postgres.as_ref().map(|p| p.url.clone())).unwrap_or_default();
    let done = run(&args, &dir, &mut secrets, &url, listener, shutdown).await;
    if let Some(postgres) = postgres {
        let _ = tokio::task::spawn_blocking(move || postgres.stop()).await;
    }
    done
}

/// What a first start that was broken off has made: the next one begins again.
fn discard(folders: &[PathBuf]) -> Result<(), CliError> {
    for folder in folders.iter().filter(|folder| folder.exists()) {
        std::fs::remove_dir_all(folder).map_err(|e| CliError::Failed(format!("cannot remove {}: {e}", folder.display())))?;
    }
    Ok(())
}

/// Postgres's folder: inside the demo's, unless its user could not get there, as below a home of root.
fn private_folder(dir: &Path) -> PathBuf {
    if rustix::process::geteuid().is_root() {
        let mark = hex::encode(&crypto::token_hash(&dir.display().to_string())[..6]);
        return PathBuf::from(format!("/var/tmp/breakwater-{mark}"));
    }
    dir.join("postgres")
}

async fn run(
    args: &Demo,
    dir: &Path,
    secrets: &mut Secrets,
    database: &str,
    listener: tokio::net::TcpListener,
    shutdown: CancellationToken,
) -> Result<(), CliError> {
    let pool = connect(&SecretString::from(database.to_owned())).await?;
    migrate_pool(&pool).await?;
    say("starting a small Harbor with sample images");
    let harbor = start_harbor(args, dir, secrets).await?;
    let public_url = url::Url::parse(&format!("http://127.0.0.1:{}", args.port)).map_err(|e| CliError::Failed(e.to_string()))?;
    let loopback = "127.0.0.0/8".parse().map_err(|_| CliError::Failed("loopback is not a network".to_owned()))?;
    let ring = KeyRing::parse(&secrets.key).map_err(|e| CliError::Failed(e.to_string()))?;
    let state = AppState::new(pool, ring, vec![loopback], public_url);
    let settings = Settings { name: "demo".to_owned(), jobs: 2, lease: Duration::from_secs(30) };
    if !secrets.ready {
        prepare(&state, args, dir, secrets, &harbor, &settings).await?;
        secrets.ready = true;
        secrets.save(dir)?;
    }
    greet(args, secrets, &harbor);
    let site = crate::config::site(args.site.as_deref());
    let served = serve::run(state, listener, &site, Vec::new(), Some(settings), shutdown).await;
    harbor.stop().await.map_err(|e| CliError::Failed(format!("the small Harbor did not stop in order: {e}")))?;
    served
}

async fn start_harbor(args: &Demo, dir: &Path, secrets: &Secrets) -> Result<harbor_sim::Running, CliError> {
    let config = harbor_sim::Config {
        listen: SocketAddr::from(([127, 0, 0, 1], args.harbor_port)),
        data: Some(dir.join("harbor")),
        admin_password: secrets.harbor_admin.clone(),
        seed: Some(harbor_sim::Seed::Demo),
        login_freeze: Duration::from_millis(1_500),
        gc_window: Duration::from_secs(2 * 3_600),
        ..harbor_sim::Config::default()
    };
    harbor_sim::start(config).await.map_err(|e| {
        CliError::Failed(format!("the small Harbor cannot start on port {}: {e}; choose another with --harbor-port", args.harbor_port))
    })
}

fn say(text: &str) {
    eprintln!("· {text}");
}

/// Makes people, harbor, vault and plan through the same operations as the console, then a history of three snapshots.
async fn prepare(
    state: &AppState,
    args: &Demo,
    dir: &Path,
    secrets: &Secrets,
    harbor: &harbor_sim::Running,
    settings: &Settings,
) -> Result<(), CliError> {
    say("making people, vaults and a plan");
    let origin = Origin { ip: None, request_id: "demo".to_owned(), interface: "cli" };
    let operator = person(state, secrets, "ops", "Olga Operator", vec![Duty::Operator], "").await?;
    let (login, admin) = harbor.admin();
    let form = NewHarbor {
        name: "demo".to_owned(),
        url: harbor.url(),
        admin_login: login.to_owned(),
        admin_password: admin.to_owned(),
        plain_http: true,
        ..NewHarbor::default()
    };
    // Nobody is there to enter a password.
    harbors::register(state, &Actor::caller(&operator, &origin), form).await?;
    let folder =
        |name: &str, folder: &str| NewVault { name: name.to_owned(), path: dir.join(folder).display().to_string(), ..NewVault::default() };
    let vault = vaults::create(state, &operator, &origin, folder("main", "vault")).await?;
    let offsite = vaults::create(state, &operator, &origin, folder("offsite", "offsite")).await?;
    let plan = PlanForm {
        name: "everything hourly".to_owned(),
        harbor: "demo".to_owned(),
        vault_id: Some(vault.id),
        copies: vec![offsite.id],
        include: "*".to_owned(),
        exclude: "library".to_owned(),
        cron: "0 * * * *".to_owned(),
        zone: "UTC".to_owned(),
        rpo_hours: 4,
        full_every_h: 24,
        keep_hourly: 48,
        keep_daily: 14,
        keep_weekly: 8,
        ..PlanForm::default()
    };
    let plan = plans::save(state, &operator, &origin, plan).await?;
    person(state, secrets, "sec", "Sam Security", vec![Duty::Secadmin], "").await?;
    person(state, secrets, "auditor", "Ana Auditor", vec![Duty::Auditor], "").await?;
    person(state, secrets, "dev", "Dana Developer", vec![], "requester demo/shop\nrequester demo/ml-models").await?;
    person(state, secrets, "lead", "Lee Lead", vec![], "owner demo/shop\napprover demo/ml-models\napprover demo/payments").await?;
    let stop = CancellationToken::new();
    let working = tokio::spawn(worker::run(state.clone(), settings.clone(), stop.clone()));
    let history = history(state, &operator, &origin, plan.id, harbor, args.harbor_port).await;
    stop.cancel();
    let _ = working.await;
    history
}

async fn person(state: &AppState, secrets: &Secrets, login: &str, name: &str, duties: Vec<Duty>, grants: &str) -> Result<Caller, CliError> {
    let form = NewUser {
        login: login.to_owned(),
        display_name: name.to_owned(),
        password: secrets.password_of(login).to_owned(),
        duties,
        grants: grants.to_owned(),
    };
    let user = accounts::admin_create(state, &Actor::command_line(), form).await?;
    accounts::caller_of_account(&state.pool, user.id, 1)
        .await?
        .ok_or_else(|| CliError::Failed(format!("the account {login} cannot be used")))
}

async fn history(
    state: &AppState,
    operator: &Caller,
    origin: &Origin,
    plan_id: i64,
    harbor: &harbor_sim::Running,
    port: u16,
) -> Result<(), CliError> {
    let changes: [&[(&str, &str, &str)]; 3] = [
        &[],
        &[("push", "shop/web", "1.5.0"), ("push", "shop/api", "2.2.0"), ("delete", "shop/team/worker", "0.9.0")],
        &[("delete", "shop/web", "1.2.0"), ("push", "shop/api", "latest")],
    ];
    for (round, changes) in changes.iter().enumerate() {
        say(&format!("taking snapshot {} of 3", round + 1));
        for (what, repository, tag) in *changes {
            if *what == "push" {
                let image = harbor_sim::images::simple(&format!("{repository}:{tag}:{round}"), &[40_000, 12_000]);
                harbor.push_image(repository, tag, &image).await.map_err(|e| CliError::Failed(e.to_string()))?;
            } else {
                delete(harbor, port, repository, tag).await?;
            }
        }
        let job_id = plans::run_now(state, operator, origin, plan_id).await?;
        wait(state, operator, job_id).await?;
    }
    // Lost after the last snapshot: what the first visitor may bring back.
    delete(harbor, port, "shop/web", "1.3.0").await
}

/// Deletes a tag the way a person in Harbor's portal does.
async fn delete(harbor: &harbor_sim::Running, port: u16, repository: &str, tag: &str) -> Result<(), CliError> {
    let (project, name) = repository.split_once('/').unwrap_or((repository, ""));
    let (login, secret) = harbor.admin();
    let url = format!(
        "http://127.0.0.1:{port}/api/v2.0/projects/{project}/repositories/{}/artifacts/{tag}/tags/{tag}",
        name.replace('/', "%252F")
    );
    let failed = |why: String| CliError::Failed(format!("cannot delete {repository}:{tag} in the small Harbor: {why}"));
    let client = reqwest::Client::builder().no_proxy().build().map_err(|e| failed(e.to_string()))?;
    let answer = client.delete(url).basic_auth(login, Some(secret)).send().await.map_err(|e| failed(e.to_string()))?;
    if answer.status().is_success() { Ok(()) } else { Err(failed(answer.status().to_string())) }
}

async fn wait(state: &AppState, operator: &Caller, job_id: i64) -> Result<(), CliError> {
    use app::jobs::types::JobState;
    for _ in 0..LOOKS_MAX {
        let job = crate::jobs::get(state, operator, job_id).await?;
        match job.state {
            JobState::Done => return Ok(()),
            JobState::Dead | JobState::Cancelled => {
                return Err(CliError::Failed(format!(
                    "a sample backup failed: {}",
                    job.error.map(|error| error.to_string()).unwrap_or_default()
                )));
            }
            JobState::Queued | JobState::Running => tokio::time::sleep(LOOK).await,
        }
    }
    Err(CliError::Failed("a sample backup did not end in time".to_owned()))
}

fn greet(args: &Demo, secrets: &Secrets, harbor: &harbor_sim::Running) {
    let (login, admin) = harbor.admin();
    println!("\nBreakwater is at   http://127.0.0.1:{}", args.port);
    println!("a small Harbor at  {}   ({login} / {admin})\n", harbor.url());
    for (who, what) in [
        ("dev", "developer of shop"),
        ("lead", "team lead, approves"),
        ("ops", "operator"),
        ("sec", "gives roles"),
        ("auditor", "reads the audit history"),
    ] {
        println!("  {who:<8} {:<20} {what}", secrets.password_of(who));
    }
    println!("\nThree things to try:");
    println!("  1. As dev: search for “web:1.3.0”, which somebody deleted, and ask for it back. As lead: approve exactly that.");
    println!("  2. As dev: open the timeline of shop and look at what changed between its snapshots.");
    println!("  3. As auditor: find who did what, and verify the chain.\n");
    println!("Ctrl-C stops everything; the data stay in {}.", args.dir.display());
}
