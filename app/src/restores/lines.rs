//! All lines of a plan, a page at a time, with what came of each: filters are a form and pages are links, so it works without JavaScript.

use leptos::prelude::*;

use super::effect_table::effect_word;
use super::types::{AccessoryOf, ItemResult, Line, LineFilter, Lines};
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::{bytes, count, short_digest, short_tag};

/// Names of the filters in the address, and of the page.
const NAMES: [&str; 4] = ["group", "repository", "text", "page"];

/// The lines that the address asks for.
pub fn asked_lines() -> LineFilter {
    let [group, repository, text, page] = NAMES.map(use_query);
    LineFilter { group, repository, text, page: page.and_then(|page| page.parse().ok()) }
}

/// The lines of a request or draft. `path` and `fixed` are the page's own address, which the filters keep.
#[component]
pub fn LinesPanel(#[prop(into)] id: String, lines: Lines, path: String, fixed: Vec<(&'static str, String)>) -> impl IntoView {
    let LineFilter { group, repository, text, .. } = asked_lines();
    panel(&id, lines, &Place { path, fixed, group, repository, text })
}

/// Where the panel is, and what is filtered.
struct Place {
    path: String,
    fixed: Vec<(&'static str, String)>,
    group: Option<String>,
    repository: Option<String>,
    text: Option<String>,
}

impl Place {
    fn filters(&self) -> Vec<(&'static str, String)> {
        let filters = [("group", &self.group), ("repository", &self.repository), ("text", &self.text)];
        filters.into_iter().filter_map(|(name, value)| value.clone().map(|value| (name, value))).collect()
    }

