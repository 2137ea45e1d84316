//! The cloud on this very machine: needs root, and the machine image, which it builds if it is not in the cache.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "this is a test throughout"
)]

use std::{net::Ipv4Addr, process::Command};

use cloud_client::{
    Client, DnsRecord, DnsRecordSpec, ErrorCode, Info, LoadBalancer, LoadBalancerSpec, Machine, MachineSpec, Network,
    NetworkSpec, Phase, RecordType, connect_through_proxy,
};
use cloud_testkit::{
    DEADLINE, TestLandscape, backend_port, be_daemon_if_told_so, console, eventually, in_machine, read_through_proxy,
    saw,
};
use hickory_proto::{
    op::{Message, Query},
    rr::{Name, RecordType as WireType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Not a test: see [`be_daemon_if_told_so`].
#[test]
fn daemon() {
    be_daemon_if_told_so();
}

/// A service on port 8000 that says its machine's name, and a look at the world from inside.
const USER_DATA: &str = r#"#!/bin/sh
set -eu
systemd-run --quiet --unit=hello socat TCP-LISTEN:8000,fork,reuseaddr SYSTEM:'echo hello from $(hostname)'
look() { echo "$1: $(sh -c "$2" 2>&1 || true)"; }
until socat - TCP:127.0.0.1:8000 >/dev/null 2>&1; do :; done
look runs "echo $(( $(cat /var/lib/kubeception/runs 2>/dev/null || echo 0) + 1 )) | tee /var/lib/kubeception/runs"
look cloud "getent ahostsv4 cloud.t-cloud.kubeception.internal | head -1 | cut -d' ' -f1"
look alias "getent ahostsv4 www.t-cloud.kubeception.internal | head -1 | cut -d' ' -f1"
look outside "getent ahostsv4 example.org || echo none"
look hairpin "socat - TCP:172.30.2.1:80"
look direct "timeout 3 socat - TCP:10.1.0.10:8000,connect-timeout=2 2>&1 | tail -1"
look meta "curl -s http://169.254.169.254/meta-data"
look registry "curl -s -o /dev/null -w '%{http_code}' http://registry.t-cloud.kubeception.internal:5000/v2/"
look propagation "findmnt -no PROPAGATION /"
echo done
"#;

/// Two networks with the same range, a load balancer with a name, and a machine in each network.
async fn furnish(client: &Client, domain: &str) {
    let network = client
        .put::<Network>("seed", &NetworkSpec::routed("10.1.0.0/24".parse().unwrap()))
        .await
        .unwrap();
    assert_eq!(
        (network.status.phase, network.status.gateway),
        (Phase::Ready, Ipv4Addr::new(10, 1, 0, 1))
    );
    client
        .put::<Network>("other", &NetworkSpec::new("10.1.0.0/24".parse().unwrap()))
        .await
        .unwrap();
    let address = Ipv4Addr::new(10, 1, 0, 10);
    let (ports, backends) = (vec![backend_port(80, 8000)], vec![address]);
    let balancer = LoadBalancerSpec {
        network: "seed".into(),
        ports,
        backends,
    };
    let balancer = client.put::<LoadBalancer>("gateway", &balancer).await.unwrap();
    assert_eq!(balancer.status.address, Ipv4Addr::new(172, 30, 2, 1));
    let alias = DnsRecordSpec::new(format!("www.{domain}"), RecordType::A, vec!["172.30.2.1".into()]);
    client.put::<DnsRecord>(&alias.key(), &alias).await.unwrap();

    let seed = MachineSpec::new("seed").address(address).user_data(USER_DATA);
    let machine = client.put::<Machine>("seed", &seed).await.unwrap();
    assert_eq!(
        (machine.status.phase, machine.status.provider_id.as_str()),
        (Phase::Ready, "local:///t-cloud/seed")
    );
    // An address of the cloud's choice.
    let other = MachineSpec::new("other").user_data(USER_DATA);
    assert_eq!(
        client.put::<Machine>("other", &other).await.unwrap().status.address,
        address
    );
}

#[tokio::test]
async fn machines_reach_what_they_should_and_nothing_else() {
    let mut landscape = TestLandscape::start("t-cloud").await;
    let (client, domain) = (landscape.client.clone(), landscape.domain());
    let info = client.info().await.unwrap();
    assert_eq!(info.registry_name, format!("registry.{domain}:5000"));
    furnish(&client, &domain).await;

    let seed = console(&client, "seed").await;
    let metadata: serde_json::Value = serde_json::from_str(&saw(&seed, "meta")).unwrap();
    assert_eq!(metadata["hostname"], "seed");
    assert_eq!(metadata["providerId"], "local:///t-cloud/seed");
    for (what, expected) in [
        ("runs", "1"),
        ("cloud", "172.30.0.1"),
        ("alias", "172.30.2.1"),
        ("outside", "none"),
        ("hairpin", "hello from seed"),
        ("registry", "200"),
        ("propagation", "shared"),
    ] {
        assert_eq!(saw(&seed, what), expected, "{what}");
    }
    let state = in_machine("t-cloud", "seed", &["systemctl", "is-system-running", "--wait"]);
    let failed = in_machine("t-cloud", "seed", &["systemctl", "--failed", "--plain", "--no-legend"]);
    assert_eq!((state.as_str(), failed.as_str()), ("running", ""), "a unit failed");
    let other = console(&client, "other").await;
    assert_eq!(
        saw(&other, "hairpin"),
        "hello from seed",
        "another network's load balancer"
    );
    assert_eq!(
        saw(&other, "direct"),
        "hello from other",
        "its own machine, not the seed's"
    );

    for (host, port) in [
        (format!("seed.{domain}"), 8000),
        ("172.30.2.1".into(), 80),
        (format!("www.{domain}"), 80),
    ] {
        assert_eq!(
            read_through_proxy(&info, &host, port).await.unwrap(),
            "hello from seed",
            "{host}"
        );
    }
    the_proxy_stays_inside(&info, &domain).await;
    socks_works_too(&info, &domain).await;
    dns_answers_over_tcp(&info, &domain).await;
    the_api_inside_wants_its_token(&client, &info).await;
    pods_do_not_see_user_data();
    networks_are_closed(&client, &info).await;
    load_balancers_change(&client, &info).await;
    deletion_goes_in_order(&client).await;
    landscape.tear_down();
}

/// A pod: behind its machine, and with its machine's address for everybody else.
const POD: &str = "set -e
ip netns add pod
ip link add pod0 type veth peer name eth0 netns pod
ip address add 10.2.0.1/24 dev pod0
ip link set pod0 up
ip -n pod address add 10.2.0.2/24 dev eth0
ip -n pod link set eth0 up
ip -n pod route add default via 10.2.0.1
nft 'table ip pod { chain postrouting { type nat hook postrouting priority srcnat; ip saddr 10.2.0.0/24 masquerade; }; }'
ip netns exec pod socat - TCP:172.30.2.1:80
ip netns exec pod curl --silent --max-time 1 http://169.254.169.254/user-data || echo no user data
";

fn pods_do_not_see_user_data() {
    let seen = in_machine("t-cloud", "seed", &["sh", "-c", POD]);
    assert_eq!(seen, "hello from seed\nno user data");
}

/// The routed network is open to the cloud itself, and to nobody else: not to a machine of another network.
async fn networks_are_closed(client: &Client, info: &Info) {
    client
        .put::<Network>("third", &NetworkSpec::new("10.3.0.0/24".parse().unwrap()))
        .await
        .unwrap();
    client
        .put::<Machine>("third", &MachineSpec::new("third"))
        .await
        .unwrap();
    let dial = ["socat", "-", "TCP:10.1.0.10:8000,connect-timeout=2"];
    assert_eq!(in_machine("t-cloud", "third", &dial), "");
    let balanced = ["socat", "-", "TCP:172.30.2.1:80,connect-timeout=10"];
    assert_eq!(in_machine("t-cloud", "third", &balanced), "hello from seed");
    let refusal = read_through_proxy(info, "10.3.0.10", 22).await.unwrap_err();
    assert!(refusal.contains("403"), "{refusal}");
    client.delete::<Machine>("third").await.unwrap();
    client.delete::<Network>("third").await.unwrap();
}

async fn the_proxy_stays_inside(info: &Info, domain: &str) {
    for (host, port, status) in [
        ("127.0.0.1".to_owned(), 22, "403"),
        ("8.8.8.8".to_owned(), 53, "403"),
        (format!("nobody.{domain}"), 80, "404"),
        ("example.org".to_owned(), 80, "404"),
        ("172.30.0.1".to_owned(), 9, "502"),
    ] {
        let refusal = connect_through_proxy(info.proxy, &host, port, DEADLINE)
            .await
            .unwrap_err()
            .to_string();
        assert!(refusal.contains(&format!("HTTP/1.1 {status}")), "{host}: {refusal}");
    }
}

async fn socks_works_too(info: &Info, domain: &str) {
    let mut stream = TcpStream::connect(info.proxy).await.unwrap();
    let name = format!("seed.{domain}");
    stream.write_all(&[5, 1, 0]).await.unwrap();
    let mut hello = [0; 2];
    stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(hello, [5, 0]);
    let request = [
        &[5, 1, 0, 3, name.len() as u8],
        name.as_bytes(),
        &8000_u16.to_be_bytes(),
    ]
    .concat();
    stream.write_all(&request).await.unwrap();
    let mut reply = [0; 10];
    stream.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply[..2], [5, 0]);
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "hello from seed\n");
}

