//! The verbs of the program.
//!
//! Exit codes: 0 done, 1 failed or an invariant is broken, 2 wrong use, 3 refused (not signed in, not allowed, conflict), 4 unreachable.

mod admin;
mod api;
mod audit;
mod client;
mod demo;
mod doctor;
mod harbor;
mod job;
mod names;
mod owner;
mod place;
mod plan;
mod postgres;
mod profile;
mod progress;
mod project;
mod restore;
mod run;
mod secret;
pub mod serve;
mod shell;
mod snapshot;
mod status;
mod tag;
mod upkeep;
mod user;
mod vault_files;
mod vault_verbs;
mod vaults;
mod words;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{ConfigError, DatabaseArgs, KeyArgs, OwnerArgs};

use secret::secret_from_stdin;

/// Backup, point-in-time recovery and approved self-service restore for Harbor
#[derive(Parser)]
#[command(name = "breakwater", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve the console and the API
    Serve(serve::Serve),
    /// Work on jobs
    Worker(serve::Worker),
    /// Start everything with a small Harbor, sample images and people, to look at
    Demo(demo::Demo),
    /// Bring the database to this version's schema; given its owner's URL, make the role and the database first
    Migrate(Migrate),
    /// Check the invariants of database and vaults
    Doctor(doctor::Doctor),
    /// Keep a server and an API token for this account of this machine; the token comes on standard input
    Login(profile::Login),
    /// Forget them
    Logout,
    /// Whose token it is, and what he or she may do
    Whoami(client::Plain),
    /// Whether everything can be restored, and what needs somebody
    Status(client::Plain),
    /// Vaults: by name over the API, or in a place without a server
    #[command(subcommand)]
    Vault(vault_verbs::VaultVerb),
    /// Make accounts at the server's own command line
    #[command(subcommand)]
    Admin(admin::AdminVerb),
    /// Make, list and end API tokens at the server's own command line
    #[command(subcommand)]
    Token(admin::TokenVerb),
    /// Accounts, over the API
    #[command(subcommand)]
    User(user::UserVerb),
    /// Projects, over the API
    #[command(subcommand)]
    Project(project::ProjectVerb),
    /// Images, over the API
    #[command(subcommand)]
    Artifact(project::ArtifactVerb),
    /// Harbors, over the API
    #[command(subcommand)]
    Harbor(harbor::HarborVerb),
    /// Plans, over the API
    #[command(subcommand)]
    Plan(plan::PlanVerb),
    /// Runs of plans, over the API
    #[command(subcommand)]
    Run(run::RunVerb),
    /// Jobs, over the API
    #[command(subcommand)]
    Job(job::JobVerb),
    /// Snapshots of a project, over the API
    #[command(subcommand)]
    Snapshot(snapshot::SnapshotVerb),
    /// Gaps of snapshots, over the API
    #[command(subcommand)]
    Gap(upkeep::GapVerb),
    /// Holds of snapshots, over the API
    #[command(subcommand)]
    Hold(upkeep::HoldVerb),
    /// Tags through time, over the API
    #[command(subcommand)]
    Tag(tag::TagVerb),
    /// Restore requests, over the API
    #[command(subcommand)]
    Restore(restore::RestoreVerb),
    /// The audit history, over the API
    #[command(subcommand)]
    Audit(audit::AuditVerb),
    /// Completions for a shell, on standard output
    Completions(shell::Completions),
    /// Manual pages, into a folder
    Man(shell::Manual),
}

/// Why a verb ended badly; the variant is the exit code.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// It could not be done.
    #[error("{0}")]
    Failed(String),
    /// The command line or the settings are wrong.
    #[error("{0}")]
    Usage(String),
    /// The server understood and refused.
    #[error("{0}")]
    Refused(String),
    /// Nobody answered.
    #[error("{0}")]
    Unreachable(String),
}

impl CliError {
    const fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Refused(_) => 3,
            Self::Unreachable(_) => 4,
        }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::Usage(crate::error::chain(&error))
    }
}

impl From<crate::error::Error> for CliError {
    fn from(error: crate::error::Error) -> Self {
        match error {
            // Worded for whoever asked; it has no other cause.
            crate::error::Error::Api(api) => Self::Failed(api.message.to_string()),
            other => Self::Failed(crate::error::chain(&other)),
        }
    }
}

impl From<sqlx::Error> for CliError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unreachable(format!("cannot use the database: {}", crate::error::chain(&error)))
    }
}

impl From<vault::VaultError> for CliError {
    fn from(error: vault::VaultError) -> Self {
        Self::Failed(crate::error::chain(&error))
    }
}

