//! The verbs over REST: the whole journey can be scripted with them.

use app::audit::types::{AuditPage, ChainCheck};
use app::harbors::types::{CheckList, CheckOutcome, Harbor, NewHarbor, StagingForm};
use app::jobs::types::{Job, LogLine};
use app::plans::types::{Plan, PlanForm};
use app::projects::types::{Browse, TagHistory, Timeline};
use app::units::{Page, bytes, short_digest};
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::api::Remote;
use super::{CliError, local_state, progress, secret_from_stdin, upkeep};
use crate::audit::Actor;
use crate::config::{DatabaseArgs, KeyArgs};
use crate::harbors;

#[derive(Deserialize)]
struct Queued {
    job_id: i64,
}

pub(super) fn print_json(value: &impl Serialize) -> Result<(), CliError> {
    println!("{}", serde_json::to_string_pretty(value).map_err(|e| CliError::Failed(e.to_string()))?);
    Ok(())
}

fn encode(part: &str) -> String {
    url::form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>().replace('+', "%20")
}

pub(super) fn project_path(text: &str) -> Result<String, CliError> {
    let (harbor, project) = text.split_once('/').ok_or_else(|| CliError::Usage(format!("“{text}” is not like harbor/project")))?;
    Ok(format!("/projects/{}/{}", encode(harbor), encode(project)))
}

