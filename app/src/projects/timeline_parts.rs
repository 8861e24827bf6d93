//! Parts of the timeline page: what differs from now, how to bring it back, and the table of snapshots.

use leptos::prelude::*;

use super::calls::BackUpProject;
use super::gap_words::snapshot_word;
use super::hold_parts::HoldPanel;
use super::types::{LiveDiff, Snapshot, Timeline};
use super::{project_href, restore_href};
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::{bytes, count, short_digest};

/// Most items put into an address; more are chosen in the browser or by repository.
const ITEMS_MAX: usize = 60;

/// Most rows of the table of snapshots: the ribbon above has the whole window.
const ROWS_MAX: usize = 50;

/// The lines of a wizard for everything that is missing now, or the repositories where there are too many.
#[must_use]
pub fn missing_items(diff: &LiveDiff) -> String {
    let all: Vec<String> = diff.repositories.iter().flat_map(|r| r.missing.iter().map(|tag| format!("{}:{tag}", r.repository))).collect();
    if all.len() <= ITEMS_MAX && diff.repositories.iter().all(|r| i64::try_from(r.missing.len()) == Ok(r.missing_total)) {
        return all.join("\n");
    }
    diff.repositories.iter().filter(|r| !r.missing.is_empty()).map(|r| r.repository.clone()).collect::<Vec<_>>().join("\n")
}

/// What differs, and the way back.
#[component]
pub fn Difference(harbor: String, project: String, at: String, diff: LiveDiff) -> impl IntoView {
    if let Some(error) = diff.error.clone() {
        return view! {
            <Panel title=t("What differs from now", "与当前的差异") padded=true>
                <Callout tone=Tone::Warn>
                    <p>{error.say(lang())}</p>
                    <p class="note">{t("What was captured stays fully browsable; only the comparison waits.", "已捕获的内容仍可完整浏览，仅对比暂不可用。")}</p>
                </Callout>
            </Panel>
        }
        .into_any();
    }
    let read = diff
        .read_at
        .map(|m| lang().pick(format!("read from Harbor at {}", long(m)), format!("读取自 Harbor：{}", long(m))))
        .unwrap_or_default();
    let same = diff.same;
    let items = missing_items(&diff);
    let rows = diff
        .repositories
        .clone()
        .into_iter()
        .map(|r| {
            let choose = format!("{}/browse?at={}&repo={}", project_href(&harbor, &project), url_part(&at), url_part(&r.repository));
            let (name, missing, moved, new) = (r.repository.clone(), r.missing_total, r.moved_total, r.new);
            let here = choose.clone();
            view! {
                <tr>
                    <Cell><a href=here class="mono">{name}</a></Cell>
                    <Cell label=t("Missing now", "现缺失") number=true>{count(missing)}</Cell>
                    <Cell label=t("Moved", "已移动") number=true>{count(moved)}</Cell>
                    <Cell label=t("New since", "新增") number=true>{count(new)}</Cell>
                    <Cell><LinkButton href=choose text=t("Choose…", "选择…") kind=ButtonKind::Small/></Cell>
                </tr>
            }
        })
        .collect_view();
    let none = diff.repositories.is_empty();
    view! {
        <Columns>
            <Stack>
                <Panel title=t("What differs from now", "与当前的差异") note=read>
                    {if none {
                        view! { <Empty kind=EmptyKind::NothingYet title=t("Nothing: Harbor has exactly this.", "没有差异：Harbor 与该时间点完全一致。")/> }.into_any()
                    } else {
                        view! {
                            <DataTable caption=t("Differences by repository", "按仓库列出的差异") cols=vec![
                                Col::text(t("Repository", "仓库")), Col::number(t("Missing now", "现缺失")), Col::number(t("Moved", "已移动")), Col::number(t("New since", "新增")), Col::actions(),
                            ]>
                                {rows}
                                {(same > 0).then(|| view! { <tr><td colspan="5" class="note">{lang().pick(format!("{same} others are the same"), format!("其余 {same} 个仓库相同"))}</td></tr> })}
                            </DataTable>
                        }.into_any()
                    }}
                </Panel>
            </Stack>
            <Stack>
                <BringBack harbor=harbor project=project at=at missing=diff.missing moved=diff.moved items=items/>
            </Stack>
        </Columns>
    }
    .into_any()
}

