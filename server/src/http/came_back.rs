//! What came of a form that was posted, kept until its page shows it (see [`app::ui::came_back`]); and no answer leads to
//! another site.
//!
//! The same for a form whose session had ended: its text is kept over the sign-in, for the account that had the session and nobody else.
//!
//! The address carries a code, the browser a cookie; only who has both is shown what is kept. So nobody makes an address that shows a text or fills a form
//! in somebody else's browser.

use app::error::{ApiError, ErrorKind};
use app::ports::Left;
use app::ports::kept::keep_posted;
use app::ui::CameBack;
use app::ui::came_back::{CODE, Shown};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use leptos::server_fn::error::ServerFnUrlError;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use url::{Position, Url};

use super::rules::OPEN_FUNCTIONS;
use super::{BODY_BYTES_MAX, Web};
use crate::access::Caller;
use crate::{crypto, session};

/// Longest what came of a form is kept, minutes.
const KEPT_MIN: i32 = 15;
/// Most of them kept at a time, of all browsers together.
const ROWS_MAX: i64 = 10_000;
/// Longest code or cookie looked at, bytes.
const TOKEN_BYTES_MAX: usize = 100;
/// Name of the cookie.
const COOKIE: &str = "came";

/// Hands pages what is kept for them, keeps what calls leave, and keeps every redirect here.
pub async fn layer(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let here = Here::of(&web, request.headers());
    let account_id = request.extensions().get::<Caller>().map(|caller| caller.account_id);
    if *request.method() == Method::GET
        && let (Some(code), Some(browser)) = (code(request.uri()), &here.browser)
        && let Some(came) = load(&web.state.pool, &code, browser, account_id).await
    {
        request.extensions_mut().insert(Shown { code, came });
    }
    let referer = here.referer(request.headers());
    let page = here.page(referer.as_deref());
    let left = Left::default();
    request.extensions_mut().insert(left.clone());
    let posted = *request.method() == Method::POST;
    let mut response = next.run(request).await;
    if posted && response.status() == StatusCode::FOUND {
        // The framework's word leaves open whether what was posted is posted there again.
        *response.status_mut() = StatusCode::SEE_OTHER;
    }
    let led = response.headers().get(header::LOCATION).map(|to| to.to_str().ok().and_then(|to| here.local(to)).unwrap_or_else(root));
    let Some(came) = left.take().or_else(|| unreadable(led.as_deref()?)) else {
        if let Some(to) = led {
            // Back to the page itself, but without what an earlier try came to.
            set(&mut response, if Some(&to) == referer.as_ref() { &page } else { &to });
        }
        return response;
    };
    let browser = here.browser.clone().unwrap_or_else(crypto::random_token);
    let code = crypto::random_token();
    let address = if keep(&web.state.pool, &code, &browser, None, &came).await { with_code(&page, &code) } else { page };
    if led.is_some() {
        set(&mut response, &address);
    }
    here.remember(&mut response, &browser);
    response
}

/// Sends whoever posted a form after their session ended to the sign-in, and keeps what may be kept of the form for the same account.
pub async fn signed_out(State(web): State<Web>, request: Request, next: Next) -> Response {
    let call = request.uri().path().to_owned();
    let wants_page = request.headers().get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"));
    let is_form = *request.method() == Method::POST && wants_page && call.starts_with("/fn/") && !OPEN_FUNCTIONS.contains(&call.as_str());
    if !is_form || request.extensions().get::<Caller>().is_some() {
        return next.run(request).await;
    }
    let here = Here::of(&web, request.headers());
    let page = here.page(here.referer(request.headers()).as_deref());
    let account = session::account_that_had(&web.state.pool, request.headers(), here.secure).await;
    let (_, body) = request.into_parts();
    let (Ok(body), Some(account_id)) = (axum::body::to_bytes(body, BODY_BYTES_MAX).await, account) else {
        return Redirect::to(&sign_in(&page)).into_response();
    };
    let kept = keep_posted(&call, url::form_urlencoded::parse(&body).into_owned());
    if kept.is_empty() {
        return Redirect::to(&sign_in(&page)).into_response();
    }
    let text = app::accounts::refusals::Refusal::SessionEnded;
    let error = ApiError::new(ErrorKind::SignedOut, "session_ended", text);
    let came = CameBack { call, error: Some(error), kept, ..CameBack::default() };
    let browser = here.browser.clone().unwrap_or_else(crypto::random_token);
    let code = crypto::random_token();
    let page = if keep(&web.state.pool, &code, &browser, Some(account_id), &came).await { with_code(&page, &code) } else { page };
    let mut response = Redirect::to(&sign_in(&page)).into_response();
    here.remember(&mut response, &browser);
    response
}

