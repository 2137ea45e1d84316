//! Batches for `ip`: bridges, pairs of interfaces, addresses and routes. Each runs once, inside a namespace that is still empty.

use std::{fmt::Write as _, net::Ipv4Addr, path::Path};

use ipnet::Ipv4Net;

use super::addresses::{Role, hardware_address, port_name};
use crate::layout::{BACKBONE, CLOUD, METADATA};

/// The bridge of the backbone, in its namespace.
pub(crate) const BACKBONE_BRIDGE: &str = "kc-backbone";
/// The bridge of a network's machines, in its router's namespace.
pub(crate) const MACHINES: &str = "kc-machines";
/// The router's interface to the backbone.
pub(crate) const UPLINK: &str = "kc-uplink";
/// The machine's only interface, as machines expect it to be called.
pub(crate) const MACHINE_INTERFACE: &str = "eth0";

/// A router may not tell machines of shorter ways: what is for a pod behind another machine comes and goes through the same interface. The
/// way back of such a packet may be another one, whatever the host thinks of that.
pub(crate) const ROUTER_PARAMETERS: &[(&str, &str)] = &[
    ("ipv4/ip_forward", "1"),
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv4/conf/default/send_redirects", "0"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("bridge/bridge-nf-call-iptables", "0"),
];

/// A router with security groups sees what its bridge carries, as if it went through the router itself.
pub(crate) const INSPECTED_PARAMETERS: &[(&str, &str)] = &[("bridge/bridge-nf-call-iptables", "1")];

/// Without any, packets between machines of one network are none of its rules' business.
pub(crate) const UNINSPECTED_PARAMETERS: &[(&str, &str)] = &[("bridge/bridge-nf-call-iptables", "0")];

/// The backbone only switches.
pub(crate) const BACKBONE_PARAMETERS: &[(&str, &str)] = &[
    ("ipv4/conf/all/send_redirects", "0"),
    ("bridge/bridge-nf-call-iptables", "0"),
];

