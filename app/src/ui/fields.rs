//! Fields of a [`super::PostForm`]: label, control, hint and error, tied together for screen readers.
//!
//! A field starts with what was typed before a refusal; a secret never does.

use leptos::prelude::*;

use super::form::use_form;
use super::status::{StatusShape, Tone};
use crate::text::t;

/// The label, the hint and the error around a control.
fn around(name: &'static str, label: String, hint: Option<String>, optional: bool, control: AnyView) -> AnyView {
    let form = use_form();
    let error = form.error_of(name);
    let id = form.input_id(name);
    let class = if error.is_some() { "field wrong" } else { "field" };
    view! {
        <div class=class>
            <label for=id.clone()>{label}{optional.then(|| view! { <span class="note">" "{t("(optional)", "（选填）")}</span> })}</label>
            {hint.map(|hint| view! { <p class="hint" id=format!("{id}-hint")>{hint}</p> })}
            {control}
            <p class="field-error" id=format!("{id}-error")>
                {error.map(|text| view! { <StatusShape tone=Tone::Fail/>{text} })}
            </p>
        </div>
    }
    .into_any()
}

fn described(id: &str, hint: bool) -> String {
    if hint { format!("{id}-hint {id}-error") } else { format!("{id}-error") }
}

/// A line of text. `kind` is the `type` of the input.
#[component]
pub fn Field(
    name: &'static str,
    #[prop(into)] label: String,
    #[prop(default = "text")] kind: &'static str,
    #[prop(optional, into)] value: String,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] placeholder: Option<String>,
    #[prop(default = "off")] autocomplete: &'static str,
    #[prop(optional)] optional: bool,
    #[prop(optional)] mono: bool,
    #[prop(optional)] autofocus: bool,
    #[prop(optional, into)] min: Option<String>,
    #[prop(optional, into)] max: Option<String>,
) -> impl IntoView {
    let form = use_form();
    let id = form.input_id(name);
    let error = form.error_of(name);
    // A secret is never sent back to the page.
    let start = if kind == "password" { String::new() } else { form.start(name, &value) };
    let control = view! {
        <input id=id.clone() name=form.input_name(name) type=kind value=start placeholder=placeholder autocomplete=autocomplete
            class=if mono { "mono" } else { "" } autofocus=autofocus min=min max=max
            autocapitalize="none" spellcheck="false"
            aria-required=(!optional).then_some("true")
            aria-invalid=error.is_some().then_some("true")
            aria-describedby=described(&id, hint.is_some())/>
    };
    around(name, label, hint, optional, control.into_any())
}

/// Several lines of text.
#[component]
pub fn TextArea(
    name: &'static str,
    #[prop(into)] label: String,
    #[prop(optional, into)] value: String,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(default = 3)] rows: u32,
    #[prop(optional)] optional: bool,
    #[prop(optional)] mono: bool,
) -> impl IntoView {
    let form = use_form();
    let id = form.input_id(name);
    let error = form.error_of(name);
    // The framework writes what is inside as it is: a text that ends the element would begin others.
    let start = form.start(name, &value).replace('&', "&amp;").replace('<', "&lt;");
    let control = view! {
        <textarea id=id.clone() name=form.input_name(name) rows=rows.to_string() class=if mono { "mono" } else { "" }
            autocapitalize="none" spellcheck=(!mono).to_string()
            aria-required=(!optional).then_some("true")
            aria-invalid=error.is_some().then_some("true")
            aria-describedby=described(&id, hint.is_some())>
            {start}
        </textarea>
    };
    around(name, label, hint, optional, control.into_any())
}

/// One of several: value and text.
#[component]
pub fn Select(
    name: &'static str,
    #[prop(into)] label: String,
    options: Vec<(String, String)>,
    #[prop(optional, into)] value: String,
    #[prop(optional, into)] hint: Option<String>,
) -> impl IntoView {
    let form = use_form();
    let id = form.input_id(name);
    let error = form.error_of(name);
    let start = form.start(name, &value);
    let options = options
        .into_iter()
        .map(|(value, text)| {
            let selected = value == start;
            view! { <option value=value selected=selected>{text}</option> }
        })
        .collect_view();
    let control = view! {
        <select id=id.clone() name=form.input_name(name)
            aria-invalid=error.is_some().then_some("true")
            aria-describedby=described(&id, hint.is_some())>
            {options}
        </select>
    };
    around(name, label, hint, false, control.into_any())
}

/// Yes or no; `value` is what is posted for yes.
#[component]
pub fn Checkbox(
    name: &'static str,
    #[prop(into)] label: String,
    #[prop(optional)] checked: bool,
    #[prop(optional, into)] hint: Option<String>,
    /// Name in the form where it is not the field's, as for lists: `duties[0]`.
    #[prop(optional, into)]
    post_as: Option<String>,
    #[prop(default = "true".to_owned(), into)] value: String,
) -> impl IntoView {
    let form = use_form();
    let own = post_as.clone().unwrap_or_else(|| name.to_owned());
    let id = form.input_id(&own.replace(['[', ']'], "-"));
    // A list comes back without the boxes that were not set, so its places say nothing.
    let was_set = || if post_as.is_some() { form.had(name, &value) } else { form.start(&own, "") == value };
    let checked = if form.came_back() { was_set() } else { checked };
    let input_name = match post_as {
        Some(list) => match list.split_once('[') {
            Some((field, rest)) => format!("{}[{rest}", form.input_name(field)),
            None => form.input_name(&list),
        },
        None => form.input_name(name),
    };
    view! {
        <div class="field check">
            <input type="checkbox" id=id.clone() name=input_name value=value checked=checked aria-describedby=hint.is_some().then(|| format!("{id}-hint"))/>
            <div>
                <label for=id.clone()>{label}</label>
                {hint.map(|hint| view! { <p class="hint" id=format!("{id}-hint")>{hint}</p> })}
            </div>
        </div>
    }
    .into_any()
}

/// A value the person does not see.
#[component]
pub fn Hidden(name: &'static str, #[prop(into)] value: String) -> impl IntoView {
    let form = use_form();
    view! { <input type="hidden" name=form.input_name(name) value=value/> }.into_any()
}

/// Type the name to show you mean it: for what cannot be taken back.
#[component]
pub fn ConfirmType(name: &'static str, #[prop(into)] expected: String) -> impl IntoView {
    let label = format!("{} “{expected}” {}", t("Type", "请输入"), t("to confirm", "以确认"));
    view! { <Field name=name label=label mono=true/> }.into_any()
}
