//! Every statement that stands in the sources, and the schema as it is: a column that went or was renamed is named by none of them.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::{AssertSqlSafe, Executor as _, PgConnection, PgPool, SqlSafeStr as _};

use super::house::sources;

/// What statements begin with.
const BEGINNINGS: [&str; 5] = ["select ", "insert into ", "update ", "delete from ", "with "];
/// What Postgres calls a column, and a table, that is not there (its documentation, appendix A).
const ABSENT: [&str; 2] = ["42703", "42P01"];
/// What parts of a statement are told that rest on what another part names so: the lost images of a search, and the request whose approvers are counted.
const OF_PARTS: [&str; 2] = ["relation \"l\" does not exist", "missing FROM-clause entry for table \"q\""];
/// Fewer that could be looked at would mean that this no longer sees them.
const LEAST: usize = 300;

/// The texts between quotes, as the compiler reads them.
fn texts(source: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), source);
    while let Some(at) = rest.find(['"', '/', '\'']) {
        let (before, tail) = rest.split_at(at);
        rest = match () {
            () if tail.starts_with("//") => tail.split_once('\n').map_or("", |(_, after)| after),
            () if tail.starts_with("'\"'") => &tail[3..],
            () if tail.starts_with("'\\\"'") => &tail[4..],
            () if !tail.starts_with('"') => &tail[1..],
            () if before.trim_end_matches('#').ends_with('r') => {
                let end = format!("\"{}", "#".repeat(before.len() - before.trim_end_matches('#').len()));
                let (text, after) = tail[1..].split_once(&end).unwrap_or((&tail[1..], ""));
                found.push(text.to_owned());
                after
            }
            () => {
                let (text, after) = quoted(&tail[1..]);
                found.push(text);
                after
            }
        };
    }
    found
}

/// A text up to its closing quote, and what follows.
fn quoted(tail: &str) -> (String, &str) {
    let (mut text, mut chars) = (String::new(), tail.char_indices().peekable());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (text, &tail[at + 1..]),
            '\\' => match chars.next() {
                Some((_, '\n')) => while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {},
                Some((_, 'n')) => text.push('\n'),
                Some((_, escaped)) => text.push(escaped),
                None => {}
            },
            c => text.push(c),
        }
    }
    (text, "")
}

fn is_statement(text: &str) -> bool {
    let text = text.trim_start().to_lowercase();
    BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
}

/// What a statement names that is not there; `Err`: it is a part of one, or what it needs is told only where it is made.
async fn absent(conn: &mut PgConnection, text: &str) -> Result<Option<String>, sqlx::Error> {
    match conn.prepare(AssertSqlSafe(text.to_owned()).into_sql_str()).await {
        Ok(_) => Ok(None),
        Err(sqlx::Error::Database(refusal)) if refusal.code().is_some_and(|code| ABSENT.contains(&&*code)) => {
            Ok(Some(refusal.message().to_owned()))
        }
        Err(other) => Err(other),
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn no_statement_names_what_the_schema_does_not_have(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let (mut looked_at, mut wrong) = (0, BTreeMap::new());
    for (path, source) in sources("server/src").into_iter().filter(|(path, _)| !is_test(path)) {
        for text in texts(&source).iter().filter(|text| is_statement(text)) {
            match absent(&mut conn, text).await {
                Ok(None) => looked_at += 1,
                Ok(Some(why)) if OF_PARTS.contains(&&*why) => {}
                Ok(Some(why)) => drop(wrong.insert(format!("{}: {text}", path.display()), why)),
                Err(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(looked_at >= LEAST, "only {looked_at} statements were looked at");
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_name().is_some_and(|name| name.to_string_lossy().contains("test"))
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_column_that_went_is_found(pool: PgPool) {
    let source = r##"query("select r.sentence \
                      from audit_record r where r.seq = $1"); // "select nothing from nowhere"
        let c = '"'; let raw = r#"select seq from audit_recorded"#;"##;
    let mut conn = pool.acquire().await.unwrap();
    let found = texts(source);
    assert_eq!(found, ["select r.sentence from audit_record r where r.seq = $1", "select seq from audit_recorded"]);
    for text in found {
        assert!(matches!(absent(&mut conn, &text).await, Ok(Some(_))), "{text}");
    }
    assert!(matches!(absent(&mut conn, "select record from audit_record where seq = $1").await, Ok(None)));
}
