//! States of plans and runs in words and shapes.

use leptos::prelude::*;

use super::types::{DayState, Paused, Plan};
use crate::text::{lang, t};
use crate::ui::clock::span_words;
use crate::ui::status::StatusShape;
use crate::ui::{Status, Tone, When, long, minute, use_now};
use crate::units::Moment;

/// How a plan stands now, against its target.
#[must_use]
pub fn plan_now(plan: &Plan) -> AnyView {
    if let Some(paused) = &plan.paused {
        let text = format!("{} {}", t("paused by", "已暂停，操作人"), paused.by);
        return view! { <Status tone=Tone::Held text=text/> }.into_any();
    }
    if let Some(job) = plan.running_job {
        return view! { <a href=format!("/jobs/{job}")><Status tone=Tone::Run text=t("running now", "正在运行")/></a> }.into_any();
    }
    let Some(good) = plan.last_good else {
        let failed = plan.days.last() == Some(&DayState::Failed);
        let gaps = plan.days.contains(&DayState::Gaps);
        let (tone, text) = if failed {
            (Tone::Fail, t("no good run yet", "尚无成功运行"))
        } else if gaps {
            (Tone::Warn, t("newest: with gaps", "最近一次有缺口"))
        } else {
            (Tone::Idle, t("first run to come", "等待首次运行"))
        };
        return view! { <Status tone=tone text=text/> }.into_any();
    };
    let rpo_s = plan.rpo_s;
    let age = use_now().map_or(0, |now| good.seconds_until(now));
    let (tone, words, turns) = match age {
        a if a > rpo_s => (Tone::Fail, t("{} old, past the target", "{}前，已超出目标"), None),
        a if a * 4 > rpo_s * 3 => (Tone::Warn, t("{} old, target at risk", "{}前，目标有风险"), Some(rpo_s)),
        _ => (Tone::Ok, t("{} old", "{}前"), Some(rpo_s * 3 / 4)),
    };
    let text = words.replace("{}", &span_words(age.max(0), lang()));
    // The script `times` moves the words on, and has the region drawn anew when the state turns.
    let turns = turns.map(|s| Moment(good.0 + time::Duration::seconds(s + 1)).url());
    view! {
        <span class=format!("s {}", tone.class()) title=long(good)>
            <StatusShape tone=tone/>
            <span data-ago=good.url() data-words=words data-turns=turns>{text}</span>
        </span>
    }
    .into_any()
}

/// State of a run.
#[must_use]
pub fn run_status(state: &str) -> (Tone, String) {
    let (tone, word) = match state {
        "queued" => (Tone::Idle, t("queued", "排队中")),
        "running" => (Tone::Run, t("running", "进行中")),
        "good" => (Tone::Ok, t("good", "成功")),
        "gaps" => (Tone::Warn, t("with gaps", "有缺口")),
        "failed" => (Tone::Fail, t("failed", "失败")),
        "cancelled" => (Tone::Idle, t("cancelled", "已取消")),
        other => return (Tone::Idle, other.to_owned()),
    };
    (tone, word.to_owned())
}

/// What started a run.
#[must_use]
pub fn trigger_words(trigger: &str) -> String {
    match trigger {
        "schedule" => t("schedule", "定时").to_owned(),
        "user" => t("a person", "人工").to_owned(),
        "api" => t("a program", "程序").to_owned(),
        other => other.to_owned(),
    }
}

/// The latest word on a pause: who, until when, why.
#[component]
pub fn PauseNote(paused: Paused) -> impl IntoView {
    view! {
        <p>
            <b>{paused.by}</b>" "{t("paused it", "已将其暂停")}" "<When at=paused.since brief=true/>
            {paused.until.map(|until| view! { ", "{t("until", "至")}" "{minute(until)} })}
            ": "{paused.reason}
        </p>
    }
    .into_any()
}
