//! `breakwater tag …`: tags through time, and the search.

use app::projects::types::TagHistory;
use app::units::{bytes, short_digest};
use clap::{Args, Subcommand};

use super::api::Remote;
use super::client::{encode, print_json, said};
use super::words::{Table, line};
use super::{CliError, upkeep};

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
            let mut table = Table::new(&["digest", "time", "size", "ended"]);
            for span in history.spans {
                let to = span.to.map_or_else(|| format!("at least {known_to}"), app::units::Moment::url);
                let time = format!("{} – {to}", span.from.url());
                table.row([short_digest(&span.digest), time, bytes(span.size_bytes), said(span.ended.as_ref())]);
            }
            table.print();
            line(upkeep::in_harbor(history.in_harbor.as_ref(), history.live_error.as_ref()));
            if let Some(gap) = history.gap {
                line(format!("gap in the newest snapshot: {}: {}", gap.subject, gap.cause));
            }
        }
        TagVerb::Find(args) => {
            upkeep::find(&args.remote, &args.text).await?;
        }
    }
    Ok(())
}
