//! What a manifest says of something it names: claims of that manifest, none of which decides anything but the digest.

use std::collections::{BTreeMap, HashMap};

use serde::de::{MapAccess, SeqAccess};

use crate::any_digest::AnyDigest;
use crate::digest::Digest;
use crate::go_json::{AnyText, AnyTexts, Key, Place, ReadInto};
use crate::manifest::{NAMES_MAX, Platform};

/// Most addresses kept of a layer.
pub const URLS_MAX: usize = 4;
/// Longest address kept, in bytes.
pub const URL_BYTES_MAX: usize = 1_024;
/// Names kept that are no digests.
const UNKNOWN_MAX: usize = 10;
/// How much of one is shown, in characters.
const UNKNOWN_CHARS_MAX: usize = 100;

/// Who needs what is named to be in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Demand {
    /// Nobody: it is named by another reading of a key that is written twice, or under a key that documents of this type do not have.
    Nobody,
    /// Clients, who may have it from the addresses it is named with. A registry takes the manifest without it, whatever its type (Harbor's
    /// distribution, whose `validation` is off).
    Clients,
    /// The registry: without it the manifest is not taken.
    Registry,
}

/// A blob or manifest as another manifest names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// By which digest.
    pub digest: AnyDigest,
    /// The media type it is said to have.
    pub media_type: Option<String>,
    /// The size it is said to have, in bytes. Any number a registry takes, negative ones too.
    pub size: Option<i64>,
    /// Where a layer is said to be had as well, at most [`URLS_MAX`]. Never fetched.
    pub urls: Vec<String>,
    /// The artifact type it is said to have.
    pub artifact_type: Option<String>,
    /// Where a manifest of an index is said to run.
    pub platform: Option<Platform>,
    /// Whether it has to be there.
    pub demand: Demand,
}

impl Named {
    /// The digest, if it is SHA-256.
    #[must_use]
    pub const fn sha256(&self) -> Option<Digest> {
        self.digest.sha256()
    }

    /// The size it is said to have, where that can be one.
    #[must_use]
    pub fn stated_bytes(&self) -> Option<u64> {
        self.size.and_then(|size| u64::try_from(size).ok())
    }

    /// The media type it is said to have; empty where none is said.
    #[must_use]
    pub fn stated_type(&self) -> &str {
        self.media_type.as_deref().unwrap_or_default()
    }

    fn bare(digest: AnyDigest) -> Self {
        Self { digest, media_type: None, size: None, urls: Vec::new(), artifact_type: None, platform: None, demand: Demand::Nobody }
    }
}

/// A descriptor as it is read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Raw {
    digest: Option<String>,
    pub media_type: Option<String>,
    size: Option<i64>,
    urls: Urls,
    artifact_type: Option<String>,
    platform: Option<Platform>,
}

/// The digests that were read anywhere, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Digests(Vec<AnyDigest>);

#[derive(Debug, Clone, Default)]
struct Urls {
    kept: Vec<String>,
    any: bool,
}

impl Place for Urls {
    fn null(&mut self) {
        *self = Self::default();
    }

    fn list<'de, A: SeqAccess<'de>>(&mut self, mut items: A) -> Result<bool, A::Error> {
        *self = Self::default();
        let (mut fits, mut url) = (true, None::<String>);
        loop {
            match items.next_element_seed(ReadInto(&mut url))? {
                Some(fit) => fits &= fit,
                None => return Ok(fits),
            }
            self.any = true;
            let url = url.take().unwrap_or_default();
            if self.kept.len() < URLS_MAX && url.len() <= URL_BYTES_MAX {
                self.kept.push(url);
            }
        }
    }
}

/// A list of texts of which only the form is looked at.
struct AnyList;

impl Place for AnyList {
    fn list<'de, A: SeqAccess<'de>>(&mut self, mut items: A) -> Result<bool, A::Error> {
        let mut fits = true;
        while let Some(fit) = items.next_element_seed(ReadInto(&mut AnyText))? {
            fits &= fit;
        }
        Ok(fits)
    }
}

impl Place for Option<Platform> {
    fn null(&mut self) {
        *self = None;
    }

    fn object<'de, A: MapAccess<'de>>(&mut self, mut members: A) -> Result<bool, A::Error> {
        let platform = self.get_or_insert_with(Platform::default);
        let mut fits = true;
        while let Some(key) = members.next_key_seed(Key)? {
            let mut text = None::<String>;
            fits &= match key.as_str() {
                "architecture" | "os" | "variant" | "os.version" => members.next_value_seed(ReadInto(&mut text))?,
                "os.features" | "features" => members.next_value_seed(ReadInto(&mut AnyList))?,
                _ => members.next_value::<serde::de::IgnoredAny>().map(|_| true)?,
            };
            match (key.as_str(), text) {
                ("architecture", Some(text)) => platform.architecture = text,
                ("os", Some(text)) => platform.os = text,
                ("variant", Some(text)) => platform.variant = Some(text),
                _ => {}
            }
        }
        Ok(fits)
    }
}

/// A descriptor, with a note of each digest it is given.
pub(crate) struct RawPlace<'a> {
    pub raw: &'a mut Raw,
    pub digests: &'a mut Digests,
    /// The key of the digest: `digest`, or `blobsum` in schema 1.
    pub key: &'static str,
}

