//! Visitors: callers of whom only the part of the net is known that they come from, and that for as
//! long as the process runs.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use http::{Extensions, HeaderMap};
use kernel::{Caller, CallerKind, Locale, Role};
use rpc::{edge::Known, ending::Connection};

use crate::{directory::TenantFacts, door};

/// Each proxy adds the address that it saw to its end.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Makes callers of visitors.
#[derive(Debug)]
pub(super) struct Visitors {
    /// How many proxies of ours stand one behind the other before the port.
    proxies: usize,
    /// What a part of the net is called: a word that nobody can turn back into an address.
    names: RandomState,
}

impl Visitors {
    pub(super) fn new(proxies: usize) -> Self {
        Self { proxies, names: RandomState::new() }
    }

    /// What the visitor is called who makes a request.
    pub(super) fn name(&self, headers: &HeaderMap, extensions: &Extensions) -> String {
        let part = self.address(headers, extensions).map(part);
        format!("visitor-{:016x}", self.names.hash_one(part))
    }

    /// The caller that a visitor of this name is at a tenant, in the language of the page.
    pub(super) fn known(name: &str, tenant: &TenantFacts, locale: Locale) -> Known {
        let caller = Caller {
            tenant: tenant.id,
            kind: CallerKind::Anonymous,
            subject: name.to_owned(),
            roles: vec![Role::Anonymous],
            teams: Vec::new(),
            scopes: None,
            customer: None,
            link: None,
            locale,
        };
        Known { caller, credential: "page", expires: None, quota: door::quota(tenant) }
    }

    /// The address that a request comes from: what the outermost of our proxies saw, else the other end
    /// of the connection. What the client says of itself stands further to the left, and is not read.
    fn address(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
        let peer = extensions.get::<Connection>().map(Connection::peer);
        let Some(back) = self.proxies.checked_sub(1) else { return peer };
        let values = headers.get_all(FORWARDED_FOR).iter();
        let seen: Vec<&str> =
            values.filter_map(|value| value.to_str().ok()).flat_map(|all| all.split(',')).collect();
        let seen = seen.iter().rev().nth(back).and_then(|text| read(text.trim()));
        seen.or(peer)
    }
}

/// An address, with a port or without.
fn read(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|whole| whole.ip()))
}

/// The part of the net that is taken for one visitor: an IPv4 /24, an IPv6 /48.
fn part(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 0).into()
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(proxies: usize, forwarded: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        Visitors::new(proxies)
            .address(&headers, &Extensions::new())
            .map(|address| address.to_string())
    }

    #[test]
    fn only_what_our_own_proxies_saw_is_believed() {
        let chain = ["203.0.113.9, 198.51.100.7", "10.0.0.1"];
        assert_eq!(address(0, &chain), None);
        assert_eq!(address(1, &chain).as_deref(), Some("10.0.0.1"));
        assert_eq!(address(2, &chain).as_deref(), Some("198.51.100.7"));
        assert_eq!(address(4, &chain), None);
        assert_eq!(address(1, &["[2001:db8::1]:443"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(address(1, &["203.0.113.9, nonsense"]), None);
    }

    #[test]
    fn neighbours_are_one_visitor() {
        let part = |text: &str| part(text.parse().unwrap()).to_string();
        assert_eq!(part("203.0.113.9"), "203.0.113.0");
        assert_eq!(part("::ffff:203.0.113.9"), "203.0.113.0");
        assert_eq!(part("2001:db8:1:2:3::4"), "2001:db8:1::");
    }
}
