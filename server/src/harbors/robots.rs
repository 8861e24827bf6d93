//! Makes the least-privilege robots from an administrator's login, which is used here once and never stored.

use std::collections::HashSet;

use app::error::ApiError;
use registry::{Client, RobotSpec};
use secrecy::SecretString;
use vocab::ProjectName;

use crate::error::Error;

/// A login made in the harbor.
pub struct Made {
    /// Full name to log in with.
    pub login: String,
    /// Its secret.
    pub secret: SecretString,
}

/// Whether the administrator's login counts.
pub async fn prove(admin: &Client) -> Result<(), Error> {
    admin.prove_login().await.map_err(|error| match error.code() {
        "not_logged_in" => Error::Api(ApiError::field("admin_password", app::harbors::refusals::Refusal::AdminRefused)),
        _ => Error::Registry(error),
    })
}

/// The robots for backup and restore. Their names carry a random part, so that a second try does not clash with the first.
pub async fn make(admin: &Client) -> Result<(Made, Made), Error> {
    prove(admin).await?;
    let suffix = uuid::Uuid::new_v4().simple().to_string()[..6].to_owned();
    let read = create(admin, RobotSpec::least_privilege_backup(&format!("breakwater-backup-{suffix}"))).await?;
    match create(admin, RobotSpec::least_privilege_restore(&format!("breakwater-restore-{suffix}"))).await {
        Ok(write) => Ok((read, write)),
        Err(error) => {
            remove(admin, &HashSet::from([read.login.as_str()])).await;
            Err(error)
        }
    }
}

/// The robot for a staging project.
pub async fn make_staging(admin: &Client, project: &ProjectName) -> Result<Made, Error> {
    let suffix = uuid::Uuid::new_v4().simple().to_string()[..6].to_owned();
    create(admin, RobotSpec::least_privilege_staging(&format!("{project}-{suffix}"), project)).await
}

async fn create(admin: &Client, spec: RobotSpec) -> Result<Made, Error> {
    crate::idempotency::acts();
    let made = admin.create_robot(&spec).await.map_err(|error| match error.code() {
        "forbidden" => Error::Api(ApiError::field("admin_login", app::harbors::refusals::Refusal::NotAdmin)),
        _ => Error::Registry(error),
    })?;
    Ok(Made { login: made.name, secret: made.secret })
}

/// Removes robots by name; those that are still there.
pub async fn remove(admin: &Client, names: &HashSet<&str>) -> Vec<String> {
    let all = match admin.system_robots().await {
        Ok(all) => all,
        Err(error) => {
            tracing::warn!(error = %crate::error::chain(&error), "robots that are not used any more cannot be listed, and stay");
            return names.iter().map(|name| (*name).to_owned()).collect();
        }
    };
    let mut left = Vec::new();
    for robot in all.iter().filter(|robot| names.contains(robot.name.as_str())) {
        if let Err(error) = admin.delete_robot(robot.id).await {
            tracing::warn!(error = %crate::error::chain(&error), "a robot that is not used any more cannot be removed");
            left.push(robot.name.clone());
        }
    }
    left
}
