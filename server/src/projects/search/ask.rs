//! Asking Harbors, within a bound, whether they have what was found. What they do not answer in time is said as of the newest snapshot.

use std::collections::BTreeMap;
use std::time::Duration;

use app::projects::found::{InHarbor, SearchNote};
use futures::{StreamExt as _, stream};

use super::queries::Hit;
use crate::projects::live::{self, Asked};
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
    let answers = futures::future::join_all(by_harbor.iter().map(|(id, places)| of_one(state, *id, hits, places, until))).await;
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

type Answered = (Vec<(usize, InHarbor)>, Option<(usize, String)>);

/// One Harbor. Its login is proved first: a wrong one is answered as if nothing were there.
async fn of_one(state: &AppState, harbor_id: i64, hits: &[Hit], places: &[usize], until: tokio::time::Instant) -> Answered {
    let first = places.first().copied().unwrap_or_default();
    let mut answered = Vec::new();
    let proved = match tokio::time::timeout_at(until, live::Proved::of(state, harbor_id)).await {
        Ok(Ok(proved)) => proved,
        Ok(Err(error)) => return (answered, Some((first, error.into_api(None).message))),
        Err(_) => return (answered, Some((first, live::TOO_SLOW.to_owned()))),
    };
    let proved = &proved;
    let mut asking = stream::iter(places.iter().copied().filter_map(|place| Some((place, asked(hits.get(place)?)?))))
        .map(|(place, asked)| async move { (place, proved.has(&asked).await) })
        .buffer_unordered(AT_ONCE);
    loop {
        match tokio::time::timeout_at(until, asking.next()).await {
            Ok(Some((place, Ok(answer)))) => answered.push((place, answer)),
            Ok(Some((place, Err(error)))) => return (answered, Some((place, error.into_api(None).message))),
            Ok(None) => return (answered, None),
            Err(_) => return (answered, Some((first, live::TOO_SLOW.to_owned()))),
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
