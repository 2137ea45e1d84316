//! Who reaches whom: security groups, route tables, networks apart from each other.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "this is a test throughout"
)]

use std::process::Command;

use cloud_client::{
    Client, Direction, ErrorCode, LoadBalancer, LoadBalancerSpec, Machine, MachineSpec, Network, NetworkRoute,
    NetworkSpec, Phase, Remote, Route, RouteSpec, RuleProtocol, SecurityGroup, SecurityGroupRule, SecurityGroupSpec,
};
use cloud_testkit::{
    SERVICES, TestLandscape, backend_port, be_daemon_if_told_so, console, dial, in_machine, read_through_proxy,
};

/// Not a test: see [`be_daemon_if_told_so`].
#[test]
fn daemon() {
    be_daemon_if_told_so();
}

fn anywhere(direction: Direction) -> SecurityGroupRule {
    SecurityGroupRule::new(direction, Remote::Cidr("0.0.0.0/0".parse().unwrap()))
}

/// Everything to anywhere, everything among themselves, port 8000 for everybody.
fn rules_of_nodes() -> Vec<SecurityGroupRule> {
    vec![
        anywhere(Direction::Egress),
        SecurityGroupRule::new(Direction::Ingress, Remote::Group("nodes".into())),
        anywhere(Direction::Ingress).ports(RuleProtocol::Tcp, 8000, 8000),
    ]
}

async fn put_group(client: &Client, name: &str, rules: Vec<SecurityGroupRule>) {
    let network = "a".to_owned();
    let group = client
        .put::<SecurityGroup>(name, &SecurityGroupSpec { network, rules })
        .await
        .unwrap();
    assert_eq!(group.status.phase, Phase::Ready, "{}", group.status.message);
}

async fn put_machine(client: &Client, name: &str, last: u8, groups: &[&str]) {
    let address = format!("10.1.0.{last}").parse().unwrap();
    let mut spec = MachineSpec::new("a").address(address).user_data(SERVICES);
    spec.security_groups = groups.iter().map(|group| (*group).to_owned()).collect();
    client.put::<Machine>(name, &spec).await.unwrap();
}

/// Reaches or not, in one table: from, to, port, whether.
#[track_caller]
fn check(landscape: &str, cases: &[(&str, &str, u16, bool)]) {
    for (from, to, port, expected) in cases {
        let said = dial(landscape, from, to, *port);
        assert_eq!(said.contains(" sees "), *expected, "{from} to {to}:{port}: {said:?}");
    }
}

#[tokio::test]
async fn security_groups_let_in_and_out_what_they_say() {
    let mut landscape = TestLandscape::start("t-guard").await;
    let client = landscape.client.clone();
    let network = NetworkSpec::new("10.1.0.0/24".parse().unwrap());
    client.put::<Network>("a", &network).await.unwrap();
    put_group(&client, "nodes", rules_of_nodes()).await;
    put_group(&client, "locked", Vec::new()).await;
    for (name, last, groups) in [
        ("n1", 11, &["nodes"][..]),
        ("n2", 12, &["nodes", "locked"]),
        ("out", 13, &[]),
        ("closed", 14, &["locked"]),
    ] {
        put_machine(&client, name, last, groups).await;
    }
    for name in ["n1", "n2", "out", "closed"] {
        console(&client, name).await; // Also the closed one asks for its user data.
    }
    let as_they_say: &[(&str, &str, u16, bool)] = &[
        ("n1", "10.1.0.12", 9000, true),
        ("n2", "10.1.0.11", 9000, true),
        ("out", "10.1.0.12", 8000, true),
        ("out", "10.1.0.12", 9000, false),
        ("n1", "10.1.0.13", 9000, true),
        ("n1", "10.1.0.14", 8000, false),
        ("closed", "10.1.0.11", 8000, false),
        ("out", "10.1.0.14", 8000, false),
    ];
    check("t-guard", as_they_say);
    load_balancers_bring_their_clients(&landscape).await;
    nobody_gets_around_the_rules();
    rules_change_at_once(&client).await;
    members_come_and_go(&client).await;

    landscape.kill_daemon();
    check("t-guard", as_they_say);
    landscape.start_daemon().await;
    check("t-guard", as_they_say);
    groups_go_when_nobody_needs_them(&client).await;
    landscape.tear_down();
}

