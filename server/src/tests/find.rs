//! The search against the simulator: what people paste finds its image, tagged or not, and Harbor itself says whether it has it.

use app::accounts::types::Role;
use app::error::ErrorKind;
use app::projects::found::{Found, HitRole, Presence, SearchNote};
use app::projects::types::{BrowseQuery, TagNow};
use harbor_sim::images;
use sqlx::PgPool;

use super::capture::Estate;
use crate::access::{Caller, ScopedRole, Via};
use crate::projects;

fn viewer(project: &str) -> Caller {
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
}

async fn find(estate: &Estate, who: &str, text: &str) -> Found {
    projects::search(&estate.state, &viewer(who), text, true).await.unwrap()
}

/// The first hit as `repository:tag`, and what Harbor says.
async fn first(estate: &Estate, text: &str) -> (String, HitRole, Presence, bool) {
    let found = find(estate, "shop", text).await;
    let hit = found.hits.first().unwrap_or_else(|| panic!("{text} finds nothing: {:?}", found.notes));
    (format!("{}:{}", hit.repository, hit.tag), hit.role, hit.in_harbor.state, hit.in_harbor.live)
}

/// Deletes an artifact as a person would.
async fn delete(estate: &Estate, repository: &str, reference: &str) {
    let (user, password) = estate.sim.admin();
    let (project, name) = repository.split_once('/').unwrap();
    let name = name.replace('/', "%252F");
    let url = format!("{}/api/v2.0/projects/{project}/repositories/{name}/artifacts/{reference}", estate.sim.url());
    let answer = reqwest::Client::new().delete(url).basic_auth(user, Some(password)).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn whatever_people_paste_finds_the_image_it_names(pool: PgPool) {
    let estate = Estate::new(pool, &["shop", "other"]).await;
    let image = images::simple("the lost one", &[50]);
    for project in ["shop", "other"] {
        estate.sim.push_image(&format!("{project}/team/web"), "1.4.2", &image).await.unwrap();
    }
    estate.sim.push_image("shop/charts/shop", "1.2.0_build.7", &images::chart("shop", "1.2.0+build.7")).await.unwrap();
    estate.run().await;
    sqlx::query("update harbor set external_url = 'https://harbor.example'").execute(&estate.pool).await.unwrap();
    let host = estate.sim.addr().to_string();
    let digest = &image.manifest.digest;
    let hex = digest.strip_prefix("sha256:").unwrap();
    let config = image.blobs.iter().find(|blob| blob.media_type.contains("config")).unwrap().digest.strip_prefix("sha256:").unwrap();
    let web = ("shop/team/web:1.4.2".to_owned(), HitRole::Tag, Presence::Yes, true);
    for text in [
        format!("{host}/shop/team/web:1.4.2"),
        format!("shop/team/web@{digest}"),
        format!("{host}/shop/team/web:1.4.2@{digest}"),
        format!("docker-pullable://{host}/shop/team/web@{digest}"),
        hex[..12].to_owned(),
        hex.to_owned(),
        hex.to_uppercase(),
        app::units::short_digest(digest),
        format!("sha256:{}", &hex[..8]),
        config[..12].to_owned(),
        format!("docker://sha256:{config}"),
        format!("Back-off pulling image \"{host}/shop/team/web:1.4.2\""),
        "HARBOR.example/shop/team/web:1.4.2".to_owned(),
        "harbor.example:443/shop/team/web:1.4.2".to_owned(),
        "harbor/shop/team/web:1.4.2".to_owned(),
        "  shop/team/web:1.4.2\u{a0}".to_owned(),
        "shop/te\u{200b}am/web:1.4.2".to_owned(),
        "拉取镜像失败：“harbor.example/shop/team/web:1.4.2”，请检查".to_owned(),
        "TEAM/Web".to_owned(),
        "web 1.4.2".to_owned(),
        "team/web:1.4".to_owned(),
        "manifest unknown: manifest tagged by \"1.4.2\" is not found".to_owned(),
        format!("Get \"https://{host}/v2/shop/team/web/manifests/1.4.2\": EOF"),
        format!("https://{host}/harbor/projects/3/repositories/team%252Fweb/artifacts-tab/artifacts/{digest}"),
    ] {
        assert_eq!(first(&estate, &text).await, web, "{text}");
    }
    let chart = ("shop/charts/shop:1.2.0_build.7".to_owned(), HitRole::Tag, Presence::Yes, true);
    for text in [
        format!("oci://{host}/shop/charts/shop"),
        format!("helm pull oci://{host}/shop/charts/shop --version 1.2.0+build.7"),
        "1.2.0+build.7".to_owned(),
        "shop/charts/shop:1.2.0+build.7".to_owned(),
    ] {
        assert_eq!(first(&estate, &text).await, chart, "{text}");
    }
    // What does not fit is said, and whatever does is shown.
    let notes = async |text: &str| {
        let found = find(&estate, "shop", text).await;
        (found.hits.len(), found.notes)
    };
    let unknown = SearchNote::UnknownHost { host: "registry.elsewhere.io".to_owned() };
    assert_eq!(notes("registry.elsewhere.io/shop/team/web:1.4.2").await, (1, vec![unknown]));
    let (hits, said) = notes("shop/team/web:9.9").await;
    assert_eq!((hits, said), (1, vec![SearchNote::TagUnknown { repository: "shop/team/web".to_owned(), tag: "9.9".to_owned() }]));
    for name in ["", "shop/team/web:", "harbor.example/shop/team/web:"] {
        let tag = format!("sha256-{hex}.sig");
        assert_eq!(notes(&format!("{name}{tag}")).await, (1, vec![SearchNote::AccessoryUnknown { tag }]), "{name}");
    }
    assert_eq!(first(&estate, "shop-1.2.0+build.7.tgz").await, chart);
    let (hits, said) = notes(&format!("shop/charts/shop@{digest}")).await;
    assert!(hits == 1 && matches!(said.as_slice(), [SearchNote::Elsewhere { .. }]), "{said:?}");
    let (hits, said) = notes(&format!("shop/team/web:1.4.2@sha256:{}", "0".repeat(64))).await;
    assert!(hits == 1 && matches!(said.as_slice(), [SearchNote::DigestUnknown { .. }]), "{said:?}");
    assert_eq!(notes("web-5d4f6c-abcde 0/1 ImagePullBackOff 0 3m since it was restarted").await, (0, vec![SearchNote::NothingNamed]));
    assert_eq!(notes("https://harbor.example/").await, (0, vec![SearchNote::OnlyHost { host: "harbor.example".to_owned() }]));
    assert_eq!(notes("sha256:94").await.1, vec![SearchNote::TooShort]);
    assert_eq!(notes(&format!("sha512:{}", "a".repeat(128))).await.1, vec![SearchNote::OtherAlgorithm]);
    let too_long = projects::search(&estate.state, &viewer("shop"), &"x".repeat(5_000), true).await.unwrap_err().into_api(None);
    assert_eq!(too_long.kind, ErrorKind::Invalid);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn untagged_images_children_and_accessories_are_found_by_their_digests(pool: PgPool) {
    let estate = Estate::new(pool, &["shop", "other"]).await;
    let (one, two, loose) = (images::simple("amd", &[9]), images::simple("arm", &[9]), images::simple("loose", &[9]));
    let index = estate.sim.push_index("shop/multi", "1", &[&one, &two]).await.unwrap();
    estate.sim.push_image("shop/loose", &loose.manifest.digest.clone(), &loose).await.unwrap();
    let sbom = estate.sim.refer("shop/multi", &index, "application/spdx+json", "{}").await.unwrap();
    estate.run().await;
    let part = |digest: &str| digest["sha256:".len()..][..12].to_owned();
    for (digest, role) in [
        (&two.manifest.digest, HitRole::Child),
        (&loose.manifest.digest, HitRole::Untagged),
        (&sbom.manifest.digest, HitRole::Accessory),
        (&index.digest, HitRole::Tag),
    ] {
        let found = find(&estate, "shop", &part(digest)).await;
        assert_eq!(found.hits.len(), 1, "{role:?}: {found:?}");
        let hit = &found.hits[0];
        assert_eq!((hit.role, hit.in_harbor.state, hit.in_harbor.live), (role, Presence::Yes, true));
        assert_eq!(&hit.digest, digest);
        assert!(hit.restore_at.is_some());
        assert_eq!(find(&estate, "other", &part(digest)).await, Found::default(), "and by nobody else");
        assert_eq!(find(&estate, "other", digest).await.hits, []);
    }
    assert_eq!(find(&estate, "shop", &sbom.manifest.digest).await.hits[0].subject.as_ref(), Some(&index.digest));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn harbor_says_what_it_has_and_without_it_the_answer_says_how_old_it_is(pool: PgPool) {
    let estate = Estate::new(pool, &["shop"]).await;
    for tag in ["gone", "moved", "untagged"] {
        estate.sim.push_image("shop/app", tag, &images::simple(tag, &[5])).await.unwrap();
    }
    estate.run().await;
    delete(&estate, "shop/app", "gone").await;
    estate.sim.push_image("shop/app", "moved", &images::simple("new", &[5])).await.unwrap();
    delete(&estate, "shop/app", "untagged/tags/untagged").await;
    for (tag, state, now) in [
        ("gone", Presence::No, TagNow::Gone),
        ("moved", Presence::Moved, TagNow::Moved),
        ("untagged", Presence::Untagged, TagNow::Gone),
        ("1", Presence::Yes, TagNow::Same),
    ] {
        let repository = if tag == "1" { "shop/web" } else { "shop/app" };
        let hit = find(&estate, "shop", &format!("{repository}:{tag}")).await.hits.remove(0);
        assert_eq!((hit.in_harbor.state, hit.in_harbor.live, hit.now), (state, true, now), "{tag}");
        let history = projects::tag_history(&estate.state, &viewer("shop"), "sim", "shop", repository, tag, true).await.unwrap();
        let there = history.in_harbor.unwrap();
        assert_eq!((there.state, there.live), (state, true), "{tag}");
        assert_eq!(history.spans[0].to, None, "the newest snapshot is older than what happened");
    }
    let browse = async || {
        let query =
            BrowseQuery { harbor: "sim".to_owned(), project: "shop".to_owned(), repo: Some("shop/app".to_owned()), ..Default::default() };
        let browse = projects::browse(&estate.state, &viewer("shop"), query).await.unwrap();
        (browse.now_live, browse.tags.into_iter().map(|tag| (tag.tag, tag.now)).collect::<Vec<_>>())
    };
    let now = |tag: &str, now: TagNow| (tag.to_owned(), now);
    let same = [now("gone", TagNow::Same), now("moved", TagNow::Same), now("untagged", TagNow::Same)];
    assert_eq!(browse().await, (true, vec![now("gone", TagNow::Gone), now("moved", TagNow::Moved), now("untagged", TagNow::Gone)]));
    // Nobody answers at its address any more.
    sqlx::query("update harbor set url = 'http://127.0.0.1:9', version = version + 1").execute(&estate.pool).await.unwrap();
    let asked = estate.sim.control().total();
    assert!(browse().await.0, "what was asked a moment ago is not asked again");
    assert_eq!(estate.sim.control().total(), asked);
    estate.state.said_now.forget();
    let found = find(&estate, "shop", "shop/app:gone").await;
    let newest: time::OffsetDateTime = sqlx::query_scalar("select max(moment) from snapshot").fetch_one(&estate.pool).await.unwrap();
    let hit = &found.hits[0];
    assert_eq!((hit.in_harbor.state, hit.in_harbor.live, hit.in_harbor.at.0), (Presence::Yes, false, newest));
    assert!(matches!(found.notes.as_slice(), [SearchNote::NotAsked { .. }]), "{:?}", found.notes);
    let history = projects::tag_history(&estate.state, &viewer("shop"), "sim", "shop", "shop/app", "gone", true).await.unwrap();
    let there = history.in_harbor.unwrap();
    assert_eq!((there.state, there.live, there.at.0), (Presence::Yes, false, newest));
    assert!(history.live_error.is_some());
    assert_eq!(browse().await, (false, same.to_vec()), "as of the newest snapshot, which is said");
}

/// Has the harbor read by a robot, as outside of tests, where its administrator is refused nothing.
pub(super) async fn read_by_a_robot(estate: &Estate) {
    let (user, password) = estate.sim.admin();
    let access = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(resource, action)| serde_json::json!({ "resource": resource, "action": action })).collect::<Vec<_>>()
    };
    let rights = access(&[
        ("repository", "pull"),
        ("repository", "list"),
        ("repository", "read"),
        ("artifact", "list"),
        ("artifact", "read"),
        ("tag", "list"),
        ("project", "read"),
    ]);
    let robot = serde_json::json!({
        "name": "reader", "level": "system", "duration": -1,
        "permissions": [
            { "kind": "system", "namespace": "/", "access": access(&[("project", "list")]) },
            { "kind": "project", "namespace": "*", "access": rights },
        ],
    });
    let made = reqwest::Client::new().post(format!("{}/api/v2.0/robots", estate.sim.url())).basic_auth(user, Some(password)).json(&robot);
    let made: serde_json::Value = made.send().await.unwrap().error_for_status().unwrap().json().await.unwrap();
    let place = crate::crypto::Place { table: "harbor", column: "read_secret", row: estate.harbor_id };
    let secret = estate.state.keys.seal(place, &secrecy::SecretString::from(made["secret"].as_str().unwrap()));
    sqlx::query("update harbor set read_login = $1, read_secret = $2, version = version + 1")
        .bind(made["name"].as_str().unwrap())
        .bind(secret)
        .execute(&estate.pool)
        .await
        .unwrap();
}

/// Whoever is no administrator is refused what is of a project that is not there, in the words for a right that is missing.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn of_a_project_that_is_gone_nothing_is_there_and_no_right_is_missing(pool: PgPool) {
    let estate = Estate::new(pool, &["shop"]).await;
    estate.run().await;
    read_by_a_robot(&estate).await;
    let there = async || {
        estate.state.said_now.forget();
        let found = find(&estate, "shop", "shop/web:1").await;
        assert_eq!(found.notes, []);
        let history = projects::tag_history(&estate.state, &viewer("shop"), "sim", "shop", "shop/web", "1", true).await.unwrap();
        assert!(history.live_error.is_none());
        let diff = projects::compare_live(&estate.state, &viewer("shop"), "sim", "shop", None).await.unwrap();
        assert!(diff.error.is_none());
        let in_harbor = &found.hits[0].in_harbor;
        assert_eq!(history.in_harbor.unwrap().state, in_harbor.state);
        (in_harbor.state, in_harbor.live, diff.same, diff.missing)
    };
    assert_eq!(there().await, (Presence::Yes, true, 2, 0));
    let (user, password) = estate.sim.admin();
    for path in ["projects/shop/repositories/web", "projects/shop/repositories/api", "projects/shop"] {
        let gone = reqwest::Client::new().delete(format!("{}/api/v2.0/{path}", estate.sim.url())).basic_auth(user, Some(password));
        gone.send().await.unwrap().error_for_status().unwrap();
    }
    assert_eq!(there().await, (Presence::No, true, 0, 2));
}

