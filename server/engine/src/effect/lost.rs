//! What Harbor lists and cannot give back whole: its database knows the image, its storage lost a part of it.
//!
//! To compare digests such an image is the same, and nobody can pull it. Whoever names an image because it does not pull is told, and
//! what is missing is sent again. Bytes are asked for: a registry that keeps sizes in a cache says of what its storage lost that it is there. Where
//! Harbor has other bytes under a blob's name it takes none in their place (seen on 2.12.4 and 2.15.2: an upload of what is "there" is answered 201
//! and changes nothing): that is said, with what helps.

use futures::{StreamExt, TryStreamExt, stream};
use registry::RegistryError;

use super::context::{LINES_AT_ONCE, PlanContext, PlanError};
use super::estimate::BLOBS_LOOKED_UP_MAX;
use super::model::{BlockReason, Effect, EffectItem, SkipReason};
use crate::served::{Acceptance, Deviation, Witness};

/// Images looked into. Above, a restore is about more than an image that somebody knows by name, and a look at each of its parts would make it wait.
const IMAGES_LOOKED_INTO_MAX: usize = 32;
/// Manifests and blobs asked for, over all of them: as many as are looked up for what a plan sends. What is beyond is not known to be lost.
const PARTS_ASKED_MAX: usize = BLOBS_LOOKED_UP_MAX;

/// Looks into what is the same, if that is little.
pub(super) async fn look(cx: &PlanContext, items: &mut [EffectItem]) -> Result<(), PlanError> {
    let same = |item: &EffectItem| item.effect == Effect::Skip { reason: SkipReason::Same } && item.accessory.is_none();
    let places: Vec<usize> = items.iter().enumerate().filter(|(_, item)| same(item)).map(|(place, _)| place).collect();
    if places.len() > IMAGES_LOOKED_INTO_MAX {
        return Ok(());
    }
    let witness = &Witness::of_questions(&cx.client, &cx.vault, PARTS_ASKED_MAX);
    let looks: Vec<_> = places.iter().filter_map(|place| items.get(*place)).map(|item| deviations(witness, item)).collect();
    let found: Vec<Vec<Deviation>> = stream::iter(looks).buffered(LINES_AT_ONCE).try_collect().await?;
    for (place, deviations) in places.into_iter().zip(found) {
        if let (Some(item), Some(effect)) = (items.get_mut(place), effect_of(&deviations)) {
            item.effect = effect;
        }
    }
    Ok(())
}

/// What Harbor does not give back of it. A part that cannot be asked for is not known to be lost.
async fn deviations(witness: &Witness<'_>, item: &EffectItem) -> Result<Vec<Deviation>, RegistryError> {
    match witness.content(&item.repository, &item.then, Acceptance::IsNothing).await {
        Ok((_, deviations)) => Ok(deviations),
        Err(
            RegistryError::Forbidden { .. }
            | RegistryError::NotFound { .. }
            | RegistryError::Server { .. }
            | RegistryError::Protocol { .. },
        ) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn effect_of(deviations: &[Deviation]) -> Option<Effect> {
    let spoilt = deviations.iter().find_map(|deviation| match deviation {
        Deviation::OtherSize { blob, .. } | Deviation::Spoilt { blob } => Some(*blob),
        Deviation::OtherBytes { manifest, .. } => Some(*manifest),
        _ => None,
    });
    if let Some(object) = spoilt {
        let remedy = "delete every image that has this part in Harbor, let it collect its garbage, then restore again";
        return Some(Effect::Blocked { reason: BlockReason::Spoilt { object }, remedy: remedy.to_owned() });
    }
    (!deviations.is_empty()).then_some(Effect::Mend)
}
