//! Names as foreign tools write them, and where each lands in the project.
//!
//! A name is `[scheme://][host[:port]/]path[:tag][@digest]`. Scheme and host are where the image was, and are left out; `docker.io/library/`
//! is what Docker writes before a name that has neither. A name without tag and digest means `latest`, as to every tool that reads one.

use vocab::{Digest, ProjectName, RepositoryName, Tag};

/// Longest name that is looked at, in bytes.
const NAME_BYTES_MAX: usize = 1024;
/// Hosts that all are Docker's own registry.
const DOCKER_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
/// Where Docker's registry keeps what has no other owner.
const DOCKER_LIBRARY: &str = "library/";

/// What files call an image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Name {
    /// Without scheme and digest, for people and to tell one name from another. Empty: the files do not name it.
    pub shown: String,
    /// Without host. `None`: the files say a tag only, or nothing.
    pub path: Option<String>,
    /// Whether the path is the one within its project, by an export of this program: it has no host, and no project in front.
    pub is_within: bool,
    pub tag: Option<Tag>,
    /// What it says the image's digest is.
    pub digest: Option<Digest>,
}

/// Whether a text without `/`, `:` and `@` is a tag or a repository: tools that name an image within one repository write the tag alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bare {
    Tag,
    Repository,
}

impl Name {
    /// Reads a name, or says why it is none.
    pub(super) fn parse(text: &str, bare: Bare) -> Result<Self, String> {
        let text = text.trim();
        if text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
            return Err("this is no name of an image".to_owned());
        }
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        let (shown, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse().map_err(|e| format!("its name has a digest that is none: {e}"))?)),
            None => (text, None),
        };
        if bare == Bare::Tag && digest.is_none() && !shown.contains(['/', ':']) {
            return Ok(Self { shown: escaped(shown), path: None, is_within: false, tag: Some(tag(shown)?), digest });
        }
        let (name, written) = match shown.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (shown, None),
        };
        let path = without_host(name);
        if path.is_empty() {
            return Err("its name has no repository".to_owned());
        }
        let written = written.or_else(|| digest.is_none().then_some("latest"));
        Ok(Self { shown: escaped(shown), path: Some(path.to_owned()), is_within: false, tag: written.map(tag).transpose()?, digest })
    }

    /// The same image in this repository of a project: an export of this program says it beside the name that is for other tools.
    pub(super) fn within(self, repository: &str) -> Self {
        Self { path: Some(repository.to_owned()), is_within: true, ..self }
    }

    /// Its repository in a project.
    pub(super) fn repository(&self, project: &ProjectName) -> Option<Result<RepositoryName, String>> {
        let path = self.path.as_ref()?;
        Some(if self.is_within { within(project, path) } else { repository(project, path) })
    }
}

/// A chart's version has `+`, which no tag has; Helm writes `_` for it.
fn tag(text: &str) -> Result<Tag, String> {
    let written = text.replace('+', "_");
    written.parse().map_err(|_| format!("{:?} is no tag: letters, digits, dots, dashes and underscores, at most 128", short(text)))
}

fn without_host(name: &str) -> &str {
    let Some((first, rest)) = name.split_once('/') else { return name };
    let is_host = first.contains(['.', ':']) || first == "localhost";
    match is_host {
        true if DOCKER_HOSTS.contains(&first) => rest.strip_prefix(DOCKER_LIBRARY).unwrap_or(rest),
        true => rest,
        false => name,
    }
}

/// The repository for a path: the project itself in front of it is left out.
pub(super) fn repository(project: &ProjectName, path: &str) -> Result<RepositoryName, String> {
    let stripped = path.strip_prefix(project.as_str()).and_then(|rest| rest.strip_prefix('/')).unwrap_or(path);
    within(project, stripped)
}

fn within(project: &ProjectName, path: &str) -> Result<RepositoryName, String> {
    let name = format!("{project}/{path}");
    name.parse().map_err(|_| {
        let lower = if name.bytes().any(|b| b.is_ascii_uppercase()) { ", which is lower case" } else { "" };
        format!("{:?} is no name of a repository{lower}", short(path))
    })
}

/// As it is shown: whatever would change how a terminal writes is not in it.
fn escaped(text: &str) -> String {
    text.escape_debug().to_string()
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Option<String>, Option<String>) {
        let name = Name::parse(text, Bare::Tag).unwrap();
        (name.path, name.tag.map(|tag| tag.to_string()))
    }

    fn both(path: &str, tag: &str) -> (Option<String>, Option<String>) {
        (Some(path.to_owned()), (!tag.is_empty()).then(|| tag.to_owned()))
    }

    #[test]
    fn every_form_of_a_name_is_read() {
        let digest = Digest::of(b"x");
        assert_eq!(parsed("1.4"), (None, Some("1.4".to_owned())));
        assert_eq!(parsed("team/app:1.4"), both("team/app", "1.4"));
        assert_eq!(parsed("localhost:5000/app:x"), both("app", "x"));
        assert_eq!(parsed("registry.example.com:8443/shop/team/app:x"), both("shop/team/app", "x"));
        assert_eq!(parsed("docker://registry.example.com/shop/app"), both("shop/app", "latest"));
        assert_eq!(parsed("docker.io/library/busybox:1"), both("busybox", "1"));
        assert_eq!(parsed("docker.io/shop/app:1"), both("shop/app", "1"));
        assert_eq!(parsed("library/app:1"), both("library/app", "1"));
        assert_eq!(parsed(&format!("a.b/shop/app@{digest}")), both("shop/app", ""));
        assert_eq!(parsed(&format!("shop/app:3@{digest}")), both("shop/app", "3"));
        assert_eq!(parsed("charts/app:1.0.0+up2"), both("charts/app", "1.0.0_up2"));
        assert_eq!(Name::parse("app", Bare::Repository).unwrap().path.as_deref(), Some("app"));
        assert_eq!(Name::parse(&format!("app@{digest}"), Bare::Tag).unwrap().digest, Some(digest));
        for bad in ["a:b c", ":1", "a@sha256:0", &format!("a@sha512:{}", "0".repeat(128)), "a\n:1", "a:-x", "", &"a".repeat(2_000)] {
            assert!(Name::parse(bad, Bare::Tag).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_path_loses_the_project_and_nothing_else() {
        let project: ProjectName = "shop".parse().unwrap();
        let name = |path: &str| repository(&project, path).map(|r| r.to_string());
        assert_eq!(name("app").unwrap(), "shop/app");
        assert_eq!(name("shop/app").unwrap(), "shop/app");
        assert_eq!(name("shop/team/app").unwrap(), "shop/team/app");
        assert_eq!(name("library/app").unwrap(), "shop/library/app");
        assert_eq!(name("shop").unwrap(), "shop/shop");
        for bad in ["..", "a/../b", "A", "a b", "", "a\u{202e}b", "/a", "a\n", "shop/"] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        assert!(name("Shop/App").unwrap_err().contains("lower case"));
    }
}