/// The rules see whoever connected to the load balancer, on the machine's port.
async fn load_balancers_bring_their_clients(landscape: &TestLandscape) {
    let spec = LoadBalancerSpec {
        network: "a".into(),
        ports: vec![backend_port(80, 8000), backend_port(90, 9000)],
        backends: vec!["10.1.0.11".parse().unwrap()],
    };
    let balancer = landscape.client.put::<LoadBalancer>("lb", &spec).await.unwrap();
    let (address, info) = (balancer.status.address, landscape.client.info().await.unwrap());
    let said = read_through_proxy(&info, &address.to_string(), 80).await.unwrap();
    assert_eq!(said, "n1 sees 172.30.0.1");
    let address = address.to_string();
    check(
        "t-guard",
        &[
            ("out", &address, 80, true),
            ("out", &address, 90, false),
            ("n2", &address, 90, true),
            ("closed", &address, 80, false),
        ],
    );
    landscape.client.delete::<LoadBalancer>("lb").await.unwrap();
}

/// A machine's root can do anything inside its machine.
fn nobody_gets_around_the_rules() {
    // Another one's address: neither taken for oneself, nor told to others.
    let listen = "nohup socat -u UDP-RECV:9001 CREATE:/run/heard >/dev/null 2>&1 &
        timeout 20 sh -c 'until ss -lun | grep -q :9001; do :; done'";
    in_machine("t-guard", "n2", &["sh", "-c", listen]);
    let send = |machine: &str, text: &str, options: &str| {
        let send = format!("echo {text} | socat -u - UDP:10.1.0.12:9001{options}");
        in_machine("t-guard", machine, &["sh", "-c", &send]);
    };
    send("n1", "begin", "");
    in_machine(
        "t-guard",
        "out",
        &["ip", "address", "add", "10.1.0.11/32", "dev", "eth0"],
    );
    send("out", "borrowed", ",bind=10.1.0.11");
    in_machine(
        "t-guard",
        "out",
        &["ip", "address", "del", "10.1.0.11/32", "dev", "eth0"],
    );
    send("n1", "end", "");
    let wait = "timeout 20 sh -c 'until grep -q end /run/heard; do :; done'; cat /run/heard";
    assert_eq!(in_machine("t-guard", "n2", &["sh", "-c", wait]), "begin\nend");
    // An address behind a machine that no route leads to.
    in_machine("t-guard", "n2", &["ip", "address", "add", "10.99.0.1/32", "dev", "lo"]);
    in_machine(
        "t-guard",
        "out",
        &["ip", "route", "add", "10.99.0.0/24", "via", "10.1.0.12"],
    );
    check("t-guard", &[("out", "10.99.0.1", 8000, false)]);
    // Its own firewall is not where the rules are.
    in_machine("t-guard", "closed", &["nft", "flush", "ruleset"]);
    check(
        "t-guard",
        &[("closed", "10.1.0.11", 8000, false), ("out", "10.1.0.14", 8000, false)],
    );
}

async fn rules_change_at_once(client: &Client) {
    let mut rules = rules_of_nodes();
    let from_out = Remote::Cidr("10.1.0.13/32".parse().unwrap());
    rules.push(SecurityGroupRule::new(Direction::Ingress, from_out).ports(RuleProtocol::Tcp, 8999, 9001));
    put_group(client, "nodes", rules).await;
    check("t-guard", &[("out", "10.1.0.12", 9000, true)]);
    put_group(client, "nodes", rules_of_nodes()).await;
    check("t-guard", &[("out", "10.1.0.12", 9000, false)]);
    // What is behind a member belongs to it, once there is a route.
    let route = RouteSpec {
        network: "a".into(),
        destination: "10.99.0.0/24".parse().unwrap(),
        via: "10.1.0.12".parse().unwrap(),
    };
    client.put::<Route>("behind", &route).await.unwrap();
    check(
        "t-guard",
        &[
            ("n1", "10.99.0.1", 9000, true),
            ("out", "10.99.0.1", 9000, false),
            ("out", "10.99.0.1", 8000, true),
        ],
    );
    client.delete::<Route>("behind").await.unwrap();
}