async fn dns_answers_over_tcp(info: &Info, domain: &str) {
    let mut stream = connect_through_proxy(info.proxy, &info.dns.ip().to_string(), info.dns.port(), DEADLINE)
        .await
        .unwrap();
    let mut question = Message::query();
    question.add_query(Query::query(
        Name::from_ascii(format!("www.{domain}.")).unwrap(),
        WireType::A,
    ));
    let bytes = question.to_vec().unwrap();
    stream.write_u16(bytes.len() as u16).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let mut answer = vec![0; usize::from(stream.read_u16().await.unwrap())];
    stream.read_exact(&mut answer).await.unwrap();
    let answers: Vec<String> = Message::from_vec(&answer)
        .unwrap()
        .answers
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(answers, [format!("www.{domain}. 5 IN A 172.30.2.1")]);
}

/// Through the proxy, as a pod would directly.
async fn the_api_inside_wants_its_token(client: &Client, info: &Info) {
    let token = client.token().await.unwrap();
    for (token, status) in [(token.as_str(), "200 OK"), ("wrong", "401 Unauthorized")] {
        let mut stream = connect_through_proxy(info.proxy, &info.api.ip().to_string(), info.api.port(), DEADLINE)
            .await
            .unwrap();
        let request = format!(
            "GET /v1/info HTTP/1.1\r\nHost: cloud\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}

async fn load_balancers_change(client: &Client, info: &Info) {
    let mut spec = client.get::<LoadBalancer>("gateway").await.unwrap().unwrap().spec;
    spec.ports = vec![backend_port(81, 8000)];
    client.put::<LoadBalancer>("gateway", &spec).await.unwrap();
    assert_eq!(
        read_through_proxy(info, "172.30.2.1", 81).await.unwrap(),
        "hello from seed"
    );
    assert!(
        read_through_proxy(info, "172.30.2.1", 80)
            .await
            .unwrap_err()
            .contains("502")
    );
    // Two backends, of which one is the other's double.
    spec.backends = vec![Ipv4Addr::new(10, 1, 0, 10), Ipv4Addr::new(10, 1, 0, 10)];
    client.put::<LoadBalancer>("gateway", &spec).await.unwrap();
    assert_eq!(
        read_through_proxy(info, "172.30.2.1", 81).await.unwrap(),
        "hello from seed"
    );
    spec.backends.clear();
    client.put::<LoadBalancer>("gateway", &spec).await.unwrap();
    assert!(
        read_through_proxy(info, "172.30.2.1", 81)
            .await
            .unwrap_err()
            .contains("502"),
        "refused, not lost"
    );
}

async fn deletion_goes_in_order(client: &Client) {
    let refusal = client.delete::<Network>("seed").await.unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::InUse));
    client.delete::<LoadBalancer>("gateway").await.unwrap();
    client.delete::<Machine>("seed").await.unwrap();
    client.delete::<Machine>("seed").await.unwrap();
    assert_eq!(client.get::<Machine>("seed").await.unwrap(), None);
    client.delete::<Network>("seed").await.unwrap();
    let names: Vec<String> = client
        .list::<Network>()
        .await
        .unwrap()
        .into_iter()
        .map(|network| network.name)
        .collect();
    assert_eq!(names, ["other"]);
}

#[tokio::test]
async fn a_killed_daemon_finds_everything_again() {
    let mut landscape = TestLandscape::start("t-kill").await;
    let client = landscape.client.clone();
    client
        .put::<Network>("seed", &NetworkSpec::routed("10.1.0.0/24".parse().unwrap()))
        .await
        .unwrap();
    let script = USER_DATA.replace("t-cloud", "t-kill");
    let spec = MachineSpec::new("seed").user_data(script);
    let before = client.put::<Machine>("seed", &spec).await.unwrap();
    let port = LoadBalancerSpec {
        network: "seed".into(),
        ports: vec![backend_port(80, 8000)],
        backends: vec![before.status.address],
    };
    let balancer = client.put::<LoadBalancer>("gateway", &port).await.unwrap();
    console(&client, "seed").await;
    let registry = registry_process("t-kill");

    landscape.kill_daemon();
    let info = landscape.start_daemon().await;
    assert_eq!(client.get::<Machine>("seed").await.unwrap(), Some(before.clone()));
    assert_eq!(
        client.put::<Machine>("seed", &spec).await.unwrap(),
        before,
        "a repeated request changes nothing"
    );
    assert_eq!(client.get::<LoadBalancer>("gateway").await.unwrap(), Some(balancer));
    assert_eq!(registry_process("t-kill"), registry, "the registry went on");
    assert_eq!(
        read_through_proxy(&info, "172.30.2.1", 80).await.unwrap(),
        "hello from seed"
    );
    assert_eq!(saw(&console(&client, "seed").await, "runs"), "1", "the machine went on");
    let refusal = client
        .put::<Machine>("seed", &spec.clone().user_data("other"))
        .await
        .unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::Conflict));

    a_second_daemon_is_refused(&landscape);
    a_machine_that_ended_starts_again(&client, &spec, &info).await;
    a_registry_that_ended_starts_again(&info, &registry).await;
    let removed = landscape.tear_down();
    assert!(
        removed.iter().any(|line| line.starts_with("daemon, process")),
        "{removed:?}"
    );
}

