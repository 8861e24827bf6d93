//! Pages of people: sessions, tokens, and rights that do not go together.

use super::fake::{Fake, moment};
use super::{get, has, post};
use crate::accounts::types::{Duty, Grant, OpenSession, Role, Token, TokenScope, User};
use crate::session::types::Me;

fn secadmin() -> Option<Me> {
    Some(Me { id: 2, login: "sec".to_owned(), display_name: "Sam".to_owned(), duties: vec![Duty::Secadmin], grants: Vec::new() })
}

fn auditor() -> Option<Me> {
    Some(Me { duties: vec![Duty::Auditor], ..secadmin().unwrap() })
}

fn sessions() -> Vec<OpenSession> {
    let session = |id, browser: Option<&str>, here| OpenSession {
        id,
        since: moment("2026-11-23T09:30:00Z"),
        seen: moment("2026-11-23T11:58:00Z"),
        ip: Some("198.51.100.7".to_owned()),
        browser: browser.map(str::to_owned),
        system: Some("Linux".to_owned()),
        here,
    };
    vec![session(11, Some("Firefox"), true), session(12, None, false)]
}

fn token() -> Token {
    Token {
        id: 31,
        name: "ci".to_owned(),
        owner: "dev".to_owned(),
        scope: TokenScope::Write,
        networks: vec!["10.0.0.0/8".to_owned()],
        projects: Some(vec!["prod/shop".to_owned()]),
        expires: moment("2027-11-23T09:30:00Z"),
        last_used: Some(moment("2026-11-23T11:00:00Z")),
        last_ip: Some("10.1.2.3".to_owned()),
        revoked: None,
    }
}

fn user(duties: &[Duty], role: Role) -> User {
    User {
        id: 7,
        login: "dev".to_owned(),
        display_name: "Dana".to_owned(),
        duties: duties.to_vec(),
        grants: vec![Grant { role, harbor: Some("prod".to_owned()), project: Some("shop".to_owned()) }],
        disabled: None,
        last_seen: None,
        created: moment("2026-11-01T09:30:00Z"),
    }
}

#[tokio::test]
async fn ones_own_page_shows_sessions_and_what_tokens_are_bound_to() {
    let fake = Fake { me: secadmin(), sessions: sessions(), tokens: vec![token()], ..Fake::default() };
    let (_, _, page) = get(&fake, "/me", "").await;
    for text in [
        "Firefox on Linux",
        "this session",
        "198.51.100.7",
        "Sign out everywhere else",
        "/fn/sessions/end",
        r#"name="form[session_id]" value="12""#,
        "prod/shop",
        "10.0.0.0/8",
        "10.1.2.3",
        "#31",
        r#"name="form[networks]""#,
        r#"name="form[projects]""#,
    ] {
        has(&page, text);
    }
    assert!(!page.contains(r#"name="form[session_id]" value="11""#), "the session that reads is ended by signing out");
    assert!(!page.contains(r#"name="form[user_id]""#), "one's own need no name");
    let (_, _, page) = get(&fake, "/me", "lang=zh-CN").await;
    has(&page, "Linux 上的 Firefox");
    has(&page, "退出所有其他会话");
}

#[tokio::test]
async fn an_account_shows_what_is_open_and_only_who_may_ends_it() {
    let fake =
        Fake { me: secadmin(), users: vec![user(&[], Role::Requester)], sessions: sessions(), tokens: vec![token()], ..Fake::default() };
    let (_, _, page) = get(&fake, "/admin/users/7", "").await;
    for text in ["Open sessions", "End all sessions", "/fn/tokens/revoke_of", r#"name="form[user_id]" value="7""#] {
        has(&page, text);
    }
    let (_, _, page) = get(&Fake { me: auditor(), ..fake }, "/admin/users/7", "").await;
    has(&page, "198.51.100.7");
    assert!(!page.contains("/fn/sessions/end") && !page.contains("/fn/tokens/revoke_of"), "an auditor looks");
}

#[tokio::test]
async fn what_nobody_should_hold_together_is_shown_where_it_is() {
    let fake = Fake { me: secadmin(), users: vec![user(&[Duty::Operator], Role::Owner)], ..Fake::default() };
    for page in ["/admin/users", "/admin/users/7"] {
        let (_, _, shown) = get(&fake, page, "").await;
        has(&shown, "nobody is both operator and owner of a project");
        let (_, _, shown) = get(&fake, page, "lang=zh-CN").await;
        has(&shown, "同一人不得既是系统管理员又是项目负责人");
    }
    let fake = Fake { users: vec![user(&[], Role::Owner)], ..fake };
    let (_, _, shown) = get(&fake, "/admin/users", "").await;
    assert!(!shown.contains("nobody is both"), "{shown}");
}

#[tokio::test]
async fn a_refused_token_keeps_what_it_was_to_be_bound_to() {
    let fake = Fake { me: secadmin(), ..Fake::default() };
    let form = "form[name]=ci&form[scope]=read&form[days]=90&form[networks]=10.0.0.0%2F40&form[projects]=prod%2Fshop";
    let (_, back, _) = post(&fake, "/fn/tokens/create", "/me", form).await;
    let (_, _, page) = get(&fake, &back, "").await;
    has(&page, "10.0.0.0/40");
    has(&page, "prod/shop");
}
