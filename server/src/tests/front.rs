//! What stands before a harbor, as its connection test finds it and its row keeps it.

use app::accounts::types::Duty;
use app::harbors::checks::Detail;
use app::harbors::types::{Check, CheckList, CheckOutcome, NewHarbor};
use app::plans::types::PlanForm;
use app::sentence::Said;
use harbor_sim::{Action, Match};
use http::Method;
use secrecy::SecretString;
use sqlx::PgPool;
use testkit::{Act, Proxy, Rule};

use super::capture::Estate;
use super::world::{origin, person};
use crate::crypto::Place;
use crate::{harbors, plans};

const MIB: u64 = 1024 * 1024;

/// The estate's harbor behind a proxy, with its administrator for restores too.
async fn behind_a_proxy(estate: &Estate) -> Proxy {
    let proxy = Proxy::start(&estate.sim.url()).await;
    let (user, password) = estate.sim.admin();
    let place = Place { table: "harbor", column: "write_secret", row: estate.harbor_id };
    let sealed = estate.state.keys.seal(place, &SecretString::from(password.to_owned()));
    sqlx::query("update harbor set url = $2, write_login = $3, write_secret = $4, version = version + 1 where harbor_id = $1")
        .bind(estate.harbor_id)
        .bind(proxy.url())
        .bind(user)
        .bind(sealed)
        .execute(&estate.pool)
        .await
        .unwrap();
    proxy
}

fn row<'a>(list: &'a CheckList, code: &str) -> &'a Check {
    list.checks.iter().find(|check| check.code == code).unwrap_or_else(|| panic!("no line {code}: {list:#?}"))
}

async fn kept(pool: &PgPool) -> Option<i64> {
    sqlx::query_scalar("select body_max_bytes from harbor where name = 'sim'").fetch_one(pool).await.unwrap()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_cap_that_the_connection_test_finds_is_kept_with_the_harbor_until_it_is_gone(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop"]).await;
    let proxy = behind_a_proxy(&estate).await;
    let olga = person(&estate.state, "olga", &[Duty::Operator], "").await;
    let from = origin();
    let test = || harbors::check(&estate.state, &olga, &from, "sim");
    let cap = proxy.fault(Rule::bodies_over(MIB), Act::too_large());
    let list = test().await.unwrap();
    let found = row(&list, "body_size");
    assert!(found.outcome == CheckOutcome::Warn && found.detail == Said::Now(Detail::BodiesCapped { limit_bytes: 1 << 20 }), "{found:?}");
    assert!(list.backup_ok && list.restore_ok, "pieces pass: {list:#?}");
    assert_eq!(kept(&pool).await, Some(1024 * 1024));
    cap.remove();
    assert_eq!(row(&test().await.unwrap(), "body_size").outcome, CheckOutcome::Pass);
    assert_eq!(kept(&pool).await, None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_storage_that_cannot_be_read_is_said_and_keeps_nobody_from_registering(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop"]).await;
    let proxy = behind_a_proxy(&estate).await;
    let olga = person(&estate.state, "olga", &[Duty::Operator], "").await;
    proxy.fault(Rule::new(Method::GET, "/blobs/sha256:"), Act::redirect("http://10.9.8.7/bucket/layer"));
    let (user, password) = estate.sim.admin();
    let form = NewHarbor {
        name: "other".to_owned(),
        url: proxy.url(),
        read_login: user.to_owned(),
        read_secret: password.to_owned(),
        plain_http: true,
        ..NewHarbor::default()
    };
    harbors::create(&estate.state, &olga, &origin(), form).await.unwrap();
    let list = harbors::last_check(&estate.state, &olga, "other").await.unwrap().unwrap();
    let found = row(&list, "storage");
    assert_eq!((found.outcome, list.backup_ok), (CheckOutcome::Fail, false), "{found:?}");
    assert!(found.detail.to_string().contains("10.9.8.7"), "{found:?}");
    let remedy = found.remedy.as_ref().unwrap().to_string();
    assert!(remedy.contains("--allow-net") && remedy.contains("redirect: disable: true"), "{remedy}");
}

/// S-12.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_preview_of_a_plan_changes_nothing(pool: PgPool) {
    let estate = Estate::new(pool.clone(), &["shop"]).await;
    let olga = person(&estate.state, "olga", &[Duty::Operator], "").await;
    let vault_id = sqlx::query_scalar("select vault_id from plan where plan_id = $1").bind(estate.plan_id).fetch_one(&pool).await.unwrap();
    let form = PlanForm {
        name: "new".to_owned(),
        harbor: "sim".to_owned(),
        vault_id: Some(vault_id),
        include: "*".to_owned(),
        cron: "0 2 * * *".to_owned(),
        zone: "UTC".to_owned(),
        rpo_hours: 26,
        full_every_h: 24,
        keep_daily: 7,
        ..PlanForm::default()
    };
    let all = || async {
        let state: String = sqlx::query_scalar(
            "select concat_ws('|', (select string_agg(h::text, '') from harbor h), (select string_agg(p::text, '') from harbor_project p),
                    (select count(*) from audit_record), (select string_agg(p::text, '') from plan p))",
        )
        .fetch_one(&pool)
        .await
        .unwrap();
        state
    };
    let before = all().await;
    let preview = plans::preview(&estate.state, &olga, form.clone(), true).await.unwrap();
    assert!(preview.matched.iter().any(|found| found.project == "shop") && preview.stale.is_none(), "{preview:?}");
    assert_eq!(all().await, before);
    estate.sim.control().fail(Match::path(""), Action::Status(404, "NOT_FOUND".to_owned(), "not a Harbor any more".to_owned()));
    let preview = plans::preview(&estate.state, &olga, form, true).await.unwrap();
    assert!(preview.stale.is_some(), "{preview:?}");
    assert_eq!(all().await, before, "not even that the harbor did not answer");
}
