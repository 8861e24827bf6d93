//! What differs between the plan that was voted on, or looked at, and the one there is now.

use leptos::prelude::*;

use super::effect_table::effect_word;
use super::short_hash;
use super::types::{EffectItem, LineChange, PlanChange};
use crate::sentence::Sentence as _;
use crate::text::{lang, t};
use crate::ui::*;
use crate::units::{count, short_digest, short_tag};

/// The difference, a page at a time. `path` and `fixed` are the page's own address.
#[component]
pub fn ChangePanel(change: PlanChange, path: String, fixed: Vec<(&'static str, String)>) -> impl IntoView {
    panel(change, &path, &fixed)
}

/// The page of it that the address asks for.
pub fn asked_changes() -> i64 {
    use_query("changes").and_then(|page| page.parse().ok()).unwrap_or(1)
}

fn panel(change: PlanChange, path: &str, fixed: &[(&'static str, String)]) -> AnyView {
    let note = lang().pick(
        format!("{} new, {} gone, {} changed", count(change.added), count(change.gone), count(change.changed)),
        format!("新增 {}，消失 {}，变化 {}", count(change.added), count(change.gone), count(change.changed)),
    );
    let was = change.before.say(lang());
    let hash = short_hash(&change.before_hash);
    let at = long(change.before_read_at);
    let same = change.lines.is_empty();
    let to = |page: i64| {
        let fixed: String = fixed.iter().map(|(name, value)| format!("{name}={}&", url_part(value))).collect();
        format!("{path}?{fixed}changes={page}#changes")
    };
    let (page, pages) = (change.page, change.pages);
    let (before, next) = ((page > 1).then(|| to(page - 1)), (page < pages).then(|| to(page + 1)));
    let rows = change.lines.into_iter().map(row).collect_view();
    view! {
        <section id="changes">
            <Panel title=t("What changed in Harbor since then", "Harbor 中的变化") note=note>
                <p class="padded">{lang().pick(format!("Before, read at {at}: {was}."), format!("此前（读取于 {at}）：{was}。"))}" "<code class="mono">{hash}</code></p>
                {if same {
                    view! { <p class="padded note">{t("No line differs: the project is made or no longer made, or the options are others.", "各行均相同：变化在于是否新建项目或选项不同。")}</p> }.into_any()
                } else {
                    view! { <DataTable caption=t("Changed lines", "变化的行") cols=vec![Col::text(t("Tag", "Tag")), Col::text(t("Before", "之前")), Col::text(t("Now", "现在"))]>{rows}</DataTable> }.into_any()
                }}
                {(pages > 1).then(|| view! {
                    <nav class="pager" aria-label=t("Pages", "分页")>
                        <span class="note">{lang().pick(format!("page {page} of {pages}"), format!("第 {page} / {pages} 页"))}</span>
                        {before.map(|href| view! { <a class="btn small" href=href rel="prev">{t("Page before", "上一页")}</a> })}
                        {next.map(|href| view! { <a class="btn small" href=href rel="next">{t("Next page", "下一页")}</a> })}
                    </nav>
                })}
            </Panel>
        </section>
    }
    .into_any()
}

fn row(line: LineChange) -> impl IntoView {
    let either = line.after.as_ref().or(line.before.as_ref());
    let name = either.map(|item| {
        let reference = if item.reference.starts_with("sha256:") {
            format!("@{}", short_digest(&item.reference))
        } else {
            format!(":{}", short_tag(&item.reference))
        };
        format!("{}{reference}", item.repository)
    });
    view! {
        <tr>
            <Cell><span class="mono">{name}</span></Cell>
            <Cell label=t("Before", "之前")>{side(line.before, t("not there", "无"))}</Cell>
            <Cell label=t("Now", "现在")>{side(line.after, t("gone", "已消失"))}</Cell>
        </tr>
    }
}

fn side(item: Option<EffectItem>, none: &'static str) -> AnyView {
    let Some(item) = item else { return view! { <span class="note">{none}</span> }.into_any() };
    let (tone, word) = effect_word(item.effect);
    let now = item.now.as_deref().map_or_else(|| "–".to_owned(), short_digest);
    view! {
        <Status tone=tone text=word/>
        <span class="note block"><code class="mono">{now}</code>" → "<code class="mono">{short_digest(&item.then)}</code></span>
        {item.detail.map(|note| view! { <span class="note block">{note.say(lang())}</span> })}
        {item.accessory.map(super::lines::about)}
    }
    .into_any()
}
