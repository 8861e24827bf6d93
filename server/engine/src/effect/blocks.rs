//! What keeps a restore from writing: the rules and rights of the target project, read once and evaluated here.

use globset::{GlobBuilder, GlobMatcher};
use registry::{Client, ImmutableRule, Permission, Project, Quota, RegistryError, RetentionSummary, Selector};
use vocab::{RepositoryName, Tag};

use super::model::BlockReason;

/// The target project's rules.
pub(crate) struct Constraints {
    pub read_only: bool,
    pub proxy_cache: bool,
    /// `None`: could not be asked.
    pub may_push: Option<bool>,
    pub may_create_project: Option<bool>,
    pub immutable: Vec<Immutable>,
    /// The same as Harbor has them.
    pub immutable_rules: Vec<ImmutableRule>,
    /// Whether the rules could be read.
    pub rules_known: bool,
    pub retention: Option<RetentionSummary>,
    pub quota: Option<Quota>,
    pub metadata: std::collections::BTreeMap<String, String>,
}

impl Constraints {
    /// Asks for all of it. What the login may not read is unknown, and said so; only a refused login is an error.
    pub(crate) async fn read(client: &Client, project: Option<&Project>) -> Result<Self, RegistryError> {
        let info = client.system_info().await?;
        let mut constraints = Self {
            read_only: info.read_only,
            proxy_cache: project.is_some_and(Project::is_proxy_cache),
            may_push: None,
            may_create_project: None,
            immutable: Vec::new(),
            immutable_rules: Vec::new(),
            rules_known: true,
            retention: None,
            quota: None,
            metadata: project.map(|p| p.metadata.clone()).unwrap_or_default(),
        };
        let Some(project) = project else {
            // No answer at all is no knowledge: not every version tells system rights.
            let rights = optional(client.permissions("/system").await)?.filter(|rights| !rights.is_empty());
            constraints.may_create_project = rights.map(|rights| has(&rights, "project", "create"));
            return Ok(constraints);
        };
        let rights = optional(client.permissions(&format!("/project/{}", project.id)).await)?;
        constraints.may_push = rights.map(|rights| has(&rights, "repository", "push"));
        match optional(client.immutable_rules(&project.name).await)? {
            Some(rules) => {
                constraints.immutable = rules.iter().filter_map(Immutable::of).collect();
                constraints.immutable_rules = rules;
            }
            None => constraints.rules_known = false,
        }
        constraints.retention = optional(client.retention(project).await)?.flatten();
        constraints.quota = optional(client.project_quota(&project.name).await)?.flatten();
        Ok(constraints)
    }

    /// Why nothing at all can be written.
    pub(crate) fn blocks_all(&self, creates_project: bool) -> Option<(BlockReason, &'static str)> {
        if self.read_only {
            Some((BlockReason::ReadOnly, "wait until the administrator ends the read-only mode"))
        } else if self.proxy_cache {
            Some((BlockReason::ProxyCache, "restore into another project"))
        } else if creates_project && self.may_create_project == Some(false) {
            Some((BlockReason::NoProjectRight, "make the project in Harbor first, or give the restore login the right to make projects"))
        } else if !creates_project && self.may_push == Some(false) {
            Some((BlockReason::NoPushRight, "give the restore login the rights repository:push and repository:pull on the project"))
        } else {
            None
        }
    }

    /// Whether a rule makes this tag immutable once it is there.
    pub(crate) fn makes_immutable(&self, repository: &RepositoryName, tag: &Tag) -> bool {
        self.immutable.iter().any(|rule| rule.matches(repository, tag))
    }

    pub(crate) fn is_on(&self, setting: &str) -> bool {
        self.metadata.get(setting).is_some_and(|value| value == "true")
    }
}

/// `None` where the login may not read it.
fn optional<T>(answer: Result<T, RegistryError>) -> Result<Option<T>, RegistryError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(RegistryError::Forbidden { .. } | RegistryError::NotFound { .. } | RegistryError::Unsupported { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

fn has(rights: &[Permission], resource: &str, action: &str) -> bool {
    rights.iter().any(|right| right.resource == resource && (right.action == action || right.action == "*"))
}

/// An immutable rule, its patterns compiled. Both its selectors must match (harbor.md §3).
pub(crate) struct Immutable {
    tags: Vec<Pattern>,
    repositories: Vec<Pattern>,
}

/// A selector of Harbor's.
pub(crate) struct Pattern {
    /// `None`: cannot be understood here; then it is taken to match, which is the careful side.
    glob: Option<GlobMatcher>,
    excludes: bool,
}

impl Immutable {
    fn of(rule: &ImmutableRule) -> Option<Self> {
        let patterns = |selectors: &[Selector]| selectors.iter().map(Pattern::of).collect();
        (!rule.disabled).then(|| Self { tags: patterns(&rule.tags), repositories: patterns(&rule.repositories) })
    }

    fn matches(&self, repository: &RepositoryName, tag: &Tag) -> bool {
        self.tags.iter().all(|p| p.matches(tag.as_str())) && self.repositories.iter().all(|p| p.matches(repository.within_project()))
    }
}

impl Pattern {
    pub(crate) fn of(selector: &Selector) -> Self {
        // Harbor's doublestar: `*` stops at a slash, `**` does not, `{a,b}` is a choice. An empty pattern means everything.
        let text = if selector.pattern.is_empty() { "**" } else { &selector.pattern };
        let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build();
        Self { glob: glob.ok().map(|glob| glob.compile_matcher()), excludes: selector.decoration.to_ascii_lowercase().contains("exclude") }
    }

    /// Whether it could be read.
    pub(crate) const fn is_understood(&self) -> bool {
        self.glob.is_some()
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        self.glob.as_ref().is_none_or(|glob| glob.is_match(text) != self.excludes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(tag: (&str, &str), repository: (&str, &str)) -> Immutable {
        let selector = |(decoration, pattern): (&str, &str)| Selector {
            kind: "doublestar".to_owned(),
            decoration: decoration.to_owned(),
            pattern: pattern.to_owned(),
            extras: String::new(),
        };
        let rule = ImmutableRule { id: 1, disabled: false, tags: vec![selector(tag)], repositories: vec![selector(repository)] };
        Immutable::of(&rule).unwrap()
    }

    #[test]
    fn immutable_rules_are_evaluated_as_harbor_does() {
        let all = ("repoMatches", "**");
        let table = [
            (rule(("matches", "v*"), all), "p/app", "v1", true),
            (rule(("matches", "v*"), all), "p/app", "1", false),
            (rule(("matches", "**"), all), "p/team/app", "1", true),
            (rule(("excludes", "dev*"), all), "p/app", "v1", true),
            (rule(("excludes", "dev*"), all), "p/app", "dev-1", false),
            (rule(("matches", "{v1,v2}"), all), "p/app", "v2", true),
            (rule(("matches", "**"), ("repoMatches", "app")), "p/app", "1", true),
            (rule(("matches", "**"), ("repoMatches", "*")), "p/team/app", "1", false),
            (rule(("matches", "**"), ("repoExcludes", "app")), "p/app", "1", false),
            (rule(("matches", ""), all), "p/app", "1", true),
            (rule(("matches", "[broken"), all), "p/app", "1", true),
        ];
        for (number, (rule, repository, tag, expected)) in table.iter().enumerate() {
            assert_eq!(rule.matches(&repository.parse().unwrap(), &tag.parse().unwrap()), *expected, "line {number}");
        }
    }
}
