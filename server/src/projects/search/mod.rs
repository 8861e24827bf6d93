//! The search over all time: what a person pasted is read ([`vocab::pasted`]), looked for from the surest and narrowest reading to the
//! widest, and Harbor is asked whether it has what was found.
//!
//! Who may not see a project is answered as if it had nothing, hosts included: only Harbors with a project the caller sees have an address.

mod ask;
mod imported;
mod interpret;
mod queries;

use app::error::ApiError;
use app::projects::found::{Found, HitRole, InHarbor, Presence, SearchHit, SearchNote};
use app::projects::types::TagNow;
use app::units::Moment;
use futures::FutureExt as _;
use sqlx::PgConnection;
use vocab::Pasted;
use vocab::pasted::{PASTED_BYTES_MAX, Reading};

use self::queries::{Hit, Lacking, Sought};
use super::gaps::{self, GapsOf};
use super::queries::digest_text;
use crate::access::{Caller, Operation};
use crate::error::Error;
use crate::state::AppState;
use crate::turns::Turn;

pub(super) use self::interpret::like;

/// Hits shown.
const HITS_MAX: i64 = 50;
/// Things shown that only gaps name.
const LACKING_MAX: i64 = 20;
/// Characters below which nothing is looked for.
const CHARS_MIN: usize = 2;

/// The projects a caller may search.
struct Reach {
    /// Project, harbor.
    projects: Vec<(i64, i64)>,
    /// Harbor, name, hosts that are its own.
    harbors: Vec<(i64, String, Vec<String>)>,
}

impl Reach {
    async fn of(conn: &mut PgConnection, caller: &Caller) -> Result<Self, Error> {
        let all = queries::projects(conn).await?;
        let seen = |(_, harbor, name): &(i64, i64, String)| caller.may(Operation::ReadProject, Some((*harbor, name)));
        let projects: Vec<(i64, i64)> = all.into_iter().filter(seen).map(|(id, harbor, _)| (id, harbor)).collect();
        let mut ids: Vec<i64> = projects.iter().map(|(_, harbor)| *harbor).collect();
        ids.sort_unstable();
        ids.dedup();
        let harbors = queries::addresses(conn, &ids).await?.into_iter().map(|(id, name, url, external)| {
            let hosts = [Some(url), external].into_iter().flatten().flat_map(|url| interpret::hosts(&url)).collect();
            (id, name, hosts)
        });
        Ok(Self { projects, harbors: harbors.collect() })
    }

    /// The Harbor with this address.
    fn harbor(&self, host: &str) -> Option<(i64, &str)> {
        let host = host.trim_end_matches('.');
        self.harbors.iter().find(|(.., hosts)| hosts.iter().any(|own| own == host)).map(|(id, name, _)| (*id, name.as_str()))
    }

    fn of_harbor(&self, harbor: Option<i64>) -> Vec<i64> {
        self.projects.iter().filter(|(_, of)| harbor.is_none_or(|harbor| harbor == *of)).map(|(id, _)| *id).collect()
    }
}

/// Names, tags and digests over all time, as people have them. `live`: Harbors are asked whether they have what was found.
pub async fn search(state: &AppState, caller: &Caller, q: &str, live: bool) -> Result<Found, Error> {
    if q.len() > PASTED_BYTES_MAX {
        return Err(
            ApiError::field("q", app::projects::refusals::Refusal::PastedLong { most: app::units::figure(PASTED_BYTES_MAX) }).into()
        );
    }
    if q.trim().chars().count() < CHARS_MIN {
        return Ok(Found::default());
    }
    let _turn = state.turns.take(caller.account_id, Turn::Search).await?;
    let pasted = Pasted::read(q);
    let mut found = Found { notes: about(&pasted), ..Found::default() };
    let (rows, lacking, gaps) = {
        let mut conn = state.pool.acquire().await?;
        let reach = Reach::of(&mut conn, caller).await?;
        let rows = look(&mut conn, &reach, &pasted, &mut found.notes).await?;
        let lacking = queries::lacking(&mut conn, &reach.of_harbor(None), &interpret::subjects(&pasted), LACKING_MAX).await?;
        let mut projects: Vec<i64> = rows.iter().map(|row| row.project_id).chain(lacking.iter().map(|row| row.project_id)).collect();
        projects.sort_unstable();
        projects.dedup();
        let named = lacking.iter().map(|row| row.subject.split([':', '@']).next().unwrap_or_default());
        let repositories: Vec<&str> = rows.iter().map(|row| row.repository.as_str()).chain(named).collect();
        let gaps = gaps::of_newest(&mut conn, &projects, &repositories).await?;
        (rows, lacking, gaps)
    };
    if i64::try_from(rows.len()).is_ok_and(|rows| rows >= HITS_MAX) {
        found.notes.push(SearchNote::More { shown: HITS_MAX });
    }
    let (asked, trouble) = if live { ask::harbors(state, &rows).boxed().await } else { (vec![None; rows.len()], Vec::new()) };
    found.notes.extend(trouble);
    found.hits = rows.into_iter().zip(asked).map(|(row, live)| hit(row, live, &gaps)).collect();
    found.hits.extend(lacking.into_iter().filter_map(|row| never_captured(row, &gaps)));
    if found.hits.is_empty() && found.notes.is_empty() && pasted.words.is_empty() {
        found.notes.push(SearchNote::NothingNamed);
    }
    // What is lost is what people look for; the order of the rows, with what is meant exactly first, stays within that.
    let exact = found.hits.first().cloned();
    found.hits.sort_by_key(|hit| (Some(hit) != exact.as_ref().filter(|_| !pasted.names.is_empty()), hit.now == TagNow::Same));
    Ok(found)
}

