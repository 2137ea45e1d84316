//! What users do with a shoot that has machines: run, look into, reach and store.
//!
//! Every step makes what it needs, unless it is there: one that fails takes no other along.

use anyhow::{Context, Result, ensure};

use crate::{
    child::Running,
    http,
    machines::{MACHINES, SECONDS},
    walk::{Walk, eventually},
};

/// As `examples/shoot.yaml` tells users.
pub(crate) const AGNHOST: &str = "registry.kubeception.internal:5000/kubeception/agnhost:1.35.4";
const BUSYBOX: &str = "registry.kubeception.internal:5000/kubeception/busybox:1";

pub(crate) fn steps(walk: &mut Walk) {
    walk.step("workload: a Deployment runs, `logs` and `exec` work", look_inside);
    walk.step("workload: `logs -f` shows lines as they come", follow);
    walk.step("workload: `port-forward` reaches a pod", port_forward);
    walk.step("workload: `cp` into a pod and back", copy);
    walk.step("workload: DNS and a Service answer from every node", across_nodes);
    walk.step(
        "workload: a pod asks its own API server, with its service account",
        own_api_server,
    );
    walk.step("workload: a load balancer answers pods", load_balancer);
    walk.step(
        "workload: a load balancer answers the host through the proxy",
        load_balancer_from_host,
    );
    walk.step("workload: a claim of the default class is bound", volume);
    walk.step("workload: `top nodes` and `top pods` have figures", top);
}

/// Applies a manifest and waits for what it makes.
fn made(walk: &Walk, manifest: &str, object: &str, condition: &str) -> Result<()> {
    walk.apply(MACHINES, manifest)?;
    let (condition, timeout) = (format!("--for=condition={condition}"), format!("--timeout={SECONDS}s"));
    walk.kubectl(MACHINES, &["wait", object, &condition, &timeout])
        .map(|_| ())
}

/// A web server, its Service, its load balancer.
fn web(walk: &Walk) -> Result<()> {
    let manifest = format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - {{name: web, image: '{AGNHOST}', args: [netexec, --http-port=8080]}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  type: LoadBalancer
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: 8080}}]
"
    );
    made(walk, &manifest, "deployment/web", "Available")
}

/// A pod that says something every second.
fn ticker(walk: &Walk) -> Result<()> {
    let manifest = format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: ticker}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {{name: ticker, image: '{BUSYBOX}', command: [sh, -c, 'while true; do echo tick; sleep 1; done']}}
"
    );
    made(walk, &manifest, "pod/ticker", "Ready")
}

/// A pod on every node; their names.
fn clients(walk: &Walk) -> Result<Vec<String>> {
    let nodes = walk.kubectl(MACHINES, &["get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"])?;
    let mut pods = Vec::new();
    for (index, node) in nodes.split_whitespace().enumerate() {
        let pod = format!("client{index}");
        let manifest = format!(
            "apiVersion: v1
kind: Pod
metadata: {{name: {pod}}}
spec:
  nodeName: {node}
  containers:
  - {{name: client, image: '{AGNHOST}', args: [pause]}}
"
        );
        made(walk, &manifest, &format!("pod/{pod}"), "Ready").with_context(|| format!("on node {node}"))?;
        pods.push(pod);
    }
    ensure!(!pods.is_empty(), "there are no nodes");
    Ok(pods)
}

/// Connects from a pod, until it works.
fn connects(walk: &Walk, pod: &str, target: &str) -> Result<()> {
    let connect = ["exec", pod, "--", "agnhost", "connect", target, "--timeout=5s"];
    eventually(SECONDS, &format!("{target} to answer {pod}"), || {
        walk.kubectl_briefly(MACHINES, &connect).map(|_| ())
    })
}

fn look_inside(walk: &Walk) -> Result<()> {
    web(walk)?;
    eventually(SECONDS, "the log", || {
        let log = walk.kubectl_briefly(MACHINES, &["logs", "deployment/web"])?;
        ensure!(log.contains("8080"), "the log says: {log}");
        Ok(())
    })?;
    eventually(SECONDS, "`exec`", || {
        let name = walk.kubectl_briefly(MACHINES, &["exec", "deployment/web", "--", "hostname"])?;
        ensure!(name.starts_with("web-"), "the host name is {name:?}");
        Ok(())
    })
}

/// More lines than it had to begin with: those that follow are the pod's newest.
fn follow(walk: &Walk) -> Result<()> {
    ticker(walk)?;
    eventually(SECONDS, "lines to follow", || {
        let arguments = ["logs", "-f", "ticker", "--tail=1"];
        let mut logs = Running::start(&mut walk.kubectl_command(MACHINES, &arguments)?)?;
        for _ in 0..3 {
            logs.line(15, |line| line == "tick")?;
        }
        logs.kill()
    })
}

