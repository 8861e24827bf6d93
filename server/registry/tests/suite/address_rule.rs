//! S-50: spellings of loopback and other inner addresses; a canary on loopback must get no connection at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use registry::{AddressRule, Client, Credential, Endpoint, Limits, RegistryError};
use secrecy::SecretString;

use crate::support::CANARY;

/// `P` stands for the canary's port.
const SPELLINGS: &[&str] = &[
    "http://127.0.0.1:P",
    "http://127.1:P",
    "http://127.0.1:P",
    "http://127.0.0.1.:P",
    "http://2130706433:P",
    "http://0x7f000001:P",
    "http://0x7f.1:P",
    "http://0x7f.0x0.0x0.0x1:P",
    "http://017700000001:P",
    "http://0177.0.0.1:P",
    "http://0177.1:P",
    "http://00000177.0.0.01:P",
    "http://127.000.000.001:P",
    "http://0:P",
    "http://0.0.0.0:P",
    "http://0.0.0.0.:P",
    "http://00.0.0.0:P",
    "http://0x0:P",
    "http://localhost:P",
    "http://LOCALHOST:P",
    "http://localhost.:P",
    "http://LocalHost.:P",
    "http://foo.localhost:P",
    "http://a.b.localhost.:P",
    "http://[::1]:P",
    "http://[::]:P",
    "http://[0:0:0:0:0:0:0:1]:P",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]:P",
    "http://[::ffff:127.0.0.1]:P",
    "http://[::ffff:7f00:1]:P",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:P",
    "http://[::127.0.0.1]:P",
    "http://[::ffff:0:127.0.0.1]:P",
    "http://[64:ff9b::127.0.0.1]:P",
    "http://[64:ff9b::7f00:1]:P",
    "http://[2002:7f00:1::]:P",
    "http://[2002:7f00:0001::1]:P",
    "http://[2001:0:7f00:1::]:P",
    "http://[fe80::1]:P",
    "http://[fe80::1%25lo]:P",
    "http://[fe80::1%lo]:P",
    "http://[::1%25lo]:P",
    "http://[fc00::1]:P",
    "http://[fd00:ec2::254]:P",
    "http://[ff02::1]:P",
    "http://[::ffff:169.254.169.254]:P",
    "http://[::ffff:10.0.0.1]:P",
    "http://169.254.169.254:P",
    "http://169.254.1:P",
    "http://0xa9fea9fe:P",
    "http://2852039166:P",
    "http://0251.0376.0251.0376:P",
    "http://10.0.0.1:P",
    "http://10.1:P",
    "http://0xa.1:P",
    "http://167772161:P",
    "http://172.16.0.1:P",
    "http://192.168.0.1:P",
    "http://192.168.1:P",
    "http://100.64.0.1:P",
    "http://224.0.0.1:P",
    "http://255.255.255.255:P",
    "http://100.100.100.200:P",
    "http://168.63.129.16:P",
    "http://127\u{3002}0\u{3002}0\u{3002}1:P",
    "http://127\u{ff0e}0\u{ff0e}0\u{ff0e}1:P",
    "http://\u{2460}27.0.0.1:P",
    "http://\u{ff11}27.0.0.1:P",
    "http://\u{24db}ocalhost:P",
    "http:/127.0.0.1:P",
    "http:127.0.0.1:P",
    "http:///127.0.0.1:P",
    "http:\\\\127.0.0.1:P",
    "http:/\\127.0.0.1:P",
    "\\\\127.0.0.1:P",
    "//127.0.0.1:P",
    "127.0.0.1:P",
    "http://example.com@127.0.0.1:P",
    "http://example.com:80@127.0.0.1:P",
    "http://127.0.0.1:P@example.com",
    "http://@127.0.0.1:P",
    "http://127.0.0.1:P#@example.com",
    "http://127.0.0.1:P?@example.com",
    "http://127.0.0.1:P/path",
    "http://127.0.0.1\t:P",
    "http://127.0\n.0.1:P",
    "ht\ntp://127.0.0.1:P",
    "http://127.0.0.1\u{0}:P",
    "http://127.0.0.1\u{ad}:P",
    "http://127.0.0.1\u{200b}:P",
    "http://%31%32%37.0.0.1:P",
    "http://127%2e0%2e0%2e1:P",
    "http://127.0.0.1%00:P",
    "http://localhost%2e:P",
    "file://127.0.0.1:P",
    "ftp://127.0.0.1:P",
    "gopher://127.0.0.1:P",
    "ws://127.0.0.1:P",
    "javascript://127.0.0.1:P",
    "https://127.0.0.1:P",
    "HTTP://127.0.0.1:P",
    "http://127.0.0.1:22",
];

#[tokio::test]
async fn no_spelling_of_an_inner_address_reaches_a_canary_on_loopback() {
    assert!(SPELLINGS.len() >= 80, "{}", SPELLINGS.len());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let caught = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&caught);
    let canary = tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let long = format!("http://{}127.0.0.1:P", "0".repeat(2000));
    for spelling in SPELLINGS.iter().copied().chain([long.as_str()]) {
        let url = spelling.replace('P', &port);
        let Ok(endpoint) = Endpoint::new(&url, true, None, AddressRule::default()) else { continue };
        let credential = Credential { username: "robot$x".to_owned(), secret: SecretString::from(CANARY) };
        let limits = Limits { retry_max: 0, ..Limits::default() };
        let client = Client::new(endpoint, credential, limits).unwrap();
        let answer = client.prove_login().await;
        assert!(matches!(answer, Err(RegistryError::AddressRefused { .. } | RegistryError::Unresolved { .. })), "{spelling}: {answer:?}");
    }
    assert_eq!(caught.load(Ordering::SeqCst), 0);
    // The canary does hear: with the operator's leave a connection comes.
    let endpoint = Endpoint::new(&format!("http://127.0.0.1:{port}"), true, None, crate::support::loopback()).unwrap();
    let credential = Credential { username: String::new(), secret: SecretString::from("") };
    let client = Client::new(endpoint, credential, Limits { retry_max: 0, ..crate::support::quick() }).unwrap();
    assert!(client.prove_login().await.is_err());
    assert!(caught.load(Ordering::SeqCst) > 0, "the canary is deaf, so the zero above proves nothing");
    canary.abort();
}

#[test]
fn an_endpoint_is_scheme_host_and_port_and_nothing_else() {
    let new = |url: &str| Endpoint::new(url, false, None, AddressRule::default());
    for good in
        ["https://harbor.example.com", "https://harbor.example.com/", "https://harbor.example.com:8443", "HTTPS://Harbor.Example.com"]
    {
        assert!(new(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "harbor.example.com",
        "http://harbor.example.com",
        "https://",
        "https:///x",
        "https://h/x",
        "https://h?x",
        "https://h#x",
        "https://u@h",
        "https://u:p@h",
        "https://h:25",
        "https://h:99999",
    ] {
        assert!(new(bad).is_err(), "{bad}");
    }
    assert!(Endpoint::new("https://h.example", false, Some("not a certificate".to_owned()), AddressRule::default()).is_err());
}
