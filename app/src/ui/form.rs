//! Forms: plain posts that are answered by a page.
//!
//! A refused post comes back to its page with the error and the fields that are no secret (see [`super::came_back`]); [`FormState`] reads
//! both. Fields are named `prefix[name]` where the server function takes one struct; errors name them without the prefix.

use std::collections::BTreeMap;
use std::sync::Arc;

use leptos::context::Provider;
use leptos::prelude::*;
use leptos::server_fn::ServerFn as _;

use super::button::ButtonKind;
use super::came_back::came_back;
use super::page_state::error_text;
use super::status::{StatusShape, Tone};
use crate::error::ApiError;
use crate::sentence::Sentence as _;
use crate::session::calls::StepUp;
use crate::text::{lang, t};

/// What a form's fields need to know.
#[derive(Clone)]
pub struct FormState {
    /// The refusal of the last try, if it was refused.
    pub error: Option<Arc<ApiError>>,
    kept: Arc<BTreeMap<String, String>>,
    prefix: &'static str,
    id: &'static str,
}

impl FormState {
    /// The state of the form that is posted to `call`; `also` is another function the same form can be sent to.
    #[must_use]
    pub fn of(call: &'static str, prefix: &'static str, id: &'static str, also: Option<&'static str>) -> Self {
        let calls: Vec<&str> = std::iter::once(call).chain(also).collect();
        let came = came_back(&calls).unwrap_or_default();
        Self { error: came.error.map(Arc::new), kept: Arc::new(came.kept), prefix, id }
    }

    /// The value a field starts with: what was typed before a refusal, else `default`.
    #[must_use]
    pub fn start(&self, name: &str, default: &str) -> String {
        self.kept.get(name).cloned().unwrap_or_else(|| default.to_owned())
    }

    /// Whether a value of a list was posted before.
    #[must_use]
    pub fn had(&self, list: &str, value: &str) -> bool {
        let is_in = |name: &String| name.strip_prefix(list).is_some_and(|rest| rest.starts_with('['));
        self.kept.iter().any(|(name, kept)| is_in(name) && kept == value)
    }

    /// Whether the form came back, so that unset boxes are known to be unset.
    #[must_use]
    pub fn came_back(&self) -> bool {
        !self.kept.is_empty()
    }

    /// The name of a field in the posted form.
    #[must_use]
    pub fn input_name(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}[{name}]", self.prefix) }
    }

    /// The id of a field's control.
    #[must_use]
    pub fn input_id(&self, name: &str) -> String {
        format!("{}-{name}", self.id)
    }

    /// What is wrong with a field.
    #[must_use]
    pub fn error_of(&self, name: &str) -> Option<String> {
        self.error.as_ref()?.of_field(name).map(|message| message.say(lang()))
    }
}

/// The form this part is in.
///
/// # Panics
/// Outside a [`PostForm`].
#[must_use]
pub fn use_form() -> FormState {
    try_form().expect("fields stand inside a PostForm")
}

/// The form this part is in, if it is in one.
#[must_use]
pub fn try_form() -> Option<FormState> {
    use_context::<FormState>()
}

/// A form that is posted to a server function. Shows the summary of a refusal at its top.
///
/// `prefix`: name of the function's one struct argument, empty where the arguments are plain. `id` tells several forms of a page
/// apart. A second click while it is on its way does nothing (script `forms`).
#[component]
pub fn PostForm(
    /// Address of the function.
    call: &'static str,
    #[prop(optional)] prefix: &'static str,
    #[prop(default = "f")] id: &'static str,
    #[prop(default = "form")] class: &'static str,
    /// Address of another function one of the buttons sends this form to.
    #[prop(optional)]
    also: Option<&'static str>,
    /// Leave the summary to the page.
    #[prop(optional)]
    quiet: bool,
    children: Children,
) -> impl IntoView {
    let state = FormState::of(call, prefix, id, also);
    view! {
        <form method="post" action=call class=class novalidate="">
            <Provider value=state>
                {(!quiet).then(|| view! { <ErrorSummary/> })}
                {children()}
            </Provider>
        </form>
    }
    .into_any()
}

