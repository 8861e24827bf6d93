//! Moments on a page: the exact time in the reader's zone first, how long ago as a second label; UTC is the title of both.
//!
//! The browser's clock is never read for what is shown: "now" is the server's time that came with the page, moved on by a timer
//! once the page is alive. So server and browser write the same text, and a wrong clock cannot lie.

use leptos::prelude::*;

use crate::session::calls::keep_zone;
use crate::session::display::ZoneOfPage;
use crate::text::{Lang, lang};
use crate::units::{Moment, duration};
use crate::zone::Zone;

/// How often labels move on.
const TICK_S: u64 = 20;

/// The time of the server, as this page knows it; nothing until the shell has come.
#[derive(Clone, Copy)]
pub struct Clock(pub RwSignal<Option<Moment>>);

/// Provides the clock and moves it on while the page is open.
pub fn provide_clock() {
    let now = RwSignal::new(None::<Moment>);
    provide_context(Clock(now));
    Effect::new(move |_| {
        let tick = move || {
            now.update(|n| {
                if let Some(Moment(t)) = n {
                    *t += std::time::Duration::from_secs(TICK_S);
                }
            });
        };
        let _ = set_interval_with_handle(tick, std::time::Duration::from_secs(TICK_S));
    });
}

/// The zone of this page; [`super::Load`] draws its page again when it becomes known later.
#[derive(Clone, Copy)]
struct PageZone(RwSignal<ZoneOfPage>);

/// Provides the zone. A reader who has chosen none gets the browser's, which is kept in a cookie for the pages to come.
pub fn provide_zone(zone: ZoneOfPage) {
    let page = RwSignal::new(zone);
    provide_context(PageZone(page));
    Effect::new(move |_| {
        let other = |name: &String| page.with_untracked(|p| !p.chosen && p.zone.name != *name);
        if let Some(name) = browser_zone().filter(other) {
            leptos::task::spawn_local(async move {
                if let Ok(zone) = keep_zone(name).await {
                    page.set(ZoneOfPage { zone, chosen: false });
                }
            });
        }
    });
}

/// The zone the browser's system is set to.
fn browser_zone() -> Option<String> {
    let format = web_sys::js_sys::Intl::DateTimeFormat::new(&web_sys::js_sys::Array::new(), &web_sys::js_sys::Object::new());
    web_sys::js_sys::Reflect::get(&format.resolved_options(), &"timeZone".into()).ok()?.as_string()
}

/// The zone of this page.
#[must_use]
pub fn page_zone() -> ZoneOfPage {
    use_context::<PageZone>().map_or_else(ZoneOfPage::default, |page| page.0.get_untracked())
}

/// Makes the closure it is called in run again when the browser's zone becomes known.
pub fn track_zone() {
    if let Some(page) = use_context::<PageZone>() {
        page.0.track();
    }
}

/// `2026-11-23 17:30:05 UTC+8`, by the reader's clocks.
#[must_use]
pub fn long(at: Moment) -> String {
    with_zone(|zone| zone.long(at))
}

/// `2026-11-23 17:30 UTC+8`, by the reader's clocks.
#[must_use]
pub fn minute(at: Moment) -> String {
    with_zone(|zone| zone.minute(at))
}

/// `2026-11-23 17:30`, by the reader's clocks; say the zone beside it.
#[must_use]
pub fn bare(at: Moment) -> String {
    with_zone(|zone| zone.bare(at))
}

fn with_zone<T>(read: impl Fn(&Zone) -> T) -> T {
    use_context::<PageZone>().map_or_else(|| read(&Zone::default()), |page| page.0.with_untracked(|p| read(&p.zone)))
}

/// The time of the server. Inside `Load` it is always there.
///
/// The app's own signal, not one derived here: a part that waits for data is made anew while the old one is still shown, and a
/// derived signal would end with its maker.
#[must_use]
pub fn use_now() -> RwSignal<Option<Moment>> {
    use_context::<Clock>().map_or_else(|| RwSignal::new(None), |clock| clock.0)
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
    let now = use_now();
    let lang = lang();
    let exact = long(at);
    let ago = {
        let unknown = minute(at);
        move || now.get().map(|now| relative(at, now, lang)).unwrap_or_else(|| unknown.clone())
    };
    if brief {
        let title = if exact == at.long() { exact } else { format!("{exact} · {}", at.long()) };
        view! { <time datetime=at.url() title=title>{ago}</time> }.into_any()
    } else {
        view! { <span class="when"><Exact at=at/>" "<span class="ago">{ago}</span></span> }.into_any()
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
