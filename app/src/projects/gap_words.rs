//! Gaps in words, and the note that any page shows where a gap is.

use leptos::prelude::*;

use super::gaps::Gap;
use super::types::{Newest, Project, Protection, Snapshot};
use super::{gaps_href, protection_word};
use crate::sentence::Sentence as _;
use crate::text::{Lang, lang, t};
use crate::ui::*;

/// `with 1 gap`, `with 1 accepted gap`, `with 3 gaps, 1 of them accepted`; none where there are none.
#[must_use]
pub fn gap_count(gaps: i64, accepted: i64, lang: Lang) -> Option<String> {
    let plural = |n: i64| if n == 1 { "" } else { "s" };
    Some(match (lang, gaps, accepted) {
        (_, 0, _) => return None,
        (Lang::En, n, 0) => format!("with {n} gap{}", plural(n)),
        (Lang::En, n, a) if a >= n => format!("with {n} accepted gap{}", plural(n)),
        (Lang::En, n, a) => format!("with {n} gap{}, {a} of them accepted", plural(n)),
        (Lang::ZhCn, n, 0) => format!("有 {n} 处缺口"),
        (Lang::ZhCn, n, a) if a >= n => format!("有 {n} 处已接受的缺口"),
        (Lang::ZhCn, n, a) => format!("有 {n} 处缺口，其中 {a} 处已接受"),
    })
}

/// Whether a snapshot is complete, as it stands now.
#[must_use]
pub fn snapshot_word(s: &Snapshot) -> (Tone, String) {
    if s.degraded {
        return (Tone::Fail, t("damaged in part", "部分损坏").to_owned());
    }
    match gap_count(s.gaps, s.gaps_accepted, lang()) {
        Some(words) => (if s.good { Tone::Ok } else { Tone::Warn }, words),
        None => (Tone::Ok, t("complete", "完整").to_owned()),
    }
}

/// How a project stands. Where gaps are what is wrong, it says how many.
#[must_use]
pub fn project_word(p: &Project) -> (Tone, String) {
    let (tone, word) = protection_word(p.protection);
    let newest = p.newest.filter(|_| p.protection == Protection::Gaps).and_then(newest_word);
    (tone, newest.unwrap_or_else(|| word.to_owned()))
}

fn newest_word(newest: Newest) -> Option<String> {
    let words = gap_count(newest.gaps, newest.gaps_accepted, lang())?;
    Some(lang().pick(format!("newest: {words}"), format!("最新快照{words}")))
}

/// A gap where it is: what is lacking, why, and what helps.
#[must_use]
pub fn gap_note(gap: &Gap) -> AnyView {
    let (tone, word) = match (&gap.accepted, gap.only_named) {
        (_, true) => (Tone::Ok, t("kept elsewhere", "保存在他处")),
        (Some(_), _) => (Tone::Ok, t("accepted gap", "已接受的缺口")),
        (None, _) => (Tone::Warn, t("gap", "缺口")),
    };
    let cause = gap.cause.say(lang());
    let (means, helps) = (gap.consequence.as_ref().map(|means| means.say(lang())), gap.remedy.as_ref().map(|helps| helps.say(lang())));
    let more: Vec<String> = means.into_iter().chain(helps).collect();
    view! { <span class="note block" title=more.join(" · ")><Status tone=tone text=word/>" "{cause}</span> }.into_any()
}

/// The same with its consequence and remedy in full, for pages about one thing.
#[must_use]
pub fn gap_callout(gap: &Gap, harbor: &str, project: &str) -> AnyView {
    let tone = if gap.accepted.is_some() || gap.only_named { Tone::Ok } else { Tone::Warn };
    let accepted = gap.accepted.clone().map(|a| {
        let words = lang().pick(format!("Accepted by {} until", a.by), format!("由 {} 接受，至", a.by));
        view! { <p>{words}" "{minute(a.until)}": "{a.reason}</p> }
    });
    let helps = gap
        .remedy
        .as_ref()
        .map(|helps| helps.say(lang()))
        .map(|text| view! { <p class="note">{t("What helps: ", "处理方法：")}{text}</p> });
    let consequence = gap.consequence.as_ref().map(|means| means.say(lang())).map(|text| view! { <p>{text}</p> });
    let (subject, cause, all) = (gap.subject.clone(), gap.cause.say(lang()), gaps_href(harbor, project));
    view! {
        <Callout tone=tone>
            <p>{t("The newest snapshot has a gap here: ", "最新快照在此处有缺口：")}<code class="mono">{subject}</code>" – "{cause}</p>
            {consequence}
            {helps}
            {accepted}
            <p><a href=all>{t("All gaps of the project", "该项目的全部缺口")}</a></p>
        </Callout>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_counted_and_an_accepted_one_said_to_be_so() {
        for (gaps, accepted, en, zh) in [
            (1, 0, "with 1 gap", "有 1 处缺口"),
            (1, 1, "with 1 accepted gap", "有 1 处已接受的缺口"),
            (3, 1, "with 3 gaps, 1 of them accepted", "有 3 处缺口，其中 1 处已接受"),
            (2, 2, "with 2 accepted gaps", "有 2 处已接受的缺口"),
        ] {
            assert_eq!(gap_count(gaps, accepted, Lang::En).as_deref(), Some(en));
            assert_eq!(gap_count(gaps, accepted, Lang::ZhCn).as_deref(), Some(zh));
        }
        assert_eq!(gap_count(0, 0, Lang::En), None);
    }
}
