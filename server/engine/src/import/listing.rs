//! What lies in an archive or a folder of images, by name. Names are looked up here and nowhere else: none becomes a path, and links are
//! names too, followed within the listing alone.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};

use serde::Deserialize;
use vocab::manifest::MANIFEST_BYTES_MAX;
use vocab::{Digest, Hasher, OtherDigest};

use super::layout::{INDEX, MARKER, MARKER_BYTES_MAX};
use super::packed::{MAGIC_BYTES, Packing, Unpacked};
use super::{INDEX_BYTES_MAX, ImportError, LOOSE_MAX};
use crate::content;

/// Docker's list of the images in an archive.
pub(super) const DOCKER: &str = "manifest.json";
/// What Docker wrote before it wrote [`DOCKER`].
pub(super) const REPOSITORIES: &str = "repositories";
/// Folder of the objects of a layout.
pub(super) const BLOBS: &str = "blobs/sha256/";
/// Deepest name that is looked at.
pub(super) const DEPTH_MAX: usize = 16;
/// Longest name that is looked at, in bytes.
const NAME_BYTES_MAX: usize = 1024;
/// Names remembered, in bytes in all.
const NAMES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Configurations remembered, in bytes in all.
const TEXTS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Links followed from one name.
const LINKS_MAX: usize = 8;
/// How much is read in one go, in bytes.
const READ_BYTES: usize = 256 * 1024;

/// A file that is no object of a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Measured {
    /// Which entry of the archive it is.
    pub number: usize,
    pub digest: Digest,
    pub size_bytes: u64,
    pub packing: Packing,
    /// Digest of what gzip holds, if it can be unpacked.
    pub unpacked: Option<Digest>,
}

/// An object that says it is about another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loose {
    pub digest: Digest,
    pub media_type: String,
    pub subject: Digest,
}

/// Either a refusal or an error of reading.
pub(super) enum Trouble {
    Refused(ImportError),
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The names, and what was read on the way.
#[derive(Default)]
pub(super) struct Listing {
    /// Where it is, for people.
    place: String,
    /// The files that name images, and configurations, by name.
    texts: BTreeMap<String, Vec<u8>>,
    texts_bytes: usize,
    files: HashMap<String, Measured>,
    links: HashMap<String, String>,
    names_bytes: usize,
    /// Entries that are named as objects.
    pub objects: HashMap<usize, Digest>,
    pub loose: Vec<Loose>,
    /// Files whose names lead nowhere here.
    pub passed_over: u64,
}

impl Listing {
    pub(super) fn of(place: &str) -> Self {
        Self { place: place.to_owned(), ..Self::default() }
    }

    /// Looks at a regular file. It need not be read to its end.
    pub(super) fn file(&mut self, number: usize, name: &str, size_bytes: u64, mut bytes: impl Read) -> Result<(), Trouble> {
        let Some(name) = clean(name) else {
            self.passed_over += 1;
            return Ok(());
        };
        let base = base(&name);
        let bytes_max = match base {
            MARKER => MARKER_BYTES_MAX,
            INDEX | DOCKER => INDEX_BYTES_MAX,
            REPOSITORIES => 0,
            _ => match object(&name) {
                Some(digest) => return self.object(number, digest, size_bytes, bytes),
                None => return self.other(number, name, size_bytes, bytes),
            },
        };
        self.remember(&name)?;
        if self.texts.contains_key(&name) {
            return Err(self.refused(format!("it has {name} twice")));
        }
        let mut text = Vec::new();
        if base != REPOSITORIES {
            bytes.by_ref().take(bytes_max + 1).read_to_end(&mut text)?;
        }
        if text.len() as u64 > bytes_max {
            return Err(self.refused(format!("its {name} is longer than {bytes_max} bytes")));
        }
        self.keep(name, text)
    }

    /// Remembers a link: the name it has and the name it leads to.
    pub(super) fn link(&mut self, name: &str, target: &str, is_hard: bool) -> Result<(), Trouble> {
        let Some(name) = clean(name) else {
            self.passed_over += 1;
            return Ok(());
        };
        if object(&name).is_some() || [MARKER, INDEX, DOCKER].contains(&base(&name)) {
            return Err(self.refused(format!("{} is a link, which no layout needs", name.escape_debug())));
        }
        // A hard link says the whole name, a symbolic one the way from its folder.
        let target = if is_hard { clean(target) } else { beside(&name, target) };
        if let Some(target) = target {
            self.remember(&name)?;
            self.remember(&target)?;
            self.links.insert(name, target);
        }
        Ok(())
    }

