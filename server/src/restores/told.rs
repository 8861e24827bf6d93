//! What the engine found for a restore, and what came of it, as what people are told.

use app::restores::outcomes::{self, LineFault, LineOutcome};
use app::restores::sentences::{BlockReason, Lacking, Note, Unclear, Warning, When};
use app::sentence::Said;
use app::units::Moment;
use engine::effect::{self, Effect, EffectItem, NEVER_CAPTURED, SkipReason};
use engine::planned::{Deviation, Proof};
use engine::restore::{Fault, first};

use crate::error::chain;
use crate::troubles;

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn when(when: &effect::When) -> When {
    match when {
        effect::When::ByHand => When::ByHand,
        effect::When::Schedule { cron } => When::Schedule { cron: cron.clone() },
    }
}

fn unclear(why: &effect::Unclear) -> Unclear {
    match why {
        effect::Unclear::Template { template } => Unclear::Template { template: template.clone() },
        effect::Unclear::Figure { rule } => Unclear::Figure { rule: rule.clone() },
        effect::Unclear::Action { action } => Unclear::Action { action: action.clone() },
        effect::Unclear::Pattern { pattern } => Unclear::Pattern { pattern: pattern.clone() },
    }
}

fn lacking(lacking: &effect::Lacking) -> Lacking {
    use effect::Lacking as L;
    match lacking {
        L::Settings { names } => Lacking::Settings { names: names.clone() },
        L::CveAllowList { entries } => Lacking::CveAllowList { entries: whole(*entries) },
        L::Quota => Lacking::Quota,
        L::Labels { rows } => Lacking::Labels { rows: whole(*rows) },
        L::Members { rows } => Lacking::Members { rows: whole(*rows) },
        L::Robots { rows } => Lacking::Robots { rows: whole(*rows) },
        L::ImmutableRules { rows } => Lacking::ImmutableRules { rows: whole(*rows) },
        L::Webhooks { rows } => Lacking::Webhooks { rows: whole(*rows) },
        L::Preheat { rows } => Lacking::Preheat { rows: whole(*rows) },
        L::Retention => Lacking::Retention,
        L::Scanner => Lacking::Scanner,
        L::Descriptions { repositories } => Lacking::Descriptions { repositories: whole(*repositories) },
        L::ImageLabels { images } => Lacking::ImageLabels { images: whole(*images) },
    }
}

/// A warning of a plan.
pub fn warning(warning: &effect::Warning) -> Said<Warning> {
    use effect::Warning as W;
    let now = match warning {
        W::SnapshotGaps { gaps } => Warning::SnapshotGaps { gaps: whole(*gaps) },
        W::PushTimeNow => Warning::PushTimeNow,
        W::AccessoriesLeft => Warning::AccessoriesLeft,
        W::BytesStillThere => Warning::BytesStillThere,
        W::BytesUnknown { blobs } => Warning::BytesUnknown { blobs: whole(*blobs) },
        W::Untagged { images } => Warning::Untagged { images: whole(*images) },
        W::BecomesImmutable { tags } => Warning::BecomesImmutable { tags: whole(*tags) },
        W::RulesUnknown => Warning::RulesUnknown,
        W::RightUnknown => Warning::RightUnknown,
        W::QuotaTight { free_bytes, most_bytes } => Warning::QuotaTight { free_bytes: whole(*free_bytes), most_bytes: whole(*most_bytes) },
        W::PreventVul => Warning::PreventVul,
        W::EnableContentTrust => Warning::EnableContentTrust,
        W::EnableContentTrustCosign => Warning::EnableContentTrustCosign,
        W::AutoScan => Warning::AutoScan,
        W::OrderUnknown => Warning::OrderUnknown,
        W::RetentionUnclear { rules, when: runs, why } => {
            Warning::RetentionUnclear { rules: rules.clone(), when: when(runs), why: unclear(why) }
        }
        W::RetentionTakesLive { rules, when: runs, takes, names } => {
            Warning::RetentionTakesLive { rules: rules.clone(), when: when(runs), takes: whole(*takes), names: names.clone() }
        }
        W::RetentionTakesRestored { rules, when: runs, takes, names } => {
            Warning::RetentionTakesRestored { rules: rules.clone(), when: when(runs), takes: whole(*takes), names: names.clone() }
        }
        W::RetentionNotLooked { rules, repositories } => {
            Warning::RetentionNotLooked { rules: rules.clone(), repositories: whole(*repositories) }
        }
        W::RetentionSpares { rules, when: runs } => Warning::RetentionSpares { rules: rules.clone(), when: when(runs) },
        W::MadeAnewUnread { project } => Warning::MadeAnewUnread { project: project.to_string() },
        W::MadeAnewUncaptured { project } => Warning::MadeAnewUncaptured { project: project.to_string() },
        W::MadeAnew { project, public, lacks } => {
            Warning::MadeAnew { project: project.to_string(), public: *public, lacks: lacks.iter().map(lacking).collect() }
        }
        W::MadeAnewWhole { project, public } => Warning::MadeAnewWhole { project: project.to_string(), public: *public },
        W::LayerElsewhere { images, more, layer, address } => {
            Warning::LayerElsewhere { images: images.clone(), more: whole(*more), layer: layer.clone(), address: address.clone() }
        }
        W::LayersElsewhere { layers } => Warning::LayersElsewhere { layers: whole(*layers) },
        W::AsSaidThen { text } => return Said::Then(text.clone()),
    };
    Said::Now(now)
}

