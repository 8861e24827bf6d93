//! One piece of a text as a reference.

use super::digest::DigestPart;
use super::text::{tag, trimmed};
use super::{Reading, Sure};

/// Schemes in front of each other that are taken off: `docker-pullable://https://…`.
const SCHEMES_MAX: usize = 3;
/// Longest name of a host that is kept, bytes.
const HOST_BYTES_MAX: usize = 253;

/// What a piece is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// The name of something.
    Reading(Reading),
    /// A host and nothing on it.
    Host(String),
    /// A digest that is not SHA-256, and what else the piece names.
    OtherAlgorithm(Option<Reading>),
    /// `sha256:` with too few digits.
    TooShort,
    /// None of these.
    Word,
}

/// Reads one.
pub(super) fn read(token: &str) -> Token {
    let (scheme, rest) = without_scheme(trimmed(token));
    let rest = without_login(rest);
    // Digests that stand alone, `docker://sha256:…` among them.
    if let Some(digest) = DigestPart::read(rest) {
        return Token::Reading(of_digest(None, None, digest));
    }
    // The tag of a signature, and the file that helm leaves of a chart.
    if let Some(tag) = tag(rest).filter(|tag| subject(tag).is_some()) {
        return Token::Reading(Reading { host: None, repository: None, tag: Some(tag), digest: None, sure: Sure::Tagged });
    }
    if let Some((name, version)) = chart(rest) {
        return Token::Reading(Reading { host: None, repository: Some(name), tag: Some(version), digest: None, sure: Sure::Tagged });
    }
    match rest.to_ascii_lowercase().split_once(':') {
        Some(("sha512" | "sha384", digits)) if is_hex(digits) => return Token::OtherAlgorithm(None),
        Some(("sha256", digits)) if is_hex(digits) && digits.len() < 64 => return Token::TooShort,
        _ => {}
    }
    let (path, digest) = match rest.split_once('@') {
        Some((path, digest)) => (path, Some(digest)),
        None => (rest, None),
    };
    let web = scheme.is_some_and(|s| s.eq_ignore_ascii_case("http") || s.eq_ignore_ascii_case("https"));
    let (host, path) = without_host(path, web);
    if let (Some(host), true) = (&host, path.is_empty()) {
        return Token::Host(host.clone());
    }
    let addressed = host.is_some() || scheme.is_some();
    let (path, found) = if addressed { of_address(path) } else { (path.to_owned(), None) };
    let (repository, mut named_tag) = match path.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        Some((repository, text)) => (repository.to_owned(), Some(text.to_owned())),
        None => (path, None),
    };
    let mut digest_text = digest.map(str::to_owned);
    match found {
        Some(reference) if reference.contains(':') => digest_text = Some(reference),
        Some(reference) => named_tag = Some(reference),
        None => {}
    }
    let named_tag = match named_tag {
        // A port, a time, a part of prose.
        Some(text) => match tag(&text) {
            Some(tag) => Some(tag),
            None => return Token::Word,
        },
        None => None,
    };
    let Some(repository) = repository_of(&repository) else { return Token::Word };
    let other = digest_text.as_deref().is_some_and(|text| DigestPart::read(text).is_none() && text.contains(':'));
    if let Some(digest) = digest_text.as_deref().and_then(DigestPart::read) {
        let named = of_digest(Some(repository), named_tag, digest);
        return Token::Reading(Reading { host, ..named });
    }
    let sure = match (addressed, repository.contains('/'), named_tag.is_some()) {
        (true, ..) => Sure::Address,
        (false, true, true) => Sure::Reference,
        (false, false, true) => Sure::Tagged,
        (false, true, false) => Sure::Path,
        (false, false, false) => return Token::Word,
    };
    let named = Reading { host, repository: Some(repository), tag: named_tag, digest: None, sure };
    if other { Token::OtherAlgorithm(Some(named)) } else { Token::Reading(named) }
}

/// The image that an accessory is about, by the tag that signing tools give it: `sha256-9f2c….sig`.
pub(super) fn subject(tag: &str) -> Option<DigestPart> {
    let rest = tag.strip_prefix("sha256-")?;
    let (digits, ending) = rest.split_once('.').unwrap_or((rest, ""));
    let plain = ending.bytes().all(|b| b.is_ascii_alphanumeric());
    DigestPart::read(digits).filter(|digest| plain && digest.is_whole())
}

