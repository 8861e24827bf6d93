//! What writing a plan takes: whether the vault can give everything back, and how much of it Harbor still has.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use registry::{Client, RegistryError};
use vault::{Vault, VaultError};
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Digest, Manifest, RepositoryName};

use super::model::{EffectItem, Estimate};
use crate::backup::DEPTH_MAX;

/// Blobs looked up in the registry for one plan; more would make people wait, and Harbor work, for a guess.
pub(crate) const BLOBS_LOOKED_UP_MAX: usize = 200;
/// Lookups at a time; the client bounds them further.
const LOOKUPS_AT_ONCE: usize = 8;
/// Most manifests one line may consist of.
const MANIFESTS_OF_LINE_MAX: usize = 10_000;

/// The parts of one line, or the object the vault cannot give back.
pub(crate) struct Closure {
    /// Digest and size.
    pub blobs: BTreeMap<Digest, u64>,
    pub manifests: Vec<Digest>,
}

/// Reads the manifests of a line from the vault and looks for every blob.
pub(crate) async fn closure(vault: &Vault, item: &EffectItem) -> Result<Result<Closure, Digest>, VaultError> {
    let mut level = vec![(item.then, item.media_type.clone())];
    let mut seen: HashSet<Digest> = level.iter().map(|(digest, _)| *digest).collect();
    let mut closure = Closure { blobs: BTreeMap::new(), manifests: Vec::new() };
    for _ in 0..DEPTH_MAX {
        let mut next = Vec::new();
        for (digest, media_type) in level {
            closure.manifests.push(digest);
            let bytes = match vault.get_bytes(&digest, MANIFEST_BYTES_MAX).await {
                Ok(bytes) => bytes,
                Err(VaultError::Missing { .. } | VaultError::Corrupt { .. } | VaultError::TooLarge { .. }) => return Ok(Err(digest)),
                Err(other) => return Err(other),
            };
            let Ok(manifest) = Manifest::parse(&media_type, &bytes) else { return Ok(Err(digest)) };
            for blob in manifest.blob_digests() {
                if closure.blobs.contains_key(&blob) {
                    continue;
                }
                let Some(found) = vault.size_of(&blob).await? else { return Ok(Err(blob)) };
                closure.blobs.insert(blob, found);
            }
            let children = manifest.children.iter().filter_map(|child| Some((child.sha256()?, child.stated_type().to_owned())));
            next.extend(children.filter(|(child, _)| seen.insert(*child)));
            if seen.len() > MANIFESTS_OF_LINE_MAX {
                return Ok(Err(digest));
            }
        }
        if next.is_empty() {
            return Ok(Ok(closure));
        }
        level = next;
    }
    Ok(Err(item.then))
}

/// Where to look for the blobs of the lines to write.
pub(crate) struct Lookup<'a> {
    pub client: &'a Client,
    /// Whether the target project is there.
    pub target_exists: bool,
    /// Whether the source repositories are in the same registry, so that blobs can be mounted from them.
    pub same_harbor: bool,
}

impl Lookup<'_> {
    /// Looks which blobs Harbor still has, in the target repository or where they can be mounted from.
    pub(crate) async fn estimate(&self, lines: &[(&EffectItem, Closure)]) -> Result<Estimate, RegistryError> {
        let mut estimate = Estimate::default();
        let mut wanted: HashMap<Digest, (u64, RepositoryName, RepositoryName)> = HashMap::new();
        let mut manifests: HashSet<(&RepositoryName, Digest)> = HashSet::new();
        for (item, closure) in lines {
            manifests.extend(closure.manifests.iter().map(|digest| (&item.repository, *digest)));
            for (digest, size_bytes) in &closure.blobs {
                wanted.entry(*digest).or_insert_with(|| (*size_bytes, item.repository.clone(), item.source_repository.clone()));
            }
        }
        estimate.manifests_to_put = manifests.len() as u64;
        let mut wanted: Vec<_> = wanted.into_iter().collect();
        // Largest first: if not all can be looked up, the guess is off by little.
        wanted.sort_by_key(|(digest, (size_bytes, _, _))| (std::cmp::Reverse(*size_bytes), *digest));
        // What a deleted project still has shows only once it is made again.
        let looked_up = if self.hides_remains(lines) { 0 } else { BLOBS_LOOKED_UP_MAX };
        let unknown = wanted.split_off(wanted.len().min(looked_up));
        estimate.blobs_unknown = unknown.len() as u64;
        estimate.bytes_unknown = unknown.iter().map(|(_, (size_bytes, _, _))| size_bytes).sum();
        let looks = stream::iter(wanted).map(|(digest, (size_bytes, target, source))| async move {
            self.is_there(&digest, &target, &source).await.map(|there| (size_bytes, there))
        });
        let mut looks = std::pin::pin!(looks.buffer_unordered(LOOKUPS_AT_ONCE));
        while let Some((size_bytes, there)) = looks.try_next().await? {
            if there {
                estimate.bytes_present += size_bytes;
            } else {
                estimate.bytes_to_send += size_bytes;
            }
        }
        Ok(estimate)
    }

    fn hides_remains(&self, lines: &[(&EffectItem, Closure)]) -> bool {
        !self.target_exists && self.same_harbor && lines.iter().all(|(item, _)| item.repository == item.source_repository)
    }

    async fn is_there(&self, digest: &Digest, target: &RepositoryName, source: &RepositoryName) -> Result<bool, RegistryError> {
        if self.target_exists && self.head(target, digest).await? {
            return Ok(true);
        }
        Ok(self.same_harbor && source != target && self.head(source, digest).await?)
    }

    /// A repository nobody may read, or that is gone with its project, has nothing to offer.
    async fn head(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool, RegistryError> {
        match self.client.blob_head(repository, digest).await {
            Ok(found) => Ok(found.is_some()),
            Err(
                RegistryError::Forbidden { .. }
                | RegistryError::NotFound { .. }
                | RegistryError::Server { .. }
                | RegistryError::Protocol { .. },
            ) => Ok(false),
            Err(other) => Err(other),
        }
    }
}
