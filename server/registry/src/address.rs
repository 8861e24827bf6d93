//! Which addresses may be connected to: the guard against server-side request forgery (reliability.md §4.6, S-50..S-52).
//!
//! Two doors, both shut: literals are judged before reqwest sees the URL (it asks no resolver for them), and names go
//! through [`Guarded`], which resolves, judges *every* answer and hands over only what it judged, so a name that
//! changes its answer in between gains nothing. An IPv6 address that carries an IPv4 one (mapped, compatible, NAT64, 6to4,
//! Teredo, ISATAP) is judged by what it carries.
//!
//! Private networks open with any allowed net that holds the address. Loopback and link-local open only with a net that
//! lies inside them, so that `0.0.0.0/0` does not open the metadata service by accident. Nothing opens the rest.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use futures::future::BoxFuture;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// Most addresses taken from one answer of the resolver.
const ANSWERS_MAX: usize = 64;

/// Networks the operator opened; all others that are not public are refused.
#[derive(Clone, Debug, Default)]
pub struct AddressRule {
    /// Allowed nets, besides the public internet.
    pub allow: Vec<IpNet>,
}

/// An address the rule forbids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the address {host} is in a network that is not allowed; an operator can allow it")]
pub struct Refused {
    /// Name or literal as it was given, never what it resolved to: that would tell a stranger about the inner network.
    pub host: String,
}

/// How an address is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Public,
    /// Opened by any allowed net that holds it.
    Private,
    /// Opened only by an allowed net inside the same special range.
    Special(IpNet),
    Never,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const LOOPBACK_V4: Ipv4Net = v4(127, 0, 0, 0, 8);
const LINK_LOCAL_V4: Ipv4Net = v4(169, 254, 0, 0, 16);
const LOOPBACK_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128);
const LINK_LOCAL_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10);

/// RFC 1918, 6598 (carrier NAT), 2544 (benchmarks).
const PRIVATE_V4: [Ipv4Net; 5] =
    [v4(10, 0, 0, 0, 8), v4(172, 16, 0, 0, 12), v4(192, 168, 0, 0, 16), v4(100, 64, 0, 0, 10), v4(198, 18, 0, 0, 15)];
/// This network, protocol assignments, documentation, 6to4 relays, multicast, reserved and broadcast (RFC 6890), and metadata
/// services of clouds that have a public or a carrier address.
const NEVER_V4: [Ipv4Net; 10] = [
    v4(0, 0, 0, 0, 8),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
    v4(100, 100, 100, 200, 32),
    v4(168, 63, 129, 16, 32),
];

const fn v6(head: [u16; 4], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(head[0], head[1], head[2], head[3], 0, 0, 0, 0), prefix)
}

/// Unique local (RFC 4193) and the former site-local addresses.
const PRIVATE_V6: [Ipv6Net; 2] = [v6([0xfc00, 0, 0, 0], 7), v6([0xfec0, 0, 0, 0], 10)];
/// Discard, documentation, ORCHID, segment routing, multicast, and the metadata service at `fd00:ec2::254`.
const NEVER_V6: [Ipv6Net; 8] = [
    v6([0x100, 0, 0, 0], 64),
    v6([0x2001, 0xdb8, 0, 0], 32),
    v6([0x3fff, 0, 0, 0], 20),
    v6([0x2001, 0x10, 0, 0], 28),
    v6([0x2001, 0x20, 0, 0], 28),
    v6([0x5f00, 0, 0, 0], 16),
    v6([0xff00, 0, 0, 0], 8),
    Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128),
];

fn classify_v4(ip: Ipv4Addr) -> Class {
    if NEVER_V4.iter().any(|net| net.contains(&ip)) {
        Class::Never
    } else if LOOPBACK_V4.contains(&ip) {
        Class::Special(IpNet::V4(LOOPBACK_V4))
    } else if LINK_LOCAL_V4.contains(&ip) {
        Class::Special(IpNet::V4(LINK_LOCAL_V4))
    } else if PRIVATE_V4.iter().any(|net| net.contains(&ip)) {
        Class::Private
    } else {
        Class::Public
    }
}

fn classify_v6(ip: Ipv6Addr) -> Class {
    if ip.is_unspecified() || NEVER_V6.iter().any(|net| net.contains(&ip)) {
        Class::Never
    } else if LOOPBACK_V6.contains(&ip) {
        Class::Special(IpNet::V6(LOOPBACK_V6))
    } else if LINK_LOCAL_V6.contains(&ip) {
        Class::Special(IpNet::V6(LINK_LOCAL_V6))
    } else if PRIVATE_V6.iter().any(|net| net.contains(&ip)) {
        Class::Private
    } else {
        Class::Public
    }
}

