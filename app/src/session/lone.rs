//! A page without the rail: for those who are not signed in.

use leptos::prelude::*;

use crate::ui::icons::Mark;
use crate::ui::top_bar::DisplayForms;

/// A narrow page with its sentence.
#[component]
pub fn Lone(#[prop(into)] title: String, #[prop(into)] here: String, children: Children) -> impl IntoView {
    crate::render::set_title(&here);
    view! {
        <main class="lone" id="main">
            <p class="brand"><Mark/><span>"Breakwater"</span></p>
            <h1>{title}</h1>
            {children()}
            <footer class="lone-foot"><DisplayForms/></footer>
        </main>
    }
    .into_any()
}