/// Only where the server is.
#[derive(Args)]
pub struct Plain {
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// A number.
#[derive(Args)]
pub struct Numbered {
    #[command(flatten)]
    pub(super) remote: Remote,
    /// Its number
    pub(super) id: i64,
}

/// A project.
#[derive(Args)]
pub struct OfProject {
    #[command(flatten)]
    remote: Remote,
    /// `harbor/project`
    project: String,
    /// Moment, `2026-11-23T09:30:00Z`; default: the newest
    #[arg(long)]
    at: Option<String>,
}

/// Harbor verbs.
#[derive(Subcommand)]
pub enum HarborVerb {
    /// List harbors
    List(Plain),
    /// Register a harbor, at the server's own command line; the secret of its login comes on standard input
    Add(AddHarbor),
    /// Test the connection of a harbor
    Check(NamedHarbor),
    /// List the projects of a harbor now, so that new ones show as not protected
    Inventory(NamedHarbor),
    /// Read images that a policy blocks through a staging project, or stop that; at the server's own command line
    Staging(StageHarbor),
}

/// A harbor by name.
#[derive(Args)]
pub struct NamedHarbor {
    #[command(flatten)]
    remote: Remote,
    /// Its name
    name: String,
}

/// Whether images that a policy blocks are read.
#[derive(Args)]
pub struct StageHarbor {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Name
    name: String,
    /// Administrator's login that makes the project and its robot; its password on standard input, used once
    #[arg(long, required_unless_present_any = ["off", "login"])]
    admin_login: Option<String>,
    /// Login made by hand, its secret on standard input
    #[arg(long, requires = "project", conflicts_with = "admin_login")]
    login: Option<String>,
    /// Project made by hand for it
    #[arg(long)]
    project: Option<String>,
    /// Stop, and remove the project
    #[arg(long, conflicts_with_all = ["admin_login", "login", "project"])]
    off: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

async fn stage(args: StageHarbor) -> Result<(), CliError> {
    let mut form = StagingForm { harbor: args.name.clone(), on: !args.off, ..StagingForm::default() };
    if form.on {
        let secret = secret_from_stdin("the secret of the login")?;
        match args.login {
            Some(login) => {
                (form.staging_login, form.staging_secret, form.staging_project) = (login, secret, args.project.unwrap_or_default());
            }
            None => (form.admin_login, form.admin_password) = (args.admin_login.unwrap_or_default(), secret),
        }
    }
    // A token gives no secrets: whoever has the server does.
    let state = local_state(&args.database, &args.key).await?;
    harbors::staging::set_as(&state, &Actor::command_line(), &form).await?;
    let harbor = harbors::registered_as(&state, &args.name).await?;
    if args.json {
        return print_json(&harbor);
    }
    match (harbor.staging.on, harbor.staging.project) {
        (true, project) => println!("on: images that a policy blocks are read through {}", project.unwrap_or_default()),
        (false, None) => println!("off: images that a policy blocks are named gaps"),
        (false, Some(project)) => println!("off; the project {project} could not be removed yet"),
    }
    Ok(())
}

/// A new harbor.
#[derive(Args)]
pub struct AddHarbor {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Name
    name: String,
    /// Base address
    url: String,
    /// Login for backup, its secret on standard input
    #[arg(long, conflicts_with = "admin_login")]
    login: Option<String>,
    /// Administrator's login that makes the least-privilege robots; its password on standard input, used once
    #[arg(long)]
    admin_login: Option<String>,
    /// Accept plain http
    #[arg(long)]
    plain_http: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `breakwater harbor …`.
pub async fn harbor(verb: HarborVerb) -> Result<(), CliError> {
    match verb {
        HarborVerb::List(args) => {
            let harbors: Vec<Harbor> = args.remote.api()?.get("/harbors", &[]).await?;
            if args.remote.json {
                return print_json(&harbors);
            }
            for h in harbors {
                println!("{}\t{}\t{}\t{} projects, {} protected", h.name, h.url, h.state_detail, h.projects, h.projects_protected);
            }
        }
        HarborVerb::Add(args) => {
            let secret = secret_from_stdin("the secret of the login")?;
            let mut form = NewHarbor { name: args.name, url: args.url, plain_http: args.plain_http, ..NewHarbor::default() };
            match (args.login, args.admin_login) {
                (Some(login), _) => (form.read_login, form.read_secret) = (login, secret),
                (None, Some(login)) => (form.admin_login, form.admin_password) = (login, secret),
                (None, None) => return Err(CliError::Usage("give --login or --admin-login".to_owned())),
            }
            let state = local_state(&args.database, &args.key).await?;
            let made = harbors::register(&state, &Actor::command_line(), form).await?;
            if args.json {
                return print_json(&made);
            }
            println!("registered {}: {}", made.name, made.state_detail);
        }
        HarborVerb::Staging(args) => stage(args).await?,
        HarborVerb::Inventory(args) => {
            let queued: serde_json::Value =
                args.remote.api()?.post(&format!("/harbors/{}/inventory", encode(&args.name)), &json!({})).await?;
            if args.remote.json {
                return print_json(&queued);
            }
            println!("queued as job {}", queued["job_id"]);
        }
        HarborVerb::Check(args) => {
            let checks: CheckList = args.remote.api()?.post(&format!("/harbors/{}/check", encode(&args.name)), &json!({})).await?;
            if args.remote.json {
                print_json(&checks)?;
            } else {
                for c in &checks.checks {
                    let mark = match c.outcome {
                        CheckOutcome::Pass => "ok",
                        CheckOutcome::Warn => "warning",
                        CheckOutcome::Fail => "FAILED",
                    };
                    println!("{mark}\t{}\t{}{}", c.title, c.detail, c.remedy.as_ref().map_or_else(String::new, |r| format!(" → {r}")));
                }
            }
            if !checks.backup_ok {
                return Err(CliError::Failed("the connection does not do for backup".to_owned()));
            }
        }
    }
    Ok(())
}

/// Plan verbs.
#[derive(Subcommand)]
pub enum PlanVerb {
    /// List plans
    List(Plain),
    /// Make a plan
    Create(CreatePlan),
    /// Deleted plans that still have snapshots, and what becomes of those
    Left(Plain),
    /// Say what becomes of the snapshots of a deleted plan
    Leave(upkeep::LeaveOne),
}

/// A new plan.
#[derive(Args)]
pub struct CreatePlan {
    #[command(flatten)]
    remote: Remote,
    /// Name
    name: String,
    /// Harbor
    #[arg(long)]
    harbor: String,
    /// Number of the vault
    #[arg(long)]
    vault: i64,
    /// Project pattern to include; repeat for several
    #[arg(long, default_value = "*")]
    include: Vec<String>,
    /// Project pattern to leave out; repeat for several
    #[arg(long)]
    exclude: Vec<String>,
    /// Five cron fields
    #[arg(long, default_value = "0 * * * *")]
    cron: String,
    /// Time zone
    #[arg(long, default_value = "UTC")]
    zone: String,
    /// Target age, hours
    #[arg(long, default_value_t = 24)]
    rpo_hours: i64,
    /// Hours after which a run lists everything again, whatever the hints say
    #[arg(long, default_value_t = 24)]
    full_every_h: i32,
    /// Keep the newest so many of each project. With no --keep… everything is kept
    #[arg(long, default_value_t = 0)]
    keep_last: u32,
    /// Keep one for each of so many hours that have one
    #[arg(long, default_value_t = 0)]
    keep_hourly: u32,
    /// Days
    #[arg(long, default_value_t = 0)]
    keep_daily: u32,
    /// Weeks
    #[arg(long, default_value_t = 0)]
    keep_weekly: u32,
    /// Months
    #[arg(long, default_value_t = 0)]
    keep_monthly: u32,
    /// Years
    #[arg(long, default_value_t = 0)]
    keep_yearly: u32,
    /// Keep all of so many days
    #[arg(long, default_value_t = 0)]
    keep_within_days: u32,
}

/// `breakwater plan …`.
pub async fn plan(verb: PlanVerb) -> Result<(), CliError> {
    match verb {
        PlanVerb::List(args) => {
            let plans: Vec<Plan> = args.remote.api()?.get("/plans", &[]).await?;
            if args.remote.json {
                return print_json(&plans);
            }
            for p in plans {
                let next = p.next.map_or_else(|| "paused".to_owned(), app::units::Moment::long);
                println!("{}\t{}\t{}\t{}\tnext {next}", p.id, p.name, p.harbor, p.schedule_words);
            }
        }
        PlanVerb::Left(args) => upkeep::left(args).await?,
        PlanVerb::Leave(args) => upkeep::leave(args).await?,
        PlanVerb::Create(args) => {
            let form = PlanForm {
                name: args.name,
                harbor: args.harbor,
                vault_id: Some(args.vault),
                include: args.include.join("\n"),
                exclude: args.exclude.join("\n"),
                cron: args.cron,
                zone: args.zone,
                rpo_hours: args.rpo_hours,
                full_every_h: args.full_every_h,
                keep_last: args.keep_last,
                keep_hourly: args.keep_hourly,
                keep_daily: args.keep_daily,
                keep_weekly: args.keep_weekly,
                keep_monthly: args.keep_monthly,
                keep_yearly: args.keep_yearly,
                keep_within_days: args.keep_within_days,
                ..PlanForm::default()
            };
            let made: Plan = args.remote.api()?.post("/plans", &form).await?;
            if args.remote.json {
                return print_json(&made);
            }
            println!("{}\t{}", made.id, made.name);
        }
    }
    Ok(())
}

/// Run verbs.
#[derive(Subcommand)]
pub enum RunVerb {
    /// Run a plan now
    Start(StartRun),
    /// Newest jobs
    List(Plain),
    /// The log of a job
    Log(Numbered),
    /// Stop a job
    Cancel(Numbered),
}

/// A run to start.
#[derive(Args)]
pub struct StartRun {
    #[command(flatten)]
    remote: Remote,
    /// Number of the plan
    plan: i64,
    /// Wait for its end
    #[arg(long)]
    wait: bool,
}

/// `breakwater run …`.
pub async fn run(verb: RunVerb) -> Result<(), CliError> {
    match verb {
        RunVerb::Start(args) => {
            let api = args.remote.api()?;
            let queued: Queued = api.post(&format!("/plans/{}/run", args.plan), &json!({})).await?;
            if !args.wait {
                println!("{}", queued.job_id);
                return Ok(());
            }
            let job = progress::job(&api, queued.job_id).await?;
            if args.remote.json {
                return print_json(&job);
            }
            println!("job {} is done, {} read", job.id, bytes(job.bytes_done));
        }
        RunVerb::List(args) => {
            let jobs: Page<Job> = args.remote.api()?.get("/jobs", &[]).await?;
            if args.remote.json {
                return print_json(&jobs);
            }
            for j in jobs.items {
                println!("{}\t{:?}\t{}\t{}", j.id, j.state, j.title, j.error.unwrap_or_default());
            }
        }
        RunVerb::Log(args) => {
            let lines: Vec<LogLine> = args.remote.api()?.get(&format!("/jobs/{}/log", args.id), &[]).await?;
            if args.remote.json {
                return print_json(&lines);
            }
            for line in lines {
                println!("{}\t{}\t{}", line.at.long(), line.level, line.text);
            }
        }
        RunVerb::Cancel(args) => {
            let job: Job = args.remote.api()?.post(&format!("/jobs/{}/cancel", args.id), &json!({})).await?;
            println!("job {} was asked to stop", job.id);
        }
    }
    Ok(())
}

/// Snapshot verbs.
#[derive(Subcommand)]
pub enum SnapshotVerb {
    /// Snapshots of a project
    List(OfProject),
    /// What a project held at a moment
    Show(OfProject),
}

/// `breakwater snapshot …`.
pub async fn snapshot(verb: SnapshotVerb) -> Result<(), CliError> {
    match verb {
        SnapshotVerb::List(args) => {
            let timeline: Timeline = args.remote.api()?.get(&project_path(&args.project)?, &[("zoom", "year")]).await?;
            if args.remote.json {
                return print_json(&timeline.snapshots);
            }
            for s in timeline.snapshots {
                let words = app::projects::gap_words::gap_count(s.gaps, s.gaps_accepted, app::text::Lang::En);
                let gaps = words.unwrap_or_else(|| "complete".to_owned());
                println!(
                    "{}\t{}\t{gaps}\t{} tags\t+{} -{} ~{}",
                    s.moment.url(),
                    short_digest(&s.digest),
                    s.tags,
                    s.added,
                    s.removed,
                    s.moved
                );
            }
        }
        SnapshotVerb::Show(args) => {
            let query: Vec<(&str, &str)> = args.at.iter().map(|at| ("at", at.as_str())).collect();
            let contents: Browse = args.remote.api()?.get(&format!("{}/contents", project_path(&args.project)?), &query).await?;
            if args.remote.json {
                return print_json(&contents);
            }
            for r in contents.repositories {
                println!("{}\t{} tags\t{} artifacts", r.repository, r.tags, r.artifacts);
            }
        }
    }
    Ok(())
}

/// Tag verbs.
#[derive(Subcommand)]
pub enum TagVerb {
    /// Everything a tag pointed to
    History(OneTag),
    /// Search names, tags and digests over all time
    Find(FindTag),
}

/// A tag.
#[derive(Args)]
pub struct OneTag {
    #[command(flatten)]
    remote: Remote,
    /// Harbor
    harbor: String,
    /// `project/repository:tag`
    tag: String,
}

/// A search.
#[derive(Args)]
pub struct FindTag {
    #[command(flatten)]
    remote: Remote,
    /// Whatever names it: a reference, a part of a name, a digest or its first digits, a line of an error
    text: String,
}

/// `breakwater tag …`.
pub async fn tag(verb: TagVerb) -> Result<(), CliError> {
    match verb {
        TagVerb::History(args) => {
            let (repo, tag) =
                args.tag.rsplit_once(':').ok_or_else(|| CliError::Usage("name the tag as project/repository:tag".to_owned()))?;
            let project = repo.split('/').next().unwrap_or_default();
            let path = format!("/projects/{}/{}/tag", encode(&args.harbor), encode(project));
            let history: TagHistory = args.remote.api()?.get(&path, &[("repo", repo), ("tag", tag)]).await?;
            if args.remote.json {
                return print_json(&history);
            }
            // The newest snapshot still has it; Harbor is said below.
            let known_to = history.known_to.map_or_else(String::new, app::units::Moment::url);
            for span in history.spans {
                let to = span.to.map_or_else(|| format!("at least {known_to}"), app::units::Moment::url);
                println!(
                    "{}\t{} – {to}\t{}\t{}",
                    short_digest(&span.digest),
                    span.from.url(),
                    bytes(span.size_bytes),
                    span.ended.unwrap_or_default()
                );
            }
            println!("{}", upkeep::in_harbor(history.in_harbor.as_ref(), history.live_error.as_deref()));
            if let Some(gap) = history.gap {
                println!("gap in the newest snapshot: {}: {}", gap.subject, gap.cause);
            }
        }
        TagVerb::Find(args) => {
            upkeep::find(&args.remote, &args.text).await?;
        }
    }
    Ok(())
}

/// Audit verbs.
#[derive(Subcommand)]
pub enum AuditVerb {
    /// Newest events
    List(AuditList),
    /// Compute the chain again
    Verify(Plain),
}

/// A filter.
#[derive(Args)]
pub struct AuditList {
    #[command(flatten)]
    remote: Remote,
    /// Login
    #[arg(long, default_value = "")]
    actor: String,
    /// Action, or its beginning with *
    #[arg(long, default_value = "")]
    action: String,
}

/// `breakwater audit …`.
pub async fn audit(verb: AuditVerb) -> Result<(), CliError> {
    match verb {
        AuditVerb::List(args) => {
            let page: AuditPage = args.remote.api()?.get("/audit", &[("actor", &args.actor), ("action", &args.action)]).await?;
            if args.remote.json {
                return print_json(&page);
            }
            for e in page.events {
                println!("{}\t{}\t{}\t{}\t{}\t{}", e.seq, e.at.long(), e.actor, e.action, e.outcome, e.sentence);
            }
        }
        AuditVerb::Verify(args) => {
            let check: ChainCheck = args.remote.api()?.post("/audit/verify", &json!({})).await?;
            if args.remote.json {
                print_json(&check)?;
            } else {
                println!("{} events, head {}", check.events, check.head);
            }
            if let Some((seq, how)) = check.broken {
                return Err(CliError::Failed(format!("the chain is broken at event {seq}: {how}")));
            }
        }
    }
    Ok(())
}
