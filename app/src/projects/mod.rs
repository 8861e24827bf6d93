//! Projects through time: see [`types`] for the words and `port` for what the backend answers.

pub mod artifact_page;
pub mod browse_page;
pub mod calls;
pub mod changes_page;
pub mod found;
pub mod gap_causes;
pub mod gap_words;
pub mod gaps;
pub mod gaps_page;
pub mod hold_parts;
pub mod limits;
pub mod list_page;
pub mod now_pages;
pub mod refusals;
pub mod ribbon;
pub mod search_page;
pub mod sentences;
pub mod settings_page;
pub mod tag_page;
pub mod timeline_page;
pub mod timeline_parts;
pub mod types;

use crate::text::t;
use crate::ui::{Tone, url_part};
use types::{Protection, TagNow};

/// The address of a project's timeline.
#[must_use]
pub fn project_href(harbor: &str, project: &str) -> String {
    format!("/projects/{}/{}", url_part(harbor), url_part(project))
}

/// The address of a project's gaps.
#[must_use]
pub fn gaps_href(harbor: &str, project: &str) -> String {
    format!("{}/gaps", project_href(harbor, project))
}

/// The address of a project's settings at a moment.
#[must_use]
pub fn settings_href(harbor: &str, project: &str, at: Option<&str>) -> String {
    let at = at.map(|at| format!("?at={}", url_part(at))).unwrap_or_default();
    format!("{}/settings{at}", project_href(harbor, project))
}

/// The address of what changed from one moment to another.
#[must_use]
pub fn changes_href(harbor: &str, project: &str, from: &str, to: &str) -> String {
    format!("{}/changes?from={}&to={}", project_href(harbor, project), url_part(from), url_part(to))
}

/// The address of a tag's history.
#[must_use]
pub fn tag_href(harbor: &str, project: &str, repository: &str, tag: &str) -> String {
    format!("/tags?h={}&p={}&repo={}&tag={}", url_part(harbor), url_part(project), url_part(repository), url_part(tag))
}

/// The address of an artifact.
#[must_use]
pub fn artifact_href(harbor: &str, project: &str, repository: &str, digest: &str) -> String {
    format!("/artifacts?h={}&p={}&repo={}&digest={}", url_part(harbor), url_part(project), url_part(repository), url_part(digest))
}

/// The address of a wizard with a selection.
#[must_use]
pub fn restore_href(harbor: &str, project: &str, at: &str, items: &str) -> String {
    format!("/restore/new?h={}&p={}&at={}&items={}", url_part(harbor), url_part(project), url_part(at), url_part(items))
}

/// A page of this console to go back to; the home page for anything else.
#[must_use]
pub fn safe_back(path: &str) -> String {
    if path.starts_with("/projects/") && !path.contains(['\\', '\n', '\r']) { path.to_owned() } else { "/".to_owned() }
}

/// Shape and word of a project's state.
#[must_use]
pub fn protection_word(protection: Protection) -> (Tone, &'static str) {
    match protection {
        Protection::Met => (Tone::Ok, t("within target", "达标")),
        Protection::AtRisk => (Tone::Warn, t("at risk", "有风险")),
        Protection::Missed => (Tone::Fail, t("target missed", "未达标")),
        Protection::Gaps => (Tone::Warn, t("newest: with gaps", "最新快照有缺口")),
        Protection::Pending => (Tone::Run, t("first backup to come", "等待首次备份")),
        Protection::Unprotected => (Tone::Fail, t("not protected", "未保护")),
        Protection::Gone => (Tone::Held, t("gone from Harbor, restorable", "已从 Harbor 删除，可恢复")),
    }
}

/// Shape and word of what became of a tag.
#[must_use]
pub fn now_word(now: TagNow) -> (Tone, &'static str) {
    match now {
        TagNow::Same => (Tone::Ok, t("the same", "相同")),
        TagNow::Moved => (Tone::Warn, t("moved since", "此后已移动")),
        TagNow::Gone => (Tone::Fail, t("gone since", "此后已删除")),
        TagNow::Unknown => (Tone::Idle, t("not known", "未知")),
    }
}