/// Pods are routed by their machine, and kube-proxy wants to see what its bridge carries. What comes from a pod's address may have come
/// another way than the answer goes.
pub(crate) const MACHINE_PARAMETERS: &[(&str, &str)] = &[
    ("ipv4/ip_forward", "1"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("bridge/bridge-nf-call-iptables", "1"),
];

/// The backbone, to run inside its namespace.
pub(crate) fn backbone() -> String {
    let mac = hardware_address(Role::Backbone, CLOUD);
    format!(
        "link add {BACKBONE_BRIDGE} address {mac} type bridge forward_delay 0\n\
         address add {CLOUD}/{} dev {BACKBONE_BRIDGE}\n\
         link set {BACKBONE_BRIDGE} up\n",
        BACKBONE.prefix_len()
    )
}

/// A router, to run inside the backbone's namespace: the pair of interfaces, one end in the router.
pub(crate) fn uplink(uplink: Ipv4Addr, router: &Path) -> String {
    let (port, mac) = (port_name(uplink), hardware_address(Role::Uplink, uplink));
    format!(
        "link add {port} type veth peer name {UPLINK} address {mac} netns {}\n\
         link set {port} master {BACKBONE_BRIDGE}\n\
         link set {port} up\n",
        router.display()
    )
}

/// A router, to run inside its namespace once the uplink is there.
pub(crate) fn router(cidr: Ipv4Net, gateway: Ipv4Addr, uplink: Ipv4Addr) -> String {
    let mac = hardware_address(Role::Gateway, gateway);
    format!(
        "address add {uplink}/{} dev {UPLINK}\n\
         link set {UPLINK} up\n\
         link add {MACHINES} address {mac} type bridge forward_delay 0\n\
         address add {gateway}/{} dev {MACHINES}\n\
         address add {METADATA}/32 dev {MACHINES}\n\
         link set {MACHINES} up\n",
        BACKBONE.prefix_len(),
        cidr.prefix_len()
    )
}

/// Brings a namespace's variable routes from the present to the wished ones. Both are sets of (destination, via).
pub(crate) fn routes(present: &[(Ipv4Net, Ipv4Addr)], wished: &[(Ipv4Net, Ipv4Addr)]) -> String {
    let mut batch = String::new();
    for (destination, via) in present.iter().filter(|route| !wished.contains(route)) {
        let _ = writeln!(batch, "route del {destination} via {via}");
    }
    for (destination, via) in wished.iter().filter(|route| !present.contains(route)) {
        let _ = writeln!(batch, "route replace {destination} via {via}");
    }
    batch
}

/// Brings the load balancers' addresses on the uplink from the present to the wished ones.
pub(crate) fn load_balancer_addresses(present: &[Ipv4Addr], wished: &[Ipv4Addr]) -> String {
    let mut batch = String::new();
    for address in present.iter().filter(|address| !wished.contains(address)) {
        let _ = writeln!(batch, "address del {address}/32 dev {UPLINK}");
    }
    for address in wished.iter().filter(|address| !present.contains(address)) {
        let _ = writeln!(batch, "address add {address}/32 dev {UPLINK}");
    }
    batch
}

/// A machine, to run inside its router's namespace: the pair of interfaces, one end in the machine.
pub(crate) fn machine_port(address: Ipv4Addr, machine: &Path) -> String {
    let (port, mac) = (port_name(address), hardware_address(Role::Machine, address));
    format!(
        "link add {port} type veth peer name {MACHINE_INTERFACE} address {mac} netns {}\n\
         link set {port} master {MACHINES}\n\
         link set {port} up\n",
        machine.display()
    )
}

/// A machine, to run inside its namespace once the interface is there.
pub(crate) fn machine(address: Ipv4Addr, cidr: Ipv4Net, gateway: Ipv4Addr) -> String {
    format!(
        "address add {address}/{} dev {MACHINE_INTERFACE}\n\
         link set {MACHINE_INTERFACE} up\n\
         route add default via {gateway}\n",
        cidr.prefix_len()
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_network() {
        let (cidr, gateway, address) = (
            "10.1.0.0/24".parse().unwrap(),
            Ipv4Addr::new(10, 1, 0, 1),
            Ipv4Addr::new(172, 30, 1, 1),
        );
        let machine_address = Ipv4Addr::new(10, 1, 0, 10);
        let text = [
            ("backbone", backbone()),
            (
                "backbone, per router",
                uplink(address, Path::new("/run/x/network-seed")),
            ),
            ("router", router(cidr, gateway, address)),
            (
                "router, per machine",
                machine_port(machine_address, Path::new("/run/x/machine-seed")),
            ),
            ("machine", machine(machine_address, cidr, gateway)),
        ]
        .map(|(namespace, batch)| format!("# {namespace}\n{batch}"))
        .join("\n");
        expect![[r#"
            # backbone
            link add kc-backbone address 02:03:ac:1e:00:01 type bridge forward_delay 0
            address add 172.30.0.1/16 dev kc-backbone
            link set kc-backbone up

            # backbone, per router
            link add kcac1e0101 type veth peer name kc-uplink address 02:02:ac:1e:01:01 netns /run/x/network-seed
            link set kcac1e0101 master kc-backbone
            link set kcac1e0101 up

            # router
            address add 172.30.1.1/16 dev kc-uplink
            link set kc-uplink up
            link add kc-machines address 02:01:0a:01:00:01 type bridge forward_delay 0
            address add 10.1.0.1/24 dev kc-machines
            address add 169.254.169.254/32 dev kc-machines
            link set kc-machines up

            # router, per machine
            link add kc0a01000a type veth peer name eth0 address 02:00:0a:01:00:0a netns /run/x/machine-seed
            link set kc0a01000a master kc-machines
            link set kc0a01000a up

            # machine
            address add 10.1.0.10/24 dev eth0
            link set eth0 up
            route add default via 10.1.0.1
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn only_differences_are_applied() {
        let route = |last| {
            (
                Ipv4Net::new(Ipv4Addr::new(10, 2, last, 0), 24).unwrap(),
                Ipv4Addr::new(10, 1, 0, last),
            )
        };
        assert_eq!(
            routes(&[route(1), route(2)], &[route(2), route(3)]),
            "route del 10.2.1.0/24 via 10.1.0.1\nroute replace 10.2.3.0/24 via 10.1.0.3\n"
        );
        let address = |last| Ipv4Addr::new(172, 30, 2, last);
        assert_eq!(
            load_balancer_addresses(&[address(1), address(2)], &[address(2), address(3)]),
            "address del 172.30.2.1/32 dev kc-uplink\naddress add 172.30.2.3/32 dev kc-uplink\n"
        );
    }
}
