//! Spans: a point in time is what it was, the catalogue grows with changes only, and it can be rebuilt from the vault (I-8, I-33).

use app::accounts::types::Role;
use app::projects::types::TagNow;
use sqlx::PgPool;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;
use vault::tree::{Gap, RepositoryIndex, RepositoryMember, SnapshotIndex};
use vault::{Pointer, Vault};
use vocab::{Descriptor, Digest, media};

use super::world::{harbor, recorded};
use crate::access::{Caller, ScopedRole, Via};
use crate::audit::Actor;
use crate::crypto::KeyRing;
use crate::projects::catalogue::{self, Changes, Sealed};
use crate::projects::{self, adopt, queries};
use crate::state::AppState;

pub(super) struct World {
    pub pool: PgPool,
    pub vault: Vault,
    pub vault_id: i64,
    pub project_id: i64,
    _folder: tempfile::TempDir,
}

impl World {
    pub(super) async fn new(pool: PgPool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::init(&folder.path().join("v")).await.unwrap();
        let harbor_id = harbor(&pool, "prod").await;
        let vault_id = sqlx::query_scalar("insert into vault (name, path, vault_uuid) values ('v', $2, $1) returning vault_id")
            .bind(vault.id().as_uuid())
            .bind(folder.path().join("v").to_str().unwrap())
            .fetch_one(&pool)
            .await
            .unwrap();
        let project_id = catalogue::project_id(&mut pool.acquire().await.unwrap(), harbor_id, "shop").await.unwrap();
        Self { pool, vault, vault_id, project_id, _folder: folder }
    }

