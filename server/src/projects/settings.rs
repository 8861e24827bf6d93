//! Settings of a project, and of its Harbor, as a snapshot holds them, beside those of an earlier one.
//!
//! What is compared by default is the newest earlier snapshot whose settings are others, so the page answers "what changed last, and when".

use std::collections::{BTreeMap, BTreeSet};

use app::error::{ApiError, ErrorKind};
use app::projects::types::{SettingLine, SettingsAt, SettingsPart, SettingsQuery};
use app::units::Moment;
use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;
use vault::tree::{SettingsOf, SnapshotIndex};
use vault::{Vault, VaultError};
use vocab::{Descriptor, Digest};

use super::{Place, queries};
use crate::access::{Caller, Operation};
use crate::error::Error;
use crate::state::AppState;

/// Earlier snapshots looked into for other settings.
const EARLIER_MAX: i64 = 60;
/// Lines answered of one part.
const LINES_MAX: usize = 2_000;
/// Longest value shown, characters.
const VALUE_CHARS_MAX: usize = 2_000;
/// Nesting that is shown; deeper lies the text of the JSON.
const DEPTH_MAX: usize = 6;
/// What names a row of a list, the first that it has.
const NAMES: [&str; 8] = ["login", "name", "username", "group_name", "address", "template", "namespace", "type"];

/// Settings at a moment, and what is different from another.
pub async fn settings(state: &AppState, caller: &Caller, query: SettingsQuery) -> Result<SettingsAt, Error> {
    let mut conn = state.pool.acquire().await?;
    let place = Place::find(&mut conn, caller, Operation::ReadSettings, &query.harbor, &query.project).await?;
    let nothing = || ApiError::new(ErrorKind::NotFound, "nothing_captured", app::projects::refusals::Refusal::NothingCaptured);
    let project_id = place.project_id().ok_or_else(nothing)?;
    let at = queries::snapshot_at(&mut conn, project_id, query.at.map(|m| m.0)).await?.ok_or_else(nothing)?;
    let vault = crate::copies::open_for(state, &mut conn, at.id).await?;
    let digest = at.digest.parse().map_err(|_| Error::defect("a stored digest cannot be read"))?;
    let earlier = match query.against {
        Some(against) => {
            let found = queries::snapshot_at(&mut conn, project_id, Some(against.0)).await?.ok_or_else(nothing)?;
            vec![(found.moment.0, found.digest.parse().map_err(|_| Error::defect("a stored digest cannot be read"))?)]
        }
        None => before(&mut conn, project_id, at.moment.0).await?,
    };
    // A vault that does not answer keeps no connection from others.
    drop(conn);
    let here = Held::read(&vault, &digest).await?;
    let with_harbor = caller.may(Operation::ReadEstate, None);
    let (there, against, since) = compared(&vault, &here, at.moment.0, earlier, query.against.is_some(), with_harbor).await?;
    let mut parts = Vec::new();
    for (of, is, was) in [
        (SettingsOf::Project, &here.project, there.as_ref().and_then(|held| held.project.as_ref())),
        (SettingsOf::Harbor, &here.harbor, there.as_ref().and_then(|held| held.harbor.as_ref())),
    ] {
        if of == SettingsOf::Project || with_harbor {
            parts.extend(read_parts(&vault, of, is.as_ref(), was).await?);
        }
    }
    let changes = parts.iter().flat_map(|part| &part.lines).filter(|line| line.was != line.is).count();
    // Without another moment there is nothing that could differ.
    let changes = if against.is_some() { i64::try_from(changes).unwrap_or(i64::MAX) } else { 0 };
    Ok(SettingsAt {
        at: at.moment,
        before: against.map(Moment),
        since: since.map(Moment),
        captured: here.project.is_some(),
        changes,
        parts,
    })
}

/// Where a snapshot has its settings.
#[derive(Clone)]
struct Held {
    project: Option<Descriptor>,
    harbor: Option<Descriptor>,
}

impl Held {
    async fn read(vault: &Vault, digest: &Digest) -> Result<Self, VaultError> {
        let SnapshotIndex { config, harbor_config, .. } = vault.snapshot(digest).await?;
        Ok(Self { project: config, harbor: harbor_config })
    }

