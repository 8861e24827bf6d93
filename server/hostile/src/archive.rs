//! Layouts and archives to import: refused, or a snapshot that is whole and no larger than what came in.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use engine::Silent;
use engine::finding::Depth;
use engine::import::{self, Destination, ImportContext};
use engine::verify;
use futures::TryStreamExt;
use tokio::runtime::Runtime;
use vault::Vault;
use vault::store::memory::MemoryStore;

use crate::corpus::OBJECTS;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
/// What an import adds of its own: indexes and settings.
const OWN_BYTES_MAX: u64 = 64 * 1024;

/// A tar archive.
pub(crate) fn archive(bytes: &[u8]) {
    is_archive_taken(bytes);
}

/// The `index.json` of a layout whose objects are there.
pub(crate) fn layout(bytes: &[u8]) {
    is_layout_taken(bytes);
}

fn is_archive_taken(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("images.tar");
    std::fs::write(&path, bytes).expect("it can be written");
    let taken = take(&path, bytes.len() as u64);
    let left = std::fs::read_dir(folder.path()).expect("it can be listed").count();
    assert_eq!(left, 1, "an archive is never unpacked");
    taken
}

fn is_layout_taken(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let objects = folder.path().join("blobs/sha256");
    std::fs::create_dir_all(&objects).expect("it can be written");
    let mut size = bytes.len() as u64;
    for object in OBJECTS.iter() {
        size += object.len() as u64;
        std::fs::write(objects.join(vocab::Digest::of(object).hex()), object).expect("it can be written");
    }
    std::fs::write(folder.path().join("oci-layout"), vault::layout::OCI_LAYOUT).expect("it can be written");
    std::fs::write(folder.path().join("index.json"), bytes).expect("it can be written");
    take(folder.path(), size)
}

/// Whether it became a snapshot.
fn take(path: &Path, size_bytes: u64) -> bool {
    RUNTIME.block_on(async {
        let vault = Vault::init_store(Arc::new(MemoryStore::default())).await.expect("memory is a store");
        let cx = ImportContext { vault: vault.clone(), progress: Arc::new(Silent), control: Arc::new(Silent) };
        let destination = Destination {
            harbor: "files".parse().expect("a name"),
            project: "shop".parse().expect("a name"),
            repository: "shop/web".parse().ok(),
            names: std::collections::BTreeMap::new(),
            moment: time::OffsetDateTime::UNIX_EPOCH,
        };
        let outcome = import::run(&cx, &destination, path).await;
        let objects: Vec<(vocab::Digest, u64)> = vault.objects().try_collect().await.expect("memory is listed");
        let stored: u64 = objects.iter().map(|(_, size)| size).sum();
        assert!(stored <= size_bytes.saturating_mul(4) + OWN_BYTES_MAX, "{size_bytes} bytes became {stored}");
        for (digest, _) in objects {
            vault.verify_object(&digest).await.expect("nothing is stored under another name than its own");
        }
        let pointers: Vec<_> = vault.pointers().try_collect().await.expect("pointers are readable");
        assert_eq!(pointers.len(), usize::from(outcome.is_ok()), "a snapshot, or an error");
        let Ok(sealed) = outcome else { return false };
        assert_eq!(verify::snapshot_to(&vault, &sealed.snapshot.digest, Depth::Bytes).await, [], "what was sealed is whole");
        true
    })
}

#[cfg(test)]
mod tests {
    use crate::corpus;

    /// Changes to what is refused anyway would test little.
    #[test]
    fn the_corpus_is_taken_as_far_as_it_is_good() {
        let archives: Vec<bool> = corpus("archive").iter().map(|bytes| super::is_archive_taken(bytes)).collect();
        assert_eq!(archives, [true, true, true, true, true, false]);
        assert!(corpus("layout").iter().all(|bytes| super::is_layout_taken(bytes)));
    }
}
