//! Places for connections: so many in all, and so many for one address, that nobody alone can take them all (reliability.md S-80).
//!
//! A proxy that is trusted stands for everybody behind it: it has places of its own and no bound of one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Connections of strangers at a time; the same again for trusted proxies.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Connections of one address at a time; of IPv6, of one network of 64 bits, which is what one customer has.
pub const ADDRESS_MAX: usize = 512;

/// Who is connected.
pub struct Places {
    trusted: Arc<[IpAddr]>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    strangers: usize,
    proxies: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place, free again when it is dropped.
pub struct Place {
    places: Arc<Places>,
    /// None for a trusted proxy.
    address: Option<IpAddr>,
}

impl Places {
    /// All free.
    #[must_use]
    pub fn new(trusted: Arc<[IpAddr]>) -> Arc<Self> {
        Arc::new(Self { trusted, taken: Mutex::default() })
    }

    /// A place for a connection from `peer`, if there is one.
    #[must_use]
    pub fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if self.trusted.iter().any(|proxy| proxy.to_canonical() == peer) {
            if taken.proxies >= CONNECTIONS_MAX {
                return None;
            }
            taken.proxies += 1;
            return Some(Place { places: Arc::clone(self), address: None });
        }
        let address = network(peer);
        let own = taken.by_address.get(&address).copied().unwrap_or(0);
        if taken.strangers >= CONNECTIONS_MAX || own >= ADDRESS_MAX {
            return None;
        }
        taken.strangers += 1;
        taken.by_address.insert(address, own + 1);
        Some(Place { places: Arc::clone(self), address: Some(address) })
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(address) = self.address else {
            taken.proxies -= 1;
            return;
        };
        taken.strangers -= 1;
        if let Some(own) = taken.by_address.get_mut(&address) {
            *own -= 1;
            if *own == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_every_place_and_gives_back_what_it_had() {
        let places = Places::new(Arc::from([]));
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let held: Vec<_> = (0..ADDRESS_MAX).map(|_| places.take(one).unwrap()).collect();
        assert!(places.take(one).is_none());
        assert!(places.take("::ffff:192.0.2.1".parse().unwrap()).is_none(), "the same address, spelt otherwise");
        assert!(places.take(other).is_some());
        drop(held);
        assert!(places.take(one).is_some());
        assert!(places.taken.lock().unwrap().by_address.is_empty(), "nothing is remembered of who is gone");
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_count_together() {
        let places = Places::new(Arc::from([]));
        let held: Vec<_> = (0..ADDRESS_MAX).map(|n| places.take(format!("2001:db8::{n:x}").parse().unwrap()).unwrap()).collect();
        assert!(places.take("2001:db8::ffff:1".parse().unwrap()).is_none());
        assert!(places.take("2001:db8:0:1::1".parse().unwrap()).is_some());
        drop(held);
    }

    #[test]
    fn a_trusted_proxy_has_no_bound_of_one_address_and_takes_no_strangers_place() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        let places = Places::new(Arc::from([proxy]));
        let held: Vec<_> = (0..CONNECTIONS_MAX).map(|_| places.take(proxy).unwrap()).collect();
        assert!(places.take(proxy).is_none());
        assert!(places.take("10.0.0.2".parse().unwrap()).is_some());
        drop(held);
    }
}