    fn same(&self, other: &Self, with_harbor: bool) -> bool {
        let digests =
            |held: &Self| (held.project.as_ref().map(|d| d.digest), held.harbor.as_ref().filter(|_| with_harbor).map(|d| d.digest));
        digests(self) == digests(other)
    }
}

/// Moments and digests of the snapshots before, newest first.
async fn before(conn: &mut PgConnection, project_id: i64, at: OffsetDateTime) -> Result<Vec<(OffsetDateTime, Digest)>, Error> {
    let rows = queries::digests_before(conn, project_id, at, EARLIER_MAX).await?;
    let digest = |bytes: Vec<u8>| Digest::from_bytes(&bytes).map_err(|e| Error::defect(e.to_string()));
    rows.into_iter().map(|(moment, bytes)| Ok((moment, digest(bytes)?))).collect()
}

/// The snapshot to compare with, its moment, and the first moment from which on the settings were as they are here.
async fn compared(
    vault: &Vault,
    here: &Held,
    at: OffsetDateTime,
    earlier: Vec<(OffsetDateTime, Digest)>,
    chosen: bool,
    with_harbor: bool,
) -> Result<(Option<Held>, Option<OffsetDateTime>, Option<OffsetDateTime>), Error> {
    let mut since = at;
    for (moment, digest) in earlier {
        match Held::read(vault, &digest).await {
            Ok(there) if chosen => return Ok((Some(there), Some(moment), None)),
            Ok(there) if !here.same(&there, with_harbor) => return Ok((Some(there), Some(moment), Some(since))),
            Ok(_) => since = moment,
            // The one that was asked for must be readable; of the others, as far back as can be seen.
            Err(error) if chosen => return Err(error.into()),
            Err(_) => break,
        }
    }
    Ok((None, None, None))
}

async fn read_parts(vault: &Vault, of: SettingsOf, is: Option<&Descriptor>, was: Option<&Descriptor>) -> Result<Vec<SettingsPart>, Error> {
    let Some(is) = is else { return Ok(Vec::new()) };
    let now = vault.settings(of, &is.digest).await?;
    let then = match was {
        Some(was) => Some(vault.settings(of, &was.digest).await?),
        None => None,
    };
    Ok(parts(of == SettingsOf::Harbor, &now, then.as_ref()))
}

fn parts(of_harbor: bool, now: &Value, then: Option<&Value>) -> Vec<SettingsPart> {
    let names = |value: &Value| value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let all: BTreeSet<String> = names(now).into_iter().chain(then.map(names).unwrap_or_default()).collect();
    all.into_iter()
        .filter(|name| !matches!(name.as_str(), "version" | "unreadable"))
        .map(|name| {
            let of = |value: &Value| flat(value.get(&name).unwrap_or(&Value::Null));
            let (is, was) = (of(now), then.map(of));
            let keys: BTreeSet<&String> = is.keys().chain(was.iter().flat_map(BTreeMap::keys)).collect();
            let lines: Vec<SettingLine> = keys
                .iter()
                .take(LINES_MAX)
                .map(|key| {
                    let is = is.get(*key).cloned();
                    let was = was.as_ref().map_or_else(|| is.clone(), |was| was.get(*key).cloned());
                    SettingLine { name: (*key).clone(), was, is }
                })
                .collect();
            let more = i64::try_from(keys.len().saturating_sub(LINES_MAX)).unwrap_or(i64::MAX);
            let unreadable = now["unreadable"][&name].as_str().map(str::to_owned);
            SettingsPart { name, of_harbor, unreadable, lines, more }
        })
        .collect()
}

/// Every leaf of a value by its path.
fn flat(value: &Value) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    descend(value, String::new(), 0, &mut leaves);
    leaves
}

fn descend(value: &Value, path: String, depth: usize, leaves: &mut BTreeMap<String, String>) {
    let under = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path} · {name}") };
    match value {
        Value::Null => {}
        // A secret is said to be there; its sealed text is nobody's to look at.
        Value::Object(members) if members.contains_key("sealed") => {
            leaves.insert(path, format!("sealed {}", seal_mark(&members["sealed"])));
        }
        Value::Object(members) if depth < DEPTH_MAX => {
            for (name, value) in members {
                descend(value, under(name), depth + 1, leaves);
            }
        }
        Value::Array(items) if depth < DEPTH_MAX && items.iter().any(|item| item.is_object() && right(item).is_none()) => {
            let mut seen: BTreeMap<String, usize> = BTreeMap::new();
            for item in items {
                let name = name_of(item);
                let count = seen.entry(name.clone()).or_default();
                *count += 1;
                let name = if *count > 1 { format!("{name} ({count})") } else { name };
                descend(item, under(&name), depth + 1, leaves);
            }
        }
        Value::Array(items) if items.is_empty() => {}
        Value::Array(items) => {
            let text = items.iter().map(scalar).collect::<Vec<_>>().join(", ");
            leaves.insert(path, shortened(&text));
        }
        other => {
            leaves.insert(path, shortened(&scalar(other)));
        }
    }
}

