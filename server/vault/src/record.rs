//! Small records of ours (pointers, holds, notes): JSON that carries its own hash.
//!
//! Objects are named by their hash; a record is not, so one flipped bit in a hold's expiry or a pointer's media type would
//! pass unseen. The field `sha256` holds the hash of the record without it, in canonical form, so a record may be
//! reformatted by hand or by a tool and still be read.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use vocab::Digest;

use crate::Vault;
use crate::error::VaultError;
use crate::layout::Key;
use crate::tree::{TreeError, canonical_json};

const HASH: &str = "sha256";

/// The bytes of a record: its fields and their hash.
pub fn seal(fields: &mut Map<String, Value>) -> Result<Vec<u8>, TreeError> {
    fields.remove(HASH);
    let digest = Digest::of(&canonical_json(&Value::Object(fields.clone()))?);
    fields.insert(HASH.to_owned(), Value::String(digest.hex()));
    canonical_json(&Value::Object(fields.clone()))
}

/// The fields of a record whose hash agrees.
fn open(bytes: &[u8]) -> Result<Value, String> {
    let mut fields: Map<String, Value> = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    let written = fields.remove(HASH);
    let fields = Value::Object(fields);
    let actual = Digest::of(&canonical_json(&fields).map_err(|e| e.to_string())?);
    if written.as_ref().and_then(Value::as_str) == Some(actual.hex().as_str()) {
        Ok(fields)
    } else {
        Err("its hash does not agree with its fields".to_owned())
    }
}

pub(crate) fn encode<T: Serialize>(what: &'static str, record: &T) -> Result<Bytes, VaultError> {
    let invalid = |why: String| VaultError::Invalid { what, why };
    match serde_json::to_value(record) {
        Ok(Value::Object(mut fields)) => seal(&mut fields).map(Bytes::from).map_err(|e| invalid(e.to_string())),
        Ok(_) => Err(invalid("it has no fields".to_owned())),
        Err(e) => Err(invalid(e.to_string())),
    }
}

/// The record in these bytes, if its hash agrees.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    open(bytes).and_then(|fields| serde_json::from_value(fields).map_err(|e| e.to_string()))
}

impl Vault {
    /// Reads a record, a second time if the first read is damaged. `None` when it is not there.
    pub(crate) async fn record<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, VaultError> {
        let Some(first) = self.read_record(key).await? else { return Ok(None) };
        if let Ok(record) = decode(&first) {
            return Ok(Some(record));
        }
        let Some(second) = self.read_record(key).await? else { return Ok(None) };
        decode(&second).map(Some).map_err(|why| VaultError::DamagedRecord { key: key.to_string(), why })
    }
}
