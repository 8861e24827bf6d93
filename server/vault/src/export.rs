//! Images out of a snapshot as an OCI image layout (image-spec 1.1, image-layout.md), in a folder or as a tar archive: what `oras restore`,
//! `skopeo copy oci:` or `oci-archive:`, `crane push` and `regctl image import` take.
//!
//! Unlike a view it is a copy of its own, and it never names an image it does not hold: an image that is not closed ([`crate::closed`]) in
//! the vault is left out and said, and so are the snapshot's own gaps and the layers that are to be had elsewhere. Every byte is hashed on its way; one that turns out damaged ends the export with
//! an error. Names are those of a view: bare tags for one repository, `<repository within the project>:<tag>` for several.
//! The same choice of the same snapshot gives the same archive, byte for byte.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::Path;

use async_stream::try_stream;
use bytes::Bytes;
use futures::{Stream, TryStreamExt, pin_mut, stream};
use vocab::{AnyDigest, Descriptor, Digest, RepositoryName, Tag};

use crate::Vault;
use crate::closed::{DEPTH_MAX, Elsewhere, Walk};
use crate::error::VaultError;
use crate::layout::OCI_LAYOUT;
use crate::tree::{self, Gap, REF_NAME, RepositoryIndex, RepositoryMember, Role};
use crate::view::{ViewReference, blocking_io, entry, place_in, prepare, reference};

/// Objects looked at side by side.
const OBJECTS_AT_ONCE: usize = 16;
/// A tar archive is made of blocks of this many bytes (POSIX.1-2017, pax, "ustar Interchange Format").
const BLOCK_BYTES: u64 = 512;
/// And ends with two of them, empty.
const END_BYTES: u64 = 2 * BLOCK_BYTES;
const BLOBS: &str = "blobs/";

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
    /// The part it lacks.
    pub part: AnyDigest,
    /// What is the matter with that.
    pub why: String,
}

/// A layer that an image of the export does without, because the registry did not have it either.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Without {
    /// The image's name in the export, or its digest.
    pub image: String,
    /// The layer.
    pub layer: AnyDigest,
    /// Where it is said to be.
    pub urls: Vec<String>,
}

/// What an export will hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Export {
    /// Every name a tool can ask for, sorted.
    pub references: Vec<ViewReference>,
    /// Images that are not whole in the vault.
    pub left_out: Vec<LeftOut>,
    /// Layers that clients have to have from elsewhere.
    pub without: Vec<Without>,
    /// What the snapshot says it lacks of what was chosen.
    pub gaps: Vec<Gap>,
    /// Objects by the files they become, with their sizes in bytes.
    objects: BTreeMap<AnyDigest, (Digest, u64)>,
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
        self.objects.values().map(|(_, size_bytes)| size_bytes).sum()
    }

    /// The exact size of the archive in bytes.
    #[must_use]
    pub fn archive_bytes(&self) -> u64 {
        let padded = |size: u64| BLOCK_BYTES + size.next_multiple_of(BLOCK_BYTES);
        let files = [OCI_LAYOUT.len() as u64, self.index.len() as u64];
        files.into_iter().chain(self.objects.values().map(|(_, size_bytes)| *size_bytes)).map(padded).sum::<u64>() + END_BYTES
    }
}

