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

/// The phases of a bring-up, in an order in which they can begin.
const PHASES: [&str; 14] = [
    "machine image",
    "local cloud",
    "images in the registry",
    "seed machine",
    "seed API server",
    "resource definitions",
    "seed system components",
    "seed ready",
    "operator",
    "garden ready",
    "cloud profile and project",
    "gardenlet",
    "seed takes shoots",
    "first shoot",
];

/// `up` is killed as soon as a phase has begun, and run again until the next phase: in every phase once. Meanwhile a second one is told
/// that it is not alone.
pub(crate) fn interrupted(walk: &Walk) -> Result<()> {
    for phase in PHASES {
        killed_in(walk, phase).with_context(|| format!("`up` that is killed in the phase {phase:?}"))?;
    }
    Ok(())
}

fn killed_in(walk: &Walk, phase: &str) -> Result<()> {
    let mut command = walk.kubeception_command(&UP);
    let mut first = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to start it")?;
    let progress = first.stderr.take().context("it has no standard error")?;
    let mut said = Vec::new();
    let begun = BufReader::new(progress).lines().map_while(Result::ok).any(|line| {
        let is_begun = line.ends_with(&format!("  {phase} ..."));
        said.push(line);
        is_begun
    });
    let second = match phase {
        "seed API server" => refused(walk.kubeception(&UP), "is at work on this landscape"),
        _ => Ok(()),
    };
    first.kill().context("failed to kill it")?;
    first.wait().context("failed to wait for it")?;
    ensure!(begun, "it ended before that phase:\n    {}", said.join("\n    "));
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
