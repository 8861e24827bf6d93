//! Vaults: what they hold, verification, sweeps, locks.

use app::vaults::types::{Capacity, ChangeBucket, ChangeLock, ChangeScrub, Finding, NewVault, Sweep, SweepForm, Vault};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Web;
use super::super::rules::{Line, Rule};
use super::{Answer, Body, Path, Queued};

/// The gate, line by line.
pub const LINES: &[Line] = &[
    ("GET", "/api/v1/vaults", Rule::SignedIn),
    ("POST", "/api/v1/vaults", Rule::SignedIn),
    ("GET", "/api/v1/vaults/{id}", Rule::SignedIn),
    ("PUT", "/api/v1/vaults/{id}/bucket", Rule::Proven),
    ("POST", "/api/v1/vaults/{id}/bucket/check", Rule::SignedIn),
    ("POST", "/api/v1/vaults/{id}/verify", Rule::SignedIn),
    ("GET", "/api/v1/vaults/{id}/findings", Rule::SignedIn),
    ("POST", "/api/v1/vaults/{id}/sweep", Rule::SignedIn),
    ("POST", "/api/v1/vaults/{id}/rebuild", Rule::SignedIn),
    ("POST", "/api/v1/vaults/{id}/open", Rule::SignedIn),
    ("PUT", "/api/v1/vaults/{id}/scrub", Rule::SignedIn),
    ("PUT", "/api/v1/vaults/{id}/lock", Rule::SignedIn),
    ("GET", "/api/v1/vaults/{id}/capacity", Rule::SignedIn),
    ("GET", "/api/v1/vaults/{id}/sweeps", Rule::SignedIn),
];

/// The calls.
pub fn routes(router: OpenApiRouter<Web>) -> OpenApiRouter<Web> {
    router
        .routes(routes!(list_vaults, create_vault))
        .routes(routes!(get_vault))
        .routes(routes!(change_bucket))
        .routes(routes!(check_bucket))
        .routes(routes!(verify_vault))
        .routes(routes!(list_findings))
        .routes(routes!(sweep_vault))
        .routes(routes!(rebuild_from_vault))
        .routes(routes!(open_vault))
        .routes(routes!(change_scrub))
        .routes(routes!(change_lock))
        .routes(routes!(vault_capacity))
        .routes(routes!(list_sweeps))
}

endpoint!(/// Vaults.
    get "/api/v1/vaults" "vaults" list_vaults(cx, b) Vec<Vault> => b.list_vaults(cx).await?);
endpoint!(/// Makes or adopts a vault.
    post "/api/v1/vaults" "vaults" create_vault(cx, b, Body(form): Body<NewVault>) Vault => b.create_vault(cx, form).await?);
endpoint!(/// One vault.
    get "/api/v1/vaults/{id}" "vaults" get_vault(cx, b, Path(id): Path<i64>) Vault => b.get_vault(cx, id).await?);
endpoint!(/// Changes how a vault's bucket is reached.
    put "/api/v1/vaults/{id}/bucket" "vaults" change_bucket(cx, b, Path(id): Path<i64>, Body(form): Body<ChangeBucket>) Vault => b.change_bucket(cx, ChangeBucket { vault_id: id, ..form }).await?);
endpoint!(/// Tries again what a vault needs of its bucket.
    post "/api/v1/vaults/{id}/bucket/check" "vaults" check_bucket(cx, b, Path(id): Path<i64>) Vault => b.check_bucket(cx, id).await?);
endpoint!(/// Queues a verification.
    post "/api/v1/vaults/{id}/verify" "vaults" verify_vault(cx, b, Path(id): Path<i64>) Queued => Queued { job_id: b.verify_vault(cx, id).await? });
endpoint!(/// Queues a sweep.
    post "/api/v1/vaults/{id}/sweep" "vaults" sweep_vault(cx, b, Path(id): Path<i64>, Body(form): Body<SweepForm>) Queued => Queued { job_id: b.sweep_vault(cx, id, form).await? });
endpoint!(/// Queues a rebuild of the catalogue from a vault.
    post "/api/v1/vaults/{id}/rebuild" "vaults" rebuild_from_vault(cx, b, Path(id): Path<i64>) Queued => Queued { job_id: b.rebuild_from_vault(cx, id).await? });
endpoint!(/// Lets a vault that was only read be written.
    post "/api/v1/vaults/{id}/open" "vaults" open_vault(cx, b, Path(id): Path<i64>) () => b.open_vault(cx, id).await?);
endpoint!(/// Changes how soon and how fast every byte of a vault is read.
    put "/api/v1/vaults/{id}/scrub" "vaults" change_scrub(cx, b, Path(id): Path<i64>, Body(form): Body<ChangeScrub>) () => b.change_scrub(cx, ChangeScrub { vault_id: id, ..form }).await?);
endpoint!(/// Changes how a vault's bucket locks what is written once.
    put "/api/v1/vaults/{id}/lock" "vaults" change_lock(cx, b, Path(id): Path<i64>, Body(form): Body<ChangeLock>) () => b.change_lock(cx, ChangeLock { vault_id: id, ..form }).await?);
endpoint!(/// What a vault takes, how it grows, and when it will be full.
    get "/api/v1/vaults/{id}/capacity" "vaults" vault_capacity(cx, b, Path(id): Path<i64>) Capacity => b.vault_capacity(cx, id).await?);
endpoint!(/// The last sweeps.
    get "/api/v1/vaults/{id}/sweeps" "vaults" list_sweeps(cx, b, Path(id): Path<i64>) Vec<Sweep> => b.list_sweeps(cx, id).await?);
endpoint!(/// What verification found.
    get "/api/v1/vaults/{id}/findings" "vaults" list_findings(cx, b, Path(id): Path<i64>) Vec<Finding> => b.list_findings(cx, id).await?);
