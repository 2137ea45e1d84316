//! The tunnel end to end, over TLS on loopback: what it is for, and what an attacker at either end can't do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{sync::Arc, time::Duration};

use common::{
    Authorities, DAY, PATIENCE, SERVER_NAME, Surroundings, client_certificate, dial, echo, expect_echo, own_address,
    write_certificate,
};
use ipnet::IpNet;
use lib_clock::{Clock as _, ManualClock, SystemClock};
use lib_tunnel::{ALPN_TUNNEL, TUNNEL_GROUP, TUNNEL_USER_PREFIX, client_config};
use rustls_pki_types::ServerName;
use testing_testkit::{eventually, ready_when};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

#[tokio::test]
async fn streams_reach_the_node_that_owns_the_address() {
    let server = Surroundings::new().start().await;
    let own = own_address();
    let target = echo(own).await;
    let _machine = server.machine("one");
    server.wait_for_machines(&["one"]).await;
    server.set_nodes(&[("one", &own.to_string(), "100.96.0.0/24")]);
    let (status, mut stream) = server.connect(&target.to_string()).await;
    assert_eq!(status, "200 Connection established");
    expect_echo(&mut stream, "hello").await;
}

#[tokio::test]
async fn what_leads_nowhere_is_refused_with_its_reason() {
    let mut surroundings = Surroundings::new();
    surroundings.ranges.nodes = vec!["10.250.0.0/16".parse().unwrap()];
    // What the seed blocks: the cloud's own services, and the networks of all machines, this shoot's own among them.
    let blocked = ["172.30.0.0/23", "10.0.0.0/8"].map(|range| range.parse::<IpNet>().unwrap());
    surroundings.ranges.seed.extend(blocked);
    let server = surroundings.start().await;
    let _machine = server.machine("one");
    server.wait_for_machines(&["one"]).await;
    // The machine has none of these addresses: a lying Node object leads to a machine that refuses.
    server.set_nodes(&[
        ("one", "10.250.0.2", "100.96.0.0/24"),
        ("two", "10.250.0.3", "100.96.1.0/24"),
    ]);
    for (target, expected) in [
        (
            "127.0.0.1:6443",
            "403 127.0.0.1 may not be dialled: it is a loopback address",
        ),
        (
            "[::ffff:127.0.0.1]:6443",
            "403 127.0.0.1 may not be dialled: it is a loopback address",
        ),
        (
            "localhost:6443",
            "403 127.0.0.1 may not be dialled: it is a loopback address",
        ),
        (
            "169.254.169.254:80",
            "403 169.254.169.254 may not be dialled: it is a link-local address",
        ),
        (
            "240.0.0.1:6443",
            "403 240.0.0.1 may not be dialled: it is a multicast or reserved address",
        ),
        (
            "198.51.100.7:443",
            "403 198.51.100.7 may not be dialled: it lies in the networks of the seed",
        ),
        (
            "172.30.0.1:8080",
            "403 172.30.0.1 may not be dialled: it lies in the networks of the seed",
        ),
        // A node of another shoot.
        (
            "10.251.0.2:10250",
            "403 10.251.0.2 may not be dialled: it lies in the networks of the seed",
        ),
        ("10.250.0.9:10250", "502 no node has the address 10.250.0.9"),
        ("100.96.9.9:80", "502 no node has the address 100.96.9.9"),
        ("10.250.0.3:10250", "503 no tunnel to the node two"),
        (
            "10.250.0.2:22",
            "403 through the node one: 10.250.0.2:22 may not be dialled: it is neither this machine's nor of the shoot's pods or Services",
        ),
        ("nothing", "400 the request is no CONNECT to a host and a port"),
    ] {
        assert_eq!(server.answer(target).await, expected, "{target}");
    }
}

#[tokio::test]
async fn the_world_outside_is_dialled_from_here() {
    // This machine's own address is in no range of the shoot or the seed, and no node's.
    let server = Surroundings::new().start().await;
    let target = echo(own_address()).await;
    let (status, mut stream) = server.connect(&target.to_string()).await;
    assert_eq!(status, "200 Connection established");
    expect_echo(&mut stream, "from here").await;
}

#[tokio::test]
async fn only_machines_of_the_shoot_are_let_in() {
    let server = Surroundings::new().start().await;
    let foreign = Authorities::new();
    let user = format!("{TUNNEL_USER_PREFIX}one");
    let refused = [
        (
            "another authority",
            client_certificate(&foreign.client, &user, TUNNEL_GROUP),
        ),
        (
            "a user",
            client_certificate(&server.authorities.client, "admin", "system:masters"),
        ),
        (
            "no member",
            client_certificate(&server.authorities.client, &user, "system:nodes"),
        ),
        (
            "no name",
            client_certificate(&server.authorities.client, TUNNEL_USER_PREFIX, TUNNEL_GROUP),
        ),
    ];
    for (what, certificate) in &refused {
        let config = client_config(
            certificate.certificate_pem.as_bytes(),
            certificate.private_key.to_pem().as_bytes(),
            server.authorities.vpn.certificate_pem().as_bytes(),
            ALPN_TUNNEL,
        );
        let stream = TcpStream::connect(server.address).await.unwrap();
        let name = ServerName::try_from(SERVER_NAME).unwrap();
        let hung_up = async {
            let mut stream = TlsConnector::from(Arc::new(config.unwrap()))
                .connect(name, stream)
                .await?;
            // HTTP/2's client would speak first: the server hangs up instead.
            stream.read_u8().await
        };
        assert!(timeout(PATIENCE, hung_up).await.unwrap().is_err(), "{what} was let in");
    }
    assert_eq!(server.machines.names(), Vec::<String>::new());
}

