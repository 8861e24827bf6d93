//! Forms that work as plain posts and better with the browser part.
//!
//! A refused plain post comes back to its page with the error and the fields that are no secret (see [`super::came_back`]).
//! [`FormState`] reads both, so the page shows the same with and without script. Fields are named `prefix[name]` where the
//! server function takes one struct; errors name them without the prefix.

use std::collections::BTreeMap;

use leptos::context::Provider;
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos::server_fn::client::Client;
use leptos::server_fn::codec::PostUrl;
use leptos::server_fn::request::ClientReq;
use leptos::server_fn::{Http, ServerFn};
use leptos::web_sys::FormData;
use serde::de::DeserializeOwned;

use super::button::ButtonKind;
use super::came_back::came_back;
use super::live::use_live;
use super::page_state::error_text;
use super::status::{StatusShape, Tone};
use crate::error::ApiError;
use crate::said::said;
use crate::session::calls::StepUp;
use crate::text::t;

/// What a form's fields need to know.
#[derive(Clone, Copy)]
pub struct FormState {
    /// The refusal of the last try, if it was refused.
    pub error: Signal<Option<ApiError>>,
    /// The form was sent and has not been answered.
    pub pending: Signal<bool>,
    kept: StoredValue<BTreeMap<String, String>>,
    prefix: &'static str,
    id: &'static str,
}

