//! Database, key and server are gone; the vault is in a bucket, and the command line brings everything back that can be.

use serde_json::json;
use testkit::S3Server;
use testkit::s3::{ACCESS_KEY, SECRET};

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_gives_the_catalogue_back_to_an_empty_database() {
    let Some(server) = S3Server::start().await else { return };
    let mut world = World::new().await;
    world.push("shop/web", 3).await;
    let (bucket, url) = (server.bucket(), server.url());
    let place = format!("s3://{bucket}/team");
    // The secret of a bucket is given at the console by a person, or at the server: a token gives none.
    let here = [("AWS_ENDPOINT_URL", url.as_str()), ("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)];
    world.run_with(&["vault", "init", &place, "--plain-http"], "", &here);
    world.run_with(&["vault", "adopt", &place, "--name", "offsite", "--plain-http"], "", &here);
    let vaults = world.get("/api/v1/vaults").await;
    let vault = vaults.as_array().unwrap().iter().find(|vault| vault["name"] == "offsite").unwrap()["id"].clone();
    let plan = json!({
        "name": "offsite", "harbor": "prod", "vault_id": vault, "include": "shop", "cron": "0 4 1 1 *", "zone": "UTC", "rpo_hours": 24
    });
    world.plan = world.post("/api/v1/plans", plan).await["id"].as_i64().unwrap();
    world.back_up().await;
    world.push("shop/api", 2).await;
    world.back_up().await;
    let before = world.get("/api/v1/projects/prod/shop").await["snapshots"].clone();

    world.lose_all_but_vaults().await;
    let verb = |verb: &str, more: &[&str]| {
        let args: Vec<&str> = ["vault", verb].into_iter().chain(more.iter().copied()).chain(["--plain-http"]).collect();
        world.run_with(&args, "", &here)
    };
    let listed = verb("snapshots", &[&place]);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let newest = listed.lines().last().unwrap().rsplit('\t').next().unwrap();
    let out = world.folder.path().join("layout");
    let said = verb("export", &[&place, newest, "--out", out.to_str().unwrap()]);
    assert!(said.starts_with("5 references") && out.join("index.json").is_file(), "{said}");
    assert!(verb("verify", &[&place]).ends_with(" 0 faults"));
    assert!(verb("sweep", &[&place, "--dry-run"]).starts_with("2 snapshots"));

    world.run(&["migrate"], "");
    let adopted = verb("adopt", &[&place, "--name", "offsite"]);
    assert!(adopted.contains("registered the vault"), "{adopted}");
    world.start_serve().await;
    world.register_operator();
    world.register_harbor().await;
    let rebuilt = world.run(&["vault", "rebuild", "offsite"], "");
    assert!(rebuilt.contains("2 snapshots entered"), "{rebuilt}");
    let after = world.get("/api/v1/projects/prod/shop").await["snapshots"].clone();
    let moments = |list: &serde_json::Value| {
        let moment = |row: &serde_json::Value| (row["moment"].to_string(), row["digest"].to_string());
        list.as_array().unwrap().iter().map(moment).collect::<Vec<_>>()
    };
    assert_eq!(moments(&after), moments(&before));
    assert_eq!((world.recorded("vault.adopt").await, world.recorded("snapshot.adopt").await), (1, 2));
    world.doctor();
}
