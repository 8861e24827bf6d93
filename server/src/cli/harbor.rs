//! `breakwater harbor …`: harbors over the API, and two verbs at the server itself.

use app::harbors::sentences::Contact;
use app::harbors::types::{CheckList, CheckOutcome, Harbor, NewHarbor, StagingForm};
use app::sentence::Said;
use clap::{Args, Subcommand};
use serde_json::json;

use super::api::Remote;
use super::client::{Plain, Queued, encode, print_json, wait_for};
use super::words::{Table, line};
use super::{CliError, local_state, secret_from_stdin};
use crate::audit::Actor;
use crate::config::{DatabaseArgs, KeyArgs};
use crate::harbors;

/// Harbor verbs.
#[derive(Subcommand)]
pub enum HarborVerb {
    /// List harbors
    List(Plain),
    /// One harbor
    Show(NamedHarbor),
    /// Try a connection that is not registered; the secret of its login comes on standard input
    Try(TryHarbor),
    /// Remove a harbor that no plan and no snapshot needs
    Remove(RemoveHarbor),
    /// Register a harbor, at the server's own command line; the secret of its login comes on standard input
    Add(AddHarbor),
    /// Test the connection of a harbor
    Check(NamedHarbor),
    /// List the projects of a harbor now, so that new ones show as not protected
    Inventory(ListNow),
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

/// A harbor whose projects are listed.
#[derive(Args)]
pub struct ListNow {
    #[command(flatten)]
    of: NamedHarbor,
    /// Wait for its end
    #[arg(long)]
    wait: bool,
}

/// A harbor to remove.
#[derive(Args)]
pub struct RemoveHarbor {
    #[command(flatten)]
    of: NamedHarbor,
    /// Its name once more
    #[arg(long)]
    confirm: String,
}

/// A connection to try.
#[derive(Args)]
pub struct TryHarbor {
    #[command(flatten)]
    remote: Remote,
    /// Base address
    url: String,
    /// Login for backup
    #[arg(long)]
    login: String,
    /// Accept plain http
    #[arg(long)]
    plain_http: bool,
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
            let mut table = Table::new(&["harbor", "address", "state", "projects", "protected"]);
            for h in harbors {
                let said = contact(h.state_detail.as_ref());
                table.row([h.name, h.url, said, h.projects.to_string(), h.projects_protected.to_string()]);
            }
            table.print();
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
            let api = args.of.remote.api()?;
            let queued: Queued = api.post(&format!("/harbors/{}/inventory", encode(&args.of.name)), &json!({})).await?;
            wait_for(&args.of.remote, &api, queued, args.wait).await?;
        }
        HarborVerb::Show(args) => {
            let harbor: Harbor = args.remote.api()?.get(&format!("/harbors/{}", encode(&args.name)), &[]).await?;
            if args.remote.json {
                return print_json(&harbor);
            }
            show(&harbor);
        }
        HarborVerb::Try(args) => {
            let read_secret = secret_from_stdin("the secret of the login")?;
            let (url, plain_http, read_login) = (args.url, args.plain_http, args.login);
            let form = NewHarbor { name: "tried".to_owned(), url, plain_http, read_login, read_secret, ..NewHarbor::default() };
            checked(&args.remote, &args.remote.api()?.post("/harbors/try", &form).await?)?;
        }
        HarborVerb::Remove(args) => {
            let path = format!("/harbors/{}", encode(&args.of.name));
            args.of.remote.api()?.delete::<()>(&path, &json!({ "confirm": args.confirm })).await?;
            line(format!("{} is removed", args.of.name));
        }
        HarborVerb::Check(args) => {
            checked(&args.remote, &args.remote.api()?.post(&format!("/harbors/{}/check", encode(&args.name)), &json!({})).await?)?;
        }
    }
    Ok(())
}

fn show(harbor: &Harbor) {
    line(format!("{}: {}, {}", harbor.name, harbor.url, contact(harbor.state_detail.as_ref())));
    let restores = harbor.write_login.as_ref().map_or_else(|| "no login for restores".to_owned(), |login| format!("restores as {login}"));
    line(format!("  Harbor {}; reads as {}; {restores}", harbor.version.as_deref().unwrap_or("of an unknown version"), harbor.read_login));
    line(format!("  {} projects, {} protected", harbor.projects, harbor.projects_protected));
}

/// A check-list in a table.
pub fn print_checks(checks: &CheckList) {
    let mut table = Table::new(&["outcome", "check", "found", "remedy"]);
    for c in &checks.checks {
        let mark = match c.outcome {
            CheckOutcome::Pass => "ok",
            CheckOutcome::Warn => "warning",
            CheckOutcome::Fail => "FAILED",
        };
        let remedy = c.remedy.as_ref().map(ToString::to_string).unwrap_or_default();
        table.row([mark.to_owned(), c.title.to_string(), c.detail.to_string(), remedy]);
    }
    table.print();
}

fn checked(remote: &Remote, checks: &CheckList) -> Result<(), CliError> {
    if remote.json {
        print_json(checks)?;
    } else {
        print_checks(checks);
    }
    if checks.backup_ok { Ok(()) } else { Err(CliError::Failed(app::harbors::refusals::Refusal::ChecksFailed.to_string())) }
}
