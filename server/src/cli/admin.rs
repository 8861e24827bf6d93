//! Accounts and tokens made by whoever has the database and the key: for scripts, and when nobody can sign in any more.

use app::accounts::types::{Duty, NewToken, NewUser, TokenScope};
use clap::{Args, Subcommand, ValueEnum};

use super::{CliError, local_state, secret_from_stdin};
use crate::accounts;
use crate::audit::Actor;
use crate::config::{DatabaseArgs, KeyArgs};

/// A duty as a word.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DutyWord {
    /// Registers harbors, vaults and plans
    Operator,
    /// Gives roles
    Secadmin,
    /// Reads the audit history
    Auditor,
}

/// Account verbs.
#[derive(Subcommand)]
pub enum AdminVerb {
    /// Make an account; its password comes on standard input
    Create(Create),
}

/// A new account.
#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Sign-in name
    login: String,
    /// Name shown to others
    #[arg(long, default_value = "")]
    name: String,
    /// Duty; repeat for several
    #[arg(long, value_enum)]
    duty: Vec<DutyWord>,
    /// Role on a project, such as `requester prod/payments`; repeat for several
    #[arg(long)]
    grant: Vec<String>,
}

/// Token verbs.
#[derive(Subcommand)]
pub enum TokenVerb {
    /// Make a token for an account and print it once
    Create(CreateToken),
}

/// A new token.
#[derive(Args)]
pub struct CreateToken {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Sign-in name of its owner
    login: String,
    /// What it is for
    #[arg(long)]
    name: String,
    /// Days it lives
    #[arg(long, default_value_t = 90)]
    days: i32,
    /// May change things; votes excepted
    #[arg(long)]
    write: bool,
}

/// `breakwater admin …`.
pub async fn admin(verb: AdminVerb) -> Result<(), CliError> {
    let AdminVerb::Create(args) = verb;
    let state = local_state(&args.database, &args.key).await?;
    let password = secret_from_stdin("the password")?;
    let duties = args
        .duty
        .iter()
        .map(|d| match d {
            DutyWord::Operator => Duty::Operator,
            DutyWord::Secadmin => Duty::Secadmin,
            DutyWord::Auditor => Duty::Auditor,
        })
        .collect();
    let form = NewUser { login: args.login, display_name: args.name, password, duties, grants: args.grant.join("\n") };
    let user = accounts::admin_create(&state, &Actor::command_line(), form).await?;
    println!("made the account {}", user.login);
    Ok(())
}

/// `breakwater token …`.
pub async fn token(verb: TokenVerb) -> Result<(), CliError> {
    let TokenVerb::Create(args) = verb;
    let state = local_state(&args.database, &args.key).await?;
    let account = {
        let mut conn = state.pool.acquire().await?;
        accounts::credentials(&mut conn, &args.login).await?.filter(|a| a.active)
    };
    let account = account.ok_or_else(|| CliError::Failed(format!("there is no active account {}", args.login)))?;
    let scope = if args.write { TokenScope::Write } else { TokenScope::Read };
    let form = NewToken { name: args.name, scope, days: args.days };
    let made = accounts::create_token_for(&state, &Actor::command_line(), account.id, &args.login, form).await?;
    println!("{}", made.secret);
    Ok(())
}
