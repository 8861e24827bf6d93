//! Reading what a policy blocks: switching it on and off, and runs that use it, against the simulator.

use std::collections::BTreeMap;

use app::accounts::types::Duty;
use app::error::ApiError;
use app::harbors::types::{Harbor, StagingForm};
use harbor_sim::images;
use registry::{AddressRule, Client, Credential, Endpoint, Limits, RobotSpec};
use secrecy::ExposeSecret as _;
use sqlx::PgPool;
use vocab::ProjectName;

use super::capture::Estate;
use super::world::{origin, person, recorded};
use crate::access::Caller;
use crate::error::Error;
use crate::harbors;
use crate::jobs::queries::End;
use crate::plans;

struct World {
    e: Estate,
    ops: Caller,
    admin: Client,
}

impl World {
    /// A harbor with an unsigned image in each of two repositories of `shop`, which wants signatures.
    async fn new(pool: PgPool) -> Self {
        let e = Estate::new(pool, &["shop", "open"]).await;
        let ops = person(&e.state, "ops", &[Duty::Operator], "").await;
        let (user, password) = e.sim.admin();
        let admin = client(&e.sim.url(), user, password);
        let on = BTreeMap::from([("enable_content_trust_cosign".to_owned(), "true".to_owned())]);
        admin.update_project_metadata(&"shop".parse().unwrap(), &on).await.unwrap();
        Self { e, ops, admin }
    }

    fn by_admin(&self) -> StagingForm {
        let (user, password) = self.e.sim.admin();
        StagingForm {
            harbor: "sim".to_owned(),
            on: true,
            admin_login: user.to_owned(),
            admin_password: password.to_owned(),
            ..StagingForm::default()
        }
    }

    async fn set(&self, form: StagingForm) -> Result<Harbor, Error> {
        harbors::staging::set(&self.e.state, &self.ops, &origin(), form).await
    }

    async fn off(&self) -> Harbor {
        self.set(StagingForm { harbor: "sim".to_owned(), ..StagingForm::default() }).await.unwrap()
    }

    async fn harbor(&self) -> Harbor {
        harbors::get(&self.e.state, &self.ops, "sim").await.unwrap()
    }

    /// Switched on, as an operator does it; the project.
    async fn on(&self) -> ProjectName {
        self.set(self.by_admin()).await.unwrap().staging.project.unwrap().parse().unwrap()
    }

    async fn copies(&self, project: &ProjectName) -> Vec<String> {
        self.copies_in(&self.admin, project).await
    }

    async fn copies_in(&self, admin: &Client, project: &ProjectName) -> Vec<String> {
        admin.repositories(project).await.unwrap().iter().map(|r| r.name.to_string()).collect()
    }

    async fn listed(&self) -> Vec<String> {
        sqlx::query_scalar("select project from harbor_project where gone_at is null order by project")
            .fetch_all(&self.e.pool)
            .await
            .unwrap()
    }

