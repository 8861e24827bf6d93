//! Looks for tags that moved while the backup ran.

use std::collections::HashMap;

use registry::Client;
use vocab::{Digest, RepositoryName, Tag};

use super::gap::tag_subject;
use super::listing::{Listed, moved};
use super::{BackupError, Note};
use crate::source::Seen;

/// Lists again after the bytes were read, and notes what moved or went meanwhile. The snapshot keeps what was seen first (I-8).
pub(crate) async fn moves(client: &Client, listed: &Listed) -> Result<Vec<Note>, BackupError> {
    let mut before: HashMap<(RepositoryName, Tag), Digest> = HashMap::new();
    for artifact in &listed.artifacts {
        before.extend(artifact.tags.iter().map(|tag| ((artifact.repository.clone(), tag.clone()), artifact.digest)));
    }
    let mut notes = Vec::new();
    let few = listed
        .again(client, &mut |now: Seen| {
            for tag in now.tags {
                let place = (now.repository.clone(), tag);
                if let Some(first) = before.remove(&place)
                    && first != now.digest
                {
                    notes.push(moved(&place.0, &place.1, &first, &now.digest));
                }
            }
        })
        .await?;
    if !few {
        return Ok(Vec::new());
    }
    notes.extend(before.into_keys().map(|(repository, tag)| Note {
        code: "tag_gone",
        subject: tag_subject(&repository, &tag),
        text: "the tag was removed during the backup; it is recorded as first seen".to_owned(),
        facts: serde_json::json!({ "recorded": true }),
    }));
    notes.sort_by(|one, other| one.subject.cmp(&other.subject));
    Ok(notes)
}
