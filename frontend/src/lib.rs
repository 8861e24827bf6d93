//! The browser's entry: makes the page that the server wrote come alive. Nothing else, ever.

#![recursion_limit = "512"]

/// Takes over the page.
#[wasm_bindgen::prelude::wasm_bindgen(start)]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(app::App);
}
