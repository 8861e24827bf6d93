//! S-60..S-69: a credential goes to the registry and nowhere else. A sink remembers every head it gets.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use registry::RegistryError;
use serde_json::json;
use testkit::{Sink, images};
use vocab::Digest;

use crate::stub::{Stub, answer, json as reply, status};
use crate::support::{CANARY, client_with, quick, read, repository, robot, tag, user};

fn assert_untold(sink: &Sink) {
    use base64::Engine as _;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("robot$test:{CANARY}"));
    for secret in [CANARY, &basic, "authorization", "cookie", "referer", "bearer"] {
        assert!(!sink.saw(secret), "the sink was told {secret}: {:?}", sink.heads());
    }
}

#[tokio::test]
async fn a_blob_is_followed_to_another_host_without_credential_cookie_or_referer() {
    let (sink, content) = (Sink::start().await, Bytes::from_static(b"the blob"));
    sink.set_answer(200, vec![], content.clone());
    let target = format!("{}/bucket/blob?signature=abc", sink.url());
    let server = Stub::start(move |_, _| answer(307, &[("location", &target), ("set-cookie", "sid=1")], "")).await;
    let got = read(&robot(&server.url), &repository("p/r"), &Digest::of(&content), Some(8)).await.unwrap();
    assert_eq!(got, content);
    assert_eq!(sink.heads().len(), 1);
    assert!(sink.heads()[0].contains("signature=abc"));
    assert_untold(&sink);
    assert!(server.asked()[0].header("authorization").is_some(), "the registry itself does get it");
}

#[tokio::test]
async fn a_challenge_at_the_target_of_a_redirect_is_not_answered() {
    let sink = Sink::start().await;
    let realm = format!("Bearer realm=\"{}/token\",service=\"x\"", sink.url());
    sink.set_answer(401, vec![(http::header::WWW_AUTHENTICATE, HeaderValue::from_str(&realm).unwrap())], "");
    let target = format!("{}/blob", sink.url());
    let server = Stub::start(move |_, _| answer(307, &[("location", &target)], "")).await;
    let error = read(&robot(&server.url), &repository("p/r"), &Digest::of(b"x"), None).await.unwrap_err();
    assert!(matches!(&error, RegistryError::StorageUnreachable { why, .. } if why.contains("401")), "{error:?}");
    assert!(!sink.saw("/token"));
    assert_eq!(sink.heads().len(), 2, "a fresh redirect may help once");
    assert_untold(&sink);
}

#[tokio::test]
async fn redirects_end_after_three_and_never_lead_to_a_forbidden_address() {
    let server = Stub::start(|asked, _| answer(307, &[("location", &format!("{}x", asked.path))], "")).await;
    let error = read(&robot(&server.url), &repository("p/r"), &Digest::of(b"x"), None).await.unwrap_err();
    assert_eq!(error.code(), "redirect_refused");
    assert_eq!(server.asked().len(), 4, "the request and three hops");
    for bad in [
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]:1/",
        "http://10.0.0.1/",
        "http://0x7f000001.evil.localhost/",
        "file:///etc/passwd",
        "http://user:pw@127.0.0.1/",
    ] {
        let server = Stub::start(move |_, _| answer(307, &[("location", bad)], "")).await;
        let error = read(&robot(&server.url), &repository("p/r"), &Digest::of(b"x"), None).await.unwrap_err();
        assert!(matches!(error, RegistryError::StorageUnreachable { .. }), "{bad}: {error:?}");
        assert_eq!(server.asked().len(), 1, "{bad}");
    }
}

#[tokio::test]
async fn only_blobs_are_followed() {
    let sink = Sink::start().await;
    let target = sink.url();
    let server = Stub::start(move |_, _| answer(302, &[("location", &target)], "")).await;
    let client = robot(&server.url);
    let name = repository("p/r");
    assert_eq!(client.manifest_get(&name, &Digest::of(b"x")).await.unwrap_err().code(), "redirect_refused");
    assert_eq!(client.projects().await.unwrap_err().code(), "redirect_refused");
    assert_eq!(client.manifest_put(&name, &tag("a"), "x/y", Bytes::from_static(b"{}")).await.unwrap_err().code(), "redirect_refused");
    assert!(sink.heads().is_empty());
}

