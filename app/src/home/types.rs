//! The posture: can everything be restored?

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::concerns::{Matter, Topic};
use crate::jobs::types::Job;
use crate::plans::types::Plan;
use crate::restores::types::RequestRow;
use crate::sentence::Said;
use crate::units::Moment;
use crate::vaults::types::VaultNow;

/// Something that needs a look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Concern {
    /// `failed` or `warning`.
    pub severity: String,
    /// What kind of thing it is.
    pub title: Said<Topic>,
    /// What it is about.
    pub text: Said<Matter>,
    /// Where to act.
    pub link: String,
    /// What the link does.
    pub action: String,
}

/// One step of the set-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetUpStep {
    /// `harbor`, `vault`, `plan`, `people`, `first_backup`.
    pub code: String,
    /// Done.
    pub done: bool,
    /// Where to do it.
    pub link: String,
}

/// The home page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Home {
    /// Projects in a plan.
    pub protected: i64,
    /// Of those, within their target.
    pub met: i64,
    /// At risk.
    pub at_risk: i64,
    /// Beyond their target, or never captured in time.
    pub missed: i64,
    /// Captured in time, with gaps that nobody accepted, and without a good snapshot within the target.
    pub gaps: i64,
    /// In a plan, first capture still to come.
    pub pending: i64,
    /// In no plan.
    pub unprotected: i64,
    /// Widest target, seconds.
    pub rpo_s: Option<i64>,
    /// Newest good snapshot.
    pub last_good: Option<Moment>,
    /// Next run.
    pub next_run: Option<Moment>,
    /// Oldest moment that can be restored.
    pub oldest: Option<Moment>,
    /// Plans the viewer may see.
    pub plans: Vec<Plan>,
    /// Needs a look, worst first.
    pub concerns: Vec<Concern>,
    /// Newest restores.
    pub restores: Vec<RequestRow>,
    /// Waits for the viewer's vote.
    pub waiting: Vec<RequestRow>,
    /// Vaults that cannot be read now, whoever asks: while there are any, nothing in them can be restored.
    pub vaults_out: i64,
    /// Vaults, for those with a duty.
    pub vaults: Vec<VaultNow>,
    /// Jobs that run.
    pub running: Vec<Job>,
    /// Steps of the set-up, while one is open; for those who can do them.
    pub setup: Vec<SetUpStep>,
}
