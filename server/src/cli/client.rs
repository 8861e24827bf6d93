//! What the verbs over REST share: where the server is, what names a project, and how answers are printed.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::CliError;
use super::api::Remote;

/// A queued job.
#[derive(Deserialize)]
pub(super) struct Queued {
    pub(super) job_id: i64,
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
