//! A shoot with machines: nodes join, and the cluster is one that users can work with.

use anyhow::{Context, Result, ensure};

use crate::walk::{Cluster, Walk, eventually};

const SHOOT: &str = "third";
const MACHINES: Cluster<'_> = Cluster::Shoot("dev/third");
const IMAGES: &str = "registry.kubeception.internal:5000/kubeception";
/// Longest for a pod to start, a Service to answer.
const SECONDS: u64 = 60;

pub(crate) fn steps(walk: &mut Walk) {
    walk.step("machines: the example is created, and its two nodes are Ready", created);
    walk.step("machines: a Deployment runs, `logs` and `exec` work", workload);
    walk.step("machines: DNS and a Service answer from the other node", across_nodes);
    walk.step("machines: a pod reaches its own API server", own_api_server);
    walk.step("machines: a load balancer gets an address of the cloud", load_balancer);
    walk.step("machines: a claim of the default class is bound", volume);
    walk.step("machines: `top` has figures of the nodes", top);
    walk.step("machines: a pool is scaled down", scaled_down);
    walk.step("machines: deletion leaves nothing in the cloud", deleted);
}

fn created(walk: &Walk) -> Result<()> {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/shoot.yaml");
    walk.kubectl(Cluster::Garden, &["apply", "-f", example])?;
    succeeded(walk, 300)?;
    nodes_ready(walk, 2)
}

fn succeeded(walk: &Walk, seconds: u64) -> Result<()> {
    let path = "jsonpath={.metadata.generation} {.status.observedGeneration} {.status.lastOperation.state} {.status.lastOperation.description} {.status.lastErrors}";
    eventually(seconds, "the shoot with machines to succeed", || {
        let state = walk.kubectl(
            Cluster::Garden,
            &["get", "shoot", SHOOT, "-n", "garden-dev", "-o", path],
        )?;
        let mut words = state.split(' ');
        let (wished, seen, operation) = (words.next(), words.next(), words.next());
        ensure!(wished == seen && operation == Some("Succeeded"), "it is: {state}");
        Ok(())
    })
}

fn nodes_ready(walk: &Walk, wished: usize) -> Result<()> {
    eventually(SECONDS, "all nodes to be Ready", || {
        let nodes = walk.kubectl(MACHINES, &["get", "nodes", "--no-headers"])?;
        let ready = nodes.lines().filter(|line| line.contains(" Ready ")).count();
        ensure!(
            ready == wished && nodes.lines().count() == wished,
            "the nodes are:\n{nodes}"
        );
        Ok(())
    })
}

fn workload(walk: &Walk) -> Result<()> {
    let agnhost = format!("{IMAGES}/agnhost:1.35.4");
    let command = ["--", "agnhost", "netexec", "--http-port=8080"];
    walk.kubectl(
        MACHINES,
        &[&["create", "deployment", "web", "--image", &agnhost][..], &command].concat(),
    )?;
    let expose = [
        "expose",
        "deployment",
        "web",
        "--port=80",
        "--target-port=8080",
        "--type=LoadBalancer",
    ];
    walk.kubectl(MACHINES, &expose)?;
    walk.kubectl(
        MACHINES,
        &["wait", "deployment/web", "--for=condition=Available", "--timeout=60s"],
    )?;
    let logs = walk.kubectl(MACHINES, &["logs", "deployment/web"])?;
    ensure!(logs.contains("8080"), "the log says: {logs}");
    let name = walk.kubectl(MACHINES, &["exec", "deployment/web", "--", "hostname"])?;
    ensure!(name.starts_with("web-"), "the host name is {name:?}");
    Ok(())
}

