//! What a vault takes, how it grows, and when it will be full.

use leptos::prelude::*;

use super::types::{Capacity, CapacityDay};
use crate::projects::project_href;
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::{bytes, count};

/// Width of a day's bar and the space after it, in units of the drawing.
const STEP: i64 = 12;
/// Height of the drawing.
const HEIGHT: i64 = 64;
/// A vault that is full sooner than this many days is worth a warning.
pub const SOON_DAYS: i64 = 30;

fn sentence(room: &Capacity) -> String {
    match (lang(), room.per_day, room.days_left) {
        (Lang::En, None, _) => "How it grows can be said after some days of backups.".to_owned(),
        (Lang::ZhCn, None, _) => "备份数日后方可估计增长。".to_owned(),
        (Lang::En, Some(n), _) if n <= 0 => "It did not grow in the last 30 days.".to_owned(),
        (Lang::ZhCn, Some(n), _) if n <= 0 => "最近 30 天没有增长。".to_owned(),
        (Lang::En, Some(n), Some(days)) => format!("It grows by {} a day and is full in about {} days.", bytes(n), count(days)),
        (Lang::ZhCn, Some(n), Some(days)) => format!("每天增长 {}，约 {} 天后写满。", bytes(n), count(days)),
        (Lang::En, Some(n), None) => format!("It grows by {} a day; it will not be full in years.", bytes(n)),
        (Lang::ZhCn, Some(n), None) => format!("每天增长 {}，多年内不会写满。", bytes(n)),
    }
}

/// The panel.
pub fn capacity_panel(room: Capacity, reserve_bytes: i64) -> AnyView {
    let text = sentence(&room);
    let soon = room.days_left.is_some_and(|days| days < SOON_DAYS);
    let line = if soon { view! { <Callout tone=Tone::Warn>{text}</Callout> }.into_any() } else { view! { <p>{text}</p> }.into_any() };
    let reserve = (reserve_bytes > 0).then(|| {
        lang().pick(
            format!("Below {} of free space backups wait; restores go on.", bytes(reserve_bytes)),
            format!("剩余空间低于 {} 时备份等待，恢复照常。", bytes(reserve_bytes)),
        )
    });
    let firsts: i64 = room.days.iter().map(|day| day.first).sum();
    let firsts = (firsts > 0).then(|| {
        lang().pick(
            format!("First backups of projects, {} in these days, are left out.", bytes(firsts)),
            format!("不含项目的首次备份（期间共 {}）。", bytes(firsts)),
        )
    });
    let chart = chart(&room.days);
    let projects = projects(room);
    view! {
        <Panel title=t("Capacity", "容量") note=t("the last 30 days", "最近 30 天") padded=true>
            {line}
            {chart}
            <p class="note">{reserve}" "{firsts}</p>
        </Panel>
        {projects}
    }
    .into_any()
}

/// Bytes added by day.
fn chart(days: &[CapacityDay]) -> Option<AnyView> {
    let top = days.iter().map(|day| day.added).max().filter(|top| *top > 0)?;
    let width = i64::try_from(days.len()).unwrap_or(i64::MAX) * STEP;
    let label = lang().pick(format!("Bytes added by day, at most {}", bytes(top)), format!("每日新增字节，最多 {}", bytes(top)));
    let bars = days
        .iter()
        .zip(0_i64..)
        .map(|(day, i)| {
            let height = (i128::from(day.added) * i128::from(HEIGHT) / i128::from(top)).max(1);
            let tip = format!("{}: +{}, −{}", minute(day.day), bytes(day.added), bytes(day.freed));
            let class = if day.added > 0 { "bar" } else { "bar none" };
            view! {
                <rect class=class x=i * STEP y=i128::from(HEIGHT) - height width=STEP - 3 height=height.to_string()><title>{tip}</title></rect>
            }
        })
        .collect_view();
    Some(
        view! { <svg class="growth" viewBox=format!("0 0 {width} {HEIGHT}") role="img" aria-label=label preserveAspectRatio="none">{bars}</svg> }
            .into_any(),
    )
}

fn projects(room: Capacity) -> Option<AnyView> {
    if room.projects.is_empty() {
        return None;
    }
    let cols = vec![
        Col::text(t("Project", "项目")),
        Col::text(t("Plan", "计划")),
        Col::number(t("Protected", "受保护")),
        Col::number(t("Added in 30 days", "30 天新增")),
        Col::number(t("Snapshots", "快照")),
    ];
    let rows = room
        .projects
        .into_iter()
        .map(|p| {
            let href = project_href(&p.harbor, &p.project);
            view! {
                <tr>
                    <Cell><a href=href>{format!("{}/{}", p.harbor, p.project)}</a></Cell>
                    <Cell label=t("Plan", "计划")>{p.plan.unwrap_or_else(|| t("none", "无").to_owned())}</Cell>
                    <Cell label=t("Protected", "受保护") number=true>{bytes(p.logical_bytes)}</Cell>
                    <Cell label=t("Added in 30 days", "30 天新增") number=true>{bytes(p.bytes_new)}</Cell>
                    <Cell label=t("Snapshots", "快照") number=true>{count(p.snapshots)}</Cell>
                </tr>
            }
        })
        .collect_view();
    let more = (room.more > 0).then(|| {
        let text = lang().pick(format!("and {} more projects", count(room.more)), format!("另有 {} 个项目", count(room.more)));
        view! { <p class="note">{text}</p> }
    });
    Some(
        view! {
            <Panel title=t("Projects in it", "其中的项目") note=t("those that added most first", "新增最多者在前")>
                <DataTable caption=t("Projects", "项目") cols=cols>{rows}</DataTable>
                {more}
            </Panel>
        }
        .into_any(),
    )
}
