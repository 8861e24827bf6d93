//! Making and changing a plan, with what it would do beside the form.
//!
//! The preview is a button of the form that asks for the same page with the form's values in its address; where scripts run (`forms`), its
//! region follows the typing after a pause.

use leptos::prelude::*;

use super::calls::{SavePlan, plan_form, preview_plan};
use super::preview::PreviewView;
use super::types::{Keep, Plan, PlanForm, PlanFormPage};
use crate::accounts::types::Duty;
use crate::address::Address;
use crate::harbors::types::Harbor;
use crate::text::t;
use crate::ui::*;
use crate::vaults::types::Vault;

/// A new plan.
#[component]
pub fn NewPlanPage() -> impl IntoView {
    view! { <Load data=plan_form(None) view=content/> }
}

/// Changing a plan.
#[component]
pub fn EditPlanPage() -> impl IntoView {
    view! { <Load data=plan_form(Some(use_id("id"))) view=content/> }
}

/// The form's first values: those in the address, else the plan's, else good defaults.
fn first_values(plan: Option<&Plan>, harbors: &[Harbor], vaults: &[Vault]) -> PlanForm {
    let address = Address::here();
    let given = |name: &str| address.get(&format!("form[{name}]"));
    let or = |name: &str, stored: Option<String>, default: &str| given(name).or(stored).unwrap_or_else(|| default.to_owned());
    let harbor = address.get("harbor").or_else(|| harbors.first().map(|h| h.name.clone())).unwrap_or_default();
    let rpo = or("rpo_hours", plan.map(|p| (p.rpo_s / 3_600).max(1).to_string()), "26");
    let vault = given("vault_id").and_then(|v| v.parse().ok()).or(plan.map(|p| p.vault_id)).or(vaults.first().map(|v| v.id));
    let stored = plan.map_or_else(default_keep, |p| p.keep);
    let keep = |name: &str, stored: u32| given(&format!("keep_{name}")).and_then(|v| v.parse().ok()).unwrap_or(stored);
    // A form's address that names any value of it says also which boxes are not set.
    let stored_copies = || plan.map(|p| p.copies.iter().map(|c| c.vault_id).collect()).unwrap_or_default();
    let copies = if given("name").is_some() { given_list("copies") } else { stored_copies() };
    PlanForm {
        plan_id: plan.map(|p| p.id),
        version: given("version").and_then(|v| v.parse().ok()).or(plan.map(|p| p.version)),
        name: or("name", plan.map(|p| p.name.clone()), ""),
        harbor: or("harbor", plan.map(|p| p.harbor.clone()), &harbor),
        vault_id: vault,
        copies,
        include: or("include", plan.map(|p| p.include.join("\n")), "*"),
        exclude: or("exclude", plan.map(|p| p.exclude.join("\n")), ""),
        cron: or("cron", plan.map(|p| p.cron.clone()), "0 2 * * *"),
        zone: or("zone", plan.map(|p| p.zone.clone()), "UTC"),
        rpo_hours: rpo.parse().unwrap_or(26),
        full_every_h: given("full_every_h").and_then(|v| v.parse().ok()).or(plan.map(|p| p.full_every_h)).unwrap_or(24),
        keep_last: keep("last", stored.last),
        keep_hourly: keep("hourly", stored.hourly),
        keep_daily: keep("daily", stored.daily),
        keep_weekly: keep("weekly", stored.weekly),
        keep_monthly: keep("monthly", stored.monthly),
        keep_yearly: keep("yearly", stored.yearly),
        keep_within_days: keep("within_days", stored.within_days),
    }
}

/// Numbers of a list in the form's address.
fn given_list(name: &str) -> Vec<i64> {
    let prefix = format!("form[{name}][");
    let address = Address::here();
    address.pairs().iter().filter(|(key, _)| key.starts_with(&prefix)).filter_map(|(_, value)| value.parse().ok()).collect()
}

/// What a new plan starts with: two weeks day by day, then thinner, a year back.
fn default_keep() -> Keep {
    Keep { daily: 14, weekly: 8, monthly: 12, ..Keep::default() }
}

