//! The settings of a project and of the Harbor itself.

use std::sync::Arc;

use engine::backup::{self, Reconcile};
use harbor_sim::images;
use registry::RobotSpec;
use secrecy::ExposeSecret;

use crate::harness::Live;
use crate::{push, rich_settings};

/// Shows where a secret was sealed, and nothing of it.
struct Stamp;

impl backup::SealSecrets for Stamp {
    fn seal(&self, place: &str, secret: &secrecy::SecretString) -> String {
        format!("{} bytes for {place}", secret.expose_secret().len())
    }
}

#[tokio::test]
async fn on_a_real_harbor_the_least_robot_reads_each_setting_and_each_version_gives_the_same() {
    let Some(mut live) = Live::new().await else { return };
    let variable = |name: &str| std::env::var(name).unwrap();
    let admin = rich_settings::Admin { url: variable("HARBOR_URL"), user: variable("HARBOR_USER"), password: variable("HARBOR_PASSWORD") };
    let client = live.client.clone();
    push::image(&client, &live.name("web"), Some("1"), &images::simple("settings", &[100])).await;
    admin.arrange(&client, &live.project).await;
    let robot = client.create_robot(&RobotSpec::least_privilege_backup(&format!("{}-read", live.project))).await.unwrap();
    assert_eq!(robot.left_out, [], "this version knows each right");
    live.client = live.login(&robot);
    let mut cx = live.backup_context();
    cx.reconcile = Reconcile::Full;
    cx.secrets = Some(Arc::new(Stamp));
    let config = backup::harbor_settings(&live.client, &live.vault, None).await.unwrap();
    cx.harbor_config = Some(config.clone());
    let outcome = backup::project(&cx, &live.project, None).await.unwrap();
    let settings = live.vault.project_settings(&outcome.index.config.clone().unwrap().digest).await.unwrap();
    let of_harbor = live.vault.settings(vault::tree::SettingsOf::Harbor, &config.digest).await.unwrap();
    let again = backup::project(&cx, &live.project, Some(outcome.digest)).await.unwrap();
    let requests = live.client.counters().requests;
    let harbor_again = backup::harbor_settings(&live.client, &live.vault, Some(&config)).await.unwrap();
    println!(
        "the Harbor's own settings: {} requests, not readable: {}",
        live.client.counters().requests - requests,
        of_harbor["unreadable"]
    );
    live.client = client;
    live.remove(&live.project).await;
    live.client.delete_robot(robot.id).await.unwrap();
    assert_eq!(settings, rich_settings::expected("live", &live.project));
    assert_eq!(again.index.config, outcome.index.config);
    assert_eq!(harbor_again.digest, config.digest);
    let lacking: Vec<&String> = of_harbor["unreadable"].as_object().unwrap().keys().collect();
    assert_eq!(lacking, ["configuration", "users"], "no robot may have these");
}
