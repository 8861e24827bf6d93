//! Logins of a harbor: their end and their rights are told, and they are made anew without a moment at which what is stored does not work.

use app::accounts::types::Duty;
use app::error::ApiError;
use app::harbors::types::{CheckOutcome, Harbor, LoginPurpose, NewHarbor, RenewLogins, Renewed};
use app::home::concerns::{Matter, Topic};
use app::sentence::Said;
use harbor_sim::{Action, Match};
use http::Method;
use registry::{AddressRule, Client, Credential, Endpoint, Limits, Permission, RobotSpec};
use secrecy::ExposeSecret as _;
use sqlx::PgPool;

use super::world::{origin, person, recorded, state};
use crate::access::Caller;
use crate::error::Error;
use crate::harbors;
use crate::state::AppState;

/// A harbor whose robot for backup was made by Breakwater, ends in ten days and may delete tags, and whose robot for restore was made by hand.
struct World {
    state: AppState,
    ops: Caller,
    sim: harbor_sim::Running,
    admin: Client,
    secrets: Vec<String>,
}

impl World {
    async fn new(pool: PgPool) -> Self {
        // Clients are kept by the number of their harbor, and tests of one process have databases of their own: a number that no other has.
        let number = i64::try_from(uuid::Uuid::new_v4().as_u128() % 1_000_000_000).unwrap() + 1_000;
        sqlx::query("select setval(pg_get_serial_sequence('harbor', 'harbor_id'), $1)").bind(number).execute(&pool).await.unwrap();
        let state = state(pool);
        let ops = person(&state, "ops", &[Duty::Operator], "").await;
        let sim = harbor_sim::start(harbor_sim::Config::default()).await.unwrap();
        let (user, password) = sim.admin();
        let endpoint = Endpoint::new(&sim.url(), true, None, AddressRule { allow: vec!["127.0.0.0/8".parse().unwrap()] }).unwrap();
        let credential = Credential { username: user.to_owned(), secret: password.to_owned().into() };
        let admin = Client::new(endpoint, credential, Limits::default()).unwrap();
        let mut reader = RobotSpec::least_privilege_backup("reader");
        reader.duration_days = 10;
        reader.permissions[1].access.push(Permission::new("tag", "delete"));
        let mut writer = RobotSpec::least_privilege_restore("writer");
        writer.description = "of the platform team".to_owned();
        let (reader, writer) = (admin.create_robot(&reader).await.unwrap(), admin.create_robot(&writer).await.unwrap());
        let form = NewHarbor {
            name: "prod".to_owned(),
            url: sim.url(),
            read_login: reader.name,
            read_secret: reader.secret.expose_secret().to_owned(),
            write_login: writer.name,
            write_secret: writer.secret.expose_secret().to_owned(),
            plain_http: true,
            ..NewHarbor::default()
        };
        let secrets = vec![form.read_secret.clone(), form.write_secret.clone(), password.to_owned()];
        harbors::create(&state, &ops, &origin(), form).await.unwrap();
        Self { state, ops, admin, secrets, sim }
    }

    async fn renew_as(&self, caller: &Caller, password: &str) -> Result<Renewed, Error> {
        let form = RenewLogins { harbor: "prod".to_owned(), admin_login: "admin".to_owned(), admin_password: password.to_owned() };
        harbors::renew_logins(&self.state, caller, &origin(), form).await
    }

    async fn harbor(&self) -> Harbor {
        harbors::get(&self.state, &self.ops, "prod").await.unwrap()
    }

    async fn robots(&self) -> Vec<String> {
        let mut names: Vec<String> = self.admin.system_robots().await.unwrap().into_iter().map(|robot| robot.name).collect();
        names.sort();
        names
    }

