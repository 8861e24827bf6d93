//! The audit history: who did what, chained.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::events::Event;
use crate::sentence::Said;
use crate::units::Moment;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEvent {
    /// Number in the chain, from 1, without holes.
    pub seq: i64,
    /// When.
    pub at: Moment,
    /// `user`, `token`, `system`, `job`, `bootstrap`, `anonymous`.
    pub actor_type: String,
    /// Login or name.
    pub actor: String,
    /// `object.verb`, as in console.md §4.2.
    pub action: String,
    /// `success`, `failure`, `denied`, `partial`.
    pub outcome: String,
    /// Kind of object.
    pub object_type: String,
    /// Name of the object.
    pub object: String,
    /// Project `harbor/project`, if it is about one.
    pub project: Option<String>,
    /// Address the request came from; only for those who may see it.
    pub ip: Option<String>,
    /// Request id.
    pub request_id: Option<String>,
    /// What happened; of records of before the text as it was said then.
    pub sentence: Said<Event>,
    /// Number of the token that acted, if one did.
    #[serde(default)]
    pub token: Option<i64>,
}

/// One event with all that is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditDetail {
    /// The event.
    pub event: AuditEvent,
    /// The bytes that are hashed, as text.
    pub record: String,
    /// Hash of the event before.
    pub prev_hash: String,
    /// Hash of this one.
    pub hash: String,
    /// Whether the hash was computed again just now and agrees.
    pub intact: bool,
    /// Events of the same request or object, by number.
    pub related: Vec<AuditEvent>,
}

/// Filter of the audit list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
pub struct AuditFilter {
    /// Login.
    #[serde(default)]
    pub actor: Option<String>,
    /// Action, or its beginning with `*`: `restore.*`.
    #[serde(default)]
    pub action: Option<String>,
    /// Outcome.
    #[serde(default)]
    pub outcome: Option<String>,
    /// Part of the object's name.
    #[serde(default)]
    pub object: Option<String>,
    /// From, inclusive.
    #[serde(default)]
    pub from: Option<String>,
    /// To, exclusive.
    #[serde(default)]
    pub to: Option<String>,
    /// Cursor.
    #[serde(default)]
    pub after: Option<String>,
}

/// A page of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// Newest first.
    pub events: Vec<AuditEvent>,
    /// Cursor.
    pub next: Option<String>,
    /// Events that match, up to 10,000.
    pub matching: i64,
    /// More match.
    pub matching_more: bool,
    /// Events in all.
    pub total: i64,
}

/// What checking the chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainCheck {
    /// When.
    pub at: Moment,
    /// Events read.
    pub events: i64,
    /// Hash of the newest.
    pub head: String,
    /// First event that does not fit, and how.
    pub broken: Option<(i64, String)>,
}