/// Parses, runs, maps to an exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    end_quietly_without_a_reader();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("breakwater: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli.verb)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("breakwater: {}", words::shown(&error.to_string()));
            ExitCode::from(error.code())
        }
    }
}

/// The verb of a line of words, as [`main`] runs it.
#[cfg(test)]
pub async fn obey(words: &[String]) -> Result<(), CliError> {
    let cli = Cli::try_parse_from(words).map_err(|error| CliError::Usage(error.to_string()))?;
    run(cli.verb).await
}

/// Ends the program as other tools do when whoever reads its output wants no more (`| head`), with the exit code a shell expects.
fn end_quietly_without_a_reader() {
    const BROKEN_PIPE: i32 = 128 + 13;
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        if text.starts_with("failed printing to stdout") && text.contains("Broken pipe") {
            std::process::exit(BROKEN_PIPE);
        }
        report(panic);
    }));
}

async fn run(verb: Verb) -> Result<(), CliError> {
    match verb {
        Verb::Serve(args) => serve::serve(args).await,
        Verb::Worker(args) => serve::worker(args).await,
        Verb::Demo(args) => demo::demo(args).await,
        Verb::Migrate(args) => migrate(&args).await,
        Verb::Doctor(args) => doctor::doctor(args).await,
        Verb::Login(args) => profile::login(args).await,
        Verb::Logout => profile::logout(),
        Verb::Whoami(args) => profile::whoami(args).await,
        Verb::Status(args) => status::status(args).await,
        Verb::Vault(verb) => vault_verbs::run(verb).await,
        Verb::Admin(verb) => admin::admin(verb).await,
        Verb::Token(verb) => admin::token(verb).await,
        Verb::User(verb) => user::user(verb).await,
        Verb::Project(verb) => project::project(verb).await,
        Verb::Artifact(verb) => project::artifact(verb).await,
        Verb::Harbor(verb) => harbor::harbor(verb).await,
        Verb::Plan(verb) => plan::plan(verb).await,
        Verb::Run(verb) => run::run(verb).await,
        Verb::Job(verb) => job::job(verb).await,
        Verb::Snapshot(verb) => snapshot::snapshot(verb).await,
        Verb::Gap(verb) => upkeep::gap(verb).await,
        Verb::Hold(verb) => upkeep::hold(verb).await,
        Verb::Tag(verb) => tag::tag(verb).await,
        Verb::Restore(verb) => restore::restore(verb).await,
        Verb::Audit(verb) => audit::audit(verb).await,
        Verb::Completions(args) => shell::completions(&args),
        Verb::Man(args) => shell::manual(&args),
    }
}

#[derive(clap::Args)]
struct Migrate {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    owner: OwnerArgs,
}

async fn migrate(args: &Migrate) -> Result<(), CliError> {
    let url = args.database.url()?;
    if let Some(owner) = args.owner.url()? {
        owner::prepare(&owner, &url).await?;
    }
    let pool = crate::state::connect(&url).await?;
    migrate_pool(&pool).await?;
    println!("the database has this version's schema");
    Ok(())
}

/// Applies the migrations; two at once wait for each other on Postgres's advisory lock, as long as it takes.
pub async fn migrate_pool(pool: &sqlx::PgPool) -> Result<(), CliError> {
    let failed = |error: &dyn std::error::Error| {
        CliError::Failed(format!("cannot bring the database to this version: {}", crate::error::chain(error)))
    };
    let mut conn = pool.acquire().await.map_err(|error| failed(&error))?.detach();
    sqlx::raw_sql("set statement_timeout = 0; set lock_timeout = 0").execute(&mut conn).await.map_err(|error| failed(&error))?;
    crate::MIGRATOR.run(&mut conn).await.map_err(|error| failed(&error))
}

/// The state of a verb that works on the database itself.
pub async fn local_state(database: &DatabaseArgs, key: &KeyArgs) -> Result<crate::state::AppState, CliError> {
    let ring = key.ring()?;
    let pool = crate::state::connect(&database.url()?).await?;
    let here = url::Url::parse("http://localhost").map_err(|e| CliError::Failed(e.to_string()))?;
    Ok(crate::state::AppState::new(pool, ring, everywhere(), here))
}

/// Whoever sits at this machine reaches all it reaches anyway; a vault's bucket may be in a private network.
fn everywhere() -> Vec<ipnet::IpNet> {
    ["0.0.0.0/0", "::/0", "127.0.0.0/8", "::1/128"].into_iter().filter_map(|net| net.parse().ok()).collect()
}