async fn members_come_and_go(client: &Client) {
    // A machine that is put into a group, and taken out again.
    put_machine(client, "out", 13, &["nodes"]).await;
    check(
        "t-guard",
        &[("out", "10.1.0.12", 9000, true), ("n1", "10.1.0.13", 9000, true)],
    );
    put_machine(client, "out", 13, &[]).await;
    check("t-guard", &[("out", "10.1.0.12", 9000, false)]);
    // One that is made and deleted; its address is another's afterwards.
    put_machine(client, "new", 15, &["nodes"]).await;
    let group = client.get::<SecurityGroup>("nodes").await.unwrap().unwrap();
    assert_eq!(group.status.machines, ["n1", "n2", "new"]);
    check("t-guard", &[("new", "10.1.0.12", 9000, true)]);
    client.delete::<Machine>("new").await.unwrap();
    put_machine(client, "next", 15, &[]).await;
    check(
        "t-guard",
        &[("next", "10.1.0.12", 9000, false), ("next", "10.1.0.12", 8000, true)],
    );
    client.delete::<Machine>("next").await.unwrap();
}

async fn groups_go_when_nobody_needs_them(client: &Client) {
    for kind in ["nodes", "locked"] {
        let refusal = client.delete::<SecurityGroup>(kind).await.unwrap_err();
        assert_eq!(refusal.code(), Some(ErrorCode::InUse));
    }
    for machine in ["n1", "n2", "closed"] {
        client.delete::<Machine>(machine).await.unwrap();
    }
    let refusal = client.delete::<Network>("a").await.unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::InUse));
    for group in ["nodes", "locked"] {
        client.delete::<SecurityGroup>(group).await.unwrap();
    }
    let router = "--net=/run/kubeception/t-guard/netns/network-a";
    let script = "nft list tables; cat /proc/sys/net/bridge/bridge-nf-call-iptables";
    let output = Command::new("nsenter")
        .args([router, "sh", "-c", script])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "table ip kubeception\n0\n");
    client.delete::<Machine>("out").await.unwrap();
    client.delete::<Network>("a").await.unwrap();
}

/// A pod behind a machine, without anything that hides its address.
fn add_pod(landscape: &str, machine: &str, subnet: &str) {
    let script = format!(
        "set -e
        ip netns add pod
        ip link add pod0 type veth peer name eth0 netns pod
        ip address add {subnet}.1/24 dev pod0
        ip link set pod0 up
        ip -n pod address add {subnet}.2/24 dev eth0
        ip -n pod link set eth0 up
        ip -n pod route add default via {subnet}.1
        ip -n pod link set lo up
        nohup ip netns exec pod socat TCP-LISTEN:7000,fork,reuseaddr SYSTEM:'echo {machine} sees $SOCAT_PEERADDR' >/dev/null 2>&1 &
        timeout 20 sh -c 'until ip netns exec pod socat - TCP:{subnet}.2:7000 >/dev/null 2>&1; do :; done'
        echo ready"
    );
    assert_eq!(in_machine(landscape, machine, &["sh", "-c", &script]), "ready");
}

fn dial_from_pod(landscape: &str, machine: &str, to: &str) -> String {
    let target = format!("TCP:{to}:7000,connect-timeout=1");
    in_machine(
        landscape,
        machine,
        &["ip", "netns", "exec", "pod", "socat", "-T5", "-", &target],
    )
}

