//! The page for addresses that lead nowhere.

use leptos::prelude::*;

use super::{LinkButton, PageHead};
use crate::text::t;

/// Says so, and where to go instead.
#[component]
pub fn NotFound() -> impl IntoView {
    if let Some(answer) = use_context::<leptos_axum::ResponseOptions>() {
        answer.set_status(http::StatusCode::NOT_FOUND);
    }
    view! {
        <PageHead title=t("There is no page at this address.", "此地址没有页面。") here=t("Not found", "未找到")>
            {t("The address may be mistyped, or what it showed was removed.", "地址可能有误，或其内容已被移除。")}
        </PageHead>
        <LinkButton href="/" text=t("Go to the home page", "返回首页")/>
    }
    .into_any()
}