impl FormState {
    /// The state of the form that calls `action`; `also` is another function the same form can be sent to.
    #[must_use]
    pub fn of<S>(action: ServerAction<S>, prefix: &'static str, id: &'static str, also: Option<&'static str>) -> Self
    where
        S: ServerFn<Error = ApiError> + Clone + Send + Sync + 'static,
        S::Output: Send + Sync + 'static,
    {
        let calls: Vec<&str> = std::iter::once(S::PATH).chain(also).collect();
        let came = came_back(&calls).unwrap_or_default();
        let (refused, kept) = (came.error, came.kept);
        let value = action.value();
        let version = action.version();
        let error = Signal::derive(move || {
            if version.get() == 0 { refused.clone() } else { value.with(|v| v.as_ref().and_then(|r| r.as_ref().err().cloned())) }
        });
        Self { error, pending: action.pending().into(), kept: StoredValue::new(kept), prefix, id }
    }

    /// The value a field starts with: what was typed before a refusal, else `default`.
    #[must_use]
    pub fn start(&self, name: &str, default: &str) -> String {
        self.kept.with_value(|kept| kept.get(name).cloned()).unwrap_or_else(|| default.to_owned())
    }

    /// Whether a value of a list was posted before.
    #[must_use]
    pub fn had(&self, list: &str, value: &str) -> bool {
        let is_in = |name: &String| name.strip_prefix(list).is_some_and(|rest| rest.starts_with('['));
        self.kept.with_value(|kept| kept.iter().any(|(name, kept)| is_in(name) && kept == value))
    }

    /// Whether the form came back refused from a plain post, so that unset boxes are known to be unset.
    #[must_use]
    pub fn came_back(&self) -> bool {
        self.kept.with_value(|kept| !kept.is_empty())
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
    pub fn error_of(&self, name: &'static str) -> Signal<Option<String>> {
        let error = self.error;
        Signal::derive(move || error.with(|e| e.as_ref().and_then(|e| e.of_field(name).map(said))))
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

/// A form that calls a server function. Shows the summary of a refusal at its top; on success every page refetches.
///
/// `prefix`: name of the function's one struct argument, empty where the arguments are plain. `id` tells several forms of a page
/// apart.
#[component]
pub fn PostForm<S, O>(
    action: ServerAction<S>,
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
) -> impl IntoView
where
    S: DeserializeOwned + ServerFn<Protocol = Http<PostUrl, O>, Error = ApiError> + Clone + Send + Sync + 'static,
    <<S::Client as Client<ApiError>>::Request as ClientReq<ApiError>>::FormData: From<FormData>,
    S::Output: Send + Sync + 'static,
    S::Client: Client<ApiError>,
    O: 'static,
{
    let state = FormState::of(action, prefix, id, also);
    let live = use_live();
    let value = action.value();
    let version = action.version();
    let node = NodeRef::<leptos::html::Form>::new();
    Effect::new(move |_| {
        if version.get() == 0 {
            return;
        }
        value.with_untracked(|answer| match answer {
            Some(Ok(_)) => live.touch_all(),
            // Sent once more as a plain form: the server keeps its text, asks to sign in, and leads back here.
            Some(Err(error)) if error.code == ApiError::SIGNED_OUT => {
                if let Some(form) = node.get_untracked() {
                    let _ = form.submit();
                }
            }
            _ => {}
        });
    });
    view! {
        <ActionForm action=action node_ref=node attr:class=class attr:novalidate="">
            <Provider value=state>
                {(!quiet).then(|| view! { <ErrorSummary/> })}
                {children()}
            </Provider>
        </ActionForm>
    }
    .into_any()
}

/// What was refused, at the top of the form, with links to the fields at fault.
#[component]
pub fn ErrorSummary() -> impl IntoView {
    let form = use_form();
    let summary = move || {
        form.error.get().map(|error| {
            let fields = error
                .fields
                .iter()
                .map(|f| {
                    // Lines of a check-list belong to no field.
                    let at_field = !f.field.contains(':');
                    let href = at_field.then(|| format!("#{}", form.input_id(&f.field)));
                    view! { <li><a href=href rel="external">{said(&f.message)}</a></li> }
                })
                .collect_view();
            let many = error.fields.len() > 1 || error.fields.first().is_some_and(|f| f.message != error.message);
            let again = (error.code == ApiError::STEP_UP).then(|| view! { <PasswordAgain/> });
            let request = error.request_id.clone().filter(|_| error.fields.is_empty());
            view! {
                <div class="error-summary">
                    <StatusShape tone=Tone::Fail/>
                    <div>
                        <p><strong>{t("Not done: ", "未执行：")}</strong>{error_text(&error)}</p>
                        {again}
                        {(many && !error.fields.is_empty()).then(|| view! { <ul>{fields}</ul> })}
                        {request.map(|id| view! { <p class="note">{t("request", "请求编号")}" "<code class="mono">{id}</code></p> })}
                    </div>
                </div>
            }
        })
    };
    view! { <div role="alert" class="alerts">{summary}</div> }.into_any()
}

/// What [`PasswordAgain`] sends.
#[derive(Clone, Copy)]
pub struct StepUpAction(ServerAction<StepUp>);

/// The form that [`PasswordAgain`]'s fields belong to. Forms do not nest, and whatever was being sent must stay as it is.
#[component]
pub fn StepUpForm() -> impl IntoView {
    let StepUpAction(action) = expect_context();
    view! { <ActionForm action=action attr:id=STEP_UP_FORM attr:class="unseen">""</ActionForm> }.into_any()
}

/// Makes [`PasswordAgain`] work below.
pub fn provide_step_up() {
    provide_context(StepUpAction(ServerAction::new()));
}

/// Id of that form.
const STEP_UP_FORM: &str = "step-up";

/// Asks for the password once more, in the middle of a form whose text stays.
#[component]
fn PasswordAgain() -> impl IntoView {
    use_context::<StepUpAction>().map(|StepUpAction(action)| {
        let value = action.value();
        let answer = move || match value.get() {
            None => view! { <span></span> }.into_any(),
            Some(Ok(())) => t("Thank you. Now send it again.", "谢谢，请再次提交。").into_any(),
            Some(Err(error)) => error_text(&error).into_any(),
        };
        view! {
            <p class="again">
                <label for="password-again">{t("Your password", "您的密码")}</label>
                <input id="password-again" name="password_again" type="password" autocomplete="current-password" form=STEP_UP_FORM/>
                <button type="submit" class=ButtonKind::Small.class() form=STEP_UP_FORM>{t("Confirm", "确认")}</button>
                <span role="status">{answer}</span>
            </p>
        }
    })
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
        <leptos_router::components::Form method="GET" action=action attr:class=class attr:role=search.then_some("search")>
            {kept}
            {children()}
        </leptos_router::components::Form>
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
