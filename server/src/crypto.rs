//! Stored secrets: AES-256-GCM, bound to the table, column and row they are in, under a ring of keys (reliability.md S-76..S-78).
//!
//! Stored form: `v1|key id|nonce|ciphertext`, length-prefixed. A copied row opens nothing without the key, and a ciphertext moved
//! to another row does not open at all.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, Key, KeyInit as _, Nonce};
use base64::Engine as _;
use hmac::{Hmac, Mac};
use rand::Rng as _;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 12;
const KEY_BYTES: usize = 32;

/// Why a secret does not open, or a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// Not 32 bytes of base64.
    #[error("a key is 32 bytes in base64; make one with: head -c 32 /dev/urandom | base64")]
    Key,
    /// No key in the ring has the id the secret was stored under.
    #[error("the key {0} that encrypted a stored secret is not in the key file")]
    UnknownKey(String),
    /// Damaged, or from another row.
    #[error("a stored secret does not open with its key: it is damaged or was moved")]
    Damaged,
}

/// Where a secret is stored; part of what is authenticated.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Table.
    pub table: &'static str,
    /// Column.
    pub column: &'static str,
    /// Primary key of the row.
    pub row: i64,
}

/// The keys; the first encrypts.
#[derive(Clone)]
pub struct KeyRing {
    keys: Vec<(String, [u8; KEY_BYTES])>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(id, _)| id)).finish()
    }
}

impl KeyRing {
    /// Reads `base64` or lines of `id:base64`.
    pub fn parse(text: &str) -> Result<Self, CryptoError> {
        let mut keys = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (id, encoded) = line.split_once(':').map_or((None, line), |(id, rest)| (Some(id), rest));
            let bytes = base64::engine::general_purpose::STANDARD.decode(encoded.trim()).map_err(|_| CryptoError::Key)?;
            let key: [u8; KEY_BYTES] = bytes.try_into().map_err(|_| CryptoError::Key)?;
            let id = id.map_or_else(|| hex::encode(&Sha256::digest(key)[..4]), |id| id.trim().to_owned());
            if id.is_empty() || id.len() > 64 {
                return Err(CryptoError::Key);
            }
            keys.push((id, key));
        }
        if keys.is_empty() { Err(CryptoError::Key) } else { Ok(Self { keys }) }
    }

    /// A new key as text for a key file.
    #[must_use]
    pub fn generate() -> String {
        base64::engine::general_purpose::STANDARD.encode(rand::rng().random::<[u8; KEY_BYTES]>())
    }

    /// Encrypts `secret` for `place`.
    #[must_use]
    pub fn seal(&self, place: Place, secret: &SecretString) -> Vec<u8> {
        let (id, key) = &self.keys[0];
        let nonce: [u8; NONCE_BYTES] = rand::rng().random();
        let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key));
        let aad = associated(place, id);
        let sealed = cipher
            .encrypt(Nonce::from_slice(&nonce), Payload { msg: secret.expose_secret().as_bytes(), aad: &aad })
            .expect("AES-GCM encrypts any message below 64 GiB");
        let id_length = u8::try_from(id.len()).expect("ids are at most 64 bytes long");
        [&[FORMAT, id_length], id.as_bytes(), &nonce, &sealed].concat()
    }

    /// Encrypts a secret that a snapshot holds: the same secret in the same place gives the same text, so that settings that did not change
    /// stay the same object.
    ///
    /// AES-256-GCM under a key of its own, derived from the first key of the ring. The nonce is an HMAC-SHA-256 over place and secret, cut to 96
    /// bits: two secrets meet in a nonce by chance alone, one in 2^48 of them, and what equal texts give away is that a secret did not change
    /// in its place. Another place gives another nonce, so it does not show that two webhooks share a secret. After a new first key each
    /// secret is sealed anew once. Form: `v1:key id:base64 of nonce and ciphertext`.
    #[must_use]
    pub fn seal_in_snapshot(&self, place: &str, secret: &SecretString) -> String {
        let (id, key) = &self.keys[0];
        let nonce = &mac(&derived(key, "snapshot nonce"), &[place.as_bytes(), secret.expose_secret().as_bytes()])[..NONCE_BYTES];
        let encryption = derived(key, "snapshot encryption");
        let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(&encryption));
        let aad = format!("snapshot|{place}|{id}");
        let sealed = cipher
            .encrypt(Nonce::from_slice(nonce), Payload { msg: secret.expose_secret().as_bytes(), aad: aad.as_bytes() })
            .expect("AES-GCM encrypts any message below 64 GiB");
        format!("v1:{id}:{}", base64::engine::general_purpose::STANDARD.encode([nonce, &sealed].concat()))
    }

    /// Opens what [`KeyRing::seal_in_snapshot`] made for the same place.
    pub fn open_from_snapshot(&self, place: &str, text: &str) -> Result<SecretString, CryptoError> {
        let (id, encoded) = text.strip_prefix("v1:").and_then(|rest| rest.rsplit_once(':')).ok_or(CryptoError::Damaged)?;
        let (_, key) = self.keys.iter().find(|(known, _)| known == id).ok_or_else(|| CryptoError::UnknownKey(id.to_owned()))?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).map_err(|_| CryptoError::Damaged)?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(CryptoError::Damaged)?;
        let encryption = derived(key, "snapshot encryption");
        let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(&encryption));
        let aad = format!("snapshot|{place}|{id}");
        let opened =
            cipher.decrypt(Nonce::from_slice(nonce), Payload { msg: sealed, aad: aad.as_bytes() }).map_err(|_| CryptoError::Damaged)?;
        String::from_utf8(opened).map(SecretString::from).map_err(|_| CryptoError::Damaged)
    }

    /// Opens what [`KeyRing::seal`] made for the same place.
    pub fn open(&self, place: Place, stored: &[u8]) -> Result<SecretString, CryptoError> {
        let [FORMAT, id_length, rest @ ..] = stored else { return Err(CryptoError::Damaged) };
        let (id, rest) = rest.split_at_checked(usize::from(*id_length)).ok_or(CryptoError::Damaged)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_BYTES).ok_or(CryptoError::Damaged)?;
        let id = std::str::from_utf8(id).map_err(|_| CryptoError::Damaged)?;
        let (_, key) = self.keys.iter().find(|(known, _)| known == id).ok_or_else(|| CryptoError::UnknownKey(id.to_owned()))?;
        let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key));
        let aad = associated(place, id);
        let opened = cipher.decrypt(Nonce::from_slice(nonce), Payload { msg: sealed, aad: &aad }).map_err(|_| CryptoError::Damaged)?;
        String::from_utf8(opened).map(SecretString::from).map_err(|_| CryptoError::Damaged)
    }
}