fn sign_in(page: &str) -> String {
    let next: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
    format!("/signin?next={next}")
}

/// A form the framework could not read never reached its call; the framework puts its refusal into the address.
fn unreadable(to: &str) -> Option<CameBack> {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(to.split_once('?')?.1.as_bytes()).into_owned().collect();
    let of = |name: &str| pairs.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let error = ServerFnUrlError::<ApiError>::decode_err(&of("__err")?);
    Some(CameBack { call: of("__path")?, error: Some(error), ..CameBack::default() })
}

fn root() -> String {
    "/".to_owned()
}

fn set(response: &mut Response, to: &str) {
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, to);
}

fn with_code(page: &str, code: &str) -> String {
    format!("{page}{}{CODE}={code}", if page.contains('?') { '&' } else { '?' })
}

/// The code in an address.
fn code(uri: &Uri) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(uri.query()?.as_bytes());
    pairs.find(|(key, _)| key == CODE).map(|(_, code)| code.into_owned()).filter(|code| code.len() <= TOKEN_BYTES_MAX)
}

/// Whom an answer goes to, and what "here" is for them.
struct Here {
    public: Url,
    /// As the browser names this place.
    host: String,
    browser: Option<String>,
    secure: bool,
}

impl Here {
    fn of(web: &Web, headers: &HeaderMap) -> Self {
        let public = web.state.public_url.clone();
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
        let browser = crate::session::cookie_of(headers, COOKIE).filter(|value| value.len() <= TOKEN_BYTES_MAX).map(str::to_owned);
        Self { secure: public.scheme() == "https", public, host, browser }
    }

    /// `address` without scheme and host, if these are ours.
    fn local(&self, address: &str) -> Option<String> {
        let plain = |c: char| !c.is_control() && c != '\\';
        if !address.chars().all(plain) {
            return None;
        }
        if address.starts_with('/') {
            return (!address.starts_with("//")).then(|| address.to_owned());
        }
        let url = Url::parse(address).ok()?;
        let ours = url.origin() == self.public.origin() || (!self.secure && url.scheme() == "http" && url.authority() == self.host);
        let path = &url[Position::BeforePath..];
        (ours && !path.starts_with("//")).then(|| path.to_owned())
    }

    /// Gives the browser the cookie that opens what is kept for it.
    fn remember(&self, response: &mut Response, browser: &str) {
        let secure = if self.secure { "; Secure" } else { "" };
        let cookie = format!("{COOKIE}={browser}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", KEPT_MIN * 60);
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }

    /// The page a request came from, if it is one of ours.
    fn referer(&self, headers: &HeaderMap) -> Option<String> {
        headers.get(header::REFERER).and_then(|from| from.to_str().ok()).and_then(|from| self.local(from))
    }

    /// The page a form was on, without the code of an earlier try.
    fn page(&self, referer: Option<&str>) -> String {
        let Some(mut page) = referer.and_then(|path| self.public.join(path).ok()) else { return root() };
        let keeps = |key: &str| key != CODE && !key.starts_with("__");
        let pairs: Vec<(String, String)> = page.query_pairs().into_owned().filter(|(key, _)| keeps(key)).collect();
        page.set_query(None);
        page.set_fragment(None);
        if !pairs.is_empty() {
            page.query_pairs_mut().extend_pairs(pairs);
        }
        page[Position::BeforePath..].to_owned()
    }
}