/// What the user data leaves on the disk for systemd to find.
const AT_NEXT_BOOT: &str = r#"cat >/etc/systemd/system/again.service <<'END'
[Service]
ExecStart=/usr/bin/socat TCP-LISTEN:8000,fork,reuseaddr "SYSTEM:echo again"
[Install]
WantedBy=multi-user.target
END
systemctl enable --quiet again.service
"#;

#[tokio::test]
async fn a_restarted_host_gets_its_cloud_back() {
    let mut landscape = TestLandscape::start("t-boot").await;
    let client = landscape.client.clone();
    client
        .put::<Network>("seed", &NetworkSpec::routed("10.1.0.0/24".parse().unwrap()))
        .await
        .unwrap();
    let script = USER_DATA
        .replace("t-cloud", "t-boot")
        .replace("set -eu\n", &format!("set -eu\n{AT_NEXT_BOOT}"));
    let spec = MachineSpec::new("seed").user_data(script);
    let before = client.put::<Machine>("seed", &spec).await.unwrap();
    let backends = vec![before.status.address];
    let balancer = LoadBalancerSpec {
        network: "seed".into(),
        ports: vec![backend_port(80, 8000)],
        backends,
    };
    let balancer = client.put::<LoadBalancer>("gateway", &balancer).await.unwrap();
    console(&client, "seed").await;

    landscape.kill_daemon();
    restart_host("t-boot");
    let info = landscape.start_daemon().await;
    assert_eq!(client.get::<Machine>("seed").await.unwrap(), Some(before));
    assert_eq!(client.get::<LoadBalancer>("gateway").await.unwrap(), Some(balancer));
    eventually("the machine is reached again", || async {
        let said = read_through_proxy(&info, "172.30.2.1", 80).await?;
        if said == "again" { Ok(()) } else { Err(said) }
    })
    .await;
    assert_eq!(in_machine("t-boot", "seed", &["cat", "/var/lib/kubeception/runs"]), "1");
    landscape.tear_down();
}

