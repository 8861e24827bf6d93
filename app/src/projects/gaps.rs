//! Gaps: what a snapshot lacks, where, and what an owner accepted of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gap_causes::{Consequence, GapCause, Remedy};
use super::types::{MayHere, Snapshot};
use crate::sentence::Said;
use crate::units::Moment;

/// One named gap of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gap {
    /// What it is known again by, hexadecimal: the same kind, subject, digest and cause have the same.
    pub id: String,
    /// `blocked_by_policy`, `missing`, `unreadable` …
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// What `subject` points to, where that is a tag: another image under it is another gap. None in snapshots of before it was kept.
    pub digest: Option<String>,
    /// Why.
    pub cause: Said<GapCause>,
    /// What cannot be done because of it; none = the snapshot does not say.
    pub consequence: Option<Said<Consequence>>,
    /// What to do; none = the snapshot does not say.
    pub remedy: Option<Said<Remedy>>,
    /// It is named and can be restored all the same, so it counts for nothing.
    pub only_named: bool,
    /// The acceptance that stands.
    pub accepted: Option<Acceptance>,
}

/// An owner's word that a gap is known and may stay, until a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acceptance {
    /// Its number.
    pub id: i64,
    /// Of which gap: what that is known again by.
    pub gap: String,
    /// Kind of the gap.
    pub kind: String,
    /// What the gap is about.
    pub subject: String,
    /// What `subject` points to, where that is a tag.
    pub digest: Option<String>,
    /// Cause of the gap.
    pub cause: Said<GapCause>,
    /// Why it was accepted.
    pub reason: String,
    /// Login of who accepted it.
    pub by: String,
    /// When.
    pub at: Moment,
    /// Its end.
    pub until: Moment,
    /// When and by whom it was withdrawn, and why; none = it was not.
    pub withdrawn: Option<Withdrawn>,
}

/// The end somebody gave something before its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Withdrawn {
    /// Login.
    pub by: String,
    /// When.
    pub at: Moment,
    /// Why.
    pub reason: String,
}

/// The gaps of a project: those of its newest snapshot, and what was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectGaps {
    /// The newest snapshot.
    pub at: Option<Snapshot>,
    /// Its gaps, open ones first.
    pub gaps: Vec<Gap>,
    /// Acceptances, newest first; also those that ended, at most 200.
    pub acceptances: Vec<Acceptance>,
    /// What the reader may do.
    pub may: MayHere,
}

/// Accepts gaps of a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptGap {
    /// The snapshot they are of.
    pub snapshot_id: i64,
    /// The `id` of a gap, or `open`: all that nobody accepted yet.
    pub gap: String,
    /// Why, 10 to 500 characters.
    pub reason: String,
    /// The end: a day, `2026-12-31`, whose end in UTC is meant, or a moment. At most a year ahead.
    pub until: String,
}