    async fn settle(&self) {
        let (run_id, job_id): (i64, i64) =
            sqlx::query_as("select run_id, job_id from run order by run_id desc limit 1").fetch_one(&self.e.pool).await.unwrap();
        let mut tx = self.e.pool.begin().await.unwrap();
        plans::settle_run(&mut tx, job_id, run_id, &End::Done).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The newest record of an action.
    async fn record(&self, action: &str) -> serde_json::Value {
        let bytes: Vec<u8> = sqlx::query_scalar("select record from audit_record where action = $1 order by seq desc limit 1")
            .bind(action)
            .fetch_one(&self.e.pool)
            .await
            .unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }
}

fn client(url: &str, user: &str, secret: &str) -> Client {
    let endpoint = Endpoint::new(url, true, None, AddressRule { allow: vec!["127.0.0.0/8".parse().unwrap()] }).unwrap();
    Client::new(endpoint, Credential { username: user.to_owned(), secret: secret.to_owned().into() }, Limits::default()).unwrap()
}

fn refusal(error: Error) -> ApiError {
    error.into_api(None)
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_was_a_gap_is_read_once_it_is_allowed_and_all_of_it_is_audited(pool: PgPool) {
    let w = World::new(pool).await;
    assert_eq!(w.e.run().await.gaps, 2, "off: a gap for each tag");
    assert_eq!(w.admin.projects().await.unwrap().len(), 3, "and nothing is made");
    let project = w.on().await;
    let harbor = w.harbor().await;
    assert!(harbor.staging.on && harbor.staging.login.is_some() && harbor.staging.last_use.is_none());
    assert_eq!((recorded(&w.e.pool, "harbor.staging.prepare").await, recorded(&w.e.pool, "harbor.staging.on").await), (1, 1));
    let made = w.admin.project(&project).await.unwrap().unwrap();
    assert!(!made.public() && w.admin.is_staging_project(&made).await.unwrap());

    assert_eq!(w.e.run().await.gaps, 0);
    assert_eq!(w.copies(&project).await, Vec::<String>::new());
    w.settle().await;
    assert_eq!((recorded(&w.e.pool, "backup.staging.start").await, recorded(&w.e.pool, "backup.staging.finish").await), (1, 1));
    let finish = w.record("backup.staging.finish").await;
    assert_eq!((&finish["images"], &finish["projects"], &finish["left"]), (&2.into(), &serde_json::json!(["shop"]), &0.into()));
    assert_eq!(w.harbor().await.staging.last_use.unwrap().images, 2);
    assert_eq!(w.listed().await, ["library", "open", "shop"], "the staging project is in no plan and on no page");

    assert_eq!(w.e.run().await.gaps, 0);
    w.settle().await;
    assert_eq!(recorded(&w.e.pool, "backup.staging.start").await, 1, "a run that copies nothing says nothing");
    assert_eq!(w.e.sim.control().pulls(), 0);

    let off = w.off().await;
    assert_eq!((off.staging.on, off.staging.project, off.staging.login), (false, None, None));
    assert!(w.admin.project(&project).await.unwrap().is_none(), "the project is gone");
    assert_eq!((recorded(&w.e.pool, "harbor.staging.off").await, recorded(&w.e.pool, "harbor.staging.remove").await), (1, 1));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn without_a_login_that_may_it_cannot_be_switched_on_and_the_form_says_why(pool: PgPool) {
    let w = World::new(pool).await;
    let none = StagingForm { harbor: "sim".to_owned(), on: true, ..StagingForm::default() };
    let error = refusal(w.set(none).await.unwrap_err());
    assert_eq!(error.fields[0].field, "admin_login");
    assert!(error.fields[0].message.to_string().contains("only reads"), "{error:?}");
    let wrong = StagingForm { admin_password: "wrong".to_owned(), ..w.by_admin() };
    assert_eq!(refusal(w.set(wrong).await.unwrap_err()).fields[0].field, "admin_password");
    let reader = w.admin.create_robot(&RobotSpec::least_privilege_backup("reader")).await.unwrap();
    let weak = StagingForm { admin_login: reader.name.clone(), admin_password: reader.secret.expose_secret().to_owned(), ..w.by_admin() };
    assert_eq!(refusal(w.set(weak).await.unwrap_err()).fields[0].field, "admin_login");
    let viewer = person(&w.e.state, "guest", &[], "").await;
    assert!(harbors::staging::set(&w.e.state, &viewer, &origin(), w.by_admin()).await.is_err());
    let harbor = w.harbor().await;
    assert_eq!((harbor.staging.on, harbor.staging.project), (false, None), "nothing stays behind");
    assert_eq!(w.admin.projects().await.unwrap().len(), 3);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_login_made_by_hand_is_taken_only_if_it_reaches_nothing_else_and_its_project_is_empty(pool: PgPool) {
    let w = World::new(pool).await;
    let project: ProjectName = "breakwater-staging-hand".parse().unwrap();
    w.admin.create_project(&project, false).await.unwrap();
    let form = |robot: &registry::CreatedRobot| StagingForm {
        harbor: "sim".to_owned(),
        on: true,
        staging_project: project.to_string(),
        staging_login: robot.name.clone(),
        staging_secret: robot.secret.expose_secret().to_owned(),
        ..StagingForm::default()
    };
    let strong = w.admin.create_robot(&RobotSpec::least_privilege_restore("strong")).await.unwrap();
    let mut spec = RobotSpec::least_privilege_staging("both", &project);
    spec.permissions[0].access.push(registry::Permission::new("repository", "push"));
    let both = w.admin.create_robot(&spec).await.unwrap();
    for (robot, code) in [(&strong, "check:staging_rights"), (&both, "check:staging_elsewhere")] {
        let error = refusal(w.set(form(robot)).await.unwrap_err());
        assert_eq!((error.code.as_str(), error.fields[0].field.as_str()), ("checks_failed", code), "{error:?}");
    }
    let right = w.admin.create_robot(&RobotSpec::least_privilege_staging("right", &project)).await.unwrap();
    let elsewhere = StagingForm { staging_project: "shop".to_owned(), ..form(&right) };
    assert_eq!(refusal(w.set(elsewhere).await.unwrap_err()).fields[0].field, "staging_project");
    w.e.sim.push_image("breakwater-staging-hand/app", "1", &images::simple("own", &[10])).await.unwrap();
    assert_eq!(refusal(w.set(form(&right)).await.unwrap_err()).fields[0].field, "staging_project");
    w.admin.delete_repository(&"breakwater-staging-hand/app".parse().unwrap()).await.unwrap();
    assert!(w.set(form(&right)).await.unwrap().staging.on);
    assert_eq!(w.e.run().await.gaps, 0);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn copies_of_a_crash_are_removed_and_those_of_a_run_that_goes_on_are_not(pool: PgPool) {
    let w = World::new(pool).await;
    let project = w.on().await;
    let digest = "a".repeat(64);
    let job: i64 = sqlx::query_scalar(
        "insert into job (kind, title, payload, dedupe_key, trigger, state, epoch, attempt, attempt_max, owner, lease_until, started_at)
         values ('backup', '\"b\"', '{}', 'other', 'test', 'running', 3, 1, 3, 'w', now() + interval '1 hour', now()) returning job_id",
    )
    .fetch_one(&w.e.pool)
    .await
    .unwrap();
    for session in [format!("j{job}-3"), format!("j{job}-2"), "j999999-1".to_owned()] {
        w.e.sim.push_image(&format!("{project}/{session}/{digest}"), "1", &images::simple(&session, &[10])).await.unwrap();
    }
    w.e.run().await;
    assert_eq!(w.copies(&project).await, [format!("{project}/j{job}-3/{digest}")], "the worker that has the job keeps its copy");
    assert_eq!(w.record("harbor.staging.clear").await["removed"], 2);
    sqlx::query("update job set state = 'dead', lease_until = null, finished_at = now() where job_id = $1")
        .bind(job)
        .execute(&w.e.pool)
        .await
        .unwrap();
    harbors::check(&w.e.state, &w.ops, &origin(), "sim").await.unwrap();
    assert_eq!(w.copies(&project).await, Vec::<String>::new(), "a test of the connection clears as well");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_somebody_put_into_the_staging_project_stays_and_nothing_is_copied_beside_it(pool: PgPool) {
    let w = World::new(pool).await;
    let project = w.on().await;
    w.e.sim.push_image(&format!("{project}/own"), "1", &images::simple("own", &[10])).await.unwrap();
    assert_eq!(w.e.run().await.gaps, 2);
    assert_eq!(w.copies(&project).await, [format!("{project}/own")]);
    assert_eq!(w.harbor().await.staging.foreign, [format!("{project}/own")]);
    let off = w.off().await;
    assert_eq!((off.staging.on, off.staging.project.as_deref()), (false, Some(project.as_str())), "and the project is not deleted");
    assert!(refusal(w.set(w.by_admin()).await.unwrap_err()).message.to_string().contains("still there"));
    w.admin.delete_repository(&format!("{project}/own").parse().unwrap()).await.unwrap();
    let again = w.on().await;
    assert_ne!(again, project);
    assert!(w.admin.project(&project).await.unwrap().is_none(), "what was left of the first is removed with the second");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_staging_project_that_somebody_deleted_is_told_while_it_is_on_and_forgotten_when_it_is_off(pool: PgPool) {
    let w = World::new(pool).await;
    let project = w.on().await;
    w.admin.delete_project(&project).await.unwrap();
    assert_eq!(w.e.run().await.gaps, 2);
    let causes: Vec<String> =
        sqlx::query_scalar("select g->>'cause' from snapshot s, jsonb_array_elements(s.gaps) g").fetch_all(&w.e.pool).await.unwrap();
    assert!(!causes.is_empty() && causes.iter().all(|cause| cause.contains("does not exist any more")), "{causes:?}");
    assert!(w.harbor().await.staging.trouble.unwrap().to_string().contains("does not exist any more"));
    assert_eq!(w.off().await.staging, app::harbors::types::Staging::default());
    w.on().await;
    assert_eq!(w.e.run().await.gaps, 0);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_project_that_was_written_down_before_a_crash_is_finished_with_the_next_try(pool: PgPool) {
    let w = World::new(pool).await;
    for exists in [false, true] {
        let name: ProjectName = format!("breakwater-staging-crash{exists}").parse().unwrap();
        sqlx::query("update harbor set staging_project = $1").bind(name.as_str()).execute(&w.e.pool).await.unwrap();
        if exists {
            w.admin.create_project(&name, false).await.unwrap();
        }
        assert_eq!(w.e.run().await.gaps, 2, "a run goes on without it");
        let project = w.on().await;
        assert!(w.admin.project(&name).await.unwrap().is_none());
        w.off().await;
        assert!(w.admin.project(&project).await.unwrap().is_none());
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_staging_project_that_nobody_remembers_is_known_by_its_name_and_label_and_not_by_its_name_alone(pool: PgPool) {
    let w = World::new(pool).await;
    w.e.sim.create_project("breakwater-staging-lost", false).unwrap();
    w.e.sim.create_label("breakwater-staging-lost", registry::STAGING_LABEL, "#123456").unwrap();
    w.e.sim.create_project("breakwater-staging-guide", false).unwrap();
    w.e.run().await;
    assert_eq!(w.listed().await, ["breakwater-staging-guide", "library", "open", "shop"]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_address_changes_only_after_staging_was_switched_off_and_a_removed_harbor_leaves_no_project(pool: PgPool) {
    let w = World::new(pool).await;
    let project = w.on().await;
    let form = app::harbors::types::ChangeHarbor {
        harbor: "sim".to_owned(),
        url: "http://127.0.0.1:1".to_owned(),
        plain_http: true,
        read_login: "admin".to_owned(),
        read_secret: "x".to_owned(),
        ..Default::default()
    };
    assert_eq!(refusal(harbors::change(&w.e.state, &w.ops, &origin(), form).await.unwrap_err()).fields[0].field, "url");
    sqlx::query("update plan set deleted_at = now()").execute(&w.e.pool).await.unwrap();
    harbors::remove(&w.e.state, &w.ops, &origin(), "sim", "sim").await.unwrap();
    assert!(w.admin.project(&project).await.unwrap().is_none());
    let kept: (bool, Option<Vec<u8>>) = sqlx::query_as("select staging, staging_secret from harbor").fetch_one(&w.e.pool).await.unwrap();
    assert_eq!(kept, (false, None));
}

/// An unsigned image in a project of its own that wants signatures.
async fn blocked_project(admin: &Client) -> ProjectName {
    let project: ProjectName = format!("bwsrv{}", &uuid::Uuid::new_v4().simple().to_string()[..10]).parse().unwrap();
    admin.create_project(&project, false).await.unwrap();
    let (image, repository) = (images::simple("live", &[20_000]), format!("{project}/web").parse().unwrap());
    for blob in &image.blobs {
        admin.blob_put_bytes(&repository, &blob.digest.parse().unwrap(), blob.bytes.clone()).await.unwrap();
    }
    let (tag, bytes) = (registry::Reference::Tag("1".parse().unwrap()), image.manifest.bytes.clone());
    admin.manifest_put(&repository, &tag, &image.manifest.media_type, bytes).await.unwrap();
    let on = BTreeMap::from([("enable_content_trust_cosign".to_owned(), "true".to_owned())]);
    admin.update_project_metadata(&project, &on).await.unwrap();
    project
}

/// From the form that registers a harbor to its removal. `HARBOR_URL`, `HARBOR_USER` and `HARBOR_PASSWORD` name it; without them it does nothing.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn on_a_real_harbor_a_blocked_image_is_backed_up_and_nothing_of_it_stays(pool: PgPool) {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let (Some(url), Some(user), Some(password)) = (variable("HARBOR_URL"), variable("HARBOR_USER"), variable("HARBOR_PASSWORD")) else {
        println!("no HARBOR_URL, HARBOR_USER and HARBOR_PASSWORD: nothing was tried on a real Harbor");
        return;
    };
    let mut w = World::new(pool).await;
    let admin = client(&url, &user, &password);
    let project = blocked_project(&admin).await;
    let form = app::harbors::types::NewHarbor {
        name: "live".to_owned(),
        url,
        plain_http: true,
        admin_login: user,
        admin_password: password,
        staging: true,
        ..Default::default()
    };
    let made = harbors::create(&w.e.state, &w.ops, &origin(), form).await.unwrap();
    let staging: ProjectName = made.staging.project.clone().unwrap().parse().unwrap();
    w.e.plan_id = sqlx::query_scalar(
        "insert into plan (name, harbor_id, vault_id, include, exclude, cron, zone, rpo_s, created_by)
         select 'live', $1, vault_id, array[$2], '{}', '0 * * * *', 'UTC', 7200, 'test' from plan limit 1 returning plan_id",
    )
    .bind(made.id)
    .bind(project.as_str())
    .fetch_one(&w.e.pool)
    .await
    .unwrap();
    let ran = w.e.run().await;
    w.settle().await;
    let finish = w.record("backup.staging.finish").await;
    let checks = harbors::check(&w.e.state, &w.ops, &origin(), "live").await.unwrap();
    let listed = w.listed().await;
    let copies = w.copies_in(&admin, &staging).await;
    let off =
        harbors::staging::set(&w.e.state, &w.ops, &origin(), StagingForm { harbor: "live".to_owned(), ..StagingForm::default() }).await;
    let gone = !admin.project_exists(&staging).await.unwrap();

    admin.delete_repository(&format!("{project}/web").parse().unwrap()).await.unwrap();
    admin.delete_project(&project).await.unwrap();
    let logins = [Some(made.read_login), made.write_login, made.staging.login];
    for robot in admin.setting_rows("/robots", &[("q", "Level=system")], "list robots").await.unwrap() {
        if logins.iter().flatten().any(|login| robot["name"] == login.as_str()) {
            admin.delete_robot(robot["id"].as_i64().unwrap()).await.unwrap();
        }
    }
    assert_eq!((ran.gaps, ran.projects_done), (0, 1));
    assert_eq!((&finish["images"], &finish["left"]), (&1.into(), &0.into()));
    let rows: Vec<_> = checks.checks.iter().filter(|check| check.code.starts_with("staging_")).collect();
    assert_eq!(rows.len(), 6, "{rows:#?}");
    assert!(rows.iter().all(|row| row.outcome == app::harbors::types::CheckOutcome::Pass), "{rows:#?}");
    assert!(listed.contains(&project.to_string()) && !listed.contains(&staging.to_string()));
    assert_eq!(copies, Vec::<String>::new());
    assert_eq!(off.unwrap().staging.project, None);
    assert!(gone, "the staging project is gone");
}
