//! What there is: the project, its repositories, its artifacts, between two proofs of login.
//!
//! A project of up to [`ARTIFACTS_AT_A_TIME`] artifacts is listed in one go. A larger one is taken in parts, each of some repositories, and
//! each is listed, compared and stored before the next is looked at: what a run holds in memory is then bound by its largest repository
//! and by what is kept of each (a name and a digest). Each part has its own proof of login after its listing, and whatever moves while it
//! is read is found by listing it again, as a small project is.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use registry::{Client, Project, RegistryError, Repository};
use time::OffsetDateTime;
use vocab::{Digest, ProjectName, RepositoryName, Tag};

use super::gap::{self, tag_subject};
use super::{ARTIFACTS_MAX, BackupError, Note};
use crate::source::{self, Seen, Sink};

/// Times the project is listed before an inconsistent listing is given up.
const LISTINGS_MAX: usize = 3;
/// Artifacts up to which repositories are taken together, as Harbor counts them: children of indexes come on top.
pub(crate) const ARTIFACTS_AT_A_TIME: u64 = 5_000;

/// A project and its repositories, before anything in them was looked at.
pub(crate) struct Front {
    pub project: Project,
    /// The latest update time of a repository.
    pub last_change: Option<OffsetDateTime>,
    /// What is listed together, in the order of ids; one part, perhaps without a repository, where the project is small.
    pub parts: VecDeque<Part>,
}

/// Repositories that are listed together.
pub(crate) struct Part {
    repositories: Vec<Repository>,
    /// The whole project: then one that came meanwhile is part of it.
    whole: bool,
}

/// A repository that counts more artifacts than it lists.
pub(crate) struct Short {
    pub name: RepositoryName,
    /// As Harbor counts them: without accessories, and without untagged children of indexes.
    pub counted: u64,
    /// The same of what was listed.
    listed: u64,
}

/// A listing that may be trusted.
pub(crate) struct Listed {
    pub project: Project,
    /// Repositories with their descriptions.
    pub repositories: BTreeMap<RepositoryName, Option<String>>,
    pub artifacts: Vec<Seen>,
    pub notes: Vec<Note>,
    /// Repositories that count more artifacts than they list.
    pub short: Vec<Short>,
    part: Part,
}

impl Listed {
    /// Whether it is the whole project.
    pub(crate) fn is_whole(&self) -> bool {
        self.part.whole
    }

    /// The same listing once more, as it comes. Answers `false` when there is too much by now.
    pub(crate) async fn again(&self, client: &Client, sink: &mut impl Sink) -> Result<bool, RegistryError> {
        let name = &self.project.name;
        if self.part.whole {
            let part = Part { repositories: client.repositories(name).await?, whole: true };
            return each(client, name, &part, ARTIFACTS_MAX, sink).await;
        }
        each(client, name, &self.part, ARTIFACTS_MAX, sink).await
    }

    /// Bytes of all images as Harbor counts them. Children are counted in their index.
    pub(crate) fn logical_bytes(&self) -> u64 {
        let children: HashSet<(&RepositoryName, &Digest)> =
            self.artifacts.iter().flat_map(|a| a.children.iter().map(move |child| (&a.repository, child))).collect();
        let counted = self.artifacts.iter().filter(|a| !children.contains(&(&a.repository, &a.digest)));
        counted.fold(0, |sum, a| sum.saturating_add(a.size_bytes))
    }
}

/// Reads what there is to list. Wrong credentials never look like an empty project: the login is proved before and after (harbor.md §0.1).
pub(crate) async fn front(client: &Client, name: &ProjectName, together: u64) -> Result<Front, BackupError> {
    client.prove_login().await?;
    let project = source::project(client, name).await?;
    let Some(project) = project else {
        client.prove_login().await?;
        return Err(BackupError::NoProject { project: name.clone() });
    };
    let repositories = client.repositories(name).await?;
    let last_change = repositories.iter().filter_map(|r| r.update_time).max();
    Ok(Front { project, last_change, parts: parts(repositories, together) })
}

