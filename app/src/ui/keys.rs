//! Single keys, unless the reader switched them off on the profile page: `/` searches, `[` and `]` go a snapshot back and on, `g` and a letter goes somewhere, `?` explains. Never while something is being typed.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::page_state::{ShellResource, use_shell};

/// Where `g` and a letter lead.
pub const GO: [(&str, &str); 9] = [
    ("h", "/"),
    ("p", "/projects"),
    ("r", "/restores"),
    ("a", "/approvals"),
    ("j", "/jobs"),
    ("l", "/audit"),
    ("b", "/harbors"),
    ("v", "/vaults"),
    ("s", "/plans"),
];

/// Longest pause between `g` and its letter.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(1_500);

fn typing(event: &web_sys::KeyboardEvent) -> bool {
    let Some(element) = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok()) else { return false };
    matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT") || element.closest("[contenteditable]").ok().flatten().is_some()
}

/// Whether the reader's account says that single keys do something.
fn are_on(shell: ShellResource) -> bool {
    shell.get_untracked().is_some_and(|shell| shell.is_ok_and(|shell| shell.single_keys))
}

/// Listens for the keys; does nothing on the server.
pub fn listen_for_keys() {
    let navigate = use_navigate();
    let after_g = StoredValue::new(false);
    let shell = use_shell();
    Effect::new(move |_| {
        let navigate = navigate.clone();
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            if event.ctrl_key() || event.meta_key() || event.alt_key() || typing(&event) || !are_on(shell) {
                return;
            }
            let key = event.key();
            if after_g.get_value() {
                after_g.set_value(false);
                if let Some((_, path)) = GO.iter().find(|(letter, _)| *letter == key) {
                    event.prevent_default();
                    navigate(path, NavigateOptions::default());
                }
                return;
            }
            match key.as_str() {
                "/" => {
                    event.prevent_default();
                    focus("q");
                }
                "?" => super::help::open(),
                "[" => press("snapshot-before"),
                "]" => press("snapshot-after"),
                "g" => {
                    after_g.set_value(true);
                    set_timeout(move || after_g.set_value(false), PAUSE);
                }
                _ => {}
            }
        });
        on_cleanup(move || handle.remove());
    });
}

/// Follows the link with this id, where the page has one.
fn press(id: &str) {
    if let Some(link) = document().get_element_by_id(id).and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()) {
        link.click();
    }
}

/// Moves the focus to the element with this id.
pub fn focus(id: &str) {
    if let Some(element) = document().get_element_by_id(id).and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = element.focus();
    }
}
