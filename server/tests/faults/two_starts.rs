//! Two servers that start at once on an empty database (F-38).

use std::process::Command;

use serde_json::Value;
use sqlx::postgres::PgPoolOptions;

use crate::cluster::Cluster;
use crate::process::{BREAKWATER, Process};
use crate::world::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_that_start_at_once_make_one_schema_and_one_administrator() {
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("pkg")).unwrap();
    for name in ["breakwater.js", "breakwater.css"] {
        std::fs::write(folder.path().join("pkg").join(name), "").unwrap();
    }
    let start = |name: &str| {
        let mut command = Command::new(BREAKWATER);
        command.args(["serve", "--listen", "127.0.0.1:0", "--site"]).arg(folder.path()).env_remove("RUST_LOG");
        command.env("DATABASE_URL", cluster.url()).env("BREAKWATER_KEY", "3q2+796tvu/erb7v3q2+796tvu/erb7v3q2+796tvu8=");
        Process::start(name, folder.path().join(format!("{name}.log")), &mut command)
    };
    let mut servers: Vec<Process> = (0..4).map(|number| start(&format!("s{number}"))).collect();
    let mut places = Vec::new();
    for server in &mut servers {
        let address = until("a server listens", async || {
            assert!(server.is_alive(), "{}", server.said());
            let said = server.said();
            let line: Value = serde_json::from_str(said.lines().find(|line| line.contains("console is ready"))?).ok()?;
            Some(line["fields"]["listen"].as_str().unwrap().to_owned())
        })
        .await;
        places.push(format!("http://{address}"));
    }
    let pool = PgPoolOptions::new().max_connections(2).connect(&cluster.url()).await.unwrap();
    let twice: i64 =
        sqlx::query_scalar("select count(*) - count(distinct version) from _sqlx_migrations where success").fetch_one(&pool).await.unwrap();
    let missing: i64 = sqlx::query_scalar("select count(*) from _sqlx_migrations where not success").fetch_one(&pool).await.unwrap();
    assert_eq!((twice, missing), (0, 0));

    // Whoever uses a token of the set-up at all four places at once becomes the administrator once.
    let tokens: Vec<String> = servers
        .iter()
        .filter_map(|server| {
            let said = server.said();
            let (_, token) = said.lines().find(|line| line.contains("use this token once"))?.rsplit_once(' ')?;
            Some(token.to_owned())
        })
        .collect();
    assert_eq!(tokens.len(), 4, "each says how to begin");
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let mut tries = Vec::new();
    for token in &tokens {
        for (number, place) in places.iter().enumerate() {
            let login = format!("admin{number}");
            let form = [("token", token.as_str()), ("login", &login), ("display_name", "Admin"), ("password", "correct+horse+battery")];
            let body = form.map(|(key, value)| format!("form%5B{key}%5D={value}")).join("&");
            tries.push(
                http.post(format!("{place}/fn/session/set_up"))
                    .header("origin", place)
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(body)
                    .send(),
            );
        }
    }
    for answer in futures::future::join_all(tries).await {
        let status = answer.unwrap().status().as_u16();
        assert!(status < 500, "{status}");
    }
    let accounts: i64 = sqlx::query_scalar("select count(*) from account").fetch_one(&pool).await.unwrap();
    let records: i64 = sqlx::query_scalar("select count(*) from audit_record where action = 'user.create'").fetch_one(&pool).await.unwrap();
    assert_eq!((accounts, records), (1, 1));
}
