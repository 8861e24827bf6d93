//! Accounts and tokens made by whoever has the database and the key: for scripts, and when nobody can sign in any more.

use app::accounts::types::{Duty, NewToken, NewUser, TokenScope};
use clap::{Args, Subcommand, ValueEnum};

use super::client::{Plain, print_json};
use super::{CliError, local_state, secret_from_stdin, user};
use crate::accounts;
use crate::audit::Actor;
use crate::config::{DatabaseArgs, KeyArgs};
use crate::state::AppState;

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
    /// List the tokens of an account, or of everybody
    List(ListTokens),
    /// End a token
    Revoke(RevokeToken),
    /// Tokens of whoever asks, over the API
    Own(Plain),
}

/// Tokens to list.
#[derive(Args)]
pub struct ListTokens {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Sign-in name of their owner; everybody's without it
    login: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A token to end.
#[derive(Args)]
pub struct RevokeToken {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    key: KeyArgs,
    /// Its number
    id: i64,
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
    /// Network it may be used from, such as `10.0.0.0/8`; repeat for several
    #[arg(long = "network")]
    networks: Vec<String>,
    /// Project it is bound to, `harbor/project` or `harbor/*`; repeat for several
    #[arg(long = "project")]
    projects: Vec<String>,
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
    match verb {
        TokenVerb::Create(args) => create_token(args).await,
        TokenVerb::List(args) => list_tokens(args).await,
        TokenVerb::Own(args) => {
            let tokens: Vec<app::accounts::types::Token> = args.remote.api()?.get("/tokens", &[]).await?;
            if args.remote.json {
                return print_json(&tokens);
            }
            user::print_tokens(tokens);
            Ok(())
        }
        TokenVerb::Revoke(args) => {
            let state = local_state(&args.database, &args.key).await?;
            accounts::revoke_at_command_line(&state, args.id).await?;
            println!("token {} is revoked", args.id);
            Ok(())
        }
    }
}

async fn account_of(state: &AppState, login: &str) -> Result<accounts::Credentials, CliError> {
    let mut conn = state.pool.acquire().await?;
    accounts::credentials(&mut conn, login).await?.ok_or_else(|| CliError::Failed(format!("there is no account {login}")))
}

async fn list_tokens(args: ListTokens) -> Result<(), CliError> {
    let state = local_state(&args.database, &args.key).await?;
    let of = match &args.login {
        Some(login) => Some(account_of(&state, login).await?.id),
        None => None,
    };
    let tokens = accounts::tokens_at_command_line(&state, of).await?;
    if args.json {
        return print_json(&tokens);
    }
    let now = time::OffsetDateTime::now_utc();
    for token in tokens {
        let stands = match (token.revoked, token.expires.0 <= now) {
            (Some(at), _) => format!("revoked {}", at.long()),
            (None, true) => format!("ended {}", token.expires.long()),
            (None, false) => format!("until {}", token.expires.long()),
        };
        let used = token.last_used.map_or_else(|| "never used".to_owned(), |at| format!("used {}", at.long()));
        let from = token.last_ip.map_or_else(String::new, |ip| format!(" from {ip}"));
        let may = if token.scope == TokenScope::Write { "writes" } else { "reads" };
        let only = token.projects.map_or_else(String::new, |places| format!(" only {}", places.join(", ")));
        let within = if token.networks.is_empty() { String::new() } else { format!(" within {}", token.networks.join(", ")) };
        println!("{}\t{}\t{}\t{may}{only}{within}\t{stands}\t{used}{from}", token.id, token.owner, token.name);
    }
    Ok(())
}

async fn create_token(args: CreateToken) -> Result<(), CliError> {
    let state = local_state(&args.database, &args.key).await?;
    let account = account_of(&state, &args.login).await?;
    if !account.active {
        return Err(CliError::Failed(format!("the account {} is switched off", args.login)));
    }
    let scope = if args.write { TokenScope::Write } else { TokenScope::Read };
    let (networks, projects) = (args.networks.join("\n"), args.projects.join("\n"));
    let form = NewToken { name: args.name, scope, days: args.days, networks, projects };
    let made = accounts::create_token_for(&state, &Actor::command_line(), account.id, &args.login, form).await?;
    println!("{}", made.secret);
    Ok(())
}
