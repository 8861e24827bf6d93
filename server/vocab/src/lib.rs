//! The words the vault, the registry client and the engine share: digests, names, media types and what a manifest refers to.
//!
//! Everything here is a value: no input or output, no clock, no randomness. Bytes of strangers are parsed here, under
//! the limits of [`manifest::Limits`], and nowhere else.

pub mod any_digest;
pub mod digest;
mod go_json;
pub mod manifest;
pub mod media;
pub mod name;
pub mod named;
pub mod pasted;
pub mod signed;

pub use any_digest::{Algorithm, AnyDigest, OtherDigest, OtherHasher};
pub use digest::{Digest, DigestError, Hasher};
pub use manifest::{Descriptor, Manifest, ManifestError, Platform};
pub use name::{NameError, ProjectName, RepositoryName, Tag};
pub use named::{Demand, Named};
pub use pasted::Pasted;
