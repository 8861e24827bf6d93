//! Login proof, robots, tokens.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{As, topic};
use harbor_sim::images;

fn wrong() -> As {
    As::Basic("nobody-of-that-name".to_owned(), "wrong-Password-1".to_owned())
}

#[tokio::test]
async fn a_wrong_password_is_nobody_and_only_the_permission_call_says_so() {
    topic(|h| async move {
        let (private, _) = h.project("p", json!({})).await;
        let (public, _) = h.project("q", json!({"metadata": {"public": "true"}})).await;
        for who in [As::Nobody, wrong()] {
            let list = h.api_as(&who, Method::GET, "/projects?page_size=100", None).await.expect(200);
            let names = crate::harness::texts(&list.json(), "name");
            assert!(names.contains(&public) && !names.contains(&private), "{names:?}");
            h.api_as(&who, Method::GET, "/users/current/permissions", None).await.refuse(401, "UNAUTHORIZED");
            h.api_as(&who, Method::GET, "/users/current", None).await.refuse(401, "UNAUTHORIZED");
            let info = h.api_as(&who, Method::GET, "/systeminfo", None).await.expect(200).json();
            assert!(info.get("current_time").is_none());
            let path = format!("/projects/{private}/repositories");
            h.api_as(&who, Method::GET, &path, None).await.refuse(401, "UNAUTHORIZED");
        }
        let proof = h.get("/users/current/permissions").await.expect(200);
        assert_eq!(proof.json(), json!([]));
        assert!(h.get("/systeminfo").await.expect(200).json()["current_time"].is_string());
    })
    .await;
}

#[tokio::test]
async fn v2_challenges_by_the_presence_of_an_authorization_header() {
    topic(|h| async move {
        let bare = h.send(&As::Nobody, Method::GET, "/v2/", &[], Vec::new()).await.refuse(401, "UNAUTHORIZED");
        assert!(bare.header("www-authenticate").unwrap().starts_with("Bearer realm=\"http"));
        assert_eq!(bare.header("docker-distribution-api-version"), Some("registry/2.0"));
        let failed = h.send(&wrong(), Method::GET, "/v2/", &[], Vec::new()).await.refuse(401, "UNAUTHORIZED");
        assert_eq!(failed.header("www-authenticate"), Some("Basic realm=\"harbor\""));
        h.v2(Method::GET, "").await.expect(200);
        let (name, _) = h.project("p", json!({"metadata": {"public": "true"}})).await;
        let path = format!("/v2/{name}/r/manifests/x");
        let public = h.send(&As::Nobody, Method::HEAD, &path, &[], Vec::new()).await.expect(401);
        assert!(public.header("www-authenticate").unwrap().contains(&format!("scope=\"repository:{name}/r:pull\"")));
        let unknown = h.v2(Method::GET, &format!("{}nope/r/manifests/x", h.prefix)).await.refuse(401, "UNAUTHORIZED");
        assert_eq!(unknown.header("www-authenticate"), Some(""));
        assert!(unknown.message().contains("not found"));
    })
    .await;
}

#[tokio::test]
async fn a_token_carries_all_its_owner_may_and_nobodys_token_nothing() {
    topic(|h| async move {
        let (name, _) = h.project("p", json!({})).await;
        let image = images::simple(&h.prefix, &[500]);
        h.push(&format!("{name}/r"), "v1", &image).await;
        let path = format!("/service/token?service=harbor-registry&scope=repository:{name}/r:pull");
        let token = h.send(&As::Admin, Method::GET, &path, &[], Vec::new()).await.expect(200).json();
        let bearer = As::Bearer(token["token"].as_str().unwrap().to_owned());
        let manifest = format!("/v2/{name}/r/manifests/v1");
        let accept = [("accept", crate::harness::ALL_MANIFESTS)];
        h.send(&bearer, Method::HEAD, &manifest, &accept, Vec::new()).await.expect(200);
        h.put_manifest_as(&bearer, &format!("{name}/r"), "v2", &image.manifest).await.expect(201);
        h.api_as(&bearer, Method::GET, "/users/current/permissions", None).await.expect(401);
        let token = h.send(&wrong(), Method::GET, &path, &[], Vec::new()).await.expect(200).json();
        let nobody = As::Bearer(token["token"].as_str().unwrap().to_owned());
        h.send(&nobody, Method::HEAD, &manifest, &accept, Vec::new()).await.expect(401);
    })
    .await;
}

fn grant(kind: &str, namespace: &str, pairs: &[&str]) -> Value {
    let access: Vec<Value> = pairs
        .iter()
        .map(|pair| {
            let (resource, action) = pair.split_once(':').unwrap();
            json!({"resource": resource, "action": action})
        })
        .collect();
    json!({"kind": kind, "namespace": namespace, "access": access})
}