#[tokio::test]
async fn a_token_service_on_another_host_gets_nothing() {
    let sink = Sink::start().await;
    sink.set_answer(200, vec![], r#"{"token":"t","expires_in":60}"#);
    let realm = format!("Bearer realm=\"{}/token\",service=\"x\"", sink.url());
    let server = Stub::start(move |_, _| answer(401, &[("www-authenticate", &realm)], "")).await;
    for client in [robot(&server.url), user(&server.url)] {
        let error = client.manifest_head(&repository("p/r"), &tag("v1")).await.unwrap_err();
        assert_eq!(error.code(), "redirect_refused", "same host, other port");
    }
    assert!(sink.heads().is_empty());
}

#[tokio::test]
async fn an_upload_location_on_another_host_is_refused_before_a_byte_leaves() {
    let sink = Sink::start().await;
    let target = format!("http://localhost:{}/v2/p/r/blobs/uploads/1", sink.addr().port());
    let server = Stub::start(move |_, _| answer(202, &[("location", &target)], "")).await;
    let image = images::image(1, 1, 10);
    let (digest, bytes) = &image.blobs[1];
    let error = robot(&server.url).blob_put_bytes(&repository("p/r"), digest, bytes.clone()).await.unwrap_err();
    assert_eq!(error.code(), "redirect_refused");
    assert_eq!(server.asked().len(), 1);
    assert!(sink.heads().is_empty());
}

#[tokio::test]
async fn cookies_are_never_sent_back() {
    let server = Stub::start(|_, _| answer(200, &[("set-cookie", "sid=secret; Path=/"), ("content-type", "application/json")], "[]")).await;
    let client = robot(&server.url);
    client.prove_login().await.unwrap();
    client.projects().await.unwrap();
    assert!(server.asked().iter().all(|a| a.header("cookie").is_none()));
}

/// A registry with a token service that gives tokens of `life_s`, each good for `uses` requests.
async fn token_registry(life_s: u64, uses: usize) -> Stub {
    use std::sync::Mutex;
    let state = Mutex::new((0_usize, 0_usize));
    Stub::start(move |asked, _| {
        let host = asked.header("host").unwrap().to_owned();
        let mut state = state.lock().unwrap();
        if asked.path == "/service/token" {
            state.0 += 1;
            state.1 = 0;
            let token = format!("token-{}", state.0);
            return reply(200, &json!({ "token": token, "access_token": "", "expires_in": life_s }));
        }
        if asked.path.starts_with("/api/") {
            return reply(200, &json!([]));
        }
        let good = asked.header("authorization") == Some(&format!("Bearer token-{}", state.0)) && state.1 < uses;
        if good {
            state.1 += 1;
            return answer(200, &[("docker-content-digest", &Digest::of(b"x").to_string()), ("content-type", "a/b")], "");
        }
        // Harbor: without a header a Bearer challenge, with a stale one a Basic challenge.
        let challenge = if asked.header("authorization").is_none() {
            format!("Bearer realm=\"http://{host}/service/token\",service=\"harbor-registry\",scope=\"repository:p/r:pull\"")
        } else {
            "Basic realm=\"harbor\"".to_owned()
        };
        answer(401, &[("www-authenticate", &challenge)], "")
    })
    .await
}

fn count(stub: &Stub, path: &str) -> usize {
    stub.asked().iter().filter(|a| a.path.starts_with(path)).count()
}

#[tokio::test]
async fn a_user_gets_one_token_for_many_requests_and_the_password_goes_to_the_realm_only() {
    let server = token_registry(1800, usize::MAX).await;
    let (client, name) = (user(&server.url), repository("p/r"));
    for _ in 0..5 {
        client.manifest_head(&name, &tag("v1")).await.unwrap().unwrap();
    }
    assert_eq!(count(&server, "/service/token"), 1);
    for asked in server.asked() {
        let basic = asked.header("authorization").is_some_and(|a| a.starts_with("Basic"));
        assert_eq!(basic, asked.path == "/service/token", "{} {}", asked.method, asked.path);
    }
    let scope = server.asked().into_iter().find(|a| a.path == "/service/token").unwrap().query;
    assert!(scope.ends_with("scope=repository%3Ap%2Fr%3Apull"), "{scope}: a read asks for pull and nothing else");
}

#[tokio::test]
async fn a_token_that_expired_on_the_way_is_replaced_once_and_the_request_goes_on() {
    let server = token_registry(1800, 2).await;
    let (client, name) = (user(&server.url), repository("p/r"));
    for _ in 0..5 {
        client.manifest_head(&name, &tag("v1")).await.unwrap().unwrap();
    }
    assert_eq!(count(&server, "/service/token"), 3, "two requests a token");
}

#[tokio::test]
async fn tokens_of_no_life_are_asked_for_each_time_and_work() {
    let server = token_registry(0, usize::MAX).await;
    let (client, name) = (user(&server.url), repository("p/r"));
    for _ in 0..3 {
        client.manifest_head(&name, &tag("v1")).await.unwrap().unwrap();
    }
    assert_eq!(count(&server, "/service/token"), 3);
}

#[tokio::test]
async fn concurrent_requests_share_one_token() {
    let server = token_registry(1800, usize::MAX).await;
    let client = user(&server.url);
    client.manifest_head(&repository("p/r"), &tag("v0")).await.unwrap();
    let many = (0..20).map(|_| {
        let client = client.clone();
        async move { client.manifest_head(&repository("p/other"), &tag("v1")).await }
    });
    futures::future::try_join_all(many).await.unwrap();
    assert_eq!(count(&server, "/service/token"), 2, "one for each repository");
}

#[tokio::test]
async fn a_second_401_ends_the_matter_without_a_loop_or_a_storm() {
    // The login itself is good: a right is missing.
    let server = Stub::start(|asked, _| match asked.path.as_str() {
        "/api/v2.0/users/current/permissions" => reply(200, &json!([])),
        "/api/v2.0/projects" => status(200),
        _ => answer(
            401,
            &[("www-authenticate", "Basic realm=\"harbor\"")],
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized"}]}"#,
        ),
    })
    .await;
    let error = robot(&server.url).manifest_get(&repository("p/r"), &Digest::of(b"x")).await.unwrap_err();
    assert_eq!(error.code(), "forbidden");
    assert!(server.asked().len() <= 4, "{}", server.asked().len());
    // The login is bad.
    let server = Stub::start(|_, _| answer(401, &[("www-authenticate", "Basic realm=\"harbor\"")], "")).await;
    let client = robot(&server.url);
    let all = (0..20).map(|_| {
        let client = client.clone();
        async move { client.manifest_get(&repository("p/r"), &Digest::of(b"x")).await.unwrap_err().code() }
    });
    let codes = futures::future::join_all(all).await;
    assert!(codes.iter().all(|c| *c == "not_logged_in"), "{codes:?}");
    assert!(count(&server, "/api/") <= 2, "twenty refusals prove the login once: {}", count(&server, "/api/"));
}

#[tokio::test]
async fn a_user_frozen_by_somebody_elses_wrong_password_is_asked_again() {
    let server = Stub::start(|asked, before| {
        if asked.path.ends_with("/permissions") && before == 0 {
            reply(401, &json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "unauthorized" }] }))
        } else {
            reply(200, &json!([]))
        }
    })
    .await;
    user(&server.url).prove_login().await.unwrap();
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_unknown_project_is_not_mistaken_for_a_bad_login() {
    let server = Stub::start(|asked, _| match (asked.method.as_str(), asked.path.as_str()) {
        (_, "/api/v2.0/users/current/permissions") => reply(200, &json!([])),
        ("HEAD", "/api/v2.0/projects") => status(404),
        _ => answer(
            401,
            &[("www-authenticate", "")],
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"project nope not found: project nope not found"}]}"#,
        ),
    })
    .await;
    let client = robot(&server.url);
    assert_eq!(client.manifest_get(&repository("nope/r"), &Digest::of(b"x")).await.unwrap_err().code(), "not_found");
    assert_eq!(
        client.manifest_head(&repository("nope/r"), &tag("v1")).await.unwrap(),
        None,
        "HEAD has no message; the project is looked up"
    );
    assert_eq!(
        client.blob_mount(&repository("p/r"), &Digest::of(b"x"), &repository("nope/r")).await.unwrap(),
        registry::Mount::NeedsUpload
    );
}

