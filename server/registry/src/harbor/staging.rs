//! Staging projects: where Breakwater has Harbor copy images that a policy blocks, to read them there (harbor.md §5).
//!
//! One is told from a project of somebody by its name and a label in it, so that it is known again where the database that remembers it is
//! lost. Neither alone is enough: a project that only has such a name is somebody's, and is backed up.

use super::Project;
use crate::client::Client;
use crate::error::RegistryError;

/// How the names of staging projects begin; a random part follows.
pub const STAGING_PREFIX: &str = "breakwater-staging-";
/// The label that each of them has.
pub const STAGING_LABEL: &str = "breakwater-staging";
/// Its description, for whoever meets it.
const LABEL_TEXT: &str = "Breakwater keeps copies here for moments only; this project is in no backup";
/// Its colour in Harbor's console.
const LABEL_COLOR: &str = "#61717D";

impl Client {
    /// Whether the project is a staging project. Costs a request only where the name says so.
    pub async fn is_staging_project(&self, project: &Project) -> Result<bool, RegistryError> {
        if !project.name.as_str().starts_with(STAGING_PREFIX) {
            return Ok(false);
        }
        Ok(self.labels(Some(project)).await?.iter().any(|label| label.name == STAGING_LABEL && label.scope == "p"))
    }

    /// Marks a project as a staging project; one that is marked stays so.
    pub async fn mark_staging_project(&self, project: &Project) -> Result<(), RegistryError> {
        match self.create_label(project, STAGING_LABEL, LABEL_COLOR, LABEL_TEXT).await {
            Ok(()) | Err(RegistryError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
