//! Undo of a restore: an effect plan of its own that moves tags back to what they pointed to before.
//!
//! Only moves are undone. A tag that the restore created stays: Breakwater takes nothing away from a registry.

use registry::{Client, Reference, RegistryError};
use vocab::Digest;

use crate::effect::{BlockReason, Effect, EffectItem, EffectPlan, Estimate, SkipReason, Warning};
use crate::report::Report;

/// The plan that undoes what `report` says was done of `plan`. Reads the registry, writes nothing.
///
/// The image a tag is moved back to must still be in the registry (a restore that moves tags keeps it under a tag of its own) or in
/// the vault; else its line is blocked.
pub async fn plan(client: &Client, plan: &EffectPlan, report: &Report) -> Result<EffectPlan, RegistryError> {
    client.prove_login().await?;
    let mut undo = EffectPlan {
        creates_project: false,
        whole_project: false,
        items: Vec::new(),
        estimate: Estimate::default(),
        warnings: Vec::new(),
        ..plan.clone()
    };
    let mut created = 0;
    for result in report.items.iter().filter(|result| result.outcome.is_done()) {
        let Some(done) = plan.items.get(result.item) else { continue };
        match (&done.effect, &done.tag, result.previous) {
            (Effect::Move { .. }, Some(tag), Some(previous)) => {
                let reference = Reference::Tag(tag.clone());
                let now = client.artifact(&done.repository, &reference).await?.map(|artifact| artifact.digest);
                let back = client.artifact(&done.repository, &Reference::Digest(previous)).await?;
                let media_type = back.map(|artifact| artifact.manifest_media_type);
                undo.items.push(line(done, previous, now, media_type));
            }
            (Effect::Create, ..) => created += 1,
            _ => {}
        }
    }
    client.prove_login().await?;
    if created > 0 {
        let text = format!("{created} tags that the restore created stay; delete them in Harbor if they are not wanted");
        undo.warnings.push(Warning { code: "created_stays".to_owned(), text });
    }
    Ok(undo)
}

/// One tag, back to where it was. Only if it still is where the restore put it.
fn line(done: &EffectItem, previous: Digest, now: Option<Digest>, media_type: Option<String>) -> EffectItem {
    let effect = match (now, &media_type) {
        (Some(now), _) if now == previous => Effect::Skip { reason: SkipReason::Same },
        (Some(now), _) if now != done.then => Effect::Skip { reason: SkipReason::Left },
        (_, None) => Effect::Blocked {
            reason: BlockReason::Damaged { object: previous },
            remedy: "the registry has removed that image; restore it from a snapshot that has it".to_owned(),
        },
        (None, _) => Effect::Create,
        (Some(_), _) => Effect::Move { keep_as: None },
    };
    EffectItem {
        // The bytes are where they are written to.
        source_repository: done.repository.clone(),
        source_tag: done.tag.clone(),
        now,
        then: previous,
        // Unknown to the vault perhaps: the restore then reads it from the registry.
        media_type: String::new(),
        effect,
        accessory: None,
        brought_for: None,
        ..done.clone()
    }
}