/// A login that stopped counting gets listings of public projects alone: what it does not see is not said to be gone.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_login_that_does_not_count_is_no_answer(pool: PgPool) {
    let estate = Estate::new(pool, &["shop"]).await;
    estate.run().await;
    let place = crate::crypto::Place { table: "harbor", column: "read_secret", row: estate.harbor_id };
    let wrong = estate.state.keys.seal(place, &secrecy::SecretString::from("wrong"));
    sqlx::query("update harbor set read_secret = $1, version = version + 1").bind(wrong).execute(&estate.pool).await.unwrap();
    let found = find(&estate, "shop", "shop/web:1").await;
    assert_eq!((found.hits[0].in_harbor.state, found.hits[0].in_harbor.live), (Presence::Yes, false));
    assert!(matches!(found.notes.as_slice(), [SearchNote::NotAsked { .. }]), "{:?}", found.notes);
}

/// S-4: what is asked of Harbor for a person goes through a project that person sees.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_viewer_of_one_project_learns_nothing_of_another(pool: PgPool) {
    let estate = Estate::new(pool, &["shop", "payments"]).await;
    estate.run().await;
    let host = estate.sim.addr().to_string();
    let foreign = find(&estate, "nowhere", &format!("{host}/payments/web:1")).await;
    assert_eq!((foreign.hits.len(), foreign.notes), (0, vec![SearchNote::UnknownHost { host: host.clone() }]));
    let same = |text: &'static str| find(&estate, "shop", text);
    assert_eq!(same("payments/web:1").await, same("absent/web:1").await);
    let ask = async |repository: &str| {
        let asked = projects::tag_history(&estate.state, &viewer("shop"), "sim", "shop", repository, "1", true).await;
        asked.map(|history| history.live).map_err(|error| error.into_api(None))
    };
    assert_eq!(ask("payments/web").await, ask("absent/web").await);
    assert_eq!(ask("payments/web").await.unwrap_err().kind, ErrorKind::NotFound);
    assert!(ask("shop/web").await.unwrap().is_some());
}
