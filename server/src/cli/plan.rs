//! `breakwater plan …`.

use app::plans::types::{Plan, PlanForm};
use clap::{Args, Subcommand};

use super::api::Remote;
use super::client::{Plain, print_json};
use super::{CliError, upkeep};

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
    /// Images that came from files, and until when they are kept
    Imports(Plain),
    /// Say whose word keeps images that came from files, and until when
    KeepImport(upkeep::KeepOne),
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
        PlanVerb::Imports(args) => upkeep::imports(args).await?,
        PlanVerb::KeepImport(args) => upkeep::keep_import(args).await?,
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
