//! Images from files on the page of what no plan has, and saying until when they are kept.

use leptos::prelude::*;

use super::calls::{KeepImported, list_imports};
use super::imported::Import;
use crate::accounts::types::Duty;
use crate::projects::project_href;
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::count;

fn words(import: &Import) -> String {
    match (&import.owner, import.until) {
        (None, _) => t("kept, since nobody said until when", "保留：尚无人说明期限").to_owned(),
        (Some(owner), None) => {
            lang().pick(format!("kept until somebody says so; {owner} answers for that"), format!("一直保留，由 {owner} 负责"))
        }
        (Some(owner), Some(until)) => lang()
            .pick(format!("kept until {}; {owner} answers for that", minute(until)), format!("保留至 {}，由 {owner} 负责", minute(until))),
    }
}

/// Imports in a table.
#[must_use]
pub fn imports_panel(imports: Vec<Import>) -> AnyView {
    let operator = has_duty(Duty::Operator);
    let rows = imports
        .into_iter()
        .map(|import| {
            let tone = if import.owner.is_none() { Tone::Warn } else { Tone::Ok };
            let text = words(&import);
            let decide = format!("/plans/imports/{}", import.snapshot_id);
            let by = import
                .decided_by
                .clone()
                .zip(import.decided)
                .map(|(by, at)| view! { <span class="note block">{by}" "<When at=at brief=true/></span> });
            view! {
                <tr>
                    <Cell><a href=format!("{}/browse?at={}", project_href(&import.harbor, &import.project), url_part(&import.moment.url()))>{format!("{}/{}", import.harbor, import.project)}</a><span class="note block">{t("taken in", "导入于")}" "<When at=import.moment brief=true/></span></Cell>
                    <Cell label=t("Tags", "Tag") number=true>{count(import.tags)}</Cell>
                    <Cell label=t("Vault", "保管库")><a href=format!("/vaults/{}", import.vault_id)>{import.vault}</a></Cell>
                    <Cell label=t("Until when", "期限")><Status tone=tone text=text/>{by}</Cell>
                    <Cell>{operator.then(|| view! { <LinkButton href=decide text=t("Decide…", "决定…") kind=ButtonKind::Small/> })}</Cell>
                </tr>
            }
        })
        .collect_view();
    let cols = vec![
        Col::text(t("Project", "项目")),
        Col::number(t("Tags", "Tag")),
        Col::text(t("Vault", "保管库")),
        Col::text(t("Until when", "期限")),
        Col::actions(),
    ];
    let title = t("Images from files", "来自文件的镜像");
    let reason = (!operator).then(|| view! { <MayNot text=of_duty(Duty::Operator)/> });
    view! { <Panel title=title><DataTable caption=title cols=cols>{rows}</DataTable>{reason}</Panel> }.into_any()
}

/// The page that decides on one.
#[component]
pub fn ImportPage() -> impl IntoView {
    let id = use_id("id");
    let data = async move {
        let found = list_imports().await?.into_iter().find(|import| import.snapshot_id == id);
        crate::ports::answer(found.ok_or_else(|| crate::error::ApiError::not_found(crate::refusals::Thing::Snapshot)))
    };
    view! { <Load data=data topics=&[Topic::Snapshots] view=decide/> }
}

fn decide(import: Import) -> AnyView {
    let tags = count(import.tags);
    let title = lang().pick(
        format!("{tags} tags of {} from files: {}.", import.project, words(&import)),
        format!("{} 的 {tags} 个 Tag 来自文件：{}。", import.project, words(&import)),
    );
    let crumbs = vec![
        (t("Plans", "备份计划").to_owned(), "/plans".to_owned()),
        (t("What no plan has", "无计划的快照").to_owned(), "/plans/left".to_owned()),
    ];
    let owner = import.owner.clone().or_else(|| viewer().map(|me| me.login)).unwrap_or_default();
    let here = format!("{}/{}", import.harbor, import.project);
    view! {
        <PageHead title=title crumbs=crumbs here=here/>
        <IfDuty duty=Duty::Operator>
            <PostForm call=KeepImported::PATH id="keep">
                <Hidden name="snapshot_id" value=import.snapshot_id.to_string()/>
                <Field name="owner" label=t("Owner: login of who answers for keeping them", "所有者：负责保留的账号登录名") value=owner/>
                <Field name="until" kind="date" optional=true label=t("Until (end of that day, UTC)", "截至（当日结束，UTC）") hint=t("Without a day they stay. After it they go with the next sweep of the vault, unless a hold or an open request needs them.", "不填则一直保留；到期后随保管库的下一次清理移除，除非仍被锁定或申请占用。")/>
                <p class="hint">{t("Nothing goes for a day after this.", "此后一天内不会清理。")}</p>
                <SubmitButton text=t("Note it", "记录") kind=ButtonKind::Primary/>
            </PostForm>
        </IfDuty>
    }
    .into_any()
}
