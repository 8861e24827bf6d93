//! *Closed*: everything that a kept manifest demands is in the vault under its own hash, or is known not to be.
//!
//! This is the one place that knows what belongs to a manifest. Sealing ([`judge`] over what a run has read), verification, export, the effect
//! plan and the copy into another vault ask here; the sweep's mark and the locks go by the same names ([`Needs::names`]).
//!
//! * The digest decides. A size or a type that a manifest states of something else is a claim of that manifest, and decides nothing.
//! * A configuration, a layer and a child that a registry demands has to be there. One with addresses ([`Demand::Clients`]) is kept where the
//!   registry had it, and is *elsewhere* where it had not: the image is closed without it. What only another reading of the document names
//!   ([`Demand::Nobody`]) is kept if it can be had, and missed by nobody.
//! * An absent *subject* is no lack: a registry takes what is about something that is not there.
//! * A manifest's media type is its own, from its bytes.
//! * What nests deeper than [`DEPTH_MAX`] is not followed, and so not closed; no chain of indexes, however long, costs stack.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use futures::{StreamExt, stream};
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{AnyDigest, Demand, Digest, Manifest, Named, OtherDigest};

use crate::Vault;
use crate::error::VaultError;
use crate::tree::MEMBERS_MAX;

/// Levels of manifests that are followed: an index, what it lists, what that lists …
pub const DEPTH_MAX: usize = 16;
/// Objects looked at side by side.
const OBJECTS_AT_ONCE: usize = 16;

/// Which object is stored for a digest by another algorithm.
pub type Names = BTreeMap<OtherDigest, Digest>;

/// Something a manifest needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// By which digest it is named.
    pub digest: AnyDigest,
    /// Who demands it.
    pub demand: Demand,
    /// The size it is said to have, in bytes: a hint for the order of work.
    pub claim_bytes: Option<u64>,
    /// Where it is said to be had as well.
    pub urls: Option<Box<[String]>>,
}

impl Need {
    fn of(named: &Named) -> Self {
        let urls = (!named.urls.is_empty()).then(|| named.urls.clone().into_boxed_slice());
        Self { digest: named.digest.clone(), demand: named.demand, claim_bytes: named.stated_bytes(), urls }
    }
}

/// What one manifest needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Its own media type.
    pub media_type: String,
    /// Its own size in bytes.
    pub size_bytes: u64,
    /// Configuration and layers.
    pub blobs: Vec<Need>,
    /// Manifests of an index.
    pub children: Vec<Need>,
    /// The first name it demands that is no digest.
    pub unknown: Option<String>,
}

impl Needs {
    /// What a manifest of `size_bytes` needs.
    #[must_use]
    pub fn of(manifest: &Manifest, size_bytes: usize) -> Self {
        Self {
            media_type: manifest.media_type.clone(),
            size_bytes: size_bytes as u64,
            blobs: manifest.blobs.iter().map(Need::of).collect(),
            children: manifest.children.iter().map(Need::of).collect(),
            unknown: manifest.unknown.first().cloned(),
        }
    }

    /// The manifests it demands.
    pub fn demanded_children(&self) -> impl Iterator<Item = &Need> + '_ {
        self.children.iter().filter(|child| child.demand == Demand::Registry)
    }

    /// Whatever it names and may keep an object alive, whoever demands it.
    pub fn names(&self) -> impl Iterator<Item = &Need> + '_ {
        self.blobs.iter().chain(&self.children)
    }

    /// The first blob for which `is_met` says no; its children are not looked at.
    fn own_lack(&self, digest: &Digest, is_met: impl Fn(&Need) -> bool) -> Option<Lack> {
        let lack = |object: AnyDigest, why| Some(Lack { object, by: *digest, why });
        if let Some(name) = &self.unknown {
            return lack((*digest).into(), Why::NoDigest(name.clone()));
        }
        let absent = self.blobs.iter().find(|blob| !is_met(blob))?;
        lack(absent.digest.clone(), Why::Missing)
    }
}