    /// The file of a name, through links.
    pub(super) fn find(&self, name: &str) -> Option<&Measured> {
        self.files.get(&self.resolve(name)?)
    }

    /// Objects that are named by another algorithm than SHA-256, and what they are.
    pub(super) fn named_otherwise(&self) -> impl Iterator<Item = (OtherDigest, &Measured)> {
        self.files.iter().filter_map(|(name, file)| Some((other_object(name)?, file)))
    }

    /// The text of a name, through links, if it was kept.
    pub(super) fn text(&self, name: &str) -> Option<&[u8]> {
        self.texts.get(&self.resolve(name)?).map(Vec::as_slice)
    }

    /// Names that end so, with the folder they are in: empty, or with `/` at its end.
    pub(super) fn folders_with<'a>(&'a self, base_name: &'a str) -> impl Iterator<Item = &'a str> {
        self.texts.keys().filter(move |name| base(name) == base_name).map(move |name| &name[..name.len() - base_name.len()])
    }

    pub(super) fn refused(&self, why: String) -> Trouble {
        Trouble::Refused(ImportError::Refused { place: self.place.clone(), why })
    }

    fn resolve(&self, name: &str) -> Option<String> {
        let mut name = clean(name)?;
        for _ in 0..LINKS_MAX {
            match self.links.get(&name) {
                Some(target) => name.clone_from(target),
                None => return Some(name),
            }
        }
        None
    }

    fn object(&mut self, number: usize, digest: Digest, size_bytes: u64, bytes: impl Read) -> Result<(), Trouble> {
        self.objects.insert(number, digest);
        if size_bytes <= MANIFEST_BYTES_MAX as u64 && self.loose.len() < LOOSE_MAX {
            let mut text = Vec::new();
            bytes.take(MANIFEST_BYTES_MAX as u64).read_to_end(&mut text)?;
            self.loose.extend(about(digest, &text));
        }
        Ok(())
    }

    fn other(&mut self, number: usize, name: String, size_bytes: u64, bytes: impl Read) -> Result<(), Trouble> {
        self.remember(&name)?;
        let keeps = size_bytes <= MANIFEST_BYTES_MAX as u64;
        let mut bytes = Hashed { inner: bytes, hasher: Hasher::new(), kept: keeps.then(Vec::new) };
        let mut begin = Vec::with_capacity(MAGIC_BYTES);
        bytes.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut begin)?;
        let packing = Packing::of(&begin);
        let unpacked = if packing == Packing::Gzip { unpacked(begin.as_slice().chain(bytes.by_ref())) } else { None };
        // What the unpacking did not ask for.
        io::copy(&mut bytes, &mut io::sink())?;
        let size_bytes = bytes.hasher.size_bytes();
        if let Some(text) = bytes.kept.filter(|text| text.first() == Some(&b'{')) {
            // A second file of a name is the one that counts, as to whoever unpacks the archive.
            self.texts_bytes -= self.texts.remove(&name).map_or(0, |text| text.len());
            if self.texts_bytes + text.len() <= TEXTS_BYTES_MAX {
                self.texts_bytes += text.len();
                self.texts.insert(name.clone(), text);
            }
        }
        self.files.insert(name, Measured { number, digest: bytes.hasher.finish(), size_bytes, packing, unpacked });
        Ok(())
    }

    fn keep(&mut self, name: String, text: Vec<u8>) -> Result<(), Trouble> {
        self.texts_bytes += text.len();
        if self.texts_bytes > TEXTS_BYTES_MAX + 2 * usize::try_from(INDEX_BYTES_MAX).unwrap_or(0) {
            return Err(self.refused("its lists of images are too long to be held".to_owned()));
        }
        self.texts.insert(name, text);
        Ok(())
    }

    fn remember(&mut self, name: &str) -> Result<(), Trouble> {
        self.names_bytes += name.len();
        if self.names_bytes > NAMES_BYTES_MAX {
            return Err(self.refused(format!("its names are longer than {NAMES_BYTES_MAX} bytes in all")));
        }
        Ok(())
    }
}

