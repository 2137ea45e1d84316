//! What users are offered and allowed: flavors, zones, images, quotas, consoles, and whose secrets they see.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "this is a test throughout"
)]

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt};

use cloud_client::{
    CONSOLE_TAIL, Client, ErrorCode, Info, Limits, Machine, MachineSpec, Network, NetworkSpec, connect_through_proxy,
};
use cloud_testkit::{DEADLINE, TestLandscape, be_daemon_if_told_so, console, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Not a test: see [`be_daemon_if_told_so`].
#[test]
fn daemon() {
    be_daemon_if_told_so();
}

/// Asks the API inside the cloud, as a pod would: status and body.
async fn ask_inside(client: &Client, info: &Info, request: &str, body: &str) -> (u16, serde_json::Value) {
    let (token, api) = (client.token().await.unwrap(), info.api);
    let mut stream = connect_through_proxy(info.proxy, &api.ip().to_string(), api.port(), DEADLINE)
        .await
        .unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nHost: cloud\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

/// The machine's limits as the kernel has them, whichever version its control groups are.
fn limits_of(landscape: &str, machine: &str) -> Limits {
    let read = |path: &str| {
        let path = path.replace("GROUP", &format!("kubeception-{landscape}/{machine}"));
        std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
    };
    let (processor, memory) = if let Some(quota) = read("/sys/fs/cgroup/cpu/GROUP/cpu.cfs_quota_us") {
        let memory = read("/sys/fs/cgroup/memory/GROUP/memory.limit_in_bytes").unwrap();
        (
            format!(
                "{quota} {}",
                read("/sys/fs/cgroup/cpu/GROUP/cpu.cfs_period_us").unwrap()
            ),
            memory,
        )
    } else {
        let (processor, memory) = ("/sys/fs/cgroup/GROUP/cpu.max", "/sys/fs/cgroup/GROUP/memory.max");
        (read(processor).unwrap(), read(memory).unwrap())
    };
    let (quota, period) = processor.split_once(' ').unwrap();
    let cpu_millis = match quota {
        "max" | "-1" => 0,
        quota => quota.parse::<u32>().unwrap() * 1000 / period.parse::<u32>().unwrap(),
    };
    // What is not limited is a number beyond any machine's memory.
    let memory = memory.parse().unwrap_or(u64::MAX) / 1024 / 1024;
    let memory_mib = if memory > 1 << 40 { 0 } else { memory };
    Limits { cpu_millis, memory_mib }
}

/// Writes to the console itself, through a unit that fails, and more than is asked for.
const USER_DATA: &str = r#"#!/bin/sh
echo the first line
systemd-run --quiet --unit=broken --property=StandardError=journal sh -c 'exit 7'
seq 1 20000
echo done
"#;

#[tokio::test]
async fn machines_are_what_was_asked_for() {
    let mut landscape = TestLandscape::start("t-offer").await;
    let client = landscape.client.clone();
    let network = NetworkSpec::new("10.1.0.0/24".parse().unwrap());
    client.put::<Network>("a", &network).await.unwrap();
    let info = client.info().await.unwrap();
    assert_eq!(
        (info.zones.as_slice(), info.images[0].as_str()),
        (&["0".into(), "1".into()][..], "local")
    );

    let named = MachineSpec::new("a")
        .flavor("local-small")
        .zone("1")
        .image("local")
        .user_data(USER_DATA);
    let machine = client.put::<Machine>("named", &named).await.unwrap();
    assert_eq!(machine.status.zone, "1");
    assert!(info.images.contains(&machine.status.image), "{:?}", info.images);
    assert_eq!(limits_of("t-offer", "named"), info.flavors["local-small"]);
    let limits = Limits {
        cpu_millis: 1500,
        memory_mib: 512,
    };
    let exact = MachineSpec::new("a")
        .flavor(limits)
        .image(machine.status.image)
        .tag("owner", "me/1")
        .tag("role", "x");
    client.put::<Machine>("exact", &exact).await.unwrap();
    assert_eq!(limits_of("t-offer", "exact"), limits);
    let free = client
        .put::<Machine>("free", &MachineSpec::new("a").tag("role", "x"))
        .await
        .unwrap();
    assert_eq!(limits_of("t-offer", "free"), Limits::default());
    assert_eq!(free.status.zone, "0");

    what_is_not_there_is_named(&client, &info).await;
    machines_are_found_by_tags(&client).await;
    consoles_tell_what_happened(&client).await;
    secrets_stay_with_the_host(&client, &info, &named).await;
    landscape.tear_down();
}

async fn what_is_not_there_is_named(client: &Client, info: &Info) {
    let spec = || MachineSpec::new("a");
    for (field, spec) in [
        ("zone", spec().zone("9")),
        ("image", spec().image("../machine-image")),
        ("flavor", spec().flavor("huge")),
        ("securityGroups[0]", spec().security_group("none")),
    ] {
        let refusal = client.put::<Machine>("never", &spec).await.unwrap_err();
        assert_eq!(
            (refusal.code(), refusal.field()),
            (Some(ErrorCode::Unknown), Some(field))
        );
        let body = serde_json::to_string(&spec).unwrap();
        let (status, answer) = ask_inside(client, info, "PUT /v1/machines/never", &body).await;
        assert_eq!(
            (status, &answer["code"], &answer["field"]),
            (422, &"unknown".into(), &field.into())
        );
    }
    assert_eq!(client.get::<Machine>("never").await.unwrap(), None);
}

async fn machines_are_found_by_tags(client: &Client) {
    for (tags, expected) in [
        (&[("role", "x")][..], &["exact", "free"][..]),
        (&[("role", "x"), ("owner", "me/1")], &["exact"]),
        (&[("role", "y")], &[]),
        (&[], &["exact", "free", "named"]),
    ] {
        let tags: BTreeMap<String, String> = tags
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect();
        let found = client.machines_with_tags(&tags).await.unwrap();
        assert_eq!(
            found.iter().map(|machine| machine.name.as_str()).collect::<Vec<_>>(),
            expected
        );
    }
}

async fn consoles_tell_what_happened(client: &Client) {
    let text = console(client, "named").await;
    assert!(!text.contains("the first line"), "only the end is shown");
    assert!(
        text.len() <= CONSOLE_TAIL as usize && text.len() > CONSOLE_TAIL as usize / 2,
        "{}",
        text.len()
    );
    let all = client.console("named", u64::MAX).await.unwrap();
    // The journal's warnings may stand before, between and behind.
    let lines: Vec<&str> = all.lines().collect();
    assert!(lines.contains(&"the first line") && lines.contains(&"done"), "{all}");
    eventually("the first process tells of the unit that failed", || async {
        let text = client.console("named", 2000).await.unwrap();
        if text.contains("broken.service: Failed with result 'exit-code'") {
            Ok(())
        } else {
            Err(text)
        }
    })
    .await;
    let refusal = client.console("never", 1).await.unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::NotFound));
}

