//! The audit history: one record per state change, in the same transaction, hash-chained (console.md §4).
//!
//! [`record`] is called last in a transaction, because it locks the chain's head until commit. A refusal or failure has no
//! transaction of its own to join, so [`record_alone`] makes one. If the record cannot be written the change does not happen.
//! Records are canonical JSON: sorted keys, no spaces, control characters escaped. Values that are secret never come here.
//! What happened is kept as a code with its fields (form 2; before, form 1, as an English sentence) and said when it is read.

pub mod chain;
mod ops;
mod queries;

pub use ops::{get, list, seal, verify, verify_pool};
pub use queries::SEAL;

use app::audit::events::{Event as Told, SystemEvent};
use app::sentence::Said;
use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use crate::access::{Caller, Origin, Via};
use crate::error::Error;

/// The action of a refusal.
const DENIED: &str = "authz.denied";
/// Longest text in a record, in characters: a reason, a name, any field.
const TEXT_CHARS_MAX: usize = 2_000;
/// Most members of a list in a record.
const LIST_MAX: usize = 200;
/// Deepest nesting of a field.
const DEPTH_MAX: usize = 8;

/// Who did it.
#[derive(Debug, Clone)]
pub struct Actor {
    kind: &'static str,
    id: String,
    name: String,
    ip: Option<String>,
    interface: &'static str,
    request_id: Option<String>,
    /// Rows of the session or token that acted.
    session: Option<i64>,
    token: Option<i64>,
}

impl Actor {
    /// A person or their token.
    #[must_use]
    pub fn caller(caller: &Caller, origin: &Origin) -> Self {
        let (kind, token) = match caller.via {
            Via::Session => ("user", None),
            Via::Token { id, .. } => ("token", Some(id)),
        };
        let (id, name) = (caller.account_id.to_string(), caller.login.clone());
        Self { kind, id, name, session: caller.session, token, ..Self::from_origin(origin) }
    }

    /// Somebody who is not signed in.
    #[must_use]
    pub fn anonymous(login: &str, origin: &Origin) -> Self {
        Self { kind: "anonymous", name: login.to_owned(), ..Self::from_origin(origin) }
    }

    /// A job.
    #[must_use]
    pub fn job(job_id: i64) -> Self {
        Self { id: job_id.to_string(), ..Self::here("job", &format!("job {job_id}"), "worker") }
    }

    /// The program itself.
    #[must_use]
    pub fn system(what: &str) -> Self {
        Self::here("system", what, "worker")
    }

    /// Somebody at the server's own command line.
    #[must_use]
    pub fn command_line() -> Self {
        Self::here("bootstrap", "command line", "cli")
    }

    /// Somebody who came over no network.
    fn here(kind: &'static str, name: &str, interface: &'static str) -> Self {
        let (id, name) = (String::new(), name.to_owned());
        Self { kind, id, name, ip: None, interface, request_id: None, session: None, token: None }
    }

    /// What to call them.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn from_origin(origin: &Origin) -> Self {
        Self {
            kind: "user",
            id: String::new(),
            name: String::new(),
            ip: origin.ip.map(|ip| ip.to_string()),
            interface: origin.interface,
            request_id: Some(origin.request_id.clone()),
            session: None,
            token: None,
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As asked.
    Success,
    /// Not done, for a fault.
    Failure,
    /// Not done, for a missing right.
    Denied,
    /// Done in part.
    Partial,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Denied => "denied",
            Self::Partial => "partial",
        }
    }
}

/// What happened.
#[derive(Debug, Clone)]
pub struct Event {
    action: &'static str,
    object_type: &'static str,
    object: String,
    what: Told,
    outcome: Outcome,
    reason_code: Option<String>,
    project: Option<String>,
    fields: Map<String, Value>,
}

impl Event {
    /// An event `object.verb` of console.md §4.2 about one object; `what` is said in the language of whoever reads it.
    #[must_use]
    pub fn new(action: &'static str, object_type: &'static str, object: impl Into<String>, what: impl Into<Told>) -> Self {
        Self {
            action,
            object_type,
            object: object.into(),
            what: what.into(),
            outcome: Outcome::Success,
            reason_code: None,
            project: None,
            fields: Map::new(),
        }
    }

    /// It did not go well.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome, reason_code: impl Into<String>) -> Self {
        self.outcome = outcome;
        self.reason_code = Some(reason_code.into());
        self
    }

    /// It is about a project, `harbor/project`.
    #[must_use]
    pub fn project(mut self, harbor: &str, project: &str) -> Self {
        self.project = Some(format!("{harbor}/{project}"));
        self
    }

    /// One more thing to keep: `before`, `after`, `plan_hash`, `digest`, `reason`, `comment` … Never a secret.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(key.to_owned(), value.into());
        self
    }
}