#[tokio::test]
async fn pods_reach_each_other_through_the_route_table() {
    let mut landscape = TestLandscape::start("t-route").await;
    let client = landscape.client.clone();
    let mut network = NetworkSpec::routed("10.1.0.0/24".parse().unwrap());
    client.put::<Network>("a", &network).await.unwrap();
    for (name, last) in [("m1", 11), ("m2", 12)] {
        put_machine(&client, name, last, &[]).await;
        add_pod("t-route", name, &format!("10.2.{last}"));
    }
    let route = |last: u8| RouteSpec {
        network: "a".into(),
        destination: format!("10.2.{last}.0/24").parse().unwrap(),
        via: format!("10.1.0.{last}").parse().unwrap(),
    };
    assert_eq!(dial_from_pod("t-route", "m1", "10.2.12.2"), "", "no route yet");
    // One as an object of its own, the other in the network's specification.
    assert_eq!(
        client.put::<Route>("m1", &route(11)).await.unwrap().status.phase,
        Phase::Ready
    );
    network.routes = vec![NetworkRoute {
        destination: route(12).destination,
        via: route(12).via,
    }];
    client.put::<Network>("a", &network).await.unwrap();
    for _ in 0..3 {
        // Again and again: the router must not tell anybody of a shorter way.
        assert_eq!(dial_from_pod("t-route", "m1", "10.2.12.2"), "m2 sees 10.2.11.2");
        assert_eq!(dial_from_pod("t-route", "m2", "10.2.11.2"), "m1 sees 10.2.12.2");
    }
    let way = in_machine("t-route", "m1", &["ip", "route", "get", "10.2.12.2"]);
    assert!(way.contains("via 10.1.0.1 "), "{way}");
    let info = client.info().await.unwrap();
    let said = read_through_proxy(&info, "10.2.11.2", 7000).await.unwrap();
    assert_eq!(said, "m1 sees 172.30.0.1", "the cloud itself knows the way, too");

    let refusal = client.put::<Route>("other", &route(11)).await.unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::Conflict));
    let refusal = client.delete::<Network>("a").await.unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::InUse));
    // Guarded machines: their pods are members, too.
    put_group(&client, "nodes", rules_of_nodes()).await;
    for (name, last) in [("m1", 11), ("m2", 12)] {
        put_machine(&client, name, last, &["nodes"]).await;
    }
    assert_eq!(dial_from_pod("t-route", "m1", "10.2.12.2"), "m2 sees 10.2.11.2");
    client.delete::<Route>("m1").await.unwrap();
    assert_eq!(dial_from_pod("t-route", "m2", "10.2.11.2"), "", "no route any more");
    landscape.tear_down();
}

#[tokio::test]
async fn networks_with_one_range_live_apart() {
    let mut landscape = TestLandscape::start("t-apart").await;
    let client = landscape.client.clone();
    let mut balancers = Vec::new();
    for name in ["a", "b"] {
        let network = NetworkSpec::new("10.1.0.0/24".parse().unwrap());
        client.put::<Network>(name, &network).await.unwrap();
        let address = if name == "a" { "10.1.0.11" } else { "10.1.0.12" };
        let spec = MachineSpec::new(name)
            .address(address.parse().unwrap())
            .user_data(SERVICES);
        client.put::<Machine>(&format!("m{name}"), &spec).await.unwrap();
        let spec = LoadBalancerSpec {
            network: name.into(),
            ports: vec![backend_port(80, 8000)],
            backends: vec![address.parse().unwrap()],
        };
        balancers.push(client.put::<LoadBalancer>(name, &spec).await.unwrap().status.address);
    }
    let mut uplinks = Vec::new();
    for name in ["a", "b"] {
        console(&client, &format!("m{name}")).await;
        uplinks.push(client.get::<Network>(name).await.unwrap().unwrap().status.uplink);
    }
    // Each reaches the other's load balancer, under the address of its own router, and its own.
    assert_eq!(
        dial("t-apart", "ma", balancers[1], 80),
        format!("mb sees {}", uplinks[0])
    );
    assert_eq!(
        dial("t-apart", "mb", balancers[0], 80),
        format!("ma sees {}", uplinks[1])
    );
    assert_eq!(dial("t-apart", "ma", balancers[0], 80), "ma sees 10.1.0.1");
    // And nothing else of it: not by address, not by way of its router, not as the cloud itself.
    check(
        "t-apart",
        &[
            ("ma", "10.1.0.12", 8000, false),
            ("mb", "10.1.0.11", 8000, false),
            ("ma", &uplinks[1].to_string(), 8000, false),
        ],
    );
    let disguise = format!(
        "ip address add 172.30.0.1/32 dev eth0
        socat -T2 - TCP:{}:80,bind=172.30.0.1,connect-timeout=1",
        balancers[1]
    );
    assert_eq!(in_machine("t-apart", "ma", &["sh", "-c", &disguise]), "");
    landscape.tear_down();
}
