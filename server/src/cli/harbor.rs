//! `breakwater harbor …`: harbors over the API, and two verbs at the server itself.

use app::harbors::sentences::Contact;
use app::harbors::types::{CheckList, CheckOutcome, Harbor, NewHarbor, StagingForm};
use app::sentence::Said;
use clap::{Args, Subcommand};
use serde_json::json;

use super::api::Remote;
use super::client::{Plain, encode, print_json};
use super::{CliError, local_state, secret_from_stdin};
use crate::audit::Actor;
use crate::config::{DatabaseArgs, KeyArgs};
use crate::harbors;

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

fn contact(said: Option<&Said<Contact>>) -> String {
    said.map_or_else(|| "not asked yet".to_owned(), ToString::to_string)
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
                let said = contact(h.state_detail.as_ref());
                println!("{}\t{}\t{said}\t{} projects, {} protected", h.name, h.url, h.projects, h.projects_protected);
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
            println!("registered {}: {}", made.name, contact(made.state_detail.as_ref()));
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
                return Err(CliError::Failed(app::harbors::refusals::Refusal::ChecksFailed.to_string()));
            }
        }
    }
    Ok(())
}
