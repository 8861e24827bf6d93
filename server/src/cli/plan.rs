//! `breakwater plan …`.

use app::plans::left::{DeletePlanForm, Leave};
use app::plans::types::{Plan, PlanForm, PlanPreview, Retention};
use clap::{Args, Subcommand};
use serde_json::json;

use super::api::{Api, Remote};
use super::client::{Plain, print_json};
use super::words::{Table, line};
use super::{CliError, names, upkeep};

/// Plan verbs.
#[derive(Subcommand)]
pub enum PlanVerb {
    /// List plans
    List(Plain),
    /// One plan
    Show(OnePlan),
    /// Make a plan
    Create(NewPlan),
    /// What a plan would match, when it would run and what it would keep; makes none
    Preview(NewPlan),
    /// Change a plan; what is not named stays as it is
    Edit(EditPlan),
    /// What its rule keeps of the snapshots there are, and why
    Retention(OnePlan),
    /// Stop its runs for some days
    Pause(PausePlan),
    /// Let it run again
    Resume(OnePlan),
    /// Delete a plan, and say what becomes of its snapshots
    Delete(DeletePlan),
    /// Deleted plans that still have snapshots, and what becomes of those
    Left(Plain),
    /// Say what becomes of the snapshots of a deleted plan
    Leave(upkeep::LeaveOne),
    /// Images that came from files, and until when they are kept
    Imports(Plain),
    /// Say whose word keeps images that came from files, and until when
    KeepImport(upkeep::KeepOne),
}

/// A plan.
#[derive(Args)]
pub struct OnePlan {
    #[command(flatten)]
    remote: Remote,
    /// Its name
    plan: String,
}

/// A new plan.
#[derive(Args)]
pub struct NewPlan {
    #[command(flatten)]
    remote: Remote,
    /// Name
    name: String,
    /// Harbor
    #[arg(long)]
    harbor: String,
    #[command(flatten)]
    choices: Choices,
}

/// A plan to change.
#[derive(Args)]
pub struct EditPlan {
    #[command(flatten)]
    of: OnePlan,
    /// Another name
    #[arg(long)]
    rename: Option<String>,
    #[command(flatten)]
    choices: Choices,
}

/// What a plan says.
#[derive(Args)]
pub struct Choices {
    /// Vault
    #[arg(long)]
    vault: Option<String>,
    /// Vault that gets a copy of each snapshot; repeat for several
    #[arg(long)]
    copy: Vec<String>,
    /// Project pattern to include; repeat for several. A new plan has all
    #[arg(long)]
    include: Vec<String>,
    /// Project pattern to leave out; repeat for several
    #[arg(long)]
    exclude: Vec<String>,
    /// Five cron fields; a new plan runs each hour
    #[arg(long)]
    cron: Option<String>,
    /// Time zone; of a new plan UTC
    #[arg(long)]
    zone: Option<String>,
    /// Target age, hours; of a new plan 24
    #[arg(long)]
    rpo_hours: Option<i64>,
    /// Hours after which a run lists everything again, whatever the hints say; of a new plan 24
    #[arg(long)]
    full_every_h: Option<i32>,
    /// Keep the newest so many of each project. With no --keep… a new plan keeps everything
    #[arg(long)]
    keep_last: Option<u32>,
    /// Keep one for each of so many hours that have one
    #[arg(long)]
    keep_hourly: Option<u32>,
    /// Days
    #[arg(long)]
    keep_daily: Option<u32>,
    /// Weeks
    #[arg(long)]
    keep_weekly: Option<u32>,
    /// Months
    #[arg(long)]
    keep_monthly: Option<u32>,
    /// Years
    #[arg(long)]
    keep_yearly: Option<u32>,
    /// Keep all of so many days
    #[arg(long)]
    keep_within_days: Option<u32>,
}

/// A pause.
#[derive(Args)]
pub struct PausePlan {
    #[command(flatten)]
    of: OnePlan,
    /// Days, 1 to 7
    #[arg(long)]
    days: i64,
    /// Why
    #[arg(long)]
    reason: String,
}

/// A plan to delete.
#[derive(Args)]
pub struct DeletePlan {
    #[command(flatten)]
    of: OnePlan,
    /// Its name once more
    #[arg(long)]
    confirm: String,
    /// What becomes of its snapshots: kept (all of them), rule (the one it had) or plan (the rule of another)
    #[arg(long, default_value = "")]
    to: String,
    /// With kept: login of who answers for it
    #[arg(long, default_value = "")]
    owner: String,
    /// With plan: that plan
    #[arg(long)]
    by_plan: Option<String>,
}

