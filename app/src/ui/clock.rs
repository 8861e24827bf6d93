//! Moments on a page: the exact time in the reader's zone first, how long ago as a second label; UTC is the title of both.
//!
//! "Now" is the server's time that comes with the page. The script `times` moves the labels on from there while the page is open, so a
//! wrong clock of the browser cannot lie.

use std::sync::Arc;

use leptos::prelude::*;

use super::page_state::use_shell;
use crate::session::display::ZoneOfPage;
use crate::text::{Lang, lang};
use crate::units::{Moment, duration};

/// The zone of this page.
#[must_use]
pub fn page_zone() -> Arc<ZoneOfPage> {
    use_context::<Arc<ZoneOfPage>>().unwrap_or_default()
}

/// `2026-11-23 17:30:05 UTC+8`, by the reader's clocks.
#[must_use]
pub fn long(at: Moment) -> String {
    page_zone().zone.long(at)
}

/// `2026-11-23 17:30 UTC+8`, by the reader's clocks.
#[must_use]
pub fn minute(at: Moment) -> String {
    page_zone().zone.minute(at)
}

/// `2026-11-23 17:30`, by the reader's clocks; say the zone beside it.
#[must_use]
pub fn bare(at: Moment) -> String {
    page_zone().zone.bare(at)
}

/// The time of the server, where the shell of the page is known.
#[must_use]
pub fn use_now() -> Option<Moment> {
    use_shell().map(|shell| shell.now)
}

/// `6 min`, `3 h`, `12 d` in the reader's language.
#[must_use]
pub fn span_words(seconds: i64, lang: Lang) -> String {
    let text = duration(seconds);
    let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
    let zh = match unit {
        "s" => "秒",
        "min" => "分钟",
        "h" => "小时",
        _ => "天",
    };
    match lang {
        Lang::En => text,
        Lang::ZhCn => format!("{number} {zh}"),
    }
}

/// "6 min ago", "in 3 h".
#[must_use]
pub fn relative(moment: Moment, now: Moment, lang: Lang) -> String {
    let ago = moment.seconds_until(now);
    match (ago, lang) {
        (-5..=5, Lang::En) => "just now".to_owned(),
        (-5..=5, Lang::ZhCn) => "刚刚".to_owned(),
        (s, Lang::En) if s > 0 => format!("{} ago", duration(s)),
        (s, Lang::En) => format!("in {}", duration(-s)),
        (s, Lang::ZhCn) if s > 0 => format!("{}前", span_words(s, lang)),
        (s, Lang::ZhCn) => format!("{}后", span_words(-s, lang)),
    }
}

/// A moment: `2026-11-23 17:30:05 UTC+8`, and how long ago.
///
/// `brief` shows only how long ago, with the exact time as its title: for sentences and narrow tables.
#[component]
pub fn When(at: Moment, #[prop(optional)] brief: bool) -> impl IntoView {
    let exact = long(at);
    let ago = use_now().map_or_else(|| minute(at), |now| relative(at, now, lang()));
    if brief {
        let title = if exact == at.long() { exact } else { format!("{exact} · {}", at.long()) };
        view! { <time datetime=at.url() title=title data-ago="">{ago}</time> }.into_any()
    } else {
        view! { <span class="when"><Exact at=at/>" "<span class="ago" data-ago=at.url()>{ago}</span></span> }.into_any()
    }
}

/// A moment by the reader's clocks; its title is the same in UTC.
#[component]
pub fn Exact(at: Moment) -> impl IntoView {
    view! { <time datetime=at.url() title=at.long()>{long(at)}</time> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_and_the_future_read_differently() {
        let now = Moment::parse("2026-11-23T12:00:00Z").unwrap();
        let before = Moment::parse("2026-11-23T11:54:00Z").unwrap();
        assert_eq!(relative(before, now, Lang::En), "6 min ago");
        assert_eq!(relative(now, before, Lang::En), "in 6 min");
        assert_eq!(relative(now, before, Lang::ZhCn), "6 分钟后");
        assert_eq!(relative(now, now, Lang::En), "just now");
    }
}