/// Hashes what is read through it, and keeps what is small.
struct Hashed<R> {
    inner: R,
    hasher: Hasher,
    kept: Option<Vec<u8>>,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        if let Some(kept) = self.kept.as_mut().filter(|kept| kept.len() + read <= MANIFEST_BYTES_MAX) {
            kept.extend_from_slice(&buffer[..read]);
        }
        Ok(read)
    }
}

/// The digest of what gzip holds.
fn unpacked(bytes: impl Read) -> Option<Digest> {
    let mut unpacked = Unpacked::new(bytes);
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match unpacked.read(&mut buffer) {
            Ok(0) => return Some(hasher.finish()),
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// The name by another algorithm that an object has by its place in a layout.
fn other_object(name: &str) -> Option<OtherDigest> {
    let (folder, hex) = name.rsplit_once('/')?;
    let (blobs, algorithm) = folder.rsplit_once('/')?;
    if base(blobs) == "blobs" { format!("{algorithm}:{hex}").parse().ok() } else { None }
}

/// What an object is about, if it is a manifest that says so.
pub(super) fn about(digest: Digest, text: &[u8]) -> Option<Loose> {
    #[derive(Deserialize)]
    struct About {
        subject: Subject,
    }
    #[derive(Deserialize)]
    struct Subject {
        digest: Digest,
    }
    const WORD: &[u8] = b"\"subject\"";
    if text.first() != Some(&b'{') || !text.windows(WORD.len()).any(|part| part == WORD) {
        return None;
    }
    let about: About = serde_json::from_slice(text).ok()?;
    Some(Loose { digest, media_type: content::sniff(text), subject: about.subject.digest })
}

/// The object that a name claims, whatever folder the layout is in.
fn object(name: &str) -> Option<Digest> {
    let at = name.rfind(BLOBS)?;
    let in_folder = at == 0 || name[..at].ends_with('/');
    Digest::from_hex(&name[at + BLOBS.len()..]).ok().filter(|_| in_folder)
}

fn base(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, base)| base)
}

/// A name without `.`; none that leads up or begins at the root.
fn clean(name: &str) -> Option<String> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.starts_with('/') {
        return None;
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let good = (1..=DEPTH_MAX).contains(&parts.len()) && parts.iter().all(|part| *part != "..");
    good.then(|| parts.join("/"))
}

/// The name a link leads to from its folder; none that leads out.
fn beside(name: &str, target: &str) -> Option<String> {
    if target.is_empty() || target.len() > NAME_BYTES_MAX || target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    clean(&parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(files: &[(&str, &[u8])], links: &[(&str, &str)]) -> Listing {
        let mut listing = Listing::of("here");
        for (number, (name, bytes)) in files.iter().enumerate() {
            assert!(listing.file(number, name, bytes.len() as u64, *bytes).is_ok());
        }
        for (name, target) in links {
            assert!(listing.link(name, target, false).is_ok());
        }
        listing
    }

    #[test]
    fn links_lead_within_the_archive_and_in_no_circle() {
        let files: [(&str, &[u8]); 2] = [("./a/layer.tar", b"layer"), ("../../etc/passwd", b"no")];
        let links = [
            ("b/layer.tar", "../a/layer.tar"),
            ("c", "/etc/passwd"),
            ("d", "../a/layer.tar"),
            ("e", "f"),
            ("f", "e"),
            ("g/h", "../../../a"),
        ];
        let listing = listing(&files, &links);
        assert_eq!(listing.find("b/layer.tar").unwrap().digest, Digest::of(b"layer"));
        assert_eq!(listing.find("./b/./layer.tar"), listing.find("a/layer.tar"));
        for name in ["c", "d", "e", "f", "g/h", "../../etc/passwd", "etc/passwd", "/a/layer.tar", ""] {
            assert_eq!(listing.find(name), None, "{name:?}");
        }
        assert_eq!(listing.passed_over, 1);
    }

    #[test]
    fn what_gzip_holds_is_known_by_its_digest() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut encoder, b"a layer").unwrap();
        let packed = encoder.finish().unwrap();
        let listing = listing(&[("l.tar.gz", &packed), ("cut.tar.gz", &packed[..12]), ("c.json", b"{}")], &[]);
        let layer = listing.find("l.tar.gz").unwrap();
        assert_eq!((layer.digest, layer.unpacked), (Digest::of(&packed), Some(Digest::of(b"a layer"))));
        assert_eq!(listing.find("cut.tar.gz").unwrap().unpacked, None);
        assert_eq!(listing.text("c.json"), Some(b"{}".as_slice()));
    }
}