impl Choices {
    /// A form with what was chosen in the place of what it says.
    async fn over(self, api: &Api, mut form: PlanForm) -> Result<PlanForm, CliError> {
        if let Some(vault) = &self.vault {
            form.vault_id = Some(names::vault(api, vault).await?);
        }
        if !self.copy.is_empty() {
            form.copies = Vec::new();
            for vault in &self.copy {
                form.copies.push(names::vault(api, vault).await?);
            }
        }
        if !self.include.is_empty() {
            form.include = self.include.join("\n");
        }
        if !self.exclude.is_empty() {
            form.exclude = self.exclude.join("\n");
        }
        form.cron = self.cron.unwrap_or(form.cron);
        form.zone = self.zone.unwrap_or(form.zone);
        form.rpo_hours = self.rpo_hours.unwrap_or(form.rpo_hours);
        form.full_every_h = self.full_every_h.unwrap_or(form.full_every_h);
        form.keep_last = self.keep_last.unwrap_or(form.keep_last);
        form.keep_hourly = self.keep_hourly.unwrap_or(form.keep_hourly);
        form.keep_daily = self.keep_daily.unwrap_or(form.keep_daily);
        form.keep_weekly = self.keep_weekly.unwrap_or(form.keep_weekly);
        form.keep_monthly = self.keep_monthly.unwrap_or(form.keep_monthly);
        form.keep_yearly = self.keep_yearly.unwrap_or(form.keep_yearly);
        form.keep_within_days = self.keep_within_days.unwrap_or(form.keep_within_days);
        Ok(form)
    }
}

impl NewPlan {
    async fn form(self, api: &Api) -> Result<PlanForm, CliError> {
        if self.choices.vault.is_none() {
            return Err(CliError::Usage("say which vault with --vault".to_owned()));
        }
        let form = PlanForm {
            name: self.name,
            harbor: self.harbor,
            include: "*".to_owned(),
            cron: "0 * * * *".to_owned(),
            zone: "UTC".to_owned(),
            rpo_hours: 24,
            full_every_h: 24,
            ..PlanForm::default()
        };
        self.choices.over(api, form).await
    }
}

/// The form of a plan as it is.
fn form_of(plan: Plan) -> PlanForm {
    let keep = plan.keep;
    PlanForm {
        plan_id: Some(plan.id),
        version: Some(plan.version),
        name: plan.name,
        harbor: plan.harbor,
        vault_id: Some(plan.vault_id),
        copies: plan.copies.iter().map(|copy| copy.vault_id).collect(),
        include: plan.include.join("\n"),
        exclude: plan.exclude.join("\n"),
        cron: plan.cron,
        zone: plan.zone,
        rpo_hours: plan.rpo_s / 3_600,
        full_every_h: plan.full_every_h,
        keep_last: keep.last,
        keep_hourly: keep.hourly,
        keep_daily: keep.daily,
        keep_weekly: keep.weekly,
        keep_monthly: keep.monthly,
        keep_yearly: keep.yearly,
        keep_within_days: keep.within_days,
    }
}

async fn found(one: &OnePlan) -> Result<(Api, i64), CliError> {
    let api = one.remote.api()?;
    let id = names::plan(&api, &one.plan).await?;
    Ok((api, id))
}

fn print(remote: &Remote, plan: &Plan) -> Result<(), CliError> {
    if remote.json {
        return print_json(plan);
    }
    let Plan { name, harbor, vault, include, exclude, schedule_words, .. } = plan;
    line(format!("{name}: {} of {harbor} into {vault}, {schedule_words}", include.join(", ")));
    if !exclude.is_empty() {
        line(format!("  without {}", exclude.join(", ")));
    }
    for copy in &plan.copies {
        line(format!("  copied into {}: {} snapshots, {} wait", copy.vault, copy.copied, copy.waiting));
    }
    let next = plan.next.map_or_else(|| "none".to_owned(), app::units::Moment::long);
    let last = plan.last_good.map_or_else(|| "never".to_owned(), app::units::Moment::long);
    line(format!("  {} projects, last good {last}, next run {next}", plan.projects));
    if let Some(paused) = &plan.paused {
        let until = paused.until.map_or_else(|| "until it is resumed".to_owned(), |until| format!("until {}", until.long()));
        line(format!("  paused {until} by {}: {}", paused.by, paused.reason));
    }
    Ok(())
}

