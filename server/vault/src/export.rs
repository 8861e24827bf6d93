//! Images out of a snapshot as an OCI image layout (image-spec 1.1, image-layout.md), in a folder or as a tar archive: what `oras restore`,
//! `skopeo copy oci:` or `oci-archive:`, `crane push` and `regctl image import` take.
//!
//! Unlike a view it is a copy of its own, and it never names an image it does not hold: an image with a part that is missing or
//! damaged in the vault is left out and said. Every byte is hashed on its way; one that turns out damaged ends the export with
//! an error. Names are those of a view: bare tags for one repository, `<repository within the project>:<tag>` for several.
//! The same choice of the same snapshot gives the same archive, byte for byte.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use async_stream::try_stream;
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, pin_mut, stream};
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Descriptor, Digest, Manifest, RepositoryName, Tag};

use crate::Vault;
use crate::error::VaultError;
use crate::layout::OCI_LAYOUT;
use crate::tree::{self, MEMBERS_MAX, REF_NAME, RepositoryIndex, RepositoryMember, Role};
use crate::view::{NESTING_MAX, ViewReference, blocking_io, entry, prepare, reference};

/// Objects looked at side by side.
const OBJECTS_AT_ONCE: usize = 16;
/// A tar archive is made of blocks of this many bytes (POSIX.1-2017, pax, "ustar Interchange Format").
const BLOCK_BYTES: u64 = 512;
/// And ends with two of them, empty.
const END_BYTES: u64 = 2 * BLOCK_BYTES;
const BLOBS: &str = "blobs/sha256/";

/// What of a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Only this repository.
    pub repository: Option<RepositoryName>,
    /// Only these tags, with what is about their images; all if empty.
    pub tags: Vec<Tag>,
}

/// An image that cannot be exported whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// Its name in the export, or its digest.
    pub image: String,
    /// The part that is missing or damaged.
    pub part: Digest,
}

/// What an export will hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Every name a tool can ask for, sorted.
    pub references: Vec<ViewReference>,
    /// Images that are not whole in the vault.
    pub left_out: Vec<LeftOut>,
    /// Objects with their sizes in bytes.
    objects: BTreeMap<Digest, u64>,
    index: Vec<u8>,
}

impl Export {
    /// How many objects.
    #[must_use]
    pub fn objects(&self) -> usize {
        self.objects.len()
    }

    /// Their bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.objects.values().sum()
    }

    /// The exact size of the archive in bytes.
    #[must_use]
    pub fn archive_bytes(&self) -> u64 {
        let padded = |size: u64| BLOCK_BYTES + size.next_multiple_of(BLOCK_BYTES);
        let files = [OCI_LAYOUT.len() as u64, self.index.len() as u64];
        files.into_iter().chain(self.objects.values().copied()).map(padded).sum::<u64>() + END_BYTES
    }
}

/// A manifest that was read, by what it needs.
struct Needs {
    children: Vec<Digest>,
    blobs: Vec<(Digest, u64)>,
    size_bytes: u64,
}

/// Manifests that were read. `None`: missing or damaged.
type Manifests = HashMap<Digest, Option<Needs>>;

/// What is known of the objects of the chosen images. `None`: missing or damaged.
struct Closure {
    manifests: Manifests,
    blobs: HashMap<Digest, Option<u64>>,
}

