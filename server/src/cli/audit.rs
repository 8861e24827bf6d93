//! `breakwater audit …`.

use app::audit::types::{AuditPage, ChainCheck};
use clap::{Args, Subcommand};
use serde_json::json;

use super::CliError;
use super::api::Remote;
use super::client::{Plain, print_json};

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