/// Why something is not closed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// The object is not in the vault.
    Missing,
    /// Its bytes are not those of its name.
    Corrupt,
    /// The manifest cannot be understood, so nobody knows what belongs to it.
    Unreadable(String),
    /// The manifest demands something by a name that is no digest.
    NoDigest(String),
    /// It lies deeper than [`DEPTH_MAX`].
    TooDeep,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it is not in the vault"),
            Self::Corrupt => f.write_str("its bytes in the vault are damaged"),
            Self::Unreadable(why) => f.write_str(why),
            Self::NoDigest(name) => write!(f, "it demands {name:?}, which is no digest this program knows"),
            Self::TooDeep => write!(f, "it is nested more than {DEPTH_MAX} levels deep"),
        }
    }
}

/// Something that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// What. The manifest itself, where that cannot be read.
    pub object: AnyDigest,
    /// The manifest that needs it.
    pub by: Digest,
    /// What is the matter with it.
    pub why: Why,
}

/// What is known of one manifest.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    /// Found closed before.
    Closed,
    /// Read: this is what it needs.
    Read(&'a Needs),
    /// Not to be had.
    Lacking(&'a Why),
}

/// Whether each manifest is closed.
pub type Verdicts = HashMap<Digest, Result<(), Lack>>;

/// Says of each of `manifests` whether it is closed, given whether each blob is met: there, or demanded by nobody who misses it. A child that
/// is none of `manifests` is missing.
///
/// Decides level by level from the leaves up, so that no chain of indexes, however long, costs stack: after [`DEPTH_MAX`] levels what is left
/// is too deep.
pub fn judge<'a>(manifests: impl IntoIterator<Item = (Digest, Known<'a>)>, is_met: impl Fn(&Need) -> bool) -> Verdicts {
    let mut verdicts = Verdicts::new();
    let mut pending: Vec<(Digest, &Needs)> = Vec::new();
    for (digest, known) in manifests {
        let verdict = match known {
            Known::Closed => Ok(()),
            Known::Lacking(why) => Err(Lack { object: digest.into(), by: digest, why: why.clone() }),
            Known::Read(needs) => match needs.own_lack(&digest, &is_met) {
                Some(lack) => Err(lack),
                None if needs.demanded_children().next().is_none() => Ok(()),
                None => {
                    pending.push((digest, needs));
                    continue;
                }
            },
        };
        verdicts.insert(digest, verdict);
    }
    let waiting: HashSet<Digest> = pending.iter().map(|(digest, _)| *digest).collect();
    for _ in 1..DEPTH_MAX {
        let decided: Verdicts = pending
            .iter()
            .filter_map(|(digest, needs)| from_children(digest, needs, &verdicts, &waiting).map(|verdict| (*digest, verdict)))
            .collect();
        if decided.is_empty() {
            break;
        }
        pending.retain(|(digest, _)| !decided.contains_key(digest));
        verdicts.extend(decided);
    }
    let deep = |digest: Digest| Err(Lack { object: digest.into(), by: digest, why: Why::TooDeep });
    verdicts.extend(pending.into_iter().map(|(digest, _)| (digest, deep(digest))));
    verdicts
}

/// The verdict on an index once all its children have one, or one of them a bad one.
fn from_children(digest: &Digest, needs: &Needs, verdicts: &Verdicts, waiting: &HashSet<Digest>) -> Option<Result<(), Lack>> {
    let mut all = true;
    for child in needs.demanded_children() {
        let known = child.digest.sha256().filter(|child| verdicts.contains_key(child) || waiting.contains(child));
        let Some(known) = known else {
            return Some(Err(Lack { object: child.digest.clone(), by: *digest, why: Why::Missing }));
        };
        match verdicts.get(&known) {
            Some(Err(lack)) => return Some(Err(lack.clone())),
            Some(Ok(())) => {}
            None => all = false,
        }
    }
    all.then_some(Ok(()))
}

/// A layer that the registry did not have when the image was backed up, and that clients may have from its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// The layer.
    pub object: AnyDigest,
    /// The manifest that names it.
    pub by: Digest,
    /// Its addresses.
    pub urls: Vec<String>,
}

/// Every object of some manifests that are closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closed {
    /// The manifests with their own media types, each before what lies below it.
    pub manifests: Vec<(Digest, String)>,
    /// All objects, manifests too, with the sizes they have in the vault.
    pub objects: BTreeMap<Digest, u64>,
    /// Digests by other algorithms under which some of them are named.
    pub names: Names,
    /// What is not in the vault and is said to be elsewhere.
    pub elsewhere: Vec<Elsewhere>,
}