fn block_reason(item: &EffectItem, reason: &effect::BlockReason, remedy: &str) -> Said<Note> {
    use effect::BlockReason as B;
    let why = match reason {
        B::Immutable => BlockReason::Immutable,
        B::NameTaken { tag } => BlockReason::NameTaken { tag: tag.clone() },
        B::ProxyCache => BlockReason::ProxyCache,
        B::ReadOnly => BlockReason::ReadOnly,
        B::Quota => BlockReason::Quota,
        B::NoPushRight => BlockReason::NoPushRight,
        B::NoProjectRight => BlockReason::NoProjectRight,
        B::Damaged { object } => BlockReason::Damaged { object: object.short() },
        B::NoSubject { subject } => BlockReason::NoSubject { subject: subject.short() },
        B::SubjectBlocked { subject } => BlockReason::SubjectBlocked { subject: subject.short() },
        B::CannotLink { tag } => BlockReason::CannotLink { tag: tag.clone() },
        B::LeftOver => BlockReason::LeftOver { call: effect::delete_call(item) },
        B::Spoilt { object } => BlockReason::Spoilt { object: object.short() },
        B::Gone { object, elsewhere: Some(moment) } => {
            BlockReason::GoneElsewhere { object: object.short(), moment: Moment(*moment), image: format!("{}@{object}", item.repository) }
        }
        B::Gone { object, elsewhere: None } if remedy == NEVER_CAPTURED => BlockReason::Gone { object: object.short() },
        // Of a plan of before, which knew more than its fields say; and of a program that knows more reasons.
        other => return Said::Then(format!("{other}; {remedy}")),
    };
    Said::Now(Note::Blocked { why })
}

/// What there is to say of a line beside its effect.
pub fn note(item: &EffectItem) -> Option<Said<Note>> {
    let note = match &item.effect {
        Effect::Create | Effect::Move { keep_as: None } => return None,
        Effect::Move { keep_as: Some(tag) } => Note::KeepsTag { tag: tag.to_string() },
        Effect::Mend => Note::Mend,
        Effect::Skip { reason: SkipReason::Same } => Note::Same,
        Effect::Skip { reason: SkipReason::Left } => Note::Left,
        Effect::Skip { reason: SkipReason::Stays } => Note::Stays,
        Effect::Blocked { reason, remedy } => return Some(block_reason(item, reason, remedy)),
    };
    Some(note.into())
}

fn deviation(deviation: &Deviation) -> outcomes::Deviation {
    use outcomes::Deviation as D;
    match deviation {
        Deviation::Manifest(digest) => D::Manifest { manifest: digest.short() },
        Deviation::OtherBytes { manifest, actual } => D::OtherBytes { manifest: manifest.short(), actual: actual.short() },
        Deviation::Blob { blob, manifest } => D::Blob { blob: blob.short(), manifest: manifest.short() },
        Deviation::Spoilt { blob } => D::Spoilt { blob: blob.short() },
        Deviation::OtherSize { blob, found_bytes, size_bytes } => {
            D::OtherSize { blob: blob.short(), found_bytes: whole(*found_bytes), size_bytes: whole(*size_bytes) }
        }
        Deviation::Tag { tag, found } => D::Tag { tag: tag.to_string(), found: found.map(|found| found.short()) },
        Deviation::Link { subject } => D::Link { subject: subject.short() },
    }
}

fn fault(fault: &Fault) -> LineFault {
    match fault {
        Fault::Registry(error) => LineFault::Trouble { why: troubles::registry(error) },
        Fault::Vault(error) => LineFault::Trouble { why: troubles::vault(error) },
        Fault::TooDeep { object } => LineFault::TooDeep { object: object.short() },
        Fault::LosesBlobs { object } => LineFault::LosesBlobs { object: object.short() },
        Fault::NotAsPlanned { deviations } => {
            let (told, more) = first(deviations);
            LineFault::NotAsPlanned { deviations: told.iter().map(deviation).collect(), more: whole(more as u64) }
        }
        Fault::Unreadable { object, why } => LineFault::Unreadable { object: object.short(), why: why.clone() },
        Fault::UnknownName { name } => LineFault::UnknownName { object: name.clone() },
        Fault::NameTaken { tag } => LineFault::NameTaken { tag: tag.to_string() },
        Fault::MovedMeanwhile { repository, tag, found } => {
            LineFault::MovedMeanwhile { image: format!("{repository}:{tag}"), found: found.map(|found| found.short()) }
        }
        Fault::SubjectFailed { subject } => LineFault::SubjectFailed { subject: subject.short() },
        other => LineFault::Trouble { why: app::troubles::Trouble::Unforeseen { error: chain(other) } },
    }
}

/// What is kept of a line that failed.
pub fn failed(of: &Fault) -> LineOutcome {
    LineOutcome::Failed { why: fault(of), status: of.status().map(i64::from) }
}

/// What is kept of a line that is as planned.
pub fn done(proof: &Proof) -> LineOutcome {
    LineOutcome::Proof {
        manifests: whole(proof.manifests()),
        blobs: whole(proof.blobs_asked()),
        tag: proof.has_tag(),
        linked: proof.is_linked(),
    }
}