#[tokio::test]
async fn a_robot_may_do_what_it_was_given_and_no_more() {
    topic(|h| async move {
        let (name, id) = h.project("p", json!({})).await;
        let (other, other_id) = h.project("o", json!({})).await;
        let repository = format!("{name}/a/b");
        h.push(&repository, "v1", &images::simple(&h.prefix, &[700])).await;
        let permissions = [grant("project", &name, &["repository:list", "repository:pull", "artifact:list", "artifact:read", "tag:list"])];
        let body = json!({"name": "reader", "level": "project", "duration": -1, "permissions": permissions});
        let (robot_id, robot) = h.robot(body).await;
        let As::Basic(full, _) = &robot else { unreachable!() };
        assert!(full.ends_with(&format!("{name}+reader")), "{full}");

        h.api_as(&robot, Method::GET, "/users/current/permissions", None).await.expect(200);
        h.api_as(&robot, Method::GET, "/users/current", None).await.refuse(412, "PRECONDITION");
        let path = format!("/users/current/permissions?scope=/project/{id}&relative=true");
        let mine = h.api_as(&robot, Method::GET, &path, None).await.expect(200).json();
        let pairs: Vec<String> = mine
            .as_array()
            .unwrap()
            .iter()
            .map(|p| format!("{}:{}", p["resource"].as_str().unwrap(), p["action"].as_str().unwrap()))
            .collect();
        assert!(pairs.contains(&"repository:pull".to_owned()) && !pairs.contains(&"repository:push".to_owned()));
        let path = format!("/users/current/permissions?scope=/project/{other_id}&relative=true");
        assert_eq!(h.api_as(&robot, Method::GET, &path, None).await.expect(200).json(), json!([]));

        let names = h.api_as(&robot, Method::GET, "/projects?page_size=100", None).await.expect(200).json();
        let names = crate::harness::texts(&names, "name");
        assert!(names.contains(&name) && !names.contains(&other));
        let artifacts = format!("/projects/{name}/repositories/a%252Fb/artifacts");
        h.api_as(&robot, Method::GET, &artifacts, None).await.expect(200);
        h.api_as(&robot, Method::DELETE, &format!("{artifacts}/v1"), None).await.refuse(403, "FORBIDDEN");
        h.api_as(&robot, Method::GET, &format!("/projects/{other}/repositories"), None).await.refuse(403, "FORBIDDEN");
        let unknown = format!("/projects/{}nope/repositories", h.prefix);
        h.api_as(&robot, Method::GET, &unknown, None).await.refuse(403, "FORBIDDEN");
        let put = h.put_manifest_as(&robot, &repository, "v2", &images::simple(&h.prefix, &[700]).manifest).await;
        assert_eq!(put.status, 401, "lack of permission on /v2 is 401");
        h.api_as(&robot, Method::POST, "/projects", Some(json!({"project_name": format!("{}x", h.prefix)}))).await.expect(403);
        h.api_as(&robot, Method::GET, "/configurations", None).await.refuse(403, "FORBIDDEN");

        let shown = h.get(&format!("/robots/{robot_id}")).await.expect(200).json();
        let mut disabled = shown.clone();
        disabled["disable"] = json!(true);
        h.put(&format!("/robots/{robot_id}"), disabled).await.expect(200);
        h.api_as(&robot, Method::GET, "/users/current/permissions", None).await.expect(401);
        h.api_as(&robot, Method::GET, "/projects", None).await.expect(200);
        h.put(&format!("/robots/{robot_id}"), shown).await.expect(200);
        let secret = json!({"secret": "A-Known-Secret-1"});
        h.api_as(&As::Admin, Method::PATCH, &format!("/robots/{robot_id}"), Some(secret)).await.expect(200);
        let known = As::Basic(full.clone(), "A-Known-Secret-1".to_owned());
        h.api_as(&known, Method::GET, "/users/current/permissions", None).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_system_robot_sees_all_projects_and_makes_robots_within_its_own_rights() {
    topic(|h| async move {
        let (name, id) = h.project("p", json!({})).await;
        let permissions = [
            grant("system", "/", &["project:list", "project:create", "robot:create", "robot:delete", "audit-log:list"]),
            grant("project", "*", &["repository:list", "repository:pull", "repository:push", "member:list"]),
        ];
        let body = json!({"name": format!("{}s", h.prefix), "level": "system", "duration": -1, "permissions": permissions});
        let (_, robot) = h.robot(body).await;
        let names = h.api_as(&robot, Method::GET, "/projects?page_size=100", None).await.expect(200).json();
        assert!(crate::harness::texts(&names, "name").contains(&name));
        h.api_as(&robot, Method::GET, &format!("/projects/{name}/members"), None).await.expect(200);
        h.api_as(&robot, Method::GET, &format!("/projects/{name}/summary"), None).await.expect(403);
        let made = format!("{}r", h.prefix);
        h.remember_project(&made);
        let body = json!({"project_name": made, "storage_limit": 12_345_678});
        h.api_as(&robot, Method::POST, "/projects", Some(body)).await.expect(201);
        let summary = h.get(&format!("/projects/{made}/summary")).await.expect(200).json();
        assert_eq!(summary["quota"]["hard"]["storage"], 12_345_678);

        let child = |pairs: &[&str]| {
            let permissions = [grant("project", &name, pairs)];
            json!({"name": format!("{}c", h.prefix), "level": "system", "duration": 1, "permissions": permissions})
        };
        let denied = child(&["repository:delete"]);
        h.api_as(&robot, Method::POST, "/robots", Some(denied)).await.refuse(403, "DENIED");
        let got = h.api_as(&robot, Method::POST, "/robots", Some(child(&["repository:pull"]))).await.expect(201);
        let child_id = got.json()["id"].as_i64().unwrap();
        h.delete(&format!("/robots/{child_id}")).await.expect(200);
        let bad = json!({"name": "x", "level": "system", "duration": -1,
            "permissions": [grant("project", "*", &["configuration:read"])]});
        h.post("/robots", bad).await.refuse(400, "BAD_REQUEST");
        let list = h.get(&format!("/robots?q=Level%3Dproject,ProjectID%3D{id}")).await.expect(200);
        assert_eq!(list.total(), 0);
    })
    .await;
}
