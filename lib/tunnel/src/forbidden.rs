//! Addresses that nobody dials through a tunnel, whichever end would dial them.
//!
//! They mean something else on every machine (loopback, link-local), hand out credentials (a cloud's metadata service), or
//! are no address of a peer at all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Metadata services outside of the link-local ranges: Alibaba Cloud, Azure's wire server, AWS over IPv6.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Why `address` may not be dialled; `None`: nothing speaks against it here.
///
/// An IPv4 address in IPv6's clothes is judged as what it is.
pub fn forbidden(address: IpAddr) -> Option<&'static str> {
    let address = address.to_canonical();
    if METADATA.contains(&address) {
        return Some("it is a metadata service");
    }
    match address {
        IpAddr::V4(address) => forbidden_v4(address),
        IpAddr::V6(address) => forbidden_v6(address),
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<&'static str> {
    if address.is_loopback() {
        Some("it is a loopback address")
    } else if address.is_link_local() {
        Some("it is a link-local address")
    } else if address.octets()[0] == 0 {
        Some("it is no host's address")
    } else if address.is_multicast() || address.octets()[0] >= 240 {
        // 240.0.0.0/4 holds the broadcast address and the API server's own address inside of shoots.
        Some("it is a multicast or reserved address")
    } else {
        None
    }
}

fn forbidden_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    if address.is_loopback() {
        Some("it is a loopback address")
    } else if address.is_unicast_link_local() {
        Some("it is a link-local address")
    } else if address.is_unspecified() {
        Some("it is no host's address")
    } else if address.is_multicast() {
        Some("it is a multicast or reserved address")
    } else if segments[..2] == [0x64, 0xff9b] || segments[0] == 0x2002 || segments[..6] == [0; 6] {
        // NAT64, 6to4, IPv4-compatible: ways around the rules for IPv4.
        Some("it embeds an IPv4 address")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_another_thing_on_every_machine_is_forbidden() {
        let forbidden_ones = [
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::1",
        ];
        for address in forbidden_ones {
            assert!(forbidden(address.parse().unwrap()).is_some(), "{address}");
        }
    }

    #[test]
    fn hosts_are_not() {
        for address in [
            "10.250.0.4",
            "100.64.0.10",
            "93.184.216.34",
            "::ffff:10.0.0.1",
            "fd00::1",
            "2001:db8::1",
        ] {
            assert_eq!(forbidden(address.parse().unwrap()), None, "{address}");
        }
    }
}
