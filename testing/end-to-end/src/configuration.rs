//! Kubelets take other settings: what a running one can take comes in place, for anything else new machines replace the old ones.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    machines::{CHANGED, MACHINES, POOL, SECONDS, SHOOT, patch, ready_nodes, scaled_down, succeeds},
    walk::{Walk, eventually},
};

/// Neither is what a kubelet has by default.
const MAX_PODS: &str = "60";
const THRESHOLD: &str = "120Mi";

pub(crate) fn steps(walk: &mut Walk) {
    walk.step(
        "configuration: another number of pods per node comes in place",
        in_place,
    );
    walk.step(
        "configuration: another threshold of eviction brings a new machine first, then takes the old one",
        rolled,
    );
}

/// Changes a setting of the shoot's kubelets.
fn set(walk: &Walk, field: &str, value: &str) -> Result<()> {
    let change = format!(r#"[{{"op":"add","path":"/spec/kubernetes/kubelet/{field}","value":{value}}}]"#);
    patch(walk, SHOOT, &change)
}

/// Who the nodes are: one that is made anew has another uid, whatever its name.
fn identities(walk: &Walk) -> Result<String> {
    let path = r#"jsonpath={range .items[*]}{.metadata.name} {.metadata.uid}{"\n"}{end}"#;
    walk.kubectl(MACHINES, &["get", "nodes", "-o", path])
}

fn in_place(walk: &Walk) -> Result<()> {
    let before = identities(walk)?;
    set(walk, "maxPods", MAX_PODS)?;
    succeeds(walk, SHOOT, CHANGED)?;
    eventually(SECONDS, "every kubelet to take it", || {
        let path = "jsonpath={.items[*].status.capacity.pods}";
        let pods = walk.kubectl(MACHINES, &["get", "nodes", "-o", path])?;
        ensure!(
            pods.split(' ').all(|number| number == MAX_PODS),
            "the nodes have room for {pods} pods"
        );
        Ok(())
    })?;
    let after = identities(walk)?;
    ensure!(before == after, "the nodes were\n{before}\nand now are\n{after}");
    Ok(())
}

fn rolled(walk: &Walk) -> Result<()> {
    // Of one machine there are never more than two, itself and `maxSurge` of 1. Of more there are: one that is being emptied is still there
    // when the next one comes.
    scaled_down(walk)?;
    let old = ready_nodes(walk, MACHINES, POOL)?;
    set(walk, "evictionHard", &format!(r#"{{"memoryAvailable":"{THRESHOLD}"}}"#))?;
    let mut most = 0;
    let new = eventually(CHANGED, "a new node in place of the old one", || {
        let machines = machines_in_cloud(walk)?;
        most = most.max(machines);
        let nodes = ready_nodes(walk, MACHINES, POOL)?;
        ensure!(
            machines == 1 && nodes.len() == 1 && nodes != old,
            "the cloud has {machines} machines, the nodes are {}",
            nodes.join(", ")
        );
        Ok(nodes)
    })?;
    ensure!(most == 2, "at most {most} machines were seen at a time, and not 2");
    succeeds(walk, SHOOT, CHANGED)?;
    new.iter().try_for_each(|node| configured(walk, node))
}

/// Machines that the cloud has for the pool, those that come and go among them.
fn machines_in_cloud(walk: &Walk) -> Result<usize> {
    let list = walk.kubeception(&["cloud", "list"])?;
    Ok(machines_in(&list))
}

fn machines_in(list: &str) -> usize {
    let prefix = format!("shoot--dev--{SHOOT}-{POOL}-");
    let is_one = |line: &&str| {
        let mut words = line.split_whitespace();
        words.next() == Some("machine") && words.next().is_some_and(|name| name.starts_with(&prefix))
    };
    list.lines().filter(is_one).count()
}

/// The kubelet itself says that it has the threshold.
fn configured(walk: &Walk, node: &str) -> Result<()> {
    let path = format!("/api/v1/nodes/{node}/proxy/configz");
    eventually(SECONDS, "the new kubelet's configuration", || {
        let text = walk.kubectl_briefly(MACHINES, &["get", "--raw", &path])?;
        let answer: Value = serde_json::from_str(&text).context("the kubelet's answer is not JSON")?;
        let threshold = &answer["kubeletconfig"]["evictionHard"]["memory.available"];
        ensure!(*threshold == THRESHOLD, "the threshold is {threshold}");
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_of_the_pool_are_counted() {
        let list = "network        shoot--dev--third                        10.10.0.0/16  Ready\n\
                    machine        seed                                     10.1.0.10  Ready\n\
                    machine        shoot--dev--first-worker-z1-a-b          10.10.0.2  Ready\n\
                    machine        shoot--dev--third-worker-z1-a-b          10.10.0.2  Ready\n\
                    machine        shoot--dev--third-worker-z1-c-d          10.10.0.3  Creating\n\
                    load balancer  shoot--dev--third-worker-lb              172.30.2.2  Ready\n";
        assert_eq!(machines_in(list), 2);
    }
}
