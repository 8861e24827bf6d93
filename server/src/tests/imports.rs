//! Images from files stand beside a living project: nothing of it looks removed, moved or newly protected, and what was imported is browsed,
//! found and restored.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use app::accounts::types::Duty;
use app::plans::imported::KeepImport;
use app::projects::types::{BrowseQuery, HoldForm, TagNow};
use app::units::Moment;
use engine::Silent;
use engine::import::{self, Destination, ImportContext};
use serde_json::json;
use sqlx::PgPool;
use time::OffsetDateTime;
use vocab::{Digest, media};

use super::capture::Estate;
use super::disaster::{figures, rebuilt, story, vault_id};
use super::world::{origin, person, recorded};
use crate::access::{Caller, ScopedRole, Via};
use crate::plans::{Scopes, imported as plans};
use crate::projects::{self, adopt, catalogue, listing, queries};
use crate::vaults::reconcile;

/// A layout of one image under each of these names.
fn layout(folder: &Path, names: &[&str]) {
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let write = |bytes: &[u8]| std::fs::write(blobs.join(Digest::of(bytes).hex()), bytes).unwrap();
    let mut entries = Vec::new();
    for name in names {
        let config =
            json!({ "architecture": "amd64", "os": "linux", "for": name, "rootfs": { "type": "layers", "diff_ids": [] } }).to_string();
        write(config.as_bytes());
        let described = json!({ "mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::of(config.as_bytes()), "size": config.len() });
        let manifest = json!({ "schemaVersion": 2, "mediaType": media::OCI_MANIFEST, "config": described, "layers": [] }).to_string();
        write(manifest.as_bytes());
        entries.push(json!({
            "mediaType": media::OCI_MANIFEST, "digest": Digest::of(manifest.as_bytes()), "size": manifest.len(),
            "annotations": { "org.opencontainers.image.ref.name": name },
        }));
    }
    std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    std::fs::write(folder.join("index.json"), json!({ "schemaVersion": 2, "manifests": entries }).to_string()).unwrap();
}

async fn imported(estate: &Estate, project: &str, names: &[&str], moment: OffsetDateTime) -> OffsetDateTime {
    let folder = tempfile::tempdir().unwrap();
    layout(folder.path(), names);
    let cx = ImportContext { vault: estate.vault.clone(), progress: Arc::new(Silent), control: Arc::new(Silent) };
    let (harbor, project) = ("sim".parse().unwrap(), project.parse().unwrap());
    let destination = Destination { harbor, project, repository: None, names: BTreeMap::new(), moment };
    let done = import::run(&cx, &destination, folder.path()).await.unwrap();
    assert!(done.is_whole(), "{done:?}");
    // As a database keeps it.
    moment.replace_nanosecond(moment.microsecond() * 1_000).unwrap()
}

fn reader() -> Caller {
    let roles = vec![ScopedRole { role: app::accounts::types::Role::Requester, harbor: None, project: None }];
    Caller {
        account_id: 0,
        login: "v".to_owned(),
        display_name: "v".to_owned(),
        duties: Vec::new(),
        roles,
        via: Via::Session,
        fresh: true,
        must_change: false,
        session: None,
        bounds: None,
    }
}

/// Repository, tag and what became of it, at a moment of a project.
async fn browsed(estate: &Estate, project: &str, at: Option<OffsetDateTime>, repo: Option<&str>) -> Vec<(String, String, TagNow)> {
    let query = BrowseQuery {
        harbor: "sim".to_owned(),
        project: project.to_owned(),
        at: at.map(Moment),
        repo: repo.map(str::to_owned),
        ..BrowseQuery::default()
    };
    let shown = projects::browse(&estate.state, &reader(), query).await.unwrap();
    assert_eq!(shown.tags_total, i64::try_from(shown.tags.len()).unwrap());
    shown.tags.into_iter().map(|tag| (tag.repository, tag.tag, tag.now)).collect()
}

/// The row of a project in the list.
async fn listed(pool: &PgPool, project: &str) -> app::projects::types::Project {
    let mut conn = pool.acquire().await.unwrap();
    let all = listing::all(&mut conn, &Scopes::default(), None, None).await.unwrap();
    all.into_iter().map(|(_, row)| row).find(|row| row.project == project).unwrap()
}

fn tag(repository: &str, tag: &str, now: TagNow) -> (String, String, TagNow) {
    (repository.to_owned(), tag.to_owned(), now)
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_import_moves_nothing_of_a_living_project(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop"]).await;
    let vault_id = vault_id(&pool).await;
    estate.run().await;
    let (project_id, newest): (i64, OffsetDateTime) =
        sqlx::query_as("select project_id, max(moment) from snapshot group by project_id").fetch_one(&pool).await.unwrap();
    let (before, counted) = (story(&pool).await, figures(&pool).await);
    let row = || async { listed(&pool, "shop").await };
    let stood = row().await;
    // One is older than what the project has, one newer.
    let old = imported(&estate, "shop", &["shop/web:old"], newest - time::Duration::days(3)).await;
    let now = imported(&estate, "shop", &["registry.example.com/shop/web:1", "shop/lost:9"], OffsetDateTime::now_utc()).await;
    assert_eq!(rebuilt(&estate.state, vault_id).await.entered, 2);
    assert_eq!(reconcile::compare(&estate.state, vault_id).await.unwrap(), None, "the catalogue knows them");

    assert_eq!((story(&pool).await, figures(&pool).await), (before.clone(), counted.clone()));
    assert_eq!(row().await, stood, "nor does it look better protected than it is");
    let mut conn = pool.acquire().await.unwrap();
    let later = now + time::Duration::hours(1);
    for at in [None, Some(later), Some(now - time::Duration::microseconds(1))] {
        let found = queries::snapshot_at(&mut conn, project_id, at).await.unwrap().unwrap();
        assert_eq!((found.moment.0, found.imported), (newest, false), "{at:?}");
    }
    assert_eq!(adopt::newest(&mut conn, project_id).await.unwrap(), Some(newest));
    let compared = catalogue::newest_in_vault(&mut conn, project_id, vault_id).await.unwrap().unwrap();
    assert_eq!(compared.as_bytes().as_slice(), counted[0].0.as_slice(), "the next run compares with what Harbor had");
    assert_eq!(browsed(&estate, "shop", None, Some("shop/web")).await, [tag("shop/web", "1", TagNow::Same)]);

    // At its own moment it is what it is, and it is found.
    assert_eq!(browsed(&estate, "shop", Some(now), Some("shop/web")).await, [tag("shop/web", "1", TagNow::Moved)]);
    assert_eq!(browsed(&estate, "shop", Some(now), Some("shop/lost")).await, [tag("shop/lost", "9", TagNow::Gone)]);
    assert_eq!(browsed(&estate, "shop", Some(old), None).await, [tag("shop/web", "old", TagNow::Gone)]);
    let hits = projects::search(&estate.state, &reader(), "lost:9", true).await.unwrap().hits;
    assert_eq!(hits.iter().map(|hit| (hit.repository.as_str(), hit.last_seen.0)).collect::<Vec<_>>(), [("shop/lost", now)]);
    let detail =
        projects::artifact(&estate.state, &reader(), &super::world::origin(), "sim", "shop", "shop/lost", &hits[0].digest).await.unwrap();
    assert_eq!(detail.tags, ["9"]);
    let history = projects::tag_history(&estate.state, &reader(), "sim", "shop", "shop/lost", "9", true).await.unwrap();
    assert_eq!(
        history.spans.iter().map(|span| (span.restore_at.0, span.ended.clone())).collect::<Vec<_>>(),
        [(now, Some(app::projects::limits::SpanEnd::Imported.into()))]
    );

    // The next run finds the project as it was.
    let next = estate.full().await;
    assert_eq!(next.projects_done, 1);
    let moves: Vec<(i64, i64, i64)> = sqlx::query_as("select tags_added, tags_removed, tags_moved from snapshot where moment > $1")
        .bind(newest)
        .fetch_all(&pool)
        .await
        .unwrap();
    assert!(moves.iter().all(|moved| *moved == (0, 0, 0)), "{moves:?}");
    assert_eq!(rebuilt(&estate.state, vault_id).await.entered, 0, "and they are entered once");
}

/// No plan has them, so no rule lets them go: an operator says whose word keeps them and until when.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn images_from_files_are_kept_until_somebody_said(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop"]).await;
    let (vault_id, state) = (vault_id(&pool).await, &estate.state);
    estate.run().await;
    let operator = person(state, "ops", &[Duty::Operator], "").await;
    for hours in 1..=3 {
        imported(&estate, "shop", &["shop/old:1"], OffsetDateTime::now_utc() - time::Duration::hours(hours)).await;
    }
    assert_eq!(rebuilt(state, vault_id).await.entered, 3);
    let listed = async || plans::list(state, &operator).await.unwrap();
    let before = listed().await;
    assert_eq!(before.iter().map(|i| (i.project.as_str(), i.tags, i.owner.as_deref())).collect::<Vec<_>>(), [("shop", 1, None); 3]);
    let ids: Vec<i64> = before.iter().map(|import| import.snapshot_id).collect();
    let form = |owner: &str, until: &str| KeepImport { owner: owner.to_owned(), until: until.to_owned() };
    let keep = async |id: i64, form: KeepImport| plans::keep(state, &operator, &origin(), id, form).await;
    for (form, field) in [(form("nobody", ""), "owner"), (form("ops", "soon"), "until"), (form("ops", "2020-01-01"), "until")] {
        assert!(keep(ids[0], form).await.unwrap_err().into_api(None).of_field(field).is_some());
    }
    let ordinary: i64 = sqlx::query_scalar("select min(snapshot_id) from snapshot").fetch_one(&pool).await.unwrap();
    keep(ordinary, form("ops", "")).await.expect_err("what a run made has its rule");
    plans::keep(state, &reader(), &origin(), ids[0], form("ops", "")).await.expect_err("an operator says so");
    // One until a day, one for ever, and one is held besides.
    keep(ids[0], form("ops", "2099-01-01")).await.unwrap();
    keep(ids[1], form("ops", "")).await.unwrap();
    keep(ids[2], form("ops", "2099-01-01")).await.unwrap();
    let hold = HoldForm { reason: "the auditors asked".to_owned(), until: String::new() };
    projects::holds::set(state, &operator, &origin(), ids[2], hold).await.unwrap();
    let context = super::retention::claimed(&pool).await;
    let pass = async |sql: &'static str| sqlx::query(sql).execute(&pool).await.unwrap();
    pass("update import_keep set until = now() where until is not null").await;
    assert_eq!(plans::expire(&context, vault_id).await.unwrap(), 0, "nothing goes by it for a day");
    pass("update import_keep set decided_at = now() - interval '25 hours'").await;
    assert_eq!(plans::expire(&context, vault_id).await.unwrap(), 1);
    let left: Vec<i64> = listed().await.iter().map(|import| import.snapshot_id).collect();
    assert!(left.len() == 2 && !left.contains(&ids[0]), "{left:?} of {ids:?}");
    crate::plans::retention::forget(&context, vault_id, &estate.vault).await.unwrap();
    let pointers: i64 = sqlx::query_scalar("select count(*) from snapshot_ever where imported and forgotten_at is not null")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(pointers, 1, "its pointer is gone from the vault");
    assert_eq!(rebuilt(state, vault_id).await.entered, 0, "and it does not come back");
    assert_eq!((recorded(&pool, "snapshot.import.keep").await, recorded(&pool, "snapshot.expire").await), (3, 1));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_project_that_is_known_from_files_alone_is_shown_as_what_they_held(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &[]).await;
    let vault_id = vault_id(&pool).await;
    let first = imported(&estate, "attic", &["attic/web:1"], OffsetDateTime::now_utc() - time::Duration::hours(2)).await;
    let second = imported(&estate, "attic", &["attic/web:2", "attic/api:2"], OffsetDateTime::now_utc()).await;
    assert_eq!(rebuilt(&estate.state, vault_id).await.entered, 2);
    assert_eq!(browsed(&estate, "attic", None, Some("attic/web")).await, [tag("attic/web", "2", TagNow::Gone)]);
    assert_eq!(browsed(&estate, "attic", Some(first), None).await, [tag("attic/web", "1", TagNow::Gone)]);
    let at = second - time::Duration::minutes(1);
    assert_eq!(browsed(&estate, "attic", Some(at), None).await, [tag("attic/web", "1", TagNow::Gone)]);
    let row = listed(&pool, "attic").await;
    assert_eq!((row.last_good, row.snapshots), (None, 0), "no backup of it was ever made");
    // Entered anew from the vault it is the same.
    for sql in ["delete from imported_member", "delete from snapshot_ever"] {
        sqlx::query(sql).execute(&pool).await.unwrap();
    }
    assert_eq!(rebuilt(&estate.state, vault_id).await.entered, 2);
    assert_eq!(browsed(&estate, "attic", Some(second), Some("attic/api")).await, [tag("attic/api", "2", TagNow::Gone)]);
}
