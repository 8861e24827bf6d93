//! What people call things, where the API takes numbers.

use app::accounts::types::User;
use app::plans::left::Left;
use app::plans::types::Plan;
use app::projects::types::Browse;
use app::units::Page;
use app::vaults::types::Vault;

use super::CliError;
use super::api::Api;
use super::client::project_path;

/// Pages of accounts looked through for a name.
const PAGES_MAX: usize = 500;
/// Names told where none fits.
const TOLD: usize = 10;
/// How much a name is like another to be meant by it, of 1.
const ALIKE: f64 = 0.75;

/// A plan.
pub async fn plan(api: &Api, text: &str) -> Result<i64, CliError> {
    let plans: Vec<Plan> = api.get("/plans", &[]).await?;
    one_of("plan", text, plans.iter().map(|plan| (plan.id, plan.name.as_str())))
}

/// A deleted plan that left snapshots.
pub async fn deleted_plan(api: &Api, text: &str) -> Result<i64, CliError> {
    let left: Vec<Left> = api.get("/left", &[]).await?;
    one_of("deleted plan with snapshots", text, left.iter().map(|left| (left.plan_id, left.plan.as_str())))
}

/// A vault.
pub async fn vault(api: &Api, text: &str) -> Result<i64, CliError> {
    let vaults: Vec<Vault> = api.get("/vaults", &[]).await?;
    one_of("vault", text, vaults.iter().map(|vault| (vault.id, vault.name.as_str())))
}

/// An account, by its sign-in name.
pub async fn user(api: &Api, text: &str) -> Result<i64, CliError> {
    let users: Vec<User> = users(api).await?;
    one_of("account", text, users.iter().map(|user| (user.id, user.login.as_str())))
}

/// All accounts.
pub async fn users(api: &Api) -> Result<Vec<User>, CliError> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    for _ in 0..PAGES_MAX {
        let query: Vec<(&str, &str)> = after.iter().map(|after| ("after", after.as_str())).collect();
        let page: Page<User> = api.get("/users", &query).await?;
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
    Err(CliError::Failed("there are more accounts than this program looks through".to_owned()))
}

/// A snapshot: `harbor/project@moment`, `harbor/project` for the newest, or its number.
pub async fn snapshot(api: &Api, text: &str) -> Result<i64, CliError> {
    if let Some(id) = number(text) {
        return Ok(id);
    }
    let (project, at) = text.split_once('@').map_or((text, None), |(project, at)| (project, Some(at)));
    let query: Vec<(&str, &str)> = at.iter().map(|at| ("at", *at)).chain([("live", "false")]).collect();
    let found: Browse = api.get(&format!("{}/contents", project_path(project)?), &query).await?;
    Ok(found.at.id)
}

fn number(text: &str) -> Option<i64> {
    text.strip_prefix('#').unwrap_or(text).parse().ok()
}

/// The one of this name; a number is one only where nothing is called so.
fn one_of<'a>(what: &str, text: &str, all: impl Iterator<Item = (i64, &'a str)> + Clone) -> Result<i64, CliError> {
    let named: Vec<i64> = all.clone().filter(|(_, name)| *name == text).map(|(id, _)| id).collect();
    match named.as_slice() {
        [id] => return Ok(*id),
        [] => {}
        many => {
            let numbers: Vec<String> = many.iter().map(|id| format!("#{id}")).collect();
            return Err(CliError::Usage(format!("several are called “{text}”: {}; say which by its number", numbers.join(", "))));
        }
    }
    if let Some(id) = number(text).filter(|id| all.clone().any(|(known, _)| known == *id)) {
        return Ok(id);
    }
    let mut alike: Vec<(f64, &str)> = all.clone().map(|(_, name)| (strsim::jaro_winkler(name, text), name)).collect();
    alike.sort_by(|one, other| other.0.total_cmp(&one.0));
    let hint = match alike.first() {
        Some((likeness, name)) if *likeness >= ALIKE => format!("; did you mean “{name}”?"),
        Some(_) => {
            let names: Vec<&str> = alike.iter().take(TOLD).map(|(_, name)| *name).collect();
            let more = if alike.len() > TOLD { " …" } else { "" };
            format!("; there are {}{more}", names.join(", "))
        }
        None => "; you see none".to_owned(),
    };
    Err(CliError::Usage(format!("there is no {what} “{text}”{hint}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> Result<i64, String> {
        one_of("plan", text, [(1, "everything"), (2, "7"), (7, "nightly"), (8, "twice"), (9, "twice")].into_iter())
            .map_err(|e| e.to_string())
    }

    #[test]
    fn a_name_comes_before_a_number_and_what_is_nearly_one_is_asked_about() {
        assert_eq!(find("everything"), Ok(1));
        assert_eq!(find("7"), Ok(2), "a plan that is called so");
        assert_eq!(find("#8"), Ok(8));
        assert_eq!(find("1"), Ok(1));
        assert_eq!(find("evrything"), Err("there is no plan “evrything”; did you mean “everything”?".to_owned()));
        assert_eq!(find("twice"), Err("several are called “twice”: #8, #9; say which by its number".to_owned()));
        assert!(find("zzz").unwrap_err().contains("there are "));
        assert!(find("3").is_err(), "a number that nothing has");
    }
}
