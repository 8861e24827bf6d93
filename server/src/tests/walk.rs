//! Every page as each kind of person: what a form or a button on it asks for is not refused to whoever is shown it, and where it is
//! shown to others there is the reason in its place.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use sqlx::PgPool;

use super::fleet::{Fleet, PEOPLE};

impl Fleet {
    /// A number of something there is.
    pub async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.estate.pool).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    /// Pages about what there is, by the address of each.
    pub async fn pages(&self) -> Vec<String> {
        let requests: Vec<i64> = sqlx::query_scalar("select max(request_id) from request where state <> 'draft' group by state order by 1")
            .fetch_all(&self.estate.pool)
            .await
            .unwrap();
        let jobs: Vec<i64> =
            sqlx::query_scalar("select max(job_id) from job group by state order by 1").fetch_all(&self.estate.pool).await.unwrap();
        let paused = self.number("select min(plan_id) from plan where paused_at is not null").await;
        let vault = self.number("select min(vault_id) from vault").await;
        let bucket = self.number("select min(vault_id) from vault_bucket").await;
        let left = self.number("select min(plan_id) from plan where deleted_at is not null").await;
        let plan = self.estate.plan_id;
        let user = self.number("select account_id from account where login = 'dev'").await;
        let digest = harbor_sim::images::simple("shop-web", &[100]).manifest.digest;
        let project = "/projects/sim/shop";
        let mut pages: Vec<String> = [
            "/",
            "/projects",
            "/search?q=web",
            "/restores",
            "/approvals",
            "/approvals?tab=team",
            "/approvals?tab=done",
            "/jobs",
            "/audit",
            "/audit/1",
            "/harbors",
            "/harbors/new",
            "/harbors/sim",
            "/harbors/sim?tab=settings",
            "/harbors/sim?tab=check",
            "/harbors/sim/remove",
            "/vaults",
            "/vaults/new",
            "/plans",
            "/plans/new",
            "/plans/left",
            "/admin/users",
            "/admin/users/new",
            "/me",
            "/restore/new?h=sim&p=shop&at=2030-01-01T00:00:00Z&item=shop/web:1",
        ]
        .map(str::to_owned)
        .to_vec();
        pages.extend(["", "/browse?repo=shop/web", "/changes", "/gaps", "/settings"].map(|part| format!("{project}{part}")));
        for now in ["", "/now"] {
            pages.push(format!("/tags{now}?h=sim&p=shop&repo=shop/web&tag=1"));
        }
        pages.extend(["/now?at=2030-01-01T00:00:00Z", "/now?repo=shop/web"].map(|part| format!("{project}{part}")));
        pages.push("/search/now?q=web".to_owned());
        pages.push(format!("/artifacts?h=sim&p=shop&repo=shop/web&digest={digest}"));
        pages.extend(requests.iter().map(|id| format!("/restores/{id}")));
        pages.extend(jobs.iter().map(|id| format!("/jobs/{id}")));
        let import = self.number("select min(snapshot_id) from snapshot_ever where imported").await;
        pages.extend([format!("/plans/{paused}"), format!("/plans/left/{left}"), format!("/plans/imports/{import}")]);
        pages.extend([vault, bucket].map(|vault| format!("/vaults/{vault}")));
        pages.extend(["", "/edit", "/delete"].map(|part| format!("/plans/{plan}{part}")));
        pages.push(format!("/admin/users/{user}"));
        pages
    }
}

impl Fleet {
    /// Every call that reads, about what there is; what a call needs in its question is not given to all of them.
    pub async fn readings(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (_, route, _) in crate::http::rest::lines().filter(|(method, ..)| *method == "GET") {
            let id = match route.split('/').nth(3).unwrap_or_default() {
                "restores" => self.number("select max(request_id) from request where state = 'waiting'").await,
                "jobs" => self.number("select max(job_id) from job").await,
                "vaults" => self.number("select min(vault_id) from vault").await,
                "plans" => self.estate.plan_id,
                "snapshots" => self.number("select min(snapshot_id) from snapshot").await,
                _ => self.number("select min(account_id) from account").await,
            };
            let named = route.replace("{harbor}", "sim").replace("{project}", "shop").replace("{name}", "sim").replace("{seq}", "1");
            let path = named.split('/').map(|part| if part.starts_with('{') { id.to_string() } else { part.to_owned() });
            let path = path.collect::<Vec<_>>().join("/");
            found.push(format!("{path}?q=web&repo=shop/web&repository=shop/web&tag=1&reference=shop/web:1"));
            found.push(path);
        }
        found
    }
}

/// A form as it would be sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Form {
    action: String,
    fields: Vec<(String, String)>,
}

fn unescaped(text: &str) -> String {
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// An element's tag: name, attributes, and where the text after it begins.
pub type Element<'a> = (&'a str, Vec<(String, String)>, usize);

