//! What several test files share: a small image, and a small backup of it.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures::{TryStreamExt, stream};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;
use vault::conformance::pattern;
use vault::store::memory::MemoryStore;
use vault::tree::{Gap, RepositoryIndex, RepositoryMember, Role, SnapshotIndex};
use vault::{Pointer, PutError, Vault, VaultError};
use vocab::{Descriptor, Digest, media};

pub const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";

pub async fn memory_vault() -> (MemoryStore, Vault) {
    let store = MemoryStore::default();
    let vault = Vault::init_store(Arc::new(store.clone())).await.unwrap();
    (store, vault)
}

pub fn plain(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
        artifact_type: None,
        annotations: std::collections::BTreeMap::new(),
        platform: None,
        urls: Vec::new(),
    }
}

pub async fn put(vault: &Vault, bytes: &Bytes) -> Result<vault::Stored, VaultError> {
    let pieces: Vec<Result<Bytes, Infallible>> =
        (0..bytes.len()).step_by(16 * 1024).map(|at| Ok(bytes.slice(at..bytes.len().min(at + 16 * 1024)))).collect();
    vault.put(&Digest::of(bytes), Some(bytes.len() as u64), stream::iter(pieces)).await.map_err(|e| match e {
        PutError::Vault(error) => error,
        other => panic!("{other:?}"),
    })
}

pub async fn read(vault: &Vault, digest: &Digest) -> Result<Vec<u8>, VaultError> {
    vault
        .get(digest)
        .try_fold(Vec::new(), |mut all, chunk| {
            all.extend_from_slice(&chunk);
            std::future::ready(Ok(all))
        })
        .await
}

/// An image of one uncompressed layer, an empty tar archive of `layer_bytes` zeros.
pub struct Image {
    pub layer: Bytes,
    pub config: Bytes,
    pub manifest: Bytes,
}

impl Image {
    pub fn new(name: &str, layer_bytes: usize) -> Self {
        let layer = Bytes::from(vec![0; layer_bytes.next_multiple_of(512)]);
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": { "Labels": { "name": name } },
            "rootfs": { "type": "layers", "diff_ids": [Digest::of(&layer)] },
        });
        let config = Bytes::from(serde_json::to_vec(&config).unwrap());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media::OCI_MANIFEST,
            "config": plain(CONFIG_TYPE, &config),
            "layers": [plain(LAYER_TYPE, &layer)],
        });
        Self { layer, config, manifest: Bytes::from(serde_json::to_vec(&manifest).unwrap()) }
    }

    pub async fn put(&self, vault: &Vault) -> Result<Descriptor, VaultError> {
        put(vault, &self.layer).await?;
        put(vault, &self.config).await?;
        vault.put_bytes(&self.manifest).await?;
        Ok(plain(media::OCI_MANIFEST, &self.manifest))
    }
}

pub fn moment(second: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_790_000_000 + second).unwrap()
}

/// Backs up a project of two repositories, as the engine would: objects, indexes, settings, pointer, index.
pub async fn small_backup(vault: &Vault) -> Result<Pointer, VaultError> {
    let shop = Image::new("shop", 10_240);
    let web = Image::new("web", 700_000);
    let (shop, web) = (shop.put(vault).await?, web.put(vault).await?);
    let index = json!({ "schemaVersion": 2, "mediaType": media::OCI_INDEX, "manifests": [&shop, &web] });
    let index = serde_json::to_vec(&index).unwrap();
    vault.put_bytes(&index).await?;
    let signature = Image::new("signature", 512);
    let signature = signature.put(vault).await?;
    put(vault, &pattern(1, 2_500_000)).await?;
    let tagged = |descriptor: &Descriptor, tag: &str| RepositoryMember::root(descriptor.clone(), Some(tag.parse().unwrap()));
    let untagged = |descriptor: &Descriptor, role| RepositoryMember { role, ..RepositoryMember::root(descriptor.clone(), None) };
    let one = RepositoryIndex {
        name: "prod/team/shop".parse().unwrap(),
        description: Some("sells".to_owned()),
        members: vec![
            tagged(&shop, "1.4"),
            tagged(&shop, "latest"),
            tagged(&shop, "_odd"),
            untagged(&signature, Role::Accessory { subject: shop.digest, kind: "signature.cosign".to_owned() }),
        ],
        names: vault::Names::new(),
    };
    let two = RepositoryIndex {
        name: "prod/web".parse().unwrap(),
        description: None,
        members: vec![tagged(&plain(media::OCI_INDEX, &index), "latest"), untagged(&shop, Role::Child), untagged(&web, Role::Child)],
        names: vault::Names::new(),
    };
    let snapshot = SnapshotIndex {
        limits: Vec::new(),
        listed: None,
        harbor_config: None,
        pushed: None,
        harbor: "main".parse().unwrap(),
        project: "prod".parse().unwrap(),
        origin: vault::tree::Origin::Harbor,
        started: moment(0),
        finished: moment(9),
        gaps: vec![Gap {
            kind: "manifest_missing".to_owned(),
            subject: "prod/gone:1".to_owned(),
            cause: "listed, then answered 404".to_owned(),
            consequence: String::new(),
            remedy: "none needed if it was deleted meanwhile".to_owned(),
            digest: None,
            values: None,
        }],
        config: Some(vault.put_project(&json!({ "public": false, "storage_limit": -1 })).await?),
        repositories: vec![(two.name.clone(), vault.put_repository(&two).await?), (one.name.clone(), vault.put_repository(&one).await?)],
        elsewhere: Vec::new(),
        closed: true,
    };
    let pointer = Pointer {
        harbor: snapshot.harbor.clone(),
        project: snapshot.project.clone(),
        moment: snapshot.finished,
        id: Uuid::from_u128(42),
        snapshot: vault.put_snapshot(&snapshot).await?,
        signature: None,
    };
    vault.put_pointer(&pointer).await?;
    vault.rebuild_index().await?;
    Ok(pointer)
}

/// Walks pointers → snapshot → repositories → manifests → blobs with nothing but the vault, and answers the pointers and how
/// many references to objects that hash to their names they lead to. This is what a rebuild of the catalogue does.
pub async fn closure(vault: &Vault) -> Result<(Vec<Pointer>, usize), VaultError> {
    let pointers: Vec<Pointer> = vault.pointers().try_collect().await?;
    let mut count = 0;
    for pointer in &pointers {
        let snapshot = vault.snapshot(&pointer.snapshot.digest).await?;
        if let Some(config) = &snapshot.config {
            vault.project_settings(&config.digest).await?;
        }
        for (_, descriptor) in &snapshot.repositories {
            for member in vault.repository(&descriptor.digest).await?.members {
                let bytes = vault.get_bytes(&member.descriptor.digest, vocab::manifest::MANIFEST_BYTES_MAX).await?;
                let manifest = vocab::Manifest::parse(&member.descriptor.media_type, &bytes).unwrap();
                for named in manifest.blobs.iter().chain(&manifest.children) {
                    let intact = vault.verify_object(&named.sha256().unwrap()).await?;
                    assert_eq!(Some(intact.size_bytes), named.stated_bytes());
                    count += 1;
                }
            }
        }
    }
    Ok((pointers, count))
}
