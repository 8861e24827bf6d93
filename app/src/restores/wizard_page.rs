//! Asking for a restore: choose, look at the effect, say why, send off. A draft on the server, so nothing is entered twice.

use leptos::prelude::*;

use super::calls::draft_page;
use super::change_table::{ChangePanel, asked_changes};
use super::effect_table::EffectSummary;
use super::lines::{LinesPanel, asked_lines};
use super::moment_words;
use super::types::{Draft, Lines, RestoreForm};
use super::wizard_parts::{Choose, Reason};
use crate::address::Address;
use crate::projects::project_href;
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;

/// The page: with `draft` its preview, else the first step with what the address names.
#[component]
pub fn WizardPage() -> impl IntoView {
    let draft = use_query("draft");
    match draft {
        Some(id) => {
            view! { <Load data=draft_page(id, asked_lines(), asked_changes()) view=|found| preview(found.draft, found.lines)/> }.into_any()
        }
        None => first(from_address()),
    }
}

fn from_address() -> RestoreForm {
    let address = Address::here();
    let get = |name: &str| address.get(name).unwrap_or_default();
    let mut items: Vec<String> = address.all("item").collect();
    items.extend(get("items").lines().map(str::to_owned).filter(|l| !l.is_empty()));
    RestoreForm { harbor: get("h"), project: get("p"), at: get("at"), items: items.join("\n"), ..RestoreForm::default() }
}

fn steps(now: usize) -> AnyView {
    let names = vec![
        t("Choose", "选择").to_owned(),
        t("Look at the effect", "查看影响").to_owned(),
        t("Say why", "说明原因").to_owned(),
        t("Approval", "审批").to_owned(),
        t("Restore and read back", "恢复并回读").to_owned(),
    ];
    view! { <Steps steps=names now=now/> }.into_any()
}

fn first(form: RestoreForm) -> AnyView {
    if form.harbor.is_empty() || form.project.is_empty() {
        return view! {
            <PageHead title=t("Choose what to bring back.", "请选择要找回的内容。") here=t("Restore", "恢复")/>
            {steps(0)}
            <Empty kind=EmptyKind::NothingYet title=t("Nothing is chosen yet.", "尚未选择。") text=t("Search for the tag, or open its project and pick a moment.", "搜索 Tag，或打开项目并选择时间点。")>
                <LinkButton href="/search" text=t("Search", "搜索") kind=ButtonKind::Primary/>
                <LinkButton href="/projects" text=t("Projects", "项目")/>
            </Empty>
        }
        .into_any();
    }
    let lines = form.items.lines().count();
    let title = match lines {
        0 => lang().pick(format!("Restore the whole project {}.", form.project), format!("恢复整个项目 {}。", form.project)),
        1 => lang().pick(format!("Restore {}.", form.items), format!("恢复 {}。", form.items)),
        n => lang().pick(format!("Restore {n} items of {}.", form.project), format!("恢复 {} 的 {n} 项内容。", form.project)),
    };
    let crumbs = vec![(format!("{}/{}", form.harbor, form.project), project_href(&form.harbor, &form.project))];
    let at = moment_words(&form.at);
    let target = if form.target_project.is_empty() { &form.project } else { &form.target_project };
    let choose = if may_ask(&form.harbor, &form.project) && may_ask(&form.harbor, target) {
        view! { <Choose form=form/> }.into_any()
    } else {
        view! { <MayNot text=of_asking()/> }.into_any()
    };
    view! {
        <PageHead title=title crumbs=crumbs here=t("Restore", "恢复")><SubItem label=t("as of", "时间点")>{at}</SubItem></PageHead>
        {steps(0)}
        {choose}
    }
    .into_any()
}

fn preview(draft: Draft, lines: Lines) -> AnyView {
    let title = draft.plan.effects.say(lang());
    let nothing = !draft.plan.effects.writes();
    let (id, changed) = (draft.id.clone(), draft.change.clone());
    let fixed = vec![("draft", id.clone())];
    let crumbs = vec![(format!("{}/{}", draft.form.harbor, draft.form.project), project_href(&draft.form.harbor, &draft.form.project))];
    let form = draft.form.clone();
    let cli = {
        let mut words: Vec<String> = ["breakwater", "restore", "preview"].map(str::to_owned).to_vec();
        words.extend([format!("{}/{}", form.harbor, form.project), "--at".to_owned(), form.at.clone()]);
        for item in form.items.lines() {
            words.extend(["--item".to_owned(), item.to_owned()]);
        }
        match form.undo_of {
            Some(of) => format!("breakwater restore undo {of}"),
            None => shell_line(&words),
        }
    };
    let undoes = form.undo_of;
    let (at, risk, votes, hash) = (moment_words(&form.at), draft.risk, draft.votes_needed, super::short_hash(&draft.plan.hash));
    let (plan, harbor) = (draft.plan.clone(), form.harbor.clone());
    view! {
        <PageHead title=title crumbs=crumbs here=t("Restore", "恢复")>
            {match undoes {
                Some(of) => view! { <SubItem label=t("undoes", "撤销")><a href=format!("/restores/{of}")>{format!("#{of}")}</a></SubItem> }.into_any(),
                None => view! { <SubItem label=t("as of", "时间点")>{at}</SubItem> }.into_any(),
            }}
            <SubItem label=t("risk", "风险")>{risk}</SubItem>
            <SubItem label=t("approvals needed", "所需审批")>{votes}</SubItem>
            <SubItem label=t("plan", "方案")><code class="mono">{hash}</code></SubItem>
        </PageHead>
        {steps(if nothing { 1 } else { 2 })}
        <Columns>
            <Stack>
                {changed.map(|change| view! { <ChangePanel change=change path="/restore/new".to_owned() fixed=fixed.clone()/> })}
                <EffectSummary plan=plan harbor=harbor/>
                <LinesPanel id=id lines=lines path="/restore/new".to_owned() fixed=fixed/>
                {undoes.is_none().then(|| view! { <details class="again"><summary>{t("Change what is restored, or where to", "修改恢复内容或目标")}</summary><Choose form=form/></details> })}
                <CliTwin command=cli/>
            </Stack>
            <Stack><Reason draft=draft/></Stack>
        </Columns>
    }
    .into_any()
}
