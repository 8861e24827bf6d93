//! What the next run of a project's tag retention would delete, told from its rules and from what the project holds.
//!
//! As Harbor does it (seen on 2.12.4 and 2.15.2): per repository; an artifact is kept if any rule keeps it, and deleted with all its
//! tags if none does; a rule looks at artifacts of which *one* tag matches, and at untagged ones if it says so; a count is over
//! artifacts, by the newest push or pull of the artifact or any of its tags, in whole seconds; immutable ones stay; a repository no rule
//! is about is left alone. A rule that cannot be understood ends Harbor's work before anything is deleted, so here it is an error.

use std::cmp::Reverse;
use std::collections::HashSet;

use registry::{ImmutableRule, RetentionRule, RetentionSummary, Selector};
use time::OffsetDateTime;
use vocab::{Digest, RepositoryName};

use super::blocks::Pattern;
use super::warning::Unclear;

/// Seconds of a day.
const DAY_S: i64 = 86_400;
/// What a template takes where its figure is not a number.
const DEFAULT_COUNT: i64 = 10;
const DEFAULT_DAYS: i64 = 30;

/// An artifact as retention sees it. Index children without a tag and accessories are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub digest: Digest,
    pub tags: Vec<String>,
    /// The newest push of it or of one of its tags.
    pub pushed: OffsetDateTime,
    /// The newest pull; none = never.
    pub pulled: Option<OffsetDateTime>,
    /// When the artifact itself was pushed: of two that are equal to the second Harbor takes the later one first.
    pub made: OffsetDateTime,
}

/// A retention policy, compiled.
pub(crate) struct Policy {
    rules: Vec<Rule>,
    immutable: Vec<Fixed>,
}

struct Rule {
    repositories: Vec<Glob>,
    tags: Vec<Glob>,
    keeps: Keeps,
}

/// An immutable rule, as retention asks it.
struct Fixed {
    repository: Glob,
    tag: Glob,
}

struct Glob {
    pattern: Pattern,
    /// Whether artifacts without a tag are meant.
    untagged: bool,
}

enum Keeps {
    All,
    LatestPushed(usize),
    LatestPulled(usize),
    LatestActive(usize),
    PushedWithin(i64),
    PulledWithin(i64),
}

impl Policy {
    /// Reads the active rules.
    pub(crate) fn of(policy: &RetentionSummary, immutable: &[ImmutableRule]) -> Result<Self, Unclear> {
        let rules = policy.rules.iter().filter(|rule| !rule.disabled).map(Rule::of).collect::<Result<_, _>>()?;
        // Of an immutable rule Harbor reads the first selector of each kind, and passes over a rule that lacks one.
        let immutable = immutable.iter().filter(|rule| !rule.disabled).filter_map(|rule| {
            let (repository, tag) = (rule.repositories.first()?, rule.tags.first()?);
            Some(Glob::of(repository).and_then(|repository| Ok(Fixed { repository, tag: Glob::with(tag, Some(false))? })))
        });
        Ok(Self { rules, immutable: immutable.collect::<Result<_, _>>()? })
    }

    /// Places of the candidates that the next run deletes.
    pub(crate) fn deletes(&self, repository: &RepositoryName, candidates: &[Candidate], now: OffsetDateTime) -> Vec<usize> {
        let name = repository.within_project();
        let rules: Vec<&Rule> = self.rules.iter().filter(|rule| rule.repositories.iter().all(|glob| glob.pattern.matches(name))).collect();
        // A rule without any selector of tags does no work in Harbor; where none works, nothing is deleted.
        if rules.iter().all(|rule| rule.tags.is_empty()) {
            return Vec::new();
        }
        let kept: HashSet<usize> = rules.iter().filter(|rule| !rule.tags.is_empty()).flat_map(|rule| rule.kept(candidates, now)).collect();
        (0..candidates.len()).filter(|place| !kept.contains(place) && !self.is_fixed(name, &candidates[*place])).collect()
    }

