//! The distribution API, `/v2` (distribution-spec 1.1, and where Harbor differs: harbor.md §1, §4, §5).

mod blob;
mod listing;
mod location;
mod manifest;
mod pieces;
mod reading;
mod schema1;
mod sending;
mod served;
mod upload;

#[cfg(feature = "fuzzing")]
pub(crate) use self::location::{redirect_target, upload_location};
#[cfg(feature = "fuzzing")]
pub(crate) use self::reading::content_range;
pub use blob::BlobHead;
pub use manifest::{ManifestHead, RawManifest, Reference};
pub use served::Served;
pub use upload::Mount;
