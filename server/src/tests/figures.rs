//! Figures of the sign-in that a machine with other work would blur (S-32, S-35). They are measured where `FIGURES` says how many samples to take, alone:
//! `FIGURES=2000 sh scripts/with-postgres.sh cargo test -p server --lib tests::figures -- --test-threads 1 --nocapture`.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use sqlx::PgPool;
use tower::ServiceExt as _;

use super::web::web;
use super::world::{PASSWORD, person, signed_in, state};

/// Samples to take; none: these tests say nothing.
fn samples() -> Option<usize> {
    std::env::var("FIGURES").ok().filter(|text| !text.is_empty()).map(|text| text.parse().unwrap())
}

fn sign_in(login: &str, password: &str) -> Request<Body> {
    let body =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs([("form[login]", login), ("form[password]", password)]).finish();
    Request::post("/fn/session/in")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin")
        .body(Body::from(body))
        .unwrap()
}

/// Most memory this process had so far, bytes.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

/// S-32: 200 sign-ins at once hold no more memory than a hash of each core needs, and other pages are answered meanwhile.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn many_sign_ins_at_once_take_neither_memory_nor_the_console(pool: PgPool) {
    /// Of one hash: 46 MiB, and what is around it.
    const HASH_BYTES: u64 = 64 * 1024 * 1024;
    if samples().is_none() {
        return;
    }
    let state = state(pool);
    let reader = person(&state, "reader", &[], "").await;
    let cookie = signed_in(&state, &reader).await;
    let router = web(&state);
    let page = || {
        let request =
            Request::get("/projects").header(header::ACCEPT, "text/html").header(header::COOKIE, &cookie).body(Body::empty()).unwrap();
        router.clone().oneshot(request)
    };
    page().await.unwrap();
    let before = peak_bytes();
    // Different names, so that the limit of tries is not what answers.
    let tries: Vec<_> = (0..200).map(|n| tokio::spawn(router.clone().oneshot(sign_in(&format!("nobody{n}"), "x")))).collect();
    let mut took = Vec::new();
    while took.len() < 50 || !tries.iter().all(tokio::task::JoinHandle::is_finished) {
        let begun = Instant::now();
        assert_eq!(page().await.unwrap().status(), StatusCode::OK);
        took.push(begun.elapsed());
    }
    let mut answers = std::collections::BTreeMap::new();
    for one in tries {
        *answers.entry(one.await.unwrap().unwrap().status().as_u16()).or_insert(0) += 1;
    }
    took.sort_unstable();
    let cores = u64::try_from(std::thread::available_parallelism().unwrap().get()).unwrap();
    let more = peak_bytes() - before;
    println!("S-32: {answers:?}; {} MiB more on {cores} cores; pages p50 {:?} p99 {:?}", more >> 20, at(&took, 50), at(&took, 99));
    assert!(more < cores * HASH_BYTES, "{more} bytes");
    assert!(at(&took, 99) < Duration::from_millis(300), "{took:?}");
}

/// S-35: how long a refusal takes does not tell an account from none.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_time_of_a_refusal_tells_nothing(pool: PgPool) {
    const CASES: [(&str, &str); 3] = [("dev", "not the password"), ("gone", PASSWORD), ("nobody", PASSWORD)];
    let Some(samples) = samples() else { return };
    let state = state(pool.clone());
    person(&state, "dev", &[], "").await;
    person(&state, "gone", &[], "").await;
    sqlx::query("update account set disabled_at = now() where login = 'gone'").execute(&pool).await.unwrap();
    let router = web(&state);
    let mut took: [Vec<Duration>; CASES.len()] = Default::default();
    for round in 0..samples {
        // In turn, each of them first as often as the others, and with no tries that the next is slowed down for.
        for n in 0..CASES.len() {
            let case = (n + round) % CASES.len();
            let (login, password) = CASES[case];
            sqlx::query("delete from sign_in_throttle").execute(&pool).await.unwrap();
            let begun = Instant::now();
            let answer = router.clone().oneshot(sign_in(login, password)).await.unwrap();
            took[case].push(begun.elapsed());
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        }
    }
    for times in &mut took {
        times.sort_unstable();
    }
    let medians = took.each_ref().map(|times| at(times, 50));
    println!("S-35: medians {medians:?} of {samples} each");
    for other in 1..CASES.len() {
        let apart = medians[0].abs_diff(medians[other]);
        let area = area(&took[0], &took[other]);
        println!("S-35: {} and {}: {apart:?} apart, area {area:.3}", CASES[0].0, CASES[other].0);
        assert!(apart < Duration::from_millis(1), "{} is told by {apart:?}", CASES[other].0);
        assert!((0.45..0.55).contains(&area), "{} is told by an area of {area}", CASES[other].0);
    }
}

/// How often a time of `a` is above one of `b`, a tie for a half: the area under the curve of whoever guesses by time. Both sorted.
fn area(a: &[Duration], b: &[Duration]) -> f64 {
    let count = |n: usize| f64::from(u32::try_from(n).unwrap());
    let above = |one: &Duration| {
        let less = b.partition_point(|other| other < one);
        count(less) + count(b.partition_point(|other| other <= one) - less) / 2.0
    };
    a.iter().map(above).sum::<f64>() / count(a.len()) / count(b.len())
}

#[test]
fn the_area_is_a_half_where_nothing_is_told() {
    let of = |all: &[u64]| all.iter().map(|ms| Duration::from_millis(*ms)).collect::<Vec<_>>();
    assert!((area(&of(&[1, 2, 3]), &of(&[1, 2, 3])) - 0.5).abs() < 1e-9);
    assert!((area(&of(&[4, 5]), &of(&[1, 2, 3])) - 1.0).abs() < 1e-9);
    assert!(area(&of(&[0]), &of(&[1, 2])).abs() < 1e-9);
}
