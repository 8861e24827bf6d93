//! What is tried before a bucket is trusted.

use http::Method;
use http::header::ETAG;
use testkit::{Act, Nth, Proxy, Rule, S3Server};
use vault::store::bucket::{Advice, Found, Outcome, Probe, Promise, is_fit};

use super::{store, store_at};

fn of(probes: &[Probe], promise: Promise) -> &Probe {
    probes.iter().find(|probe| probe.promise == promise).unwrap_or_else(|| panic!("{promise:?} was not tried: {probes:?}"))
}

#[tokio::test]
async fn a_good_bucket_passes_and_is_left_as_it_was() {
    let Some(server) = S3Server::start().await else { return };
    let name = server.bucket();
    let probes = store_at(&server.url(), &name).probe().await;
    assert_eq!(probes.len(), 11, "{probes:?}");
    assert!(probes.iter().all(|probe| probe.outcome == Outcome::Pass), "{probes:?}");
    let left =
        std::fs::read_dir(server.folder(&name)).unwrap().filter(|e| !e.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn a_server_that_ignores_the_condition_of_a_put_is_unfit() {
    let Some(server) = S3Server::start().await else { return };
    let proxy = Proxy::start(&server.url()).await;
    // The second put of one name, which carries the condition, is taken.
    let ignored = proxy.fault(Rule::new(Method::PUT, "/first").nth(Nth::Only(2)), Act::with_header(200, ETAG, "\"x\""));
    let probes = store_at(&proxy.url(), &server.bucket()).probe().await;
    assert_eq!(ignored.fired(), 1);
    assert_eq!(of(&probes, Promise::ConditionalPut).outcome, Outcome::Fail, "{probes:?}");
    assert!(!is_fit(&probes));
    proxy.clear_faults();
    // Both ways of sending wrong bytes are taken.
    let ignored = proxy.fault(Rule::new(Method::PUT, "/wrong"), Act::with_header(200, ETAG, "\"x\""));
    let probes = store_at(&proxy.url(), &server.bucket()).probe().await;
    assert_eq!(ignored.fired(), 2);
    assert_eq!(of(&probes, Promise::Checksum).outcome, Outcome::Fail, "{probes:?}");
}

#[tokio::test]
async fn an_unreachable_bucket_is_said_once_with_a_remedy() {
    let Some(server) = S3Server::start().await else { return };
    let probes = store_at(&server.url(), "no-such-bucket").probe().await;
    assert_eq!(probes.len(), 1);
    let reach = of(&probes, Promise::Reach);
    assert!(reach.outcome == Outcome::Fail && reach.advice == Some(Advice::CheckBucket), "{reach:?}");
    assert!(matches!(&reach.found, Found::Failed { why } if why.contains("NoSuchBucket")), "{reach:?}");
    let proxy = Proxy::start(&server.url()).await;
    let reset = proxy.fault(Rule::new(Method::GET, ""), Act::Reset);
    assert!(!is_fit(&store_at(&proxy.url(), &server.bucket()).probe().await));
    assert!(reset.fired() > 0);
    assert!(is_fit(&store(&server).probe().await));
}