/// Appends the event to the chain, in the caller's transaction; the last statement before its commit.
///
/// Answers with the number of the record.
pub async fn record(conn: &mut PgConnection, actor: &Actor, event: Event) -> Result<i64, Error> {
    let now = crate::clock::now(conn).await?;
    let done = matches!(event.outcome, Outcome::Success | Outcome::Partial);
    let bytes = canonical(actor, event, now).map_err(|error| Error::defect(error.to_string()))?;
    let seq = queries::append(conn, &bytes).await?;
    if done {
        crate::idempotency::keep(conn, seq).await?;
    }
    Ok(seq)
}

/// Appends an event that has no other change to go with.
///
/// Without something to keep beside it, it is one statement, which needs no transaction.
pub async fn record_alone(pool: &sqlx::PgPool, actor: &Actor, event: Event) -> Result<i64, Error> {
    if !crate::idempotency::keeps() {
        return record(&mut *pool.acquire().await?, actor, event).await;
    }
    let mut tx = pool.begin().await?;
    let seq = record(&mut tx, actor, event).await?;
    tx.commit().await?;
    Ok(seq)
}

/// Records that somebody was refused, once a minute for each thing they try, unless the refusal has its own record. What was refused
/// changes nothing, so trouble with this changes no answer.
pub async fn refused(pool: &sqlx::PgPool, caller: &Caller, origin: &Origin, what: &str) -> Result<(), Error> {
    let mut tx = pool.begin().await?;
    if queries::refused_before(&mut tx, &origin.request_id, &caller.login, what).await? {
        return Ok(());
    }
    let event =
        Event::new(DENIED, "operation", what, SystemEvent::Refused { operation: what.to_owned() }).outcome(Outcome::Denied, "forbidden");
    record(&mut tx, &Actor::caller(caller, origin), event).await?;
    tx.commit().await?;
    Ok(())
}

fn canonical(actor: &Actor, event: Event, now: time::OffsetDateTime) -> serde_json::Result<Vec<u8>> {
    let micros = now.replace_nanosecond(now.microsecond() * 1_000).unwrap_or(now);
    let time = micros.format(&time::format_description::well_known::Rfc3339).unwrap_or_default();
    let mut document = json!({
        "v": 2,
        "id": uuid::Uuid::now_v7(),
        "time": time,
        "actor": { "type": actor.kind, "id": actor.id, "name": clip(&actor.name) },
        "source": { "ip": actor.ip, "interface": actor.interface },
        "action": event.action,
        "outcome": { "result": event.outcome.name(), "reason_code": event.reason_code },
        "object": { "type": event.object_type, "name": clip(&event.object), "project": event.project },
        "event": clipped(serde_json::to_value(&event.what)?, DEPTH_MAX),
        "request_id": actor.request_id,
        "app_version": crate::VERSION,
    });
    for (what, id) in [("session", actor.session), ("token", actor.token)] {
        if let Some(id) = id {
            document["actor"][what] = id.into();
        }
    }
    if let Value::Object(map) = &mut document {
        map.extend(event.fields.into_iter().map(|(name, value)| (name, clipped(value, DEPTH_MAX))));
    }
    // serde_json keeps object keys sorted (no `preserve_order`), so the same value is always the same bytes.
    Ok(document.to_string().into_bytes())
}

/// What a record says. It is read from the very bytes that are hashed, so that nothing else can be shown in its place: records of the first form
/// have an English sentence, those since have code and fields.
pub fn said(record: &[u8]) -> Said<Told> {
    #[derive(serde::Deserialize)]
    struct Record {
        event: Option<Said<Told>>,
        sentence: Option<String>,
    }
    match serde_json::from_slice::<Record>(record) {
        Ok(Record { event: Some(event), .. }) => event,
        Ok(Record { sentence: Some(sentence), .. }) => Said::Then(sentence),
        // Somebody changed it; the check of the chain says so.
        _ => Said::Then(clip(&String::from_utf8_lossy(record))),
    }
}

/// A field within the limits of a record, whatever somebody typed: a record is hashed and kept for ever.
fn clipped(value: Value, depth: usize) -> Value {
    match value {
        Value::String(text) => Value::String(clip(&text)),
        Value::Array(_) | Value::Object(_) if depth == 0 => Value::String("\u{2026}".to_owned()),
        Value::Array(list) => Value::Array(list.into_iter().take(LIST_MAX).map(|value| clipped(value, depth - 1)).collect()),
        Value::Object(map) => {
            Value::Object(map.into_iter().take(LIST_MAX).map(|(name, value)| (clip(&name), clipped(value, depth - 1))).collect())
        }
        plain => plain,
    }
}

fn clip(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
