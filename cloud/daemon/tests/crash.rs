//! The daemon dies at the worst moments, and users ask for contradictory things at once: nothing is lost, and nothing is left.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "this is a test throughout"
)]

use std::{collections::BTreeSet, path::Path, process::Command};

use cloud_client::{
    Direction, ErrorCode, Machine, MachineSpec, Network, NetworkSpec, Phase, Remote, Route, RouteSpec, SecurityGroup,
    SecurityGroupRule, SecurityGroupSpec,
};
use cloud_testkit::{DEADLINE, TestLandscape, be_daemon_if_told_so, eventually, host_state};

/// Not a test: see [`be_daemon_if_told_so`].
#[test]
fn daemon() {
    be_daemon_if_told_so();
}

#[tokio::test]
async fn a_daemon_killed_half_way_is_cleaned_up_or_finishes() {
    let host = host_state();
    let mut landscape = TestLandscape::start("t-half").await;
    let client = landscape.client.clone();
    client
        .put::<Network>("a", &NetworkSpec::new("10.1.0.0/24".parse().unwrap()))
        .await
        .unwrap();
    // The daemon dies when a creation has come so far, and the next one must finish it.
    for (machine, step) in [
        ("m1", "/var/lib/kubeception/t-half/objects/machines/m1.json"),
        ("m2", "/run/kubeception/t-half/netns/machine-m2"),
        ("m3", "/run/kubeception/t-half/netns/machine-m3.ready"),
        ("m4", "/var/lib/kubeception/t-half/machines/m4/upper"),
        ("m5", "/var/lib/kubeception/t-half/machines/m5/config.json"),
        ("m6", "/run/kubeception/t-half/runc/m6"),
        ("m7", "/run/kubeception/t-half/runc/m7/state.json"),
    ] {
        kill_while_creating(&mut landscape, machine, step).await;
        landscape.start_daemon().await;
        let found = client.get::<Machine>(machine).await.unwrap().unwrap();
        let state = (found.status.phase, found.status.message.as_str());
        assert_eq!(state, (Phase::Ready, ""), "finished by the next daemon: {machine}");
    }
    let delete = client.clone();
    let delete = tokio::spawn(async move { delete.delete::<Machine>("m1").await });
    eventually("the deletion has begun", || async {
        let record =
            std::fs::read_to_string("/var/lib/kubeception/t-half/objects/machines/m1.json").unwrap_or_default();
        if record.contains("\"deleting\": false") {
            Err(record)
        } else {
            Ok(())
        }
    })
    .await;
    landscape.kill_daemon();
    let _ = delete.await.unwrap();
    landscape.start_daemon().await;
    assert_eq!(client.get::<Machine>("m1").await.unwrap(), None);

    kill_while_creating(&mut landscape, "m8", "/run/kubeception/t-half/runc/m8").await;
    landscape.tear_down();
    assert_eq!(host_state(), host);
}

async fn kill_while_creating(landscape: &mut TestLandscape, machine: &'static str, step: &str) {
    let client = landscape.client.clone();
    let put = tokio::spawn(async move { client.put::<Machine>(machine, &MachineSpec::new("a")).await });
    // Without a pause: the moments to hit are short.
    let start = std::time::Instant::now();
    while !std::path::Path::new(step).exists() {
        assert!(start.elapsed() < DEADLINE, "waited in vain for {step}");
        tokio::task::yield_now().await;
    }
    landscape.kill_daemon();
    // It was killed before it could answer, or just after.
    let _ = put.await.unwrap();
}