/// What was refused, at the top of the form, with links to the fields at fault. It has the focus when the page opens.
#[component]
pub fn ErrorSummary() -> impl IntoView {
    let form = use_form();
    let Some(error) = form.error.clone() else { return ().into_any() };
    let fields = error
        .fields
        .iter()
        .map(|f| {
            // Lines of a check-list belong to no field.
            let at_field = !f.field.contains(':');
            let href = at_field.then(|| format!("#{}", form.input_id(&f.field)));
            view! { <li><a href=href>{f.message.say(lang())}</a></li> }
        })
        .collect_view();
    let many = error.fields.len() > 1 || error.fields.first().is_some_and(|f| f.message != *error.message);
    let again = (error.code == ApiError::STEP_UP).then(|| view! { <PasswordAgain/> });
    let request = error.request_id.clone().filter(|_| error.fields.is_empty());
    view! {
        <div role="alert" class="alerts">
            <div class="error-summary" tabindex="-1" autofocus="">
                <StatusShape tone=Tone::Fail/>
                <div>
                    <p><strong>{t("Not done: ", "未执行：")}</strong>{error_text(&error)}</p>
                    {again}
                    {(many && !error.fields.is_empty()).then(|| view! { <ul>{fields}</ul> })}
                    {request.map(|id| view! { <p class="note">{t("request", "请求编号")}" "<code class="mono">{id}</code></p> })}
                </div>
            </div>
        </div>
    }
    .into_any()
}

/// What was refused of a call whose quiet forms stand in the rows below.
#[component]
pub fn Refused(call: &'static str) -> impl IntoView {
    view! { <Provider value=FormState::of(call, "", "f", None)><ErrorSummary/></Provider> }.into_any()
}

/// Id of the form that [`PasswordAgain`]'s fields belong to. Forms do not nest, and whatever was being sent must stay as it is.
const STEP_UP_FORM: &str = "step-up";

/// That form. The script `forms` posts it in place; where it comes back by itself, it says what was wrong and asks again.
#[component]
pub fn StepUpForm() -> impl IntoView {
    let refused = came_back(&[StepUp::PATH]).and_then(|came| came.error).map(|error| {
        view! {
            <div role="alert" class="alerts">
                <div class="error-summary" tabindex="-1" autofocus="">
                    <StatusShape tone=Tone::Fail/>
                    <div><p id="step-up-refused">{error_text(&error)}</p><PasswordAgain/></div>
                </div>
            </div>
        }
    });
    view! { {refused}<form method="post" action=StepUp::PATH id=STEP_UP_FORM class="unseen"></form> }.into_any()
}

/// Asks for the password once more, in the middle of a form whose text stays.
#[component]
fn PasswordAgain() -> impl IntoView {
    view! {
        <p class="again">
            <label for="password-again">{t("Your password", "您的密码")}</label>
            <input id="password-again" name="password_again" type="password" autocomplete="current-password" form=STEP_UP_FORM/>
            <button type="submit" class=ButtonKind::Small.class() form=STEP_UP_FORM>{t("Confirm", "确认")}</button>
            <span role="status" id="step-up-answer" data-done=t("Thank you. Now send it again.", "谢谢，请再次提交。")></span>
        </p>
    }
}

/// A form that changes nothing: filters and searches, whose state is the address.
#[component]
pub fn GetForm(
    #[prop(into)] action: String,
    #[prop(default = "filters")] class: &'static str,
    #[prop(optional)] search: bool,
    /// Parts of the address that have no field here and stay as they are.
    #[prop(optional)]
    keep: Vec<(&'static str, Option<String>)>,
    children: Children,
) -> impl IntoView {
    let kept = keep
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| view! { <input type="hidden" name=name value=value/> }))
        .collect_view();
    view! {
        <form method="get" action=action class=class role=search.then_some("search")>
            {kept}
            {children()}
        </form>
    }
    .into_any()
}

/// `text` as part of a query: everything but letters, digits and `-_.~` is escaped.
#[must_use]
pub fn url_part(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_address_cannot_add_parameters() {
        assert_eq!(url_part("a&b=c/ü?"), "a%26b%3Dc%2F%C3%BC%3F");
    }
}
