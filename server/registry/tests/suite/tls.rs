//! F-16: certificates that are not in order are told apart, and TLS is never given up.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use registry::{AddressRule, Client, Credential, Endpoint, RegistryError};
use secrecy::SecretString;
use tempfile::TempDir;

use crate::support::{CANARY, quick};

/// How often the port of a server that starts is knocked at.
const KNOCKS_MAX: usize = 200;

/// A server of `openssl s_server` with a certificate for `name`, valid between the two days.
struct Secure {
    url: String,
    authority_pem: String,
    child: Child,
    _folder: TempDir,
}

impl Drop for Secure {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn openssl(folder: &Path, line: &str) {
    let done = Command::new("openssl").args(line.split(' ')).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Secure {
    async fn start(name: &str, from: &str, until: &str) -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            assert!(std::env::var("BREAKWATER_REQUIRE_TOOLS").as_deref() != Ok("1"), "openssl is not installed");
            println!("not run: openssl is not installed");
            return None;
        }
        let folder = TempDir::new().unwrap();
        let at = folder.path();
        let config = format!(
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n[x]\nsubjectAltName={name}\nextendedKeyUsage=serverAuth\n"
        );
        for (file, text) in [("ca.cnf", config.as_str()), ("index.txt", ""), ("serial", "01\n")] {
            std::fs::write(at.join(file), text).unwrap();
        }
        openssl(
            at,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=authority -days 3650",
        );
        openssl(at, "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=server");
        openssl(
            at,
            &format!(
                "ca -batch -notext -config ca.cnf -cert ca.pem -keyfile ca.key -in server.csr -out server.pem -startdate {from} -enddate {until}"
            ),
        );
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let line = format!("s_server -quiet -www -accept 127.0.0.1:{port} -cert server.pem -key server.key");
        let child = Command::new("openssl")
            .args(line.split(' '))
            .current_dir(at)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let authority_pem = std::fs::read_to_string(at.join("ca.pem")).unwrap();
        let secure = Self { url: format!("https://127.0.0.1:{port}"), authority_pem, child, _folder: folder };
        for _ in 0..KNOCKS_MAX {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Some(secure);
            }
            // Another program's start can only be polled.
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("openssl s_server does not start")
    }

    async fn ask(&self, trusting: bool) -> Result<(), RegistryError> {
        let pem = trusting.then(|| self.authority_pem.clone());
        let rule = AddressRule { allow: vec!["127.0.0.0/8".parse().unwrap()] };
        let endpoint = Endpoint::new(&self.url, true, pem, rule).unwrap();
        let credential = Credential { username: "robot$x".to_owned(), secret: SecretString::from(CANARY) };
        Client::new(endpoint, credential, quick()).unwrap().prove_login().await
    }
}

fn reason(answer: Result<(), RegistryError>) -> String {
    match answer {
        Err(RegistryError::Tls { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_counts_with_its_authority_and_not_without() {
    let Some(server) = Secure::start("IP:127.0.0.1", "20200101000000Z", "20990101000000Z").await else { return };
    server.ask(true).await.unwrap();
    assert!(reason(server.ask(false).await).contains("not trusted"));
}

#[tokio::test]
async fn an_expired_certificate_is_named_as_such() {
    let Some(server) = Secure::start("IP:127.0.0.1", "20200101000000Z", "20200201000000Z").await else { return };
    assert!(reason(server.ask(true).await).contains("expired"));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_named_as_such() {
    let Some(server) = Secure::start("DNS:other.example", "20200101000000Z", "20990101000000Z").await else { return };
    assert!(reason(server.ask(true).await).contains("another name"));
}
