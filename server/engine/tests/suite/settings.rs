//! Settings: everything that can be read back, no secret in the clear, the same object while nothing changes.

use std::sync::Arc;

use engine::backup::{self, Reconcile, SealSecrets};
use harbor_sim::Config;
use registry::Client;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use vault::tree::SettingsOf;

use crate::harness::{Harness, shop};
use crate::push;
use crate::rich_settings::{Admin, expected};

/// Shows where a secret was sealed, and nothing of it.
struct Stamp;

impl SealSecrets for Stamp {
    fn seal(&self, place: &str, secret: &SecretString) -> String {
        format!("{} bytes for {place}", secret.expose_secret().len())
    }
}

async fn rich(config: Config) -> (Harness, Value) {
    let h = Harness::with(config).await;
    push::rich(&h.client, "shop/web", "a").await;
    let (user, password) = h.sim.admin();
    let admin = Admin { url: h.sim.url(), user: user.to_owned(), password: password.to_owned() };
    admin.arrange(&h.client, &shop()).await;
    let mut cx = h.backup_context(Reconcile::Full);
    cx.secrets = Some(Arc::new(Stamp));
    let outcome = backup::project(&cx, &shop(), None).await.unwrap();
    let settings = h.vault.project_settings(&outcome.index.config.clone().unwrap().digest).await.unwrap();
    let again = backup::project(&cx, &shop(), Some(outcome.digest)).await.unwrap();
    assert_eq!(again.index.config, outcome.index.config, "nothing volatile, and a sealed secret is the same text");
    (h, settings)
}

#[tokio::test]
async fn each_setting_of_a_project_is_kept_and_no_secret_is() {
    let (h, settings) = rich(Config::default()).await;
    assert_eq!(settings, expected("harbor", &shop()));
    assert!(!settings.to_string().contains("canary-71d"));
    let mut cx = h.backup_context(Reconcile::Full);
    cx.secrets = None;
    let outcome = backup::project(&cx, &shop(), None).await.unwrap();
    let settings = h.vault.project_settings(&outcome.index.config.unwrap().digest).await.unwrap();
    assert_eq!(settings["webhooks"][0]["targets"][0]["auth_header"], json!({"left_out": "no key to seal it with"}));
}

#[tokio::test]
async fn versions_of_harbor_give_the_same_settings() {
    let (_new, new) = rich(Config::default()).await;
    let (_old, old) = rich(Config { version: harbor_sim::Version::V2_12_4, ..Config::default() }).await;
    assert_eq!(old, new);
}

#[tokio::test]
async fn a_part_that_cannot_be_read_names_the_right_it_needs() {
    let h = Harness::new().await;
    push::rich(&h.client, "shop/web", "a").await;
    let right = |resource: &str, action: &str| registry::Permission::new(resource, action);
    let mut spec = registry::RobotSpec::least_privilege_backup("narrow");
    let (members, hooks) = (right("member", "list"), right("notification-policy", "list"));
    for scope in &mut spec.permissions {
        scope.access.retain(|p| *p != members && *p != hooks && p.resource != "registry");
    }
    let robot = h.client.create_robot(&spec).await.unwrap();
    let narrow: Client = push::client(&h.sim.url(), &robot.name, robot.secret.expose_secret());
    let mut cx = h.backup_context(Reconcile::Full);
    cx.client = narrow.clone();
    cx.harbor_config = Some(backup::harbor_settings(&narrow, &h.vault, None).await.unwrap());
    let outcome = backup::project(&cx, &shop(), None).await.unwrap();
    h.verified(&outcome.digest).await;
    let settings = h.vault.project_settings(&outcome.index.config.unwrap().digest).await.unwrap();
    let lacks = json!({
        "members": {"code": "forbidden", "needs": "member:list"},
        "webhooks": {"code": "forbidden", "needs": "notification-policy:list"},
    });
    assert_eq!(settings["unreadable"], lacks);
    let of_harbor = outcome.index.harbor_config.unwrap();
    let settings = h.vault.settings(SettingsOf::Harbor, &of_harbor.digest).await.unwrap();
    assert_eq!(settings["unreadable"]["registries"]["needs"], "registry:list (system)");
    assert!(settings["unreadable"]["configuration"]["needs"].as_str().unwrap().contains("administrator"));
    assert!(settings["robots"].as_array().unwrap().iter().any(|robot| robot["name"] == "narrow"));
    assert_eq!(settings["replication"], json!([]));
    let again = backup::harbor_settings(&narrow, &h.vault, Some(&of_harbor)).await.unwrap();
    assert_eq!(again.digest, of_harbor.digest, "the same settings are the same object");
}

#[tokio::test]
async fn the_settings_of_the_harbor_stay_with_each_snapshot_and_cost_nothing_while_they_do_not_change() {
    let h = Harness::new().await;
    push::rich(&h.client, "shop/web", "a").await;
    let mut cx = h.backup_context(Reconcile::Full);
    cx.harbor_config = Some(backup::harbor_settings(&h.client, &h.vault, None).await.unwrap());
    let first = backup::project(&cx, &shop(), None).await.unwrap();
    let hinted = backup::project(&h.backup_context(Reconcile::Hinted), &shop(), Some(first.digest)).await.unwrap();
    assert_eq!(hinted.index.harbor_config, first.index.harbor_config);
    let settings = h.vault.settings(SettingsOf::Harbor, &first.index.harbor_config.as_ref().unwrap().digest).await.unwrap();
    assert_eq!(settings["unreadable"], json!({}));
    assert!(settings["configuration"].get("read_only").is_some());
    assert!(!settings.to_string().to_lowercase().contains("password"));
}