/// The next step: the one button of the page.
#[component]
fn BringBack(harbor: String, project: String, at: String, missing: i64, moved: i64, items: String) -> impl IntoView {
    let browse = format!("{}/browse?at={}", project_href(&harbor, &project), url_part(&at));
    let sentence = match (missing, moved) {
        (0, 0) => t(
            "Nothing went. You can still restore from this moment into another project.",
            "没有内容丢失。您仍可将该时间点恢复到其他项目。",
        )
        .to_owned(),
        (0, 1) => t("One tag points elsewhere now. You can move it back.", "1 个 Tag 现指向其他镜像，可移回。").to_owned(),
        (1, _) => t(
            "One tag of this moment is not in Harbor. Restoring it overwrites nothing.",
            "该时间点的 1 个 Tag 已不在 Harbor 中，恢复不会覆盖任何内容。",
        )
        .to_owned(),
        (0, m) => lang()
            .pick(format!("{m} tags point elsewhere now. Choose which to move back."), format!("{m} 个 Tag 现指向其他镜像，可选择移回。")),
        (n, _) => lang().pick(
            format!("{n} tags of this moment are not in Harbor. Restoring them overwrites nothing."),
            format!("该时间点的 {n} 个 Tag 已不在 Harbor 中，恢复不会覆盖任何内容。"),
        ),
    };
    let asks = may_ask(&harbor, &project);
    let button = (missing > 0 && asks).then(|| {
        let text = if missing == 1 {
            t("Restore the tag…", "恢复该 Tag…").to_owned()
        } else {
            lang().pick(format!("Restore the {missing} tags…"), format!("恢复这 {missing} 个 Tag…"))
        };
        view! { <LinkButton href=restore_href(&harbor, &project, &at, &items) text=text kind=ButtonKind::Primary/> }
    });
    view! {
        <Panel title=t("Bring back what went", "找回丢失的内容") padded=true>
            <p>{sentence}</p>
            <Bar>
                {button}
                <LinkButton href=browse text=t("Browse this moment", "浏览该时间点")/>
            </Bar>
            {(!asks).then(|| view! { <MayNot text=of_asking()/> })}
        </Panel>
    }
    .into_any()
}

/// Holding the moment, backing up now.
#[component]
pub fn MomentActions(timeline: Timeline) -> impl IntoView {
    let (harbor, project) = (timeline.project.harbor.clone(), timeline.project.project.clone());
    // Without a plan there is no vault to back it up into.
    let planned = !timeline.project.plans.is_empty();
    let whole = timeline.clone();
    let form = if may_back_up(&harbor, &project) {
        view! {
            <PostForm call=BackUpProject::PATH id="backup">
                <Hidden name="harbor" value=harbor/>
                <Hidden name="project" value=project/>
                <SubmitButton text=t("Back this project up now", "立即备份该项目")/>
            </PostForm>
        }
        .into_any()
    } else {
        let text =
            t("Operators and those who may ask for restores of the project do this.", "此操作由系统管理员或可申请该项目恢复的人员执行。");
        view! { <MayNot text=text/> }.into_any()
    };
    view! {
        <div class="pair">
            {timeline.at.clone().map(|s| view! { <HoldPanel timeline=whole snapshot=s/> })}
            {planned.then(move || view! { <Panel title=t("Back up now", "立即备份") padded=true>
                <p class="note">{timeline.next_run.map(|at| view! { {t("The next scheduled run is", "下次计划运行：")}" "<When at=at brief=true/> })}</p>
                {form}
            </Panel> })}
        </div>
    }
    .into_any()
}

/// The same data as the ribbon, as a table.
#[component]
pub fn SnapshotTable(harbor: String, project: String, snapshots: Vec<Snapshot>, thinned: bool) -> impl IntoView {
    let note = if thinned {
        t("the newest, thinned; choose a narrower window to see all", "最近的快照（已抽稀），缩小时段可查看全部").to_owned()
    } else if snapshots.len() > ROWS_MAX {
        lang().pick(
            format!("the newest {ROWS_MAX} of {}; choose a narrower window to see others", snapshots.len()),
            format!("共 {} 个，显示最近 {ROWS_MAX} 个；缩小时段可查看其他", snapshots.len()),
        )
    } else {
        String::new()
    };
    let rows = snapshots
        .into_iter()
        .rev()
        .take(ROWS_MAX)
        .map(|s| {
            let href = format!("{}?at={}", project_href(&harbor, &project), url_part(&s.moment.url()));
            let (tone, word) = snapshot_word(&s);
            let confirmed = s.confirmed().map(|at| view! { <Exact at=at/> });
            view! {
                <tr>
                    <Cell><a href=href><Exact at=s.moment/></a>{(!s.holds.is_empty()).then(|| view! { " "<Status tone=Tone::Held text=t("held", "已锁定")/> })}{s.imported.then(|| view! { " "<Status tone=Tone::Held text=t("imported", "导入")/> })}</Cell>
                    <Cell label=t("Confirmed until", "确认至")>{confirmed}</Cell>
                    <Cell label=t("State", "状态")><Status tone=tone text=word/></Cell>
                    <Cell label=t("Tags", "Tag") number=true>{count(s.tags)}</Cell>
                    <Cell label=t("Added", "新增") number=true>{count(s.added)}</Cell>
                    <Cell label=t("Removed", "删除") number=true>{count(s.removed)}</Cell>
                    <Cell label=t("Moved", "移动") number=true>{count(s.moved)}</Cell>
                    <Cell label=t("New bytes", "新增数据") number=true>{bytes(s.bytes_new)}</Cell>
                    <Cell label=t("Digest", "摘要")><code class="mono short">{short_digest(&s.digest)}</code></Cell>
                </tr>
            }
        })
        .collect_view();
    view! {
        <Panel title=t("Snapshots", "快照") note=note>
            <DataTable caption=t("Snapshots of this window", "该时段的快照") cols=vec![
                Col::text(t("Moment", "时间点")), Col::text(t("Confirmed until", "确认至")), Col::text(t("State", "状态")), Col::number(t("Tags", "Tag")), Col::number(t("Added", "新增")),
                Col::number(t("Removed", "删除")), Col::number(t("Moved", "移动")), Col::number(t("New bytes", "新增数据")), Col::text(t("Digest", "摘要")),
            ]>{rows}</DataTable>
        </Panel>
    }
    .into_any()
}
