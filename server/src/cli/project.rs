//! `breakwater project …`, `breakwater artifact …`: what there is, and what differs.

use app::projects::types::{ArtifactDetail, Changes, LiveDiff, Project, SettingsAt};
use app::units::{Moment, Page, bytes, short_digest};
use clap::{Args, Subcommand};
use serde_json::json;

use super::CliError;
use super::api::Remote;
use super::client::{OfProject, Queued, encode, print_json, project_path, query, wait_for};
use super::words::{Table, line};

/// Project verbs.
#[derive(Subcommand)]
pub enum ProjectVerb {
    /// Projects and how they are protected
    List(ListProjects),
    /// What Harbor has now beside what a snapshot has
    Diff(OfProject),
    /// What changed between two moments
    Changes(Between),
    /// Settings at a moment, and what differs from those before
    Settings(SettingsOf),
    /// Back one project up now
    Backup(BackUp),
}

/// Artifact verbs.
#[derive(Subcommand)]
pub enum ArtifactVerb {
    /// What an image is made of
    Show(OneArtifact),
}

/// Projects to list.
#[derive(Args)]
pub struct ListProjects {
    #[command(flatten)]
    remote: Remote,
    /// Only of this harbor
    #[arg(long, default_value = "")]
    harbor: String,
    /// Only in this state: met, `at_risk`, missed, gaps, pending, unprotected, gone
    #[arg(long, default_value = "")]
    state: String,
    /// Only with this in their names
    #[arg(long, default_value = "")]
    text: String,
    /// The `next` of the page before, as --json has it
    #[arg(long, default_value = "")]
    after: String,
}

/// Two moments of a project.
#[derive(Args)]
pub struct Between {
    #[command(flatten)]
    remote: Remote,
    /// `harbor/project`
    project: String,
    /// Earlier moment; default: the snapshot before
    #[arg(long, default_value = "")]
    from: String,
    /// Later moment; default: the newest snapshot
    #[arg(long, default_value = "")]
    to: String,
}

/// Settings of a project.
#[derive(Args)]
pub struct SettingsOf {
    #[command(flatten)]
    of: OfProject,
    /// Moment they are compared with; default: the snapshot before
    #[arg(long, default_value = "")]
    against: String,
}

/// A project to back up.
#[derive(Args)]
pub struct BackUp {
    #[command(flatten)]
    remote: Remote,
    /// `harbor/project`
    project: String,
    /// Wait for its end
    #[arg(long)]
    wait: bool,
}

/// An image.
#[derive(Args)]
pub struct OneArtifact {
    #[command(flatten)]
    remote: Remote,
    /// Harbor
    harbor: String,
    /// `project/repository@sha256:…`
    artifact: String,
}

/// `breakwater project …`.
pub async fn project(verb: ProjectVerb) -> Result<(), CliError> {
    match verb {
        ProjectVerb::List(args) => list(args).await,
        ProjectVerb::Diff(args) => diff(args).await,
        ProjectVerb::Changes(args) => changes(args).await,
        ProjectVerb::Settings(args) => settings(args).await,
        ProjectVerb::Backup(args) => {
            let api = args.remote.api()?;
            let queued: Queued = api.post(&format!("{}/backup", project_path(&args.project)?), &json!({})).await?;
            wait_for(&args.remote, &api, queued, args.wait).await
        }
    }
}

async fn list(args: ListProjects) -> Result<(), CliError> {
    let query = query([("harbor", &args.harbor), ("state", &args.state), ("q", &args.text), ("after", &args.after)]);
    let projects: Page<Project> = args.remote.api()?.get("/projects", &query).await?;
    if args.remote.json {
        return print_json(&projects);
    }
    let mut table = Table::new(&["project", "protection", "last good", "tags", "size", "plans"]);
    for p in projects.items {
        let state = serde_json::to_value(p.protection).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default();
        let last = p.last_good.map_or_else(|| "never".to_owned(), Moment::url);
        table.row([format!("{}/{}", p.harbor, p.project), state, last, p.tags.to_string(), bytes(p.bytes), p.plans.join(", ")]);
    }
    table.print();
    projects.next.iter().for_each(|next| eprintln!("more with --after {next}"));
    Ok(())
}

