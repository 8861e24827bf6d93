//! What a deleted repository left behind in the target. Harbor does not list what is about something elsewhere (signatures kept apart, and the
//! like), and so does not delete it with its repository: it is given out by its digest, with the number of the repository that was. In the
//! one that has the name now it takes no tag that anybody sees, until it is deleted by its digest.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use registry::{Client, Reference, RegistryError};
use vault::tree::SnapshotIndex;
use vocab::RepositoryName;

use super::context::{LINES_AT_ONCE, PlanError};
use super::model::{BlockReason, Effect, EffectItem};
use crate::backup::hidden::HIDDEN_UNTAGGED;

/// Blocks the lines that would put a tag on such a thing. Asks for what was in repositories in which the snapshot found things that are not
/// listed, and for nothing else.
pub(super) async fn block(client: &Client, index: &SnapshotIndex, items: &mut [EffectItem]) -> Result<(), PlanError> {
    let hiding: HashSet<&str> =
        index.limits.iter().filter(|limit| limit.kind == HIDDEN_UNTAGGED).map(|limit| limit.subject.as_str()).collect();
    let is_meant = |item: &&EffectItem| {
        let hides = [item.source_repository.as_str(), index.project.as_str()].iter().any(|place| hiding.contains(place));
        hides && item.effect == Effect::Create && item.tag.is_some()
    };
    let asked: BTreeSet<_> = items.iter().filter(is_meant).map(|item| (item.repository.clone(), item.then)).collect();
    let names: BTreeSet<RepositoryName> = asked.iter().map(|(name, _)| name.clone()).collect();
    let numbers: BTreeMap<RepositoryName, Option<i64>> = stream::iter(names)
        .map(|name| async move { client.repository(&name).await.map(|found| (name, found.map(|repository| repository.id))) })
        .buffered(LINES_AT_ONCE)
        .try_collect()
        .await?;
    let numbers = &numbers;
    let left: HashSet<_> = stream::iter(asked)
        .map(|place| async move {
            let artifact = client.artifact(&place.0, &Reference::Digest(place.1)).await?;
            let number = numbers.get(&place.0).copied().flatten();
            let is_left = artifact.and_then(|artifact| artifact.repository_id).is_some_and(|own| number != Some(own));
            Ok::<_, RegistryError>(is_left.then_some(place))
        })
        .buffered(LINES_AT_ONCE)
        .try_filter_map(|place| std::future::ready(Ok(place)))
        .try_collect()
        .await?;
    for item in items.iter_mut().filter(|item| item.effect == Effect::Create && item.tag.is_some()) {
        if left.contains(&(item.repository.clone(), item.then)) {
            let call = delete_call(item);
            let remedy = format!("have an administrator of the project delete it by its digest ({call}), then make the plan again");
            item.effect = Effect::Blocked { reason: BlockReason::LeftOver, remedy };
        }
    }
    Ok(())
}

/// The call of Harbor's API that deletes what is left over of a line.
#[must_use]
pub fn delete_call(item: &EffectItem) -> String {
    let (project, within) = (item.repository.project(), item.repository.within_project().replace('/', "%252F"));
    format!("DELETE /api/v2.0/projects/{project}/repositories/{within}/artifacts/{}", item.then)
}
