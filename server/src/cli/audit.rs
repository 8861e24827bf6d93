//! `breakwater audit …`.

use app::audit::types::{AuditDetail, AuditPage, ChainCheck};
use clap::{Args, Subcommand};
use serde_json::json;

use super::CliError;
use super::api::Remote;
use super::client::{Plain, print_json, query};
use super::words::{Table, line};

/// Audit verbs.
#[derive(Subcommand)]
pub enum AuditVerb {
    /// Newest events
    List(AuditList),
    /// One event with its record, as it is in the chain
    Show(OneEvent),
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
    /// success, failure, denied or partial
    #[arg(long, default_value = "")]
    outcome: String,
    /// What it was done to: a type, or type:id
    #[arg(long, default_value = "")]
    object: String,
    /// First moment or day
    #[arg(long, default_value = "")]
    from: String,
    /// Last moment or day
    #[arg(long, default_value = "")]
    to: String,
    /// The `next` of the page before, as --json has it
    #[arg(long, default_value = "")]
    after: String,
}

/// An event.
#[derive(Args)]
pub struct OneEvent {
    #[command(flatten)]
    remote: Remote,
    /// Its number
    seq: i64,
}

/// `breakwater audit …`.
pub async fn audit(verb: AuditVerb) -> Result<(), CliError> {
    match verb {
        AuditVerb::List(args) => {
            let query = query([
                ("actor", &args.actor),
                ("action", &args.action),
                ("outcome", &args.outcome),
                ("object", &args.object),
                ("from", &args.from),
                ("to", &args.to),
                ("after", &args.after),
            ]);
            let page: AuditPage = args.remote.api()?.get("/audit", &query).await?;
            if args.remote.json {
                return print_json(&page);
            }
            let mut table = Table::new(&["event", "at", "who", "action", "outcome", "what"]);
            for e in page.events {
                table.row([e.seq.to_string(), e.at.long(), e.actor, e.action, e.outcome, e.sentence.to_string()]);
            }
            table.print();
        }
        AuditVerb::Show(args) => {
            let event: AuditDetail = args.remote.api()?.get(&format!("/audit/{}", args.seq), &[]).await?;
            if args.remote.json {
                return print_json(&event);
            }
            line(&event.record);
            line(format!("hash {}, after {}; {}", event.hash, event.prev_hash, if event.intact { "intact" } else { "NOT intact" }));
        }
        AuditVerb::Verify(args) => {
            let check: ChainCheck = args.remote.api()?.post("/audit/verify", &json!({})).await?;
            if args.remote.json {
                print_json(&check)?;
            } else {
                line(format!("{} events, head {}", check.events, check.head));
            }
            if let Some((seq, how)) = check.broken {
                return Err(CliError::Failed(format!("the chain is broken at event {seq}: {how}")));
            }
        }
    }
    Ok(())
}