fn port_forward(walk: &Walk) -> Result<()> {
    web(walk)?;
    eventually(SECONDS, "the forwarded port to answer", || {
        let arguments = ["port-forward", "deployment/web", ":8080"];
        let mut forward = Running::start(&mut walk.kubectl_command(MACHINES, &arguments)?)?;
        let line = forward.line(30, |line| line.starts_with("Forwarding from 127.0.0.1:"))?;
        let port = line
            .trim_start_matches("Forwarding from 127.0.0.1:")
            .split(' ')
            .next()
            .unwrap_or_default();
        let name = http::get(http::to_loopback(port)?, "/hostname")?;
        ensure!(name.starts_with("web-"), "the host name is {name:?}");
        Ok(())
    })
}

/// Half a MiB: more than fits into one frame.
fn copy(walk: &Walk) -> Result<()> {
    ticker(walk)?;
    let text: String = (0..64 * 1024).map(|number| format!("{number:07}\n")).collect();
    let original = walk.file("original.txt", &text)?.display().to_string();
    let returned = walk.directory.path().join("returned.txt");
    let local = returned.display().to_string();
    eventually(SECONDS, "the file to come back as it went", || {
        walk.kubectl_briefly(MACHINES, &["cp", &original, "ticker:/tmp/copied.txt"])?;
        walk.kubectl_briefly(MACHINES, &["cp", "ticker:/tmp/copied.txt", &local])?;
        ensure!(fs_err::read_to_string(&returned)? == text, "it came back otherwise");
        Ok(())
    })
}

/// One pod on each node, each of which asks for the name and the Service: one of them is not where CoreDNS or the Deployment is.
fn across_nodes(walk: &Walk) -> Result<()> {
    web(walk)?;
    for pod in clients(walk)? {
        connects(walk, &pod, "web.default.svc.cluster.local:80")?;
    }
    Ok(())
}

/// The client believes the authority and shows the token that every pod has. It asks every second and says what failed; its second
/// question tells that the first was answered.
fn own_api_server(walk: &Walk) -> Result<()> {
    let manifest = format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: own-api-server}}
spec:
  containers:
  - name: client
    image: '{AGNHOST}'
    args: [inclusterclient, --poll-interval=1]
    env: [{{name: KUBERNETES_SERVICE_HOST, value: kubernetes.default.svc}}]
"
    );
    made(walk, &manifest, "pod/own-api-server", "Ready")?;
    eventually(SECONDS, "answers of the API server", || {
        let log = walk.kubectl_briefly(MACHINES, &["logs", "own-api-server", "--tail=20"])?;
        let since_failure = log.rsplit("status=failed").next().unwrap_or_default();
        ensure!(
            since_failure.matches("calling /healthz").count() >= 2 && !since_failure.contains("authz_header=<empty>"),
            "it says: {log}"
        );
        Ok(())
    })
}

/// Waits for the address of the load balancer.
fn address(walk: &Walk) -> Result<String> {
    web(walk)?;
    let path = "jsonpath={.status.loadBalancer.ingress[0].ip}";
    let address = eventually(SECONDS, "an address", || {
        let address = walk.kubectl(MACHINES, &["get", "service", "web", "-o", path])?;
        ensure!(!address.is_empty(), "the Service has no address");
        Ok(address)
    })?;
    ensure!(address.starts_with("172.30."), "{address} is none of the cloud's");
    Ok(address)
}

fn load_balancer(walk: &Walk) -> Result<()> {
    let target = format!("{}:80", address(walk)?);
    for pod in clients(walk)? {
        connects(walk, &pod, &target)?;
    }
    Ok(())
}

fn load_balancer_from_host(walk: &Walk) -> Result<()> {
    let target = format!("{}:80", address(walk)?);
    eventually(SECONDS, "the load balancer to answer", || {
        let name = http::get(http::through_proxy(&target)?, "/hostname")?;
        ensure!(name.starts_with("web-"), "the host name is {name:?}");
        Ok(())
    })
}

fn volume(walk: &Walk) -> Result<()> {
    let manifest = format!(
        "apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: data}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: writer}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: writer
    image: '{BUSYBOX}'
    command: [sh, -c, 'echo kept > /data/file && sleep 3600']
    volumeMounts: [{{name: data, mountPath: /data}}]
  volumes: [{{name: data, persistentVolumeClaim: {{claimName: data}}}}]
"
    );
    made(walk, &manifest, "pod/writer", "Ready")?;
    eventually(SECONDS, "the file", || {
        let kept = walk.kubectl_briefly(MACHINES, &["exec", "writer", "--", "cat", "/data/file"])?;
        ensure!(kept == "kept", "the file says {kept:?}");
        Ok(())
    })
}

fn top(walk: &Walk) -> Result<()> {
    web(walk)?;
    eventually(SECONDS, "figures of the nodes", || {
        let figures = walk.kubectl(MACHINES, &["top", "nodes", "--no-headers"])?;
        ensure!(figures.lines().count() == 2, "the figures are: {figures}");
        Ok(())
    })?;
    eventually(SECONDS, "figures of the pods", || {
        let figures = walk.kubectl(MACHINES, &["top", "pods", "--no-headers"])?;
        ensure!(figures.contains("web-"), "the figures are: {figures}");
        Ok(())
    })
}
