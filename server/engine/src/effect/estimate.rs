//! What writing a plan takes: whether the vault can give everything back, and how much of it Harbor still has.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use registry::{Client, RegistryError};
use vault::closed::Elsewhere;
use vault::tree::SnapshotIndex;
use vault::{Closed, Lack, Vault, VaultError, Walk};
use vocab::{AnyDigest, Digest, RepositoryName};

use super::model::{EffectItem, Estimate};
use super::warning::Warning;

/// Blobs looked up in the registry for one plan; more would make people wait, and Harbor work, for a guess.
pub(crate) const BLOBS_LOOKED_UP_MAX: usize = 2_000;
/// Lookups at a time; the client bounds them further.
const LOOKUPS_AT_ONCE: usize = 8;
/// Layers told of one by one that are elsewhere, and lines that need one.
const LAYERS_TOLD_MAX: usize = 20;
const NEEDED_BY_TOLD_MAX: usize = 3;

/// The parts of one line.
pub(crate) struct Closure {
    /// Digest and size.
    pub blobs: BTreeMap<Digest, u64>,
    pub manifests: Vec<Digest>,
    /// Layers that the registry did not have when it was backed up.
    pub elsewhere: Vec<Elsewhere>,
}

impl From<Closed> for Closure {
    fn from(closed: Closed) -> Self {
        let manifests: Vec<Digest> = closed.manifests.into_iter().map(|(digest, _)| digest).collect();
        let mut blobs = closed.objects;
        manifests.iter().for_each(|manifest| {
            blobs.remove(manifest);
        });
        Self { blobs, manifests, elsewhere: closed.elsewhere }
    }
}

/// Reads the manifests of lines from the vault and looks for every blob: of each line its parts, or what it lacks.
pub(crate) async fn closures(
    vault: &Vault,
    index: &SnapshotIndex,
    items: &[&EffectItem],
) -> Result<Vec<Result<Closure, Lack>>, VaultError> {
    let mut walk = Walk::new(vault);
    walk.read(items.iter().map(|item| (item.then, item.media_type.clone()))).await?;
    if walk.names_others() {
        let of: BTreeSet<&RepositoryName> = items.iter().map(|item| &item.source_repository).collect();
        for (_, descriptor) in index.repositories.iter().filter(|(name, _)| of.contains(name)) {
            walk.learn(&vault.repository(&descriptor.digest).await?.names);
        }
    }
    walk.judge().await?;
    Ok(items.iter().map(|item| walk.closed([item.then]).map(Closure::from)).collect())
}

/// What whoever restores has to know of layers that are elsewhere: which, where, and who needs them.
pub(crate) fn elsewhere_warnings(lines: &[(&EffectItem, Closure)]) -> Vec<Warning> {
    let mut layers: BTreeMap<&AnyDigest, (&Elsewhere, Vec<String>)> = BTreeMap::new();
    for (item, closure) in lines {
        for layer in &closure.elsewhere {
            let (_, needed_by) = layers.entry(&layer.object).or_insert_with(|| (layer, Vec::new()));
            if !needed_by.contains(&item.display()) {
                needed_by.push(item.display());
            }
        }
    }
    let total = layers.len();
    let told = layers.into_values().take(LAYERS_TOLD_MAX).map(|(layer, needed_by)| {
        let (named, rest) = needed_by.split_at(needed_by.len().min(NEEDED_BY_TOLD_MAX));
        Warning::LayerElsewhere {
            images: named.to_vec(),
            more: rest.len() as u64,
            layer: layer.object.short(),
            address: layer.urls.first().cloned(),
        }
    });
    let rest = total.saturating_sub(LAYERS_TOLD_MAX);
    let rest = (rest > 0).then_some(Warning::LayersElsewhere { layers: rest as u64 });
    told.chain(rest).collect()
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