/// A walk over manifests in a vault: each is read once, and each blob is looked up once, however many roots need it.
pub struct Walk<'a> {
    vault: &'a Vault,
    manifests: HashMap<Digest, Result<Needs, Why>>,
    names: Names,
    /// Sizes of blobs by the objects they are stored as. `None`: not there.
    blobs: HashMap<Digest, Option<u64>>,
    verdicts: Verdicts,
}

impl<'a> Walk<'a> {
    /// Begins with nothing.
    #[must_use]
    pub fn new(vault: &'a Vault) -> Self {
        Self { vault, manifests: HashMap::new(), names: Names::new(), blobs: HashMap::new(), verdicts: Verdicts::new() }
    }

    /// Says which objects are stored for digests by other algorithms, as the repository index of the manifests has it.
    pub fn learn(&mut self, names: &Names) {
        self.names.extend(names.iter().map(|(name, digest)| (name.clone(), *digest)));
    }

    /// Reads `roots` and what they name, level by level. The text with each is the media type it was recorded with; empty for none.
    ///
    /// [`VaultError::Invalid`] when there is more than this program handles; else only what says nothing about the objects: a vault that
    /// cannot be reached.
    pub async fn read(&mut self, roots: impl IntoIterator<Item = (Digest, String)>) -> Result<(), VaultError> {
        let mut level: BTreeMap<Digest, String> = roots.into_iter().collect();
        for _ in 0..DEPTH_MAX {
            level.retain(|digest, _| !self.manifests.contains_key(digest));
            if level.is_empty() {
                break;
            }
            if self.manifests.len() + level.len() > MEMBERS_MAX {
                return Err(VaultError::Invalid { what: "image", why: format!("it has more than {MEMBERS_MAX} manifests") });
            }
            let vault = self.vault;
            let mut reading = stream::iter(std::mem::take(&mut level))
                .map(|(digest, told)| async move { (digest, vault.needs(&digest, &told).await) })
                .buffer_unordered(OBJECTS_AT_ONCE);
            while let Some((digest, needs)) = reading.next().await {
                let needs = needs?;
                level.extend(
                    needs.iter().flat_map(Needs::demanded_children).filter_map(|child| Some((child.digest.sha256()?, String::new()))),
                );
                self.manifests.insert(digest, needs);
            }
        }
        Ok(())
    }

    /// Whether anything that was read is named by another algorithm, so that there is something to [`Walk::learn`].
    #[must_use]
    pub fn names_others(&self) -> bool {
        self.manifests.values().flatten().flat_map(|needs| &needs.blobs).any(|blob| blob.digest.sha256().is_none())
    }

    /// What a manifest that was read needs. `None`: it was not read, or cannot be.
    #[must_use]
    pub fn needs(&self, digest: &Digest) -> Option<&Needs> {
        self.manifests.get(digest)?.as_ref().ok()
    }

    /// Looks for the blobs of everything that was read, and judges it.
    pub async fn judge(&mut self) -> Result<(), VaultError> {
        let blobs = self.manifests.values().flatten().flat_map(|needs| &needs.blobs);
        let fresh: BTreeSet<Digest> =
            blobs.filter_map(|blob| self.object(&blob.digest)).filter(|object| !self.blobs.contains_key(object)).collect();
        let vault = self.vault;
        let mut looks =
            stream::iter(fresh).map(|object| async move { (object, vault.size_of(&object).await) }).buffer_unordered(OBJECTS_AT_ONCE);
        while let Some((object, size_bytes)) = looks.next().await {
            self.blobs.insert(object, size_bytes?);
        }
        drop(looks);
        let known = self.manifests.iter().map(|(digest, needs)| {
            let known = match needs {
                Ok(needs) => Known::Read(needs),
                Err(why) => Known::Lacking(why),
            };
            (*digest, known)
        });
        self.verdicts = judge(known, |blob| blob.demand != Demand::Registry || self.stored(&blob.digest).is_some());
        Ok(())
    }