impl Vault {
    /// Looks what an export of `choice` from `snapshot` holds. Manifests are read and hashed, blobs are looked up.
    ///
    /// [`VaultError::NotInSnapshot`] when the repository is not in the snapshot. A tag that is not there is not exported.
    pub async fn plan_export(&self, snapshot: &Digest, choice: &Choice) -> Result<Export, VaultError> {
        let repositories = self.repositories_for_view(snapshot, choice.repository.as_ref()).await?;
        let single = choice.repository.is_some() || repositories.len() == 1;
        let mut entries: BTreeMap<(Option<String>, Digest), Descriptor> = BTreeMap::new();
        let mut manifests = Manifests::new();
        for index in &repositories {
            let (chosen, read) = self.chosen(index, &choice.tags).await?;
            manifests.extend(read);
            for member in chosen {
                if let Some(entry) = entry(index, member, single) {
                    entries.insert((entry.annotations.get(REF_NAME).cloned(), entry.digest), entry);
                }
            }
        }
        let named: BTreeSet<Digest> = entries.keys().filter(|(name, _)| name.is_some()).map(|(_, digest)| *digest).collect();
        entries.retain(|(name, digest), _| name.is_some() || !named.contains(digest));
        let closure = self.closure(manifests).await?;
        let (mut objects, mut left_out, mut whole) = (BTreeMap::new(), Vec::new(), Vec::new());
        for ((name, digest), descriptor) in entries {
            match closure.of(&digest) {
                Ok(needed) => {
                    objects.extend(needed);
                    whole.push((name, descriptor));
                }
                Err(part) => left_out.push(LeftOut { image: name.unwrap_or_else(|| digest.to_string()), part }),
            }
        }
        let references = whole.iter().filter_map(|(name, descriptor)| reference(name.as_deref()?, descriptor.digest)).collect();
        let descriptors: Vec<Descriptor> = whole.into_iter().map(|(_, descriptor)| descriptor).collect();
        let index = tree::encode_index(None, descriptors.iter().cloned(), &BTreeMap::new());
        Ok(Export { references, left_out, objects, index })
    }

    /// Writes an export into the empty or absent directory `out`. After an error what was written is of no use.
    pub async fn export_to(&self, export: &Export, out: &Path) -> Result<(), VaultError> {
        let blobs = prepare(out).await?;
        let copies = stream::iter(export.objects.keys().map(Ok)).try_for_each_concurrent(OBJECTS_AT_ONCE, |digest| {
            let to = blobs.join(digest.hex());
            async move { self.copy_object(digest, &to).await }
        });
        copies.await?;
        let (out, index) = (out.to_owned(), export.index.clone());
        blocking_io("write", &out.clone(), move || {
            fs::write(out.join("oci-layout"), OCI_LAYOUT)?;
            fs::write(out.join("index.json"), index)
        })
        .await
    }

