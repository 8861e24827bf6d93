//! All projects, and how each stands.

use leptos::prelude::*;

use super::calls::list_projects;
use super::gap_words::{gap_count, project_word};
use super::project_href;
use super::types::{Project, ProjectFilter, Protection};
use crate::accounts::types::Duty;
use crate::jobs::list_page::choice;
use crate::text::{lang, t};
use crate::ui::clock::span_words;
use crate::ui::*;
use crate::units::{Page, bytes, count};

/// The list with its filters.
#[component]
pub fn ProjectsPage() -> impl IntoView {
    let [harbor, state, q, after] = ["harbor", "state", "q", "after"].map(use_query);
    let filter = ProjectFilter { harbor, state, q, after };
    view! { <Load data=list_projects(filter.clone()) topics=&[Topic::Snapshots] view=move |page| list(page, filter)/> }
}

fn list(page: Page<Project>, filter: ProjectFilter) -> AnyView {
    let total = page.total.unwrap_or_default();
    let open =
        page.items.iter().filter(|p| matches!(p.protection, Protection::Missed | Protection::Gaps | Protection::Unprotected)).count();
    let filtered = filter.harbor.is_some() || filter.state.is_some() || filter.q.is_some();
    let title = match (total, open) {
        (0, _) if filtered => t("No project matches.", "没有匹配的项目。").to_owned(),
        (0, _) => t("No project yet.", "暂无项目。").to_owned(),
        (1, 0) => t("One project, within its target.", "共 1 个项目，在目标之内。").to_owned(),
        (1, _) => t("One project, and it needs a look.", "共 1 个项目，需要关注。").to_owned(),
        (n, 0) => lang()
            .pick(format!("{} projects, none of them beyond its target.", count(n)), format!("共 {} 个项目，均在目标之内。", count(n))),
        (n, 1) => lang().pick(format!("{} projects; one needs a look.", count(n)), format!("共 {} 个项目，其中 1 个需要关注。", count(n))),
        (n, o) => lang().pick(format!("{} projects; {o} need a look.", count(n)), format!("共 {} 个项目，其中 {o} 个需要关注。", count(n))),
    };
    let pairs = [("harbor", &filter.harbor), ("state", &filter.state), ("q", &filter.q)];
    let query: Vec<String> = pairs.iter().filter_map(|(k, v)| v.as_ref().map(|v| format!("{k}={}", url_part(v)))).collect();
    let base = if query.is_empty() { "/projects".to_owned() } else { format!("/projects?{}", query.join("&")) };
    let paged = filter.after.is_some();
    let empty = page.items.is_empty();
    let of_harbor = filter.harbor.clone().map(|name| {
        let rest: Vec<String> = pairs[1..].iter().filter_map(|(k, v)| v.as_ref().map(|v| format!("{k}={}", url_part(v)))).collect();
        let without = if rest.is_empty() { "/projects".to_owned() } else { format!("/projects?{}", rest.join("&")) };
        view! { <FilterChip text=name without=without/> }
    });
    let rows = page.items.into_iter().map(row).collect_view();
    view! {
        <PageHead title=title here=t("Projects", "项目")/>
        {(!empty || filtered).then(|| view! {<GetForm action="/projects" keep=vec![("harbor", filter.harbor.clone())]>
            {of_harbor}
            <label class="filter"><span>{t("Name", "名称")}</span><input type="search" name="q" value=filter.q.unwrap_or_default() spellcheck="false"/></label>
            {choice("state", t("State", "状态"), filter.state, &[
                ("met", t("within target", "达标")), ("at_risk", t("at risk", "有风险")), ("missed", t("target missed", "未达标")),
                ("gaps", t("newest: with gaps", "最新快照有缺口")), ("pending", t("first backup to come", "等待首次备份")), ("unprotected", t("not protected", "未保护")), ("gone", t("gone from Harbor", "已从 Harbor 删除")),
            ])}
            <SubmitButton text=t("Show", "筛选")/>
        </GetForm>})}
        {if empty && filtered {
            view! { <Empty kind=EmptyKind::NoMatch title=t("No project matches these filters.", "没有符合筛选条件的项目。")><LinkButton href="/projects" text=t("All projects", "全部项目")/></Empty> }.into_any()
        } else if empty && has_duty(Duty::Operator) {
            view! {
                <Empty kind=EmptyKind::NothingYet title=t("No Harbor was listed yet.", "尚未清点任何 Harbor。")
                    text=t("The projects of a Harbor appear here as soon as it is registered.", "登记 Harbor 后，其项目会立即显示在此。")>
                    <LinkButton href="/harbors/new" text=t("Register a Harbor", "登记 Harbor") kind=ButtonKind::Primary/>
                </Empty>
            }
            .into_any()
        } else if empty {
            view! { <Empty kind=EmptyKind::NotVisible title=t("No project is visible to you.", "没有您可查看的项目。") text=t("A security administrator gives roles on projects; an operator registers harbors.", "安全管理员授予项目角色，系统管理员登记 Harbor。")/> }.into_any()
        } else {
            view! {
                <section class="panel">
                    <DataTable caption=t("Projects", "项目") cols=vec![
                        Col::text(t("Project", "项目")), Col::text(t("State", "状态")), Col::text(t("Last good backup", "最近成功备份")), Col::text(t("Plans", "备份计划")),
                        Col::number(t("Target", "目标")), Col::number(t("Tags", "Tag")), Col::number(t("Size", "大小")), Col::number(t("Snapshots", "快照")),
                    ]>{rows}</DataTable>
                </section>
                <Pager base=base next=page.next paged=paged/>
            }
            .into_any()
        }}
    }
    .into_any()
}

fn row(p: Project) -> impl IntoView {
    let (tone, word) = project_word(&p);
    let accepted =
        gap_count(p.last_good_accepted, p.last_good_accepted, lang()).map(|words| view! { <span class="note block">{words}</span> });
    let never = never_words(&p);
    view! {
        <tr>
            <Cell><a href=project_href(&p.harbor, &p.project)><span class="dim">{p.harbor.clone()}" / "</span>{p.project.clone()}</a></Cell>
            <Cell label=t("State", "状态")><Status tone=tone text=word/></Cell>
            <Cell label=t("Last good backup", "最近成功备份")>{p.last_good.map_or_else(|| never.into_any(), |at| view! { <When at=at brief=true/>{accepted} }.into_any())}</Cell>
            <Cell label=t("Plans", "备份计划")>{if p.plans.is_empty() { "–".to_owned() } else { p.plans.join(", ") }}</Cell>
            <Cell label=t("Target", "目标") number=true>{p.rpo_s.map_or_else(|| "–".to_owned(), |s| span_words(s, lang()))}</Cell>
            <Cell label=t("Tags", "Tag") number=true>{count(p.tags)}</Cell>
            <Cell label=t("Size", "大小") number=true>{bytes(p.bytes)}</Cell>
            <Cell label=t("Snapshots", "快照") number=true>{count(p.snapshots)}</Cell>
        </tr>
    }
}

/// What there is instead of a good backup.
fn never_words(p: &Project) -> String {
    match p.newest {
        Some(newest) => {
            let gaps = gap_count(newest.gaps, newest.gaps_accepted, lang()).unwrap_or_default();
            lang().pick(format!("none yet; newest: {gaps}"), format!("暂无；最新快照{gaps}"))
        }
        None => t("never", "从未").to_owned(),
    }
}