#[tokio::test]
async fn nobody_stays_longer_than_their_certificate() {
    let mut surroundings = Surroundings::new();
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    // One second is left of the machine's certificate.
    clock.advance(DAY - Duration::from_secs(1));
    surroundings.clock = Arc::clone(&clock) as Arc<dyn lib_clock::Clock>;
    let server = surroundings.start().await;
    let _machine = server.machine("one");
    server.wait_for_machines(&["one"]).await;
    clock.advance(Duration::from_secs(2));
    server.wait_for_machines(&[]).await;
}

#[tokio::test]
async fn a_machine_without_a_node_carries_nothing() {
    let server = Surroundings::new().start().await;
    let _machine = server.machine("stranger");
    server.wait_for_machines(&["stranger"]).await;
    server.set_nodes(&[("one", "10.250.0.2", "100.96.0.0/24")]);
    assert_eq!(server.answer("100.64.0.10:443").await, "503 no tunnel to any node");
}

#[tokio::test]
async fn a_node_gets_nothing_of_anothers_address() {
    let server = Surroundings::new().start().await;
    let own = own_address();
    let target = echo(own).await;
    // Both machines could dial it; the thief's node claims the address that the victim's had before.
    let _thief = server.machine("a-thief");
    server.wait_for_machines(&["a-thief"]).await;
    server.set_nodes(&[
        ("victim", &own.to_string(), "100.96.0.0/24"),
        ("a-thief", &own.to_string(), "100.96.0.0/24"),
    ]);
    assert_eq!(
        server.answer(&target.to_string()).await,
        "503 no tunnel to the node victim"
    );
    assert_eq!(server.answer("100.96.0.7:80").await, "503 no tunnel to the node victim");
}

#[tokio::test]
async fn both_ends_come_back() {
    let mut surroundings = Surroundings::new();
    let own = own_address();
    let target = echo(own).await;
    let (client, vpn) = (
        surroundings.authorities.client.clone(),
        surroundings.authorities.vpn.clone(),
    );
    let server = surroundings.start().await;
    let machine = server.machine("one");
    server.wait_for_machines(&["one"]).await;
    // The machine's unit is killed, and started anew.
    drop(machine);
    server.wait_for_machines(&[]).await;
    let _machine = server.machine("one");
    server.wait_for_machines(&["one"]).await;
    // The server's pod goes; another one comes in its place.
    let address = server.stop().await;
    surroundings = Surroundings::new();
    surroundings.authorities = Authorities { client, vpn };
    surroundings.listen = address;
    let server = surroundings.start().await;
    server.wait_for_machines(&["one"]).await;
    server.set_nodes(&[("one", &own.to_string(), "100.96.0.0/24")]);
    let (_, mut stream) = server.connect(&target.to_string()).await;
    expect_echo(&mut stream, "back").await;
}

#[tokio::test]
async fn a_renewed_certificate_cuts_no_stream() {
    let server = Surroundings::new().start().await;
    let own = own_address();
    let target = echo(own).await;
    let machine = server.machine("one");
    server.wait_for_machines(&["one"]).await;
    server.set_nodes(&[("one", &own.to_string(), "100.96.0.0/24")]);
    let (_, mut old) = server.connect(&target.to_string()).await;
    let mut changes = server.machines.changes();
    write_certificate(&machine.directory, &server.authorities.machine("one"));
    timeout(PATIENCE, changes.changed())
        .await
        .expect("a new connection in time")
        .unwrap();
    let (_, mut new) = server.connect(&target.to_string()).await;
    expect_echo(&mut new, "through the new connection").await;
    expect_echo(&mut old, "through the old connection").await;
}

#[tokio::test]
async fn clients_inside_of_the_shoot_reach_the_api_server() {
    let mut surroundings = Surroundings::new();
    surroundings.api_server = echo([127, 0, 0, 1].into()).await;
    let server = surroundings.start().await;
    let machine = server.machine("one");
    let mut first = dial(machine.api_server).await;
    let mut second = dial(machine.api_server).await;
    second.write_all(b"both at once").await.unwrap();
    expect_echo(&mut first, "hello").await;
    let mut answer = [0; 12];
    timeout(PATIENCE, second.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&answer, b"both at once");
}

#[tokio::test]
async fn an_api_server_that_is_away_is_not_waited_for() {
    let server = Surroundings::new().start().await;
    let machine = server.machine("one");
    eventually(PATIENCE, "the connection to be closed", || async {
        let mut stream = dial(machine.api_server).await;
        let read = timeout(PATIENCE, stream.read_u8()).await.unwrap();
        ready_when(read.is_err(), || "a byte".to_owned())
    })
    .await;
}
