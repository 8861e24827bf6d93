//! Reading a vault, marking, healing (I-5, I-6, F-6): nothing damaged stays unseen, and what can be had again is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures::TryStreamExt as _;
use sqlx::PgPool;
use vocab::Digest;

use super::capture::{Estate, make_vault};
use super::world::recorded;
use crate::jobs::JobContext;
use crate::vaults::{self, Scope};

struct Scrubbed {
    estate: Estate,
    vault_id: i64,
}

impl Scrubbed {
    async fn new(pool: PgPool) -> Self {
        let estate = Estate::new(pool.clone(), &["shop", "tools"]).await;
        estate.run().await;
        let vault_id = sqlx::query_scalar("select vault_id from vault where name = 'v'").fetch_one(&pool).await.unwrap();
        Self { estate, vault_id }
    }

    async fn claimed(&self, scope: Scope) -> Arc<JobContext> {
        self.estate.verification(self.vault_id, scope).await
    }

    async fn verify(&self, scope: Scope) {
        let context = self.claimed(scope).await;
        vaults::verify_job(context, self.vault_id, scope).await.unwrap();
    }

    async fn objects(&self) -> BTreeMap<Digest, u64> {
        self.estate.vault.objects().try_collect().await.unwrap()
    }

    fn file(&self, digest: &Digest) -> PathBuf {
        self.estate.folder.path().join("v/blobs/sha256").join(digest.hex())
    }