fn print_preview(preview: &PlanPreview) {
    line(format!("{} projects, {} repositories; {}", preview.matched.len(), preview.repositories, preview.schedule_words));
    let mut table = Table::new(&["project", "repositories", "in plans"]);
    preview.matched.iter().for_each(|found| table.row([found.project.clone(), found.repositories.to_string(), found.in_plans.join(", ")]));
    table.print();
    preview.next_runs.iter().for_each(|run| line(format!("  runs {}", run.local)));
    preview.stale.iter().for_each(|stale| line(format!("  as last listed: {stale}")));
    preview.warnings.iter().for_each(|warning| line(format!("  note: {warning}")));
}

fn print_retention(retention: &Retention) {
    line(format!(
        "{} snapshots, {} go; in the long run {} of a project, the oldest {} days old",
        retention.snapshots, retention.go, retention.in_the_long_run, retention.oldest_days
    ));
    retention.acts_from.iter().for_each(|from| line(format!("nothing goes before {}", from.long())));
    let mut table = Table::new(&["project", "moment", "kept because"]);
    for kept in &retention.shown {
        let reasons: Vec<String> = kept.reasons.iter().map(ToString::to_string).collect();
        table.row([kept.project.clone(), kept.at.url(), if reasons.is_empty() { "goes".to_owned() } else { reasons.join("; ") }]);
    }
    table.print();
}

/// `breakwater plan …`.
pub async fn plan(verb: PlanVerb) -> Result<(), CliError> {
    match verb {
        PlanVerb::List(args) => {
            let plans: Vec<Plan> = args.remote.api()?.get("/plans", &[]).await?;
            if args.remote.json {
                return print_json(&plans);
            }
            let mut table = Table::new(&["plan", "harbor", "vault", "projects", "when", "next"]);
            for p in plans {
                let next = p.next.map_or_else(|| "paused".to_owned(), app::units::Moment::long);
                table.row([p.name, p.harbor, p.vault, p.projects.to_string(), p.schedule_words.to_string(), next]);
            }
            table.print();
            Ok(())
        }
        PlanVerb::Show(args) => {
            let (api, id) = found(&args).await?;
            print(&args.remote, &api.get(&format!("/plans/{id}"), &[]).await?)
        }
        PlanVerb::Create(args) => {
            let (remote, api) = (args.remote.clone(), args.remote.api()?);
            let form = args.form(&api).await?;
            print(&remote, &api.post("/plans", &form).await?)
        }
        PlanVerb::Preview(args) => {
            let (remote, api) = (args.remote.clone(), args.remote.api()?);
            let form = args.form(&api).await?;
            let preview: PlanPreview = api.post("/plans/preview", &form).await?;
            if remote.json {
                return print_json(&preview);
            }
            print_preview(&preview);
            Ok(())
        }
        PlanVerb::Edit(args) => {
            let (api, id) = found(&args.of).await?;
            let mut form = form_of(api.get(&format!("/plans/{id}"), &[]).await?);
            form.name = args.rename.unwrap_or(form.name);
            let form = args.choices.over(&api, form).await?;
            print(&args.of.remote, &api.put(&format!("/plans/{id}"), &form).await?)
        }
        PlanVerb::Retention(args) => {
            let (api, id) = found(&args).await?;
            let retention: Retention = api.get(&format!("/plans/{id}/retention"), &[]).await?;
            if args.remote.json {
                return print_json(&retention);
            }
            print_retention(&retention);
            Ok(())
        }
        PlanVerb::Pause(args) => {
            let (api, id) = found(&args.of).await?;
            let body = json!({ "days": args.days, "reason": args.reason });
            print(&args.of.remote, &api.post(&format!("/plans/{id}/pause"), &body).await?)
        }
        PlanVerb::Resume(args) => {
            let (api, id) = found(&args).await?;
            print(&args.remote, &api.post(&format!("/plans/{id}/resume"), &json!({})).await?)
        }
        PlanVerb::Delete(args) => delete(args).await,
        PlanVerb::Left(args) => upkeep::left(args).await,
        PlanVerb::Leave(args) => upkeep::leave(args).await,
        PlanVerb::Imports(args) => upkeep::imports(args).await,
        PlanVerb::KeepImport(args) => upkeep::keep_import(args).await,
    }
}

async fn delete(args: DeletePlan) -> Result<(), CliError> {
    let (api, id) = found(&args.of).await?;
    let plan_id = match &args.by_plan {
        Some(name) => Some(names::plan(&api, name).await?),
        None => None,
    };
    let form = DeletePlanForm { confirm: args.confirm, left: Leave { to: args.to, owner: args.owner, plan_id } };
    api.delete::<()>(&format!("/plans/{id}"), &form).await?;
    line(format!("the plan {} is deleted", args.of.plan));
    Ok(())
}