    /// What is stored works for backup and for restore.
    async fn works(&self) -> bool {
        let checks = harbors::check(&self.state, &self.ops, &origin(), "prod").await.unwrap();
        checks.backup_ok && checks.restore_ok
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_end_of_a_login_and_rights_beyond_its_need_are_told_before_it_ends(pool: PgPool) {
    let w = World::new(pool).await;
    let logins = w.harbor().await.logins;
    assert_eq!(logins.iter().map(|login| login.purpose).collect::<Vec<_>>(), [LoginPurpose::Backup, LoginPurpose::Restore]);
    assert_eq!(
        (logins[0].told, logins[0].ends_in_days, logins[0].surplus.as_slice()),
        (true, Some(9), ["tag:delete".to_owned()].as_slice())
    );
    assert_eq!((logins[1].told, logins[1].expires, logins[1].surplus.len()), (true, None, 0));
    let checks = harbors::last_check(&w.state, &w.ops, "prod").await.unwrap().unwrap();
    let row = checks.checks.iter().find(|row| row.code == "logins").unwrap();
    assert_eq!(row.outcome, CheckOutcome::Warn);
    let detail = row.detail.to_string();
    assert!(detail.contains("in 9 days") && detail.contains("tag:delete"), "{detail}");
    let home = crate::home::home(&w.state, &w.ops).await.unwrap();
    assert!(
        home.concerns
            .iter()
            .any(|concern| concern.title == Topic::LoginEnds.into() && matches!(&concern.text, Said::Now(Matter::Ends { days: 9, .. })))
    );
    let stranger = person(&w.state, "dev", &[], "viewer prod/shop").await;
    let seen = harbors::get(&w.state, &stranger, "prod").await.unwrap();
    assert_eq!((seen.logins.len(), seen.read_login.as_str()), (0, ""), "logins are nothing for who has a role on a project");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn logins_are_made_anew_by_a_person_with_an_administrators_login_and_the_old_ones_go(pool: PgPool) {
    let w = World::new(pool.clone()).await;
    let before = w.harbor().await;
    let (stale, token) =
        (Caller { fresh: false, ..w.ops.clone() }, Caller { via: crate::access::Via::Token { id: 1, write: true }, ..w.ops.clone() });
    let password = w.sim.admin().1;
    for (refused, why) in [(&stale, ApiError::step_up().code), (&token, "forbidden".to_owned())] {
        assert_eq!(w.renew_as(refused, password).await.unwrap_err().into_api(None).code, why);
    }
    let wrong = w.renew_as(&w.ops, "not it").await.unwrap_err().into_api(None);
    assert!(wrong.of_field("admin_password").is_some(), "{wrong:?}");
    assert_eq!((w.harbor().await.read_login, w.robots().await.len()), (before.read_login.clone(), 2), "nothing was made");

    let renewed = w.renew_as(&w.ops, password).await.unwrap();
    assert_eq!(renewed.left, ["robot$writer"], "what others made is theirs to remove");
    let logins = renewed.harbor.logins;
    assert!(logins.iter().all(|login| login.told && login.expires.is_none() && login.surplus.is_empty()), "{logins:?}");
    assert!(renewed.harbor.read_login != before.read_login && renewed.harbor.write_login != before.write_login);
    let robots = w.robots().await;
    assert!(robots.len() == 3 && !robots.contains(&before.read_login), "{robots:?}");
    assert!(w.works().await);
    assert_eq!(recorded(&pool, "harbor.logins.renew").await, 1);
    let records: Vec<Vec<u8>> = sqlx::query_scalar("select record from audit_record").fetch_all(&pool).await.unwrap();
    let records = records.into_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect::<String>();
    assert!(w.secrets.iter().all(|secret| !records.contains(secret)));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_login_that_work_under_way_uses_stays_and_is_named(pool: PgPool) {
    let w = World::new(pool.clone()).await;
    let before = w.harbor().await;
    sqlx::query(
        "insert into job (kind, title, payload, state, attempt_max, trigger, harbor_id) values ('backup', '\"b\"', '{}', 'running', 1, 'ops', $1)",
    )
    .bind(before.id)
    .execute(&pool)
    .await
    .unwrap();
    let renewed = w.renew_as(&w.ops, w.sim.admin().1).await.unwrap();
    assert_eq!(renewed.left, [before.read_login.as_str(), "robot$writer"]);
    assert!(w.robots().await.contains(&before.read_login) && renewed.harbor.read_login != before.read_login);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_harbor_that_does_not_tell_takes_no_warning_away(pool: PgPool) {
    let w = World::new(pool).await;
    let before = w.harbor().await.logins;
    for status in [500, 403, 401] {
        let fault = w.sim.control().fail(Match::new(Method::GET, "/robots"), Action::Status(status, "X".to_owned(), "x".to_owned()));
        harbors::check(&w.state, &w.ops, &origin(), "prod").await.unwrap();
        assert!(fault.fired() > 0, "{status}");
        w.sim.control().clear_faults();
        assert_eq!(w.harbor().await.logins, before, "{status}");
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn whatever_step_of_making_them_anew_fails_what_is_stored_works_and_nothing_unused_is_left(pool: PgPool) {
    let w = World::new(pool).await;
    let before = w.robots().await;
    let broken = || Action::Status(500, "UNKNOWN".to_owned(), "broken".to_owned());
    // The second robot cannot be made; then the new login for backup cannot list projects.
    for rule in [Match::new(Method::POST, "/robots").nth(harbor_sim::Nth::Only(2)), Match::new(Method::GET, "/projects")] {
        let fault = w.sim.control().fail(rule, broken());
        assert!(w.renew_as(&w.ops, w.sim.admin().1).await.is_err());
        assert!(fault.fired() > 0);
        w.sim.control().clear_faults();
        assert_eq!(w.robots().await, before);
        assert!(w.works().await);
    }
    // The old one cannot be removed: it is named.
    let old = w.harbor().await.read_login;
    let fault = w.sim.control().fail(Match::new(Method::DELETE, "/robots"), broken());
    let renewed = w.renew_as(&w.ops, w.sim.admin().1).await.unwrap();
    assert!(fault.fired() > 0 && renewed.left.contains(&old), "{:?}", renewed.left);
    w.sim.control().clear_faults();
    assert!(w.works().await);
}