impl Place for RawPlace<'_> {
    fn object<'de, A: MapAccess<'de>>(&mut self, mut members: A) -> Result<bool, A::Error> {
        let Self { raw, digests, key: digest } = self;
        let mut fits = true;
        while let Some(key) = members.next_key_seed(Key)? {
            fits &= match key.as_str() {
                key if key == *digest => {
                    let fits = members.next_value_seed(ReadInto(&mut raw.digest))?;
                    digests.0.extend(raw.digest.as_ref().and_then(|text| text.parse().ok()));
                    fits
                }
                "mediatype" => members.next_value_seed(ReadInto(&mut raw.media_type))?,
                "size" => members.next_value_seed(ReadInto(&mut raw.size))?,
                "urls" => members.next_value_seed(ReadInto(&mut raw.urls))?,
                "artifacttype" => members.next_value_seed(ReadInto(&mut raw.artifact_type))?,
                "platform" => members.next_value_seed(ReadInto(&mut raw.platform))?,
                "annotations" => members.next_value_seed(ReadInto(&mut AnyTexts))?,
                _ => members.next_value::<serde::de::IgnoredAny>().map(|_| true)?,
            };
        }
        Ok(fits)
    }
}

/// A list of descriptors. A second one is read over the first, element by element, into what Go has left of it.
#[derive(Debug)]
pub(crate) struct RawList {
    elements: Vec<Raw>,
    len: usize,
    pub digests: Digests,
    /// Whether the last value was not `null`.
    pub is_there: bool,
    /// Whether there were more than [`NAMES_MAX`].
    pub is_too_long: bool,
    /// The key of an element's digest.
    key: &'static str,
}

impl RawList {
    pub(crate) fn new(key: &'static str) -> Self {
        Self { elements: Vec::new(), len: 0, digests: Digests::default(), is_there: false, is_too_long: false, key }
    }

    /// The elements of the last one.
    pub(crate) fn elements(&self) -> &[Raw] {
        &self.elements[..self.len]
    }
}

impl Place for RawList {
    fn null(&mut self) {
        self.elements.clear();
        self.len = 0;
        self.is_there = false;
    }

    fn list<'de, A: SeqAccess<'de>>(&mut self, mut items: A) -> Result<bool, A::Error> {
        self.is_there = true;
        let (mut fits, mut len) = (true, 0);
        let mut beyond = Raw::default();
        loop {
            if len == self.elements.len() && len < NAMES_MAX {
                self.elements.push(Raw::default());
            }
            let raw = self.elements.get_mut(len).unwrap_or(&mut beyond);
            let place = &mut RawPlace { raw, digests: &mut self.digests, key: self.key };
            match items.next_element_seed(ReadInto(place))? {
                Some(fit) => fits &= fit,
                None => break,
            }
            len += 1;
        }
        if len == 0 {
            self.elements.clear();
        }
        self.is_too_long |= len > NAMES_MAX;
        self.len = len.min(NAMES_MAX);
        Ok(fits)
    }

    fn object<'de, A: MapAccess<'de>>(&mut self, mut members: A) -> Result<bool, A::Error> {
        self.is_there = true;
        while members.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn text(&mut self, _text: &str) -> bool {
        self.is_there = true;
        false
    }

    fn integer(&mut self, _number: i64) -> bool {
        self.is_there = true;
        false
    }
}

/// Names of one kind, each once, in the order in which they come.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub named: Vec<Named>,
    places: HashMap<AnyDigest, usize>,
    /// What stands where a digest should, and is none.
    pub unknown: Vec<String>,
}

impl Names {
    /// Adds what the document names as the registry reads it. `demand`: of what has no addresses, as manifests never do.
    pub(crate) fn add(&mut self, raw: &Raw, is_blob: bool, demand: Demand) -> Option<Named> {
        let demand = if is_blob && raw.urls.any { demand.min(Demand::Clients) } else { demand };
        let text = raw.digest.as_deref().unwrap_or_default();
        let Ok(digest) = text.parse::<AnyDigest>() else {
            if demand == Demand::Registry && self.unknown.len() < UNKNOWN_MAX {
                self.unknown.push(text.chars().take(UNKNOWN_CHARS_MAX).collect());
            }
            return None;
        };
        let named = Named {
            digest,
            media_type: raw.media_type.clone(),
            size: raw.size,
            urls: raw.urls.kept.clone(),
            artifact_type: raw.artifact_type.clone(),
            platform: raw.platform.clone(),
            demand,
        };
        self.put(named.clone());
        Some(named)
    }

    /// Adds those that only another reading names.
    pub(crate) fn add_others(&mut self, digests: Digests) {
        for digest in digests.0 {
            if !self.places.contains_key(&digest) {
                self.put(Named::bare(digest));
            }
        }
    }

    /// Adds what another list of the same document names.
    pub(crate) fn put(&mut self, named: Named) {
        match self.places.get(&named.digest).and_then(|at| self.named.get_mut(*at)) {
            // Named twice: it is needed if one of the two needs it.
            Some(before) => before.demand = before.demand.max(named.demand),
            None => {
                self.places.insert(named.digest.clone(), self.named.len());
                self.named.push(named);
            }
        }
    }
}

/// Texts of a document that may come twice.
pub(crate) type Annotations = BTreeMap<String, String>;
