//! The landscape as a whole: what `up` makes, that a second `up` changes nothing, and what `status` says.

use anyhow::{Context, Result, ensure};

use crate::walk::{Cluster, Walk, refused, say};

/// From nothing to garden, seed and the first shoot.
pub(crate) fn up(walk: &Walk) -> Result<()> {
    let output = walk.kubeception(&["up"])?;
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
}

fn up_again(walk: &Walk) -> Result<()> {
    let output = walk.kubeception(&["up"])?;
    ensure!(output.contains("nothing to change"), "it said: {output}");
    Ok(())
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
