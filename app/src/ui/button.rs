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
) -> impl IntoView {
    view! { <button type="submit" class=kind.class() name=name value=value>{text}</button> }.into_any()
}

/// A link that looks like a button.
#[component]
pub fn LinkButton(#[prop(into)] href: String, #[prop(into)] text: String, #[prop(optional)] kind: ButtonKind) -> impl IntoView {
    view! { <a class=kind.class() href=href>{text}</a> }.into_any()
}
