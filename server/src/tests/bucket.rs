//! A vault in a bucket, from the form to the row: errors on their fields, a sealed secret, another key, the same vault.

use app::accounts::types::Duty;
use app::error::ApiError;
use app::vaults::types::{ChangeBucket, NewVault, VaultState};
use sqlx::PgPool;
use testkit::S3Server;
use testkit::s3::{ACCESS_KEY, SECRET};

use super::world::{origin, person, state};
use crate::error::Error;
use crate::state::AppState;
use crate::vaults;

fn form(server: &S3Server, bucket: &str) -> NewVault {
    NewVault {
        name: "offsite".to_owned(),
        kind: "bucket".to_owned(),
        endpoint: server.url(),
        bucket: bucket.to_owned(),
        prefix: "team/one".to_owned(),
        access_key: ACCESS_KEY.to_owned(),
        secret: SECRET.to_owned(),
        path_style: true,
        plain_http: true,
        ..NewVault::default()
    }
}

fn refusal<T>(outcome: Result<T, Error>) -> ApiError {
    match outcome {
        Err(Error::Api(error)) => error,
        Err(other) => panic!("{}", crate::error::chain(&other)),
        Ok(_) => panic!("it was taken"),
    }
}

async fn audited(state: &AppState, action: &str) -> i64 {
    sqlx::query_scalar("select count(*) from audit_record where action = $1").bind(action).fetch_one(&state.pool).await.unwrap()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_vault_in_a_bucket_is_made_found_again_and_given_another_key(pool: PgPool) {
    let Some(server) = S3Server::start().await else { return };
    let state = state(pool);
    let caller = person(&state, "olga", &[Duty::Operator], "").await;
    let name = server.bucket();
    let made = vaults::create(&state, &caller, &origin(), form(&server, &name)).await.unwrap();
    assert_eq!(made.state, VaultState::Healthy);
    assert!(made.path.starts_with(&format!("s3://{name}/team/one at 127.0.0.1:")), "{}", made.path);
    let bucket = made.bucket.as_ref().unwrap();
    assert!(bucket.checks.backup_ok && bucket.checks.checks.len() == 11, "{:?}", bucket.checks);
    assert!(!serde_json::to_string(&made).unwrap().contains(SECRET));
    let stored: Vec<u8> = sqlx::query_scalar("select secret from vault_bucket").fetch_one(&state.pool).await.unwrap();
    assert!(!stored.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()));
    assert_eq!(audited(&state, "vault.create").await, 1);
    let told: bool = sqlx::query_scalar("select bool_or(r::text like '%' || $1 || '%') from audit_record r")
        .bind(SECRET)
        .fetch_one(&state.pool)
        .await
        .unwrap();
    assert!(!told, "the secret is in the audit history");
    // It holds bytes, through the row alone.
    let vault = vaults::open(&state, &mut state.pool.acquire().await.unwrap(), made.id).await.unwrap();
    let digest = vault.put_bytes(b"an object").await.unwrap();
    assert_eq!(vault.get_bytes(&digest, 100).await.unwrap(), &b"an object"[..]);

    // The empty secret keeps the old one; another address or key needs it again.
    let change = ChangeBucket {
        vault_id: made.id,
        endpoint: server.url(),
        region: "eu-west-1".to_owned(),
        access_key: ACCESS_KEY.to_owned(),
        path_style: true,
        plain_http: true,
        ..ChangeBucket::default()
    };
    let moved = ChangeBucket { endpoint: "http://127.0.0.1:9".to_owned(), ..change.clone() };
    assert!(refusal(vaults::bucket::change(&state, &caller, &origin(), moved).await).of_field("secret").is_some());
    let other_key = ChangeBucket { access_key: "other".to_owned(), ..change.clone() };
    assert!(refusal(vaults::bucket::change(&state, &caller, &origin(), other_key).await).of_field("secret").is_some());
    let wrong = ChangeBucket { secret: "not-the-secret".to_owned(), region: String::new(), ..change.clone() };
    assert!(refusal(vaults::bucket::change(&state, &caller, &origin(), wrong).await).of_field("secret").is_some());
    assert_eq!(audited(&state, "vault.update").await, 0, "what is refused changes nothing");
    let same = ChangeBucket { region: String::new(), ..change };
    vaults::bucket::change(&state, &caller, &origin(), same).await.unwrap();
    assert_eq!(audited(&state, "vault.update").await, 1);
    vaults::bucket::check(&state, &caller, &origin(), made.id).await.unwrap();
    assert_eq!(audited(&state, "vault.test").await, 1);
    let again = vaults::open(&state, &mut state.pool.acquire().await.unwrap(), made.id).await.unwrap();
    assert_eq!(again.get_bytes(&digest, 100).await.unwrap(), &b"an object"[..]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_bucket_that_will_not_do_is_refused_on_the_field_it_lies_at(pool: PgPool) {
    let Some(server) = S3Server::start().await else { return };
    let state = state(pool);
    let caller = person(&state, "olga", &[Duty::Operator], "").await;
    let good = form(&server, &server.bucket());
    let wrong: [(&str, NewVault); 9] = [
        ("name", NewVault { name: "Off Site".to_owned(), ..good.clone() }),
        ("kind", NewVault { kind: "tape".to_owned(), ..good.clone() }),
        ("endpoint", NewVault { plain_http: false, ..good.clone() }),
        ("endpoint", NewVault { endpoint: "http://169.254.169.254".to_owned(), ..good.clone() }),
        ("endpoint", NewVault { endpoint: "http://10.0.0.1:9000".to_owned(), ..good.clone() }),
        ("bucket", NewVault { bucket: "no-such-bucket".to_owned(), ..good.clone() }),
        ("prefix", NewVault { prefix: "../up".to_owned(), ..good.clone() }),
        ("access_key", NewVault { access_key: "nobody".to_owned(), ..good.clone() }),
        ("secret", NewVault { secret: "not-the-secret".to_owned(), ..good.clone() }),
    ];
    for (field, form) in wrong {
        let error = refusal(vaults::create(&state, &caller, &origin(), form).await);
        assert!(error.of_field(field).is_some(), "{field}: {error:?}");
        assert!(!format!("{error:?}").contains(SECRET));
    }
    let reader = person(&state, "rita", &[Duty::Auditor], "").await;
    assert!(vaults::create(&state, &reader, &origin(), good.clone()).await.is_err(), "only operators");
    let rows: i64 = sqlx::query_scalar("select count(*) from vault").fetch_one(&state.pool).await.unwrap();
    assert_eq!(rows, 0);
    let made = vaults::create(&state, &caller, &origin(), good.clone()).await.unwrap();
    let twice = NewVault { name: "twice".to_owned(), ..good };
    assert!(refusal(vaults::create(&state, &caller, &origin(), twice).await).of_field("bucket").is_some());
    // An unreachable server is failing, not missing: nothing is inferred from it.
    drop(server);
    vaults::health::check(&state, made.id).await.unwrap();
    assert_eq!(vaults::get(&state, &caller, made.id).await.unwrap().state, VaultState::Failing);
}