/// The further vaults.
#[component]
fn CopyFields(vaults: Vec<(String, String)>, chosen: Vec<i64>) -> impl IntoView {
    // Which of them is the plan's own is chosen in the same form, so all are offered and the server refuses that one.
    let boxes = vaults
        .into_iter()
        .enumerate()
        .map(|(i, (id, name))| {
            let checked = chosen.iter().any(|chosen| chosen.to_string() == id);
            view! { <Checkbox name="copies" post_as=format!("copies[{i}]") value=id label=name checked=checked/> }
        })
        .collect_view();
    let error = use_form().error_of("copies");
    view! {
        <fieldset>
            <legend>{t("Copies", "副本")}</legend>
            <p class="note">{t("After each run its snapshots are copied to these vaults too, older ones included. They are let go in all vaults together; a restore reads a copy when the plan's own vault does not answer.", "每次运行后，快照（含较早的快照）会复制到这些保管库。清理时各库一并清理；计划自身的保管库无响应时，恢复改从副本读取。")}</p>
            {error.map(|text| view! { <p class="error" role="alert">{text}</p> })}
            {boxes}
        </fieldset>
    }
    .into_any()
}

/// The counters of keeping.
#[component]
fn KeepFields(values: PlanForm) -> impl IntoView {
    let fields = [
        ("keep_last", t("Newest", "最近"), values.keep_last),
        ("keep_hourly", t("Hours", "小时"), values.keep_hourly),
        ("keep_daily", t("Days", "天"), values.keep_daily),
        ("keep_weekly", t("Weeks", "周"), values.keep_weekly),
        ("keep_monthly", t("Months", "月"), values.keep_monthly),
        ("keep_yearly", t("Years", "年"), values.keep_yearly),
        ("keep_within_days", t("All of the last days", "最近若干天全部"), values.keep_within_days),
    ];
    let fields = fields
        .into_iter()
        .map(|(name, label, value)| view! { <Field name=name label=label kind="number" min="0" max="10000" value=value.to_string()/> })
        .collect_view();
    view! {
        <fieldset class="keep">
            <legend>{t("Keep", "保留")}</legend>
            <p class="note">{t("One snapshot for each of so many hours, days, weeks … that have one; whatever one of them keeps stays. All zero keeps everything.", "每小时、每天、每周……各保留一个快照，数量如下；满足任一规则即保留。全部为 0 则永久保留。")}</p>
            <div class="counts">{fields}</div>
        </fieldset>
    }
    .into_any()
}

fn content(PlanFormPage { plan, harbors, vaults }: PlanFormPage) -> AnyView {
    let mut crumbs = vec![(t("Plans", "备份计划").to_owned(), "/plans".to_owned())];
    let (title, here, page) = match &plan {
        Some(plan) => {
            let page = format!("/plans/{}", plan.id);
            crumbs.push((plan.name.clone(), page.clone()));
            (format!("{} {}.", t("Change", "更改"), plan.name), t("Change", "更改"), page)
        }
        None => (t("Say what is backed up, and when.", "设定备份内容与时间。").to_owned(), t("New", "新建"), "/plans".to_owned()),
    };
    if !has_duty(Duty::Operator) {
        return view! { <PageHead title=title crumbs=crumbs here=here/><MayNot text=of_duty(Duty::Operator)/> }.into_any();
    }
    if harbors.is_empty() || vaults.is_empty() {
        return missing_first(title, crumbs, here, harbors.is_empty());
    }
    let values = first_values(plan.as_ref(), &harbors, &vaults);
    let self_address = plan.as_ref().map_or_else(|| "/plans/new".to_owned(), |p| format!("/plans/{}/edit", p.id));
    let wanted = values.clone();
    view! {
        <PageHead title=title crumbs=crumbs here=here/>
        <Columns>
            <Stack>
                <Form values=values plan=plan harbors=harbors vaults=vaults self_address=self_address page=page/>
            </Stack>
            <Stack><div class="stack" id="preview" aria-live="polite"><Preview wanted=wanted/></div></Stack>
        </Columns>
    }
    .into_any()
}

fn missing_first(title: String, crumbs: Vec<(String, String)>, here: &'static str, no_harbor: bool) -> AnyView {
    let (text, href, action) = if no_harbor {
        (t("A plan needs a Harbor to read from.", "备份计划需要一个 Harbor。"), "/harbors/new", t("Register a Harbor", "登记 Harbor"))
    } else {
        (t("A plan needs a vault to keep its copies in.", "备份计划需要一个保管库。"), "/vaults/new", t("Make a vault", "创建保管库"))
    };
    view! {
        <PageHead title=title crumbs=crumbs here=here/>
        <Empty kind=EmptyKind::NothingYet title=text><LinkButton href=href text=action kind=ButtonKind::Primary/></Empty>
    }
    .into_any()
}

