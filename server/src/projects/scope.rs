//! What a person may ask about, as values: a project they were authorised for, and what is reached through it.
//!
//! Invariant (design.md §10.4, S-4): nothing that asks a Harbor or the catalogue for a person takes a name from an address. It takes a
//! [`Place`], which exists only after the table of rights was asked, or a [`Repository`], which lies in one. A repository of another
//! project is answered like one that does not exist.

use app::error::ApiError;
use app::projects::types::MayHere;
use sqlx::PgConnection;
use vocab::{ProjectName, RepositoryName};

use super::queries;
use crate::access::{Caller, Operation};
use crate::error::Error;

/// A project the caller may ask about.
#[derive(Debug)]
pub struct Place {
    harbor_id: i64,
    harbor: String,
    project: ProjectName,
    project_id: Option<i64>,
}

/// A repository of such a project. Whether it exists is not said.
#[derive(Debug)]
pub struct Repository<'a> {
    place: &'a Place,
    name: RepositoryName,
}

impl Place {
    /// Finds a project by the names in an address. Unseen and absent are the same answer.
    pub async fn find(conn: &mut PgConnection, caller: &Caller, operation: Operation, harbor: &str, project: &str) -> Result<Self, Error> {
        let absent = || ApiError::not_found(app::refusals::Thing::Project);
        let project: ProjectName = project.parse().map_err(|_| absent())?;
        let (harbor_id, project_id, is_listed) = queries::place(conn, harbor, project.as_str()).await?.ok_or_else(absent)?;
        caller.require(operation, Some((harbor_id, project.as_str())))?;
        if project_id.is_none() && !is_listed {
            return Err(absent().into());
        }
        Ok(Self { harbor_id, harbor: harbor.to_owned(), project, project_id })
    }

    /// Row of the harbor.
    #[must_use]
    pub const fn harbor_id(&self) -> i64 {
        self.harbor_id
    }

    /// Name of the harbor.
    #[must_use]
    pub fn harbor(&self) -> &str {
        &self.harbor
    }

    /// Name of the project.
    #[must_use]
    pub const fn project(&self) -> &ProjectName {
        &self.project
    }

    /// Row in the catalogue, once it was captured.
    #[must_use]
    pub const fn project_id(&self) -> Option<i64> {
        self.project_id
    }

    /// What the caller may do with its snapshots.
    #[must_use]
    pub fn may(&self, caller: &Caller) -> MayHere {
        let may = |operation| caller.may(operation, Some((self.harbor_id, self.project.as_str())));
        MayHere { hold: may(Operation::Hold), release: may(Operation::ReleaseHold), accept: may(Operation::AcceptGap) }
    }

    /// A repository of this project by its full name.
    pub fn repository(&self, name: &str) -> Result<Repository<'_>, ApiError> {
        let parsed = name.parse::<RepositoryName>().ok().filter(|name| name.project() == self.project);
        parsed.map(|name| Repository { place: self, name }).ok_or_else(|| ApiError::not_found(app::refusals::Thing::Repository))
    }
}

impl Repository<'_> {
    /// The project it lies in.
    #[must_use]
    pub const fn place(&self) -> &Place {
        self.place
    }

    /// Its full name.
    #[must_use]
    pub const fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// Its row in the catalogue, if it was ever captured.
    pub async fn row(&self, conn: &mut PgConnection) -> Result<Option<i64>, Error> {
        match self.place.project_id {
            Some(project_id) => Ok(queries::repository_id(conn, project_id, self.name.as_str()).await?),
            None => Ok(None),
        }
    }
}
