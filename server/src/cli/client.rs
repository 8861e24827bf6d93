//! What the verbs over REST share: where the server is, what names a project, and how answers are printed.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::api::{Api, Remote};
use super::words::line;
use super::{CliError, progress};

/// A queued job.
#[derive(Serialize, Deserialize)]
pub(super) struct Queued {
    pub(super) job_id: i64,
}

/// Says which job was queued, or waits for its end.
pub(super) async fn wait_for(remote: &Remote, api: &Api, queued: Queued, wait: bool) -> Result<(), CliError> {
    if !wait {
        if remote.json {
            return print_json(&queued);
        }
        println!("{}", queued.job_id);
        return Ok(());
    }
    let job = progress::job(api, queued.job_id).await?;
    if remote.json {
        return print_json(&job);
    }
    line(format!("job {} is done, {} read", job.id, app::units::bytes(job.bytes_done)));
    Ok(())
}

/// The parts of a query that are filled in.
pub(super) fn query<'a, const N: usize>(parts: [(&'static str, &'a String); N]) -> Vec<(&'static str, &'a str)> {
    parts.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.as_str())).collect()
}

/// A sentence, or nothing.
pub(super) fn said(sentence: Option<&impl std::fmt::Display>) -> String {
    sentence.map(ToString::to_string).unwrap_or_default()
}

pub(super) fn print_json(value: &impl Serialize) -> Result<(), CliError> {
    println!("{}", serde_json::to_string_pretty(value).map_err(|e| CliError::Failed(e.to_string()))?);
    Ok(())
}

pub(super) fn encode(part: &str) -> String {
    url::form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>().replace('+', "%20")
}

pub(super) fn project_path(text: &str) -> Result<String, CliError> {
    let (harbor, project) = text.split_once('/').ok_or_else(|| CliError::Usage(format!("“{text}” is not like harbor/project")))?;
    Ok(format!("/projects/{}/{}", encode(harbor), encode(project)))
}

/// Only where the server is.
#[derive(Args)]
pub struct Plain {
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// A number.
#[derive(Args)]
pub struct Numbered {
    #[command(flatten)]
    pub(super) remote: Remote,
    /// Its number
    pub(super) id: i64,
}

/// A project.
#[derive(Args)]
pub struct OfProject {
    #[command(flatten)]
    pub(super) remote: Remote,
    /// `harbor/project`
    pub(super) project: String,
    /// Moment, `2026-11-23T09:30:00Z`; default: the newest
    #[arg(long)]
    pub(super) at: Option<String>,
}
