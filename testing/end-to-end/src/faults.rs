//! What is killed heals: programs of a machine, the provider, the cloud, a whole machine; and what the cloud refuses is told.
//!
//! All on the shoot `first`, which has one node: if that does not work, nothing does. But while the cloud is away (`absence`) the other
//! one grows, because `up`, which brings the cloud back, also brings `first` back to its one machine.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    absence, host,
    machines::{POOL, SECONDS, patch, ready_nodes, size, succeeds},
    walk::{Cluster, Walk, eventually},
    workload::AGNHOST,
};

const SHOOT: &str = "first";
const FIRST: Cluster<'_> = Cluster::Shoot("dev/first");

/// Longest for the shoot to be as it was.
const HEALED: u64 = 300;

/// Longest for a machine to be replaced: its node is silent for 40 s, the cloud says for 30 s that it has stopped; another one boots.
const REPLACED: u64 = 400;

/// A program of a machine, which its systemd starts again.
struct Program {
    what: &'static str,
    file: &'static str,
    /// Its first argument, for a program that is many.
    command: Option<&'static str>,
}

const PROGRAMS: [Program; 4] = [
    Program {
        what: "node-agent",
        file: "kubeception",
        command: Some("gardener-node-agent"),
    },
    Program {
        what: "the kubelet",
        file: "kubelet",
        command: None,
    },
    Program {
        what: "containerd",
        file: "containerd",
        command: None,
    },
    Program {
        what: "the tunnel's client",
        file: "kubeception",
        command: Some("tunnel-client"),
    },
];

pub(crate) fn steps(walk: &mut Walk) {
    for program in &PROGRAMS {
        walk.step(&format!("faults: {} is killed and comes back", program.what), |walk| {
            program_killed(walk, program)
        });
    }
    walk.step(
        "faults: the provider is killed, and the shoot reconciles",
        provider_killed,
    );
    walk.step(
        "faults: the cloud is away for a minute: nodes stay, the shoot says so, and grows afterwards",
        absence::cloud_away,
    );
    walk.step("faults: a killed machine is replaced", machine_killed);
    walk.step(
        "faults: a shoot says that the cloud's quota is exceeded",
        quota_exceeded,
    );
}

/// The one node of the shoot.
fn node(walk: &Walk) -> Result<String> {
    let nodes = ready_nodes(walk, FIRST, POOL)?;
    ensure!(nodes.len() == 1, "the nodes are: {}", nodes.join(", "));
    nodes.into_iter().next().context("there is no node")
}

/// A node that is Ready, with a pod to `exec` in.
fn prepared(walk: &Walk) -> Result<String> {
    let manifest = format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: prober}}
spec:
  selector: {{matchLabels: {{app: prober}}}}
  template:
    metadata: {{labels: {{app: prober}}}}
    spec:
      containers:
      - {{name: prober, image: '{AGNHOST}', args: [pause]}}
"
    );
    walk.apply(FIRST, &manifest)?;
    serves(walk)?;
    node(walk)
}

/// Waits until the node is Ready, and the API server reaches a pod on it.
fn serves(walk: &Walk) -> Result<()> {
    eventually(SECONDS, "a node that is Ready, and `exec` in its pod", || {
        node(walk)?;
        let name = walk.kubectl_briefly(FIRST, &["exec", "deployment/prober", "--", "hostname"])?;
        ensure!(name.starts_with("prober-"), "the host name is {name:?}");
        Ok(())
    })
}

fn program_killed(walk: &Walk, program: &Program) -> Result<()> {
    let node = prepared(walk)?;
    let missing = format!("{} does not run on {node}", program.what);
    // A node is Ready for a while after its kubelet's death, and pods run without containerd: the new process comes first.
    host::kill_and_see_another(SECONDS, &missing, || running(walk, program, &node))?;
    serves(walk)
}

