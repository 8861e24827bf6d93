//! The posture in one sentence, worst first.

use crate::home::types::Home;
use crate::text::Lang;
use crate::units::count;

/// A target in words: `24 hours`, `1 hour`, `7 days`.
#[must_use]
pub fn target_words(seconds: i64, lang: Lang) -> String {
    let (number, en, zh) = match seconds {
        s if s >= 172_800 && s % 86_400 == 0 => (s / 86_400, "day", "天"),
        s if s >= 3_600 => (s / 3_600, "hour", "小时"),
        s => (s / 60, "minute", "分钟"),
    };
    match lang {
        Lang::En => format!("{number} {en}{}", if number == 1 { "" } else { "s" }),
        Lang::ZhCn => format!("{number} {zh}"),
    }
}

fn projects(number: i64) -> String {
    format!("{} project{}", count(number), if number == 1 { "" } else { "s" })
}

/// The sentence of the home page.
#[must_use]
pub fn posture(home: &Home, lang: Lang) -> String {
    match (lang, home.vaults_out) {
        (Lang::En, 0) => posture_en(home),
        (Lang::ZhCn, 0) => posture_zh(home),
        (Lang::En, 1) => "A vault cannot be read: what it holds cannot be restored until it is back.".to_owned(),
        (Lang::En, n) => format!("{n} vaults cannot be read: what they hold cannot be restored until they are back."),
        (Lang::ZhCn, n) => format!("{n} 个保管库无法读取：恢复访问前，其中的内容无法恢复。"),
    }
}

fn posture_en(home: &Home) -> String {
    let within = home.rpo_s.map(|s| format!(" to within {}", target_words(s, Lang::En))).unwrap_or_default();
    if home.protected == 0 {
        return match home.unprotected {
            0 => "Nothing is protected yet.".to_owned(),
            n => format!("No project is protected yet: {} {} no backup plan.", projects(n), if n == 1 { "has" } else { "have" }),
        };
    }
    let good = home.met + home.at_risk;
    let mut text = if good == home.protected {
        format!("All {} protected projects can be restored{within}.", count(home.protected))
            .replace("All 1 protected projects", "The one protected project")
    } else {
        format!("{} of {} can be restored{within}.", count(good), projects(home.protected))
    };
    if home.missed > 0 {
        text.push_str(&format!(" {} {} past the target.", count(home.missed), if home.missed == 1 { "is" } else { "are" }));
    }
    if home.gaps > 0 {
        let (be, their) = if home.gaps == 1 { ("is", "its") } else { ("are", "their") };
        text.push_str(&format!(" {} {be} captured with gaps that nobody accepted in {their} newest snapshot.", count(home.gaps)));
    }
    if home.pending > 0 {
        text.push_str(&format!(" {} {} for a first backup.", count(home.pending), if home.pending == 1 { "waits" } else { "wait" }));
    }
    if home.unprotected > 0 {
        text.push_str(&format!(" {} {} no backup plan.", projects(home.unprotected), if home.unprotected == 1 { "has" } else { "have" }));
    }
    text
}

fn posture_zh(home: &Home) -> String {
    let within = home.rpo_s.map(|s| format!("到 {}以内的时间点", target_words(s, Lang::ZhCn))).unwrap_or_default();
    if home.protected == 0 {
        return match home.unprotected {
            0 => "尚无受保护的内容。".to_owned(),
            n => format!("尚无受保护的项目：{} 个项目未纳入任何备份计划。", count(n)),
        };
    }
    let good = home.met + home.at_risk;
    let mut text = if good == home.protected {
        format!("全部 {} 个受保护项目均可恢复{within}。", count(home.protected)).replace("全部 1 个受保护项目均", "唯一受保护的项目")
    } else {
        format!("{} 个受保护项目中有 {} 个可恢复{within}。", count(home.protected), count(good))
    };
    for (number, words) in [
        (home.missed, "个已超出目标。"),
        (home.gaps, "个最新快照有未接受的缺口。"),
        (home.pending, "个等待首次备份。"),
        (home.unprotected, "个项目未纳入任何备份计划。"),
    ] {
        if number > 0 {
            text.push_str(&format!("{} {words}", count(number)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(protected: i64, met: i64, missed: i64, pending: i64, unprotected: i64) -> Home {
        Home {
            protected,
            met,
            at_risk: 0,
            missed,
            gaps: 0,
            pending,
            unprotected,
            rpo_s: Some(86_400),
            last_good: None,
            next_run: None,
            oldest: None,
            plans: Vec::new(),
            concerns: Vec::new(),
            restores: Vec::new(),
            waiting: Vec::new(),
            vaults_out: 0,
            vaults: Vec::new(),
            running: Vec::new(),
            setup: Vec::new(),
        }
    }

    #[test]
    fn the_sentence_names_what_is_not_well() {
        let check = |home: Home, wanted: &str| assert_eq!(posture(&home, Lang::En), wanted);
        check(
            Home { vaults_out: 1, ..home(37, 37, 0, 0, 0) },
            "A vault cannot be read: what it holds cannot be restored until it is back.",
        );
        check(home(37, 37, 0, 0, 0), "All 37 protected projects can be restored to within 24 hours.");
        check(home(1, 1, 0, 0, 2), "The one protected project can be restored to within 24 hours. 2 projects have no backup plan.");
        check(
            home(39, 36, 2, 1, 1),
            "36 of 39 projects can be restored to within 24 hours. 2 are past the target. 1 waits for a first backup. 1 project has no backup plan.",
        );
        check(
            Home { gaps: 1, ..home(2, 1, 0, 0, 0) },
            "1 of 2 projects can be restored to within 24 hours. 1 is captured with gaps that nobody accepted in its newest snapshot.",
        );
        check(home(0, 0, 0, 0, 3), "No project is protected yet: 3 projects have no backup plan.");
        assert_eq!(
            posture(&home(2, 2, 0, 0, 1), Lang::ZhCn),
            "全部 2 个受保护项目均可恢复到 24 小时以内的时间点。1 个项目未纳入任何备份计划。"
        );
    }
}