/// What a row is found by: neither code nor cookie can be read from the table.
fn row_key(code: &str, browser: &str) -> [u8; 32] {
    Sha256::digest(format!("{code}:{browser}").as_bytes()).into()
}

/// Keeps it; whether that could be done.
async fn keep(pool: &PgPool, code: &str, browser: &str, account_id: Option<i64>, came: &CameBack) -> bool {
    let Ok(content) = serde_json::to_vec(came) else { return false };
    let kept = sqlx::query(
        "with over as (delete from came_back where made_at < now() - make_interval(mins => $4))
         insert into came_back (came_back_key, content, account_id) select $1, $2, $5 where (select count(*) from came_back) < $3",
    )
    .bind(row_key(code, browser))
    .bind(content)
    .bind(ROWS_MAX)
    .bind(KEPT_MIN)
    .bind(account_id)
    .execute(pool)
    .await;
    match kept {
        Ok(kept) => kept.rows_affected() == 1,
        Err(error) => {
            tracing::warn!(error = %error, "what came of a form cannot be kept");
            false
        }
    }
}

async fn load(pool: &PgPool, code: &str, browser: &str, account_id: Option<i64>) -> Option<CameBack> {
    let found: sqlx::Result<Option<Vec<u8>>> = sqlx::query_scalar(
        "select content from came_back
          where came_back_key = $1 and made_at > now() - make_interval(mins => $2) and (account_id is null or account_id = $3)",
    )
    .bind(row_key(code, browser))
    .bind(KEPT_MIN)
    .bind(account_id)
    .fetch_optional(pool)
    .await;
    match found {
        Ok(found) => serde_json::from_slice(&found?).ok(),
        Err(error) => {
            tracing::warn!(error = %error, "what came of a form cannot be shown");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(public: &str, host: &str) -> Here {
        let public: Url = public.parse().unwrap();
        Here { secure: public.scheme() == "https", public, host: host.to_owned(), browser: None }
    }

    #[test]
    fn no_address_of_another_site_is_led_to() {
        let here = here("https://backup.example", "backup.example");
        for (address, local) in [
            ("/plans?a=b", Some("/plans?a=b")),
            ("https://backup.example/plans#x", Some("/plans#x")),
            ("https://backup.example:443/", Some("/")),
            ("https://evil.example/plans", None),
            ("http://backup.example/plans", None),
            ("https://backup.example.evil.example/", None),
            ("https://backup.example@evil.example/", None),
            ("https://backup.example//evil.example", None),
            ("//evil.example/", None),
            ("/\\evil.example/", None),
            ("\\\\evil.example", None),
            ("javascript:alert(1)", None),
            ("evil.example", None),
            ("/a\nb", None),
            ("", None),
        ] {
            assert_eq!(here.local(address).as_deref(), local, "{address:?}");
        }
        let plain = self::here("http://127.0.0.1:8300", "localhost:8300");
        assert_eq!(plain.local("http://localhost:8300/me").as_deref(), Some("/me"), "as the browser names it");
        assert_eq!(plain.local("http://localhost:8301/me"), None);
    }

    #[test]
    fn the_page_of_a_form_keeps_its_own_query_and_nothing_of_an_earlier_try() {
        let here = here("https://backup.example", "backup.example");
        let page = |from: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::REFERER, HeaderValue::from_str(from).unwrap());
            here.page(here.referer(&headers).as_deref())
        };
        assert_eq!(page("https://backup.example/harbors/new?tab=x&came=1&__err=e#here"), "/harbors/new?tab=x");
        assert_eq!(page("https://backup.example/signin"), "/signin");
        assert_eq!(page("https://evil.example/signin"), "/");
        assert_eq!(here.page(None), "/");
        assert_eq!(with_code("/a?b=c", "1"), "/a?b=c&came=1");
        assert_eq!(with_code("/a", "1"), "/a?came=1");
    }
}
