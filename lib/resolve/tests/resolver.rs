//! The resolver with files of its own.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::{net::IpAddr, time::Duration};

use lib_resolve::{ConnectError, Files, ResolveError, Resolver, connect};
use tower::Service as _;

fn resolver(directory: &tempfile::TempDir, resolv_conf: &str, hosts: &str) -> Resolver {
    let files = Files {
        resolv_conf: directory.path().join("resolv.conf"),
        hosts: directory.path().join("hosts"),
    };
    std::fs::write(&files.resolv_conf, resolv_conf).unwrap();
    std::fs::write(&files.hosts, hosts).unwrap();
    Resolver::from_files(files).with_deadline(Duration::from_millis(300))
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn literals_pass_without_any_configuration() {
    let missing = Files {
        resolv_conf: "/does/not/exist".into(),
        hosts: "/does/not/exist".into(),
    };
    let resolver = Resolver::from_files(missing);
    for (host, expected) in [("10.0.0.1", "10.0.0.1"), ("::1", "::1"), ("[fd00::1]", "fd00::1")] {
        assert_eq!(resolver.resolve(host).await.unwrap(), [address(expected)]);
    }
}

#[tokio::test]
async fn hosts_and_search_domains_are_read() {
    let directory = tempfile::tempdir().unwrap();
    // The name server is a documentation address: nobody answers there.
    let conf = "search garden.svc.cluster.local\nnameserver 192.0.2.1\noptions ndots:5\n";
    let resolver = resolver(
        &directory,
        conf,
        "10.3.0.7 gateway.garden.svc.cluster.local\n127.0.0.1 localhost\n",
    );
    assert_eq!(resolver.resolve("gateway").await.unwrap(), [address("10.3.0.7")]);
    assert_eq!(resolver.resolve("localhost").await.unwrap(), [address("127.0.0.1")]);
}

#[tokio::test]
async fn a_changed_file_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let resolver = resolver(&directory, "", "10.0.0.1 a.example\n");
    assert_eq!(resolver.resolve("a.example").await.unwrap(), [address("10.0.0.1")]);
    std::fs::write(directory.path().join("hosts"), "10.0.0.2 a.example\n").unwrap();
    assert_eq!(resolver.resolve("a.example").await.unwrap(), [address("10.0.0.2")]);
}

#[tokio::test]
async fn a_silent_server_ends_at_the_deadline_and_the_error_names_the_host() {
    let directory = tempfile::tempdir().unwrap();
    // Bound, and never answered.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let resolver = resolver(&directory, "nameserver 127.255.255.254\n", "");
    let error = resolver.resolve("api.first.example").await.unwrap_err();
    assert!(
        error.to_string().starts_with("failed to resolve api.first.example"),
        "{error}"
    );
    drop(silent);
}

#[tokio::test]
async fn a_bad_name_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let error = resolver(&directory, "", "").resolve("a..b").await.unwrap_err();
    assert!(
        matches!(&error, ResolveError::Lookup { host, .. } if host == "a..b"),
        "{error:?}"
    );
}

#[tokio::test]
async fn it_is_a_service_for_hyper() {
    let mut resolver = Resolver::new();
    let addresses = resolver.call("127.0.0.1".parse().unwrap()).await.unwrap();
    assert_eq!(addresses.collect::<Vec<_>>(), ["127.0.0.1:0".parse().unwrap()]);
}

#[tokio::test]
async fn connect_goes_on_to_the_next_address_and_names_the_host_when_none_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // Nobody listens on 127.0.0.2: the listener has one address only.
    let resolver = resolver(&directory, "", "127.0.0.2 both\n127.0.0.1 both\n127.0.0.2 none\n");
    connect(&resolver, "both", port, Duration::from_secs(5)).await.unwrap();
    let error = connect(&resolver, "none", port, Duration::from_secs(5))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Connect { .. }));
    assert_eq!(error.to_string(), format!("failed to connect to none:{port}"));
}