    fn is_fixed(&self, repository: &str, candidate: &Candidate) -> bool {
        self.immutable.iter().any(|rule| rule.repository.pattern.matches(repository) && rule.tag.takes(candidate))
    }
}

impl Rule {
    fn of(rule: &RetentionRule) -> Result<Self, Unclear> {
        if !rule.action.is_empty() && rule.action != "retain" {
            return Err(Unclear::Action { action: rule.action.clone() });
        }
        let globs = |selectors: &[Selector]| selectors.iter().map(Glob::of).collect::<Result<Vec<_>, _>>();
        Ok(Self { repositories: globs(&rule.repositories)?, tags: globs(&rule.tags)?, keeps: Keeps::of(rule)? })
    }

    fn kept(&self, candidates: &[Candidate], now: OffsetDateTime) -> Vec<usize> {
        let places = 0..candidates.len();
        let mut meant: Vec<usize> = places.filter(|place| self.tags.iter().all(|glob| glob.takes(&candidates[*place]))).collect();
        // The order Harbor lists in, which decides between equals.
        meant.sort_by_key(|place| Reverse(candidates[*place].made));
        let of = |place: &usize| &candidates[*place];
        let pulled = |place: &usize| of(place).pulled.map_or(i64::MIN, OffsetDateTime::unix_timestamp);
        let pushed = |place: &usize| of(place).pushed.unix_timestamp();
        let now_s = now.unix_timestamp();
        match self.keeps {
            Keeps::All => {}
            Keeps::LatestPushed(count) => first(&mut meant, count, pushed),
            Keeps::LatestPulled(count) => first(&mut meant, count, pulled),
            Keeps::LatestActive(count) => first(&mut meant, count, |place| pushed(place).max(pulled(place))),
            Keeps::PushedWithin(days) => meant.retain(|place| pushed(place) >= now_s.saturating_sub(days.saturating_mul(DAY_S))),
            Keeps::PulledWithin(days) => meant.retain(|place| pulled(place) >= now_s.saturating_sub(days.saturating_mul(DAY_S))),
        }
        meant
    }
}

/// The greatest, as many as `count`; equals stay in their order.
fn first(places: &mut Vec<usize>, count: usize, by: impl Fn(&usize) -> i64) {
    places.sort_by_key(|place| Reverse(by(place)));
    places.truncate(count);
}

impl Keeps {
    fn of(rule: &RetentionRule) -> Result<Self, Unclear> {
        let figure = |default: i64| {
            let value = rule.params.get(&rule.template).ok_or_else(|| Unclear::Figure { rule: rule.template.clone() })?;
            #[expect(clippy::cast_possible_truncation, reason = "a figure beyond an integer is none")]
            let whole = value.as_i64().or_else(|| value.as_f64().map(|n| n as i64));
            Ok::<_, Unclear>(whole.filter(|n| *n >= 0).unwrap_or(default))
        };
        let count = || figure(DEFAULT_COUNT).map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        Ok(match rule.template.as_str() {
            "always" => Self::All,
            "latestPushedK" => Self::LatestPushed(count()?),
            "latestPulledN" => Self::LatestPulled(count()?),
            "latestActiveK" => Self::LatestActive(count()?),
            "nDaysSinceLastPush" | "lastXDays" => Self::PushedWithin(figure(DEFAULT_DAYS)?),
            "nDaysSinceLastPull" => Self::PulledWithin(figure(DEFAULT_DAYS)?),
            other => return Err(Unclear::Template { template: other.to_owned() }),
        })
    }
}

impl Glob {
    fn of(selector: &Selector) -> Result<Self, Unclear> {
        let said: Option<Extras> = serde_json::from_str(&selector.extras).ok();
        Self::with(selector, said.map(|extras| extras.untagged))
    }