/// The tags of a page or a part of one.
pub fn tags(html: &str) -> Vec<Element<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = html[from..].find('<').map(|at| from + at) {
        let rest = &html[at + 1..];
        let name = &rest[..rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '/' || c == '!')).unwrap_or(rest.len())];
        let (mut attributes, mut i) = (Vec::new(), name.len());
        loop {
            i += rest[i..].len() - rest[i..].trim_start().len();
            let part = &rest[i..];
            if part.is_empty() || part.starts_with('>') || part.starts_with("/>") {
                break;
            }
            let key = &part[..part.find(|c: char| c == '=' || c == '>' || c.is_whitespace()).unwrap_or(part.len())];
            i += key.len().max(1);
            let mut value = "";
            if let Some(quoted) = rest[i..].strip_prefix("=\"") {
                value = &quoted[..quoted.find('"').unwrap_or(quoted.len())];
                i += value.len() + 3;
            }
            attributes.push((key.to_owned(), unescaped(value)));
        }
        let end = (at + 1 + i).min(html.len());
        let end = html[end..].find('>').map_or(html.len(), |more| end + more + 1);
        found.push((name, attributes, end));
        from = end.max(at + 1);
    }
    found
}

/// The value of an attribute.
pub fn of<'a>(attributes: &'a [(String, String)], name: &str) -> Option<&'a str> {
    attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// What is written into fields that want words.
const WORDS: &str = "because it has to be looked at";

/// The forms of a page that change something, each button that sends it elsewhere as a form of its own.
fn forms(html: &str) -> Vec<Form> {
    let mut forms = Vec::new();
    for part in html.split("<form").skip(1) {
        let part = format!("<form{}", &part[..part.find("</form>").unwrap_or(part.len())]);
        let tags = tags(&part);
        let head = &tags[0].1;
        if !of(head, "method").is_some_and(|method| method.eq_ignore_ascii_case("post")) {
            continue;
        }
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut actions = vec![(of(head, "action").unwrap_or_default().to_owned(), None)];
        let (mut select, mut button) = (None::<String>, None);
        for (name, attributes, end) in &tags[1..] {
            let (field, value) = (of(attributes, "name").unwrap_or_default().to_owned(), of(attributes, "value").unwrap_or_default());
            match *name {
                "input" if field.is_empty() || of(attributes, "form").is_some() => {}
                "input" => match of(attributes, "type").unwrap_or("text") {
                    "checkbox" | "radio" if of(attributes, "checked").is_none() => {}
                    "text" if value.is_empty() && field.contains("reason") => fields.push((field, WORDS.to_owned())),
                    _ => fields.push((field, value.to_owned())),
                },
                "textarea" if field.contains("reason") || field.contains("comment") => fields.push((field, WORDS.to_owned())),
                "textarea" => {
                    let text = &part[*end..];
                    fields.push((field, unescaped(&text[..text.find("</textarea>").unwrap_or(0)])));
                }
                "select" => select = Some(field),
                "option" => {
                    let Some(name) = &select else { continue };
                    let there = fields.iter().position(|(field, _)| field == name);
                    match (there, of(attributes, "selected").is_some()) {
                        (None, _) => fields.push((name.clone(), value.to_owned())),
                        (Some(at), true) => fields[at].1 = value.to_owned(),
                        (Some(_), false) => {}
                    }
                }
                "button" if of(attributes, "formaction").is_some_and(|to| to.starts_with("/fn/")) => {
                    actions.push((of(attributes, "formaction").unwrap_or_default().to_owned(), None));
                }
                "button" if !field.is_empty() && button.is_none() => button = Some((field, value.to_owned())),
                _ => {}
            }
        }
        actions[0].1 = button;
        for (action, button) in actions {
            forms.push(Form { action, fields: fields.iter().cloned().chain(button).collect() });
        }
    }
    forms
}

/// Where links that look like buttons lead.
fn buttons(html: &str) -> BTreeSet<String> {
    let is = |(name, attributes, _): &(&str, Vec<(String, String)>, usize)| {
        (*name == "a" && of(attributes, "class").is_some_and(|class| class.split(' ').any(|c| c == "btn")))
            .then(|| of(attributes, "href").unwrap_or_default().to_owned())
    };
    tags(html).iter().filter_map(is).filter(|href| href.starts_with('/')).collect()
}

/// Calls of forms that are on no page of the walk, and why.
const ELSEWHERE: [(&str, &str); 10] = [
    ("/fn/session/in", "the sign-in"),
    ("/fn/session/set_up", "the first account"),
    ("/fn/session/step_up", "in the middle of a refused form"),
    ("/fn/session/zone", "sent by the script of every page"),
    ("/fn/restores/submit", "the second step of the wizard"),
    ("/fn/projects/accept", "a snapshot with gaps"),
    ("/fn/projects/withdraw", "a gap that was accepted"),
    ("/fn/sessions/end", "a session beside the one that looks"),
    ("/fn/tokens/revoke_of", "a token of somebody else"),
    ("/fn/restores/withdraw", "a request of one's own"),
];

/// What ends something others need comes last.
fn ends(form: &Form) -> bool {
    ["delete", "remove", "disable", "password", "roles", "revoke", "cancel", "withdraw", "reset"]
        .iter()
        .any(|word| form.action.contains(word))
}

