//! From what was pasted to what is looked for, narrowest first. Pure.

use app::projects::found::SearchNote;
use vocab::Pasted;
use vocab::pasted::{DigestPart, Reading};

use super::queries::Sought;

/// One question, and what is said if its answer is the first that is not empty.
pub(super) struct Step {
    pub sought: Sought,
    pub note: Option<SearchNote>,
}

/// A text that stands for itself in a pattern.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// A pattern for what has a text in it; none without a text.
pub(in crate::projects) fn like(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|t| !t.is_empty()).map(|t| format!("%{}%", escaped(t)))
}

/// What a name asks for.
pub(super) fn steps(named: &Reading) -> Vec<Step> {
    let paths = paths(named);
    let mut steps = Vec::new();
    let plain = |sought| Step { sought, note: None };
    if let Some(digest) = &named.digest {
        steps.extend(paths.iter().map(|path| plain(digests(digest, names(path, true)))));
        let note = paths.first().map(|path| SearchNote::Elsewhere { digest: digest.to_string(), repository: path.clone() });
        steps.push(Step { sought: digests(digest, Vec::new()), note });
    }
    let unknown = named.digest.as_ref().map(|digest| SearchNote::DigestUnknown { digest: digest.to_string() });
    let noted = |sought| Step { sought, note: unknown.clone() };
    // Of an accessory that was never there, the image it would be about.
    let about = named.subject().zip(named.tag.as_ref()).map(|(digest, tag)| (digest, SearchNote::AccessoryUnknown { tag: tag.clone() }));
    let subject = |repositories| about.clone().map(|(digest, note)| Step { sought: digests(&digest, repositories), note: Some(note) });
    match named.tag.as_deref() {
        Some(tag) if paths.is_empty() => {
            steps.push(plain(tags("", &escaped(tag), tag)));
            if about.is_some() {
                steps.push(plain(tags("", &format!("{}%", escaped(tag)), tag)));
            }
            steps.extend(subject(Vec::new()));
        }
        Some(tag) => {
            // The tag itself before tags that begin so.
            let begins = format!("{}%", escaped(tag));
            steps.extend(paths.iter().flat_map(|path| [tags(path, &escaped(tag), tag), tags(path, &begins, tag)]).map(noted));
            steps.extend(paths.iter().filter_map(|path| subject(names(path, true))));
            steps.extend(paths.iter().map(|path| {
                let note = SearchNote::TagUnknown { repository: path.clone(), tag: tag.to_owned() };
                Step { sought: tags(path, "%", ""), note: Some(note) }
            }));
        }
        None => {
            let within = |path: &String| Sought::Words(vec![format!("%{}%", escaped(path))]);
            steps.extend(paths.iter().flat_map(|path| [tags(path, "%", ""), within(path)]).map(noted));
        }
    }
    steps
}

/// The paths a name can mean: as it is, and without its first part where that may be a host without dot and port.
fn paths(named: &Reading) -> Vec<String> {
    let Some(path) = &named.repository else { return Vec::new() };
    let rest = path.split_once('/').map(|(_, rest)| rest).filter(|rest| named.host.is_none() && rest.contains('/'));
    [Some(path.as_str()), rest].into_iter().flatten().map(str::to_owned).collect()
}

fn digests(digest: &DigestPart, repositories: Vec<String>) -> Sought {
    Sought::Digests { range: digest.range(), last: digest.last().to_owned(), repositories }
}

fn tags(repository: &str, tag: &str, exact_tag: &str) -> Sought {
    Sought::Tags {
        repositories: names(repository, false),
        exact: names(repository, true),
        tag: tag.to_owned(),
        exact_tag: exact_tag.to_owned(),
    }
}

/// Patterns of the repositories with this path: with its project, or within any.
fn names(path: &str, whole: bool) -> Vec<String> {
    let path = escaped(path);
    let within = if whole { format!("%/{path}") } else { format!("%{path}") };
    vec![path, within]
}

/// Patterns of words, the longest first, since it is the one that is looked up.
pub(super) fn words(words: &[String]) -> Vec<String> {
    let mut words: Vec<&String> = words.iter().collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.into_iter().map(|word| format!("%{}%", escaped(word))).collect()
}

/// Patterns of the subjects of gaps that are meant.
pub(super) fn subjects(pasted: &Pasted) -> Vec<String> {
    let mut patterns = Vec::new();
    for named in &pasted.names {
        match (&named.repository, &named.tag, &named.digest) {
            (_, _, Some(digest)) => patterns.push(format!("%@sha256:{}%", escaped(digest.first()))),
            (Some(repository), Some(tag), None) => patterns.push(format!("%{}:{}%", escaped(repository), escaped(tag))),
            (Some(repository), None, None) => patterns.push(format!("%{}%", escaped(repository))),
            (None, tag, None) => patterns.extend(tag.iter().map(|tag| format!("%:{}", escaped(tag)))),
        }
    }
    if let (true, [word]) = (patterns.is_empty(), pasted.words.as_slice())
        && word.len() > 1
    {
        patterns.push(format!("%{}%", escaped(word)));
    }
    patterns
}

/// The hosts of an address as people write them: with the port, and without it where it goes without saying.
pub(super) fn hosts(url: &str) -> Vec<String> {
    let url = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
    let Ok(url) = url::Url::parse(&url) else { return Vec::new() };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return Vec::new() };
    let mut hosts = vec![format!("{host}:{port}")];
    if url.port().is_none() {
        hosts.push(host.to_owned());
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_known_with_the_port_and_without_where_it_is_the_usual_one() {
        assert_eq!(hosts("https://Harbor.example"), ["harbor.example:443", "harbor.example"]);
        assert_eq!(hosts("http://harbor.example/"), ["harbor.example:80", "harbor.example"]);
        assert_eq!(hosts("http://127.0.0.1:8080"), ["127.0.0.1:8080"]);
        assert_eq!(hosts("harbor.example:8443"), ["harbor.example:8443"]);
        assert!(hosts("").is_empty());
    }

    #[test]
    fn the_narrowest_reading_is_asked_first() {
        let of = |text: &str| steps(&Pasted::read(text).names[0]).into_iter().map(|step| step.note.is_none()).collect::<Vec<_>>();
        assert_eq!(of("p/web:1.4"), [true, true, false]);
        assert_eq!(of(&format!("p/web:1.4@sha256:{}", "a".repeat(64))), [true, false, false, false, false]);
        assert_eq!(of("9f2c1b7e0d3a"), [true]);
        assert_eq!(paths(&Pasted::read("harbor/p/web").names[0]), ["harbor/p/web", "p/web"]);
        assert_eq!(paths(&Pasted::read("harbor.example/q/p/web").names[0]), ["q/p/web"]);
    }
}
