//! What there is: the project, its repositories, its artifacts, between two proofs of login.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use registry::{Client, Project, Repository};
use time::OffsetDateTime;
use vocab::{Digest, ProjectName, RepositoryName, Tag};

use super::gap::{self, tag_subject};
use super::{ARTIFACTS_MAX, BackupError, Note};
use crate::source::{self, Seen};

/// Times the project is listed before an inconsistent listing is given up.
const LISTINGS_MAX: usize = 3;

/// A listing that may be trusted.
pub(crate) struct Listed {
    pub project: Project,
    /// Repositories with their descriptions.
    pub repositories: BTreeMap<RepositoryName, Option<String>>,
    pub artifacts: Vec<Seen>,
    pub notes: Vec<Note>,
    /// Repositories that have tags and list no artifact.
    pub unlisted: Vec<RepositoryName>,
    /// The latest update time of a repository.
    pub last_change: Option<OffsetDateTime>,
}

impl Listed {
    /// Bytes of all images as Harbor counts them. Children are counted in their index.
    pub(crate) fn logical_bytes(&self) -> u64 {
        let children: HashSet<(&RepositoryName, &Digest)> =
            self.artifacts.iter().flat_map(|a| a.children.iter().map(move |child| (&a.repository, child))).collect();
        let counted = self.artifacts.iter().filter(|a| !children.contains(&(&a.repository, &a.digest)));
        counted.fold(0, |sum, a| sum.saturating_add(a.size_bytes))
    }
}

/// Lists the project. Wrong credentials never look like an empty project: the login is proved before and after (harbor.md §0.1).
pub(crate) async fn list(client: &Client, name: &ProjectName) -> Result<Listed, BackupError> {
    client.prove_login().await?;
    let project = source::project(client, name).await?;
    let Some(project) = project else {
        client.prove_login().await?;
        return Err(BackupError::NoProject { project: name.clone() });
    };
    for last in [false, false, true].into_iter().take(LISTINGS_MAX) {
        let repositories = client.repositories(name).await?;
        let artifacts = source::artifacts(client, name, &repositories, ARTIFACTS_MAX).await?;
        client.prove_login().await?;
        let artifacts = artifacts.ok_or_else(|| BackupError::TooMuch { project: name.clone(), what: "artifacts", limit: ARTIFACTS_MAX })?;
        if repositories.is_empty() && project.repo_count > 0 && artifacts.is_empty() && !last {
            continue;
        }
        let silent = silent(&repositories, &artifacts);
        if !silent.is_empty() && !last {
            continue;
        }
        let unlisted = really_unlisted(client, silent).await?;
        return Ok(listed(project, repositories, artifacts, unlisted));
    }
    Err(BackupError::Unstable { project: name.clone(), what: "repositories are counted and not listed".to_owned() })
}

/// Repositories that count artifacts and list none.
fn silent(repositories: &[Repository], artifacts: &[Seen]) -> Vec<RepositoryName> {
    let seen: BTreeSet<&RepositoryName> = artifacts.iter().map(|a| &a.repository).collect();
    repositories.iter().filter(|r| r.artifact_count > 0 && !seen.contains(&r.name)).map(|r| r.name.clone()).collect()
}

/// A count may be off; tags are not.
async fn really_unlisted(client: &Client, silent: Vec<RepositoryName>) -> Result<Vec<RepositoryName>, BackupError> {
    let mut unlisted = Vec::new();
    for name in silent {
        if !client.tag_names(&name).await?.is_empty() {
            unlisted.push(name);
        }
    }
    Ok(unlisted)
}

fn listed(project: Project, repositories: Vec<Repository>, artifacts: Vec<Seen>, unlisted: Vec<RepositoryName>) -> Listed {
    let last_change = repositories.iter().filter_map(|r| r.update_time).max();
    let mut names: BTreeMap<RepositoryName, Option<String>> = repositories.into_iter().map(|r| (r.name, r.description)).collect();
    for artifact in &artifacts {
        if !names.contains_key(&artifact.repository) {
            names.insert(artifact.repository.clone(), None);
        }
    }
    let (artifacts, notes) = first_seen(artifacts);
    Listed { project, repositories: names, artifacts, notes, unlisted, last_change }
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
    }
}

/// The gap of a repository that has tags and lists nothing.
pub(crate) fn unlisted_gap(repository: &RepositoryName) -> vault::tree::Gap {
    vault::tree::Gap {
        kind: gap::LISTING_INCOMPLETE.to_owned(),
        subject: repository.to_string(),
        cause: "the registry has tags there and lists no artifacts".to_owned(),
        remedy: "run the plan again; if it stays, check the right artifact:list and the registry's database".to_owned(),
    }
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
