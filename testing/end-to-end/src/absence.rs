//! The cloud's daemon is away for a minute, and with it the cloud's API, its names, and the proxy by which the walk speaks otherwise.
//!
//! What is asked for meanwhile, one more machine and a load balancer, waits for the cloud, and the shoot says so; what is there stays as
//! it is. When the cloud is back, what was asked for is done. This is also how a pool grows.

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    host,
    machines::{MACHINES, POOL, SECONDS, SHOOT, pool_ready, ready_nodes, size, succeeds},
    walk::{Cluster, Walk, eventually},
};

/// How long the cloud is away, at least.
const AWAY: Duration = Duration::from_secs(60);
/// Longest until the shoot says so: for 30 s gardenlet hopes that an extension helps itself.
const TOLD: u64 = 90;
/// Longest for one more machine once the cloud is back.
const GROWN: u64 = 300;
/// As the provider has it from the cloud's client.
const COMPLAINT: &str = "failed to connect to the cloud";

/// Each node, who it is and since when it has been Ready: of one that is made anew, or was not Ready for a moment, that is another line.
const NODES: [&str; 4] = [
    "get",
    "nodes",
    "-o",
    r#"jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].lastTransitionTime}{"\n"}{end}"#,
];

/// The load balancer that is asked for.
const PATIENT: &str = "patient";
const SERVICE: &str = r"
apiVersion: v1
kind: Service
metadata: {name: patient}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
";

pub(crate) fn cloud_away(walk: &Walk) -> Result<()> {
    let wished = ready_nodes(walk, MACHINES, POOL)?.len() + 1;
    let garden = Way::find(walk, Cluster::Garden, "garden")?;
    let shoot = Way::find(walk, MACHINES, "shoot")?;
    let before = shoot.kubectl(&NODES)?;
    host::kill_cloud_daemon(&walk.landscape)?;
    let back_at = Instant::now() + AWAY;
    let endured = ask(&garden, &shoot, wished).and_then(|()| endure(&garden, &shoot, &before, back_at));
    // Whatever came of it, nothing goes on without the cloud.
    host::start_cloud(walk, None)?;
    endured.context("while the cloud was away")?;
    succeeds(walk, SHOOT, GROWN)?;
    pool_ready(walk, POOL, wished)?;
    eventually(SECONDS, "the load balancer's address", || {
        let path = "jsonpath={.status.loadBalancer.ingress[0].ip}";
        let address = walk.kubectl(MACHINES, &["get", "service", PATIENT, "-o", path])?;
        ensure!(address.starts_with("172.30."), "the address is {address:?}");
        Ok(())
    })?;
    unchanged(&before, &walk.kubectl(MACHINES, &NODES)?)
}

/// Asks for what only the cloud can give.
fn ask(garden: &Way<'_>, shoot: &Way<'_>, machines: usize) -> Result<()> {
    let patch = size(u32::try_from(machines)?);
    garden.kubectl(&["patch", "shoot", SHOOT, "-n", "garden-dev", "--type=json", "-p", &patch])?;
    let service = shoot.walk.file("patient.yaml", SERVICE)?;
    let service = service.display().to_string();
    shoot.kubectl(&["apply", "-f", &service]).map(|_| ())
}

/// Until the minute is over. That the cloud is away for so long is what is tested here: there is no state to wait for.
fn endure(garden: &Way<'_>, shoot: &Way<'_>, before: &str, back_at: Instant) -> Result<()> {
    eventually(TOLD, "the shoot to say that the cloud is away", || says_so(garden))?;
    thread::sleep(back_at.saturating_duration_since(Instant::now()));
    unchanged(before, &shoot.kubectl(&NODES)?)?;
    for node in before.lines().filter_map(|line| line.split(' ').next()) {
        let path = format!("/api/v1/nodes/{node}/proxy/healthz");
        let health = shoot.kubectl(&["get", "--raw", &path])?;
        ensure!(health == "ok", "through the tunnel, {node} says {health:?}");
    }
    Ok(())
}

