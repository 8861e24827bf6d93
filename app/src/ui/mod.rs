//! The design system: every part a page is made of, and nothing that knows what a page is about.
//!
//! A page reads: `Load` asks, shows failure or content, and is replaced when what it depends on changes; `PageHead` says the answer in one sentence; `Panel`,
//! `DataTable`, `KeyValue` show the facts; `PostForm` with its fields changes something. State is always shape, word and colour
//! (`Status`). Invariants: no `style=` attribute and no inline handler (the content policy forbids both); nothing here reads a clock but
//! [`clock`]; every form works as a plain post, every page without a script. What scripts act on is named by `data-…` attributes and by
//! `id`s that say so.
//!
//! `use crate::ui::*;` brings in all a page needs.

pub mod button;
pub mod came_back;
pub mod cli_twin;
pub mod clock;
pub mod day_strip;
pub mod digest;
pub mod fields;
pub mod form;
pub mod gallery;
pub mod help;
pub mod icons;
pub mod nav;
pub mod not_found;
pub mod page;
pub mod page_state;
pub mod region;
pub mod rights;
pub mod status;
pub mod table;
pub mod top_bar;

pub use button::{ButtonKind, LinkButton, SubmitButton};
pub use came_back::{CameBack, came_back};
pub use cli_twin::{CliTwin, shell_line};
pub use clock::{Exact, When, bare, long, minute, page_zone, use_now};
pub use day_strip::DayStrip;
pub use digest::{CopyButton, Digest};
pub use fields::{Checkbox, ConfirmType, Field, Hidden, Select, TextArea};
pub use form::{ErrorSummary, FormState, GetForm, PostForm, Refused, url_part, use_form};
pub use icons::Icon;
pub use leptos::server_fn::ServerFn;
pub use page::{Bar, Callout, Columns, KeyValue, Kv, PageHead, Panel, Progress, Row, Stack, Steps, SubItem};
pub use page_state::{Empty, EmptyKind, ErrorBlock, Load, error_text, use_id, use_param, use_query, use_shell, viewer};
pub use region::{Later, Topic};
pub use rights::{IfDuty, MayNot, has_duty, may_ask, may_back_up, of_asking, of_duty};
pub use status::{Status, Tone};
pub use table::{Cell, Col, DataTable, FilterChip, Pager};
