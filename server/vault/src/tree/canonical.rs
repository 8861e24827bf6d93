//! One JSON text per value: sorted keys, no white space.

use serde_json::{Map, Value};

use super::TreeError;

/// The canonical bytes of `value`: keys of every object sorted by their bytes, no white space.
///
/// serde_json keeps sorted maps by default but in a build where any crate asks for insertion order; sorting here makes
/// the digest independent of that.
pub fn canonical_json(value: &Value) -> Result<Vec<u8>, TreeError> {
    serde_json::to_vec(&sorted(value)).map_err(|e| TreeError::Json(e.to_string()))
}

// Recursion is bounded: serde_json refuses to read values nested deeper than 128.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            let mut out = Map::new();
            for name in names {
                out.insert(name.clone(), sorted(&members[name]));
            }
            Value::Object(out)
        }
        other => other.clone(),
    }
}