    /// Flips the last bit of an object where it lies.
    fn damage(&self, digest: &Digest) {
        let file = self.file(digest);
        let mut bytes = std::fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, bytes).unwrap();
    }

    /// Kind, whether it is healed, and by what.
    async fn findings(&self) -> Vec<(String, bool, String)> {
        let sql = "select kind, healed_at is not null, coalesce(healed_by->>'code', '') from finding where vault_id = $1 order by kind, finding_id";
        sqlx::query_as(sql).bind(self.vault_id).fetch_all(&self.estate.pool).await.unwrap()
    }

    async fn degraded(&self) -> i64 {
        sqlx::query_scalar("select count(*) from vault_snapshot where vault_id = $1 and degraded_at is not null")
            .bind(self.vault_id)
            .fetch_one(&self.estate.pool)
            .await
            .unwrap()
    }

    async fn harbor_is_gone(&self) {
        sqlx::query("update harbor set removed_at = now()").execute(&self.estate.pool).await.unwrap();
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_a_harbor_still_has_is_healed_from_it_and_nothing_stays_marked(pool: PgPool) {
    let scrubbed = Scrubbed::new(pool.clone()).await;
    let objects = scrubbed.objects().await;
    // Manifests, configurations and layers can be had; indexes and settings are the vault's own.
    let own: Vec<Vec<u8>> =
        sqlx::query_scalar("select digest from snapshot union select index_digest from repository_span").fetch_all(&pool).await.unwrap();
    let manifests: Vec<Vec<u8>> = sqlx::query_scalar("select digest from artifact").fetch_all(&pool).await.unwrap();
    assert!(!own.is_empty() && manifests.len() >= 4);
    let lost: Vec<Digest> = manifests.iter().map(|bytes| Digest::from_bytes(bytes).unwrap()).collect();
    for digest in &lost {
        scrubbed.damage(digest);
    }
    scrubbed.verify(Scope::All).await;
    let findings = scrubbed.findings().await;
    assert_eq!(findings.len(), lost.len(), "one for each object: {findings:?}");
    assert!(findings.iter().all(|(kind, healed, by)| kind == "corrupt" && *healed && by == "harbor"), "{findings:?}");
    assert_eq!(scrubbed.degraded().await, 0);
    assert_eq!(scrubbed.objects().await, objects, "each is back, with its size");
    for digest in &lost {
        assert!(scrubbed.estate.vault.verify_object(digest).await.is_ok());
    }
    let aside: Vec<_> = scrubbed.estate.vault.quarantined().try_collect().await.unwrap();
    assert_eq!(aside.len(), lost.len(), "the damaged bytes are kept");
    assert_eq!(recorded(&pool, "vault.mismatch.found").await, lost.len() as i64);
    assert_eq!(recorded(&pool, "vault.object.heal").await, lost.len() as i64);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn every_object_flipped_is_found_and_what_nobody_has_leaves_its_snapshots_marked_until_a_vault_has_it(pool: PgPool) {
    let scrubbed = Scrubbed::new(pool.clone()).await;
    let (far, far_id) = make_vault(&pool, "far", &scrubbed.estate.folder.path().join("far")).await;
    sqlx::query("update vault set name = 'elsewhere' where vault_id = $1").bind(far_id).execute(&pool).await.unwrap();
    let objects = scrubbed.objects().await;
    let mut kept = Vec::new();
    for digest in objects.keys() {
        kept.push((*digest, scrubbed.estate.vault.get_bytes(digest, 1 << 20).await.unwrap()));
        scrubbed.damage(digest);
    }
    scrubbed.harbor_is_gone().await;
    scrubbed.verify(Scope::All).await;
    let findings = scrubbed.findings().await;
    assert_eq!(findings.len(), objects.len(), "every one is found, each once");
    assert!(findings.iter().all(|(kind, healed, _)| kind == "corrupt" && !healed), "{findings:?}");
    assert_eq!(scrubbed.degraded().await, 2, "both snapshots");
    assert!(scrubbed.objects().await.is_empty(), "nothing damaged is served");

    scrubbed.verify(Scope::Heal).await;
    assert_eq!(scrubbed.findings().await.len(), objects.len(), "the same loss is not told again");

    for (_, bytes) in &kept {
        far.put_bytes(bytes).await.unwrap();
    }
    // What is below a lost index is seen once the index is back: one job walks as often as it takes.
    scrubbed.verify(Scope::Heal).await;
    let findings = scrubbed.findings().await;
    assert!(findings.iter().all(|(_, healed, _)| *healed), "{findings:?}");
    assert_eq!(scrubbed.degraded().await, 0);
    assert!(findings.iter().any(|(_, _, by)| by == "vault"));
    assert_eq!(scrubbed.objects().await, objects);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn each_day_reads_a_share_and_within_the_days_everything_is_read(pool: PgPool) {
    let scrubbed = Scrubbed::new(pool.clone()).await;
    sqlx::query("update vault set scrub_days = 4").execute(&pool).await.unwrap();
    let parts = || sqlx::query_scalar::<_, i64>("select count(*) from scrub_part").fetch_one(&pool);
    scrubbed.verify(Scope::Due).await;
    let first = parts().await.unwrap();
    assert!((1_024..1_400).contains(&first), "a quarter, and a little more: {first}");
    scrubbed.verify(Scope::Due).await;
    assert_eq!(parts().await.unwrap(), 2 * first, "the next day others");
    scrubbed.verify(Scope::Due).await;
    scrubbed.verify(Scope::Due).await;
    assert_eq!(parts().await.unwrap(), 4_096);
    let since = "select min(verified_at) > (select created_at from vault where vault_id = $1) from scrub_part where vault_id = $1";
    assert!(sqlx::query_scalar::<_, bool>(since).bind(scrubbed.vault_id).fetch_one(&pool).await.unwrap());
    // What was not read for longer than that is all read at once.
    sqlx::query("update scrub_part set verified_at = verified_at - interval '5 days'").execute(&pool).await.unwrap();
    scrubbed.verify(Scope::Due).await;
    let old: i64 =
        sqlx::query_scalar("select count(*) from scrub_part where verified_at < now() - interval '1 day'").fetch_one(&pool).await.unwrap();
    assert_eq!(old, 0);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_try_that_broke_off_goes_on_and_does_not_read_again_what_it_read(pool: PgPool) {
    let scrubbed = Scrubbed::new(pool.clone()).await;
    let context = scrubbed.claimed(Scope::All).await;
    let mut conn = pool.acquire().await.unwrap();
    let all = vaults::queries::parts(&mut conn, scrubbed.vault_id, context.job_id, None).await.unwrap();
    assert_eq!(all.len(), 4_096);
    let now = time::OffsetDateTime::now_utc();
    vaults::queries::parts_read(&mut conn, scrubbed.vault_id, &all[..4_000], now + time::Duration::minutes(1)).await.unwrap();
    let rest = vaults::queries::parts(&mut conn, scrubbed.vault_id, context.job_id, None).await.unwrap();
    assert_eq!(rest, all[4_000..]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn with_the_vault_gone_nothing_is_called_lost(pool: PgPool) {
    let scrubbed = Scrubbed::new(pool.clone()).await;
    let marker = scrubbed.estate.folder.path().join("v/breakwater/vault.json");
    std::fs::rename(&marker, marker.with_extension("away")).unwrap();
    let context = scrubbed.claimed(Scope::All).await;
    assert!(vaults::verify_job(context, scrubbed.vault_id, Scope::All).await.is_err());
    assert_eq!((scrubbed.findings().await.len(), scrubbed.degraded().await), (0, 0));
}