    /// Puts a tiny image for `seed` into the vault.
    async fn image(&self, seed: &str) -> Descriptor {
        let config = format!("{{\"seed\":\"{seed}\"}}");
        let size = config.len();
        let config = self.vault.put_bytes(config.as_bytes()).await.unwrap();
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":{size}}},"layers":[]}}"#,
            media::OCI_MANIFEST
        );
        let digest = self.vault.put_bytes(manifest.as_bytes()).await.unwrap();
        Descriptor {
            media_type: media::OCI_MANIFEST.to_owned(),
            digest,
            size: manifest.len() as u64,
            artifact_type: None,
            annotations: Default::default(),
            platform: None,
            urls: vec![],
        }
    }

    pub(super) async fn snapshot(&self, at: OffsetDateTime, repositories: &[(&str, &[(&str, &str)])], gaps: &[&str]) -> Sealed {
        let mut indexes = Vec::new();
        for (name, tags) in repositories {
            let mut members = Vec::new();
            for (tag, seed) in *tags {
                members.push(RepositoryMember::root(self.image(seed).await, Some(tag.parse().unwrap())));
            }
            let index = RepositoryIndex { name: name.parse().unwrap(), description: None, members, names: vault::Names::new() };
            indexes.push((name.parse().unwrap(), self.vault.put_repository(&index).await.unwrap()));
        }
        let gaps = gaps
            .iter()
            .map(|s| Gap {
                kind: "missing".to_owned(),
                subject: (*s).to_owned(),
                values: None,
                cause: "c".to_owned(),
                consequence: String::new(),
                remedy: "r".to_owned(),
                digest: None,
            })
            .collect();
        let index = SnapshotIndex {
            limits: Vec::new(),
            listed: None,
            harbor_config: None,
            pushed: None,
            harbor: "prod".parse().unwrap(),
            project: "shop".parse().unwrap(),
            origin: vault::tree::Origin::Harbor,
            started: at,
            finished: at,
            gaps,
            config: None,
            repositories: indexes,
            elsewhere: Vec::new(),
            closed: true,
        };
        let descriptor = self.vault.put_snapshot(&index).await.unwrap();
        Sealed {
            project_id: self.project_id,
            vault_id: self.vault_id,
            run_id: None,
            pointer_id: Uuid::new_v4(),
            digest: descriptor.digest,
            index,
            logical_bytes: 0,
            bytes_new: 0,
        }
    }

    pub(super) async fn enter(&self, sealed: Sealed) -> Changes {
        let prepared = catalogue::prepare(&self.pool, &self.vault, sealed).await.unwrap();
        let mut tx = self.pool.begin().await.unwrap();
        let changes = catalogue::apply(&mut tx, &prepared).await.unwrap();
        tx.commit().await.unwrap();
        self.numbers_are_true().await;
        changes
    }

    pub(super) async fn at(&self, moment: OffsetDateTime) -> Vec<(String, String, Vec<u8>)> {
        queries::all_tags_at(&mut self.pool.acquire().await.unwrap(), self.project_id, moment).await.unwrap()
    }

    /// The numbers beside each index of a repository are those of its spans then.
    async fn numbers_are_true(&self) {
        let wrong: i64 = sqlx::query_scalar(
            "select count(*) from repository_span s
              where s.tags <> (select count(*) from tag_span t where t.repository_id = s.repository_id
                                  and t.from_at <= s.from_at and (t.to_at is null or t.to_at > s.from_at))
                 or s.artifacts <> (select count(*) from artifact_span a where a.repository_id = s.repository_id
                                       and a.from_at <= s.from_at and (a.to_at is null or a.to_at > s.from_at))",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap();
        assert_eq!(wrong, 0);
    }

    async fn rows(&self) -> i64 {
        sqlx::query_scalar(
            "select (select count(*) from tag_span) + (select count(*) from artifact_span) + (select count(*) from repository_span)",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }
}

const T1: OffsetDateTime = datetime!(2026-11-23 09:00 UTC);
const T2: OffsetDateTime = datetime!(2026-11-23 10:00 UTC);
const T3: OffsetDateTime = datetime!(2026-11-23 11:00 UTC);

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn every_moment_stays_what_it_was(pool: PgPool) {
    let world = World::new(pool).await;
    let first = world.enter(world.snapshot(T1, &[("shop/web", &[("1", "a"), ("2", "b")]), ("shop/api", &[("1", "c")])], &[]).await).await;
    let second = world.enter(world.snapshot(T2, &[("shop/web", &[("1", "a"), ("2", "x"), ("3", "y")])], &[]).await).await;
    assert_eq!((first.added, first.removed, first.moved, first.tags), (3, 0, 0, 3));
    assert_eq!((second.added, second.removed, second.moved, second.tags), (1, 1, 1, 3));
    let names = |tags: Vec<(String, String, Vec<u8>)>| tags.into_iter().map(|(r, t, _)| format!("{r}:{t}")).collect::<Vec<_>>();
    let before = world.at(T1).await;
    assert_eq!(names(before.clone()), ["shop/api:1", "shop/web:1", "shop/web:2"]);
    let after = world.at(T2).await;
    assert_eq!(names(after.clone()), ["shop/web:1", "shop/web:2", "shop/web:3"]);
    assert_eq!(before[1].2, after[0].2, "1 did not move");
    assert_ne!(before[2].2, after[1].2, "2 moved");
    assert!(world.at(T1 - time::Duration::seconds(1)).await.is_empty(), "nothing is known before the first");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_unchanged_project_adds_no_spans(pool: PgPool) {
    let world = World::new(pool).await;
    let same: &[(&str, &[(&str, &str)])] = &[("shop/web", &[("1", "a"), ("2", "b")])];
    world.enter(world.snapshot(T1, same, &[]).await).await;
    let rows = world.rows().await;
    world.enter(world.snapshot(T2, same, &[]).await).await;
    world.enter(world.snapshot(T3, same, &[]).await).await;
    assert_eq!(world.rows().await, rows);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn very_many_repositories_are_entered_and_moved_on(pool: PgPool) {
    const MANY: i64 = 1_100;
    type Tags<'a> = &'a [(&'a str, &'a str)];
    let world = World::new(pool).await;
    let names: Vec<String> = (0..MANY).map(|number| format!("shop/r{number:04}")).collect();
    let (same, moved): (Tags, Tags) = (&[("1", "a")], &[("1", "b"), ("2", "a")]);
    let first: Vec<(&str, Tags)> = names.iter().map(|name| (name.as_str(), same)).collect();
    let entered = world.enter(world.snapshot(T1, &first, &[]).await).await;
    assert_eq!((entered.added, entered.removed, entered.moved, entered.tags, entered.artifacts), (MANY, 0, 0, MANY, MANY));
    // Half of them change, and the last three go.
    let second: Vec<(&str, Tags)> =
        names[..names.len() - 3].iter().enumerate().map(|(n, name)| (name.as_str(), if n < 550 { moved } else { same })).collect();
    let changes = world.enter(world.snapshot(T2, &second, &[]).await).await;
    assert_eq!((changes.added, changes.removed, changes.moved, changes.tags), (550, 3, 550, MANY - 3 + 550));
    assert_eq!((world.at(T1).await.len(), world.at(T2).await.len()), (1_100, 1_647));
    let mut conn = world.pool.acquire().await.unwrap();
    let shown = queries::repositories_at(&mut conn, world.project_id, T2, Some("%r0549%"), 10).await.unwrap();
    assert_eq!(shown, [("shop/r0549".to_owned(), 2, 2, false)]);
    let by_tag = queries::repositories_at(&mut conn, world.project_id, T2, Some("2"), 1_000).await.unwrap();
    assert_eq!(by_tag.len(), 550, "those that had such a tag then");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_search_shows_what_is_lost_first_and_nothing_to_others(pool: PgPool) {
    let world = World::new(pool).await;
    world.enter(world.snapshot(T1, &[("shop/web", &[("1.4.0", "a"), ("1.5.0", "b")]), ("shop/api", &[("1.4.0", "c")])], &[]).await).await;
    world.enter(world.snapshot(T2, &[("shop/web", &[("1.5.0", "b")]), ("shop/api", &[("1.4.0", "d")])], &[]).await).await;
    let lost = world.image("a").await.digest.to_string();
    let keys = KeyRing::parse(&KeyRing::generate()).unwrap();
    let state = AppState::new(world.pool.clone(), keys, Vec::new(), "http://127.0.0.1".parse().unwrap());
    let caller = |project: &str| {
        let roles = vec![ScopedRole { role: Role::Viewer, harbor: None, project: Some(project.to_owned()) }];
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
    };
    let search = async |who: &str, text: &str| {
        let hits = projects::search(&state, &caller(who), text, true).await.unwrap().hits;
        hits.into_iter().map(|hit| (format!("{}:{}", hit.repository, hit.tag), hit.now)).collect::<Vec<_>>()
    };
    let hit = |name: &str, now: TagNow| (name.to_owned(), now);
    let (gone, moved, same) =
        (hit("shop/web:1.4.0", TagNow::Gone), hit("shop/api:1.4.0", TagNow::Moved), hit("shop/web:1.5.0", TagNow::Same));
    assert_eq!(search("shop", "web").await, [gone.clone(), same.clone()]);
    assert_eq!(search("shop", "b:1.4").await, std::slice::from_ref(&gone), "the end of a repository and the beginning of a tag");
    assert_eq!(search("shop", "4.0").await.len(), 2);
    assert_eq!(search("shop", &lost[..20]).await, [gone]);
    let old = world.image("c").await.digest.to_string();
    assert_eq!(search("shop", &old).await, [moved]);
    assert_eq!(search("shop", "%.%").await, [], "a text stands for itself");
    assert_eq!(search("other", "web").await, []);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_a_gap_hides_is_not_called_gone(pool: PgPool) {
    let world = World::new(pool).await;
    world.enter(world.snapshot(T1, &[("shop/web", &[("1", "a"), ("2", "b")]), ("shop/api", &[("1", "c")])], &[]).await).await;
    let changes = world.enter(world.snapshot(T2, &[("shop/web", &[("1", "a")])], &["shop/api", "shop/web:2"]).await).await;
    assert_eq!(changes.removed, 0);
    assert_eq!(world.at(T2).await.len(), 3);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn entering_a_snapshot_twice_changes_nothing_and_moments_never_go_back(pool: PgPool) {
    let world = World::new(pool).await;
    let sealed = world.snapshot(T2, &[("shop/web", &[("1", "a")])], &[]).await;
    let pointer_id = sealed.pointer_id;
    let prepared = catalogue::prepare(&world.pool, &world.vault, sealed).await.unwrap();
    for new in [true, false] {
        let mut tx = world.pool.begin().await.unwrap();
        assert_eq!(catalogue::apply(&mut tx, &prepared).await.unwrap().new, new);
        tx.commit().await.unwrap();
    }
    let count: i64 =
        sqlx::query_scalar("select count(*) from snapshot where pointer_id = $1").bind(pointer_id).fetch_one(&world.pool).await.unwrap();
    assert_eq!(count, 1);
    // One that began earlier and ended later is entered after, as late as it must be.
    world.enter(world.snapshot(T1, &[("shop/web", &[("1", "z")])], &[]).await).await;
    let moments: Vec<OffsetDateTime> =
        sqlx::query_scalar("select moment from snapshot order by snapshot_id").fetch_all(&world.pool).await.unwrap();
    assert!(moments[0] < moments[1], "{moments:?}");
    assert_eq!(world.at(T2).await[0].2, {
        let seed = world.image("a").await.digest;
        seed.as_bytes().to_vec()
    });
    assert!(Digest::from_bytes(&world.at(T3).await[0].2).is_ok());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_sealed_and_unknown_is_entered_once_and_what_was_overtaken_is_left(pool: PgPool) {
    let world = World::new(pool).await;
    let (harbor, project) = ("prod".parse().unwrap(), "shop".parse().unwrap());
    let mut sealed = Vec::new();
    for (moment, seed) in [(T1, "a"), (T2, "b"), (T3, "c")] {
        let snapshot = world.snapshot(moment, &[("shop/web", &[("1", seed)])], &[]).await;
        let descriptor = world.vault.put_snapshot(&snapshot.index).await.unwrap();
        let id = snapshot.pointer_id;
        let (index, signature) = (&snapshot.index, None);
        let pointer = Pointer { harbor: index.harbor.clone(), project: index.project.clone(), moment, id, snapshot: descriptor, signature };
        world.vault.put_pointer(&pointer).await.unwrap();
        sealed.push(snapshot);
    }
    world.enter(sealed.swap_remove(1)).await;
    let unknown = || adopt::unknown(&world.pool, &world.vault, world.project_id, &harbor, &project);
    let found = unknown().await.unwrap();
    assert_eq!(found.iter().map(|pointer| pointer.moment).collect::<Vec<_>>(), [T3], "the first one would show old tags as new");
    let sealed = adopt::sealed(&world.vault, world.vault_id, world.project_id, &found[0]).await.unwrap().unwrap();
    let prepared = adopt::prepare(&world.pool, &world.vault, sealed).await.unwrap().unwrap();
    for entered in [true, false] {
        let mut tx = world.pool.begin().await.unwrap();
        assert_eq!(adopt::enter(&mut tx, &Actor::system("test"), &prepared, &found[0]).await.unwrap(), entered);
        tx.commit().await.unwrap();
    }
    assert!(unknown().await.unwrap().is_empty());
    assert_eq!(recorded(&world.pool, "snapshot.adopt").await, 1);
}
