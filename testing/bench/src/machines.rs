//! Shoots with machines: until there is a node, until pods find names, another node, a command in a pod, and back to nothing.
//!
//! In: clients of a landscape that is up, and the real kubectl. Out: figures, of which each has as many runs as there are
//! rounds. Absent: bring-up, and shoots without machines.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams},
    core::GroupVersionKind,
};
use serde_json::json;
use tempfile::TempDir;
use testing_testkit::upstream;

use crate::{
    landscape::{Clusters, eventually, shoot, target},
    report::{Figure, Report},
};

const IMAGE: &str = "registry.kubeception.internal:5000/kubeception/agnhost:1.35.4";
/// Asks for CoreDNS by name, and for nothing else: until there is an answer, and CoreDNS accepts a connection.
const RESOLVE: &str =
    "until timeout 2 agnhost connect kube-dns.kube-system.svc.cluster.local:53 --timeout=1s; do sleep 0.1; done";
/// The pod that commands are run in.
const POD: &str = "commands";
/// Runs of kubectl in each round.
const RUNS: u32 = 10;

/// Makes, uses and deletes a shoot with machines, one after the other.
pub(crate) async fn measure(clusters: &Clusters<'_>, rounds: u32, report: &mut Report) -> Result<()> {
    for round in 0..rounds {
        let name = format!("nodes{round}");
        let measured = measure_one(clusters, &name, report).await;
        measured.with_context(|| format!("the shoot {name}"))?;
    }
    Ok(())
}

async fn measure_one(clusters: &Clusters<'_>, name: &str, report: &mut Report) -> Result<()> {
    let started = clusters.create(&[with_one_worker(name)?]).await?;
    let names = [name.to_owned()];
    let (first, succeeded) = tokio::try_join!(
        first_node(clusters, name, started),
        clusters.wait_succeeded(&names, started)
    )?;
    report.add("Shoot with one worker created → node Ready", first.ready);
    report.add("Shoot with one worker created → DNS answers from a pod", first.resolves);
    report.add("Shoot with one worker created → Succeeded", succeeded.last);
    let second = second_node(clusters, &first.client, name).await?;
    report.add("pool scaled → second node Ready", second);
    commands(clusters, &first.client, name, report).await?;
    settled(clusters, name).await?;
    report.add(
        "Shoot with workers deleted → nothing left",
        delete(clusters, name).await?,
    );
    Ok(())
}

/// A shoot whose first node is of use, and when it was.
struct FirstNode {
    client: Client,
    ready: Duration,
    resolves: Duration,
}

async fn first_node(clusters: &Clusters<'_>, name: &str, started: Instant) -> Result<FirstNode> {
    let client = eventually(|| clusters.client_of_shoot(name)).await?;
    nodes_ready(&client, 1).await?;
    let ready = started.elapsed();
    let pods = pods(&client);
    run_pod(&pods, "resolver", &["sh", "-c", RESOLVE]).await?;
    phase(&pods, "resolver", "Succeeded").await?;
    Ok(FirstNode {
        client,
        ready,
        resolves: started.elapsed(),
    })
}

async fn second_node(clusters: &Clusters<'_>, client: &Client, name: &str) -> Result<Duration> {
    let operations = json!([
        {"op": "replace", "path": "/spec/provider/workers/0/maximum", "value": 2},
        {"op": "replace", "path": "/spec/provider/workers/0/minimum", "value": 2},
    ]);
    let operations = serde_json::from_value(operations).context("failed to make a patch")?;
    let started = Instant::now();
    clusters
        .shoots()
        .patch(name, &PatchParams::default(), &Patch::Json::<()>(operations))
        .await?;
    nodes_ready(client, 2).await?;
    Ok(started.elapsed())
}

/// A command in a pod, and beside it what kubectl needs for the least that it can ask of the same API server.
async fn commands(clusters: &Clusters<'_>, client: &Client, name: &str, report: &mut Report) -> Result<()> {
    let pods = pods(client);
    run_pod(&pods, POD, &["agnhost", "pause"]).await?;
    phase(&pods, POD, "Running").await?;
    let kubectl = Kubectl::new(clusters, name)?;
    let (exec, health) = (["exec", POD, "--", "true"], ["get", "--raw", "/healthz"]);
    // The first ones do not count: they fill kubectl's cache of what the API server offers.
    eventually(|| async { kubectl.time(&exec) }).await?;
    kubectl.time(&health)?;
    for _ in 0..RUNS {
        let took = kubectl.time(&health)?;
        report.add(
            "`kubectl get --raw /healthz`: the API server alone",
            Figure::milliseconds(took),
        );
        let took = kubectl.time(&exec)?;
        report.add(
            "`kubectl exec POD -- true`: through the tunnel",
            Figure::milliseconds(took),
        );
    }
    Ok(())
}

