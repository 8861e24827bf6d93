//! What requests and drafts are called: a request has a number, a draft a name that nobody can guess.

use sqlx::PgConnection;
use uuid::Uuid;

use super::queries::{self, Row};
use super::{draft, list};
use crate::access::Caller;
use crate::error::Error;

/// Digits of a draft's name that its tags end with.
const MARK_CHARS: usize = 8;

/// A name that was read.
enum Name {
    Number(i64),
    Draft(Uuid),
}

fn read(text: &str) -> Option<Name> {
    let number = || text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok().map(Name::Number)).flatten();
    Uuid::try_parse(text).ok().map(Name::Draft).or_else(number)
}

/// What the tags of a restore end with: the beginning of the name of its draft.
pub(super) fn mark(draft: Uuid) -> String {
    draft.simple().to_string().chars().take(MARK_CHARS).collect()
}

/// The row of a name: the request or the draft that the caller may see, also by the name a request had while it was a draft, and by the
/// number that a draft of before had.
pub(super) async fn find(conn: &mut PgConnection, caller: &Caller, text: &str) -> Result<Option<Row>, Error> {
    let row = match read(text) {
        Some(Name::Draft(draft)) => queries::by_draft(conn, draft).await?,
        Some(Name::Number(number)) => queries::one(conn, number).await?,
        None => None,
    };
    Ok(row.filter(|row| draft::is_own(caller, row) || list::sees(caller, row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_number_or_is_no_number() {
        assert!(matches!(read("88"), Some(Name::Number(88))));
        assert!(matches!(read("3f9c2a1b-0000-4000-8000-000000000000"), Some(Name::Draft(_))));
        for neither in ["", "-1", "+1", " 1", "x", "99999999999999999999", "1.0"] {
            assert!(read(neither).is_none(), "{neither}");
        }
        assert_eq!(mark("3f9c2a1b-0000-4000-8000-000000000000".parse().unwrap()), "3f9c2a1b");
    }
}