#[tokio::test]
async fn the_silent_agent_is_exact_on_manifest_reads_and_nowhere_else() {
    let server = Stub::start(|asked, _| {
        if asked.path.contains("/manifests/") { answer(200, &[("content-type", "a/b")], "{}") } else { reply(200, &json!([])) }
    })
    .await;
    let client = client_with(&server.url, "robot$test", CANARY, quick());
    client.manifest_get(&repository("p/r"), &Digest::of(b"{}")).await.unwrap();
    client.manifest_head(&repository("p/r"), &tag("v1")).await.unwrap();
    client.projects().await.unwrap();
    let agents: Vec<_> = server.asked().iter().map(|a| a.header("user-agent").unwrap().to_owned()).collect();
    assert_eq!(agents[0], "harbor-registry-client");
    assert!(agents[1..].iter().all(|a| a.starts_with("breakwater/")), "{agents:?}");
}

#[tokio::test]
async fn errors_hold_no_secret_and_no_query() {
    let name: HeaderName = HeaderName::from_static("x-request-id");
    let server = Stub::start(move |_, _| answer(500, &[(name.as_str(), "req-17")], "")).await;
    let error = robot(&server.url).projects().await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("req-17") && !text.contains(CANARY) && !text.contains("page_size"), "{text}");
}
