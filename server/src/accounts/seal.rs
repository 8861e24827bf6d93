//! The end of the set-up (console.md §2.3): from the moment three people hold the three duties nobody holds two of them any more.
//!
//! Until then the first account has several, since somebody must. That it has ended is kept for good, and nothing here takes it back.

use std::collections::BTreeMap;

use app::accounts::types::Duty;
use app::audit::events::{AccountEvent, Alone};
use serde_json::json;
use sqlx::PgConnection;

use super::{load, queries};
use crate::audit::{self, Actor, Event};
use crate::error::Error;

/// The order in which a person with several duties keeps one.
const ORDER: [Duty; 3] = [Duty::Secadmin, Duty::Operator, Duty::Auditor];

/// Who holds which duties.
type Holders = BTreeMap<i64, Vec<Duty>>;

/// Three different people for the three duties, in [`ORDER`], if there are; those who hold one duty alone come first.
fn three(holders: &Holders) -> Option<[i64; 3]> {
    let of = |duty: Duty| {
        let mut found: Vec<(usize, i64)> =
            holders.iter().filter(|(_, held)| held.contains(&duty)).map(|(id, held)| (held.len(), *id)).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
    };
    let [first, second, third] = ORDER.map(of);
    first
        .iter()
        .find_map(|a| second.iter().filter(|b| *b != a).find_map(|b| third.iter().find(|c| *c != a && *c != b).map(|c| [*a, *b, *c])))
}

/// The duty that each holder of several keeps.
fn kept(holders: &Holders, three: [i64; 3]) -> Vec<(i64, Duty)> {
    let keeps = |id: i64, held: &[Duty]| {
        let named = three.iter().position(|named| *named == id).map(|place| ORDER[place]);
        named.or_else(|| ORDER.into_iter().find(|duty| held.contains(duty)))
    };
    holders.iter().filter(|(_, held)| held.len() > 1).filter_map(|(id, held)| Some((*id, keeps(*id, held)?))).collect()
}

/// Ends the set-up if three people hold the three duties by now, and takes from everybody what is more than one. `by` is the account that made the change, whose session
/// goes on: rights are read with each request anyway. The event, for the end of the transaction.
///
/// The caller holds the lock of [`queries::lock_duties`].
pub async fn seal(conn: &mut PgConnection, by: Option<i64>) -> Result<Option<Event>, Error> {
    if queries::is_sealed(conn).await? {
        return Ok(None);
    }
    let mut holders = Holders::new();
    for (account_id, duty) in queries::holders_of_all(conn).await? {
        holders.entry(account_id).or_default().extend(load::duty(&duty));
    }
    let Some(named) = three(&holders) else { return Ok(None) };
    queries::set_sealed(conn).await?;
    let (mut reduced, mut alone) = (Vec::new(), Vec::new());
    for (account_id, duty) in kept(&holders, named) {
        queries::set_duties(conn, account_id, &[load::duty_name(duty)]).await?;
        if by != Some(account_id) {
            queries::bump(conn, account_id).await?;
        }
        let login = queries::login_of(conn, account_id).await?.unwrap_or_default();
        alone.push(match duty {
            Duty::Operator => Alone::OperatorAlone { login: login.clone() },
            Duty::Secadmin => Alone::SecadminAlone { login: login.clone() },
            Duty::Auditor => Alone::AuditorAlone { login: login.clone() },
        });
        reduced.push(json!({ "login": login, "before": holders.get(&account_id), "after": [duty] }));
    }
    Ok(Some(Event::new("bootstrap.seal", "duties", "set-up", AccountEvent::SetUpOver { alone }).with("reduced", reduced)))
}

/// Records the end of the set-up, where this transaction ended it.
pub async fn record(conn: &mut PgConnection, actor: &Actor, sealed: Option<Event>) -> Result<(), Error> {
    if let Some(event) = sealed {
        audit::record(conn, actor, event).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Duty::{Auditor, Operator, Secadmin};

    fn holders(all: &[(i64, &[Duty])]) -> Holders {
        all.iter().map(|(id, held)| (*id, held.to_vec())).collect()
    }

    #[test]
    fn the_set_up_lasts_until_three_people_hold_the_three() {
        for unfinished in [
            &[(1, &[Operator, Secadmin][..])][..],
            &[(1, &[Operator, Secadmin]), (2, &[Auditor])],
            &[(1, &[Operator, Secadmin, Auditor]), (2, &[Operator, Secadmin, Auditor])],
            &[(1, &[Operator]), (2, &[Operator]), (3, &[Secadmin])],
        ] {
            assert_eq!(three(&holders(unfinished)), None, "{unfinished:?}");
        }
    }

    #[test]
    fn whoever_has_several_keeps_the_one_nobody_else_has() {
        let of = |all: &[(i64, &[Duty])]| {
            let holders = holders(all);
            kept(&holders, three(&holders).unwrap())
        };
        assert_eq!(of(&[(1, &[Operator, Secadmin]), (2, &[Auditor]), (3, &[Operator])]), [(1, Secadmin)]);
        assert_eq!(of(&[(1, &[Operator, Secadmin]), (2, &[Auditor]), (3, &[Secadmin])]), [(1, Operator)]);
        assert_eq!(of(&[(1, &[Secadmin, Auditor]), (2, &[Secadmin, Operator]), (3, &[Operator])]), [(1, Auditor), (2, Secadmin)]);
        assert_eq!(of(&[(1, &[Operator, Secadmin]), (2, &[Auditor]), (3, &[Operator]), (4, &[Secadmin])]), [(1, Secadmin)]);
        assert_eq!(of(&[(1, &[Operator]), (2, &[Auditor]), (3, &[Secadmin])]), []);
    }
}
