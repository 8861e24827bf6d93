//! `breakwater user …`: accounts, to look at. What changes one is done by a person in the console.

use app::accounts::types::{OpenSession, Token, User};
use app::accounts::words::grant_lines;
use app::units::Moment;
use clap::{Args, Subcommand};

use super::api::Remote;
use super::client::{Plain, print_json};
use super::words::{Table, line};
use super::{CliError, names};

/// Account verbs.
#[derive(Subcommand)]
pub enum UserVerb {
    /// Accounts, their duties and roles
    List(Plain),
    /// One account
    Show(OneUser),
    /// Where somebody is signed in
    Sessions(OneUser),
    /// Tokens of somebody
    Tokens(OneUser),
}

/// An account.
#[derive(Args)]
pub struct OneUser {
    #[command(flatten)]
    remote: Remote,
    /// Sign-in name
    login: String,
}

fn duties(user: &User) -> String {
    user.duties.iter().map(|duty| format!("{duty:?}").to_lowercase()).collect::<Vec<_>>().join(", ")
}

fn seen(at: Option<Moment>) -> String {
    at.map_or_else(|| "never".to_owned(), Moment::url)
}

/// Tokens in a table.
pub fn print_tokens(tokens: Vec<Token>) {
    let mut table = Table::new(&["token", "name", "owner", "scope", "expires", "last used", "state"]);
    for token in tokens {
        let state = token.revoked.map_or_else(String::new, |at| format!("revoked {}", at.url()));
        let scope = format!("{:?}", token.scope).to_lowercase();
        table.row([token.id.to_string(), token.name, token.owner, scope, token.expires.url(), seen(token.last_used), state]);
    }
    table.print();
}

/// `breakwater user …`.
pub async fn user(verb: UserVerb) -> Result<(), CliError> {
    match verb {
        UserVerb::List(args) => {
            let users = names::users(&args.remote.api()?).await?;
            if args.remote.json {
                return print_json(&users);
            }
            let mut table = Table::new(&["login", "name", "duties", "last seen", "state"]);
            for user in users {
                let state = if user.disabled.is_some() { "disabled" } else { "" };
                table.row([user.login.clone(), user.display_name.clone(), duties(&user), seen(user.last_seen), state.to_owned()]);
            }
            table.print();
        }
        UserVerb::Show(args) => {
            let api = args.remote.api()?;
            let id = names::user(&api, &args.login).await?;
            let user: User = api.get(&format!("/users/{id}"), &[]).await?;
            if args.remote.json {
                return print_json(&user);
            }
            line(format!("{} ({}), last seen {}", user.login, user.display_name, seen(user.last_seen)));
            line(format!("duties: {}", duties(&user)));
            line(grant_lines(&user.grants));
        }
        UserVerb::Sessions(args) => {
            let api = args.remote.api()?;
            let id = names::user(&api, &args.login).await?;
            let sessions: Vec<OpenSession> = api.get(&format!("/users/{id}/sessions"), &[]).await?;
            if args.remote.json {
                return print_json(&sessions);
            }
            let mut table = Table::new(&["since", "seen", "address", "browser"]);
            for s in sessions {
                let browser = [s.browser, s.system].into_iter().flatten().collect::<Vec<_>>().join(", ");
                table.row([s.since.url(), s.seen.url(), s.ip.unwrap_or_default(), browser]);
            }
            table.print();
        }
        UserVerb::Tokens(args) => {
            let api = args.remote.api()?;
            let id = names::user(&api, &args.login).await?;
            let tokens: Vec<Token> = api.get(&format!("/users/{id}/tokens"), &[]).await?;
            if args.remote.json {
                return print_json(&tokens);
            }
            print_tokens(tokens);
        }
    }
    Ok(())
}
