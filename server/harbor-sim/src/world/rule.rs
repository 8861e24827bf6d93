//! Immutability rules, and the glob they are written in ("doublestar").

use serde_json::Value;

use crate::model::Project;

/// Whether a rule of the project covers this tag.
pub fn is_immutable(project: &Project, repo: &str, tag: &str) -> bool {
    project
        .immutable
        .values()
        .filter(|rule| rule["disabled"] != Value::Bool(true))
        .any(|rule| selects(&rule["scope_selectors"]["repository"], repo) && selects(&rule["tag_selectors"], tag))
}

fn selects(selectors: &Value, name: &str) -> bool {
    selectors.as_array().into_iter().flatten().all(|selector| {
        let fits = glob(selector["pattern"].as_str().unwrap_or_default(), name);
        let excludes = selector["decoration"].as_str().is_some_and(|word| word.to_lowercase().contains("exclude"));
        fits != excludes
    })
}

/// `*` stays within a path part, `**` does not, `?` is one character, `{a,b}` one of several.
pub fn glob(pattern: &str, text: &str) -> bool {
    if let Some((before, rest)) = pattern.split_once('{')
        && let Some((choices, after)) = rest.split_once('}')
    {
        return choices.split(',').any(|choice| glob(&format!("{before}{choice}{after}"), text));
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    wild(&pattern, &text)
}

fn wild(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', '*', '/', rest @ ..] => wild(rest, text) || (1..=text.len()).any(|at| wild(rest, &text[at..])),
        ['*', '*', rest @ ..] => (0..=text.len()).any(|at| wild(rest, &text[at..])),
        ['*', rest @ ..] => {
            let end = text.iter().position(|c| *c == '/').unwrap_or(text.len());
            (0..=end).any(|at| wild(rest, &text[at..]))
        }
        ['?', rest @ ..] => text.split_first().is_some_and(|(c, left)| *c != '/' && wild(rest, left)),
        [wanted, rest @ ..] => text.split_first().is_some_and(|(c, left)| c == wanted && wild(rest, left)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_follow_doublestar() {
        for (pattern, text, fits) in [
            ("**", "a/b", true),
            ("*", "a/b", false),
            ("v*", "v1.2", true),
            ("rel-*", "v1", false),
            ("team/**", "team/worker", true),
            ("{web,api}", "api", true),
            ("v?", "v12", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }
}
