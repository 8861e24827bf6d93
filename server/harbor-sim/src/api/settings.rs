//! `/configurations`: an administrator's door; robots cannot be given it.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{object, require_system};
use crate::app::Version;
use crate::reply::{self, Answer, Refusal};
use crate::server::Call;
use crate::world;

/// The settings and their defaults, as the recordings show them.
const DEFAULTS: &str = r#"{
  "audit_log_forward_endpoint": "",
  "banner_message": "",
  "disabled_audit_log_event_types": "",
  "http_authproxy_admin_groups": "",
  "http_authproxy_admin_usernames": "",
  "http_authproxy_endpoint": "",
  "http_authproxy_server_certificate": "",
  "http_authproxy_skip_search": false,
  "http_authproxy_tokenreview_endpoint": "",
  "http_authproxy_verify_cert": true,
  "ldap_base_dn": "",
  "ldap_filter": "",
  "ldap_group_admin_dn": "",
  "ldap_group_attach_parallel": false,
  "ldap_group_attribute_name": "",
  "ldap_group_base_dn": "",
  "ldap_group_membership_attribute": "memberof",
  "ldap_group_search_filter": "",
  "ldap_group_search_scope": 2,
  "ldap_scope": 2,
  "ldap_search_dn": "",
  "ldap_timeout": 5,
  "ldap_uid": "cn",
  "ldap_url": "",
  "ldap_verify_cert": true,
  "notification_enable": true,
  "oidc_admin_group": "",
  "oidc_auto_onboard": false,
  "oidc_client_id": "",
  "oidc_endpoint": "",
  "oidc_extra_redirect_parms": "{}",
  "oidc_group_filter": "",
  "oidc_groups_claim": "",
  "oidc_logout": false,
  "oidc_name": "",
  "oidc_scope": "",
  "oidc_user_claim": "",
  "oidc_verify_cert": true,
  "primary_auth_mode": false,
  "project_creation_restriction": "everyone",
  "quota_per_project_enable": true,
  "read_only": false,
  "robot_name_prefix": "robot$",
  "robot_token_duration": 30,
  "scanner_skip_update_pulltime": false,
  "self_registration": false,
  "session_timeout": 60,
  "skip_audit_log_database": false,
  "storage_per_project": -1,
  "token_expiration": 30,
  "uaa_client_id": "",
  "uaa_client_secret": "",
  "uaa_endpoint": "",
  "uaa_verify_cert": false
}"#;
/// Settings that came after 2.12.
const NEW: [&str; 2] = ["disabled_audit_log_event_types", "oidc_logout"];

fn defaults(version: Version) -> Vec<(String, Value)> {
    let all: Value = serde_json::from_str(DEFAULTS).unwrap_or_default();
    let all = all.as_object().cloned().unwrap_or_default();
    all.into_iter().filter(|(name, _)| version > Version::V2_12_4 || !NEW.contains(&name.as_str())).collect()
}

pub fn route(call: &Call, body: &Bytes) -> Answer {
    match call.method.as_str() {
        "GET" => {
            let world = call.app.world();
            require_system(call, &world, "configuration", "read")?;
            let mut shown = json!({"auth_mode": {"editable": false, "value": "db_auth"}, "scan_all_policy": {}});
            for (name, default) in defaults(call.app.config.version) {
                let value = world::setting(&world, &name, default);
                shown[name] = json!({"editable": true, "value": value});
            }
            Ok(reply::ok(&shown))
        }
        "PUT" => {
            let mut world = call.app.change();
            require_system(call, &world, "configuration", "update")?;
            let request = object(body)?;
            let known = defaults(call.app.config.version);
            for (name, value) in request.as_object().into_iter().flatten() {
                let Some((_, default)) = known.iter().find(|(known, _)| known == name) else {
                    continue;
                };
                if std::mem::discriminant(default) != std::mem::discriminant(value) {
                    return Err(Refusal::bad_request(format!("invalid value for {name}")));
                }
                world.settings.insert(name.clone(), value.clone());
            }
            let who = call.who.clone();
            world::audit(&mut world, &who, 0, "update", "configuration", "configuration", "update configuration");
            Ok(reply::done())
        }
        _ => Err(super::no_such_path(call)),
    }
}
