//! The posture: can everything be restored? Read from the catalogue alone, so that it is shown whatever a harbor or a vault does.

pub mod estate;

use app::accounts::types::Duty;
use app::home::concerns::{Matter, Topic};
use app::home::types::{Concern, Home, SetUpStep};
use app::jobs::types::Job;
use app::projects::types::{Project, Protection};
use app::vaults::types::VaultNow;

use self::estate::Estate;
use crate::access::{Caller, Operation};
use crate::error::Error;
use crate::state::AppState;
use crate::{accounts, harbors, jobs, plans, restores};

/// Concerns shown.
const CONCERNS_MAX: usize = 12;
/// Projects named in one concern.
const NAMED_MAX: usize = 3;
/// Without a look at a vault for so long nothing that is said of it is of now.
const UNLOOKED: time::Duration = time::Duration::minutes(10);
/// Restores shown.
const RESTORES_MAX: i64 = 6;
/// Jobs that died, among the concerns.
const DEAD_MAX: i64 = 5;

/// The home page of the caller. Everything is read once, with as many statements however much there is of it.
pub async fn home(state: &AppState, caller: &Caller) -> Result<Home, Error> {
    let estate = Estate::now(state).await?;
    let mut conn = state.pool.acquire().await?;
    let (restores, waiting) = restores::newest(&mut conn, caller, RESTORES_MAX).await?;
    let (running, dead) = jobs::newest(&mut conn, caller, DEAD_MAX).await?;
    let (joined, people) = match caller.has(Duty::Operator) || caller.has(Duty::Secadmin) {
        true => accounts::in_conflict(&mut conn).await?,
        false => (Vec::new(), 0),
    };
    drop(conn);
    let harbors = harbors::of_views(caller, &estate.harbors, &estate.scopes);
    let vaults = if caller.may(Operation::ReadEstate, None) { estate.vaults.clone() } else { Vec::new() };
    let plans = plans::of_listed(caller, &estate.plans, &estate.listed)?;
    let seen = |(harbor, p): &&(i64, Project)| caller.may(Operation::ReadProject, Some((*harbor, &p.project)));
    let projects: Vec<&Project> = estate.projects.iter().filter(seen).map(|(_, p)| p).collect();
    let count =
        |wanted: &[Protection]| i64::try_from(projects.iter().filter(|p| wanted.contains(&p.protection)).count()).unwrap_or(i64::MAX);
    let covered = |p: &&&Project| !matches!(p.protection, Protection::Unprotected | Protection::Gone);
    let mut concerns = concerns(&projects, &harbors, &vaults, &dead);
    concerns.extend(duties_joined(caller, &joined));
    concerns.truncate(CONCERNS_MAX);
    Ok(Home {
        protected: i64::try_from(projects.iter().filter(covered).count()).unwrap_or(i64::MAX),
        met: count(&[Protection::Met]),
        at_risk: count(&[Protection::AtRisk]),
        missed: count(&[Protection::Missed]),
        gaps: count(&[Protection::Gaps]),
        pending: count(&[Protection::Pending]),
        unprotected: count(&[Protection::Unprotected]),
        rpo_s: projects.iter().filter_map(|p| p.rpo_s).max(),
        last_good: projects.iter().filter_map(|p| p.last_good).max(),
        next_run: plans.iter().filter_map(|p| p.next).min(),
        oldest: projects.iter().filter_map(|p| p.oldest).min(),
        concerns,
        vaults_out: estate.vaults_out,
        setup: set_up(caller, people, &harbors, &vaults, &plans, &projects),
        waiting,
        plans,
        restores,
        vaults,
        running,
    })
}

fn named(projects: &[&Project]) -> Matter {
    let names = projects.iter().take(NAMED_MAX).map(|p| format!("{}/{}", p.harbor, p.project)).collect();
    Matter::Named { names, more: i64::try_from(projects.len().saturating_sub(NAMED_MAX)).unwrap_or(i64::MAX) }
}

fn concern(severity: &str, title: Topic, text: Matter, link: String, action: &str) -> Concern {
    Concern { severity: severity.to_owned(), title: title.into(), text: text.into(), link, action: action.to_owned() }
}

