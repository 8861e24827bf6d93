//! Docker's schema 1 manifests: a payload inside a signature that a registry makes anew for each reader.
//!
//! The digest of such a manifest is that of its payload (distribution 2.8, `manifest/schema1`; the form is libtrust's "pretty" JWS): the first
//! `formatLength` bytes of the document, and then `formatTail`, both named in the protected header of each signature.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_encode_padding(false),
);

#[derive(Deserialize)]
struct Document {
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    protected: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Protected {
    format_length: usize,
    format_tail: String,
}

/// The payload of a signed document. `None`: it is not signed in this form, or its signatures disagree about what they sign.
#[must_use]
pub fn payload(document: &[u8]) -> Option<Vec<u8>> {
    let Document { signatures } = serde_json::from_slice(document).ok()?;
    let mut payload: Option<Vec<u8>> = None;
    for signature in signatures {
        let protected: Protected = serde_json::from_slice(&BASE64URL.decode(signature.protected).ok()?).ok()?;
        let mut signed = document.get(..protected.format_length)?.to_vec();
        signed.extend(BASE64URL.decode(protected.format_tail).ok()?);
        match &payload {
            Some(before) if *before != signed => return None,
            _ => payload = Some(signed),
        }
    }
    payload
}

/// What has to be signed for `payload`, and what turns it and its signature into a document: see [`Unsigned::sign`].
#[derive(Debug, Clone)]
pub struct Unsigned {
    head: Vec<u8>,
    protected: String,
    message: String,
}

impl Unsigned {
    /// Takes a payload that is a JSON object apart. `time`: RFC 3339, for the protected header. `None`: it is no object.
    #[must_use]
    pub fn new(payload: &[u8], time: &str) -> Option<Self> {
        let open = payload.trim_ascii_end().strip_suffix(b"}")?.trim_ascii_end();
        let (length, tail) = (open.len(), BASE64URL.encode(payload.get(open.len()..)?));
        let protected = serde_json::json!({"formatLength": length, "formatTail": tail, "time": time});
        let protected = BASE64URL.encode(protected.to_string());
        let message = format!("{protected}.{}", BASE64URL.encode(payload));
        Some(Self { head: open.to_vec(), protected, message })
    }

    /// The bytes to sign.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        self.message.as_bytes()
    }

    /// The signed document. `signature`: ECDSA over P-256 with SHA-256, two numbers of 32 bytes; `x` and `y`: the public key.
    #[must_use]
    pub fn sign(&self, signature: &[u8], x: &[u8], y: &[u8]) -> Vec<u8> {
        let jwk = serde_json::json!({"crv": "P-256", "kty": "EC", "x": BASE64URL.encode(x), "y": BASE64URL.encode(y)});
        let signatures = serde_json::json!([{
            "header": {"jwk": jwk, "alg": "ES256"},
            "signature": BASE64URL.encode(signature),
            "protected": self.protected,
        }]);
        let mut document = self.head.clone();
        document.extend_from_slice(format!(",\n   \"signatures\": {signatures}\n}}").as_bytes());
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: &[u8] = b"{\n   \"schemaVersion\": 1,\n   \"name\": \"team/old\"\n}";

    #[test]
    fn what_was_signed_comes_out_byte_for_byte() {
        let unsigned = Unsigned::new(PAYLOAD, "2016-05-04T03:02:01Z").unwrap();
        let one = unsigned.sign(&[1; 64], &[2; 32], &[3; 32]);
        let other = unsigned.sign(&[4; 64], &[5; 32], &[6; 32]);
        assert_ne!(one, other);
        assert_eq!(payload(&one).as_deref(), Some(PAYLOAD));
        assert_eq!(payload(&other).as_deref(), Some(PAYLOAD));
        assert!(serde_json::from_slice::<serde_json::Value>(&one).is_ok());
    }

    #[test]
    fn what_is_not_signed_has_no_payload() {
        let signed = Unsigned::new(PAYLOAD, "t").unwrap().sign(b"s", b"x", b"y");
        let text = String::from_utf8(signed).unwrap();
        for bad in [
            "{}".to_owned(),
            r#"{"signatures":[]}"#.to_owned(),
            r#"{"signatures":[{"protected":"%"}]}"#.to_owned(),
            text.replace("\"protected\":\"", "\"protected\":\"AAAA"),
            format!(r#"{{"signatures":[{{"protected":"{}"}}]}}"#, BASE64URL.encode(r#"{"formatLength":99999999,"formatTail":""}"#)),
        ] {
            assert_eq!(payload(bad.as_bytes()), None, "{bad}");
        }
        assert!(Unsigned::new(b"[]", "t").is_none());
    }
}