    fn address(path: &str, pairs: impl Iterator<Item = (&'static str, String)>) -> String {
        let query: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", url_part(&value))).collect();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
    }

    fn page(&self, page: i64) -> String {
        let at = (page > 1).then(|| ("page", page.to_string()));
        format!("{}#lines", Self::address(&self.path, self.fixed.iter().cloned().chain(self.filters()).chain(at)))
    }

    fn group(&self, group: &str) -> String {
        let group = (!group.is_empty()).then(|| ("group", group.to_owned()));
        let others = self.filters().into_iter().filter(|(name, _)| *name != "group");
        format!("{}#lines", Self::address(&self.path, self.fixed.iter().cloned().chain(group).chain(others)))
    }

    fn download(&self, id: &str, kind: &str) -> String {
        Self::address(&format!("/api/v1/restores/{id}/lines.{kind}"), self.filters().into_iter())
    }
}

fn groups(lines: &Lines) -> Vec<(&'static str, &'static str, i64)> {
    let c = &lines.counts;
    let mut groups = vec![
        ("", t("all", "全部"), c.all),
        ("create", t("created", "新建"), c.create),
        ("move", t("moved", "移动"), c.moved),
        ("mend", t("sent again", "补发"), c.mend),
        ("skip", t("left", "保持"), c.skip),
        ("blocked", t("blocked", "受阻"), c.blocked),
        ("accessories", t("signatures and other accessories", "签名等附件"), c.accessories),
    ];
    if lines.began {
        groups.extend([
            ("done", t("done", "完成"), c.done),
            ("failed", t("failed", "失败"), c.failed),
            ("open", t("not done", "未执行"), c.open),
        ]);
    }
    groups
}

fn panel(id: &str, lines: Lines, place: &Place) -> AnyView {
    let chosen = place.group.clone().unwrap_or_default();
    let tabs = groups(&lines)
        .into_iter()
        .filter(|(name, _, count)| *count > 0 || name.is_empty() || *name == chosen)
        .map(|(name, word, number)| {
            let current = (name == chosen).then_some("page");
            view! { <a href=place.group(name) aria-current=current>{format!("{word} {}", count(number))}</a> }
        })
        .collect_view();
    let hidden = place.fixed.iter().cloned().map(|(name, value)| view! { <input type="hidden" name=name value=value/> }).collect_view();
    let group = place.group.clone().map(|group| view! { <input type="hidden" name="group" value=group/> });
    let repositories: Vec<(String, String)> = lines.repositories.iter().map(|name| (name.clone(), name.clone())).collect();
    let repository = options(&repositories, place.repository.as_deref());
    let (text, path) = (place.text.clone().unwrap_or_default(), place.path.clone());
    let began = lines.began;
    let pager = pager(&lines, place);
    let empty = lines.lines.is_empty();
    let rows = lines.lines.into_iter().map(|line| row(line, began)).collect_view();
    let note = lang().pick(
        format!("{} of {}", count(lines.total), count(lines.counts.all)),
        format!("{} / {}", count(lines.total), count(lines.counts.all)),
    );
    let (csv, json) = (place.download(id, "csv"), place.download(id, "json"));
    view! {
        <section id="lines">
            <Panel title=if began { t("Every line, and what came of it", "逐项内容与结果") } else { t("Every line", "逐项内容") } note=note>
                <nav class="tabs" aria-label=t("Groups of lines", "分组")>{tabs}</nav>
                <GetForm action=path>
                    {hidden}{group}
                    <label class="filter"><span>{t("Repository", "仓库")}</span><select name="repository"><option value="">{t("all", "全部")}</option>{repository}</select></label>
                    <label class="filter"><span>{t("Contains", "包含")}</span><input type="search" name="text" value=text maxlength="200"/></label>
                    <SubmitButton text=t("Show", "筛选")/>
                    <a class="btn small" href=csv rel="external" download="">"CSV"</a>
                    <a class="btn small" href=json rel="external" download="">"JSON"</a>
                </GetForm>
                {if empty {
                    view! { <p class="padded note">{t("No line matches.", "没有匹配的行。")}</p> }.into_any()
                } else {
                    view! { <DataTable caption=t("Lines", "逐项内容") cols=columns(began)>{rows}</DataTable> }.into_any()
                }}
                {pager}
            </Panel>
        </section>
    }
    .into_any()
}

fn options(all: &[(String, String)], chosen: Option<&str>) -> impl IntoView + use<> {
    all.iter()
        .cloned()
        .map(|(value, text)| {
            let selected = Some(value.as_str()) == chosen;
            view! { <option value=value selected=selected>{text}</option> }
        })
        .collect_view()
}

fn pager(lines: &Lines, place: &Place) -> impl IntoView + use<> {
    let (page, pages) = (lines.page, lines.pages);
    let to = |wanted: i64| place.page(wanted);
    let (first, before, next, last) = (
        (page > 2).then(|| to(1)),
        (page > 1).then(|| to(page - 1)),
        (page < pages).then(|| to(page + 1)),
        (page + 1 < pages).then(|| to(pages)),
    );
    (pages > 1).then(|| {
        view! {
            <nav class="pager" aria-label=t("Pages", "分页")>
                <span class="note">{lang().pick(format!("page {page} of {pages}"), format!("第 {page} / {pages} 页"))}</span>
                {first.map(|href| view! { <a class="btn small" href=href rel="first">{t("First page", "首页")}</a> })}
                {before.map(|href| view! { <a class="btn small" href=href rel="prev">{t("Page before", "上一页")}</a> })}
                {next.map(|href| view! { <a class="btn small" href=href rel="next">{t("Next page", "下一页")}</a> })}
                {last.map(|href| view! { <a class="btn small" href=href rel="last">{t("Last page", "末页")}</a> })}
            </nav>
        }
    })
}

fn columns(began: bool) -> Vec<Col> {
    let mut cols =
        vec![Col::text(t("Tag", "Tag")), Col::text(t("Now", "现在")), Col::text(t("Then", "之后")), Col::text(t("Effect", "操作"))];
    if began {
        cols.extend([Col::text(t("Result", "结果")), Col::number(t("Sent", "发送"))]);
    }
    cols
}

fn row(line: Line, began: bool) -> impl IntoView {
    let item = line.effect;
    let (tone, word) = effect_word(item.effect);
    let blocked = item.effect == super::types::EffectKind::Blocked;
    let reference = if item.reference.starts_with("sha256:") {
        format!("@{}", short_digest(&item.reference))
    } else {
        format!(":{}", short_tag(&item.reference))
    };
    let then = if blocked { "–".to_owned() } else { short_digest(&item.then) };
    let (before, head) =
        if began { (t("Planned from", "计划前"), t("To", "计划后")) } else { (t("Now", "现在"), t("Then", "之后")) };
    let result = line.result;
    view! {
        <tr>
            <Cell><span class="mono" title=item.reference.clone()>{item.repository.clone()}<wbr/>{reference}</span>{item.accessory.clone().map(about)}</Cell>
            <Cell label=before>{item.now.clone().map_or_else(|| view! { <span class="note">"–"</span> }.into_any(), |d| view! { <code class="mono short" title=d.clone()>{short_digest(&d)}</code> }.into_any())}</Cell>
            <Cell label=head><code class="mono short" title=item.then.clone()>{then}</code></Cell>
            <Cell label=t("Effect", "操作")><Status tone=tone text=word/>{item.detail.map(|note| view! { <span class="note block">{note.say(lang())}</span> })}</Cell>
            {began.then(|| results(result))}
        </tr>
    }
}

/// What an accessory is and what it is about.
pub(super) fn about(of: AccessoryOf) -> impl IntoView {
    let AccessoryOf { kind, subject } = of;
    view! { <span class="note block" title=subject.clone()>{kind}" "{t("about", "关于")}" "<code class="mono">{short_digest(&subject)}</code></span> }
}

/// Result and bytes; nothing where nothing is written.
fn results(result: Option<ItemResult>) -> AnyView {
    let Some(r) = result else {
        return view! { <Cell label=t("Result", "结果")><span class="note">"–"</span></Cell><Cell label=t("Sent", "发送") number=true>"–"</Cell> }.into_any();
    };
    let (tone, word) = match r.outcome.as_str() {
        "done" => (Tone::Ok, t("done, read back", "已完成并回读")),
        "skipped" => (Tone::Idle, t("left as it was", "保持不变")),
        "failed" => (Tone::Fail, t("failed", "失败")),
        "started" => (Tone::Run, t("at work", "处理中")),
        _ => (Tone::Idle, t("to come", "待处理")),
    };
    view! {
        <Cell label=t("Result", "结果")>
            <Status tone=tone text=word/>
            {r.previous.map(|was| view! { <span class="note block" title=was.clone()>{t("before: ", "之前：")}<code class="mono">{short_digest(&was)}</code></span> })}
            {r.detail.map(|told| view! { <span class="note block">{told.say(lang())}</span> })}
            {r.code.map(|c| view! { <code class="mono note block">{c}</code> })}
        </Cell>
        <Cell label=t("Sent", "发送") number=true>{bytes(r.bytes_sent)}</Cell>
    }
    .into_any()
}
