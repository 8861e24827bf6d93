//! When what was listed was pushed, for a restore that brings it back in the order in which it came.

use std::collections::{BTreeMap, HashSet};

use vault::tree::{PushTimesText, RepositoryPushes};
use vocab::{RepositoryName, Tag};

use super::Note;
use crate::source::Seen;

/// The push times of a project, as far as its listings told them.
#[derive(Default)]
pub(crate) struct PushTimes {
    text: PushTimesText,
    /// There are more than a vault holds in one object: then none are kept.
    too_many: bool,
}

impl PushTimes {
    /// Adds what one listing tells, and what was found beside it.
    pub(crate) fn add<'a>(&mut self, seen: impl Iterator<Item = &'a Seen>) {
        let mut found: BTreeMap<&RepositoryName, RepositoryPushes> = BTreeMap::new();
        for artifact in seen {
            let pushes = found.entry(&artifact.repository).or_default();
            pushes.artifacts.extend(artifact.pushed.map(|at| (artifact.digest, at)));
            // A tag that moved while it was listed is recorded where it was first seen, and so is its time.
            let owned: HashSet<&Tag> = artifact.tags.iter().collect();
            pushes.tags.extend(artifact.tag_pushes.iter().filter(|(tag, _)| owned.contains(tag)).cloned());
        }
        for (name, pushes) in found {
            self.too_many |= self.text.add(name, &pushes).is_err();
        }
    }

    /// The times to keep, or why there are none.
    pub(crate) fn into_text(self, project: &str) -> Result<Option<PushTimesText>, Note> {
        if self.too_many {
            let text = "there are more push times than fit one object; a restore cannot know in which order images came".to_owned();
            return Err(Note { code: "push_times_left", subject: project.to_owned(), text, facts: serde_json::Value::Null });
        }
        Ok(Some(self.text).filter(|text| !text.is_empty()))
    }
}
