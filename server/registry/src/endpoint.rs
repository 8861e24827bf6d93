//! Where a registry is, checked before anything is sent (reliability.md §4.6).
//!
//! The text is judged before the URL parser repairs it: parsers drop tabs, turn backslashes into slashes and accept
//! `http:/host`, and each of these has been a way around an address rule. Only scheme, host and port may be given.

use url::{Host, Url};

use crate::address::AddressRule;

/// Longest address taken, in bytes.
pub const URL_BYTES_MAX: usize = 1024;
/// Longest certificate bundle taken, in bytes.
pub const CA_PEM_BYTES_MAX: usize = 256 * 1024;
/// Ports below this are refused, except 80 and 443: mail, shell and database servers live there.
const PRIVILEGED_PORT_MAX: u16 = 1023;

/// Why a text is not the address of a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Empty, too long, or with characters that do not belong into an address.
    #[error("this is not an address; give it as https://harbor.example.com")]
    NotAnAddress,
    /// Another scheme than http and https.
    #[error("the address must start with https://")]
    Scheme,
    /// http without the operator's leave.
    #[error("the address is not encrypted; use https:// or allow plain http for this harbor")]
    PlainHttp,
    /// User name or password inside the address.
    #[error("the address must not carry a user name or a password")]
    UserInfo,
    /// Path, query or fragment.
    #[error("the address must end after host and port")]
    Path,
    /// A port that no registry listens on.
    #[error("port {0} is not allowed; use 443, 80 or a port from 1024")]
    Port(u16),
    /// A forbidden network.
    #[error("{0}")]
    Address(#[from] crate::address::Refused),
    /// Not a certificate bundle.
    #[error("the certificate bundle is not readable; give it as PEM, at most 256 KiB")]
    Certificate,
}

/// A checked address with the rules of its connection.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Scheme, host and port; the path is `/`.
    pub url: Url,
    /// Whether the operator allowed http.
    pub allow_plain_http: bool,
    /// Certificates to trust besides the system's, as PEM.
    pub ca_pem: Option<String>,
    /// Networks the operator opened.
    pub addresses: AddressRule,
}

impl Endpoint {
    /// Checks `url`. Names are resolved and checked again at each connection; only literals are judged here.
    pub fn new(url: &str, allow_plain_http: bool, ca_pem: Option<String>, addresses: AddressRule) -> Result<Self, EndpointError> {
        let text = url.trim_matches(' ');
        if text.is_empty() || text.len() > URL_BYTES_MAX || !text.chars().all(is_plain) {
            return Err(EndpointError::NotAnAddress);
        }
        let (scheme, rest) = text.split_once("://").ok_or(EndpointError::Scheme)?;
        let plain = match scheme.to_ascii_lowercase().as_str() {
            "https" => false,
            "http" => true,
            _ => return Err(EndpointError::Scheme),
        };
        if rest.is_empty() || rest.starts_with('/') {
            return Err(EndpointError::NotAnAddress);
        }
        if plain && !allow_plain_http {
            return Err(EndpointError::PlainHttp);
        }
        let url = Url::parse(text).map_err(|_| EndpointError::NotAnAddress)?;
        if !url.username().is_empty() || url.password().is_some() || rest.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(EndpointError::Path);
        }
        if let Some(port) = url.port().filter(|port| *port <= PRIVILEGED_PORT_MAX && !matches!(port, 80 | 443)) {
            return Err(EndpointError::Port(port));
        }
        addresses.check_url_host(&url)?;
        let ca_pem = ca_pem.filter(|pem| !pem.trim().is_empty());
        if ca_pem.as_ref().is_some_and(|pem| !is_pem(pem)) {
            return Err(EndpointError::Certificate);
        }
        Ok(Self { url, allow_plain_http, ca_pem, addresses })
    }

    /// The host as text, for sentences.
    #[must_use]
    pub fn host(&self) -> String {
        host_of(&self.url)
    }
}

fn is_pem(pem: &str) -> bool {
    pem.len() <= CA_PEM_BYTES_MAX && reqwest::Certificate::from_pem_bundle(pem.as_bytes()).is_ok_and(|found| !found.is_empty())
}

/// Printable and meant: no white space, control, backslash or characters that change the direction of text.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !c.is_whitespace()
        && c != '\\'
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Host of a URL without brackets or final dot, lower-case.
pub(crate) fn host_of(url: &Url) -> String {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.').to_ascii_lowercase(),
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => ip.to_string(),
        None => String::new(),
    }
}

/// Whether both have the same scheme, host and port.
pub(crate) fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && host_of(a) == host_of(b) && a.port_or_known_default() == b.port_or_known_default()
}
