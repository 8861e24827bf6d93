//! The reader's time zone: from a cookie, by the IANA database, before a page is made.
//!
//! Two cookies: `zone` is what the reader chose, `browser_zone` what their browser says; the first wins. A page gets the changes of
//! its zone's clocks for the years it can show, so that it needs no database.

use app::error::ApiError;
use app::ports::Cx;
use app::session::display::ZoneOfPage;
use app::units::Moment;
use app::zone::Zone;
use axum::extract::Request;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::ops::cookie_of;
use crate::error::Error;

/// Years of clock changes a page knows before now: as long as records are kept.
const YEARS_BACK: i64 = 10;
/// And after now: schedules look this far.
const YEARS_AHEAD: i64 = 3;
const YEAR_S: i64 = 31_556_952;
const CHOSEN: &str = "zone";
const OF_BROWSER: &str = "browser_zone";

/// The zone of this name; none if the database has none.
#[must_use]
pub fn find(name: &str) -> Option<Zone> {
    let zone = TimeZone::get(name).ok()?;
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let from = Timestamp::from_second(now - YEARS_BACK * YEAR_S).ok()?;
    let to = Timestamp::from_second(now + YEARS_AHEAD * YEAR_S).ok()?;
    let changes = zone.following(from).take_while(|change| change.timestamp() < to);
    Some(Zone {
        name: zone.iana_name()?.to_owned(),
        first: zone.to_offset(from).seconds(),
        changes: changes.map(|change| (change.timestamp().as_second(), change.offset().seconds())).collect(),
    })
}

fn of_request(headers: &HeaderMap) -> Option<ZoneOfPage> {
    let of = |name, chosen| cookie_of(headers, name).and_then(find).map(|zone| ZoneOfPage { zone, chosen });
    of(CHOSEN, true).or_else(|| of(OF_BROWSER, false))
}

/// Tells the pages their zone. A moment that a form gave by local clocks becomes the one address it has for everybody.
pub async fn add(mut request: Request, next: Next) -> Response {
    if *request.method() == Method::GET
        && let Some(address) = canonical(request.uri())
    {
        return Redirect::to(&address).into_response();
    }
    if let Some(zone) = of_request(request.headers()) {
        request.extensions_mut().insert(zone);
    }
    next.run(request).await
}

/// The address with `at` in UTC, if it has one in the clocks of `zone`.
fn canonical(uri: &http::Uri) -> Option<String> {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(uri.query()?.as_bytes()).into_owned().collect();
    let zone = pairs.iter().find(|(key, _)| key == CHOSEN).map(|(_, name)| find(name).unwrap_or_default())?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in pairs.iter().filter(|(key, _)| key != CHOSEN) {
        let moment = (key == "at").then(|| zone.of_field(value)).flatten();
        query.append_pair(key, &moment.map_or_else(|| value.clone(), Moment::url));
    }
    Some(format!("{}?{}", uri.path(), query.finish()))
}

/// Keeps a zone for the pages to come; an empty name forgets it.
pub fn keep(cx: &Cx, name: &str, chosen: bool) -> Result<(), Error> {
    let cookie = if chosen { CHOSEN } else { OF_BROWSER };
    let found =
        (!name.is_empty()).then(|| find(name).ok_or_else(|| ApiError::field("name", app::accounts::refusals::Refusal::ZoneUnknown)));
    let zone = found.transpose()?;
    super::ops::set_cookie(cx, cookie, zone.as_ref().map(|zone| zone.name.as_str()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::*;

    #[test]
    fn a_zone_is_found_with_the_changes_of_its_clocks() {
        let shanghai = find("asia/shanghai").unwrap();
        assert_eq!((shanghai.name.as_str(), shanghai.first, shanghai.changes.len()), ("Asia/Shanghai", 28_800, 0));
        let berlin = find("Europe/Berlin").unwrap();
        assert!((24..=27).contains(&berlin.changes.len()), "{}", berlin.name);
        assert_eq!(find("UTC"), Some(Zone::default()));
        assert_eq!(find("Mars/Olympus"), None);
    }

    #[test]
    fn what_the_reader_chose_wins_over_what_the_browser_says() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("browser_zone=Asia/Tokyo; lang=en"));
        assert_eq!(of_request(&headers).map(|z| (z.zone.name, z.chosen)), Some(("Asia/Tokyo".to_owned(), false)));
        headers.insert(header::COOKIE, HeaderValue::from_static("browser_zone=Asia/Tokyo; zone=Europe/Berlin"));
        assert_eq!(of_request(&headers).map(|z| (z.zone.name, z.chosen)), Some(("Europe/Berlin".to_owned(), true)));
        headers.insert(header::COOKIE, HeaderValue::from_static("zone=<script>"));
        assert_eq!(of_request(&headers), None);
    }

    #[test]
    fn a_local_moment_in_an_address_becomes_utc() {
        let address = |text: &str| canonical(&text.parse().unwrap());
        assert_eq!(
            address("/projects/a/b?zoom=day&at=2026-11-24T09:30:05&zone=Asia%2FShanghai").as_deref(),
            Some("/projects/a/b?zoom=day&at=2026-11-24T01%3A30%3A05.999999Z")
        );
        assert_eq!(address("/projects/a/b?at=x&zone=UTC").as_deref(), Some("/projects/a/b?at=x"));
        assert_eq!(address("/projects/a/b?at=2026-11-24T01:30:05Z"), None);
    }
}