impl engine::backup::SealSecrets for KeyRing {
    fn seal(&self, place: &str, secret: &SecretString) -> String {
        self.seal_in_snapshot(place, secret)
    }
}

/// A key for one purpose.
fn derived(key: &[u8; KEY_BYTES], purpose: &str) -> [u8; KEY_BYTES] {
    mac(key, &[b"breakwater", purpose.as_bytes()])
}

/// HMAC-SHA-256 over parts, each with its length, so that no two lists of parts give the same bytes.
fn mac(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> [u8; KEY_BYTES] {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn associated(place: Place, key_id: &str) -> Vec<u8> {
    format!("{}|{}|{}|{key_id}", place.table, place.column, place.row).into_bytes()
}

/// 256 random bits as URL-safe text, for tokens.
#[must_use]
pub fn random_token() -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>())
}

/// SHA-256 of a token or session id: what the database keeps of it.
#[must_use]
pub fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place = Place { table: "harbor", column: "read_secret", row: 7 };

    #[test]
    fn a_secret_opens_only_where_it_was_put() {
        let ring = KeyRing::parse(&KeyRing::generate()).unwrap();
        let stored = ring.seal(HERE, &SecretString::from("robot secret".to_owned()));
        assert_eq!(ring.open(HERE, &stored).unwrap().expose_secret(), "robot secret");
        for elsewhere in [Place { row: 8, ..HERE }, Place { column: "write_secret", ..HERE }, Place { table: "plan", ..HERE }] {
            assert_eq!(ring.open(elsewhere, &stored).err(), Some(CryptoError::Damaged));
        }
    }

    #[test]
    fn a_secret_in_a_snapshot_is_the_same_text_in_its_place_and_opens_nowhere_else() {
        let text = format!("old:{}", KeyRing::generate());
        let ring = KeyRing::parse(&text).unwrap();
        let secret = SecretString::from("Bearer hook".to_owned());
        let sealed = ring.seal_in_snapshot("a/webhook", &secret);
        assert_eq!(sealed, ring.seal_in_snapshot("a/webhook", &secret), "unchanged");
        assert_ne!(sealed, ring.seal_in_snapshot("a/webhook", &SecretString::from("Bearer hooK".to_owned())));
        assert_ne!(sealed.split(':').nth(2), ring.seal_in_snapshot("b/webhook", &secret).split(':').nth(2));
        assert!(!sealed.contains("hook"));
        assert_eq!(ring.open_from_snapshot("a/webhook", &sealed).unwrap().expose_secret(), "Bearer hook");
        assert_eq!(ring.open_from_snapshot("b/webhook", &sealed).err(), Some(CryptoError::Damaged));
        let newer = KeyRing::parse(&format!("new:{}\n{text}", KeyRing::generate())).unwrap();
        assert_eq!(newer.open_from_snapshot("a/webhook", &sealed).unwrap().expose_secret(), "Bearer hook");
        for damaged in ["", "v1:", "v1:old:", "v1:old:AAAA", "v2:old:AAAA"] {
            assert!(ring.open_from_snapshot("a/webhook", damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn a_second_key_takes_over_without_losing_the_old_secrets() {
        let old = format!("old:{}", KeyRing::generate());
        let stored = KeyRing::parse(&old).unwrap().seal(HERE, &SecretString::from("s".to_owned()));
        let both = KeyRing::parse(&format!("new:{}\n{old}", KeyRing::generate())).unwrap();
        assert_eq!(both.open(HERE, &stored).unwrap().expose_secret(), "s");
        let only_new = KeyRing::parse(&format!("new:{}", KeyRing::generate())).unwrap();
        assert_eq!(only_new.open(HERE, &stored).err(), Some(CryptoError::UnknownKey("old".to_owned())));
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let ring = KeyRing::parse(&KeyRing::generate()).unwrap();
        let stored = ring.seal(HERE, &SecretString::from("s".to_owned()));
        for at in 0..stored.len() {
            let mut flipped = stored.clone();
            flipped[at] ^= 1;
            assert!(ring.open(HERE, &flipped).is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_debug_form_shows_no_key() {
        let text = KeyRing::generate();
        let ring = KeyRing::parse(&text).unwrap();
        assert!(!format!("{ring:?}").contains(&text[..8]));
    }
}
