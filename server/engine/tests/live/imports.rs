//! What other tools saved.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::Silent;
use engine::effect::OnConflict;
use engine::import::{self, Destination, ImportContext};
use vocab::Digest;

use crate::harness::Live;
use crate::push;

/// An archive as `docker save` before 25 writes it, of one image under this name.
fn docker_save(path: &std::path::Path, name: &str) {
    let layer = b"what a layer holds".as_slice();
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "rootfs": { "type": "layers", "diff_ids": [Digest::of(layer), Digest::of(layer)] },
    });
    let config = config.to_string();
    let config_name = format!("{}.json", Digest::of(config.as_bytes()).hex());
    let list = serde_json::json!([{ "Config": config_name, "RepoTags": [name], "Layers": ["aa/layer.tar", "bb/layer.tar"] }]).to_string();
    let mut builder = tar::Builder::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in [("aa/layer.tar", layer), (config_name.as_str(), config.as_bytes()), ("manifest.json", list.as_bytes())] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes).unwrap();
    }
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "bb/layer.tar", "../aa/layer.tar").unwrap();
    builder.into_inner().unwrap();
}

#[tokio::test]
async fn on_a_real_harbor_what_docker_saved_is_imported_restored_and_pulled_by_its_name() {
    let Some(live) = Live::new().await else { return };
    let archive = live.folder.path().join("saved.tar");
    docker_save(&archive, &format!("registry.example.com/{}/team/web:1.0", live.project));
    let cx = ImportContext { vault: live.vault.clone(), progress: Arc::new(Silent), control: Arc::new(Silent) };
    let destination = Destination {
        harbor: live.harbor.clone(),
        project: live.project.clone(),
        repository: None,
        names: BTreeMap::new(),
        moment: time::OffsetDateTime::now_utc(),
    };
    let imported = import::run(&cx, &destination, &archive).await.unwrap();
    assert!(imported.is_whole(), "{imported:?}");
    assert_eq!(imported.landed[0].to, live.name("team/web:1.0"));
    let plan = live.plan(imported.snapshot.digest, &live.project, OnConflict::Leave).await;
    live.execute(&plan).await;
    live.pull(&push::repository(&live.name("team/web")), "1.0").await;
    let state = live.state(&live.project).await;
    assert_eq!(state[&format!("team/web@{}", imported.landed[0].digest)], ["tag 1.0"]);
    live.remove(&live.project).await;
}
