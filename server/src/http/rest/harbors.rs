//! Harbors: registering, checking, logins, staging.

use app::harbors::types::{ChangeHarbor, CheckList, Harbor, NewHarbor, RenewLogins, Renewed, StagingForm};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Web;
use super::super::rules::{Line, Rule};
use super::{Answer, Body, Path, Queued};

/// The gate, line by line.
pub const LINES: &[Line] = &[
    ("GET", "/api/v1/harbors", Rule::SignedIn),
    ("POST", "/api/v1/harbors", Rule::Proven),
    ("POST", "/api/v1/harbors/try", Rule::SignedIn),
    ("GET", "/api/v1/harbors/{name}", Rule::SignedIn),
    ("PUT", "/api/v1/harbors/{name}", Rule::Proven),
    ("DELETE", "/api/v1/harbors/{name}", Rule::SignedIn),
    ("POST", "/api/v1/harbors/{name}/check", Rule::SignedIn),
    ("POST", "/api/v1/harbors/{name}/inventory", Rule::SignedIn),
    ("POST", "/api/v1/harbors/{name}/logins", Rule::Proven),
    ("POST", "/api/v1/harbors/{name}/staging", Rule::Proven),
];

/// The calls.
pub fn routes(router: OpenApiRouter<Web>) -> OpenApiRouter<Web> {
    router
        .routes(routes!(list_harbors, create_harbor))
        .routes(routes!(try_harbor))
        .routes(routes!(get_harbor, change_harbor, remove_harbor))
        .routes(routes!(check_harbor))
        .routes(routes!(list_projects_now))
        .routes(routes!(renew_logins))
        .routes(routes!(set_staging))
}

/// A confirmation: the name of what is to go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Confirm {
    /// Name.
    confirm: String,
}

endpoint!(/// Registered harbors.
    get "/api/v1/harbors" "harbors" list_harbors(cx, b) Vec<Harbor> => b.list_harbors(cx).await?);
endpoint!(/// Registers a harbor after its check-list passed.
    post "/api/v1/harbors" "harbors" create_harbor(cx, b, Body(form): Body<NewHarbor>) Harbor => b.create_harbor(cx, form).await?);
endpoint!(/// Runs the check-list for values that are not stored.
    post "/api/v1/harbors/try" "harbors" try_harbor(cx, b, Body(form): Body<NewHarbor>) CheckList => b.try_harbor(cx, form).await?);
endpoint!(/// One harbor.
    get "/api/v1/harbors/{name}" "harbors" get_harbor(cx, b, Path(name): Path<String>) Harbor => b.get_harbor(cx, name).await?);
endpoint!(/// Changes address or logins.
    put "/api/v1/harbors/{name}" "harbors" change_harbor(cx, b, Path(name): Path<String>, Body(form): Body<ChangeHarbor>) Harbor => b.change_harbor(cx, ChangeHarbor { harbor: name, ..form }).await?);
endpoint!(/// Forgets a harbor no plan uses.
    delete "/api/v1/harbors/{name}" "harbors" remove_harbor(cx, b, Path(name): Path<String>, Body(form): Body<Confirm>) () => b.remove_harbor(cx, name, form.confirm).await?);
endpoint!(/// Allows images that a policy blocks to be copied into a staging project and read there, or ends that.
    post "/api/v1/harbors/{name}/staging" "harbors" set_staging(cx, b, Path(name): Path<String>, Body(form): Body<StagingForm>) Harbor => b.set_staging(cx, StagingForm { harbor: name, ..form }).await?);
endpoint!(/// Makes the logins anew from an administrator's, which is used once: new robots with the least rights, and the old ones removed. For people, not for tokens.
    post "/api/v1/harbors/{name}/logins" "harbors" renew_logins(cx, b, Path(name): Path<String>, Body(form): Body<RenewLogins>) Renewed => b.renew_logins(cx, RenewLogins { harbor: name, ..form }).await?);
endpoint!(/// Runs and keeps the check-list.
    post "/api/v1/harbors/{name}/check" "harbors" check_harbor(cx, b, Path(name): Path<String>) CheckList => b.check_harbor(cx, name).await?);
endpoint!(/// Lists its projects now, so that a new one shows as not protected; they are listed every few minutes anyway.
    post "/api/v1/harbors/{name}/inventory" "harbors" list_projects_now(cx, b, Path(name): Path<String>) Queued => Queued { job_id: b.list_projects_now(cx, name).await? });