/// What a restart of the host does to a landscape: no process, mount or namespace is left, but every file.
fn restart_host(landscape: &str) {
    // Nobody meets a process that is about to die after a restart: its end is waited for.
    let script = format!(
        "first=$(runc --root /run/kubeception/{landscape}/runc state seed | sed -n 's/.*\"pid\": *\\([0-9]*\\).*/\\1/p')
        runc --root /run/kubeception/{landscape}/runc kill seed KILL
        timeout 30 sh -c \"until ! grep -qs ') [^Z]' /proc/$first/stat; do sleep 0.05; done\" || exit 1
        pkill --full --exact 'docker-registry serve /run/kubeception/{landscape}/registry.yaml'
        awk '{{print $5}}' /proc/self/mountinfo | grep /kubeception/{landscape}/ | xargs umount --lazy"
    );
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
}

#[test]
fn a_taken_port_is_named() {
    let mut landscape = TestLandscape::new("t-port");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(!landscape.spawn_daemon_with_proxy_on(port).wait().unwrap().success());
    let log = std::fs::read_to_string(landscape.log()).unwrap();
    assert!(
        log.contains(&format!("127.0.0.1:{port}: choose a free port with --proxy-port")),
        "{log}"
    );
    landscape.tear_down();
}

fn registry_process(landscape: &str) -> String {
    let pattern = format!("docker-registry serve /run/kubeception/{landscape}/registry.yaml");
    let output = Command::new("pgrep")
        .args(["--exact", "--full", &pattern])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn a_second_daemon_is_refused(landscape: &TestLandscape) {
    let mut second = TestLandscape::second(landscape);
    let status = second.spawn_daemon().wait().unwrap();
    assert!(!status.success());
    let log = std::fs::read_to_string(landscape.log()).unwrap();
    let expected = "the cloud of landscape t-kill already runs as process ";
    assert!(log.contains(expected), "{log}");
    second.forget();
}

async fn a_machine_that_ended_starts_again(client: &Client, spec: &MachineSpec, info: &Info) {
    let runc = "/run/kubeception/t-kill/runc";
    assert!(
        Command::new("runc")
            .args(["--root", runc, "kill", "seed", "KILL"])
            .status()
            .unwrap()
            .success()
    );
    eventually("the machine has stopped", || async {
        let machine = client.get::<Machine>("seed").await.unwrap().unwrap();
        if machine.status.phase == Phase::Stopped {
            Ok(())
        } else {
            Err(format!("{:?}", machine.status))
        }
    })
    .await;
    assert_eq!(
        client.put::<Machine>("seed", spec).await.unwrap().status.phase,
        Phase::Ready
    );
    // Its user data has run: it does not run again, but what lies on its disk is there.
    assert_eq!(in_machine("t-kill", "seed", &["cat", "/var/lib/kubeception/runs"]), "1");
    assert!(
        read_through_proxy(info, "172.30.2.1", 80)
            .await
            .unwrap_err()
            .contains("502"),
        "nothing listens any more"
    );
}

async fn a_registry_that_ended_starts_again(info: &Info, pid: &str) {
    assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
    eventually("another registry answers", || async {
        let registry = info.registry;
        let stream = connect_through_proxy(info.proxy, &registry.ip().to_string(), registry.port(), DEADLINE).await;
        let answers = stream.map(drop).map_err(|error| error.to_string());
        answers.and_then(|()| {
            if registry_process("t-kill") == pid {
                Err("the old one".into())
            } else {
                Ok(())
            }
        })
    })
    .await;
}
