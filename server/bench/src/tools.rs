//! The tools and their command lines, pinned: what is measured is what is printed.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::ours;

/// Where all images are.
pub(crate) const REPOSITORY: &str = "app";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tool {
    Breakwater,
    Skopeo,
    Oras,
    Crane,
    Regsync,
}

/// What a tool is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Case {
    /// Everything, for the first time.
    First,
    /// Again, with nothing changed.
    Unchanged,
    /// The same, by a listing of everything, as on schedule. The peers know no other way.
    Listed,
    /// Again, after one tag in a hundred changed.
    OnePercent,
    /// Everything was deleted in Harbor and its garbage not collected: bring it back.
    Restore,
    /// The same again: nothing is missing.
    RestoreAgain,
}

impl Case {
    pub const ALL: [Self; 6] = [Self::First, Self::Unchanged, Self::Listed, Self::OnePercent, Self::Restore, Self::RestoreAgain];

    pub const fn restores(self) -> bool {
        matches!(self, Self::Restore | Self::RestoreAgain)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first backup",
            Self::Unchanged => "unchanged",
            Self::Listed => "listed anew",
            Self::OnePercent => "1 % changed",
            Self::Restore => "restore",
            Self::RestoreAgain => "restore again",
        }
    }
}

/// A command with what its environment adds.
pub(crate) struct Line {
    pub command: Vec<String>,
    pub environment: Vec<(String, String)>,
}

/// What command lines are made of.
pub(crate) struct Fixture<'a> {
    /// Host and port of the proxy.
    pub harbor: &'a str,
    pub project: &'a str,
    pub user: &'a str,
    pub secret: &'a str,
    /// The tool's own folder, empty at first.
    pub folder: &'a Path,
    /// Host and port of a plain registry, for tools that copy between registries.
    pub registry: &'a str,
}

impl Tool {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Breakwater => "breakwater",
            Self::Skopeo => "skopeo",
            Self::Oras => "oras",
            Self::Crane => "crane",
            Self::Regsync => "regsync",
        }
    }

    /// Whether its copy lives in another registry instead of a folder.
    pub const fn needs_registry(self) -> bool {
        matches!(self, Self::Skopeo | Self::Crane)
    }

    /// The program, if it is on PATH.
    pub fn program(self) -> Option<PathBuf> {
        if self == Self::Breakwater {
            return std::env::current_exe().ok();
        }
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join(self.name())).find(|file| file.is_file())
    }

    /// Whether it does something of its own in a case.
    pub fn knows(self, case: Case) -> bool {
        self == Self::Breakwater || case != Case::Listed
    }

    /// Arguments that print its version.
    pub const fn version_argument(self) -> &'static str {
        match self {
            Self::Breakwater | Self::Skopeo => "--version",
            Self::Oras | Self::Crane | Self::Regsync => "version",
        }
    }

    /// The command for a case. Logins go by file or environment, so that the lines can be shown.
    pub fn line(self, program: &Path, case: Case, fixture: &Fixture<'_>) -> Line {
        let Fixture { harbor, project, folder, registry, .. } = fixture;
        let at = |name: &str| folder.join(name).display().to_string();
        let source = format!("{harbor}/{project}/{REPOSITORY}");
        let copy = format!("{registry}/copy");
        let words: Vec<String> = match (self, case.restores()) {
            (Self::Breakwater, restores) => {
                let verb = if restores { "restore" } else { "backup" };
                let url = format!("http://{harbor}");
                let place = ["--url", &url, "--project", project, "--folder", &folder.display().to_string()].map(String::from);
                let listed = (case == Case::Listed).then(|| "--listed".to_owned());
                std::iter::once(verb.to_owned()).chain(place).chain(listed).collect()
            }
            (Self::Skopeo, restores) => {
                let flags = ["sync", "--src", "docker", "--dest", "docker", "--src-tls-verify=false", "--dest-tls-verify=false"];
                let (from, to) = if restores { (format!("{copy}/{REPOSITORY}"), format!("{harbor}/{project}")) } else { (source, copy) };
                flags.map(String::from).into_iter().chain(["--authfile".to_owned(), at("config.json"), from, to]).collect()
            }
            (Self::Oras, false) => {
                let config = at("config.json");
                ["backup", "--plain-http", "--no-tty", "--registry-config", &config, "--output", &at("layout"), &source]
                    .map(String::from)
                    .into()
            }
            (Self::Oras, true) => {
                let config = at("config.json");
                ["restore", "--plain-http", "--no-tty", "--registry-config", &config, "--input", &at("layout"), &source]
                    .map(String::from)
                    .into()
            }
            (Self::Crane, restores) => {
                let copy = format!("{copy}/{REPOSITORY}");
                let (from, to) = if restores { (copy, source) } else { (source, copy) };
                ["cp", "-a", "--insecure", &from, &to].map(String::from).into()
            }
            (Self::Regsync, restores) => {
                let file = if restores { "restore.yml" } else { "backup.yml" };
                ["once", "-c", &at(file)].map(String::from).into()
            }
        };
        let command = std::iter::once(program.display().to_string()).chain(words).collect();
        Line { command, environment: self.environment(fixture) }
    }

    fn environment(self, fixture: &Fixture<'_>) -> Vec<(String, String)> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        match self {
            Self::Breakwater => vec![pair(ours::USER, fixture.user), pair(ours::SECRET, fixture.secret)],
            _ => vec![pair("DOCKER_CONFIG", &fixture.folder.display().to_string())],
        }
    }

    /// Writes the files the command lines name.
    pub async fn prepare(self, fixture: &Fixture<'_>) -> std::io::Result<()> {
        use base64::Engine as _;
        let Fixture { harbor, project, user, secret, folder, .. } = fixture;
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}"));
        let config = serde_json::json!({ "auths": { *harbor: { "auth": auth } } });
        tokio::fs::write(folder.join("config.json"), config.to_string()).await?;
        let layout = format!("ocidir://{}", folder.join("layout").display());
        let source = format!("{harbor}/{project}/{REPOSITORY}");
        for (file, from, to) in [("backup.yml", &source, &layout), ("restore.yml", &layout, &source)] {
            // JSON is YAML.
            let text = serde_json::json!({
                "version": 1,
                "creds": [{ "registry": harbor, "user": user, "pass": secret, "tls": "disabled" }],
                "sync": [{ "source": from, "target": to, "type": "repository" }],
            });
            tokio::fs::write(folder.join(file), text.to_string()).await?;
        }
        Ok(())
    }
}
