//! A small OCI image layout over a snapshot or one repository, for `skopeo`, `oras` and `crane`, without a copy.
//!
//! The blobs are hard links to the vault's objects, else symbolic links, else (a store without files) verified copies.
//! Objects are read-only files, so a tool that writes through a link fails instead of damaging the vault.
//!
//! Names in `index.json`: for one repository the bare tag, `skopeo inspect oci:DIR:1.4`; for a whole snapshot
//! `<repository within the project>:<tag>`, since tags repeat between repositories, `skopeo inspect oci:DIR:team/app:1.4`
//! (skopeo takes everything after the first colon behind the directory, so DIR itself must not contain one). Tags that
//! the OCI grammar for reference names does not allow (`_x`, `a..b`, `v1-`) are written all the same, and marked in
//! [`ViewReference::addressable`]. Untagged artifacts and accessories are listed without a name, which is how referrers
//! are found in a layout; where it holds several repositories, an annotation says which one they are of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use futures::{TryStreamExt, pin_mut};
use tokio::io::AsyncWriteExt;
use vocab::{AnyDigest, Descriptor, Digest, RepositoryName};

use crate::Vault;
use crate::closed::Walk;
use crate::error::{StoreError, VaultError};
use crate::layout::{Key, OCI_LAYOUT};
use crate::store::blocking;
use crate::tree::{self, RepositoryIndex, RepositoryMember, Role, SnapshotIndex};

/// A view that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Where.
    pub path: PathBuf,
    /// Every name a tool can ask for, sorted.
    pub references: Vec<ViewReference>,
    /// How many objects are hard links.
    pub hard_links: u64,
    /// How many objects are symbolic links; the view is of no use without the vault.
    pub symbolic_links: u64,
    /// How many objects were copied.
    pub copies: u64,
    /// Objects that are missing or damaged in the vault; images that need them cannot be read.
    pub unavailable: Vec<AnyDigest>,
}

/// One name in a view.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ViewReference {
    /// The name, as in `oci:DIR:<reference>`.
    pub reference: String,
    /// The manifest.
    pub digest: Digest,
    /// Whether the name follows the OCI grammar, which skopeo insists on.
    pub addressable: bool,
}

impl Vault {
    /// Writes a view of `snapshot`, or of one `repository` of it, into the empty or absent directory `out`.
    ///
    /// Missing and damaged objects do not stop it; they are named in [`View::unavailable`].
    pub async fn write_view(&self, snapshot: &Digest, repository: Option<&RepositoryName>, out: &Path) -> Result<View, VaultError> {
        let (_, repositories) = self.repositories_for_view(snapshot, repository).await?;
        let blobs = prepare(out).await?;
        let mut walk = Walk::new(self);
        let mut entries: BTreeMap<(Option<String>, Digest), Descriptor> = BTreeMap::new();
        for index in &repositories {
            walk.learn(&index.names);
            walk.read(index.members.iter().map(|member| (member.descriptor.digest, member.descriptor.media_type.clone()))).await?;
            for member in &index.members {
                if let Some(entry) = entry(index, member, repository.is_some()) {
                    let key = (entry.annotations.get(tree::REF_NAME).cloned(), entry.digest);
                    entries.insert(key, entry);
                }
            }
        }
        let named: BTreeSet<Digest> = entries.keys().filter(|(name, _)| name.is_some()).map(|(_, d)| *d).collect();
        entries.retain(|(name, digest), _| name.is_some() || !named.contains(digest));
        let mut view = View {
            path: out.to_owned(),
            references: entries.keys().filter_map(|(name, digest)| reference(name.as_deref()?, *digest)).collect(),
            hard_links: 0,
            symbolic_links: 0,
            copies: 0,
            unavailable: Vec::new(),
        };
        walk.judge().await?;
        self.link_all(walk.objects(), &blobs, &mut view).await?;
        let descriptors: Vec<Descriptor> = entries.into_values().collect();
        let index = tree::encode_index(None, descriptors.iter().cloned(), &BTreeMap::new());
        let out = out.to_owned();
        blocking_io("write", &out.clone(), move || {
            fs::write(out.join("oci-layout"), OCI_LAYOUT)?;
            fs::write(out.join("index.json"), index)
        })
        .await?;
        Ok(view)
    }

    pub(crate) async fn repositories_for_view(
        &self,
        snapshot: &Digest,
        only: Option<&RepositoryName>,
    ) -> Result<(SnapshotIndex, Vec<RepositoryIndex>), VaultError> {
        let index = self.snapshot(snapshot).await?;
        let mut repositories = Vec::new();
        for (name, descriptor) in &index.repositories {
            if only.is_none_or(|only| only == name) {
                repositories.push(self.repository(&descriptor.digest).await?);
            }
        }
        match only {
            Some(repository) if repositories.is_empty() => {
                Err(VaultError::NotInSnapshot { snapshot: *snapshot, repository: repository.clone() })
            }
            _ => Ok((index, repositories)),
        }
    }

    async fn link_all(&self, objects: BTreeMap<AnyDigest, Option<Digest>>, blobs: &Path, view: &mut View) -> Result<(), VaultError> {
        let mut copied = Vec::new();
        let mut linked = Vec::new();
        for (name, stored) in objects {
            let to = place_in(blobs, &name);
            match stored.map(|digest| (digest, self.store().local_path(&Key::Object(digest)))) {
                None => view.unavailable.push(name),
                Some((_, Some(path))) => linked.push((name, path, to)),
                Some((digest, None)) => copied.push((name, digest, to)),
            }
        }
        let outcomes = blocking_io("link objects into", blobs, move || {
            linked
                .into_iter()
                .map(|(name, path, to)| {
                    to.parent().map_or(Ok(()), fs::create_dir_all)?;
                    link(&path, &to).map(|how| (name, how))
                })
                .collect::<io::Result<Vec<_>>>()
        })
        .await?;
        for (name, how) in outcomes {
            match how {
                Linked::Hard => view.hard_links += 1,
                Linked::Symbolic => view.symbolic_links += 1,
                Linked::Missing => view.unavailable.push(name),
            }
        }
        for (name, digest, to) in copied {
            match self.copy_object(&digest, &to).await {
                Ok(()) => view.copies += 1,
                Err(VaultError::Missing { .. } | VaultError::Corrupt { .. }) => view.unavailable.push(name),
                Err(other) => return Err(other),
            }
        }
        view.unavailable.sort();
        Ok(())
    }