/// The preview, or what keeps it from being made.
#[component]
fn Preview(wanted: PlanForm) -> impl IntoView {
    let keep = wanted.keep();
    // Whoever only opens the form is shown what the last listing had; Harbor is asked for what was typed.
    let preview = preview_plan(wanted, Address::here().get("form[name]").is_some());
    Suspend::new(async move {
        match preview.await {
            Ok(preview) => view! { <PreviewView preview=preview keep=keep/> }.into_any(),
            Err(error) => {
                let text = error_text(&error);
                view! { <Panel title=t("Preview", "预览")><Callout tone=Tone::Warn>{t("The preview waits: ", "暂无法预览：")}{text}</Callout></Panel> }.into_any()
            }
        }
    })
}

#[component]
fn Form(
    values: PlanForm,
    plan: Option<Plan>,
    harbors: Vec<Harbor>,
    vaults: Vec<Vault>,
    self_address: String,
    page: String,
) -> impl IntoView {
    let harbors: Vec<(String, String)> = match &plan {
        Some(plan) => vec![(plan.harbor.clone(), plan.harbor.clone())],
        None => harbors.into_iter().map(|h| (h.name.clone(), format!("{} ({})", h.name, h.url))).collect(),
    };
    let vaults: Vec<(String, String)> = vaults.into_iter().map(|v| (v.id.to_string(), v.name)).collect();
    let (several, further) = (vaults.len() > 1, vaults.clone());
    let id = values.plan_id.map(|id| id.to_string());
    let version = values.version.map(|v| v.to_string());
    view! {
        <div data-follow="preview">
            <PostForm call=SavePlan::PATH prefix="form">
                {id.map(|id| view! { <Hidden name="plan_id" value=id/> })}
                {version.map(|v| view! { <Hidden name="version" value=v/> })}
                <Field name="name" label=t("Name", "名称") value=values.name.clone()/>
                <div class="two">
                    <Select name="harbor" label="Harbor" options=harbors value=values.harbor.clone()/>
                    <Select name="vault_id" label=t("Vault", "保管库") options=vaults value=values.vault_id.map(|v| v.to_string()).unwrap_or_default()/>
                </div>
                <div class="two">
                    <TextArea name="include" label=t("Projects", "项目") mono=true value=values.include.clone() hint=t("One pattern a line; * stands for anything", "每行一个模式；* 表示任意")/>
                    <TextArea name="exclude" label=t("Leave out", "排除") mono=true optional=true value=values.exclude.clone() hint=t("One pattern a line", "每行一个模式")/>
                </div>
                <div class="two">
                    <Field name="cron" label=t("Schedule", "时间表") mono=true value=values.cron.clone() hint=t("minute hour day month weekday", "分 时 日 月 星期")/>
                    <Field name="zone" label=t("Time zone", "时区") mono=true value=values.zone.clone() hint="Asia/Shanghai, Europe/Berlin, UTC …"/>
                </div>
                <Field name="rpo_hours" label=t("Target: the newest copy is never older than this many hours", "目标：最新备份不超过多少小时") kind="number" min="1" max="8760" value=values.rpo_hours.to_string()/>
                <Field name="full_every_h" label=t("List everything anew after this many hours", "每隔多少小时全面清点一次") kind="number" min="1" max="720" value=values.full_every_h.to_string() hint=t("Between, projects in which the Harbor names no change are not listed. A label is seen by the full listing only.", "其间，Harbor 未显示变更的项目不再清点。标签（label）仅在全面清点时发现。")/>
                {several.then(|| view! { <CopyFields vaults=further chosen=values.copies.clone()/> })}
                <KeepFields values=values.clone()/>
                <Bar>
                    <SubmitButton text=t("Save the plan", "保存计划") kind=ButtonKind::Primary/>
                    <button type="submit" class="btn" formmethod="get" formaction=self_address>{t("Preview", "预览")}</button>
                    <LinkButton href=page text=t("Leave it", "取消")/>
                </Bar>
            </PostForm>
        </div>
    }
    .into_any()
}
