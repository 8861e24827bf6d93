//! What a look at a harbor found, as what people are told.

use app::plans::basis::{Basis, Evidence, ListedWhy, LogState};
use app::units::Moment;
use engine::backup::discovery::{self, Discovery};
use engine::backup::sight;
use engine::backup::tail::Readable;

/// How it is known that a harbor was set back.
pub fn evidence(evidence: &sight::Evidence) -> Evidence {
    match evidence {
        sight::Evidence::Time { repository, was, is } => {
            Evidence::TimeBack { repository: repository.to_string(), was: Moment(*was), is: Moment(*is) }
        }
        sight::Evidence::LogEnds { was, is } => Evidence::LogEnds { was: *was, is: *is },
        sight::Evidence::LogDiffers { id } => Evidence::LogDiffers { row: *id },
        sight::Evidence::NumberAgain { name, id } => Evidence::NumberAgain { name: name.clone(), number: *id },
    }
}

fn log(readable: Readable) -> LogState {
    match readable {
        Readable::Whole => LogState::Whole,
        Readable::NoMark => LogState::NoMark,
        Readable::Empty => LogState::Empty,
        Readable::Refused => LogState::Unreadable,
        Readable::Gap => LogState::Gap,
        Readable::TooMany => LogState::TooMany,
    }
}

/// What a look rests on.
pub fn basis(look: &Discovery) -> Basis {
    if let Some(found) = &look.set_back {
        return Basis::ListedSetBack { evidence: evidence(&found.evidence) };
    }
    // At the first look the log was not read before either.
    let told = look.log.filter(|readable| (look.basis, *readable) != (discovery::Basis::FirstLook, Readable::NoMark)).map(log);
    let why = match look.basis {
        discovery::Basis::UpdateTimes => return Basis::ByUpdateTimes { log: told },
        discovery::Basis::AuditLog => return Basis::ByAuditLog,
        discovery::Basis::FirstLook => ListedWhy::FirstLook,
        discovery::Basis::Version => ListedWhy::VersionOld,
        discovery::Basis::Clock => ListedWhy::NoClock,
        discovery::Basis::Order => ListedWhy::NotSorted,
        discovery::Basis::Count => ListedWhy::CountDiffers,
        discovery::Basis::Refused => ListedWhy::MayNotList,
        discovery::Basis::SetBack => ListedWhy::SetBack,
    };
    Basis::Listed { why, log: told }
}