/// What there is to say of a text before anything is looked for.
fn about(pasted: &Pasted) -> Vec<SearchNote> {
    let mut notes = Vec::new();
    if pasted.other_algorithm {
        notes.push(SearchNote::OtherAlgorithm);
    }
    if pasted.names.is_empty() {
        match &pasted.only_host {
            Some(host) => notes.push(SearchNote::OnlyHost { host: host.clone() }),
            None if pasted.too_short => notes.push(SearchNote::TooShort),
            None => {}
        }
    }
    notes
}

/// Goes through the readings of a text until one has hits.
async fn look(conn: &mut PgConnection, reach: &Reach, pasted: &Pasted, notes: &mut Vec<SearchNote>) -> Result<Vec<Hit>, Error> {
    for named in &pasted.names {
        let own = named.host.as_deref().map(|host| (host, reach.harbor(host)));
        if let Some((host, None)) = own {
            let note = SearchNote::UnknownHost { host: host.to_owned() };
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        let harbor = own.and_then(|(_, harbor)| harbor);
        for step in interpret::steps(named) {
            let mut rows = queries::find(conn, &reach.of_harbor(harbor.map(|(id, _)| id)), &step.sought, HITS_MAX).await?;
            let mut elsewhere = None;
            if let (true, Some((_, name))) = (rows.is_empty(), harbor) {
                rows = queries::find(conn, &reach.of_harbor(None), &step.sought, HITS_MAX).await?;
                elsewhere = Some(SearchNote::OtherHarbor { harbor: name.to_owned() });
            }
            if rows.is_empty() {
                continue;
            }
            notes.extend(elsewhere);
            notes.extend(step.note);
            if is_word(pasted, named) {
                rows.extend(more_by_words(conn, reach, pasted, &rows).await?);
            }
            return Ok(rows);
        }
    }
    let words = interpret::words(&pasted.words);
    if words.is_empty() {
        return Ok(Vec::new());
    }
    Ok(queries::find(conn, &reach.of_harbor(None), &Sought::Words(words), HITS_MAX).await?)
}

/// Whether the text is one word that may be a part of a digest and of a name as well.
fn is_word(pasted: &Pasted, named: &Reading) -> bool {
    pasted.words.len() == 1 && named.repository.is_none() && named.digest.as_ref().is_some_and(|digest| !digest.is_whole())
}

async fn more_by_words(conn: &mut PgConnection, reach: &Reach, pasted: &Pasted, known: &[Hit]) -> Result<Vec<Hit>, Error> {
    let limit = HITS_MAX - i64::try_from(known.len()).unwrap_or(HITS_MAX);
    if limit <= 0 {
        return Ok(Vec::new());
    }
    let rows = queries::find(conn, &reach.of_harbor(None), &Sought::Words(interpret::words(&pasted.words)), limit).await?;
    let is_known = |row: &Hit| known.iter().any(|k| k.project_id == row.project_id && k.repository == row.repository && k.tag == row.tag);
    Ok(rows.into_iter().filter(|row| !is_known(row)).collect())
}

/// What the newest snapshot says of a hit, where Harbor was not asked.
fn captured(row: &Hit) -> InHarbor {
    let state = match &row.newest {
        Some(digest) if *digest == row.digest => Presence::Yes,
        Some(_) => Presence::Moved,
        None => Presence::No,
    };
    // A snapshot that could not see it says nothing of it.
    let at = if state == Presence::Yes { row.last_seen } else { row.known_to };
    InHarbor { state, at: Moment(at), live: false, digest: row.newest.as_deref().map(digest_text) }
}

fn hit(row: Hit, live: Option<InHarbor>, gaps: &GapsOf) -> SearchHit {
    let in_harbor = live.unwrap_or_else(|| captured(&row));
    let role = match (row.role.as_str(), &row.tag) {
        ("accessory", _) => HitRole::Accessory,
        (_, Some(_)) => HitRole::Tag,
        ("child", None) => HitRole::Child,
        (_, None) => HitRole::Untagged,
    };
    let gap = gaps.about(row.project_id, &row.repository, row.tag.as_deref(), Some(&row.digest)).cloned();
    SearchHit {
        now: in_harbor.now(),
        digest: digest_text(&row.digest),
        subject: row.subject.as_deref().map(digest_text),
        by_image_id: row.by_config,
        last_seen: Moment(row.last_seen),
        restore_at: row.restore_at.map(Moment),
        tag: row.tag.unwrap_or_default(),
        harbor: row.harbor,
        project: row.project,
        repository: row.repository,
        role,
        in_harbor,
        gap,
    }
}

/// A thing that only a gap names. Harbor listed it then; nobody asks now.
fn never_captured(row: Lacking, gaps: &GapsOf) -> Option<SearchHit> {
    let gap = gaps.of_subject(row.project_id, &row.subject)?.clone();
    let (repository, tag, digest) = match row.subject.split_once('@') {
        Some((repository, digest)) => (repository, "", digest),
        None => row.subject.rsplit_once(':').map(|(repository, tag)| (repository, tag, ""))?,
    };
    let in_harbor = InHarbor { state: Presence::Unknown, at: Moment(row.moment), live: false, digest: None };
    Some(SearchHit {
        harbor: row.harbor,
        project: row.project,
        repository: repository.to_owned(),
        tag: tag.to_owned(),
        digest: digest.to_owned(),
        role: HitRole::Gap,
        subject: None,
        by_image_id: false,
        last_seen: Moment(row.moment),
        restore_at: None,
        now: in_harbor.now(),
        in_harbor,
        gap: Some(gap),
    })
}