fn says_so(garden: &Way<'_>) -> Result<()> {
    let text = garden.kubectl(&["get", "shoot", SHOOT, "-n", "garden-dev", "-o", "json"])?;
    let shoot: Value = serde_json::from_str(&text).context("kubectl's answer is not JSON")?;
    let (operation, errors) = (&shoot["status"]["lastOperation"], &shoot["status"]["lastErrors"]);
    let state = operation["state"].as_str().unwrap_or_default();
    let said = format!("{} {errors}", operation["description"]);
    ensure!(
        matches!(state, "Error" | "Processing") && said.contains(COMPLAINT),
        "it is {state}: {said}"
    );
    Ok(())
}

/// Every node that was there is there, as it was.
fn unchanged(before: &str, now: &str) -> Result<()> {
    for node in before.lines() {
        ensure!(
            now.lines().any(|line| line == node),
            "there was the node\n{node}\nand now there are\n{now}"
        );
    }
    Ok(())
}

/// A way to an API server that needs nothing of the cloud's daemon.
struct Way<'a> {
    walk: &'a Walk,
    kubeconfig: PathBuf,
}

impl<'a> Way<'a> {
    /// Finds it, while the cloud can be asked; `name` is for its file.
    fn find(walk: &'a Walk, cluster: Cluster<'_>, name: &str) -> Result<Self> {
        let kubeconfig = walk.kubeconfig(cluster)?;
        let view = ["config", "view", "--raw", "--output", "json"];
        let text = walk.kubectl_with(&kubeconfig, &view)?;
        let document: Value = serde_json::from_str(&text).context("kubectl's kubeconfig is not JSON")?;
        let document = by_address(document, &walk.kubeception(&["cloud", "list"])?)?;
        let kubeconfig = walk.file(&format!("{name}-by-address.kubeconfig"), &document.to_string())?;
        Ok(Self { walk, kubeconfig })
    }

    fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.walk.kubectl_in_backbone(&self.kubeconfig, arguments)
    }
}

/// The kubeconfig with addresses instead of names, and without the proxy.
fn by_address(mut kubeconfig: Value, cloud: &str) -> Result<Value> {
    let clusters = kubeconfig["clusters"]
        .as_array_mut()
        .context("the kubeconfig has no clusters")?;
    for entry in clusters {
        let cluster = entry["cluster"]
            .as_object_mut()
            .context("a cluster of the kubeconfig says nothing")?;
        let server = cluster.get("server").and_then(Value::as_str).unwrap_or_default();
        let name = server.trim_start_matches("https://").split([':', '/']).next();
        let name = name.unwrap_or_default().to_owned();
        let server = server.replacen(&name, address_of(&name, cloud)?, 1);
        cluster.insert("server".to_owned(), json!(server));
        cluster.insert("tls-server-name".to_owned(), json!(name));
        cluster.remove("proxy-url");
    }
    Ok(kubeconfig)
}

/// What the name stands for in the cloud's own zone, by `kubeception cloud list`.
fn address_of<'a>(name: &str, cloud: &'a str) -> Result<&'a str> {
    let key = format!("{name}:A");
    let value = |line: &'a str| {
        let mut words = line.split_whitespace();
        let is_it = words.next() == Some("record") && words.next() == Some(key.as_str());
        words.next().filter(|_| is_it)
    };
    cloud
        .lines()
        .find_map(value)
        .with_context(|| format!("the cloud has no record {key}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_goes_by_address() {
        let cloud = "machine        seed                                     10.1.0.10  Ready\n\
                     record         api.other.test:A                         172.30.2.7\n\
                     record         api.garden.test:A                        172.30.2.1\n";
        let kubeconfig = |server: &str| {
            let cluster = json!({"server": server, "proxy-url": "http://127.0.0.1:1"});
            json!({"clusters": [{"name": "garden", "cluster": cluster}]})
        };
        let changed = by_address(kubeconfig("https://api.garden.test:6443"), cloud).unwrap();
        let expected = json!({"server": "https://172.30.2.1:6443", "tls-server-name": "api.garden.test"});
        assert_eq!(changed["clusters"][0]["cluster"], expected);
        assert!(by_address(kubeconfig("https://api.nowhere.test"), cloud).is_err());
    }

    #[test]
    fn a_node_that_was_not_ready_for_a_moment_is_another() {
        let before = "a 1 True 10:00";
        assert!(unchanged(before, "b 2 True 10:09\na 1 True 10:00").is_ok());
        assert!(unchanged(before, "a 1 True 10:05").is_err());
        assert!(unchanged(before, "").is_err());
    }
}