/// Processes of the program in the machine.
fn running(walk: &Walk, program: &Program, machine: &str) -> Result<Vec<String>> {
    let group = format!("/kubeception-{}/{machine}/", walk.landscape);
    let found = host::all_processes()?.into_iter().filter(|process| {
        let mut arguments = process.arguments.iter().map(String::as_str);
        let file = arguments.next().and_then(|path| Path::new(path).file_name());
        file.is_some_and(|file| file == program.file)
            && program.command.is_none_or(|command| arguments.next() == Some(command))
            && process.control_groups.contains(&group)
    });
    Ok(found.map(|process| process.id).collect())
}

/// The seed starts another pod. What it finds half-done, and what is asked of it meanwhile, it does.
fn provider_killed(walk: &Walk) -> Result<()> {
    let label = "app.kubernetes.io/name=provider-local";
    let pods = walk.kubectl(
        Cluster::Seed,
        &["get", "pods", "--all-namespaces", "--no-headers", "-l", label],
    )?;
    let mut killed = 0;
    for line in pods.lines().filter(|line| line.starts_with("extension-")) {
        let mut words = line.split_whitespace();
        let (namespace, pod) = words.next().zip(words.next()).context("kubectl's table has no names")?;
        let delete = ["delete", "pod", pod, "-n", namespace, "--grace-period=0", "--force"];
        walk.kubectl(Cluster::Seed, &delete)?;
        killed += 1;
    }
    ensure!(killed > 0, "no pod of the provider was found in: {pods}");
    let reconcile = [
        "annotate",
        "shoot",
        SHOOT,
        "-n",
        "garden-dev",
        "gardener.cloud/operation=reconcile",
        "--overwrite",
    ];
    walk.kubectl(Cluster::Garden, &reconcile)?;
    succeeds(walk, SHOOT, HEALED)
}

/// Brings the cloud's daemon to its end and back, with this quota or none.
fn restart_cloud(walk: &Walk, quota: Option<&str>) -> Result<()> {
    host::kill_cloud_daemon(&walk.landscape)?;
    host::start_cloud(walk, quota)
}

/// The cloud leaves a machine that ended as it is; the machine controller sees it there as stopped, gives it up after 30 s, and makes
/// another one under another name. That is long before `machineHealthTimeout`, which is for machines of which the cloud says nothing bad.
fn machine_killed(walk: &Walk) -> Result<()> {
    let killed = prepared(walk)?;
    let state = format!("/run/kubeception/{}/runc/{killed}/state.json", walk.landscape);
    let state: Value = serde_json::from_slice(&fs_err::read(&state)?).context("the runtime's record is not JSON")?;
    let first_process = state["init_process_pid"]
        .as_u64()
        .context("the runtime's record names no process")?;
    host::signal(&first_process.to_string(), "KILL")?;
    eventually(REPLACED, "another node in its place", || {
        let node = node(walk)?;
        ensure!(node != killed, "there is still {node}");
        Ok(())
    })?;
    serves(walk)?;
    succeeds(walk, SHOOT, HEALED)
}

/// As many machines as there are now, and one is wished for.
fn quota_exceeded(walk: &Walk) -> Result<()> {
    let cloud = walk.kubeception(&["cloud", "list"])?;
    let machines = cloud.lines().filter(|line| line.starts_with("machine ")).count();
    restart_cloud(walk, Some(&format!("machines={machines}")))?;
    let told = patch(walk, SHOOT, &size(2)).and_then(|()| {
        let path = "jsonpath={.status.lastErrors}";
        eventually(HEALED, "the shoot to say so", || {
            let errors = walk.kubectl(
                Cluster::Garden,
                &["get", "shoot", SHOOT, "-n", "garden-dev", "-o", path],
            )?;
            ensure!(errors.contains("ERR_INFRA_QUOTA_EXCEEDED"), "its errors are: {errors}");
            Ok(())
        })
    });
    // Whatever came of it, the walk goes on with one machine and no quota.
    patch(walk, SHOOT, &size(1))?;
    let healed = succeeds(walk, SHOOT, HEALED);
    restart_cloud(walk, None)?;
    told?;
    healed?;
    serves(walk)
}