fn v4_at(octets: [u8; 16], at: usize) -> Ipv4Addr {
    Ipv4Addr::new(octets[at], octets[at + 1], octets[at + 2], octets[at + 3])
}

/// The IPv4 addresses an IPv6 address stands for or tunnels to; empty if none.
fn carried(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let octets = ip.octets();
    let s = ip.segments();
    let last = v4_at(octets, 12);
    if let Some(mapped) = ip.to_ipv4_mapped() {
        return vec![mapped];
    }
    match s {
        // Compatible (RFC 4291 §2.5.5.1), `::` and `::1` aside; translated (RFC 2765).
        [0, 0, 0, 0, 0, 0, hi, lo] if (hi, lo) != (0, 0) && (hi, lo) != (0, 1) => vec![last],
        [0, 0, 0, 0, 0xffff, 0, _, _] => vec![last],
        // NAT64, well-known and local-use (RFC 6052, 8215).
        [0x64, 0xff9b, ..] => vec![last],
        // 6to4 (RFC 3056).
        [0x2002, ..] => vec![v4_at(octets, 2)],
        // Teredo (RFC 4380): server, and client with its bits flipped.
        [0x2001, 0, ..] => vec![v4_at(octets, 4), Ipv4Addr::from(!u32::from(last))],
        // ISATAP (RFC 5214).
        [_, _, _, _, 0 | 0x200, 0x5efe, _, _] => vec![last],
        _ => Vec::new(),
    }
}

impl AddressRule {
    fn opens(&self, ip: IpAddr, class: Class) -> bool {
        match class {
            Class::Public => true,
            Class::Never => false,
            Class::Private => self.allow.iter().any(|net| net.contains(&ip)),
            Class::Special(range) => self.allow.iter().any(|net| net.contains(&ip) && range.contains(net)),
        }
    }

    /// Whether `ip` may be connected to.
    #[must_use]
    pub fn allows(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(v4) => self.opens(ip, classify_v4(v4)),
            IpAddr::V6(v6) => {
                let inner = carried(v6);
                let inner_ok = inner.iter().all(|v4| self.opens(IpAddr::V4(*v4), classify_v4(*v4)));
                let outer_ok = v6.to_ipv4_mapped().is_some() || self.opens(ip, classify_v6(v6));
                inner_ok && outer_ok
            }
        }
    }

    /// Judges the host of `url` as far as that goes without asking a resolver.
    pub fn check_url_host(&self, url: &Url) -> Result<(), Refused> {
        let refused = || Refused { host: crate::endpoint::host_of(url) };
        let allowed = match url.host() {
            Some(Host::Ipv4(ip)) => self.allows(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => self.allows(IpAddr::V6(ip)),
            Some(Host::Domain(name)) => self.allows_name(name),
            None => false,
        };
        if allowed { Ok(()) } else { Err(refused()) }
    }

    /// `localhost` is loopback whatever a resolver says (RFC 6761).
    fn allows_name(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let local = name == "localhost" || name.ends_with(".localhost");
        !name.is_empty() && (!local || self.allows(IpAddr::V4(Ipv4Addr::LOCALHOST)) || self.allows(IpAddr::V6(Ipv6Addr::LOCALHOST)))
    }

    fn check_answers(&self, host: &str, answers: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Refused> {
        let clean = !answers.is_empty() && answers.len() <= ANSWERS_MAX && answers.iter().all(|a| self.allows(a.ip()));
        if clean { Ok(answers) } else { Err(Refused { host: host.to_owned() }) }
    }
}

/// How names become addresses; a trait because tests answer by themselves.
pub(crate) trait Lookup: Send + Sync {
    fn lookup(&self, host: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>>;
}

/// The operating system's resolver.
pub(crate) struct System;

impl Lookup for System {
    fn lookup(&self, host: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host.as_str(), 0)).await?.take(ANSWERS_MAX + 1).collect()) })
    }
}

/// A name that could not be resolved; told apart from a server that does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the name {host} cannot be resolved")]
pub(crate) struct Unresolved {
    pub host: String,
    pub source: std::io::Error,
}

/// The resolver reqwest is given.
pub(crate) struct Guarded {
    pub rule: AddressRule,
    pub lookup: Arc<dyn Lookup>,
}