async fn secrets_stay_with_the_host(client: &Client, info: &Info, spec: &MachineSpec) {
    let seen = client.get::<Machine>("named").await.unwrap().unwrap();
    assert_eq!(seen.spec.user_data, USER_DATA, "root on the host sees everything");
    // The same specification again, from inside: accepted, and not shown.
    let body = serde_json::to_string(spec).unwrap();
    // And what can be seen from inside, put back with a change.
    let tagged = serde_json::to_string(&spec.clone().user_data("").tag("new", "tag")).unwrap();
    for (request, body) in [
        ("PUT /v1/machines/named", body.as_str()),
        ("PUT /v1/machines/named", tagged.as_str()),
        ("GET /v1/machines/named", ""),
        ("GET /v1/machines", ""),
        ("GET /v1/machines?tag=none=1", ""),
    ] {
        let (status, answer) = ask_inside(client, info, request, body).await;
        let text = answer.to_string();
        assert_eq!(status, 200, "{request}: {text}");
        assert!(
            !text.contains("userData") && !text.contains("the first line"),
            "{request}: {text}"
        );
    }
    let seen = client.get::<Machine>("named").await.unwrap().unwrap();
    assert_eq!(
        (seen.spec.user_data.as_str(), seen.spec.tags["new"].as_str()),
        (USER_DATA, "tag")
    );
    let (status, _) = ask_inside(client, info, "GET /v1/token", "").await;
    assert_eq!(status, 404);
    let record = "/var/lib/kubeception/t-offer/objects/machines/named.json";
    let mode = std::fs::metadata(record).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn quotas_are_kept() {
    let mut landscape = TestLandscape::new("t-quota");
    landscape.quotas = "machines=1,networks=2";
    let info = landscape.start_daemon().await;
    let client = landscape.client.clone();
    assert_eq!(
        info.quotas,
        BTreeMap::from([("machines".into(), 1), ("networks".into(), 2)])
    );
    let network = NetworkSpec::new("10.1.0.0/24".parse().unwrap());
    client.put::<Network>("a", &network).await.unwrap();
    client.put::<Machine>("m1", &MachineSpec::new("a")).await.unwrap();
    client.put::<Machine>("m1", &MachineSpec::new("a")).await.unwrap();
    let refusal = client.put::<Machine>("m2", &MachineSpec::new("a")).await.unwrap_err();
    assert_eq!(refusal.code(), Some(ErrorCode::QuotaExceeded));
    let (status, answer) = ask_inside(&client, &info, "PUT /v1/machines/m2", r#"{"network": "a"}"#).await;
    assert_eq!((status, &answer["code"]), (403, &"quota-exceeded".into()));
    assert_eq!(answer["message"], "quota exceeded: this cloud has room for 1 machines");
    client.delete::<Machine>("m1").await.unwrap();
    client.put::<Machine>("m2", &MachineSpec::new("a")).await.unwrap();
    landscape.tear_down();
}