/// Deletes the shoot and waits until it is gone from garden, seed and cloud.
async fn delete(clusters: &Clusters<'_>, name: &str) -> Result<Duration> {
    let deleted = clusters.delete_shoots(&[name.to_owned()]).await?;
    let marks = [format!("--{name}"), format!(".{name}.")];
    eventually(|| async {
        let cloud = clusters.landscape.kubeception(&["cloud", "list"])?;
        let left = marks.iter().any(|mark| cloud.contains(mark.as_str()));
        ensure!(!left, "left in the cloud:\n{cloud}");
        anyhow::Ok(())
    })
    .await?;
    Ok(deleted.started.elapsed())
}

/// Waits until gardenlet has done all that is wished.
async fn settled(clusters: &Clusters<'_>, name: &str) -> Result<()> {
    let shoots = &clusters.shoots();
    eventually(|| async move {
        let shoot = shoots.get(name).await?;
        let status = &shoot.data["status"];
        let seen = status["observedGeneration"].as_i64();
        let state = status["lastOperation"]["state"].as_str().unwrap_or("new");
        ensure!(
            seen == shoot.metadata.generation && state == "Succeeded",
            "{name} is {state}"
        );
        anyhow::Ok(())
    })
    .await
}

async fn nodes_ready(client: &Client, wished: usize) -> Result<()> {
    let nodes = &nodes(client);
    eventually(|| async move {
        let all = nodes.list(&ListParams::default()).await?;
        let ready = all.items.iter().filter(|node| is_ready(node)).count();
        ensure!(ready >= wished, "{ready} of {wished} nodes are Ready");
        anyhow::Ok(())
    })
    .await
}

fn is_ready(node: &DynamicObject) -> bool {
    let conditions = node.data["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Makes a pod; repeated, since the namespace's ServiceAccount may not be there yet.
async fn run_pod(pods: &Api<DynamicObject>, name: &str, command: &[&str]) -> Result<()> {
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": name, "image": IMAGE, "command": command}],
        },
    });
    let (pod, parameters) = (&Patch::Apply(pod), &PatchParams::apply("testing-bench"));
    eventually(|| async move {
        pods.patch(name, parameters, pod).await?;
        anyhow::Ok(())
    })
    .await
}

async fn phase(pods: &Api<DynamicObject>, name: &str, wished: &str) -> Result<()> {
    eventually(|| async move {
        let pod = pods.get(name).await?;
        let phase = pod.data["status"]["phase"].as_str().unwrap_or("new");
        ensure!(phase == wished, "the pod {name} is {phase}");
        anyhow::Ok(())
    })
    .await
}

fn nodes(client: &Client) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("", "v1", "Node"), "nodes");
    Api::all_with(client.clone(), &resource)
}

fn pods(client: &Client) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("", "v1", "Pod"), "pods");
    Api::namespaced_with(client.clone(), "default", &resource)
}

fn with_one_worker(name: &str) -> Result<DynamicObject> {
    let mut shoot = shoot(name)?;
    let spec = &mut shoot.data["spec"];
    spec["credentialsBindingName"] = json!("local");
    spec["networking"] = json!({"type": "bridge", "nodes": "10.10.0.0/16"});
    spec["provider"]["workers"] = json!([{
        "name": "worker",
        "machine": {"type": "local", "image": {"name": "local", "version": "1.0.0"}},
        "minimum": 1,
        "maximum": 1,
        "zones": ["0"],
    }]);
    Ok(shoot)
}

/// The real kubectl on a shoot, with a kubeconfig as users have it and a cache of its own.
struct Kubectl {
    program: PathBuf,
    directory: TempDir,
}

impl Kubectl {
    fn new(clusters: &Clusters<'_>, name: &str) -> Result<Self> {
        let kubeconfig = clusters
            .landscape
            .kubeception(&["kubeconfig", "shoot", &target(name)])?;
        let directory = tempfile::tempdir().context("failed to make a temporary directory")?;
        fs_err::write(directory.path().join("kubeconfig"), kubeconfig)?;
        Ok(Self {
            program: upstream::hyperkube(),
            directory,
        })
    }

    /// How long a command takes that succeeds.
    fn time(&self, arguments: &[&str]) -> Result<Duration> {
        let mut command = Command::new(&self.program);
        command
            .args(["kubectl", "--request-timeout=30s", "--kubeconfig"])
            .arg(self.directory.path().join("kubeconfig"))
            .arg("--cache-dir")
            .arg(self.directory.path().join("cache"))
            .args(arguments)
            .stdin(Stdio::null());
        let started = Instant::now();
        let output = command.output().context("failed to run kubectl")?;
        let took = started.elapsed();
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            bail!("`kubectl {}` failed: {}", arguments.join(" "), reason.trim());
        }
        Ok(took)
    }
}
