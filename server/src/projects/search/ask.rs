//! Asking Harbors, within a bound, whether they have what was found. What they do not answer in time is said as of the newest snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use app::projects::found::{InHarbor, SearchNote};
use app::refusals::Refusal;
use app::sentence::Said;
use futures::{FutureExt as _, StreamExt as _, stream};

use super::queries::Hit;
use crate::projects::live::{self, Answers, Asked};
use crate::state::AppState;

/// Longest the page waits for all Harbors together.
const WAIT: Duration = Duration::from_millis(2_500);
/// Hits that are asked about.
const ASKED_MAX: usize = 25;
/// Requests to one Harbor at a time.
const AT_ONCE: usize = 4;

/// What the Harbors answer, beside the hits; and those that could not be asked.
pub(super) async fn harbors(state: &AppState, hits: &[Hit]) -> (Vec<Option<InHarbor>>, Vec<SearchNote>) {
    let mut by_harbor: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (place, hit) in hits.iter().enumerate().take(ASKED_MAX) {
        by_harbor.entry(hit.harbor_id).or_default().push(place);
    }
    let until = tokio::time::Instant::now() + WAIT;
    let answers = futures::future::join_all(by_harbor.iter().map(|(id, places)| of_one(state, *id, hits, places, until).boxed())).await;
    let mut all = vec![None; hits.len()];
    let mut notes = Vec::new();
    for (answered, why) in answers {
        let first = why.and_then(|(place, why)| hits.get(place).map(|hit| (hit.harbor.clone(), why)));
        notes.extend(first.map(|(harbor, why)| SearchNote::NotAsked { harbor, why }));
        for (place, answer) in answered {
            all[place] = Some(answer);
        }
    }
    (all, notes)
}

type Answered = (Vec<(usize, InHarbor)>, Option<(usize, Said<Refusal>)>);

/// One Harbor. The same question of somebody else a moment ago is not asked again.
async fn of_one(state: &AppState, harbor_id: i64, hits: &[Hit], places: &[usize], until: tokio::time::Instant) -> Answered {
    let of = |place: &usize| Some((*place, asked(hits.get(*place)?)?));
    let (places, questions): (Vec<usize>, Vec<Asked>) = places.iter().filter_map(of).unzip();
    let (asked_of, asking) = (state.clone(), questions.clone());
    // Owned and boxed: of what it would borrow, the compiler does not see by itself that it may go to another thread.
    let ask = move || async move { Arc::new(ask(&asked_of, harbor_id, asking, until).await) }.boxed();
    let answers = state.said_now.found.get((harbor_id, questions), ask).await;
    let answered = places.iter().copied().zip(answers.0.iter().cloned()).filter_map(|(place, answer)| Some((place, answer?)));
    (answered.collect(), answers.1.clone().zip(places.first().copied()).map(|(why, place)| (place, why)))
}

/// Its login is proved first: a wrong one is answered as if nothing were there.
async fn ask(state: &AppState, harbor_id: i64, questions: Vec<Asked>, until: tokio::time::Instant) -> Answers {
    let mut answers = vec![None; questions.len()];
    let proved = match tokio::time::timeout_at(until, live::Proved::of(state, harbor_id)).await {
        Ok(Ok(proved)) => proved,
        Ok(Err(error)) => return (answers, Some(*error.into_api(None).message)),
        Err(_) => return (answers, Some(live::TOO_SLOW.into())),
    };
    let proved = &proved;
    let mut asking = stream::iter(questions.into_iter().enumerate())
        .map(|(place, asked)| async move { (place, proved.has(&asked).await) })
        .buffer_unordered(AT_ONCE);
    loop {
        match tokio::time::timeout_at(until, asking.next()).await {
            Ok(Some((place, Ok(answer)))) => answers[place] = Some(answer),
            Ok(Some((_, Err(error)))) => return (answers, Some(*error.into_api(None).message)),
            Ok(None) => return (answers, None),
            Err(_) => return (answers, Some(live::TOO_SLOW.into())),
        }
    }
}

fn asked(hit: &Hit) -> Option<Asked> {
    let (project, repository) = (hit.project.parse().ok()?, hit.repository.parse().ok()?);
    let tag = match &hit.tag {
        Some(tag) => Some(tag.parse().ok()?),
        None => None,
    };
    Asked::new(&project, repository, tag, vocab::Digest::from_bytes(&hit.digest).ok()?)
}
