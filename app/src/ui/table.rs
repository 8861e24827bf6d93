//! Tables that become cards on a narrow screen, chips that say which filter is on, and the pager.

use leptos::prelude::*;

use crate::text::t;

/// Head of one column.
#[derive(Debug, Clone)]
pub struct Col {
    text: String,
    number: bool,
    unseen: bool,
}

impl Col {
    /// A column of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), number: false, unseen: false }
    }

    /// A column of numbers, set right.
    pub fn number(text: impl Into<String>) -> Self {
        Self { text: text.into(), number: true, unseen: false }
    }

    /// A column of buttons: its head is read out but not shown.
    pub fn actions() -> Self {
        Self { text: t("Actions", "操作").to_owned(), number: false, unseen: true }
    }
}

/// A table with its caption for those who do not see the heading near it. Children: `<tr>` with [`Cell`]s.
#[component]
pub fn DataTable(#[prop(into)] caption: String, cols: Vec<Col>, children: Children) -> impl IntoView {
    let heads = cols
        .into_iter()
        .map(|col| {
            let class = if col.number { "n" } else { "" };
            if col.unseen {
                view! { <th scope="col"><span class="unseen">{col.text}</span></th> }.into_any()
            } else {
                view! { <th scope="col" class=class>{col.text}</th> }.into_any()
            }
        })
        .collect_view();
    view! {
        <table class="data">
            <caption class="unseen">{caption}</caption>
            <thead><tr>{heads}</tr></thead>
            <tbody>{children()}</tbody>
        </table>
    }
    .into_any()
}

/// A cell. `label` is the column's head, shown beside the value when rows are cards; none = the card's heading or buttons.
#[component]
pub fn Cell(#[prop(optional, into)] label: Option<String>, #[prop(optional)] number: bool, children: Children) -> impl IntoView {
    view! { <td class=if number { "n" } else { "" } data-label=label><span class="cell">{children()}</span></td> }.into_any()
}

/// A filter that is on: the link takes it away.
#[component]
pub fn FilterChip(#[prop(into)] text: String, #[prop(into)] without: String) -> impl IntoView {
    let label = format!("{}: {text}", t("Remove filter", "移除筛选"));
    view! { <a class="filter-chip" href=without aria-label=label>{text}<span aria-hidden="true">" ×"</span></a> }.into_any()
}

/// "Next page" and "First page". `base` is the address without `after`, with or without a query.
#[component]
pub fn Pager(
    #[prop(into)] base: String,
    next: Option<String>,
    #[prop(optional)] paged: bool,
    #[prop(optional, into)] total: Option<String>,
) -> impl IntoView {
    let glue = if base.contains('?') { '&' } else { '?' };
    let next = next.map(|cursor| format!("{base}{glue}after={}", super::form::url_part(&cursor)));
    let empty = next.is_none() && !paged && total.is_none();
    (!empty).then(|| {
        view! {
            <nav class="pager" aria-label=t("Pages", "分页")>
                {total.map(|total| view! { <span class="note">{total}</span> })}
                {paged.then(|| view! { <a class="btn small" href=base rel="first">{t("First page", "首页")}</a> })}
                {next.map(|href| view! { <a class="btn small" href=href rel="next">{t("Next page", "下一页")}</a> })}
            </nav>
        }
    })
}
