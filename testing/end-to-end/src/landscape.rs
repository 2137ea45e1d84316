//! The landscape as a whole: what `up` makes, that a second `up` changes nothing, and what `status` says.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};

use crate::{
    host,
    walk::{Cluster, Walk, eventually, refused, say},
};

/// `up` with a port of its own: a person's landscape may be up at the same time.
const UP: [&str; 3] = ["up", "--proxy-port", "6488"];

/// `up` is killed while the seed's machine is being made; meanwhile a second one is told that it is not alone.
pub(crate) fn interrupted(walk: &Walk) -> Result<()> {
    let mut command = walk.kubeception_command(&UP);
    let mut first = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to start `up`")?;
    let progress = first.stderr.take().context("`up` has no standard error")?;
    let mut lines = BufReader::new(progress).lines().map_while(Result::ok);
    let begun = lines.any(|line| line.contains("seed API server"));
    let second = refused(walk.kubeception(&UP), "is at work on this landscape");
    first.kill().context("failed to kill `up`")?;
    first.wait().context("failed to wait for the killed `up`")?;
    ensure!(begun, "`up` ended before it came to the seed's API server");
    second.context("the second `up`")
}

/// From there to garden, seed and the first shoot.
pub(crate) fn up(walk: &Walk) -> Result<()> {
    let output = walk.kubeception(&UP)?;
    for line in output.lines() {
        say(&format!("    {line}"));
    }
    Ok(())
}

pub(crate) fn steps(walk: &mut Walk) {
    walk.step("up: a second one changes nothing and says so", up_again);
    walk.step("status: names garden, seed and shoot", status);
    walk.step("status: `--output json` is JSON", status_json);
    walk.step("kubeconfig: the seed's works with plain kubectl", seed_nodes);
    walk.step("kubeconfig: an unknown shoot is refused by name", unknown_shoot);
    walk.step(
        "cloud: after a kill -9 of its daemon, `up` finds everything as it was",
        killed_daemon,
    );
}

fn up_again(walk: &Walk) -> Result<()> {
    let output = walk.kubeception(&UP)?;
    ensure!(output.contains("nothing to change"), "it said: {output}");
    Ok(())
}

fn killed_daemon(walk: &Walk) -> Result<()> {
    host::kill_cloud_daemon(&walk.landscape)?;
    walk.kubeception(&UP)?;
    eventually(60, "the seed to answer", || seed_nodes(walk))?;
    eventually(60, "the first shoot to answer", || {
        walk.kubectl(Cluster::Shoot("dev/first"), &["get", "--raw", "/readyz"])
            .map(|_| ())
    })
}

fn status(walk: &Walk) -> Result<()> {
    let output = walk.kubeception(&["status"])?;
    for word in ["garden", "seed", "first"] {
        ensure!(output.contains(word), "{word} is missing in:\n{output}");
    }
    Ok(())
}

fn status_json(walk: &Walk) -> Result<()> {
    let output = walk.kubeception(&["status", "--output", "json"])?;
    serde_json::from_str::<serde_json::Value>(&output)
        .context("it is not JSON")
        .map(|_| ())
}

fn seed_nodes(walk: &Walk) -> Result<()> {
    let nodes = walk.kubectl(Cluster::Seed, &["get", "nodes", "--no-headers"])?;
    ensure!(nodes.contains(" Ready "), "the nodes are: {nodes}");
    Ok(())
}

fn unknown_shoot(walk: &Walk) -> Result<()> {
    refused(walk.kubeception(&["kubeconfig", "shoot", "dev/nowhere"]), "nowhere")
}
