//! The steps a recording did not keep.

use harbor_sim::images::{self, Blob, Spec};
use serde_json::{Value, json};

use crate::replay::Replay;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

pub async fn apply(replay: &mut Replay, setup: &Value) {
    let (kind, value) = setup.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "project" => {
            let body = json!({"project_name": value});
            let got = replay.admin("POST", "/api/v2.0/projects", Some(&body)).await;
            assert_eq!(got.status, 201, "{value}");
        }
        "map" => {
            let ours = project_id(replay, value[2].as_str().unwrap()).await.to_string();
            replay.learn_id(value[0].as_str().unwrap(), value[1].as_str().unwrap(), &ours);
        }
        "manifest" => {
            let (repository, raw) = (text(value, "repository"), text(value, "raw"));
            replay.fill(repository, raw).await;
            let bytes = replay.manifest(raw);
            let manifest = Blob::new(text(value, "media_type"), bytes);
            replay.sim.put_manifest(repository, text(value, "reference"), &manifest).await.unwrap();
        }
        "quota" => {
            let project = project_id(replay, text(value, "project")).await;
            let path = format!("/api/v2.0/quotas?reference=project&reference_id={project}");
            let quota = replay.admin("GET", &path, None).await.json;
            replay.learn_id("quotas", text(value, "id"), &quota[0]["id"].to_string());
            let used = quota[0]["used"]["storage"].as_i64().unwrap();
            replay.headroom = Some(used + value["headroom_bytes"].as_i64().unwrap());
        }
        "request" => {
            let mut body = value.get("json").cloned();
            if let Some(name) = body.as_ref().and_then(|body| body["project_id"].as_str()).map(str::to_owned) {
                let id = project_id(replay, name.trim_start_matches("@project:")).await;
                body.as_mut().unwrap()["project_id"] = json!(id);
            }
            let got = replay.admin(text(value, "method"), text(value, "path"), body.as_ref()).await;
            assert!(got.status < 300, "{value}: {}", got.status);
        }
        "robot" => {
            let got = replay.admin("POST", "/api/v2.0/robots", Some(value)).await.json;
            replay.learn_secret(text(&got, "name"), text(&got, "secret"));
        }
        "label" => label(replay, value).await,
        "sample" => sample(replay, value).await,
        other => panic!("no such setup: {other}"),
    }
}

async fn label(replay: &Replay, value: &Value) {
    let label = replay.sim.create_label(text(value, "project"), "recorded", "#00ff00").unwrap();
    let (project, repository) = text(value, "repository").split_once('/').unwrap();
    let path = format!("/api/v2.0/projects/{project}/repositories/{}/artifacts/{}", repository.replace('/', "%252F"), text(value, "tag"));
    let artifact = replay.admin("GET", &path, None).await.json;
    replay.sim.attach_label(text(value, "repository"), text(&artifact, "digest"), label).unwrap();
}

async fn project_id(replay: &Replay, name: &str) -> i64 {
    replay.admin("GET", &format!("/api/v2.0/projects/{name}"), None).await.json["project_id"].as_i64().unwrap()
}

async fn sample(replay: &mut Replay, value: &Value) {
    let repository = text(value, "repository");
    match text(value, "kind") {
        "docker" => {
            let image = images::simple_docker("docker", &[300]);
            replay.sim.push_image(repository, text(value, "reference"), &image).await.unwrap();
        }
        "chart" => {
            let chart = images::chart("app", text(value, "reference"));
            replay.sim.push_image(repository, text(value, "reference"), &chart).await.unwrap();
        }
        // without a reference the digest is only told, for what comes before the image itself
        "named" => {
            let image = images::simple("named", &[300]);
            if !text(value, "reference").is_empty() {
                replay.sim.push_image(repository, text(value, "reference"), &image).await.unwrap();
            }
            replay.learn(text(value, "digest"), &image.manifest.digest);
        }
        "annotated" => {
            let layer = images::random_layer("annotated", "x", 100);
            let mut image = images::image(&Spec { architecture: "", command: &[], labels: &[], layers: &[layer], docker: false });
            let mut manifest: Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
            manifest["annotations"] = json!({"x": "y"});
            image.manifest = Blob::new(images::OCI_MANIFEST, manifest.to_string());
            replay.sim.push_image(repository, text(value, "reference"), &image).await.unwrap();
        }
        "signature" => {
            let subject = replay.translate(text(value, "subject"));
            replay.sim.sign(repository, &subject, "recorded").await.unwrap();
        }
        other => panic!("no such sample: {other}"),
    }
}
