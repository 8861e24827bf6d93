//! `breakwater snapshot …`: a project over time.

use app::projects::types::{Browse, Timeline};
use app::units::short_digest;
use clap::Subcommand;

use super::CliError;
use super::client::{OfProject, print_json, project_path};
use super::words::Table;

/// Snapshot verbs.
#[derive(Subcommand)]
pub enum SnapshotVerb {
    /// Snapshots of a project
    List(OfProject),
    /// What a project held at a moment
    Show(OfProject),
}

/// `breakwater snapshot …`.
pub async fn snapshot(verb: SnapshotVerb) -> Result<(), CliError> {
    match verb {
        SnapshotVerb::List(args) => {
            let timeline: Timeline = args.remote.api()?.get(&project_path(&args.project)?, &[("zoom", "year")]).await?;
            if args.remote.json {
                return print_json(&timeline.snapshots);
            }
            let mut table = Table::new(&["moment", "digest", "state", "tags", "changes"]);
            for s in timeline.snapshots {
                let words = app::projects::gap_words::gap_count(s.gaps, s.gaps_accepted, app::text::Lang::En);
                let gaps = words.unwrap_or_else(|| "complete".to_owned());
                let changes = format!("+{} -{} ~{}", s.added, s.removed, s.moved);
                table.row([s.moment.url(), short_digest(&s.digest), gaps, s.tags.to_string(), changes]);
            }
            table.print();
        }
        SnapshotVerb::Show(args) => {
            let query: Vec<(&str, &str)> = args.at.iter().map(|at| ("at", at.as_str())).collect();
            let contents: Browse = args.remote.api()?.get(&format!("{}/contents", project_path(&args.project)?), &query).await?;
            if args.remote.json {
                return print_json(&contents);
            }
            let mut table = Table::new(&["repository", "tags", "artifacts"]);
            contents.repositories.into_iter().for_each(|r| table.row([r.repository, r.tags.to_string(), r.artifacts.to_string()]));
            table.print();
        }
    }
    Ok(())
}
