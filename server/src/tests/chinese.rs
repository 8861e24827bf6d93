//! Every page in Chinese: nothing that the program says there is English.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{Request, header};
use sqlx::PgPool;

use super::fleet::Fleet;
use super::walk::{of, tags};
use super::world::origin;

/// So many English words in a row are a sentence. Fewer may be somebody's name for something.
const WORDS_MIN: usize = 3;
/// What people of the fleet typed, and what was stored before there were values.
const TYPED: &[&str] = &["it was pushed over", "for a while", "the auditors asked", "because it has to be looked at"];

/// English sentences between the tags of a page. What is for machines is left out: code, digests, commands, what is typed into fields.
fn english(html: &str) -> BTreeSet<String> {
    let elements = tags(html);
    let mut found = BTreeSet::new();
    let mut skipped: Option<(&str, usize)> = None;
    for (place, (name, attributes, end)) in elements.iter().enumerate() {
        let bare = name.trim_start_matches('/');
        match &mut skipped {
            Some((of, depth)) if *of == bare => {
                if name.starts_with('/') {
                    *depth -= 1;
                } else {
                    *depth += 1;
                }
            }
            None if !name.starts_with('/') => {
                let mono = of(attributes, "class").is_some_and(|class| class.split(' ').any(|class| class == "mono"));
                let log = of(attributes, "class").is_some_and(|class| class.split(' ').any(|class| class == "log"));
                if (mono && !log) || matches!(bare, "script" | "style" | "code" | "pre" | "textarea" | "noscript") {
                    skipped = Some((bare, 1));
                }
            }
            _ => {}
        }
        if skipped.is_some_and(|(_, depth)| depth == 0) {
            skipped = None;
        }
        if skipped.is_none() {
            let until = elements.get(place + 1).map_or(html.len(), |next| html[..next.2].rfind('<').unwrap_or(next.2));
            found.extend(sentences(html.get(*end..until).unwrap_or_default()));
        }
    }
    found
}

fn sentences(text: &str) -> Vec<String> {
    let word =
        |word: &str| word.len() > 1 && word.trim_end_matches([',', ';', ':', '.']).chars().all(|c| c.is_ascii_lowercase() || c == '\'');
    let mut all = Vec::new();
    let mut run: Vec<&str> = Vec::new();
    for part in text.split_whitespace().chain([""]) {
        if word(part) {
            run.push(part);
        } else if run.len() >= WORDS_MIN {
            all.push(std::mem::take(&mut run).join(" "));
        } else {
            run.clear();
        }
    }
    all.retain(|sentence| !TYPED.iter().any(|typed| sentence.contains(typed)));
    all
}

#[test]
fn a_sentence_that_was_left_in_english_is_found() {
    let page = r#"<p class="note">请查看 <a href="/x">restore #3 starts to write</a></p><code>breakwater run log now please</code><b>Harbor v2</b>"#;
    assert_eq!(english(page).into_iter().collect::<Vec<_>>(), ["starts to write"]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn no_page_in_chinese_has_a_sentence_in_english(pool: PgPool) {
    let fleet = Fleet::new(pool).await;
    crate::harbors::check(&fleet.state, fleet.person("olga"), &origin(), "sim").await.unwrap();
    let mut left: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut pages = fleet.pages().await;
    pages.extend((1..40).map(|seq| format!("/audit/{seq}")));
    let mut said = 0;
    for login in ["olga", "aud", "own", "app"] {
        let cookie = fleet.session(login).await;
        for address in &pages {
            let request = Request::get(address)
                .header(header::ACCEPT, "text/html")
                .header(header::ACCEPT_LANGUAGE, "zh-CN,zh;q=0.9")
                .header(header::COOKIE, &cookie)
                .body(Body::empty())
                .unwrap_or_else(|e| panic!("{address}: {e}"));
            let (_, html) = fleet.send(request).await;
            said += usize::from(html.contains("lang=\"zh-CN\""));
            let english = english(&html);
            if !english.is_empty() {
                left.entry(address.clone()).or_default().extend(english);
            }
        }
    }
    assert!(said > pages.len(), "the pages are in Chinese: {said} of them");
    assert!(left.is_empty(), "{left:#?}");
}
