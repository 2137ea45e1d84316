//! Security groups as rules for `nft` in a network's router, outside the reach of the machines that they guard.
//!
//! The network's bridge (family `bridge`, stateless) knows through which port a packet comes and goes: it marks what guarded machines
//! send, and drops what borrows their addresses or gets around the router's rules. The router (family `ip`, stateful) sees every packet of
//! the bridge, also between two machines, and decides by mark and destination.

use std::{collections::BTreeSet, fmt::Write as _, net::Ipv4Addr};

use cloud_client::{Direction, RuleProtocol};
use ipnet::Ipv4Net;

use super::{
    addresses::{port_name, set},
    links::MACHINES,
};
use crate::layout::METADATA;

/// A machine as its router sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Station {
    pub(crate) name: String,
    pub(crate) address: Ipv4Addr,
    /// What routes lead to through it.
    pub(crate) behind: Vec<Ipv4Net>,
    /// What its security groups allow; nothing at all if it is in none, and then it may do anything.
    pub(crate) allowed: Option<Vec<Allowed>>,
}

/// A rule of a security group whose remote is resolved to addresses.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Allowed {
    pub(crate) direction: Direction,
    pub(crate) protocol: RuleProtocol,
    pub(crate) ports: Option<(u16, u16)>,
    pub(crate) remotes: Vec<Ipv4Net>,
}

impl Station {
    fn is_guarded(&self) -> bool {
        self.allowed.is_some()
    }

    /// Addresses that are the machine's to send from and to receive for.
    pub(crate) fn addresses(&self) -> Vec<Ipv4Net> {
        let all: Vec<Ipv4Net> = std::iter::once(Ipv4Net::from(self.address))
            .chain(self.behind.iter().copied())
            .collect();
        Ipv4Net::aggregate(&all)
    }

    /// The mark of its packets inside the router.
    fn mark(&self) -> String {
        format!("0x{:08x}", u32::from(self.address))
    }
}

/// Whether the router must see what the bridge carries between two machines.
pub(crate) fn is_needed(stations: &[Station]) -> bool {
    stations.iter().any(Station::is_guarded)
}

/// The bridge's table; replaces the one before. Empty if nobody is guarded.
pub(crate) fn bridge(stations: &[Station]) -> String {
    let mut rules = String::from("table bridge kubeception\ndelete table bridge kubeception\n");
    if !is_needed(stations) {
        return rules;
    }
    let guarded = || stations.iter().filter(|station| station.is_guarded());
    rules += "table bridge kubeception {\n";
    rules += "  chain from-machines {\n    type filter hook prerouting priority filter; policy accept;\n";
    // Frames in frames are seen by no rule of the router's.
    rules += "    ether type { 8021q, 8021ad } drop\n";
    for station in stations {
        add_source(&mut rules, station);
    }
    let own: Vec<Ipv4Net> = guarded().map(|station| Ipv4Net::from(station.address)).collect();
    let all: Vec<Ipv4Net> = guarded().flat_map(Station::addresses).collect();
    let _ = writeln!(rules, "    arp saddr ip {} drop", set(&own));
    let _ = writeln!(rules, "    ip saddr {} drop", set(&all));
    rules += "  }\n  chain to-machines {\n    type filter hook forward priority filter; policy accept;\n";
    for station in guarded() {
        let (port, addresses) = (port_name(station.address), set(&station.addresses()));
        let _ = writeln!(rules, "    oifname \"{port}\" ip daddr {addresses} accept");
        let _ = writeln!(rules, "    oifname \"{port}\" ether type != arp drop");
    }
    rules += "  }\n}\n";
    rules
}

fn add_source(rules: &mut String, station: &Station) {
    let (port, addresses) = (port_name(station.address), set(&station.addresses()));
    if !station.is_guarded() {
        // Its own routes may be a part of a guarded machine's.
        let _ = writeln!(rules, "    iifname \"{port}\" ip saddr {addresses} accept");
        return;
    }
    let (address, mark) = (station.address, station.mark());
    let _ = writeln!(rules, "    iifname \"{port}\" meta mark set {mark}");
    let _ = writeln!(rules, "    iifname \"{port}\" ip saddr {addresses} accept");
    let _ = writeln!(rules, "    iifname \"{port}\" arp saddr ip {address} accept");
    let _ = writeln!(rules, "    iifname \"{port}\" ether type != arp drop");
}

/// Lines for the router's `forward` chain, behind the one that lets answers pass: they return what is allowed, and drop the rest.
pub(crate) fn dispatch(stations: &[Station]) -> String {
    if !is_needed(stations) {
        return String::new();
    }
    format!(
        "    meta mark vmap {{ {} }}\n    oifname \"{MACHINES}\" jump inside\n",
        marks(stations)
    )
}

