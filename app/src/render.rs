//! A request for a page, and the page as its answer.
//!
//! First the shell is asked for (who reads, what the frame counts), then the page is drawn, which asks for what it shows as it goes; status
//! and headers are those that the calls set, so nothing is sent before all is there. What comes out is plain HTML without a script in it:
//! there is nothing for a browser to take over.
//! Rejected: the framework's own answer, which writes data for a browser part and inline scripts into each page, and its router, whose
//! one type of all routes took most of the time to compile.

use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt as _;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};
use leptos::prelude::*;
use leptos::reactive::computed::ScopedFuture;
use leptos::reactive::owner::Sandboxed;
use leptos_axum::ResponseOptions;

use crate::address::Address;
use crate::pages::Page;
use crate::session::calls::get_shell;
use crate::session::display::Display;
use crate::text::provide_lang;
use crate::ui::nav::Frame;
use crate::ui::page_state::{PageShell, use_shell};
use crate::ui::status::Shapes;

/// Scripts that the first one imports, asked for at the same time.
const SCRIPTS: [&str; 7] = ["keys", "forms", "live", "page", "times", "regions", "morph"];

/// The answer to a request for `page`. `context` provides the backend.
pub async fn render(page: Page, parts: Parts, context: impl FnOnce() + Send + 'static) -> Response<String> {
    let answer = ResponseOptions::default();
    let owner = Owner::new_root(None);
    let drawn = Sandboxed::new({
        let (owner, answer) = (owner.clone(), answer.clone());
        async move {
            let shell = owner.with(|| {
                context();
                provide_context(Address::of(page.path, parts.uri.path(), parts.uri.query()));
                provide_context(parts);
                provide_context(answer);
                provide_context(PageTitle::default());
                ScopedFuture::new(get_shell())
            });
            let shell = shell.await;
            let body = owner.with(|| {
                let display = Display::here();
                provide_lang(display.lang);
                provide_context(display.theme);
                provide_context(Arc::new(display.zone));
                if let Ok(shell) = shell {
                    provide_context(PageShell(Arc::new(shell)));
                }
                let inside = page.draw;
                let body = if page.framed { view! { <Frame>{inside()}</Frame> }.into_any() } else { inside() };
                view! { <Shapes/>{body} }.to_html_stream_in_order()
            });
            let body = body.collect::<String>().await;
            owner.with(|| document(&body))
        }
    });
    let html = drawn.await;
    owner.unset_with_forced_cleanup();
    let parts = answer.0.read().unwrap_or_else(PoisonError::into_inner).clone();
    let mut response = Response::new(html);
    *response.status_mut() = parts.status.unwrap_or(StatusCode::OK);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response.headers_mut().extend(parts.headers);
    response
}

/// What the tab says; the page sets it.
#[derive(Clone, Default)]
struct PageTitle(Arc<Mutex<String>>);

/// Sets what the tab says: where one is.
pub fn set_title(here: &str) {
    if let Some(title) = use_context::<PageTitle>() {
        *title.0.lock().unwrap_or_else(PoisonError::into_inner) = format!("{here} · Breakwater");
    }
}

/// The document around a page.
fn document(body: &str) -> String {
    let display = Display::here();
    let shell = use_shell();
    let title = expect_context::<PageTitle>().0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let zone = display.zone.zone.name.clone();
    let now = shell.as_ref().map(|shell| shell.now.url());
    let keys = shell.as_ref().is_some_and(|shell| shell.single_keys);
    let live = shell.is_some_and(|shell| shell.me.is_some());
    let preloads = SCRIPTS.map(|name| view! { <link rel="modulepreload" href=format!("/pkg/{name}.js")/> }).collect_view();
    let lang = display.lang.code();
    let html = view! {
        <html lang=lang data-theme=display.theme_attribute() data-zone=zone data-zone-chosen=display.zone.chosen data-now=now data-keys=keys data-live=live>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <title>{title}</title>
                <link rel="stylesheet" href="/pkg/breakwater.css"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <script type="module" src="/pkg/breakwater.js"></script>
                {preloads}
            </head>
            <body inner_html=body.to_owned()></body>
        </html>
    };
    // The framework's marks for a browser part are left out: nothing looks for them. In texts and attributes `<` is escaped.
    format!("<!DOCTYPE html>{}", html.to_html().replace("<!>", ""))
}
