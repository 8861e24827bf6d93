//! What a project was set to at a moment, and what changed last: members, labels, robots, rules, webhooks, and the Harbor's own.

use leptos::prelude::*;

use super::calls::get_settings;
use super::types::{SettingLine, SettingsAt, SettingsPart, SettingsQuery};
use super::{project_href, settings_href};
use crate::text::{Lang, lang, t};
use crate::ui::*;
use crate::units::{Moment, count};

/// The page.
#[component]
pub fn SettingsPage() -> impl IntoView {
    let moment = |name| use_query(name).as_deref().and_then(Moment::parse);
    let query = SettingsQuery { harbor: use_param("harbor"), project: use_param("project"), at: moment("at"), against: moment("against") };
    view! { <Load data=get_settings(query.clone()) view=move |settings| page(settings, query)/> }
}

fn sentence(s: &SettingsAt, project: &str) -> String {
    let at = long(s.at);
    match (lang(), s.captured) {
        (Lang::En, true) => format!("How {project} was set up at {at}"),
        (Lang::ZhCn, true) => format!("{project} 在 {at} 的设置"),
        (Lang::En, false) => format!("The snapshot of {project} at {at} has no settings."),
        (Lang::ZhCn, false) => format!("{project} 在 {at} 的快照不含设置。"),
    }
}

fn what_changed(s: &SettingsAt) -> String {
    let n = count(s.changes);
    let settings = if s.changes == 1 { "setting is" } else { "settings are" };
    match (lang(), s.before, s.since) {
        (Lang::En, None, _) => "No earlier snapshot has other settings, as far back as was looked.".to_owned(),
        (Lang::ZhCn, None, _) => "在已查看的范围内，没有设置不同的更早快照。".to_owned(),
        (Lang::En, Some(before), Some(since)) => {
            format!("As they are since {}. Against {} before that, {n} {settings} different.", long(since), long(before))
        }
        (Lang::ZhCn, Some(before), Some(since)) => {
            format!("自 {} 起保持不变。与此前的 {} 相比，有 {n} 项不同。", long(since), long(before))
        }
        (Lang::En, Some(before), None) => format!("Against {}, {n} {settings} different.", long(before)),
        (Lang::ZhCn, Some(before), None) => format!("与 {} 相比，有 {n} 项不同。", long(before)),
    }
}

fn page(s: SettingsAt, query: SettingsQuery) -> AnyView {
    let SettingsQuery { harbor, project, .. } = query;
    let base = project_href(&harbor, &project);
    let crumbs = vec![
        (t("Projects", "项目").to_owned(), "/projects".to_owned()),
        (format!("{harbor}/{project}"), format!("{base}?at={}", url_part(&s.at.url()))),
    ];
    let title = sentence(&s, &project);
    let changed = what_changed(&s);
    let age = t(
        "Members, labels and rules give no sign when they change: they are as the last listing of everything before this moment found them. The plan says how often that is.",
        "成员、标签和规则变更时没有任何提示：此处为该时间点之前最近一次完整列出时的状态，频率见备份计划。",
    );
    let compare = choose(&s, settings_href(&harbor, &project, None));
    let different: Vec<AnyView> = s.parts.iter().filter_map(differences).collect();
    let (own, harbors): (Vec<_>, Vec<_>) = s.parts.into_iter().partition(|part| !part.of_harbor);
    let all = |parts: Vec<SettingsPart>| {
        let is_empty = |part: &SettingsPart| part.unreadable.is_none() && part.lines.iter().all(|line| line.is.is_none());
        let (empty, full): (Vec<_>, Vec<_>) = parts.into_iter().partition(is_empty);
        let words = empty.iter().map(|part| part_word(&part.name)).collect::<Vec<_>>().join(t(", ", "、"));
        let none = (!empty.is_empty()).then(|| view! { <p class="note">{t("Without: ", "未设置：")}{words}</p> });
        view! { {full.into_iter().map(part).collect_view()} {none} }
    };
    let (own, no_harbors, harbors) = (all(own), harbors.is_empty(), all(harbors));
    view! {
        <PageHead title=title crumbs=crumbs here=t("Settings", "设置")><SubItem>{changed}</SubItem></PageHead>
        <div class="stack">
            <section class="panel"><div class="panel-body">{compare}<p class="note">{age}</p></div></section>
            {(!different.is_empty()).then(|| view! {
                <Panel title=t("Different", "差异")>{different}</Panel>
            })}
            {own}
            {(!no_harbors).then(|| view! { <h2>{t("The Harbor itself", "Harbor 自身设置")}</h2> })}
            {harbors}
        </div>
    }
    .into_any()
}

