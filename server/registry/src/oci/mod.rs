//! The distribution API, `/v2` (distribution-spec 1.1, and where Harbor differs: harbor.md §1, §4, §5).

mod blob;
mod listing;
mod location;
mod manifest;
mod upload;

pub use manifest::{ManifestHead, RawManifest, Reference};
pub use upload::Mount;