/// One pod on each node, each of which asks for the name and the Service: one of them is not where CoreDNS or the Deployment is.
fn across_nodes(walk: &Walk) -> Result<()> {
    let agnhost = format!("{IMAGES}/agnhost:1.35.4");
    let nodes = walk.kubectl(MACHINES, &["get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"])?;
    for (index, node) in nodes.split(' ').enumerate() {
        let pod = format!("client{index}");
        let overrides = format!(r#"{{"spec":{{"nodeName":"{node}"}}}}"#);
        let run = [
            "run",
            &pod,
            "--restart=Never",
            "--image",
            &agnhost,
            "--overrides",
            &overrides,
            "--",
            "pause",
        ];
        walk.kubectl(MACHINES, &run)?;
        let ready = ["wait", &format!("pod/{pod}"), "--for=condition=Ready", "--timeout=60s"];
        walk.kubectl(MACHINES, &ready)?;
        let connect = [
            "exec",
            &pod,
            "--",
            "agnhost",
            "connect",
            "web.default.svc.cluster.local:80",
            "--timeout=5s",
        ];
        eventually(SECONDS, "the Service to answer", || walk.kubectl(MACHINES, &connect))
            .with_context(|| format!("from node {node}"))?;
    }
    Ok(())
}

fn own_api_server(walk: &Walk) -> Result<()> {
    let script = "test -s /var/run/secrets/kubernetes.io/serviceaccount/ca.crt && agnhost connect kubernetes.default.svc:443 --timeout=5s && echo reached";
    let output = walk.kubectl(MACHINES, &["exec", "client0", "--", "sh", "-c", script])?;
    ensure!(output.contains("reached"), "it says: {output}");
    Ok(())
}

fn load_balancer(walk: &Walk) -> Result<()> {
    let path = "jsonpath={.status.loadBalancer.ingress[0].ip}";
    let address = eventually(SECONDS, "an address", || {
        let address = walk.kubectl(MACHINES, &["get", "service", "web", "-o", path])?;
        ensure!(!address.is_empty(), "the Service has no address");
        Ok(address)
    })?;
    ensure!(address.starts_with("172.30."), "{address} is none of the cloud's");
    let target = format!("{address}:80");
    let connect = ["exec", "client1", "--", "agnhost", "connect", &target, "--timeout=5s"];
    eventually(SECONDS, "the load balancer to answer", || {
        walk.kubectl(MACHINES, &connect).map(|_| ())
    })
}

fn volume(walk: &Walk) -> Result<()> {
    let image = format!("{IMAGES}/busybox:1");
    walk.apply(
        MACHINES,
        &format!(
            "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: data}}\nspec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: writer}}\nspec:\n  containers:\n  - {{name: writer, image: '{image}', command: [sh, -c, 'echo kept > /data/file && sleep 3600'], volumeMounts: [{{name: data, mountPath: /data}}]}}\n  \
             volumes: [{{name: data, persistentVolumeClaim: {{claimName: data}}}}]\n"
        ),
    )?;
    walk.kubectl(
        MACHINES,
        &["wait", "pod/writer", "--for=condition=Ready", "--timeout=60s"],
    )?;
    let kept = eventually(SECONDS, "the file", || {
        walk.kubectl(MACHINES, &["exec", "writer", "--", "cat", "/data/file"])
    })?;
    ensure!(kept == "kept", "the file says {kept:?}");
    Ok(())
}

fn top(walk: &Walk) -> Result<()> {
    eventually(90, "figures of the nodes", || {
        let figures = walk.kubectl(MACHINES, &["top", "nodes", "--no-headers"])?;
        ensure!(figures.lines().count() == 2, "the figures are: {figures}");
        Ok(())
    })
}

fn scaled_down(walk: &Walk) -> Result<()> {
    let patch = r#"[{"op":"replace","path":"/spec/provider/workers/0/minimum","value":1},{"op":"replace","path":"/spec/provider/workers/0/maximum","value":1}]"#;
    walk.kubectl(
        Cluster::Garden,
        &["patch", "shoot", SHOOT, "-n", "garden-dev", "--type=json", "-p", patch],
    )?;
    succeeded(walk, 180)?;
    nodes_ready(walk, 1)
}

fn deleted(walk: &Walk) -> Result<()> {
    let confirm = [
        "annotate",
        "shoot",
        SHOOT,
        "-n",
        "garden-dev",
        "confirmation.gardener.cloud/deletion=true",
    ];
    walk.kubectl(Cluster::Garden, &confirm)?;
    walk.kubectl(
        Cluster::Garden,
        &["delete", "shoot", SHOOT, "-n", "garden-dev", "--wait=false"],
    )?;
    eventually(180, "the shoot with machines to go", || {
        let left = walk.kubectl(
            Cluster::Garden,
            &["get", "shoot", SHOOT, "-n", "garden-dev", "--ignore-not-found"],
        )?;
        ensure!(left.is_empty(), "it is still there: {left}");
        Ok(())
    })?;
    let cloud = walk.kubeception(&["cloud", "list"])?;
    ensure!(
        !cloud.contains(&format!("--{SHOOT}")) && !cloud.contains(&format!(".{SHOOT}.")),
        "left in the cloud:\n{cloud}"
    );
    Ok(())
}