impl reqwest::dns::Resolve for Guarded {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let host = name.as_str().to_owned();
        let (rule, pending) = (self.rule.clone(), self.lookup.lookup(host.clone()));
        Box::pin(async move {
            let answers = pending.await.map_err(|source| Unresolved { host: host.clone(), source })?;
            if answers.is_empty() {
                return Err(Unresolved { host, source: std::io::ErrorKind::NotFound.into() }.into());
            }
            let checked = rule.check_answers(&host, answers)?;
            Ok(Box::new(checked.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(rule: &AddressRule, text: &str) -> bool {
        rule.allows(text.parse().unwrap())
    }

    #[test]
    fn what_is_not_public_is_refused_by_default_in_every_disguise() {
        let rule = AddressRule::default();
        for bad in [
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "192.0.0.192",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "::",
            "::1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001:0:7f00:1::",
            "2001:0:808:808::80ff:fffe",
            "2606:4700::5efe:127.0.0.1",
            "2606:4700::200:5efe:10.0.0.1",
        ] {
            assert!(!allows(&rule, bad), "{bad} was allowed");
        }
        for good in ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8", "2002:808:808::1"] {
            assert!(allows(&rule, good), "{good} was refused");
        }
    }

    #[test]
    fn a_wide_net_opens_private_networks_but_never_the_metadata_service() {
        let all = AddressRule { allow: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()] };
        for good in ["10.1.2.3", "192.168.0.9", "fc00::1", "100.64.0.1"] {
            assert!(allows(&all, good), "{good}");
        }
        for bad in ["127.0.0.1", "169.254.169.254", "::1", "fe80::1", "fd00:ec2::254", "0.0.0.0", "224.0.0.1", "::ffff:127.0.0.1"] {
            assert!(!allows(&all, bad), "{bad}");
        }
    }

    #[test]
    fn loopback_opens_only_with_a_net_that_lies_inside_it() {
        let local = AddressRule { allow: vec!["127.0.0.0/8".parse().unwrap()] };
        assert!(allows(&local, "127.0.0.1"));
        assert!(allows(&local, "::ffff:127.0.0.1"));
        assert!(!allows(&local, "::1"));
        assert!(!allows(&local, "10.0.0.1"));
        assert!(!allows(&local, "169.254.169.254"));
    }

    /// Answers each question with the next list; names that change their answer, as a rebinding server does.
    struct Changing(std::sync::Mutex<Vec<Vec<SocketAddr>>>);

    impl Lookup for Changing {
        fn lookup(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
            let mut left = self.0.lock().unwrap();
            let answer = if left.len() > 1 { left.remove(0) } else { left[0].clone() };
            Box::pin(async move { Ok(answer) })
        }
    }

    #[tokio::test]
    async fn a_name_that_turns_to_loopback_reaches_nobody() {
        use crate::{Client, Credential, Endpoint, Limits, RegistryError};
        let canary = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        canary.set_nonblocking(true).unwrap();
        let port = canary.local_addr().unwrap().port();
        let (inner, mapped, public) =
            ("127.0.0.1:0".parse().unwrap(), "[::ffff:127.0.0.1]:0".parse().unwrap(), "192.0.2.1:0".parse::<SocketAddr>().unwrap());
        let outer: SocketAddr = "8.8.8.8:0".parse().unwrap();
        for answers in
            [vec![vec![inner]], vec![vec![mapped]], vec![vec![outer, inner]], vec![vec![inner, outer]], vec![vec![public], vec![inner]]]
        {
            let endpoint = Endpoint::new(&format!("http://rebind.example:{port}"), true, None, AddressRule::default()).unwrap();
            let credential = Credential { username: String::new(), secret: secrecy::SecretString::from("") };
            let limits = Limits { retry_max: 0, ..Limits::default() };
            let client = Client::with_lookup(endpoint, credential, limits, Arc::new(Changing(std::sync::Mutex::new(answers)))).unwrap();
            for _ in 0..2 {
                let answer = client.prove_login().await;
                assert!(matches!(answer, Err(RegistryError::AddressRefused { ref host }) if host == "rebind.example"), "{answer:?}");
            }
        }
        assert_eq!(canary.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "the canary was reached");
    }

    #[test]
    fn one_forbidden_answer_spoils_all() {
        let rule = AddressRule::default();
        let answers = vec!["8.8.8.8:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap()];
        assert!(rule.check_answers("rebind.example", answers).is_err());
        assert!(rule.check_answers("fine.example", vec!["8.8.8.8:0".parse().unwrap()]).is_ok());
    }
}
