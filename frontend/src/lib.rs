//! The browser's entry: makes the page that the server wrote come alive. Nothing else, ever.

#![recursion_limit = "512"]

/// Takes over the page. Called by the script that the page carries, so it must not start by itself too.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(app::App);
}