/// Name and tag of the chart in a file of helm: `shop-1.2.0+build.7.tgz`. The version begins at the first number with two dots.
fn chart(file: &str) -> Option<(String, String)> {
    let stem = file.strip_suffix(".tgz").filter(|stem| !stem.contains(['/', ':', '@']))?;
    let (at, _) = stem.match_indices('-').find(|(at, _)| {
        let mut numbers = stem[at + 1..].trim_start_matches('v').splitn(3, '.');
        let whole = |text: Option<&str>| text.is_some_and(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
        whole(numbers.next()) && whole(numbers.next()) && numbers.next().is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    })?;
    Some((repository_of(&stem[..at])?, tag(&stem[at + 1..])?))
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn of_digest(repository: Option<String>, tag: Option<String>, digest: DigestPart) -> Reading {
    let sure = if digest.is_whole() { Sure::Digest } else { Sure::DigestPart };
    Reading { host: None, repository, tag, digest: Some(digest), sure }
}

fn without_scheme(token: &str) -> (Option<&str>, &str) {
    let (mut scheme, mut rest) = (None, token);
    for _ in 0..SCHEMES_MAX {
        match rest.split_once("://") {
            Some((before, after)) if before.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) => {
                (scheme, rest) = (Some(before), after);
            }
            _ => break,
        }
    }
    (scheme, rest)
}

/// Without `user:password@`: what stands before the first slash and is followed by a host. Never kept, never searched for.
fn without_login(rest: &str) -> &str {
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) if end < rest.len() && DigestPart::read(&rest[at + 1..]).is_none() => &rest[at + 1..],
        _ => rest,
    }
}

/// A host as docker tells it from a path: it has a dot or a port, or is `localhost`; of a page's address it is always there.
fn without_host(path: &str, web: bool) -> (Option<String>, &str) {
    let (first, rest) = match path.strip_prefix('[').and_then(|inner| inner.find(']')) {
        Some(end) => {
            let end = path[end..].find('/').map_or(path.len(), |slash| end + slash);
            (&path[..end], path.get(end + 1..).unwrap_or_default())
        }
        None => path.split_once('/').unwrap_or((path, "")),
    };
    let ported = first.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let hosted = web || (!rest.is_empty() && (first.contains(['.', ':']) || first.eq_ignore_ascii_case("localhost")));
    let alone = rest.is_empty() && (ported && first.contains('.') || web);
    if first.len() <= HOST_BYTES_MAX && !first.is_empty() && (hosted || alone) {
        // What is written where a host stands and is none, such as a shortened one, is not taken for part of the path either.
        let is_host = first.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b));
        return (is_host.then(|| first.to_ascii_lowercase()), rest.trim_matches('/'));
    }
    (None, path)
}

/// The path within an address, and what it refers to: calls of the registry and of Harbor, and the pages of its portal.
fn of_address(path: &str) -> (String, Option<String>) {
    if let Some(name) = path.strip_prefix("v2/") {
        for (part, refers) in [("/manifests/", true), ("/blobs/", true), ("/referrers/", true), ("/tags/", false)] {
            if let Some((name, reference)) = name.rsplit_once(part) {
                return (name.to_owned(), refers.then(|| reference.to_owned()));
            }
        }
    }
    let portal = path.strip_prefix("harbor/projects/").map(|rest| (rest, false));
    let called = path.strip_prefix("api/").and_then(|rest| rest.split_once("/projects/")).map(|(_, rest)| (rest, true));
    let Some((rest, by_name)) = called.or(portal) else { return (path.to_owned(), None) };
    let (project, rest) = rest.split_once("/repositories").unwrap_or((rest, ""));
    let rest = rest.trim_matches('/');
    let (repository, artifact) = ["/artifacts-tab", "/artifacts"]
        .iter()
        .find_map(|part| rest.split_once(part))
        .map_or((rest, ""), |(repository, after)| (repository, after));
    let artifact = artifact.trim_start_matches("/artifacts").trim_start_matches('/');
    let reference = artifact.split('/').next().filter(|text| !text.is_empty()).map(str::to_owned);
    // The portal names projects by their numbers.
    let name = match (by_name, repository.is_empty()) {
        (true, false) => format!("{project}/{repository}"),
        (true, true) => project.to_owned(),
        (false, _) => repository.to_owned(),
    };
    (name, reference)
}

/// A path whose parts can be parts of a repository's name; lower case.
fn repository_of(path: &str) -> Option<String> {
    let path = path.trim_matches('/').to_ascii_lowercase();
    let plain = |part: &str| {
        !part.is_empty() && !part.contains("..") && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    (path.len() <= crate::name::REPOSITORY_NAME_BYTES_MAX && path.split('/').all(plain)).then_some(path)
}
