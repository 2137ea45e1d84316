//! Rules for `nft` in a router: who may pass, where load balancers lead, whose address is hidden.

use std::{fmt::Write as _, net::Ipv4Addr};

use cloud_client::{LoadBalancerPort, NetworkRoute, NetworkSpec, Protocol};
use ipnet::Ipv4Net;

use super::{
    addresses::set,
    links::{MACHINES, UPLINK},
    security::{self, Station},
};
use crate::layout::{BACKBONE, CLOUD};

/// A load balancer as its router sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Balanced {
    pub(crate) address: Ipv4Addr,
    pub(crate) ports: Vec<LoadBalancerPort>,
    pub(crate) backends: Vec<Ipv4Addr>,
}

/// What the router's rules are made of.
#[derive(Clone, Debug)]
pub(crate) struct RouterWish<'a> {
    pub(crate) network: &'a NetworkSpec,
    /// The whole route table.
    pub(crate) routes: &'a [NetworkRoute],
    pub(crate) load_balancers: &'a [Balanced],
    /// The network's machines, if it has, or had, a security group.
    pub(crate) stations: Option<&'a [Station]>,
}

/// The router's tables; replaces those before in one step.
pub(crate) fn router(wish: &RouterWish<'_>) -> String {
    let stations = wish.stations.unwrap_or_default();
    let mut rules = String::new();
    if wish.stations.is_some() {
        rules += &security::bridge(stations);
    }
    rules += "table ip kubeception\ndelete table ip kubeception\ntable ip kubeception {\n";
    rules += "  chain forward {\n    type filter hook forward priority filter; policy drop;\n";
    rules += "    ct state established,related accept\n";
    // The cloud's own addresses open doors: no machine may borrow one.
    let _ = writeln!(rules, "    iifname \"{MACHINES}\" ip saddr {BACKBONE} drop");
    rules += &security::dispatch(stations);
    let _ = writeln!(rules, "    iifname \"{MACHINES}\" accept");
    let _ = writeln!(rules, "    iifname \"{UPLINK}\" ct status dnat accept");
    if wish.network.routed {
        let _ = writeln!(rules, "    iifname \"{UPLINK}\" ip saddr {CLOUD} accept");
    }
    rules += "  }\n";
    rules += &security::chains(stations);
    rules += "  chain prerouting {\n    type nat hook prerouting priority dstnat; policy accept;\n";
    for balanced in wish.load_balancers {
        for port in &balanced.ports {
            add_destination(&mut rules, balanced, port);
        }
    }
    rules += "  }\n  chain postrouting {\n    type nat hook postrouting priority srcnat; policy accept;\n";
    let _ = writeln!(rules, "    oifname \"{UPLINK}\" ip saddr != {BACKBONE} masquerade");
    // Hairpin: a machine that reaches its own network's load balancer must get the answer from the router.
    let destinations = wish.routes.iter().map(|route| route.destination);
    let inside: Vec<Ipv4Net> = std::iter::once(wish.network.cidr).chain(destinations).collect();
    let inside = set(&inside);
    let _ = writeln!(
        rules,
        "    oifname \"{MACHINES}\" ct status dnat ip saddr {inside} masquerade"
    );
    rules += "  }\n}\n";
    rules
}

fn add_destination(rules: &mut String, balanced: &Balanced, port: &LoadBalancerPort) {
    let protocol = match port.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    let (address, from, to) = (balanced.address, port.port, port.backend_port);
    let _ = match balanced.backends.as_slice() {
        // Without a rule the connection ends at the router itself, where nobody listens: refused, not lost.
        [] => Ok(()),
        [backend] => writeln!(
            rules,
            "    ip daddr {address} {protocol} dport {from} dnat to {backend}:{to}"
        ),
        backends => {
            let map: Vec<String> = backends
                .iter()
                .enumerate()
                .map(|(index, backend)| format!("{index} : {backend} . {to}"))
                .collect();
            writeln!(
                rules,
                "    ip daddr {address} {protocol} dport {from} dnat to numgen inc mod {} map {{ {} }}",
                backends.len(),
                map.join(", ")
            )
        }
    };
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_router_with_load_balancers() {
        let via = Ipv4Addr::new(10, 1, 0, 10);
        let network = NetworkSpec::routed("10.1.0.0/24".parse().unwrap());
        let routes = [NetworkRoute {
            destination: "10.2.0.0/16".parse().unwrap(),
            via,
        }];
        let port = |protocol, port, backend_port| LoadBalancerPort {
            protocol,
            port,
            backend_port,
        };
        let load_balancers = [
            Balanced {
                address: Ipv4Addr::new(172, 30, 2, 1),
                ports: vec![port(Protocol::Tcp, 443, 30443), port(Protocol::Udp, 53, 30053)],
                backends: vec![via],
            },
            Balanced {
                address: Ipv4Addr::new(172, 30, 2, 2),
                ports: vec![port(Protocol::Tcp, 80, 30080)],
                backends: vec![via, Ipv4Addr::new(10, 1, 0, 11)],
            },
            Balanced {
                address: Ipv4Addr::new(172, 30, 2, 3),
                ports: vec![port(Protocol::Tcp, 80, 30080)],
                backends: vec![],
            },
        ];
        expect![[r#"
            table ip kubeception
            delete table ip kubeception
            table ip kubeception {
              chain forward {
                type filter hook forward priority filter; policy drop;
                ct state established,related accept
                iifname "kc-machines" ip saddr 172.30.0.0/16 drop
                iifname "kc-machines" accept
                iifname "kc-uplink" ct status dnat accept
                iifname "kc-uplink" ip saddr 172.30.0.1 accept
              }
              chain prerouting {
                type nat hook prerouting priority dstnat; policy accept;
                ip daddr 172.30.2.1 tcp dport 443 dnat to 10.1.0.10:30443
                ip daddr 172.30.2.1 udp dport 53 dnat to 10.1.0.10:30053
                ip daddr 172.30.2.2 tcp dport 80 dnat to numgen inc mod 2 map { 0 : 10.1.0.10 . 30080, 1 : 10.1.0.11 . 30080 }
              }
              chain postrouting {
                type nat hook postrouting priority srcnat; policy accept;
                oifname "kc-uplink" ip saddr != 172.30.0.0/16 masquerade
                oifname "kc-machines" ct status dnat ip saddr { 10.1.0.0/24, 10.2.0.0/16 } masquerade
              }
            }
        "#]]
        .assert_eq(&router(&RouterWish {
            network: &network,
            routes: &routes,
            load_balancers: &load_balancers,
            stations: None,
        }));
    }

    #[test]
    fn a_closed_network_lets_nobody_in() {
        let rules = router(&RouterWish {
            network: &NetworkSpec::new("10.1.0.0/24".parse().unwrap()),
            routes: &[],
            load_balancers: &[],
            stations: None,
        });
        assert!(!rules.contains("ip saddr 172.30.0.1"), "{rules}");
    }
}