    /// `untagged` is what is said of artifacts without a tag; where nothing is, they match, and are not excluded.
    fn with(selector: &Selector, untagged: Option<bool>) -> Result<Self, Unclear> {
        let excludes = match selector.decoration.as_str() {
            "matches" | "repoMatches" => false,
            "excludes" | "repoExcludes" => true,
            other => return Err(Unclear::Pattern { pattern: other.to_owned() }),
        };
        let pattern = Pattern::of(selector);
        if selector.kind != "doublestar" || !pattern.is_understood() {
            return Err(Unclear::Pattern { pattern: selector.pattern.clone() });
        }
        Ok(Self { pattern, untagged: untagged.unwrap_or(!excludes) != excludes })
    }

    /// Whether the selector takes an artifact: one of its tags is enough.
    fn takes(&self, candidate: &Candidate) -> bool {
        if candidate.tags.is_empty() { self.untagged } else { candidate.tags.iter().any(|tag| self.pattern.matches(tag)) }
    }
}

#[derive(serde::Deserialize)]
struct Extras {
    #[serde(default)]
    untagged: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    /// An artifact of so many days ago.
    fn artifact(tags: &[&str], pushed_days: i64, pulled_days: Option<i64>) -> Candidate {
        let pushed = at(NOW - pushed_days * DAY_S);
        Candidate {
            digest: Digest::of(tags.join(",").as_bytes()),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            pushed,
            pulled: pulled_days.map(|days| at(NOW - days * DAY_S)),
            made: pushed,
        }
    }

    fn rule(template: &str, figure: i64, tags: (&str, &str, &str), repositories: (&str, &str)) -> RetentionRule {
        serde_json::from_value(json!({
            "action": "retain", "template": template, "params": { template: figure },
            "tag_selectors": [{ "kind": "doublestar", "decoration": tags.0, "pattern": tags.1, "extras": tags.2 }],
            "scope_selectors": { "repository": [{ "kind": "doublestar", "decoration": repositories.0, "pattern": repositories.1 }] },
        }))
        .unwrap()
    }

    fn deleted(rules: Vec<RetentionRule>, immutable: &[ImmutableRule], candidates: &[Candidate]) -> Vec<String> {
        let policy = RetentionSummary { id: 1, rules, cron: None };
        let places = Policy::of(&policy, immutable).unwrap().deletes(&"p/team/app".parse().unwrap(), candidates, at(NOW));
        places.into_iter().map(|place| candidates[place].tags.join(",")).collect()
    }

    const ALL: (&str, &str) = ("repoMatches", "**");
    const TAGGED: (&str, &str, &str) = ("matches", "**", "{\"untagged\":false}");

    #[test]
    fn each_template_keeps_what_harbor_keeps() {
        let some = [
            artifact(&["a"], 1, None),
            artifact(&["b", "b2"], 5, Some(2)),
            artifact(&["c"], 9, Some(8)),
            artifact(&["d"], 20, Some(1)),
            artifact(&[], 0, None),
        ];
        let table: [(&str, i64, &[&str]); 7] = [
            ("always", 0, &[""]),
            ("latestPushedK", 2, &["c", "d", ""]),
            ("latestPulledN", 2, &["a", "c", ""]),
            ("latestActiveK", 2, &["b,b2", "c", ""]),
            ("nDaysSinceLastPush", 5, &["c", "d", ""]),
            ("nDaysSinceLastPull", 3, &["a", "c", ""]),
            ("latestPushedK", 0, &["a", "b,b2", "c", "d", ""]),
        ];
        for (template, figure, gone) in table {
            assert_eq!(deleted(vec![rule(template, figure, TAGGED, ALL)], &[], &some), gone, "{template} {figure}");
        }
    }