    /// Copies an object; a file that turned out damaged is removed again.
    pub(crate) async fn copy_object(&self, digest: &Digest, to: &Path) -> Result<(), VaultError> {
        let failed = |e: io::Error| view_error("copy an object into", to, e);
        if let Some(folder) = to.parent() {
            tokio::fs::create_dir_all(folder).await.map_err(failed)?;
        }
        let mut file = tokio::fs::File::create_new(to).await.map_err(failed)?;
        let chunks = self.get(digest);
        pin_mut!(chunks);
        loop {
            match chunks.try_next().await {
                Ok(Some(chunk)) => file.write_all(&chunk).await.map_err(failed)?,
                Ok(None) => return file.flush().await.map_err(failed),
                Err(error) => {
                    tokio::fs::remove_file(to).await.map_err(failed)?;
                    return Err(error);
                }
            }
        }
    }
}

/// The line of `index.json` for a member: named if tagged; nameless roots and accessories; children not at all.
pub(crate) fn entry(index: &RepositoryIndex, member: &RepositoryMember, single: bool) -> Option<Descriptor> {
    let mut descriptor = member.descriptor.clone();
    match (&member.tag, &member.role) {
        (Some(tag), _) if single => descriptor.annotations.insert(tree::REF_NAME.to_owned(), tag.to_string()),
        (Some(tag), _) => {
            // Others may take the beginning of a name for a host or a project; an import here does not.
            let repository = index.name.within_project();
            descriptor.annotations.insert(tree::REPOSITORY.to_owned(), repository.to_owned());
            descriptor.annotations.insert(tree::REF_NAME.to_owned(), format!("{repository}:{tag}"))
        }
        (None, Role::Child) => return None,
        (None, _) if single => None,
        (None, _) => descriptor.annotations.insert(tree::REPOSITORY.to_owned(), index.name.within_project().to_owned()),
    };
    Some(descriptor)
}

pub(crate) fn reference(name: &str, digest: Digest) -> Option<ViewReference> {
    Some(ViewReference { reference: name.to_owned(), digest, addressable: is_reference_name(name) })
}

/// The grammar of `org.opencontainers.image.ref.name` (image-spec, annotations.md): words of letters and digits, joined
/// by one of `-._:@+` or by `--`; components joined by `/`.
fn is_reference_name(name: &str) -> bool {
    name.split('/').all(|component| {
        let plain = component.replace("--", "-");
        plain.split(['-', '.', '_', ':', '@', '+']).all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric()))
    })
}

/// Where a layout with this folder of SHA-256 blobs has a blob.
pub(crate) fn place_in(blobs: &Path, name: &AnyDigest) -> PathBuf {
    match name {
        AnyDigest::Sha256(digest) => blobs.join(digest.hex()),
        AnyDigest::Other(digest) => blobs.with_file_name(digest.algorithm().as_str()).join(digest.hex()),
    }
}

enum Linked {
    Hard,
    Symbolic,
    Missing,
}

fn link(object: &Path, to: &Path) -> io::Result<Linked> {
    match fs::hard_link(object, to) {
        Ok(()) => Ok(Linked::Hard),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Linked::Missing),
        // Another file system, or a user who may read the vault but does not own it.
        Err(_) => std::os::unix::fs::symlink(fs::canonicalize(object)?, to).map(|()| Linked::Symbolic),
    }
}

/// Makes the folders of a layout in an empty or absent directory.
pub(crate) async fn prepare(out: &Path) -> Result<PathBuf, VaultError> {
    let place = out.display().to_string();
    let out = out.to_owned();
    let empty = blocking_io("prepare", &out.clone(), move || {
        fs::create_dir_all(&out)?;
        if fs::read_dir(&out)?.next().is_some() {
            return Ok(None);
        }
        let blobs = out.join("blobs/sha256");
        fs::create_dir_all(&blobs)?;
        Ok(Some(blobs))
    })
    .await?;
    empty.ok_or(VaultError::ForeignDirectory { place })
}

fn view_error(action: &'static str, path: &Path, source: io::Error) -> VaultError {
    let place = path.display().to_string();
    let source = StoreError::from_io(action, &place, &place, source);
    VaultError::Store { action: "write a view", place, source }
}

pub(crate) async fn blocking_io<T: Send + 'static>(
    action: &'static str,
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, VaultError> {
    let place = path.display().to_string();
    let within = place.clone();
    let result = blocking(move || work().map_err(|e| StoreError::from_io(action, &within, &within, e))).await;
    result.map_err(|source| VaultError::Store { action: "write a view", place, source })
}

#[cfg(test)]
mod tests {
    use super::is_reference_name;

    #[test]
    fn names_follow_the_grammar_of_the_image_specification() {
        for good in ["1.4", "team/app:1.4", "a--b", "a_b", "v1+2@3"] {
            assert!(is_reference_name(good), "{good}");
        }
        for bad in ["", "_x", "a..b", "v1-", "a/", "a b", "a---b"] {
            assert!(!is_reference_name(bad), "{bad}");
        }
    }
}