/// Two moments, in the form of an address.
fn choose(s: &SettingsAt, href: String) -> AnyView {
    let (at, before) = (s.at.url(), s.before.map(|m| m.url()).unwrap_or_default());
    let label = |en, zh| t(en, zh);
    view! {
        <form method="get" action=href class="filters">
            <label class="filter"><span>{label("At", "时间点")}</span><input class="mono" type="text" name="at" value=at/></label>
            <label class="filter"><span>{label("Against", "对比")}</span><input class="mono" type="text" name="against" value=before/></label>
            <button type="submit" class="btn">{label("Compare", "对比")}</button>
        </form>
    }
    .into_any()
}

/// A part's name in words.
fn part_word(name: &str) -> &str {
    match name {
        "project" => t("Project", "项目"),
        "labels" => t("Labels", "标签"),
        "members" => t("Members and groups", "成员与组"),
        "robots" => t("Robots", "机器人账户"),
        "immutable_rules" => t("Immutability", "不可变规则"),
        "retention" => t("Tag retention", "Tag 保留策略"),
        "webhooks" => t("Webhooks", "Webhook"),
        "preheat" => t("Preheating", "预热"),
        "scanner" | "scanners" => t("Scanners", "扫描器"),
        "quota" => t("Quota", "配额"),
        "configuration" => t("Configuration", "系统配置"),
        "registries" => t("Registries", "仓库管理"),
        "replication" | "replications" => t("Replication", "复制规则"),
        "preheat_instances" => t("Preheat instances", "预热实例"),
        "gc_schedule" => t("Schedule of garbage collection", "垃圾回收计划"),
        "audit_purge_schedule" => t("Schedule of the audit purge", "审计清理计划"),
        "scan_all_schedule" => t("Schedule of scans", "扫描计划"),
        "cve_allowlist" => t("Allow-list of CVEs", "CVE 允许列表"),
        "user_groups" => t("Groups", "用户组"),
        "users" => t("Users", "用户"),
        other => other,
    }
}

fn value(text: Option<String>) -> AnyView {
    match text {
        Some(text) => view! { <code class="mono">{text}</code> }.into_any(),
        None => view! { <span class="note">"–"</span> }.into_any(),
    }
}

/// The lines of a part that are not as they were.
fn differences(part: &SettingsPart) -> Option<AnyView> {
    let lines: Vec<SettingLine> = part.lines.iter().filter(|line| line.was != line.is).cloned().collect();
    if lines.is_empty() {
        return None;
    }
    let heading = part_word(&part.name).to_owned();
    let cols =
        vec![Col::text(heading.clone()), Col::text(t("Change", "变更")), Col::text(t("Before", "之前")), Col::text(t("Then", "之后"))];
    let rows = lines
        .into_iter()
        .map(|line| {
            let (tone, word) = match (&line.was, &line.is) {
                (None, _) => (Tone::Ok, t("added", "新增")),
                (_, None) => (Tone::Fail, t("removed", "移除")),
                _ => (Tone::Warn, t("changed", "修改")),
            };
            view! {
                <tr>
                    <Cell>{line.name}</Cell>
                    <Cell label=t("Change", "变更")><Status tone=tone text=word/></Cell>
                    <Cell label=t("Before", "之前")>{value(line.was)}</Cell>
                    <Cell label=t("Then", "之后")>{value(line.is)}</Cell>
                </tr>
            }
        })
        .collect_view();
    Some(view! { <DataTable caption=heading cols=cols>{rows}</DataTable> }.into_any())
}

fn part(part: SettingsPart) -> AnyView {
    let title = part_word(&part.name).to_owned();
    if let Some(right) = part.unreadable {
        let text = lang().pick(
            format!("The backup login may not read this; it needs the right {right}."),
            format!("备份账户无权读取此项，需要权限 {right}。"),
        );
        return view! { <Panel title=title padded=true><p class="note">{text}</p></Panel> }.into_any();
    }
    let lines: Vec<SettingLine> = part.lines.into_iter().filter(|line| line.is.is_some()).collect();
    let cols = vec![Col::text(t("Setting", "设置项")), Col::text(t("Value", "值"))];
    let rows = lines
        .into_iter()
        .map(|line| view! { <tr><Cell>{line.name}</Cell><Cell label=t("Value", "值")>{value(line.is)}</Cell></tr> })
        .collect_view();
    let more = (part.more > 0)
        .then(|| lang().pick(format!("and {} more", count(part.more)), format!("另有 {} 项", count(part.more))))
        .map(|text| view! { <p class="note">{text}</p> });
    view! { <Panel title=title.clone()><DataTable caption=title cols=cols>{rows}</DataTable>{more}</Panel> }.into_any()
}
