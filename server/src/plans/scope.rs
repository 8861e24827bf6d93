//! Which projects a plan has: globs to include, globs to leave out.

use std::collections::HashMap;

use app::error::ApiError;
use globset::{Glob, GlobSet, GlobSetBuilder};
use sqlx::PgConnection;

use super::queries::{self, Row};
use crate::error::Error;

/// Globs of one kind.
const GLOBS_MAX: usize = 200;

/// A compiled scope.
#[derive(Debug, Clone)]
pub struct Scope {
    include: GlobSet,
    exclude: GlobSet,
    /// Name of the plan, where there is one.
    pub plan: String,
    /// Its target, seconds.
    pub rpo_s: i64,
}

impl Scope {
    /// Compiles globs; what is wrong with one becomes an error of its field.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, ApiError> {
        if include.is_empty() {
            return Err(ApiError::field("include", app::plans::refusals::Refusal::NameProjects));
        }
        Ok(Self { include: compile("include", include)?, exclude: compile("exclude", exclude)?, plan: String::new(), rpo_s: 0 })
    }

    /// Whether the project is in scope.
    #[must_use]
    pub fn matches(&self, project: &str) -> bool {
        self.include.is_match(project) && !self.exclude.is_match(project)
    }
}

fn compile(field: &str, globs: &[String]) -> Result<GlobSet, ApiError> {
    if globs.len() > GLOBS_MAX {
        return Err(ApiError::field(field, app::refusals::General::AtMostLines { most: app::units::figure(GLOBS_MAX) }));
    }
    let mut set = GlobSetBuilder::new();
    for text in globs {
        let glob =
            Glob::new(text).map_err(|_| ApiError::field(field, app::plans::refusals::Refusal::NoPattern { pattern: text.to_owned() }))?;
        set.add(glob);
    }
    set.build().map_err(|_| ApiError::field(field, app::plans::refusals::Refusal::TooManyPatterns))
}

/// One glob a line.
#[must_use]
pub fn lines(text: &str) -> Vec<String> {
    text.lines().flat_map(|l| l.split(',')).map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect()
}

/// Scopes of plans by their harbor, the shortest target first.
#[derive(Debug, Default)]
pub struct Scopes(HashMap<i64, Vec<Scope>>);

impl Scopes {
    /// Of all plans.
    pub async fn all(conn: &mut PgConnection) -> Result<Self, Error> {
        Self::of_rows(&queries::all(conn).await?)
    }

    /// Of plans that were read.
    pub fn of_rows<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Result<Self, Error> {
        let mut rows: Vec<&Row> = rows.into_iter().collect();
        rows.sort_by_key(|row| (row.rpo_s, row.name.as_str()));
        let mut scopes: HashMap<i64, Vec<Scope>> = HashMap::new();
        for row in rows {
            let scope = Scope { plan: row.name.clone(), rpo_s: row.rpo_s, ..Scope::new(&row.include, &row.exclude)? };
            scopes.entry(row.harbor_id).or_default().push(scope);
        }
        Ok(Self(scopes))
    }

    /// Those of a harbor.
    #[must_use]
    pub fn of(&self, harbor_id: i64) -> &[Scope] {
        self.0.get(&harbor_id).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_wins() {
        let scope = Scope::new(&lines("prod-*\nshop"), &lines("prod-old*")).unwrap();
        for (project, expected) in [("prod-web", true), ("prod-old1", false), ("shop", true), ("shop2", false), ("x", false)] {
            assert_eq!(scope.matches(project), expected, "{project}");
        }
        assert!(Scope::new(&lines("a[\n"), &[]).is_err());
        assert!(Scope::new(&[], &[]).is_err());
    }
}
