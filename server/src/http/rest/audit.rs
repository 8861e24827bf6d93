//! The audit history.

use app::audit::types::{AuditDetail, AuditFilter, AuditPage, ChainCheck};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Web;
use super::super::rules::{Line, Rule};
use super::{Answer, Path, Query};

/// The gate, line by line.
pub const LINES: &[Line] = &[
    ("GET", "/api/v1/audit", Rule::SignedIn),
    ("GET", "/api/v1/audit/{seq}", Rule::SignedIn),
    ("POST", "/api/v1/audit/verify", Rule::SignedIn),
];

/// The calls.
pub fn routes(router: OpenApiRouter<Web>) -> OpenApiRouter<Web> {
    router.routes(routes!(list_audit)).routes(routes!(get_audit)).routes(routes!(verify_audit))
}

endpoint!(/// The audit history, newest first.
    get "/api/v1/audit" "audit" list_audit(cx, b, Query(filter): Query<AuditFilter>) AuditPage => b.list_audit(cx, filter).await?);
endpoint!(/// One event.
    get "/api/v1/audit/{seq}" "audit" get_audit(cx, b, Path(seq): Path<i64>) AuditDetail => b.get_audit(cx, seq).await?);
endpoint!(/// Computes the chain again.
    post "/api/v1/audit/verify" "audit" verify_audit(cx, b) ChainCheck => b.verify_audit(cx).await?);
