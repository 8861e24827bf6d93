//! How many votes a risk needs, and who may give them (console.md §3.4). Pure.

use app::accounts::types::{Duty, Role};
use app::restores::outcomes::WhyNot;
use app::restores::sentences::Rule;

use crate::access::{Caller, Operation};

/// Hours until a request nobody decided is over.
pub const DECIDE_H: i32 = 72;
/// From this risk on, a security administrator may give a vote too.
pub const SECADMIN_FROM_RISK: i32 = 4;
/// From this risk on, an approval needs a comment.
pub const COMMENT_FROM_RISK: i32 = 4;

/// From this risk on, a vote needs the password entered in the last ten minutes (S-26).
pub const STEP_UP_FROM_RISK: i32 = 3;

/// Votes for a risk class.
#[must_use]
pub const fn votes_needed(risk: i32) -> i32 {
    match risk {
        0 => 0,
        1..=3 => 1,
        _ => 2,
    }
}

/// Why.
#[must_use]
pub fn rule(risk: i32, project: &str) -> Rule {
    let (votes, project) = (i64::from(votes_needed(risk)), project.to_owned());
    match risk {
        0 => Rule::None,
        1 => Rule::Adds { votes, project },
        2 => Rule::OtherProject { votes, project },
        3 => Rule::Moves { votes, project },
        _ => Rule::Much { risk: i64::from(risk), votes, project },
    }
}

/// Why this caller may not vote on it, if they may not.
#[must_use]
pub fn why_not(caller: &Caller, requester_id: i64, risk: i32, harbor_id: i64, project: &str) -> Option<WhyNot> {
    if caller.account_id == requester_id {
        return Some(WhyNot::Own);
    }
    if matches!(caller.via, crate::access::Via::Token { .. }) {
        return Some(WhyNot::Token);
    }
    let as_approver = caller.may(Operation::Vote, Some((harbor_id, project)));
    let as_secadmin = risk >= SECADMIN_FROM_RISK && caller.has(Duty::Secadmin);
    (!as_approver && !as_secadmin).then(|| WhyNot::NoRole { project: project.to_owned() })
}

/// Roles that make an account an approver.
pub const APPROVER_ROLES: [Role; 2] = [Role::Approver, Role::Owner];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{ScopedRole, Via};

    fn person(id: i64, duties: &[Duty], role: Option<Role>, via: Via) -> Caller {
        Caller {
            account_id: id,
            login: format!("p{id}"),
            display_name: String::new(),
            duties: duties.to_vec(),
            roles: role
                .into_iter()
                .map(|role| ScopedRole { role, harbor: Some((1, "prod".to_owned())), project: Some("shop".to_owned()) })
                .collect(),
            via,
            fresh: true,
            must_change: false,
            session: None,
            bounds: None,
        }
    }

    #[test]
    fn who_may_vote_is_who_the_table_says() {
        let ask = |p: &Caller, risk| why_not(p, 1, risk, 1, "shop").is_none();
        assert!(!ask(&person(1, &[], Some(Role::Owner), Via::Session), 1), "one's own request");
        assert!(ask(&person(2, &[], Some(Role::Approver), Via::Session), 1));
        assert!(!ask(&person(2, &[], Some(Role::Requester), Via::Session), 1));
        assert!(!ask(&person(2, &[], Some(Role::Owner), Via::Token { id: 1, write: true }), 1), "a token");
        assert!(!ask(&person(2, &[Duty::Operator], None, Via::Session), 4));
        assert!(!ask(&person(2, &[Duty::Secadmin], None, Via::Session), 3));
        assert!(ask(&person(2, &[Duty::Secadmin], None, Via::Session), 4));
        assert!(why_not(&person(2, &[], Some(Role::Approver), Via::Session), 1, 1, 1, "other").is_some(), "another project");
    }

    #[test]
    fn more_risk_never_needs_fewer_votes() {
        let votes: Vec<i32> = (0..=5).map(votes_needed).collect();
        assert!(votes.windows(2).all(|w| w[0] <= w[1]), "{votes:?}");
        assert_eq!(votes, [0, 1, 1, 1, 2, 2]);
    }
}
