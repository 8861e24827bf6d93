//! From the words of a form to what the engine is asked.

use app::error::ApiError;
use app::restores::types::RestoreForm;
use app::units::Moment;
use engine::effect::{OnConflict, Policy};
use engine::select::{Selection, Wanted, What};
use vocab::{Digest, ProjectName, RepositoryName, Tag};

/// Lines one request may name.
const LINES_MAX: usize = 10_000;

/// Longest tag for images named by digest: what makes several differ is put behind it.
const DIGEST_TAG_CHARS_MAX: usize = 100;

/// A form, read and checked.
pub struct Asked {
    /// Moment to restore from.
    pub at: Moment,
    /// What.
    pub selection: Selection,
    /// Project of the snapshot.
    pub source: ProjectName,
    /// Project to restore into.
    pub target: ProjectName,
    /// What to do where something is there already.
    pub policy: Policy,
}

/// Reads a form; `mark` is what the tags that keep what a move replaces end with.
pub fn read(form: &RestoreForm, mark: &str) -> Result<Asked, ApiError> {
    let source: ProjectName =
        form.project.trim().parse().map_err(|_| ApiError::field("project", app::restores::refusals::Refusal::ProjectName))?;
    let target = match form.target_project.trim() {
        "" => source.clone(),
        name => name.parse().map_err(|_| ApiError::field("target_project", app::restores::refusals::Refusal::TargetName))?,
    };
    if target != source && target.as_str().starts_with(registry::STAGING_PREFIX) {
        // What is restored there would keep blocked images from being read.
        return Err(ApiError::field("target_project", app::restores::refusals::Refusal::TargetStaging));
    }
    let at = Moment::parse(form.at.trim()).ok_or_else(|| ApiError::field("at", app::restores::refusals::Refusal::MomentForm))?;
    let lines: Vec<&str> = form.items.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    if lines.len() > LINES_MAX {
        return Err(ApiError::field("items", app::restores::refusals::Refusal::TooManyItems { most: app::units::figure(LINES_MAX) }));
    }
    let selection = if lines.is_empty() {
        Selection::Project
    } else {
        Selection::Items(lines.into_iter().map(|line| wanted(line, &source)).collect::<Result<_, _>>()?)
    };
    let on_conflict = match form.on_conflict.as_str() {
        "" | "leave" => OnConflict::Leave,
        "move" => OnConflict::Move,
        "rename" => OnConflict::Rename,
        _ => {
            return Err(ApiError::field(
                "on_conflict",
                app::refusals::General::OneOf { words: ["leave", "move", "rename"].map(str::to_owned).to_vec() },
            ));
        }
    };
    Ok(Asked {
        at,
        selection,
        source,
        target,
        policy: Policy {
            on_conflict,
            accessories: !form.without_accessories,
            digest_tag: digest_tag(&form.digest_tag)?,
            ..base_policy(mark)
        },
    })
}

/// What every request's tags are called by its mark.
fn base_policy(mark: &str) -> Policy {
    Policy {
        on_conflict: OnConflict::Move,
        accessories: true,
        keep_suffix: format!("before-restore-{mark}"),
        rename_suffix: format!("restored-{mark}"),
        digest_tag: String::new(),
    }
}

/// How an undo restores: tags move back, and today's image keeps a tag unless it has one.
pub(super) fn undo_policy(mark: &str) -> Policy {
    base_policy(mark)
}

fn digest_tag(text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let fits = text.is_empty() || (text.len() <= DIGEST_TAG_CHARS_MAX && text.parse::<Tag>().is_ok());
    if !fits {
        let wrong = app::restores::refusals::Refusal::TagForm { most: app::units::figure(DIGEST_TAG_CHARS_MAX) };
        return Err(ApiError::field("digest_tag", wrong));
    }
    Ok(text.to_owned())
}

fn wanted(line: &str, source: &ProjectName) -> Result<Wanted, ApiError> {
    let wrong = || ApiError::field("items", app::restores::refusals::Refusal::ItemForm { line: line.chars().take(100).collect() });
    let (name, what) = if let Some((name, digest)) = line.split_once('@') {
        (name, What::Artifact(digest.parse::<Digest>().map_err(|_| wrong())?))
    } else if let Some((name, tag)) = line.split_once(':') {
        (name, What::Tag(tag.parse::<Tag>().map_err(|_| wrong())?))
    } else {
        (line, What::AllTags)
    };
    let repository: RepositoryName = name.parse().map_err(|_| wrong())?;
    if repository.project() != *source {
        return Err(ApiError::field(
            "items",
            app::restores::refusals::Refusal::ItemElsewhere { repository: repository.to_string(), project: source.to_string() },
        ));
    }
    Ok(Wanted { repository, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_tags_digests_or_repositories_of_the_project() {
        let form = |items: &str| RestoreForm {
            project: "shop".to_owned(),
            at: "2026-11-23T09:30:00Z".to_owned(),
            items: items.to_owned(),
            ..RestoreForm::default()
        };
        let digest = Digest::of(b"x");
        let asked = read(&form(&format!("shop/web:1.4\nshop/web@{digest}\nshop/team/api\n")), "7").unwrap();
        let Selection::Items(items) = asked.selection else { panic!("items were named") };
        assert_eq!(items.len(), 3);
        assert_eq!(items[2].what, What::AllTags);
        assert_eq!(asked.policy.keep_suffix, "before-restore-7");
        for bad in ["other/web:1", "shop/web:", "shop/web@sha256:x", "shop", "shop/../x:1"] {
            assert!(read(&form(bad), "7").is_err(), "{bad}");
        }
        let tagged = |tag: &str| read(&RestoreForm { digest_tag: tag.to_owned(), ..form("") }, "7").map(|asked| asked.policy.digest_tag);
        assert_eq!(tagged(" hotfix ").unwrap(), "hotfix");
        assert!(tagged("no spaces").is_err() && tagged(&"x".repeat(101)).is_err());
        assert!(matches!(read(&form(""), "7").unwrap().selection, Selection::Project));
        let staged = RestoreForm { target_project: "breakwater-staging-1".to_owned(), ..form("") };
        assert!(read(&staged, "7").is_err(), "a restore would end the reading of blocked images");
    }
}