/// Further chains of the router's table.
pub(crate) fn chains(stations: &[Station]) -> String {
    if !is_needed(stations) {
        return String::new();
    }
    let mut rules = String::from("  chain input {\n    type filter hook input priority filter; policy accept;\n");
    rules += "    ct state established,related accept\n";
    // A machine that cannot ask who it is cannot become anything.
    let _ = writeln!(rules, "    ip daddr {METADATA} tcp dport 80 accept");
    let _ = writeln!(rules, "    meta mark vmap {{ {} }}", marks(stations));
    rules += "  }\n  chain inside {\n";
    for (range, station) in destinations(stations) {
        let _ = match station.is_guarded() {
            true => writeln!(rules, "    ip daddr {range} goto to-{}", station.name),
            false => writeln!(rules, "    ip daddr {range} return"),
        };
    }
    rules += "  }\n";
    for station in stations {
        for (allowed, direction, chain) in [
            (&station.allowed, Direction::Egress, "from"),
            (&station.allowed, Direction::Ingress, "to"),
        ] {
            let Some(allowed) = allowed else { continue };
            let _ = writeln!(rules, "  chain {chain}-{} {{", station.name);
            let lines: BTreeSet<String> = allowed.iter().filter_map(|it| line(it, direction)).collect();
            rules.extend(lines);
            rules += "    drop\n  }\n";
        }
    }
    rules
}

fn marks(stations: &[Station]) -> String {
    let guarded = stations.iter().filter(|station| station.is_guarded());
    let marks: Vec<String> = guarded
        .map(|station| format!("{} : jump from-{}", station.mark(), station.name))
        .collect();
    marks.join(", ")
}

/// Where packets for which addresses go, the narrowest range first, as a route table has it.
fn destinations(stations: &[Station]) -> Vec<(Ipv4Net, &Station)> {
    let mut all: Vec<(Ipv4Net, &Station)> = stations
        .iter()
        .flat_map(|station| station.addresses().into_iter().map(move |range| (range, station)))
        .collect();
    all.sort_by_key(|(range, _)| (std::cmp::Reverse(range.prefix_len()), *range));
    all
}

fn line(allowed: &Allowed, direction: Direction) -> Option<String> {
    if allowed.direction != direction || allowed.remotes.is_empty() {
        return None;
    }
    let side = match direction {
        Direction::Ingress => "saddr",
        Direction::Egress => "daddr",
    };
    let protocol = match (allowed.protocol, allowed.ports) {
        (RuleProtocol::Any, _) => String::new(),
        (RuleProtocol::Icmp, _) => " meta l4proto icmp".to_owned(),
        (RuleProtocol::Tcp, ports) => transport("tcp", ports),
        (RuleProtocol::Udp, ports) => transport("udp", ports),
    };
    Some(format!("    ip {side} {}{protocol} return\n", set(&allowed.remotes)))
}

fn transport(name: &str, ports: Option<(u16, u16)>) -> String {
    match ports {
        None => format!(" meta l4proto {name}"),
        Some((from, to)) if from == to => format!(" {name} dport {from}"),
        Some((from, to)) => format!(" {name} dport {from}-{to}"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;

    fn station(last: u8, behind: &[&str], allowed: Option<Vec<Allowed>>) -> Station {
        Station {
            name: format!("m{last}"),
            address: Ipv4Addr::new(10, 1, 0, last),
            behind: behind.iter().map(|range| range.parse().unwrap()).collect(),
            allowed,
        }
    }

    fn allow(direction: Direction, protocol: RuleProtocol, ports: Option<(u16, u16)>, remotes: &[&str]) -> Allowed {
        let remotes = remotes.iter().map(|range| range.parse().unwrap()).collect();
        Allowed {
            direction,
            protocol,
            ports,
            remotes,
        }
    }

    #[test]
    fn nobody_guarded_is_no_rule() {
        let stations = [station(10, &["10.2.0.0/24"], None)];
        assert_eq!((dispatch(&stations), chains(&stations)), (String::new(), String::new()));
        assert_eq!(
            bridge(&stations),
            "table bridge kubeception\ndelete table bridge kubeception\n"
        );
    }

    #[test]
    fn guarded_machines() {
        use {Direction::*, RuleProtocol::*};
        let everywhere = ["0.0.0.0/0"];
        let rules = vec![
            allow(Egress, Any, None, &everywhere),
            allow(Ingress, Tcp, Some((30000, 32767)), &everywhere),
            allow(
                Ingress,
                Udp,
                Some((53, 53)),
                &["10.1.0.10/32", "10.1.0.11/32", "10.2.0.0/16"],
            ),
            allow(Ingress, Icmp, None, &["10.1.0.0/24"]),
            allow(Ingress, Tcp, None, &[]),
        ];
        let stations = [
            station(9, &["10.2.9.0/24"], None),
            station(10, &["10.2.0.0/16"], Some(rules)),
            station(11, &[], Some(Vec::new())),
        ];
        let text = [bridge(&stations), dispatch(&stations), chains(&stations)].join("\n");
        expect_file!["../../tests/golden/guarded-network.nft"].assert_eq(&text);
    }
}
