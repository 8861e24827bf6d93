//! Projects through time: the catalogue of spans, and the questions asked of it.

pub mod adopt;
mod browse;
pub mod catalogue;
mod changes;
mod ends;
pub mod gaps;
mod history;
pub mod holds;
pub mod imports;
pub mod listing;
pub mod live;
pub mod queries;
pub mod replay;
mod search;
mod settings;
mod spans;
mod timeline;

pub use browse::{artifact, browse};
pub use changes::changes;
use ends::ends;
pub use history::tag_history;
pub use listing::list;
pub use live::compare_live;
pub use search::search;
pub use settings::settings;
pub use timeline::{back_up, timeline};

use app::error::ApiError;
use app::projects::types::MayHere;
use sqlx::PgConnection;
use vocab::RepositoryName;

use crate::access::{Caller, Operation};
use crate::error::Error;

/// A project the caller may ask about.
pub struct Place {
    /// Harbor.
    pub harbor_id: i64,
    /// Its name.
    pub harbor: String,
    /// Project.
    pub project: String,
    /// Row in the catalogue, once it was captured.
    pub project_id: Option<i64>,
}

/// A repository of a project somebody may ask about: what is asked of the catalogue or of Harbor for a person goes through one.
#[derive(Debug, Clone)]
pub struct OfProject {
    /// Its name, with the project.
    pub repository: RepositoryName,
}

impl Place {
    /// What the caller may do with its snapshots.
    #[must_use]
    pub fn may(&self, caller: &Caller) -> MayHere {
        let may = |operation| caller.may(operation, Some((self.harbor_id, &self.project)));
        MayHere { hold: may(Operation::Hold), release: may(Operation::ReleaseHold), accept: may(Operation::AcceptGap) }
    }

    /// A repository by the name in an address. One of another project is as absent as one that is nowhere.
    pub fn repository(&self, name: &str) -> Result<OfProject, ApiError> {
        let repository: RepositoryName = name.parse().map_err(|_| ApiError::field("repo", "this is not a repository name"))?;
        let inside = self.project.parse().is_ok_and(|project| repository.is_of(&project));
        if inside { Ok(OfProject { repository }) } else { Err(ApiError::not_found("repository")) }
    }
}

/// Finds a project by the names in an address. Unseen and absent are the same answer.
pub async fn place(conn: &mut PgConnection, caller: &Caller, operation: Operation, harbor: &str, project: &str) -> Result<Place, Error> {
    let absent = || ApiError::not_found("project");
    let harbor_id = queries::harbor_id(conn, harbor).await?.ok_or_else(absent)?;
    caller.require(operation, Some((harbor_id, project)))?;
    let project_id = queries::project_id(conn, harbor_id, project).await?;
    if project_id.is_none() && !queries::is_listed(conn, harbor_id, project).await? {
        return Err(absent().into());
    }
    Ok(Place { harbor_id, harbor: harbor.to_owned(), project: project.to_owned(), project_id })
}
