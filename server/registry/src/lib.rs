//! A client for a stranger's network: Harbor's API v2.0 and the OCI distribution API.
//!
//! What the other side sends is never trusted: every answer has a cap, every wait an end, every listing a bound, every digest is computed here, and credentials go
//! to the registered scheme, host and port and nowhere else (reliability.md §4.6, §4.7). Backups made with it do not count as pulls (harbor.md §0.2).
//! Of `oci-client` the error codes and their envelope are used; its transport is not, since it sends credentials wherever a server points and reads bodies without a cap.
//!
//! Invariants: no function here retries what may not be sent twice; no error, log line or `Debug` holds a secret; no stream holds more than two pieces of a body.

mod address;
mod auth;
mod cap;
mod check;
mod client;
mod endpoint;
mod error;
mod facts;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod harbor;
mod limits;
mod oci;
mod retry;
mod storage;
mod transport;
mod version;

pub use address::{AddressRule, Refused};
pub use cap::BodyCap;
pub use check::{Advice, Check, CheckKind, Found, Lack, Outcome, Untried};
pub use client::Client;
pub use endpoint::{Endpoint, EndpointError};
pub use error::{BoxError, RegistryError};
pub use harbor::{
    Accessory, Artifact, AuditEvent, AuditLog, Component, CreatedRobot, CveAllowlist, GcRun, Health, ImmutableRule, Label, Member, Newest,
    NewestAudit, Permission, PermissionKind, Project, ProjectLabel, Quota, Repository, RetentionRule, RetentionSummary, RobotScope,
    RobotSpec, STAGING_LABEL, STAGING_PREFIX, Selector, SystemInfo, SystemRobot, TagInfo,
};
pub use limits::{Bandwidth, Counters, Credential, Limits};
pub use oci::{BlobHead, ManifestHead, Mount, RawManifest, Reference, Served};
pub use transport::guarded_client;
pub use version::HarborVersion;