/// Tells one sealed secret from another without showing anything of it.
fn seal_mark(sealed: &Value) -> String {
    Digest::of(scalar(sealed).as_bytes()).hex().chars().take(8).collect()
}

fn name_of(item: &Value) -> String {
    NAMES.iter().find_map(|name| item.get(name).and_then(Value::as_str)).unwrap_or("entry").to_owned()
}

/// A right of a robot, in Harbor's words: `repository:pull`.
fn right(item: &Value) -> Option<String> {
    let (resource, action) = (item.get("resource")?.as_str()?, item.get("action")?.as_str()?);
    Some(format!("{resource}:{action}"))
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => right(other).unwrap_or_else(|| other.to_string()),
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= VALUE_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(VALUE_CHARS_MAX).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(parts: &[SettingsPart]) -> Vec<(String, Option<&str>, Option<&str>)> {
        let lines = parts.iter().flat_map(|part| part.lines.iter().map(move |line| (part, line)));
        let different = lines.filter(|(_, line)| line.was != line.is);
        different.map(|(part, line)| (format!("{}: {}", part.name, line.name), line.was.as_deref(), line.is.as_deref())).collect()
    }

    #[test]
    fn a_row_of_a_list_is_the_same_row_wherever_it_stands() {
        let then = json!({ "version": 2, "labels": [{ "name": "gold", "color": "#fff" }, { "name": "old", "color": "#000" }] });
        let now = json!({ "version": 3, "labels": [{ "name": "best", "color": "#111" }, { "name": "gold", "color": "#ff0" }] });
        assert_eq!(
            changed(&parts(false, &now, Some(&then))),
            [
                ("labels: best · color".to_owned(), None, Some("#111")),
                ("labels: best · name".to_owned(), None, Some("best")),
                ("labels: gold · color".to_owned(), Some("#fff"), Some("#ff0")),
                ("labels: old · color".to_owned(), Some("#000"), None),
                ("labels: old · name".to_owned(), Some("old"), None),
            ]
        );
    }

    #[test]
    fn rights_of_a_robot_are_one_line() {
        let access = json!([{ "resource": "artifact", "action": "read" }, { "resource": "repository", "action": "pull" }]);
        let robots = json!({ "robots": [{ "login": "robot$ci", "permissions": [{ "namespace": "shop", "access": access }] }] });
        let found = parts(false, &robots, None);
        let line = found[0].lines.iter().find(|line| line.name.ends_with("access")).unwrap();
        assert_eq!(line.name, "robot$ci · permissions · shop · access");
        assert_eq!(line.is.as_deref(), Some("artifact:read, repository:pull"));
    }

    #[test]
    fn a_secret_is_shown_as_being_there_and_a_new_one_as_changed() {
        let hook = |sealed: &str| json!({ "webhooks": [{ "name": "ci", "targets": [{ "address": "https://ci", "auth_header": { "sealed": sealed } }] }] });
        let found = parts(false, &hook("bw1:second"), Some(&hook("bw1:first")));
        assert_eq!(changed(&found).len(), 1);
        let text = format!("{found:?}");
        assert!(text.contains("sealed ") && !text.contains("bw1"), "{text}");
    }

    #[test]
    fn without_another_moment_nothing_is_changed_and_what_could_not_be_read_is_said() {
        let now = json!({ "robots": null, "unreadable": { "robots": "robot:list" }, "quota": { "hard_bytes": 5 } });
        let found = parts(false, &now, None);
        assert!(changed(&found).is_empty());
        assert_eq!(found.iter().find(|part| part.name == "robots").unwrap().unreadable.as_deref(), Some("robot:list"));
    }
}
