//! What pages cost (S-81): a page of the table asks each thing once, with few statements and as many whatever there is; it writes nothing, reads no effect plan to
//! list, and asks no Harbor before it is answered.

use std::collections::BTreeMap;
use std::time::Duration;

use app::pages::PAGES;
use axum::http::StatusCode;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use super::fleet::Fleet;
use super::statements::Statements;
use crate::http::rules;
use crate::vaults::health;

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

/// Pages that show what is in a vault, and open it for that. They hold no connection to the database meanwhile.
const OF_A_VAULT: [&str; 2] = ["/artifacts", "/projects/{harbor}/{project}/settings"];

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

/// What a page says of a vault is what the last look found, and how old that is; the vault is not asked, but for the two pages that show what is in it.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn no_page_opens_a_vault(pool: PgPool) {
    let fleet = Fleet::new(pool).await;
    let vault = fleet.number("select min(vault_id) from vault").await;
    let olga = fleet.session("olga").await;
    health::check(&fleet.state, vault).await.unwrap();
    let pages = fleet.pages().await;
    let answers = || async {
        let mut answers = Vec::new();
        for page in pages.iter().filter(|page| !OF_A_VAULT.contains(&route_of(page))) {
            answers.push((page, fleet.page(&olga, page).await.0));
        }
        answers
    };
    let before = answers().await;
    let place = fleet.estate.folder.path().join("v");
    let aside = fleet.estate.folder.path().join("aside");
    std::fs::rename(&place, &aside).unwrap();
    let states = || async {
        let mut states = Vec::new();
        for page in ["/vaults", &format!("/vaults/{vault}")] {
            let (status, text) = fleet.page(&olga, page).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            assert!(text.contains("looked at"), "{page} says how old it is");
            states.push(text.contains("not there"));
        }
        states
    };
    assert_eq!(states().await, [false, false], "nobody looked since");
    assert_eq!(answers().await, before, "nobody needs it");
    // It was open all the time.
    health::check(&fleet.state, vault).await.unwrap();
    assert_eq!(states().await, [true, true]);
    let (_, home) = fleet.page(&fleet.session("vic").await, "/").await;
    assert!(home.contains("cannot be read"), "whoever relies on it is told");
    std::fs::rename(&aside, &place).unwrap();
    health::check(&fleet.state, vault).await.unwrap();
    assert_eq!(states().await, [false, false]);
}

/// Nobody holds a connection while waiting for another: under load all would, and nobody would be answered (503).
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn every_page_and_every_reading_call_makes_do_with_one_connection(pool: PgPool) {
    let one = PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(3));
    let one = one.connect_with(pool.connect_options().as_ref().clone()).await.unwrap();
    let fleet = Fleet::watched(pool, one).await;
    let mut pages = fleet.pages().await;
    pages.extend(OF_NOTHING.map(str::to_owned));
    let (api, mut wrong) = (fleet.readings().await, Vec::new());
    for login in ["olga", "sam", "aud", "own", "vic"] {
        let cookie = fleet.session(login).await;
        for page in pages.iter().chain(&api) {
            let (status, text) = fleet.page(&cookie, page).await;
            if status.is_server_error() && !text.contains("upstream") {
                wrong.push(format!("{login} {page}: {status} {}", &text[..text.len().min(300)]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