/// What one person was shown.
struct Seen {
    login: &'static str,
    cookie: String,
    /// Pages that could be opened, with the calls their forms make and whether a reason is shown.
    pages: Vec<(String, BTreeSet<String>, bool)>,
    /// Each form once, though many pages have it; what ends something last.
    forms: BTreeMap<(bool, Form), String>,
    /// Where buttons lead, with a page each is on.
    links: BTreeSet<(String, String)>,
}

async fn walk(fleet: &Fleet, login: &'static str) -> Seen {
    let cookie = fleet.session(login).await;
    let mut seen = Seen { login, cookie, pages: Vec::new(), forms: BTreeMap::new(), links: BTreeSet::new() };
    for page in fleet.pages().await {
        let (status, html) = fleet.page(&seen.cookie, &page).await;
        if status != StatusCode::OK {
            assert!(matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND), "{login} {page}: {status} {html}");
            continue;
        }
        let found = forms(&html);
        seen.links.extend(buttons(&html).into_iter().map(|to| (to, page.clone())));
        seen.pages.push((page.clone(), found.iter().map(|form| form.action.clone()).collect(), html.contains("may-not")));
        for form in found {
            seen.forms.entry((ends(&form), form)).or_insert_with(|| page.clone());
        }
    }
    seen
}

/// What was offered and is refused.
async fn try_all(fleet: &Fleet, seen: &Seen) -> Vec<String> {
    let Seen { login, cookie, .. } = seen;
    let mut wrong = Vec::new();
    for (to, page) in &seen.links {
        let (status, _) = fleet.page(cookie, to).await;
        if status == StatusCode::FORBIDDEN {
            wrong.push(format!("{login}: the button on {page} leads to {to}, which is refused"));
        }
    }
    for ((_, form), page) in &seen.forms {
        if form.action == "/fn/session/out" {
            continue;
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(&form.action)
            .header(header::ACCEPT, "application/json")
            .header(header::COOKIE, cookie)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let (status, answer) = fleet.send(request).await;
        if status == StatusCode::FORBIDDEN || status.is_server_error() && status != StatusCode::BAD_GATEWAY {
            wrong.push(format!("{login}: the form on {page} to {} is answered {status}: {answer}", form.action));
        }
    }
    wrong
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn nobody_is_shown_a_button_that_is_refused(pool: PgPool) {
    let fleet = Fleet::new(pool).await;
    let mut wrong = Vec::new();
    let mut people = Vec::new();
    // Everybody looks before anybody acts: what one ends another would not be shown any more.
    for (login, ..) in PEOPLE {
        people.push(walk(&fleet, login).await);
    }
    for seen in &people {
        wrong.extend(try_all(&fleet, seen).await);
    }
    // Whoever sees a page on which others have a form is told why they have not.
    for Seen { login, pages, .. } in &people {
        for (page, own, reason) in pages {
            let others = people.iter().flat_map(|other| other.pages.iter().filter(|(p, ..)| p == page));
            let missing: BTreeSet<&String> = others.flat_map(|(_, forms, _)| forms.difference(own)).collect();
            if !missing.is_empty() && !reason {
                wrong.push(format!("{login}: {page} has no {missing:?} and says no reason"));
            }
        }
    }
    // Every call that changes something is offered to somebody.
    let offered: BTreeSet<&str> = people.iter().flat_map(|seen| &seen.pages).flat_map(|(_, forms, _)| forms).map(String::as_str).collect();
    for (path, method) in leptos::server_fn::axum::server_fn_paths() {
        if method == Method::POST && !offered.contains(path) && !ELSEWHERE.iter().any(|(elsewhere, _)| *elsewhere == path) {
            wrong.push(format!("{path} is on no page of the walk"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn forms_are_read_as_a_browser_sends_them() {
    let html = r#"<form method="get" action="/x"><input name="q"></form><form method="post" action="/fn/a?b=1&amp;c=2" class="form"><input type="hidden" name="f[id]" value="7&quot;"/>
        <input type="checkbox" name="off" value="true"><input type="checkbox" checked name="on" value="true"><textarea name="f[reason]"></textarea><textarea name="t">a &lt; b</textarea>
        <select name="s"><option value="1">x</option><option value="2" selected>y</option></select><button type="submit" name="go" value="now">Go</button><button formaction="/fn/b">B</button></form>
        <a class="btn small" href="/there?a=1&amp;b=2">x</a><a href="/not">y</a>"#;
    let fields = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
    let plain = [("f[id]", "7\""), ("on", "true"), ("f[reason]", WORDS), ("t", "a < b"), ("s", "2")];
    let found = forms(html);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], Form { action: "/fn/a?b=1&c=2".to_owned(), fields: fields(&[&plain[..], &[("go", "now")]].concat()) });
    assert_eq!(found[1], Form { action: "/fn/b".to_owned(), fields: fields(&plain) });
    assert_eq!(buttons(html).into_iter().collect::<Vec<_>>(), ["/there?a=1&b=2"]);
}
