//! Restore requests: selection, effect plan, votes, execution.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::outcomes::{Lapse, LineOutcome, NextMove, Outcome, WhyNot};
use super::sentences::{Note, Rule, Warning};
use super::words::{Effects, Ended};
use crate::projects::gap_causes::{GapCause, Remedy};
use crate::sentence::Said;
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
    /// Some of it is done, and some failed, was blocked or is open.
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
    /// Name of the draft to change; none = a new one.
    #[serde(default)]
    pub draft_id: Option<String>,
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
    /// Signatures, SBOMs and other accessories are left out.
    #[serde(default)]
    pub without_accessories: bool,
    /// Tag for images named by their digest; several of one repository get `<tag>-<first digits>`. Empty: they stay without one.
    #[serde(default)]
    pub digest_tag: String,
    /// Request whose moved tags go back to what they pointed to; everything else but the harbor, the project and the draft is passed over.
    #[serde(default)]
    pub undo_of: Option<i64>,
}

/// Lines of a plan, and of the difference of two, on one page.
pub const LINES_PER_PAGE: i64 = 100;

/// What happens to one tag or artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// It is missing and will be made.
    Create,
    /// It points elsewhere and will be moved.
    Move,
    /// It is the same, and Harbor lost a part of it, which is sent again.
    Mend,
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
    /// Why it is left or cannot be done, or the tag that keeps today's image.
    pub detail: Option<Said<Note>>,
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

/// What a restore would do to Harbor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectPlan {
    /// SHA-256 of the effect: what votes bind to.
    pub hash: String,
    /// When the target was read.
    pub read_at: Moment,
    /// The effect in one sentence.
    pub sentence: String,
    /// The same as counts.
    pub effects: Effects,
    /// The first page of lines.
    pub items: Vec<EffectItem>,
    /// Lines in all.
    pub items_total: i64,
    /// Address of all lines, a page at a time; none = `items` has all.
    pub items_more: Option<String>,
    /// Counts by effect.
    pub creates: i64,
    /// Tags moved.
    pub moves: i64,
    /// Images of which Harbor lost a part.
    #[serde(default)]
    pub mends: i64,
    /// Left as they are.
    pub skips: i64,
    /// Cannot be done.
    pub blocked: i64,
    /// Bytes to send.
    pub bytes_to_send: i64,
    /// Bytes Harbor still has.
    pub bytes_present: i64,
    /// Bytes of blobs nobody looked for, because they are too many or their project is gone: to send is at least `bytes_to_send`, and at most these too.
    pub bytes_unknown: i64,
    /// Blobs nobody looked for.
    pub blobs_unknown: i64,
    /// Makes the project.
    pub creates_project: bool,
    /// What the snapshot lacks of what is asked for; the first where there are more.
    pub gaps: Vec<PlanGap>,
    /// How many in all.
    pub gaps_total: i64,
    /// Things to know before deciding.
    pub warnings: Vec<Said<Warning>>,
}

/// Something of what is asked for that the snapshot lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanGap {
    /// Repository, tag or digest.
    pub subject: String,
    /// Why.
    pub cause: Said<GapCause>,
    /// What helps.
    pub remedy: Said<Remedy>,
}

/// Which lines of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
pub struct LineFilter {
    /// `create`, `move`, `mend`, `skip`, `blocked`, `accessories`; once it runs `done`, `failed`, `open`. None = all.
    #[serde(default)]
    pub group: Option<String>,
    /// Repository with project, exactly.
    #[serde(default)]
    pub repository: Option<String>,
    /// Part of a name, tag, digest or reason.
    #[serde(default)]
    pub text: Option<String>,
    /// From 1.
    #[serde(default)]
    pub page: Option<i64>,
}

/// One line of a plan with what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// Its place in the plan, from 1.
    pub place: i64,
    /// What is to happen.
    pub effect: EffectItem,
    /// What came of it; none = nothing is written for it, or it has not begun.
    pub result: Option<ItemResult>,
}

/// Lines by group. A line may be in several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineCounts {
    /// All.
    pub all: i64,
    /// Made.
    pub create: i64,
    /// Moved.
    #[serde(rename = "move")]
    pub moved: i64,
    /// Images of which Harbor lost a part.
    #[serde(default)]
    pub mend: i64,
    /// Left.
    pub skip: i64,
    /// Impossible.
    pub blocked: i64,
    /// Accessories: signatures, SBOMs and the like.
    pub accessories: i64,
    /// Done.
    pub done: i64,
    /// Failed.
    pub failed: i64,
    /// Begun or to come.
    pub open: i64,
}

