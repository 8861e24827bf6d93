//! Projects through time: the catalogue of spans, and the questions asked of it.

pub mod adopt;
mod browse;
pub mod catalogue;
mod changes;
mod history;
pub mod listing;
pub mod live;
pub mod queries;
pub mod replay;
mod settings;
mod spans;
mod timeline;

pub use browse::{artifact, browse, search};
pub use changes::changes;
pub use history::tag_history;
pub use listing::list;
pub use live::compare_live;
pub use settings::settings;
pub use timeline::{back_up, hold, timeline};

use app::error::ApiError;
use sqlx::PgConnection;

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
