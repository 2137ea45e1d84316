//! Addresses: which are free, and what follows from them.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::Ipv4Net;

/// The gateway of a network: its first address.
pub(crate) fn gateway(cidr: Ipv4Net) -> Option<Ipv4Addr> {
    cidr.hosts().next()
}

/// The first free address after the last one given out: an address is used again as late as possible, because neighbours
/// remember for a while who had it.
pub(crate) fn next_free(range: Ipv4Net, taken: &BTreeSet<Ipv4Addr>, last: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
    let free = |address: &Ipv4Addr| !taken.contains(address);
    let after = range
        .hosts()
        .filter(|address| last.is_none_or(|last| *address > last))
        .find(free);
    after.or_else(|| range.hosts().find(free))
}

/// A hardware address that is the same whenever the same address is given out in the same role.
pub(crate) fn hardware_address(role: Role, address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    let role = match role {
        Role::Machine => 0,
        Role::Gateway => 1,
        Role::Uplink => 2,
        Role::Backbone => 3,
    };
    // 02: administered locally.
    format!("02:{role:02x}:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    Machine,
    Gateway,
    Uplink,
    Backbone,
}

/// Name of the interface that leads from a bridge to the owner of an address.
pub(crate) fn port_name(address: Ipv4Addr) -> String {
    format!("kc{:08x}", u32::from(address))
}

/// Ranges as `nft` wants them, without overlaps; there must be one.
pub(crate) fn set(ranges: &[Ipv4Net]) -> String {
    let ranges: Vec<String> = Ipv4Net::aggregate(&ranges.to_vec())
        .iter()
        .map(|range| match range.prefix_len() {
            32 => range.addr().to_string(),
            _ => range.to_string(),
        })
        .collect();
    match ranges.as_slice() {
        [range] => range.clone(),
        ranges => format!("{{ {} }}", ranges.join(", ")),
    }
}

/// Whether any address is in both.
pub(crate) fn overlaps(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_reused_late() {
        let range: Ipv4Net = "10.0.0.0/29".parse().unwrap();
        let address = |last| Ipv4Addr::new(10, 0, 0, last);
        let mut taken = BTreeSet::from([address(1)]);
        assert_eq!(next_free(range, &taken, None), Some(address(2)));
        assert_eq!(next_free(range, &taken, Some(address(4))), Some(address(5)));
        assert_eq!(
            next_free(range, &taken, Some(address(6))),
            Some(address(2)),
            "begins again at the end"
        );
        taken.extend(range.hosts());
        assert_eq!(next_free(range, &taken, None), None);
    }

    #[test]
    fn names_of_ports_fit_the_kernel() {
        assert_eq!(port_name(Ipv4Addr::new(255, 255, 255, 254)), "kcfffffffe");
        assert_eq!(
            hardware_address(Role::Uplink, Ipv4Addr::new(172, 30, 1, 1)),
            "02:02:ac:1e:01:01"
        );
    }

    #[test]
    fn sets_have_no_overlaps() {
        let ranges = |text: &str| text.split(' ').map(|range| range.parse().unwrap()).collect::<Vec<_>>();
        assert_eq!(set(&ranges("10.1.0.5/32")), "10.1.0.5");
        assert_eq!(
            set(&ranges("10.1.0.0/24 10.1.0.5/32 10.3.0.0/24")),
            "{ 10.1.0.0/24, 10.3.0.0/24 }"
        );
        assert_eq!(set(&ranges("10.1.0.0/24 0.0.0.0/0")), "0.0.0.0/0");
    }
}
