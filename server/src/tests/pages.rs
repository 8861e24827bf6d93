//! What pages cost (S-81): a page of the table asks each thing once, with few statements and as many whatever there is; it writes nothing, reads no effect plan to
//! list, and asks no Harbor before it is answered.

use std::collections::BTreeMap;

use app::pages::PAGES;
use axum::http::StatusCode;
use sqlx::PgPool;

use super::fleet::Fleet;
use super::statements::Statements;
use crate::http::rules;

/// Most statements of one page, those that find the caller and draw its head among them.
const MOST: usize = 10;

/// What notes that a session and its account were seen.
const MARK: &str = "with used as (update session set seen_at";

/// The end of a transaction that came to nothing, which the pool sends with whatever uses the connection next.
const BACK: &str = "ROLLBACK";

/// Pages about nothing that there is.
const OF_NOTHING: [&str; 3] = ["/signin", "/setup", "/dev/gallery"];

/// Pages that take more: the form of a plan is its choices and a preview of what is chosen.
const FORMS: [(&str, usize); 2] = [("/plans/new", 12), ("/plans/{id}/edit", 14)];

/// Pages whose reading is an event of its own (console.md §4.2): the audit history, and what an image is made of.
const RECORDED: [&str; 3] = ["/audit", "/audit/{seq}", "/artifacts"];

fn route_of(address: &str) -> &'static str {
    let path = address.split('?').next().unwrap();
    let routes = PAGES.iter().map(|page| page.path);
    // A route that says a part by its name comes before one that has any.
    routes.filter(|route| rules::fits(route, path)).min_by_key(|route| route.matches('{').count()).unwrap_or_else(|| panic!("{address}"))
}

fn writes(statement: &str) -> bool {
    let text = statement.to_lowercase();
    ["insert into", "update ", "delete from", "audit_append", "pg_notify"].iter().any(|word| text.contains(word))
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_page_asks_each_thing_once_and_as_little_however_much_there_is(pool: PgPool) {
    let statements = Statements::of(&pool).await;
    let fleet = Fleet::watched(pool, statements.pool.clone()).await;
    let pages = fleet.pages().await;
    let (mut wrong, mut counted, mut most, mut marks) = (Vec::new(), Vec::new(), BTreeMap::new(), 0);
    for login in ["olga", "sam", "aud", "own", "vic"] {
        let cookie = fleet.session(login).await;
        for page in pages.iter().chain(OF_NOTHING.map(str::to_owned).iter()) {
            // A mark that is due each minute is made by the first.
            fleet.page(&cookie, page).await;
            statements.take();
            let asked = fleet.estate.sim.control().total();
            let (status, text) = fleet.page(&cookie, page).await;
            assert!(!status.is_server_error(), "{login} {page}: {status} {text}");
            if fleet.estate.sim.control().total() != asked && !page.contains("/now?") {
                wrong.push(format!("{login} {page} asks Harbor before it is answered"));
            }
            let (mark, before): (Vec<String>, Vec<String>) = statements.take().into_iter().partition(|text| text.starts_with(MARK));
            marks += mark.len();
            let before: Vec<String> = before.into_iter().filter(|text| text != BACK).collect();
            counted.push((login, cookie.clone(), page.clone(), before));
        }
    }
    assert!(marks * 20 < counted.len(), "{marks} of {} readings were noted", counted.len());
    fleet.grow(12).await;
    for (login, cookie, page, before) in counted {
        statements.take();
        let (status, _) = fleet.page(&cookie, &page).await;
        // The mark of each minute falls due while this goes on.
        let after: Vec<String> = statements.take().into_iter().filter(|text| !text.starts_with(MARK) && text != BACK).collect();
        let route = route_of(&page);
        let counts: &mut (usize, String) = most.entry(route).or_default();
        if after.len() > counts.0 {
            *counts = (after.len(), format!("{login} {page}"));
        }
        // A refusal is recorded each minute, and Harbor is asked again each ten seconds.
        let (is_read, is_live) = (status == StatusCode::OK, page.contains("/now?"));
        if is_read && !is_live && after.len() > before.len() {
            wrong.push(format!("{login} {page} ({status}): {} statements, and {} as there is more", before.len(), after.len()));
        }
        let enough = FORMS.iter().find(|(form, _)| *form == route).map_or(MOST, |(_, enough)| *enough);
        if after.len() > enough {
            wrong.push(format!("{login} {page}: {} statements, {enough} are enough: {after:#?}", after.len()));
        }
        let twice = after.iter().enumerate().find(|(place, text)| !text.starts_with("COMMIT") && after[..*place].contains(text));
        if let Some((_, text)) = twice {
            wrong.push(format!("{login} {page} asks twice: {text}"));
        }
        if let Some(text) = after.iter().find(|text| writes(text)).filter(|_| is_read && !RECORDED.contains(&route)) {
            wrong.push(format!("{login} {page} writes: {text}"));
        }
        let of_many = ["/", "/restores", "/approvals", "/jobs", "/projects"];
        if let Some(whole) =
            after.iter().find(|text| text.contains("q.plan,") || text.contains("q.form,")).filter(|_| of_many.contains(&route))
        {
            wrong.push(format!("{login} {page} reads whole effect plans: {whole}"));
        }
    }
    for (route, (count, page)) in &most {
        println!("{count:3} {route:40} {page}");
    }
    for page in PAGES.iter().filter(|page| !most.contains_key(page.path)) {
        wrong.push(format!("{} is on no walk: give Fleet::pages an address of it", page.path));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
