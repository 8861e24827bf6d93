//! Docker's schema 1 manifests on their way to a registry: it takes them signed, checks that the signature is one, and keeps the payload alone.
//!
//! Whose key it is says nothing, and nobody looks: a registry signs anew, with a key of its own, for each reader. So a payload without a
//! signature, as it is stored here, is signed with a key of the moment.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use bytes::Bytes;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vocab::signed::{Unsigned, payload};

/// The document to send for `bytes`: as it is if it is signed already, or cannot be.
pub(super) fn signed(bytes: Bytes) -> Bytes {
    if payload(&bytes).is_some() {
        return bytes;
    }
    sign(&bytes).map_or(bytes, Bytes::from)
}

fn sign(bytes: &[u8]) -> Option<Vec<u8>> {
    let time = OffsetDateTime::now_utc().replace_nanosecond(0).ok()?.format(&Rfc3339).ok()?;
    let unsigned = Unsigned::new(bytes, &time)?;
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?;
    let signature = key.sign(&random, unsigned.message()).ok()?;
    // An uncompressed point (SEC 1, 2.3.3): 4, x, y.
    let (x, y) = key.public_key().as_ref().strip_prefix(&[4])?.split_at_checked(32)?;
    Some(unsigned.sign(signature.as_ref(), x, y))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_signed_once_and_comes_out_as_it_went_in() {
        let plain = Bytes::from_static(b"{\n   \"schemaVersion\": 1\n}");
        let first = signed(plain.clone());
        assert_eq!(payload(&first).as_deref(), Some(plain.as_ref()));
        assert_eq!(signed(first.clone()), first, "what is signed stays as it is");
        let nonsense = Bytes::from_static(b"nonsense");
        assert_eq!(signed(nonsense.clone()), nonsense);
    }
}
