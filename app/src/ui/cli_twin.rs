//! The same action from a terminal, on every page that does something.

use leptos::prelude::*;

use super::digest::CopyButton;
use crate::text::t;

/// A fold-out with the command. Secrets never stand in it: the program reads them from its input.
#[component]
pub fn CliTwin(#[prop(into)] command: String) -> impl IntoView {
    view! {
        <details class="cli-twin">
            <summary><span aria-hidden="true">">_ "</span>{t("The same from a terminal", "用命令行完成同样操作")}</summary>
            <div class="cli-line">
                <pre class="mono"><code>{command}</code></pre>
                <CopyButton what=t("command", "命令")/>
            </div>
        </details>
    }
    .into_any()
}

/// A command whose words a shell takes as they are: a name may be anybody's, and whoever copies the line runs it.
#[must_use]
pub fn shell_line<S: AsRef<str>>(words: &[S]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/:@=+,%".contains(c);
    let quoted = |word: &str| {
        let is_plain = !word.is_empty() && word.chars().all(plain);
        // In quotes a shell takes everything but a quote as it is.
        if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    words.iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::shell_line;

    #[test]
    fn a_name_stays_one_word_whatever_is_in_it() {
        assert_eq!(shell_line(&["breakwater", "run", "start", "everything", "--wait"]), "breakwater run start everything --wait");
        assert_eq!(shell_line(&["a", "each night; rm -rf ~"]), "a 'each night; rm -rf ~'");
        assert_eq!(shell_line(&["a", "it's $(id)"]), r"a 'it'\''s $(id)'");
        assert_eq!(shell_line(&["a", ""]), "a ''");
    }
}