    #[test]
    fn any_rule_keeps_and_one_tag_of_an_artifact_is_enough() {
        let some =
            [artifact(&["v1", "latest"], 9, None), artifact(&["v2"], 8, None), artifact(&["dev-1"], 1, None), artifact(&[], 3, None)];
        let releases = || rule("always", 0, ("matches", "v*", "{\"untagged\":false}"), ALL);
        let newest = || rule("latestPushedK", 1, TAGGED, ALL);
        assert_eq!(deleted(vec![releases()], &[], &some), ["dev-1", ""]);
        assert_eq!(deleted(vec![releases(), newest()], &[], &some), [""]);
        let but_releases = rule("always", 0, ("excludes", "v*", ""), ALL);
        assert_eq!(
            deleted(vec![but_releases], &[], &some),
            ["v2"],
            "latest is no release, and untagged ones are not excluded unless said so"
        );
        let with_untagged = rule("always", 0, ("matches", "none", "{\"untagged\":true}"), ALL);
        assert_eq!(deleted(vec![with_untagged], &[], &some), ["v1,latest", "v2", "dev-1"]);
        let unsaid = rule("always", 0, ("matches", "none", ""), ALL);
        assert_eq!(deleted(vec![unsaid], &[], &some), ["v1,latest", "v2", "dev-1"], "untagged ones match where nothing is said");
    }

    #[test]
    fn a_repository_no_rule_is_about_and_immutable_tags_stay() {
        let some = [artifact(&["1", "x"], 9, None), artifact(&["2"], 8, None)];
        let nothing = |repositories| vec![rule("latestPushedK", 0, TAGGED, repositories)];
        assert_eq!(deleted(nothing(("repoMatches", "team/**")), &[], &some), ["1,x", "2"]);
        assert!(deleted(nothing(("repoMatches", "*")), &[], &some).is_empty(), "a star stops at a slash");
        assert!(deleted(nothing(("repoExcludes", "team/*")), &[], &some).is_empty());
        let off = RetentionRule { disabled: true, ..rule("latestPushedK", 0, TAGGED, ALL) };
        assert!(deleted(vec![off], &[], &some).is_empty());
        let without_tags = RetentionRule { tags: Vec::new(), ..rule("latestPushedK", 0, TAGGED, ALL) };
        assert!(deleted(vec![without_tags], &[], &some).is_empty(), "such a rule does no work in Harbor");
        let fixed: ImmutableRule = serde_json::from_value(json!({
            "id": 1, "tag_selectors": [{ "kind": "doublestar", "decoration": "matches", "pattern": "x" }],
            "scope_selectors": { "repository": [{ "kind": "doublestar", "decoration": "repoMatches", "pattern": "**" }] },
        }))
        .unwrap();
        assert_eq!(deleted(nothing(ALL), &[fixed], &some), ["2"]);
    }

    #[test]
    fn of_two_in_one_second_the_later_one_stays() {
        let of = |name: &str, millis: i64| {
            let made = at(NOW) + time::Duration::milliseconds(millis);
            Candidate { pushed: made, made, ..artifact(&[name], 0, None) }
        };
        let some = [of("first", 10), of("third", 30), of("second", 20)];
        assert_eq!(deleted(vec![rule("latestPushedK", 1, TAGGED, ALL)], &[], &some), ["first", "second"]);
    }

    #[test]
    fn what_cannot_be_understood_is_no_answer() {
        let of = |rule: RetentionRule| Policy::of(&RetentionSummary { id: 1, rules: vec![rule], cron: None }, &[]).err();
        assert_eq!(of(rule("keepTheGoodOnes", 1, TAGGED, ALL)), Some(Unclear::Template { template: "keepTheGoodOnes".to_owned() }));
        assert_eq!(of(rule("always", 0, ("matches", "[x", ""), ALL)), Some(Unclear::Pattern { pattern: "[x".to_owned() }));
        assert_eq!(of(rule("always", 0, ("withLabels", "x", ""), ALL)), Some(Unclear::Pattern { pattern: "withLabels".to_owned() }));
        let without = RetentionRule { params: std::collections::BTreeMap::new(), ..rule("latestPushedK", 1, TAGGED, ALL) };
        assert_eq!(of(without), Some(Unclear::Figure { rule: "latestPushedK".to_owned() }));
    }
}
