//! The command line: every operation that a program with a token may ask for has a verb, and each verb asks for what it says.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use app::accounts::types::{NewToken, TokenScope};
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::fleet::Fleet;
use super::world::{everything, origin};
use crate::cli::{CliError, obey};
use crate::http::rest;
use crate::http::rules::Rule;

/// Operations without a verb, and why.
const WITHOUT: [(&str, &str, &str); 2] = [
    ("GET", "/api/v1/openapi.json", "a description for programs"),
    ("POST", "/api/v1/harbors/try", "`harbor try` reads a secret from standard input, which a test has none of"),
];

type Asked = Arc<Mutex<BTreeSet<(String, String)>>>;

/// The program behind a socket, noting what is asked of it; answers its address.
async fn served(fleet: &Fleet, asked: &Asked, stop: CancellationToken) -> String {
    let noted = Arc::clone(asked);
    let router = fleet.router.clone().layer(from_fn(move |request: Request, next: Next| {
        if let Some(route) = request.extensions().get::<MatchedPath>() {
            noted.lock().unwrap().insert((request.method().to_string(), route.as_str().to_owned()));
        }
        next.run(request)
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(crate::http::serve::listen(listener, router, Arc::from([]), stop));
    address
}

/// Verbs that are to be done, in this order.
fn done(bucket: &str, done_request: i64, job: i64) -> Vec<String> {
    let digest = harbor_sim::images::simple("shop-web", &[100]).manifest.digest;
    let mut lines: Vec<String> = [
        "whoami",
        "status",
        "harbor list",
        "harbor show sim",
        "harbor check sim",
        "harbor inventory sim",
        "vault list",
        "vault show v",
        "vault capacity v",
        "vault sweeps v",
        "vault findings v",
        "vault verify v",
        "vault sweep v --dry-run",
        "vault reconcile v",
        "vault scrub v --days 40",
        "plan list",
        "plan show hourly",
        "plan preview nightly --harbor sim --vault v",
        "plan create nightly --harbor sim --vault v --include pay* --cron 15_3_*_*_* --keep-last 3",
        "plan edit nightly --keep-last 5 --copy v1",
        "plan retention nightly",
        "plan pause nightly --days 2 --reason the_harbor_is_upgraded",
        "plan resume nightly",
        "plan delete nightly --confirm nightly",
        "plan left",
        "plan imports",
        "plan leave before --to kept --owner own",
        "run start hourly",
        "run list hourly",
        "job list --state done",
        "project list --harbor sim",
        "project diff sim/shop",
        "project settings sim/shop",
        "project backup sim/shop",
        "snapshot list sim/shop",
        "snapshot show sim/shop",
        "tag history sim shop/web:1",
        "tag find shop/web:1",
        "gap list sim/shop",
        "hold set sim/shop --reason audit",
        "hold list sim/shop",
        "restore list --state all",
        "restore inbox --tab team",
        "restore preview sim/shop --at 2030-01-01T00:00:00Z --item shop/web:1",
        "audit list --action snapshot.*",
        "audit show 1",
        "audit verify",
        "user list",
        "user show dev",
        "user sessions dev",
        "user tokens dev",
        "token own",
    ]
    .map(str::to_owned)
    .to_vec();
    lines.push(format!("vault show {bucket}"));
    lines.push(format!("artifact show sim shop/web@{digest}"));
    lines.extend(["show", "lines", "lines --csv", "lines --json", "change"].map(|verb| {
        let (verb, more) = verb.split_once(' ').unwrap_or((verb, ""));
        format!("restore {verb} {done_request} {more}")
    }));
    lines.extend(["show", "log"].map(|verb| format!("job {verb} {job}")));
    lines
}

/// Verbs that are refused in this house, each for a reason of the house: that they are is enough to see that they ask.
fn refused(bucket: &str, open: i64, ended: i64, job: i64) -> Vec<String> {
    let mut lines: Vec<String> = [
        "harbor remove sim --confirm sim",
        // There is one snapshot, none of its lacks is open, and Harbor has what it has.
        "project changes sim/shop",
        "restore request sim/shop --at 2030-01-01T00:00:00Z --item shop/web:1 --reason it_was_pushed_over",
        "gap accept sim/shop --gap open --reason known_to_its_owner --until 2030-01-01",
        "vault open v",
        "plan keep-import 999 --owner own",
        "gap withdraw sim/shop 999 --reason x",
        "hold release 999 --reason x",
        "restore draft 00000000-0000-0000-0000-000000000000",
    ]
    .map(str::to_owned)
    .to_vec();
    lines.extend(["test", "lock --days 1"].map(|verb| {
        let (verb, more) = verb.split_once(' ').unwrap_or((verb, ""));
        format!("vault {verb} {bucket} {more}")
    }));
    lines.extend(["withdraw", "cancel"].map(|verb| format!("restore {verb} {open}")));
    lines.extend(["retry", "undo"].map(|verb| format!("restore {verb} {ended}")));
    lines.extend(["cancel", "retry"].map(|verb| format!("job {verb} {job}")));
    lines
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn every_operation_has_a_verb_that_asks_for_it(pool: PgPool) {
    let fleet = Fleet::new(pool).await;
    let all = everything(&fleet.state, "all").await;
    let form = NewToken { name: "verbs".to_owned(), scope: TokenScope::Write, days: 1, ..NewToken::default() };
    let token = crate::accounts::create_token(&fleet.state, &all, &origin(), form).await.unwrap();
    let file = fleet.estate.folder.path().join("token");
    std::fs::write(&file, &token.secret).unwrap();
    let (asked, stop) = (Asked::default(), CancellationToken::new());
    let server = served(&fleet, &asked, stop.clone()).await;
    let bucket: String = sqlx::query_scalar("select name from vault join vault_bucket using (vault_id) order by vault_id limit 1")
        .fetch_one(&fleet.estate.pool)
        .await
        .unwrap();
    let done_request = fleet.number("select max(request_id) from request where state = 'done'").await;
    let open = fleet.number("select max(request_id) from request where state = 'running'").await;
    let job = fleet.number("select max(job_id) from job where state = 'done'").await;
    let place = fleet.estate.folder.path().join("another").display().to_string();
    let say = async |line: &str| {
        let words = ["breakwater"].into_iter().chain(line.split_whitespace()).map(|word| word.replace('_', " "));
        let more = ["--server", &server, "--token-file", file.to_str().unwrap()].map(str::to_owned);
        obey(&words.chain(more).collect::<Vec<_>>()).await
    };
    let mut wrong = Vec::new();
    for line in done(&bucket, done_request, job) {
        if let Err(error) = say(&line).await {
            wrong.push(format!("{line}: {error}"));
        }
    }
    if let Err(error) = say(&format!("vault register {place} --name another")).await {
        wrong.push(error.to_string());
    }
    for line in refused(&bucket, open, done_request, job) {
        if let Err(error @ (CliError::Usage(_) | CliError::Unreachable(_))) = say(&line).await {
            wrong.push(format!("{line}: {error}"));
        }
    }
    let newest: String = sqlx::query_scalar("select draft::text from request where state = 'draft' order by request_id desc limit 1")
        .fetch_optional(&fleet.estate.pool)
        .await
        .unwrap()
        .unwrap_or_default();
    if let Err(error) = say(&format!("restore draft {newest}")).await {
        wrong.push(error.to_string());
    }
    stop.cancel();
    let asked = asked.lock().unwrap();
    for (method, route, rule) in rest::lines().filter(|(_, _, rule)| *rule == Rule::SignedIn) {
        let excused = WITHOUT.iter().any(|(verb, path, _)| verb == method && path == route);
        if asked.contains(&((*method).to_owned(), (*route).to_owned())) == excused {
            wrong.push(format!("{method} {route} ({rule:?}): {}", if excused { "has a verb after all" } else { "no verb asks for it" }));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_name_that_nothing_has_is_told_with_those_there_are(pool: PgPool) {
    let fleet = Fleet::new(pool).await;
    let all = everything(&fleet.state, "all").await;
    let form = NewToken { name: "verbs".to_owned(), scope: TokenScope::Read, days: 1, ..NewToken::default() };
    let token = crate::accounts::create_token(&fleet.state, &all, &origin(), form).await.unwrap();
    let file = fleet.estate.folder.path().join("token");
    std::fs::write(&file, &token.secret).unwrap();
    let stop = CancellationToken::new();
    let server = served(&fleet, &Asked::default(), stop.clone()).await;
    for (line, told) in [
        ("plan show hourli", "did you mean “hourly”?"),
        ("vault show nowhere", "there are "),
        ("user show nobody-at-all-of-this-name", "there is no account"),
        ("hold set sim/shop@yesterday --reason x", ""),
    ] {
        let words = ["breakwater"].into_iter().chain(line.split_whitespace()).map(str::to_owned);
        let more = ["--server", &server, "--token-file", file.to_str().unwrap()].map(str::to_owned);
        let error = obey(&words.chain(more).collect::<Vec<_>>()).await.unwrap_err();
        assert!(error.to_string().contains(told), "{line}: {error}");
        assert!(!error.to_string().contains(&token.secret), "{line}: {error}");
    }
    stop.cancel();
}