impl Vault {
    /// Looks what an export of `choice` from `snapshot` holds. Manifests are read and hashed, blobs are looked up.
    ///
    /// [`VaultError::NotInSnapshot`] when the repository is not in the snapshot. A tag that is not there is not exported.
    pub async fn plan_export(&self, snapshot: &Digest, choice: &Choice) -> Result<Export, VaultError> {
        let (snapshot, repositories) = self.repositories_for_view(snapshot, choice.repository.as_ref()).await?;
        let single = choice.repository.is_some() || repositories.len() == 1;
        let mut entries: BTreeMap<(Option<String>, Digest), Descriptor> = BTreeMap::new();
        let mut walk = Walk::new(self);
        for index in &repositories {
            walk.learn(&index.names);
            for member in self.chosen(index, &choice.tags, &mut walk).await? {
                if let Some(entry) = entry(index, member, single) {
                    entries.insert((entry.annotations.get(REF_NAME).cloned(), entry.digest), entry);
                }
            }
        }
        let named: BTreeSet<Digest> = entries.keys().filter(|(name, _)| name.is_some()).map(|(_, digest)| *digest).collect();
        entries.retain(|(name, digest), _| name.is_some() || !named.contains(digest));
        walk.judge().await?;
        let mut export = Export { gaps: chosen_gaps(snapshot.gaps, choice), ..Export::default() };
        let mut whole = Vec::new();
        for ((name, digest), descriptor) in entries {
            let image = || name.clone().unwrap_or_else(|| digest.to_string());
            match walk.closed([digest]) {
                Ok(closed) => {
                    let without = |layer: Elsewhere| Without { image: image(), layer: layer.object, urls: layer.urls };
                    let under = |object: &Digest| closed.objects.get(object).map(|size_bytes| (*object, *size_bytes));
                    export.objects.extend(closed.names.iter().filter_map(|(name, object)| Some((name.clone().into(), under(object)?))));
                    export.objects.extend(closed.objects.iter().map(|(object, size_bytes)| ((*object).into(), (*object, *size_bytes))));
                    export.without.extend(closed.elsewhere.into_iter().map(without));
                    export.references.extend(name.as_deref().and_then(|name| reference(name, digest)));
                    whole.push(descriptor);
                }
                Err(lack) => export.left_out.push(LeftOut { image: image(), part: lack.object, why: lack.why.to_string() }),
            }
        }
        export.index = tree::encode_index(None, whole.iter().cloned(), &BTreeMap::new());
        Ok(export)
    }

    /// Writes an export into the empty or absent directory `out`. After an error what was written is of no use.
    pub async fn export_to(&self, export: &Export, out: &Path) -> Result<(), VaultError> {
        let blobs = prepare(out).await?;
        let copies = stream::iter(export.objects.iter().map(Ok)).try_for_each_concurrent(OBJECTS_AT_ONCE, |(name, (digest, _))| {
            let to = place_in(&blobs, name);
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
            for (name, (digest, size_bytes)) in export.objects {
                let (algorithm, hex) = place_of(&name);
                yield header(&format!("{BLOBS}{algorithm}/{hex}"), size_bytes)?;
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

    /// The members under the chosen tags, and what is about them or about their parts, at any depth; all members without a choice.
    async fn chosen<'a>(
        &self,
        index: &'a RepositoryIndex,
        tags: &[Tag],
        walk: &mut Walk<'_>,
    ) -> Result<Vec<&'a RepositoryMember>, VaultError> {
        let named = |member: &&RepositoryMember| tags.is_empty() || member.tag.as_ref().is_some_and(|tag| tags.contains(tag));
        let (mut chosen, mut others): (Vec<_>, Vec<_>) = index.members.iter().partition(named);
        for _ in 0..=DEPTH_MAX {
            walk.read(chosen.iter().map(|member| (member.descriptor.digest, member.descriptor.media_type.clone()))).await?;
            let family: HashSet<Digest> = chosen.iter().flat_map(|member| walk.family(&member.descriptor.digest)).collect();
            let (more, rest) = others.into_iter().partition::<Vec<_>, _>(|member| match &member.role {
                Role::Accessory { subject, .. } => family.contains(subject),
                Role::Root | Role::Child => false,
            });
            others = rest;
            if more.is_empty() {
                break;
            }
            chosen.extend(more);
        }
        Ok(chosen)
    }
}

/// The gaps of what was chosen; a gap names a tag, an artifact or a repository.
fn chosen_gaps(gaps: Vec<Gap>, choice: &Choice) -> Vec<Gap> {
    let repository = choice.repository.as_ref().map(RepositoryName::as_str);
    let is_chosen = |gap: &Gap| {
        let (name, tag) = match gap.subject.split_once('@') {
            Some((name, _)) => (name, None),
            None => gap.subject.rsplit_once(':').map_or((gap.subject.as_str(), None), |(name, tag)| (name, Some(tag))),
        };
        let here = repository.is_none_or(|repository| repository == name || !name.contains('/'));
        here && (choice.tags.is_empty() || tag.is_none_or(|tag| choice.tags.iter().any(|chosen| chosen.as_str() == tag)))
    };
    gaps.into_iter().filter(is_chosen).collect()
}

/// Where a layout has a blob: the algorithm's folder, and the file in it.
fn place_of(name: &AnyDigest) -> (&'static str, String) {
    match name {
        AnyDigest::Sha256(digest) => ("sha256", digest.hex()),
        AnyDigest::Other(digest) => (digest.algorithm().as_str(), digest.hex().to_owned()),
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
