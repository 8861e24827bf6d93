//! Separation of duties: what one person must not hold together, and when the set-up is over (console.md §2.3, §3.4).

use app::accounts::types::{ChangeRoles, Duty, NewUser, Role, User};
use app::error::ApiError;
use sqlx::PgPool;

use super::world::{PASSWORD, again, harbor, origin, person, recorded, state};
use crate::access::Caller;
use crate::accounts;
use crate::audit::Actor;
use crate::error::Error;
use crate::state::AppState;

fn rights(user_id: i64, duties: &[Duty], grants: &str) -> ChangeRoles {
    ChangeRoles { user_id, duties: duties.to_vec(), grants: grants.to_owned(), reason: "as the team is now".to_owned() }
}

fn new(login: &str, duties: &[Duty], grants: &str) -> NewUser {
    NewUser {
        login: login.to_owned(),
        display_name: login.to_owned(),
        password: PASSWORD.to_owned(),
        duties: duties.to_vec(),
        grants: grants.to_owned(),
    }
}

fn refusal(result: Result<User, Error>) -> ApiError {
    result.unwrap_err().into_api(None)
}

async fn now(state: &AppState, caller: &Caller) -> (Vec<Duty>, Vec<Role>) {
    let caller = again(state, caller).await.unwrap();
    (caller.duties.clone(), caller.roles.iter().map(|role| role.role).collect())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn whoever_operates_or_audits_has_no_part_in_restores(pool: PgPool) {
    let state = state(pool.clone());
    harbor(&pool, "prod").await;
    let admin = person(&state, "sec", &[Duty::Secadmin], "").await;
    let operator = person(&state, "ops", &[Duty::Operator], "").await;
    person(&state, "ops2", &[Duty::Operator], "").await;
    person(&state, "aud", &[Duty::Auditor], "").await;
    let owner = person(&state, "own", &[], "owner prod/shop").await;
    let at = origin();
    // From both sides, for whoever has an account and for a new one, and at the command line.
    for (who, duties, grants, words) in [
        (&operator, &[Duty::Operator][..], "owner prod/shop", "operator and owner"),
        (&operator, &[Duty::Operator], "viewer prod/shop\napprover prod/shop", "operator and approver"),
        (&owner, &[Duty::Operator], "owner prod/shop", "operator and owner"),
        (&owner, &[Duty::Auditor], "requester prod/*", "auditor and requester"),
    ] {
        let error = refusal(accounts::change_roles(&state, &admin, &at, rights(who.account_id, duties, grants)).await);
        assert!(error.of_field("grants").is_some_and(|text| text.to_string().contains(words)), "{error:?}");
        let error = refusal(accounts::create_user(&state, &admin, &at, new("newcomer", duties, grants)).await);
        assert!(error.message.to_string().contains(words), "{error:?}");
        let error = refusal(accounts::admin_create(&state, &Actor::command_line(), new("newcomer", duties, grants)).await);
        assert!(error.message.to_string().contains(words), "{error:?}");
    }
    let two = refusal(accounts::change_roles(&state, &admin, &at, rights(owner.account_id, &[Duty::Operator, Duty::Auditor], "")).await);
    assert!(two.of_field("duties").is_some(), "{two:?}");
    assert_eq!(now(&state, &owner).await, (vec![], vec![Role::Owner]), "what was refused changed nothing");
    accounts::change_roles(&state, &admin, &at, rights(owner.account_id, &[Duty::Operator], "viewer prod/shop")).await.unwrap();
    assert_eq!(now(&state, &owner).await, (vec![Duty::Operator], vec![Role::Viewer]));
}

/// Each sees the other's right not yet there, unless one waits for the other.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_duty_and_a_role_given_at_once_do_not_meet(pool: PgPool) {
    let state = state(pool.clone());
    harbor(&pool, "prod").await;
    let (one, two) = (person(&state, "sec1", &[Duty::Secadmin], "").await, person(&state, "sec2", &[Duty::Secadmin], "").await);
    let dev = person(&state, "dev", &[], "").await;
    for _ in 0..10 {
        let give = |by: &Caller, form: ChangeRoles| {
            let (state, by) = (state.clone(), by.clone());
            tokio::spawn(async move { accounts::change_roles(&state, &by, &origin(), form).await.is_ok() })
        };
        let duty = give(&one, rights(dev.account_id, &[Duty::Operator], ""));
        let role = give(&two, rights(dev.account_id, &[], "owner prod/shop"));
        duty.await.unwrap();
        role.await.unwrap();
        let (duties, roles) = now(&state, &dev).await;
        assert!(duties.is_empty() || roles.is_empty(), "{duties:?} {roles:?}");
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_first_account_keeps_one_duty_once_three_people_hold_the_three(pool: PgPool) {
    let state = state(pool.clone());
    let both = [Duty::Operator, Duty::Secadmin];
    let first = person(&state, "first", &both, "").await;
    let at = origin();
    accounts::create_user(&state, &first, &at, new("aud", &[Duty::Auditor], "")).await.unwrap();
    assert_eq!((now(&state, &first).await.0, recorded(&pool, "bootstrap.seal").await), (both.to_vec(), 0), "two people are not three");
    let ops = accounts::create_user(&state, &first, &at, new("ops", &[Duty::Operator], "")).await.unwrap();
    let first = again(&state, &first).await.unwrap();
    assert_eq!((first.duties.as_slice(), recorded(&pool, "bootstrap.seal").await), (&[Duty::Secadmin][..], 1));
    let record: String = sqlx::query_scalar("select convert_from(record, 'UTF8') from audit_record where action = 'bootstrap.seal'")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert!(record.contains(r#""before":["operator","secadmin"]"#) && record.contains(r#""login":"first""#), "{record}");
    // And it stays so: nobody gives themselves the other, nobody gets two, not even at the command line.
    assert!(accounts::change_roles(&state, &first, &at, rights(first.account_id, &both, "")).await.is_err());
    assert!(accounts::change_roles(&state, &first, &at, rights(ops.id, &both, "")).await.is_err());
    let again = refusal(accounts::admin_create(&state, &Actor::command_line(), new("root", &both, "")).await);
    assert!(again.of_field("duties").is_some());
    accounts::admin_create(&state, &Actor::command_line(), new("rescue", &[Duty::Secadmin], "")).await.unwrap();
    assert_eq!(recorded(&pool, "bootstrap.seal").await, 1);
    assert!(sqlx::query("insert into duty_seal (only_row) values (false)").execute(&pool).await.is_err());
}

/// An upgrade takes nothing away from anybody; it is shown, and ends with the next change of rights.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_was_given_before_goes_on_until_rights_change(pool: PgPool) {
    let state = state(pool.clone());
    harbor(&pool, "prod").await;
    let admin = person(&state, "sec", &[Duty::Secadmin], "").await;
    let old = person(&state, "old", &[], "owner prod/shop").await;
    sqlx::query("insert into account_duty (account_id, duty) values ($1, 'operator')").bind(old.account_id).execute(&pool).await.unwrap();
    let before = now(&state, &old).await;
    assert_eq!(before, (vec![Duty::Operator], vec![Role::Owner]));
    let shown = accounts::get_user(&state, &admin, old.account_id).await.unwrap();
    assert!(app::accounts::exclusion::conflict_of(&shown.duties, &shown.grants).is_some());
    assert_eq!(accounts::in_conflict(&mut pool.acquire().await.unwrap()).await.unwrap().0, ["old"]);
    let home = crate::home::home(&state, &admin).await.unwrap();
    assert!(home.concerns.iter().any(|concern| concern.link == "/admin/users" && concern.text.to_string() == "old"), "{:?}", home.concerns);
    let other = person(&state, "other", &[], "").await;
    accounts::change_roles(&state, &admin, &origin(), rights(other.account_id, &[], "viewer prod/shop")).await.unwrap();
    assert_eq!(now(&state, &old).await, before);
}

/// Whoever made the account knows its first password, and could vote in its name.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_new_account_does_not_vote_for_a_day(pool: PgPool) {
    let state = state(pool.clone());
    let harbor_id = harbor(&pool, "prod").await;
    let admin = person(&state, "sec", &[Duty::Secadmin], "").await;
    let dev = person(&state, "dev", &[], "requester prod/shop").await;
    let made = accounts::create_user(&state, &admin, &origin(), new("puppet", &[], "approver prod/shop")).await.unwrap();
    let puppet = accounts::caller_of_account(&pool, made.id, 1).await.unwrap().unwrap();
    let (request, hash) = super::world::request(&pool, &dev, harbor_id, 1, 1).await;
    let vote = || app::restores::types::CastVote {
        request_id: request,
        plan_hash: hash.hex(),
        version: 1,
        decision: "approve".to_owned(),
        comment: String::new(),
    };
    let refused = crate::restores::cast(&state, &puppet, &origin(), vote()).await.unwrap_err().into_api(None);
    assert_eq!(refused.code, "no_vote_yet");
    sqlx::query("update account set no_vote_until = now()").execute(&pool).await.unwrap();
    crate::restores::cast(&state, &puppet, &origin(), vote()).await.unwrap();
}