/// Everything of machines that is to be found: names, namespaces, interfaces, control groups, mounts, folders.
fn traces(landscape: &str) -> BTreeSet<String> {
    let (run, state) = (
        format!("/run/kubeception/{landscape}"),
        format!("/var/lib/kubeception/{landscape}"),
    );
    let mut found = BTreeSet::new();
    let mut look = |kind: &str, names: Vec<String>| found.extend(names.iter().map(|name| format!("{kind} {name}")));
    let machines = |names: Vec<String>| names.into_iter().filter(|name| name.starts_with("machine-")).collect();
    look("namespace", machines(names_in(&format!("{run}/netns"))));
    look("container", names_in(&format!("{run}/runc")));
    look("record", names_in(&format!("{state}/objects/machines")));
    look("folder", names_in(&format!("{state}/machines")));
    look("removed folder", names_in(&format!("{state}/trash")));
    for tree in ["", "memory", "freezer", "systemd", "unified"] {
        let group = format!("/sys/fs/cgroup/{tree}/kubeception-{landscape}");
        let folders = names_in(&group)
            .into_iter()
            .filter(|name| Path::new(&group).join(name).is_dir());
        look("control group", folders.collect());
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let inside = format!(" {state}/machines/");
    look(
        "mount",
        mounts
            .lines()
            .filter(|line| line.contains(&inside))
            .map(str::to_owned)
            .collect(),
    );
    let links = Command::new("nsenter")
        .arg(format!("--net={run}/netns/network-a"))
        .args(["ip", "-brief", "link", "show", "type", "veth"])
        .output()
        .unwrap();
    let links = String::from_utf8(links.stdout).unwrap();
    let ports = links.lines().filter(|line| !line.starts_with("kc-uplink"));
    look("interface", ports.map(str::to_owned).collect());
    found
}

fn names_in(folder: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

async fn no_traces(landscape: &str) {
    eventually("nothing is left of the machines", || async {
        let traces = traces(landscape);
        if traces.is_empty() {
            Ok(())
        } else {
            Err(format!("{traces:#?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn a_deletion_cut_short_is_finished() {
    let mut landscape = TestLandscape::start("t-cut").await;
    let client = landscape.client.clone();
    let network = NetworkSpec::new("10.1.0.0/24".parse().unwrap());
    client.put::<Network>("a", &network).await.unwrap();
    // What goes away in this order, and when the daemon dies.
    for step in [
        "/run/kubeception/t-cut/runc/m",
        "/var/lib/kubeception/t-cut/machines/m/root/etc",
        "/run/kubeception/t-cut/netns/machine-m.ready",
        "/run/kubeception/t-cut/netns/machine-m",
        "/var/lib/kubeception/t-cut/machines/m",
    ] {
        client.put::<Machine>("m", &MachineSpec::new("a")).await.unwrap();
        let deleting = client.clone();
        let delete = tokio::spawn(async move { deleting.delete::<Machine>("m").await });
        let start = std::time::Instant::now();
        while Path::new(step).exists() {
            assert!(start.elapsed() < DEADLINE, "waited in vain for the end of {step}");
            tokio::task::yield_now().await;
        }
        landscape.kill_daemon();
        let _ = delete.await.unwrap();
        landscape.start_daemon().await;
        assert_eq!(client.get::<Machine>("m").await.unwrap(), None, "{step}");
        no_traces("t-cut").await;
    }
    landscape.tear_down();
}

#[tokio::test]
async fn parts_of_a_network_survive_the_daemon() {
    let mut landscape = TestLandscape::start("t-parts").await;
    let client = landscape.client.clone();
    let network = NetworkSpec::new("10.1.0.0/24".parse().unwrap());
    client.put::<Network>("a", &network).await.unwrap();
    let route = RouteSpec {
        network: "a".into(),
        destination: "10.2.0.0/24".parse().unwrap(),
        via: "10.1.0.10".parse().unwrap(),
    };
    let rule = SecurityGroupRule::new(Direction::Ingress, Remote::Group("g".into()));
    let group = SecurityGroupSpec {
        network: "a".into(),
        rules: vec![rule],
    };
    let route = client.put::<Route>("r", &route).await.unwrap();
    let group = client.put::<SecurityGroup>("g", &group).await.unwrap();
    landscape.kill_daemon();
    // As if the daemon had died before it did anything, and in the middle of deletions.
    let router = "--net=/run/kubeception/t-parts/netns/network-a";
    for command in ["ip route del 10.2.0.0/24", "nft flush ruleset"] {
        let status = Command::new("nsenter").arg(router).args(command.split(' ')).status();
        assert!(status.unwrap().success(), "{command}");
    }
    landscape.start_daemon().await;
    assert_eq!(client.get::<Route>("r").await.unwrap(), Some(route));
    assert_eq!(client.get::<SecurityGroup>("g").await.unwrap(), Some(group));
    let shown = |command: &str| {
        let output = Command::new("nsenter")
            .arg(router)
            .args(command.split(' '))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(
        shown("ip route").contains("10.2.0.0/24 via 10.1.0.10"),
        "{}",
        shown("ip route")
    );
    assert!(shown("nft list tables").contains("table ip kubeception"));

    landscape.kill_daemon();
    for (folder, name) in [("routes", "r"), ("securitygroups", "g")] {
        let path = format!("/var/lib/kubeception/t-parts/objects/{folder}/{name}.json");
        let record = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, record.replace("\"deleting\": false", "\"deleting\": true")).unwrap();
    }
    landscape.start_daemon().await;
    assert_eq!(client.list::<Route>().await.unwrap(), []);
    assert_eq!(client.list::<SecurityGroup>().await.unwrap(), []);
    assert!(!shown("ip route").contains("10.2.0.0/24"));
    client.delete::<Network>("a").await.unwrap();
    landscape.tear_down();
}

#[tokio::test]
async fn contradictory_wishes_leave_no_traces() {
    let mut landscape = TestLandscape::start("t-twice").await;
    let client = landscape.client.clone();
    let network = NetworkSpec::new("10.1.0.0/24".parse().unwrap());
    client.put::<Network>("a", &network).await.unwrap();
    let put = || {
        let client = client.clone();
        tokio::spawn(async move { client.put::<Machine>("m", &MachineSpec::new("a")).await })
    };
    // Created twice at once: one machine.
    let (one, other) = (put(), put());
    let (one, other) = (one.await.unwrap().unwrap(), other.await.unwrap().unwrap());
    assert_eq!((&one, one.status.phase), (&other, Phase::Ready));
    client.delete::<Machine>("m").await.unwrap();
    no_traces("t-twice").await;

    // Deleted while it starts, at each of its steps: whoever comes last is right, and nothing is left.
    for step in [
        "/var/lib/kubeception/t-twice/objects/machines/m.json",
        "/run/kubeception/t-twice/netns/machine-m",
        "/var/lib/kubeception/t-twice/machines/m/config.json",
        "/run/kubeception/t-twice/runc/m",
    ] {
        let put = put();
        let start = std::time::Instant::now();
        while !Path::new(step).exists() {
            assert!(start.elapsed() < DEADLINE, "waited in vain for {step}");
            tokio::task::yield_now().await;
        }
        client.delete::<Machine>("m").await.unwrap();
        assert_eq!(client.get::<Machine>("m").await.unwrap(), None);
        if let Err(error) = put.await.unwrap() {
            let code = error.code();
            assert!(
                matches!(code, Some(ErrorCode::NotFound | ErrorCode::Conflict)),
                "{error:?}"
            );
        }
        no_traces("t-twice").await;
    }
    landscape.tear_down();
}

#[tokio::test]
async fn a_daemon_is_known_from_before_it_takes_its_port() {
    let mut landscape = TestLandscape::new("t-begun");
    assert!(!cloud_daemon::has_daemon(&landscape.name));
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = port.local_addr().unwrap();
    drop(port);
    landscape.spawn_daemon_with_proxy_on(address.port());
    let start = std::time::Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        assert!(start.elapsed() < DEADLINE, "waited in vain for its port");
        tokio::task::yield_now().await;
    }
    assert!(cloud_daemon::has_daemon(&landscape.name));
    let client = landscape.client.clone();
    let info = eventually("the daemon answers", || async {
        client.info().await.map_err(|error| error.to_string())
    });
    assert_eq!(info.await.proxy, address);
    landscape.kill_daemon();
    assert!(!cloud_daemon::has_daemon(&landscape.name));
    landscape.tear_down();
}