/// A page of a plan's lines, in the plan's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lines {
    /// The lines.
    pub lines: Vec<Line>,
    /// This page, from 1.
    pub page: i64,
    /// Pages of what matches.
    pub pages: i64,
    /// Lines that match.
    pub total: i64,
    /// Lines of the whole plan by group, whatever the filter.
    pub counts: LineCounts,
    /// Repositories of the plan; the first 500.
    pub repositories: Vec<String>,
    /// Whether it was written, so that lines have results.
    pub began: bool,
    /// Address of the next page; none = this is the last.
    pub next: Option<String>,
}

/// A line that is not the same in two plans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineChange {
    /// As it was; none = it is new.
    pub before: Option<EffectItem>,
    /// As it is; none = it is gone.
    pub after: Option<EffectItem>,
}

/// What differs between the plan that was voted on, or seen, and the one there is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanChange {
    /// Hash of the earlier one.
    pub before_hash: String,
    /// When the earlier one was made.
    pub before_read_at: Moment,
    /// The earlier one in one sentence.
    pub before: Effects,
    /// New lines.
    pub added: i64,
    /// Lines that are gone.
    pub gone: i64,
    /// Lines with another effect.
    pub changed: i64,
    /// A page of them, by repository and reference.
    pub lines: Vec<LineChange>,
    /// This page, from 1.
    pub page: i64,
    /// Pages.
    pub pages: i64,
}

/// A draft with its preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Draft {
    /// Its name. A number is given when it is sent off.
    pub id: String,
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
    /// Why so many votes.
    pub rule: Said<Rule>,
    /// What differs from the plan its author looked at, where sending it off found another one.
    pub change: Option<PlanChange>,
    /// Category of an earlier request that is asked for again; empty = none.
    pub category: String,
    /// Its reason.
    pub reason: String,
    /// Its ticket.
    pub ticket: String,
}

/// Submit form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// Name of the draft.
    pub draft_id: String,
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
    /// Why it lapsed.
    pub void: Option<Said<Lapse>>,
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
    /// What the target said of it, or why it failed.
    pub detail: Option<Said<LineOutcome>>,
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
    pub rule: Said<Rule>,
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
    /// Result by line, once it runs: the first page, what failed first. All are in the lines.
    pub results: Vec<ItemResult>,
    /// Results in all.
    pub results_total: i64,
    /// What came of it, once it is over.
    pub ended: Option<Ended>,
    /// What differs from the plan that was voted on, where votes lapsed.
    pub change: Option<PlanChange>,
    /// Lines done, of those that do something.
    pub items_done: i64,
    /// Bytes sent so far.
    pub bytes_sent: i64,
    /// Why it failed or ended.
    pub outcome_detail: Option<Said<Outcome>>,
    /// What happens next and whose move it is.
    pub next: Said<NextMove>,
    /// What the viewer may do now: `vote`, `withdraw`, `cancel`, `retry`, `undo`.
    pub may: Vec<String>,
    /// Why the viewer may not vote, if they may not.
    pub why_not_vote: Option<Said<WhyNot>>,
    /// Sequence numbers of its audit events.
    pub audit: Vec<i64>,
    /// Command to pull one of the restored images.
    pub pull: Option<String>,
}

/// A request with a page of its lines, which have the results.
#[derive(Debug, Clone)]
pub struct RequestPage {
    /// The request.
    pub request: Request,
    /// Its lines.
    pub lines: Lines,
}

/// A draft with a page of its lines.
#[derive(Debug, Clone)]
pub struct DraftPage {
    /// The draft.
    pub draft: Draft,
    /// Its lines.
    pub lines: Lines,
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
    /// The same as counts.
    pub effects: Effects,
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
    /// How it ended.
    pub result: Option<Said<Outcome>>,
    /// The same as counts, where it was written.
    pub ended: Option<Ended>,
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

/// A part of the inbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
pub struct InboxFilter {
    /// `mine`: waits for one's own vote. `team`: waits for others. `done`: one voted.
    #[serde(default)]
    pub tab: Option<String>,
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
