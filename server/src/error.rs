//! The one error of the backend, and how it reads outside: stable code, sentence, request id; the chain goes to the log only.

use app::error::{ApiError, ErrorKind};

use crate::troubles;

/// What an operation can end with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A refusal or a fault of the caller, worded for them.
    #[error("{0}")]
    Api(#[from] ApiError),
    /// Postgres refused or cannot be reached.
    #[error("the database did not answer as expected")]
    Database(#[source] sqlx::Error),
    /// A harbor did not do its part.
    #[error("the harbor did not answer as expected")]
    Registry(#[from] registry::RegistryError),
    /// A vault did not do its part.
    #[error("the vault did not answer as expected")]
    Vault(#[from] vault::VaultError),
    /// Stored secrets do not open.
    #[error("stored secrets cannot be opened")]
    Crypto(#[from] crate::crypto::CryptoError),
    /// A defect: something that cannot be, was.
    #[error("{0}")]
    Defect(String),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Error {
    /// A defect, worded for the log.
    pub fn defect(what: impl Into<String>) -> Self {
        Self::Defect(what.into())
    }

    /// The name of the database constraint that refused, if one did.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Database(sqlx::Error::Database(db)) => db.constraint(),
            _ => None,
        }
    }

    /// The same, but a refusal by the constraint `name` becomes `replacement`.
    #[must_use]
    pub fn on_constraint(self, name: &str, replacement: ApiError) -> Self {
        if self.constraint() == Some(name) { Self::Api(replacement) } else { self }
    }

    /// What the caller is told. Logs the chain of what is not the caller's fault, once.
    #[must_use]
    pub fn into_api(self, request_id: Option<&str>) -> ApiError {
        if let Self::Database(error) = &self {
            crate::idempotency::failed(error);
        }
        let mut api = match &self {
            Self::Api(api) => api.clone(),
            Self::Database(error) => unfit(error).unwrap_or_else(unavailable),
            Self::Registry(error) => ApiError::new(ErrorKind::Upstream, error.code(), troubles::registry(error)),
            Self::Vault(error) => ApiError::new(ErrorKind::Upstream, "vault", troubles::vault(error)),
            Self::Crypto(_) => ApiError::new(ErrorKind::Unavailable, "stored_secret", troubles::any(&self)),
            Self::Defect(_) => ApiError::new(ErrorKind::Internal, "internal", app::refusals::General::Internal),
        };
        api.request_id = request_id.map(str::to_owned);
        if !matches!(self, Self::Api(_)) && api.kind != ErrorKind::Invalid {
            tracing::error!(request.id = request_id, error = %chain(&self), "request failed");
        }
        api
    }
}

/// What the caller is told where the database is well and a value of theirs is not: of SQLSTATE class 22, data exception. `None`: another trouble.
fn unfit(error: &sqlx::Error) -> Option<ApiError> {
    let sqlx::Error::Database(database) = error else { return None };
    match database.code()?.as_ref() {
        // NUL, or half a surrogate pair in JSON: text that Postgres has no form for.
        "22021" | "22P05" => Some(bad_character()),
        // Too long, out of range, no date, no number: these are of the value, not of a statement of ours.
        "22001" | "22003" | "22007" | "22008" | "22P02" => Some(unstorable()),
        _ => None,
    }
}

fn unavailable() -> ApiError {
    if crate::idempotency::may_have_acted() {
        let text = app::refusals::General::OutcomeUnknown;
        return ApiError::new(ErrorKind::Unavailable, "outcome_unknown", text);
    }
    let text = app::refusals::General::DatabaseAway;
    ApiError::new(ErrorKind::Unavailable, "database", text)
}

/// A character that no column can hold.
pub(crate) fn bad_character() -> ApiError {
    let text = app::refusals::General::BadCharacter;
    ApiError::new(ErrorKind::Invalid, "bad_character", text)
}

fn unstorable() -> ApiError {
    let text = app::refusals::General::Unstorable;
    ApiError::new(ErrorKind::Invalid, "unstorable", text)
}

/// The error with all its sources, for the log.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
