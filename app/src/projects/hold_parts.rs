//! Holds on the page of a project: setting one, releasing one, and those there are.

use leptos::prelude::*;

use super::calls::{HoldSnapshot, ReleaseHold};
use super::project_href;
use super::types::{HeldMoment, Hold, Snapshot, Timeline};
use crate::text::{lang, t};
use crate::ui::*;

/// Who holds it, why, until when.
fn words(hold: &Hold) -> String {
    let end = match hold.until {
        Some(until) => lang().pick(format!("until {}", minute(until)), format!("至 {}", minute(until))),
        None => t("without an end", "无期限").to_owned(),
    };
    lang().pick(format!("{}, by {}, {end}", hold.reason, hold.by), format!("{}，由 {} 设置，{end}", hold.reason, hold.by))
}

/// Keeps the moment that is looked at, or releases it.
#[component]
pub fn HoldPanel(timeline: Timeline, snapshot: Snapshot) -> impl IntoView {
    let back = project_href(&timeline.project.harbor, &timeline.project.project);
    let back_here = format!("{back}?at={}", url_part(&snapshot.moment.url()));
    let me = viewer().map(|me| me.login).unwrap_or_default();
    let may = timeline.may;
    let own: Vec<Hold> = snapshot.holds.iter().filter(|hold| may.release || (may.hold && hold.by == me)).cloned().collect();
    let others = own.is_empty() && !snapshot.holds.is_empty();
    let standing = snapshot
        .holds
        .iter()
        .map(|hold| view! { <p><Status tone=Tone::Held text=t("held", "已锁定")/>" "{words(hold)}</p> })
        .collect_view();
    let id = snapshot.id.to_string();
    let back_after = back_here.clone();
    view! {
        <Panel title=t("Hold this moment", "锁定该时间点") note=t("keeps it from retention", "不受保留策略清理") padded=true>
            {standing}
            {may.hold.then(move || view! {
                <PostForm call=HoldSnapshot::PATH id="hold">
                    <Hidden name="snapshot_id" value=id/>
                    <Hidden name="back" value=back_here/>
                    <Field name="reason" label=t("Why", "原因")/>
                    <Field name="until" kind="date" optional=true label=t("Until (end of that day, UTC)", "截至（当日结束，UTC）") hint=t("Without a day it stays until somebody releases it.", "不填则一直保留，直到有人解除。")/>
                    <SubmitButton text=t("Hold it", "锁定")/>
                </PostForm>
            })}
            {(!may.hold).then(|| view! { <MayNot text=t("Those who may ask for restores of the project, operators and security administrators hold a moment.", "锁定由可申请恢复的人员、系统管理员或安全管理员执行。")/> })}
            {others.then(|| view! { <MayNot text=t("Who set a hold, an owner of the project or an operator releases it.", "锁定由设置者、项目所有者或系统管理员解除。")/> })}
            {(!own.is_empty()).then(|| release_form(own, back_after))}
        </Panel>
    }
    .into_any()
}

fn release_form(holds: Vec<Hold>, back: String) -> AnyView {
    let options: Vec<(String, String)> = holds.iter().map(|hold| (hold.id.to_string(), words(hold))).collect();
    let first = options.first().map(|(id, _)| id.clone()).unwrap_or_default();
    view! {
        <PostForm call=ReleaseHold::PATH id="release">
            <Hidden name="back" value=back/>
            <Select name="hold_id" label=t("Release which hold", "解除哪个锁定") value=first options=options/>
            <Field name="reason" label=t("Why it is not needed any more", "为何不再需要")/>
            <SubmitButton text=t("Release it", "解除")/>
        </PostForm>
    }
    .into_any()
}

/// All holds of the project.
#[must_use]
pub fn holds_panel(harbor: &str, project: &str, holds: Vec<HeldMoment>) -> Option<AnyView> {
    if holds.is_empty() {
        return None;
    }
    let base = project_href(harbor, project);
    let rows = holds
        .into_iter()
        .map(|held| {
            let href = format!("{base}?at={}", url_part(&held.moment.url()));
            view! { <Row><a href=href><Exact at=held.moment/></a>" "{words(&held.hold)}</Row> }
        })
        .collect_view();
    Some(view! { <Panel title=t("Held moments", "已锁定的时间点")>{rows}</Panel> }.into_any())
}