    /// An export as a tar archive of [`Export::archive_bytes`]. An error in it means that what came so far is of no use.
    pub fn archive(&self, export: Export) -> impl Stream<Item = Result<Bytes, VaultError>> + Send + 'static + use<> {
        let vault = self.clone();
        try_stream! {
            for (name, bytes) in [("oci-layout", Bytes::from_static(OCI_LAYOUT)), ("index.json", Bytes::from(export.index))] {
                let size_bytes = bytes.len() as u64;
                yield header(name, size_bytes)?;
                yield bytes;
                yield padding(size_bytes);
            }
            for (digest, size_bytes) in export.objects {
                yield header(&format!("{BLOBS}{}", digest.hex()), size_bytes)?;
                let chunks = vault.get(&digest);
                pin_mut!(chunks);
                let mut sent = 0;
                while let Some(chunk) = chunks.try_next().await? {
                    sent += chunk.len() as u64;
                    yield chunk;
                }
                if sent != size_bytes {
                    Err(VaultError::WrongBytes { expected: digest, actual: digest, size_bytes: sent })?;
                }
                yield padding(size_bytes);
            }
            yield Bytes::from_static(&[0; END_BYTES as usize]);
        }
    }

    /// The members under the chosen tags, and what is about them or about their parts, at any depth; all members without a choice. With
    /// the manifests that were read for it.
    async fn chosen<'a>(&self, index: &'a RepositoryIndex, tags: &[Tag]) -> Result<(Vec<&'a RepositoryMember>, Manifests), VaultError> {
        let named = |member: &&RepositoryMember| tags.is_empty() || member.tag.as_ref().is_some_and(|tag| tags.contains(tag));
        let (mut chosen, mut others): (Vec<_>, Vec<_>) = index.members.iter().partition(named);
        let mut manifests = Manifests::new();
        for _ in 0..=NESTING_MAX {
            self.read_manifests(&mut manifests, chosen.iter().map(|member| &member.descriptor)).await?;
            let (more, rest) = others.into_iter().partition::<Vec<_>, _>(|member| match &member.role {
                Role::Accessory { subject, .. } => manifests.contains_key(subject),
                Role::Root | Role::Child => false,
            });
            others = rest;
            if more.is_empty() {
                break;
            }
            chosen.extend(more);
        }
        Ok((chosen, manifests))
    }

    /// Reads `roots` and what they name, level by level. What nests deeper than a restore follows is not read, so nothing that needs
    /// it counts as whole.
    async fn read_manifests(&self, manifests: &mut Manifests, roots: impl Iterator<Item = &Descriptor>) -> Result<(), VaultError> {
        let mut level: BTreeMap<Digest, String> = roots.map(|root| (root.digest, root.media_type.clone())).collect();
        for _ in 0..=NESTING_MAX {
            level.retain(|digest, _| !manifests.contains_key(digest));
            if manifests.len() + level.len() > MEMBERS_MAX {
                let why = format!("it has more than {MEMBERS_MAX} objects");
                return Err(VaultError::Invalid { what: "export", why });
            }
            let mut read = stream::iter(std::mem::take(&mut level))
                .map(|(digest, media_type)| async move { self.needs(&digest, &media_type).await.map(|needs| (digest, needs)) })
                .buffer_unordered(OBJECTS_AT_ONCE);
            while let Some((digest, needs)) = read.try_next().await? {
                let (needs, children) = needs.map_or((None, Vec::new()), |(needs, children)| (Some(needs), children));
                level.extend(children);
                manifests.insert(digest, needs);
            }
        }
        Ok(())
    }

    /// Looks for the blobs of all manifests.
    async fn closure(&self, manifests: Manifests) -> Result<Closure, VaultError> {
        let wanted: BTreeSet<Digest> =
            manifests.values().flatten().flat_map(|needs| needs.blobs.iter().map(|(digest, _)| *digest)).collect();
        let blobs = stream::iter(wanted)
            .map(|digest| async move { Ok::<_, VaultError>((digest, self.size_of(&digest).await?)) })
            .buffer_unordered(OBJECTS_AT_ONCE)
            .try_collect()
            .await?;
        Ok(Closure { manifests, blobs })
    }

    /// Reads one manifest. `None`: it is missing, damaged, or nothing this program understands.
    async fn needs(&self, digest: &Digest, media_type: &str) -> Result<Option<(Needs, Vec<(Digest, String)>)>, VaultError> {
        let bytes = match self.get_bytes(digest, MANIFEST_BYTES_MAX).await {
            Ok(bytes) => bytes,
            Err(VaultError::Missing { .. } | VaultError::Corrupt { .. } | VaultError::TooLarge { .. }) => return Ok(None),
            Err(other) => return Err(other),
        };
        let Ok(manifest) = Manifest::parse(media_type, &bytes) else { return Ok(None) };
        let blobs = manifest.blob_digests().map(|blob| (blob, u64::MAX)).collect();
        let children: Vec<(Digest, String)> =
            manifest.children.iter().filter_map(|child| Some((child.sha256()?, child.stated_type().to_owned()))).collect();
        let needs = Needs { children: children.iter().map(|(digest, _)| *digest).collect(), blobs, size_bytes: bytes.len() as u64 };
        Ok(Some((needs, children)))
    }
}

impl Closure {
    /// Every object an image needs with its size, or the first that is not to be had.
    fn of(&self, root: &Digest) -> Result<BTreeMap<Digest, u64>, Digest> {
        let mut objects = BTreeMap::new();
        let mut waiting = vec![*root];
        while let Some(digest) = waiting.pop() {
            if objects.contains_key(&digest) {
                continue;
            }
            let needs = self.manifests.get(&digest).and_then(Option::as_ref).ok_or(digest)?;
            objects.insert(digest, needs.size_bytes);
            waiting.extend(&needs.children);
            for (blob, stated) in &needs.blobs {
                let size_bytes = self.blobs.get(blob).copied().flatten().filter(|found| *stated == u64::MAX || found == stated);
                objects.insert(*blob, size_bytes.ok_or(*blob)?);
            }
        }
        Ok(objects)
    }
}

/// The header of a file in an archive; nothing in it depends on when or by whom it is written.
fn header(name: &str, size_bytes: u64) -> Result<Bytes, VaultError> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_path(name).map_err(|e| VaultError::Invalid { what: "name in an archive", why: e.to_string() })?;
    header.set_size(size_bytes);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_cksum();
    Ok(Bytes::copy_from_slice(header.as_bytes()))
}

fn padding(size_bytes: u64) -> Bytes {
    static ZEROS: [u8; BLOCK_BYTES as usize] = [0; BLOCK_BYTES as usize];
    let length = size_bytes.next_multiple_of(BLOCK_BYTES) - size_bytes;
    Bytes::from_static(&ZEROS).slice(..usize::try_from(length).unwrap_or(0))
}