/// Parts of whole repositories, none above `together` artifacts that has more than one.
fn parts(mut repositories: Vec<Repository>, together: u64) -> VecDeque<Part> {
    repositories.sort_by_key(|repository| repository.id);
    let mut parts: VecDeque<Vec<Repository>> = VecDeque::from([Vec::new()]);
    let mut count: u64 = 0;
    for repository in repositories {
        // One that counts none costs its row all the same.
        let more = repository.artifact_count.max(1);
        if count > 0 && count.saturating_add(more) > together {
            parts.push_back(Vec::new());
            count = 0;
        }
        count = count.saturating_add(more);
        if let Some(last) = parts.back_mut() {
            last.push(repository);
        }
    }
    let whole = parts.len() == 1;
    parts.into_iter().map(|repositories| Part { repositories, whole }).collect()
}

/// Lists one part. Prove the login before, as [`front`] does; it is proved again after.
pub(crate) async fn list(client: &Client, project: &Project, mut part: Part, max: usize) -> Result<Listed, BackupError> {
    let name = &project.name;
    for last in [false, false, true].into_iter().take(LISTINGS_MAX) {
        let artifacts = artifacts(client, name, &part, max).await?;
        client.prove_login().await?;
        let artifacts = artifacts.ok_or_else(|| BackupError::TooMuch { project: name.clone(), what: "artifacts", limit: ARTIFACTS_MAX })?;
        let none = part.whole && part.repositories.is_empty() && project.repo_count > 0 && artifacts.is_empty();
        let short = short(&part.repositories, &artifacts);
        if (none || !short.is_empty()) && !last {
            again(client, name, &mut part, &short).await?;
            continue;
        }
        let short = still_short(client, short).await?;
        return Ok(listed(project.clone(), part, artifacts, short));
    }
    Err(BackupError::Unstable { project: name.clone(), what: "repositories are counted and not listed".to_owned() })
}

async fn artifacts(client: &Client, project: &ProjectName, part: &Part, max: usize) -> Result<Option<Vec<Seen>>, RegistryError> {
    let mut all = Vec::new();
    let few = each(client, project, part, max, &mut |seen| all.push(seen)).await?;
    Ok(few.then_some(all))
}

async fn each(client: &Client, project: &ProjectName, part: &Part, max: usize, sink: &mut impl Sink) -> Result<bool, RegistryError> {
    if part.whole {
        source::artifacts(client, project, &part.repositories, max, sink).await
    } else {
        source::artifacts_of(client, project, &part.repositories, max, sink).await
    }
}

/// Reads the repositories again before another listing: all of the project, or those that listed too little.
async fn again(client: &Client, project: &ProjectName, part: &mut Part, short: &[Short]) -> Result<(), RegistryError> {
    if part.whole {
        part.repositories = client.repositories(project).await?;
        return Ok(());
    }
    for Short { name, .. } in short {
        let now = client.repository(name).await?;
        part.repositories.retain(|repository| repository.name != *name);
        part.repositories.extend(now);
    }
    Ok(())
}

/// Repositories that count more artifacts than they list. Whatever is pushed between count and listing only makes the listing longer.
fn short(repositories: &[Repository], artifacts: &[Seen]) -> Vec<Short> {
    let children: HashSet<(&RepositoryName, &Digest)> =
        artifacts.iter().flat_map(|a| a.children.iter().map(move |child| (&a.repository, child))).collect();
    let mut listed: HashMap<&RepositoryName, u64> = HashMap::new();
    for artifact in artifacts.iter().filter(|a| !a.tags.is_empty() || !children.contains(&(&a.repository, &a.digest))) {
        *listed.entry(&artifact.repository).or_default() += 1;
    }
    let compared = repositories.iter().map(|r| (r, listed.get(&r.name).copied().unwrap_or(0)));
    let short = compared.filter(|(r, listed)| r.artifact_count > *listed);
    short.map(|(r, listed)| Short { name: r.name.clone(), counted: r.artifact_count, listed }).collect()
}

