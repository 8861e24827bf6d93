//! Collects parts of settings, and says of those that could not be read which right is missing.

use registry::RegistryError;
use serde_json::{Map, Value, json};

use super::pick::sorted;
use crate::backup::BackupError;

/// Collected read so far.
pub(super) struct Collected<'a> {
    before: Option<&'a Value>,
    out: Map<String, Value>,
    unreadable: Map<String, Value>,
}

impl<'a> Collected<'a> {
    pub fn new(before: Option<&'a Value>) -> Self {
        Self { before, out: Map::new(), unreadable: Map::new() }
    }

    /// A list, each row as `show` keeps it.
    pub fn rows(
        &mut self,
        name: &str,
        needs: &str,
        rows: Result<Vec<Value>, RegistryError>,
        show: impl Fn(&Value) -> Value,
    ) -> Result<(), BackupError> {
        self.put(name, needs, rows.map(|rows| sorted(rows.iter().map(show).collect())))
    }

    /// One object, or none.
    pub fn one(
        &mut self,
        name: &str,
        needs: &str,
        value: Result<Value, RegistryError>,
        show: impl Fn(&Value) -> Value,
    ) -> Result<(), BackupError> {
        self.put(name, needs, value.map(|value| if value.is_null() { value } else { show(&value) }))
    }

    fn put(&mut self, name: &str, needs: &str, value: Result<Value, RegistryError>) -> Result<(), BackupError> {
        match value {
            Ok(value) => {
                self.out.insert(name.to_owned(), value);
                Ok(())
            }
            // Harbor's word for a thing that is not set up at all.
            Err(RegistryError::Precondition { .. }) => {
                self.out.insert(name.to_owned(), Value::Null);
                Ok(())
            }
            Err(error) => self.unreadable(name, needs, &error),
        }
    }

    /// Notes that a part cannot be read. Ends the run where nothing can be.
    pub fn unreadable(&mut self, name: &str, needs: &str, error: &RegistryError) -> Result<(), BackupError> {
        match error {
            RegistryError::NotLoggedIn { username } => return Err(RegistryError::NotLoggedIn { username: username.clone() }.into()),
            RegistryError::Unreachable { host, reason, .. } => {
                return Err(RegistryError::Unreachable { host: host.clone(), reason, source: "while reading settings".into() }.into());
            }
            RegistryError::Unresolved { host, .. } => {
                return Err(RegistryError::Unresolved { host: host.clone(), source: "while reading settings".into() }.into());
            }
            _ => {}
        }
        // What was known stays known while Harbor stumbles.
        if let (true, Some(known)) = (error.is_transient(), self.before.and_then(|before| before.get(name))) {
            self.out.insert(name.to_owned(), known.clone());
            return Ok(());
        }
        let mut why = json!({ "code": error.code() });
        if matches!(error, RegistryError::Forbidden { .. }) {
            why["needs"] = json!(needs);
        }
        self.unreadable.insert(name.to_owned(), why);
        Ok(())
    }

    /// Everything, with what comes from elsewhere.
    pub fn into_value(mut self, version: u32, more: &[(&str, Value)]) -> Value {
        self.out.insert("version".to_owned(), json!(version));
        self.out.insert("unreadable".to_owned(), Value::Object(self.unreadable));
        self.out.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Value::Object(self.out)
    }
}
