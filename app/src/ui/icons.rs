//! Line icons of the rail and of actions: 16 units wide, drawn with the colour of the text around them.

use leptos::prelude::*;

/// Which drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    /// A house.
    Home,
    /// Four tiles.
    Projects,
    /// A clock running backwards.
    Restores,
    /// A tick.
    Approvals,
    /// Lines.
    Jobs,
    /// A written page.
    Audit,
    /// Waves under a mast.
    Harbors,
    /// A safe.
    Vaults,
    /// A calendar.
    Plans,
    /// A person.
    Admin,
    /// A magnifier.
    Search,
    /// A bell.
    Bell,
    /// A padlock.
    Lock,
    /// Two sheets.
    Copy,
}

impl Icon {
    /// The path data of the drawing.
    const fn path(self) -> &'static str {
        match self {
            Self::Home => "M2.5 7 8 2.5 13.5 7v6.5h-4V9.5h-3v4h-4z",
            Self::Projects => "M2.5 2.5H7V7H2.5zM9 2.5h4.5V7H9zM2.5 9H7v4.5H2.5zM9 9h4.5v4.5H9z",
            Self::Restores => "M3 8a5 5 0 1 0 1.6-3.7M3 2.5v3h3M8 5.5V8l2 1.2",
            Self::Approvals => "M3 8.5 6.2 11.7 13 4.5",
            Self::Jobs => "M2.5 4h11M2.5 8h11M2.5 12h7",
            Self::Audit => "M4 2.5h6l2.5 2.5v8.5H4zM6 7h4M6 10h4",
            Self::Harbors => "M2.5 10c1.8 0 1.8 1.2 3.6 1.2S8 10 9.8 10s1.9 1.2 3.7 1.2M8 2.5v6M5 5.5h6",
            Self::Vaults => "M2.5 3h11v10h-11zM8 5.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4",
            Self::Plans => "M2.5 3.5h11v10h-11zM2.5 6.5h11M5.5 2v3M10.5 2v3",
            Self::Admin => "M8 3a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5M3 13.5c.6-3 2.4-4 5-4s4.4 1 5 4",
            Self::Search => "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.2 10.2l3.5 3.5",
            Self::Bell => "M4 11.5V7.5a4 4 0 0 1 8 0v4l1 1H3zM6.5 13a1.6 1.6 0 0 0 3 0",
            Self::Lock => "M3.5 7.5h9v6h-9zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
            Self::Copy => "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
        }
    }
}

/// The drawing, hidden from screen readers: the word beside it says the same.
#[component]
pub fn Drawing(icon: Icon) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d=icon.path()></path>
        </svg>
    }
    .into_any()
}

/// The mark of the product: a breakwater's roof over a wave.
#[component]
pub fn Mark() -> impl IntoView {
    view! {
        <svg class="mark" viewBox="0 0 22 22" width="22" height="22" aria-hidden="true" focusable="false">
            <path d="M2 15c3 0 3 2.5 6 2.5S11 15 14 15s3 2.5 6 2.5"></path>
            <path d="M5 10.5 11 4l6 6.5"></path>
        </svg>
    }
    .into_any()
}
