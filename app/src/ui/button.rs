//! Buttons and links that look like them. The text says exactly what happens; there is no "OK".

use leptos::prelude::*;

/// How much a button asks for attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ButtonKind {
    /// The one next step of a page.
    Primary,
    /// Everything else.
    #[default]
    Plain,
    /// Takes something away.
    Danger,
    /// In a table row.
    Small,
}

impl ButtonKind {
    /// The classes of the look.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Primary => "btn primary",
            Self::Plain => "btn",
            Self::Danger => "btn danger",
            Self::Small => "btn small",
        }
    }
}

/// Sends the form it is in. `name` and `value` tell two buttons of one form apart.
#[component]
pub fn SubmitButton(
    #[prop(into)] text: String,
    #[prop(optional)] kind: ButtonKind,
    #[prop(optional)] name: Option<&'static str>,
    #[prop(optional, into)] value: Option<String>,
    #[prop(optional, into)] disabled: Signal<bool>,
) -> impl IntoView {
    let pending = super::form::try_form().map(|form| form.pending);
    let busy = move || pending.is_some_and(|p| p.get());
    view! {
        <button type="submit" class=kind.class() name=name value=value disabled=move || disabled.get() || busy() aria-busy=move || busy().then_some("true")>
            {text}
        </button>
    }
    .into_any()
}

/// A button of the page itself: it needs the browser part, so it is off until that runs.
#[component]
pub fn Button(
    #[prop(into)] text: String,
    #[prop(optional)] kind: ButtonKind,
    on_press: impl Fn() + Clone + Send + Sync + 'static,
) -> impl IntoView {
    let hydrated = super::live::use_hydrated();
    view! {
        <button type="button" class=kind.class() disabled=move || !hydrated.get() on:click=move |_| on_press()>
            {text}
        </button>
    }
    .into_any()
}

/// A link that looks like a button.
#[component]
pub fn LinkButton(#[prop(into)] href: String, #[prop(into)] text: String, #[prop(optional)] kind: ButtonKind) -> impl IntoView {
    view! { <a class=kind.class() href=href>{text}</a> }.into_any()
}