    /// The object that is stored for a digest.
    fn object(&self, digest: &AnyDigest) -> Option<Digest> {
        match digest {
            AnyDigest::Sha256(digest) => Some(*digest),
            AnyDigest::Other(name) => self.names.get(name).copied(),
        }
    }

    /// The blob that is stored for a digest, with its size.
    fn stored(&self, digest: &AnyDigest) -> Option<(Digest, u64)> {
        let object = self.object(digest)?;
        Some((object, self.blobs.get(&object).copied().flatten()?))
    }

    /// Everything that `roots` and what lies below them consist of, or what one of them lacks first. Call it after [`Walk::judge`].
    pub fn closed(&self, roots: impl IntoIterator<Item = Digest>) -> Result<Closed, Lack> {
        let mut closed = Closed::default();
        let mut level: Vec<Digest> = roots.into_iter().collect();
        while !level.is_empty() {
            let mut next = Vec::new();
            for digest in level {
                if closed.objects.contains_key(&digest) {
                    continue;
                }
                let missing = || Lack { object: digest.into(), by: digest, why: Why::Missing };
                self.verdicts.get(&digest).cloned().unwrap_or_else(|| Err(missing()))?;
                let needs = self.needs(&digest).ok_or_else(missing)?;
                closed.manifests.push((digest, needs.media_type.clone()));
                closed.objects.insert(digest, needs.size_bytes);
                self.add_blobs(&mut closed, &digest, needs);
                next.extend(needs.demanded_children().filter_map(|child| child.digest.sha256()));
            }
            level = next;
        }
        Ok(closed)
    }

    fn add_blobs(&self, closed: &mut Closed, by: &Digest, needs: &Needs) {
        for blob in &needs.blobs {
            match self.stored(&blob.digest) {
                Some((object, size_bytes)) => {
                    closed.objects.insert(object, size_bytes);
                    if let AnyDigest::Other(name) = &blob.digest {
                        closed.names.insert(name.clone(), object);
                    }
                }
                None if blob.demand == Demand::Clients => {
                    let urls = blob.urls.as_deref().unwrap_or_default().to_vec();
                    closed.elsewhere.push(Elsewhere { object: blob.digest.clone(), by: *by, urls });
                }
                None => {}
            }
        }
    }

    /// Everything that what was read demands or has, by name, with the object that is stored for it. `None`: there is none. Call it after
    /// [`Walk::judge`].
    #[must_use]
    pub fn objects(&self) -> BTreeMap<AnyDigest, Option<Digest>> {
        let mut objects = BTreeMap::new();
        for (digest, needs) in &self.manifests {
            let is_there = !matches!(needs, Err(Why::Missing | Why::Corrupt));
            objects.insert(AnyDigest::from(*digest), is_there.then_some(*digest));
            for blob in needs.iter().flat_map(|needs| &needs.blobs) {
                match self.stored(&blob.digest) {
                    Some((object, _)) => objects.insert(blob.digest.clone(), Some(object)),
                    None if blob.demand == Demand::Registry => objects.insert(blob.digest.clone(), None),
                    None => None,
                };
            }
        }
        objects
    }

    /// What is below `root`, itself first, level by level; each once.
    #[must_use]
    pub fn family(&self, root: &Digest) -> Vec<Digest> {
        let mut all = vec![*root];
        let mut seen = HashSet::from([*root]);
        let mut at = 0;
        while let Some(digest) = all.get(at).copied() {
            at += 1;
            let children = self.needs(&digest).into_iter().flat_map(Needs::demanded_children);
            all.extend(children.filter_map(|child| child.digest.sha256()).filter(|child| seen.insert(*child)));
        }
        all
    }
}