fn concerns(projects: &[&Project], harbors: &[app::harbors::types::Harbor], vaults: &[VaultNow], dead: &[Job]) -> Vec<Concern> {
    use app::harbors::types::HarborState;
    use app::vaults::types::VaultState;
    let of = |wanted: Protection| projects.iter().copied().filter(|p| p.protection == wanted).collect::<Vec<_>>();
    let mut all = Vec::new();
    for harbor in harbors.iter().filter(|h| matches!(h.state, HarborState::Refused | HarborState::Unreachable)) {
        let title = if harbor.state == HarborState::Refused { Topic::LoginRefused } else { Topic::NotReached };
        let name = harbor.name.clone();
        all.push(concern(
            "failed",
            title,
            match harbor.state_detail.clone() {
                None => Matter::Harbor { harbor: name },
                Some(why) => Matter::HarborTrouble { harbor: name, why },
            },
            format!("/harbors/{}", harbor.name),
            "look",
        ));
    }
    for (harbor, login) in harbors.iter().flat_map(|h| h.logins.iter().map(move |login| (h, login))) {
        let Some(days) = login.ends_in_days else { continue };
        let (severity, title) = if days < 0 { ("failed", Topic::LoginEnded) } else { ("warning", Topic::LoginEnds) };
        let (name, login) = (harbor.name.clone(), login.login.clone());
        let text = match days {
            ..0 => Matter::Ended { harbor: name, login },
            _ => Matter::Ends { harbor: name, login, days },
        };
        all.push(concern(severity, title, text, format!("/harbors/{}?tab=settings", harbor.name), "look"));
    }
    for vault in vaults.iter().filter(|v| !matches!(v.state, VaultState::Healthy | VaultState::Unseen)) {
        let text = Matter::VaultState { vault: vault.name.clone(), why: vault.state_detail.clone() };
        all.push(concern("failed", Topic::Vault, text, format!("/vaults/{}", vault.id), "look"));
    }
    for vault in vaults.iter().filter(|v| v.findings > 0) {
        all.push(concern(
            "failed",
            Topic::DamageFound,
            Matter::Findings { vault: vault.name.clone(), open: vault.findings },
            format!("/vaults/{}", vault.id),
            "look",
        ));
    }
    for vault in vaults {
        let link = || format!("/vaults/{}", vault.id);
        if let Some(days) = vault.days_left.filter(|days| *days < app::vaults::capacity::SOON_DAYS) {
            all.push(concern("warning", Topic::NearlyFull, Matter::Full { vault: vault.name.clone(), days }, link(), "look"));
        }
        if vault.looked.is_none_or(|at| time::OffsetDateTime::now_utc() - at.0 > UNLOOKED) {
            all.push(concern("warning", Topic::NotLookedAt, Matter::Unlooked { vault: vault.name.clone() }, link(), "look"));
        }
    }
    for job in dead {
        let text = Matter::Job { title: job.title.clone(), why: job.error.clone() };
        all.push(concern("failed", Topic::JobFailed, text, format!("/jobs/{}", job.id), "look"));
    }
    for (state, severity, title, link, action) in [
        (Protection::Missed, "failed", Topic::TargetMissed, "/projects?state=missed", "look"),
        (Protection::Gaps, "warning", Topic::WithGaps, "/projects?state=gaps", "look"),
        (Protection::Unprotected, "warning", Topic::NotProtected, "/projects?state=unprotected", "add"),
        (Protection::AtRisk, "warning", Topic::TargetAtRisk, "/projects?state=at_risk", "look"),
    ] {
        let found = of(state);
        if !found.is_empty() {
            all.push(concern(severity, title, named(&found), link.to_owned(), action));
        }
    }
    all.truncate(CONCERNS_MAX);
    all
}

/// People who hold what nobody should hold together, for those who can part it.
fn duties_joined(caller: &Caller, names: &[String]) -> Option<Concern> {
    let text = || Matter::Named { names: names.to_vec(), more: 0 };
    (caller.has(Duty::Secadmin) && !names.is_empty())
        .then(|| concern("warning", Topic::DutiesNotApart, text(), "/admin/users".to_owned(), "look"))
}

fn set_up(
    caller: &Caller,
    people: i64,
    harbors: &[app::harbors::types::Harbor],
    vaults: &[VaultNow],
    plans: &[app::plans::types::Plan],
    projects: &[&Project],
) -> Vec<SetUpStep> {
    if !caller.has(Duty::Operator) && !caller.has(Duty::Secadmin) {
        return Vec::new();
    }
    let step = |code: &str, done: bool, link: &str| SetUpStep { code: code.to_owned(), done, link: link.to_owned() };
    let steps = vec![
        step("vault", !vaults.is_empty(), "/vaults/new"),
        step("harbor", !harbors.is_empty(), "/harbors/new"),
        step("plan", !plans.is_empty(), "/plans/new"),
        step("first_backup", projects.iter().any(|p| p.snapshots > 0), "/plans"),
        step("people", people > 1, "/admin/users/new"),
    ];
    if steps.iter().all(|s| s.done) { Vec::new() } else { steps }
}
