//! Moments on a page: the exact time first, how long ago as a second label.
//!
//! The browser's clock is never read for what is shown: "now" is the server's time that came with the page, moved on by a timer
//! once the page is alive. So server and browser write the same text, and a wrong clock cannot lie.

use leptos::prelude::*;

use crate::text::{Lang, lang};
use crate::units::{Moment, duration};

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

/// A moment: `2026-11-23 09:30:05 UTC`, and how long ago.
///
/// `brief` shows only how long ago, with the exact time as its title: for sentences and narrow tables.
#[component]
pub fn When(at: Moment, #[prop(optional)] brief: bool) -> impl IntoView {
    let now = use_now();
    let lang = lang();
    let ago = move || now.get().map(|now| relative(at, now, lang)).unwrap_or_else(|| at.minute());
    if brief {
        view! { <time datetime=at.url() title=at.long()>{ago}</time> }.into_any()
    } else {
        view! {
            <span class="when">
                <time datetime=at.url()>{at.long()}</time>
                " "
                <span class="ago">{ago}</span>
            </span>
        }
        .into_any()
    }
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
