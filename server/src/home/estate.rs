//! How everything stands, whoever looks. It is read from all projects, plans and vaults, and what a person may see of it is chosen after.
//!
//! In a house of many projects one reading serves everybody for a few seconds: it costs what they are many, and nobody sees the difference. The
//! next one is read beside it, so that nobody waits for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use app::projects::types::{Project, Protection};
use app::vaults::types::VaultNow;

use crate::error::{Error, chain};
use crate::harbors::queries::{HarborProject, View};
use crate::plans::Scopes;
use crate::plans::queries::Shown;
use crate::state::AppState;
use crate::{harbors, plans, projects, vaults};

/// A house of so many projects shares what was read.
pub const SHARED_FROM: usize = 500;
/// How long what was read serves; then it is read again, beside it.
const YOUNG: Duration = Duration::from_secs(3);
/// From then on it serves nobody.
const OLD: Duration = Duration::from_secs(15);

/// Everything that home counts.
pub struct Estate {
    pub plans: Vec<Shown>,
    pub scopes: Scopes,
    /// By number of the harbor.
    pub projects: Vec<(i64, Project)>,
    /// Those of them that their Harbors have.
    pub listed: Vec<HarborProject>,
    pub harbors: Vec<View>,
    pub vaults: Vec<VaultNow>,
    /// Vaults that could not be read at their last look.
    pub vaults_out: i64,
}

impl Estate {
    /// As it stands, or as it stood a few seconds ago where that is dear to say.
    pub async fn now(state: &AppState) -> Result<Arc<Self>, Error> {
        match state.estate.last(Instant::now()) {
            Last::None => {}
            Last::Young(estate) => return Ok(estate),
            Last::Ageing(estate, first) => {
                if first {
                    tokio::spawn(read_again(state.clone()));
                }
                return Ok(estate);
            }
        }
        let begun = Instant::now();
        let estate = Arc::new(Self::read(state).await?);
        state.estate.keep(begun, &estate);
        Ok(estate)
    }

    async fn read(state: &AppState) -> Result<Self, Error> {
        let mut conn = state.pool.acquire().await?;
        let plans = plans::queries::shown(&mut conn, None).await?;
        let scopes = Scopes::of_rows(plans.iter().map(|shown| &shown.row))?;
        let projects = projects::listing::all(&mut conn, &scopes, None, None).await?;
        let harbors = harbors::queries::all(&mut conn).await?;
        let (vaults, vaults_out) = vaults::now(&mut conn).await?;
        // A proxy cache is in no plan.
        let of_listed = |(harbor, p): &(i64, Project)| (*harbor, p.project.clone(), p.plans.is_empty());
        let listed = projects.iter().filter(|(_, p)| p.protection != Protection::Gone).map(of_listed).collect();
        Ok(Self { plans, scopes, projects, listed, harbors, vaults, vaults_out })
    }
}

async fn read_again(state: AppState) {
    let begun = Instant::now();
    match Estate::read(&state).await {
        Ok(estate) => state.estate.keep(begun, &Arc::new(estate)),
        // Who asks next reads it, and is told.
        Err(error) => {
            tracing::warn!(error = chain(&error), "what home shows could not be read again");
            state.estate.forget();
        }
    }
}

/// What was read last, in a house that shares it.
#[derive(Default)]
pub struct Shared(Mutex<Option<Kept>>);

struct Kept {
    begun: Instant,
    estate: Arc<Estate>,
    /// Somebody reads the next one.
    is_renewed: bool,
}

enum Last {
    None,
    Young(Arc<Estate>),
    /// And whether whoever asks is the first to find it so, and has it read again.
    Ageing(Arc<Estate>, bool),
}

impl Shared {
    fn last(&self, now: Instant) -> Last {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = kept.as_mut() else { return Last::None };
        match now.saturating_duration_since(kept.begun) {
            age if age < YOUNG => Last::Young(Arc::clone(&kept.estate)),
            age if age < OLD => Last::Ageing(Arc::clone(&kept.estate), !std::mem::replace(&mut kept.is_renewed, true)),
            _ => Last::None,
        }
    }

    fn keep(&self, begun: Instant, estate: &Arc<Estate>) {
        let shared = estate.projects.len() >= SHARED_FROM;
        let kept = shared.then(|| Kept { begun, estate: Arc::clone(estate), is_renewed: false });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }

    fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estate(projects: usize) -> Arc<Estate> {
        let (plans, listed, harbors, vaults) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let project = Project {
            harbor: "prod".to_owned(),
            project: "shop".to_owned(),
            plans: Vec::new(),
            protection: Protection::Met,
            last_good: None,
            last_good_accepted: 0,
            newest: None,
            oldest: None,
            snapshots: 0,
            repositories: 0,
            tags: 0,
            bytes: 0,
            rpo_s: None,
        };
        let projects = vec![(1, project); projects];
        Arc::new(Estate { plans, scopes: Scopes::default(), projects, listed, harbors, vaults, vaults_out: 0 })
    }

    #[test]
    fn a_small_house_is_read_each_time() {
        let (shared, begun) = (Shared::default(), Instant::now());
        shared.keep(begun, &estate(SHARED_FROM - 1));
        assert!(matches!(shared.last(begun), Last::None));
    }

    #[test]
    fn a_large_one_is_read_again_by_the_first_who_finds_it_ageing_and_serves_nobody_when_it_is_old() {
        let (shared, begun) = (Shared::default(), Instant::now());
        shared.keep(begun, &estate(SHARED_FROM));
        assert!(matches!(shared.last(begun + YOUNG - Duration::from_millis(1)), Last::Young(_)));
        assert!(matches!(shared.last(begun + YOUNG), Last::Ageing(_, true)));
        assert!(matches!(shared.last(begun + YOUNG), Last::Ageing(_, false)));
        assert!(matches!(shared.last(begun + OLD), Last::None), "whoever was to read it again did not come back");
        shared.keep(begun + YOUNG, &estate(SHARED_FROM));
        assert!(matches!(shared.last(begun + YOUNG + YOUNG), Last::Ageing(_, true)));
        shared.keep(begun, &estate(1));
        assert!(matches!(shared.last(begun), Last::None), "it has become small");
    }
}
