//! What changed elsewhere reaches the page: one stream, one version per topic.
//!
//! The stream (`/events`) says which topic changed and nothing else; a resource made by [`fetch`] has the topic's version as a
//! source and so asks again, under its own rights. A hidden tab closes its stream and asks for everything when it is seen
//! again, so that many open tabs do not use up the browser's connections.

use std::future::Future;
use std::time::Duration;

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos::wasm_bindgen::closure::Closure;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// Changes are gathered this long, so a page asks at most twice a second.
const GATHER: Duration = Duration::from_millis(500);

/// What a page depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Jobs and their progress.
    Jobs,
    /// Restore requests and votes.
    Requests,
    /// Snapshots.
    Snapshots,
    /// Harbors.
    Harbors,
    /// Vaults.
    Vaults,
    /// Plans.
    Plans,
    /// Accounts and roles.
    Accounts,
    /// Anything at all: the home page and the shell.
    Any,
}

impl Topic {
    const ALL: [Self; 7] = [Self::Jobs, Self::Requests, Self::Snapshots, Self::Harbors, Self::Vaults, Self::Plans, Self::Accounts];

    const fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Requests => "requests",
            Self::Snapshots => "snapshots",
            Self::Harbors => "harbors",
            Self::Vaults => "vaults",
            Self::Plans => "plans",
            Self::Accounts => "accounts",
            Self::Any => "any",
        }
    }
}

/// How the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveState {
    /// No browser part, or not signed in: nothing is live.
    Off,
    /// Open.
    Live,
    /// Broken off; the browser tries again.
    Reconnecting,
}

/// The versions of all topics and the state of the stream.
#[derive(Clone, Copy)]
pub struct Live {
    versions: StoredValue<[RwSignal<u64>; 7]>,
    any: RwSignal<u64>,
    /// State of the stream.
    pub state: RwSignal<LiveState>,
}

/// The browser part runs.
#[derive(Clone, Copy)]
struct Hydrated(RwSignal<bool>);

impl Live {
    /// The version of a topic; reading it inside a resource's source makes the resource depend on it.
    #[must_use]
    pub fn version(&self, topic: Topic) -> u64 {
        match Topic::ALL.iter().position(|t| *t == topic) {
            Some(i) => self.versions.with_value(|v| v[i].get()),
            None => self.any.get(),
        }
    }

    /// A topic changed.
    pub fn touch(&self, topic: Topic) {
        if let Some(i) = Topic::ALL.iter().position(|t| *t == topic) {
            self.versions.with_value(|v| v[i].update(|n| *n += 1));
        }
        self.any.update(|n| *n += 1);
    }

    /// Everything may have changed.
    pub fn touch_all(&self) {
        self.versions.with_value(|v| {
            for version in v {
                version.update(|n| *n += 1);
            }
        });
        self.any.update(|n| *n += 1);
    }
}

/// The live context.
///
/// # Panics
/// Outside the app.
#[must_use]
pub fn use_live() -> Live {
    expect_context::<Live>()
}

/// Whether the browser part runs: false on the server and in the first picture.
#[must_use]
pub fn use_hydrated() -> RwSignal<bool> {
    use_context::<Hydrated>().map_or_else(|| RwSignal::new(false), |h| h.0)
}

/// A resource that asks again when `topic` changes or `source` does.
pub fn fetch<S, T, F>(
    topic: Topic,
    source: impl Fn() -> S + Send + Sync + 'static,
    ask: impl Fn(S) -> F + Send + Sync + 'static,
) -> Resource<Result<T, ApiError>>
where
    S: PartialEq + Clone + Send + Sync + 'static,
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    F: Future<Output = Result<T, ApiError>> + Send + 'static,
{
    let live = use_live();
    Resource::new(move || (source(), live.version(topic)), move |(source, _)| ask(source))
}

/// Provides the contexts, marks the document once the browser part runs, and opens the stream for those signed in.
pub fn provide_live() -> Live {
    let live = Live {
        versions: StoredValue::new(std::array::from_fn(|_| RwSignal::new(0))),
        any: RwSignal::new(0),
        state: RwSignal::new(LiveState::Off),
    };
    provide_context(live);
    let hydrated = RwSignal::new(false);
    provide_context(Hydrated(hydrated));
    Effect::new(move |_| {
        // After the parts of the page that wait for data have come alive too.
        set_timeout(
            move || {
                hydrated.set(true);
                if let Some(root) = document().document_element() {
                    let _ = root.set_attribute("data-hydrated", "");
                }
            },
            Duration::from_millis(0),
        );
    });
    live
}

/// Opens the stream. Called once, in the browser, when the shell says someone is signed in.
pub fn open_stream(live: Live) {
    let stream = StoredValue::new_local(None::<web_sys::EventSource>);
    let start = move || {
        if stream.with_value(Option::is_none)
            && let Ok(source) = web_sys::EventSource::new("/events")
        {
            listen(live, &source);
            stream.set_value(Some(source));
        }
    };
    let seen = Closure::<dyn Fn()>::new(move || {
        if document().hidden() {
            if let Some(source) = stream.try_update_value(Option::take).flatten() {
                source.close();
            }
        } else {
            start();
        }
    });
    let _ = document().add_event_listener_with_callback("visibilitychange", seen.as_ref().unchecked_ref());
    // Lives as long as the document.
    seen.forget();
    if !document().hidden() {
        start();
    }
}

fn listen(live: Live, source: &web_sys::EventSource) {
    // Outlives every owner: the stream does too.
    let waiting = std::rc::Rc::new(std::cell::RefCell::new(Vec::<String>::new()));
    let on_change = Closure::<dyn Fn(web_sys::MessageEvent)>::new(move |event: web_sys::MessageEvent| {
        live.state.set(LiveState::Live);
        let Some(topic) = event.data().as_string() else { return };
        let first = waiting.borrow().is_empty();
        waiting.borrow_mut().push(topic);
        if first {
            let waiting = std::rc::Rc::clone(&waiting);
            set_timeout(move || tell(live, &waiting.take()), GATHER);
        }
    });
    let on_open = Closure::<dyn Fn()>::new(move || live.state.set(LiveState::Live));
    let on_error = Closure::<dyn Fn()>::new(move || live.state.set(LiveState::Reconnecting));
    let _ = source.add_event_listener_with_callback("change", on_change.as_ref().unchecked_ref());
    let _ = source.add_event_listener_with_callback("resync", on_change.as_ref().unchecked_ref());
    source.set_onopen(Some(on_open.as_ref().unchecked_ref()));
    source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    on_change.forget();
    on_open.forget();
    on_error.forget();
}

fn tell(live: Live, topics: &[String]) {
    if topics.iter().any(|t| t == "resync") {
        live.touch_all();
        return;
    }
    for topic in Topic::ALL {
        if topics.iter().any(|t| t == topic.name()) {
            live.touch(topic);
        }
    }
}