impl Vault {
    /// Reads what a manifest needs; `told` is the media type it was recorded with. The inner error says what is the matter with the
    /// manifest, the outer one that the vault could not be asked.
    pub async fn needs(&self, digest: &Digest, told: &str) -> Result<Result<Needs, Why>, VaultError> {
        let bytes = match self.get_bytes(digest, MANIFEST_BYTES_MAX).await {
            Ok(bytes) => bytes,
            Err(VaultError::Missing { .. }) => return Ok(Err(Why::Missing)),
            Err(VaultError::Corrupt { .. }) => return Ok(Err(Why::Corrupt)),
            Err(error @ VaultError::TooLarge { .. }) => return Ok(Err(Why::Unreadable(error.to_string()))),
            Err(other) => return Err(other),
        };
        let read = Manifest::parse(told, &bytes);
        Ok(read.map(|manifest| Needs::of(&manifest, bytes.len())).map_err(|error| Why::Unreadable(error.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(seed: impl fmt::Display) -> Digest {
        Digest::of(seed.to_string().as_bytes())
    }

    fn need(digest: impl Into<AnyDigest>, demand: Demand) -> Need {
        Need { digest: digest.into(), demand, claim_bytes: None, urls: None }
    }

    fn needs(blobs: &[(&str, Demand)], children: &[Digest]) -> Needs {
        Needs {
            media_type: String::new(),
            size_bytes: 1,
            blobs: blobs.iter().map(|(blob, demand)| need(name(blob), *demand)).collect(),
            children: children.iter().map(|child| need(*child, Demand::Registry)).collect(),
            unknown: None,
        }
    }

    fn lack(verdicts: &Verdicts, of: &str) -> Option<(AnyDigest, Why)> {
        verdicts[&name(of)].as_ref().err().map(|lack| (lack.object.clone(), lack.why.clone()))
    }

    #[test]
    fn an_index_is_closed_only_if_each_child_and_each_blob_is_and_a_lack_is_told_where_it_is() {
        let good = needs(&[("1", Demand::Registry)], &[]);
        let bad = needs(&[("1", Demand::Registry), ("2", Demand::Registry)], &[]);
        let index = needs(&[], &[name("good"), name("bad")]);
        let lonely = needs(&[], &[name("nobody")]);
        let all = [("index", &index), ("good", &good), ("bad", &bad), ("lonely", &lonely)];
        let known = || all.iter().map(|(digest, needs)| (name(digest), Known::Read(needs)));
        let verdicts = judge(known(), |blob| blob.digest == name("1").into());
        assert_eq!(lack(&verdicts, "good"), None);
        assert_eq!(lack(&verdicts, "bad"), Some((name("2").into(), Why::Missing)));
        assert_eq!(lack(&verdicts, "index"), lack(&verdicts, "bad"));
        assert_eq!(lack(&verdicts, "lonely"), Some((name("nobody").into(), Why::Missing)));
        let verdicts = judge(known(), |_| true);
        assert_eq!((lack(&verdicts, "index"), lack(&verdicts, "bad")), (None, None));
    }

    #[test]
    fn what_only_clients_or_nobody_demand_may_be_absent() {
        let image = needs(&[("foreign", Demand::Clients), ("other reading", Demand::Nobody)], &[]);
        let unknown = Needs { unknown: Some("md5:0".to_owned()), ..needs(&[], &[]) };
        let known = [(name("image"), Known::Read(&image)), (name("unknown"), Known::Read(&unknown))];
        let verdicts = judge(known, |blob| blob.demand != Demand::Registry);
        assert_eq!(lack(&verdicts, "image"), None);
        assert_eq!(lack(&verdicts, "unknown"), Some((name("unknown").into(), Why::NoDigest("md5:0".to_owned()))));
    }

    /// F-43.
    #[test]
    fn a_chain_of_indexes_is_closed_as_deep_as_a_restore_follows() {
        let levels = 100_000;
        let all: Vec<Needs> =
            (0..levels).map(|level| if level + 1 == levels { needs(&[], &[]) } else { needs(&[], &[name(level + 1)]) }).collect();
        let verdicts = judge(all.iter().enumerate().map(|(level, needs)| (name(level), Known::Read(needs))), |_| true);
        assert_eq!(verdicts.values().filter(|verdict| verdict.is_ok()).count(), DEPTH_MAX);
        assert!(verdicts[&name(levels - DEPTH_MAX)].is_ok());
        // And one that names itself.
        let own = needs(&[], &[name("own")]);
        let verdicts = judge([(name("own"), Known::Read(&own))], |_| true);
        assert_eq!(lack(&verdicts, "own"), Some((name("own").into(), Why::TooDeep)));
    }
}
