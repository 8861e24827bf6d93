//! Restore requests: selection, effect plan, votes, execution.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::units::Moment;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Being made; only its author sees it.
    Draft,
    /// Waits for votes.
    Waiting,
    /// Harbor changed so that the effect is another one; earlier votes no longer count.
    Reapproval,
    /// Approved, its job is queued.
    Queued,
    /// Writes to Harbor.
    Running,
    /// All done and read back.
    Done,
    /// Done, some items failed or were skipped for a reason.
    Issues,
    /// Ended without doing what it should.
    Failed,
    /// Stopped by a person.
    Cancelled,
    /// Refused by an approver.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// Taken back by its author.
    Withdrawn,
}

/// What the author wants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestoreForm {
    /// Draft to change; none = a new one.
    #[serde(default)]
    pub draft_id: Option<i64>,
    /// Harbor the snapshot is of.
    pub harbor: String,
    /// Project the snapshot is of.
    pub project: String,
    /// Moment to restore from, `2026-11-23T09:30:00Z`.
    pub at: String,
    /// What to restore: `repository:tag`, `repository@digest` or `repository` (all its tags), one a line; empty = the whole project.
    #[serde(default)]
    pub items: String,
    /// Project to restore into; empty = the same.
    #[serde(default)]
    pub target_project: String,
    /// If a tag points elsewhere now: `leave`, `move` (today's image keeps a tag of its own) or `rename`.
    #[serde(default)]
    pub on_conflict: String,
    /// Signatures, SBOMs and other accessories come along.
    #[serde(default)]
    pub without_accessories: bool,
}

/// What happens to one tag or artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// It is missing and will be made.
    Create,
    /// It points elsewhere and will be moved.
    Move,
    /// It is the same already, or the policy leaves it.
    Skip,
    /// It cannot be done; `detail` says why and what helps.
    Blocked,
}

/// One line of an effect plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectItem {
    /// Repository in the target harbor.
    pub repository: String,
    /// Tag or digest there.
    pub reference: String,
    /// Digest it has now.
    pub now: Option<String>,
    /// Digest it gets.
    pub then: String,
    /// What happens.
    pub effect: EffectKind,
    /// Reason of a skip or block, name of the tag that keeps today's image, new name …
    pub detail: String,
    /// What it is about, of a signature, SBOM or other accessory.
    pub accessory: Option<AccessoryOf>,
}

/// What an accessory is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessoryOf {
    /// Harbor's word for it: `signature.cosign`, `sbom.harbor` …
    pub kind: String,
    /// Digest of its subject.
    pub subject: String,
}

/// A warning of an effect plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    /// Stable name.
    pub code: String,
    /// One sentence.
    pub text: String,
}

/// What a restore would do to Harbor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectPlan {
    /// SHA-256 of the effect: what votes bind to.
    pub hash: String,
    /// When the target was read.
    pub read_at: Moment,
    /// The effect in one sentence.
    pub sentence: String,
    /// Lines; the first 200 where there are more.
    pub items: Vec<EffectItem>,
    /// Lines in all.
    pub items_total: i64,
    /// Counts by effect.
    pub creates: i64,
    /// Tags moved.
    pub moves: i64,
    /// Left as they are.
    pub skips: i64,
    /// Cannot be done.
    pub blocked: i64,
    /// Bytes to send.
    pub bytes_to_send: i64,
    /// Bytes Harbor still has.
    pub bytes_present: i64,
    /// Makes the project.
    pub creates_project: bool,
    /// Things to know before deciding.
    pub warnings: Vec<Warning>,
}

/// A draft with its preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Draft {
    /// Id; stays when the draft is submitted.
    pub id: i64,
    /// The form as stored.
    pub form: RestoreForm,
    /// The preview.
    pub plan: EffectPlan,
    /// Risk class 1–4 (console.md §3.4).
    pub risk: i64,
    /// Votes needed.
    pub votes_needed: i64,
    /// Who may vote, by display name; empty with votes needed = submit is refused.
    pub approvers: Vec<String>,
    /// Why so many votes: one sentence.
    pub rule: String,
}

/// Submit form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// The draft.
    pub draft_id: i64,
    /// Hash of the preview that was seen.
    pub plan_hash: String,
    /// `accident`, `bad_push`, `retention`, `incident`, `test`, `other`.
    pub category: String,
    /// Why, 10–2,000 characters.
    pub reason: String,
    /// Ticket, optional.
    #[serde(default)]
    pub ticket: String,
}

