//! A state as shape, word and colour: readable without any one of the three.

use leptos::prelude::*;

/// What kind of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Good: a tick in a disc.
    Ok,
    /// To look at: a triangle.
    Warn,
    /// Failed: a cross in an octagon.
    Fail,
    /// Going on: an open ring.
    Run,
    /// Held or locked: a padlock.
    Held,
    /// Nothing to say: a circle.
    Idle,
}

impl Tone {
    /// The class that gives the colour.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Run => "run",
            Self::Held => "held",
            Self::Idle => "idle",
        }
    }

    /// Filled part of the shape, and the lines on it.
    const fn paths(self) -> (&'static str, &'static str) {
        match self {
            Self::Ok => ("M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1", "M4.5 8.2 7 10.6 11.5 5.7"),
            Self::Warn => ("M8 1.5 15.2 14.2H.8z", "M8 6v4M8 11.4v1.2"),
            Self::Fail => ("M5 1h6l4 4v6l-4 4H5l-4-4V5z", "m5.5 5.5 5 5m0-5-5 5"),
            Self::Run => ("", "M8 2a6 6 0 1 1-6 6"),
            Self::Held => ("M2.5 7h11v7.5h-11z", "M5 7V5a3 3 0 0 1 6 0v2"),
            Self::Idle => ("", "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2"),
        }
    }
}

/// The shape alone, beside a word that is said elsewhere.
#[component]
pub fn StatusShape(tone: Tone) -> impl IntoView {
    let class = tone.class();
    view! { <svg class=format!("shape {class}") aria-hidden="true"><use href=format!("#shape-{class}")></use></svg> }.into_any()
}

/// Every shape, drawn once in a page; the others are its uses.
#[component]
pub fn Shapes() -> impl IntoView {
    let shapes = [Tone::Ok, Tone::Warn, Tone::Fail, Tone::Run, Tone::Held, Tone::Idle]
        .map(|tone| {
            let (filled, lines) = tone.paths();
            let filled = (!filled.is_empty()).then(|| view! { <path class="fill" d=filled></path> });
            view! { <symbol id=format!("shape-{}", tone.class()) viewBox="0 0 16 16">{filled}<path class="cut" d=lines></path></symbol> }
        })
        .collect_view();
    view! { <svg class="sprite" width="0" height="0" aria-hidden="true">{shapes}</svg> }.into_any()
}

/// Shape and word.
#[component]
pub fn Status(tone: Tone, #[prop(into)] text: String) -> impl IntoView {
    view! {
        <span class=format!("s {}", tone.class())>
            <StatusShape tone=tone/>
            <span>{text}</span>
        </span>
    }
    .into_any()
}