/// Those of them that still count more now: what was deleted after the count is no lack.
async fn still_short(client: &Client, short: Vec<Short>) -> Result<Vec<Short>, BackupError> {
    let mut still = Vec::new();
    for Short { name, listed, .. } in short {
        let counted = client.repository(&name).await?.map_or(0, |now| now.artifact_count);
        if counted > listed {
            still.push(Short { name, counted, listed });
        }
    }
    Ok(still)
}

fn listed(project: Project, part: Part, artifacts: Vec<Seen>, short: Vec<Short>) -> Listed {
    let mut names: BTreeMap<RepositoryName, Option<String>> =
        part.repositories.iter().map(|r| (r.name.clone(), r.description.clone())).collect();
    let mut artifacts = artifacts;
    for artifact in &mut artifacts {
        match names.get_key_value(&artifact.repository) {
            // One text for all of them.
            Some((name, _)) => artifact.repository = name.clone(),
            None => {
                names.insert(artifact.repository.clone(), None);
            }
        }
    }
    let (artifacts, notes) = first_seen(artifacts);
    Listed { project, repositories: names, artifacts, notes, short, part }
}

/// A tag that moved between two pages is listed twice: the first sight counts (I-8). An artifact listed twice is taken once.
fn first_seen(artifacts: Vec<Seen>) -> (Vec<Seen>, Vec<Note>) {
    let mut owner: HashMap<(RepositoryName, Tag), Digest> = HashMap::new();
    let mut at: HashMap<(RepositoryName, Digest), usize> = HashMap::new();
    let mut kept: Vec<Seen> = Vec::with_capacity(artifacts.len());
    let mut notes = Vec::new();
    for mut artifact in artifacts {
        let digest = artifact.digest;
        let repository = artifact.repository.clone();
        artifact.tags.retain(|tag| {
            let first = *owner.entry((repository.clone(), tag.clone())).or_insert(digest);
            if first != digest {
                notes.push(moved(&repository, tag, &first, &digest));
            }
            first == digest
        });
        let key = (repository, digest);
        match at.get(&key) {
            Some(place) => {
                let known = &mut kept[*place];
                known.tags.extend(artifact.tags);
                known.tags.sort();
                known.tags.dedup();
            }
            None => {
                at.insert(key, kept.len());
                kept.push(artifact);
            }
        }
    }
    (kept, notes)
}

/// A tag is recorded as it was first seen.
pub(crate) fn moved(repository: &RepositoryName, tag: &Tag, first: &Digest, later: &Digest) -> Note {
    Note {
        code: "tag_moved",
        subject: tag_subject(repository, tag),
        text: format!("the tag moved during the backup, from {} to {}; it is recorded as first seen", first.short(), later.short()),
        facts: serde_json::json!({ "first": first.short(), "later": later.short() }),
    }
}

/// The gap of a repository that counts more artifacts than it lists.
pub(crate) fn short_gap(short: &Short) -> vault::tree::Gap {
    gap::gap(
        gap::LISTING_INCOMPLETE,
        short.name.to_string(),
        &gap::Reason::ListingShort { counted: short.counted, listed: short.listed },
        gap::Consequence::NotListed,
        gap::Remedy::CheckListing,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(digest: &[u8], tags: &[&str]) -> Seen {
        Seen { tags: tags.iter().map(|t| t.parse().unwrap()).collect(), ..Seen::bare("p/r".parse().unwrap(), Digest::of(digest)) }
    }

    #[test]
    fn a_tag_that_moves_between_pages_stays_where_it_was_first_seen() {
        let (kept, notes) = first_seen(vec![seen(b"a", &["1", "2"]), seen(b"b", &["2", "3"]), seen(b"a", &["4"])]);
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[0].tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["1", "2", "4"]);
        assert_eq!(kept[1].tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["3"]);
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0].subject, "p/r:2");
    }
}