/// One vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Vote {
    /// Who.
    pub by: String,
    /// Approve or deny.
    pub approve: bool,
    /// Comment.
    pub comment: String,
    /// Hash voted on.
    pub plan_hash: String,
    /// When.
    pub at: Moment,
    /// When and why it lapsed.
    pub void: Option<String>,
}

/// What came of one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemResult {
    /// Repository.
    pub repository: String,
    /// Tag or digest.
    pub reference: String,
    /// Digest.
    pub digest: String,
    /// `done`, `skipped`, `failed`, `pending`.
    pub outcome: String,
    /// Code of the failure.
    pub code: Option<String>,
    /// One sentence.
    pub detail: String,
    /// What the tag pointed to before.
    pub previous: Option<String>,
    /// Bytes sent.
    pub bytes_sent: i64,
    /// When.
    pub at: Option<Moment>,
}

/// A request as its page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Request {
    /// Number.
    pub id: i64,
    /// State.
    pub state: RequestState,
    /// Raised at each change; forms post it back.
    pub version: i64,
    /// Login of the author.
    pub requester: String,
    /// Name of the author.
    pub requester_name: String,
    /// Restores of the author in 90 days, and how many were fine.
    pub requester_history: (i64, i64),
    /// The wish.
    pub form: RestoreForm,
    /// The plan votes bind to.
    pub plan: EffectPlan,
    /// Risk class.
    pub risk: i64,
    /// Votes needed.
    pub votes_needed: i64,
    /// Votes, oldest first, lapsed ones too.
    pub votes: Vec<Vote>,
    /// Why it needs these votes.
    pub rule: String,
    /// Who may vote.
    pub approvers: Vec<String>,
    /// Category of the reason.
    pub category: String,
    /// Reason.
    pub reason: String,
    /// Ticket.
    pub ticket: String,
    /// Submitted.
    pub submitted: Option<Moment>,
    /// Votes after this moment do not count.
    pub decide_before: Option<Moment>,
    /// Started to write.
    pub started: Option<Moment>,
    /// Ended.
    pub finished: Option<Moment>,
    /// Its job.
    pub job_id: Option<i64>,
    /// Result by line, once it runs.
    pub results: Vec<ItemResult>,
    /// Lines done, of those that do something.
    pub items_done: i64,
    /// Bytes sent so far.
    pub bytes_sent: i64,
    /// Why it failed or ended.
    pub outcome_detail: Option<String>,
    /// What happens next and whose move it is, one sentence.
    pub next: String,
    /// What the viewer may do now: `vote`, `withdraw`, `cancel`, `retry`, `undo`.
    pub may: Vec<String>,
    /// Why the viewer may not vote, if they may not.
    pub why_not_vote: Option<String>,
    /// Sequence numbers of its audit events.
    pub audit: Vec<i64>,
    /// Command to pull one of the restored images.
    pub pull: Option<String>,
}

/// A row of a list of requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestRow {
    /// Number.
    pub id: i64,
    /// State.
    pub state: RequestState,
    /// The effect in one sentence.
    pub sentence: String,
    /// Harbor.
    pub harbor: String,
    /// Project.
    pub project: String,
    /// Name of the author.
    pub requester: String,
    /// Risk.
    pub risk: i64,
    /// Votes given that count.
    pub votes: i64,
    /// Votes needed.
    pub votes_needed: i64,
    /// Submitted.
    pub submitted: Option<Moment>,
    /// Votes end.
    pub decide_before: Option<Moment>,
    /// Ended.
    pub finished: Option<Moment>,
    /// One line about the result.
    pub result: String,
}

/// Filter of the list of requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
pub struct RequestFilter {
    /// `open`, `done`, `all`, or the name of one state.
    #[serde(default)]
    pub state: Option<String>,
    /// Only one's own.
    #[serde(default)]
    pub mine: bool,
    /// Project `harbor/project`.
    #[serde(default)]
    pub project: Option<String>,
    /// Cursor.
    #[serde(default)]
    pub after: Option<String>,
}

/// Vote form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CastVote {
    /// Request.
    pub request_id: i64,
    /// Hash of the plan that was seen.
    pub plan_hash: String,
    /// Version of the request that was seen.
    pub version: i64,
    /// `approve` or `deny`.
    pub decision: String,
    /// Comment; needed to deny, and from risk 4.
    #[serde(default)]
    pub comment: String,
}
