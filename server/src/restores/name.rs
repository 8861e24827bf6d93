//! What requests and drafts are called: a request has a number, a draft a name that nobody can guess.

use sqlx::PgConnection;
use uuid::Uuid;

use super::facts::Which;
use super::queries::{self, Row};
use super::{draft, list};
use crate::access::Caller;
use crate::error::Error;

/// Digits of a draft's name that its tags end with.
const MARK_CHARS: usize = 8;

/// What a name says.
pub(super) fn which(text: &str) -> Option<Which> {
    let number = || text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok().map(Which::Number)).flatten();
    Uuid::try_parse(text).ok().map(Which::Draft).or_else(number)
}

/// What the tags of a restore end with: the beginning of the name of its draft.
pub(super) fn mark(draft: Uuid) -> String {
    draft.simple().to_string().chars().take(MARK_CHARS).collect()
}

/// The row of a name: the request or the draft that the caller may see, also by the name a request had while it was a draft, and by the
/// number that a draft of before had.
pub(super) async fn find(conn: &mut PgConnection, caller: &Caller, text: &str) -> Result<Option<Row>, Error> {
    let row = match which(text) {
        Some(Which::Draft(draft)) => queries::by_draft(conn, draft).await?,
        Some(Which::Number(number)) => queries::one(conn, number).await?,
        None => None,
    };
    Ok(row.filter(|row| draft::is_own(caller, row) || list::sees(caller, row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_number_or_is_no_number() {
        assert!(matches!(which("88"), Some(Which::Number(88))));
        assert!(matches!(which("3f9c2a1b-0000-4000-8000-000000000000"), Some(Which::Draft(_))));
        for neither in ["", "-1", "+1", " 1", "x", "99999999999999999999", "1.0"] {
            assert!(which(neither).is_none(), "{neither}");
        }
        assert_eq!(mark("3f9c2a1b-0000-4000-8000-000000000000".parse().unwrap()), "3f9c2a1b");
    }
}