async fn diff(args: OfProject) -> Result<(), CliError> {
    let query: Vec<(&str, &str)> = args.at.iter().map(|at| ("at", at.as_str())).collect();
    let diff: LiveDiff = args.remote.api()?.get(&format!("{}/diff", project_path(&args.project)?), &query).await?;
    if args.remote.json {
        return print_json(&diff);
    }
    if let Some(error) = diff.error {
        return Err(CliError::Failed(format!("Harbor could not be asked: {error}")));
    }
    line(format!("{} the same, {} missing in Harbor, {} moved, {} new there", diff.same, diff.missing, diff.moved, diff.new));
    let mut table = Table::new(&["tag", "in Harbor"]);
    for repository in diff.repositories {
        let name = |tag: &String| format!("{}:{tag}", repository.repository);
        repository.missing.iter().for_each(|tag| table.row([name(tag), "missing".to_owned()]));
        repository.moved.iter().for_each(|tag| table.row([name(tag), "moved".to_owned()]));
        let shown = i64::try_from(repository.missing.len() + repository.moved.len()).unwrap_or(i64::MAX);
        let more = repository.missing_total + repository.moved_total - shown;
        if more > 0 {
            table.row([repository.repository.clone(), format!("and {more} more")]);
        }
    }
    table.print();
    Ok(())
}

async fn changes(args: Between) -> Result<(), CliError> {
    let query = query([("from", &args.from), ("to", &args.to)]);
    let changes: Changes = args.remote.api()?.get(&format!("{}/changes", project_path(&args.project)?), &query).await?;
    if args.remote.json {
        return print_json(&changes);
    }
    let Changes { from, to, added, removed, moved, .. } = &changes;
    line(format!("{} – {}: +{added} -{removed} ~{moved}", from.url(), to.url()));
    let mut table = Table::new(&["tag", "was", "is"]);
    let digest = |digest: &Option<String>| digest.as_deref().map_or_else(|| "–".to_owned(), short_digest);
    changes.tags.iter().for_each(|tag| table.row([format!("{}:{}", tag.repository, tag.tag), digest(&tag.was), digest(&tag.is)]));
    table.print();
    Ok(())
}

async fn settings(args: SettingsOf) -> Result<(), CliError> {
    let at = args.of.at.clone().unwrap_or_default();
    let query = query([("at", &at), ("against", &args.against)]);
    let settings: SettingsAt = args.of.remote.api()?.get(&format!("{}/settings", project_path(&args.of.project)?), &query).await?;
    if args.of.remote.json {
        return print_json(&settings);
    }
    let mut table = Table::new(&["part", "setting", "was", "is"]);
    for part in settings.parts {
        let name = if part.of_harbor { format!("Harbor: {}", part.name) } else { part.name };
        part.unreadable.into_iter().for_each(|why| table.row([name.clone(), why, String::new(), String::new()]));
        for setting in part.lines {
            table.row([name.clone(), setting.name, setting.was.unwrap_or_default(), setting.is.unwrap_or_default()]);
        }
    }
    table.print();
    Ok(())
}

/// `breakwater artifact …`.
pub async fn artifact(verb: ArtifactVerb) -> Result<(), CliError> {
    let ArtifactVerb::Show(args) = verb;
    let (repo, digest) =
        args.artifact.split_once('@').ok_or_else(|| CliError::Usage("name the image as project/repository@sha256:…".to_owned()))?;
    let project = repo.split('/').next().unwrap_or_default();
    let path = format!("/projects/{}/{}/artifact", encode(&args.harbor), encode(project));
    let found: ArtifactDetail = args.remote.api()?.get(&path, &[("repo", repo), ("digest", digest)]).await?;
    if args.remote.json {
        return print_json(&found);
    }
    line(format!("{} {}", found.digest, found.media_type));
    found.tags.iter().for_each(|tag| line(format!("  tag {tag}")));
    let mut table = Table::new(&["part", "what", "size"]);
    found.layers.iter().for_each(|(digest, kind, size)| table.row([digest.clone(), kind.clone(), bytes(*size)]));
    found.children.iter().chain(&found.accessories).for_each(|(digest, kind)| table.row([digest.clone(), kind.clone(), String::new()]));
    table.print();
    Ok(())
}
