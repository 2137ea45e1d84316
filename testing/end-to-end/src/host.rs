//! What the host looks like: nothing of a landscape may be left after `down`.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::walk::Walk;

/// Takes the landscape down and looks for anything that is left, with the host's own tools.
pub(crate) fn down_leaves_nothing(walk: &Walk) -> Result<()> {
    walk.kubeception(&["down"])?;
    let mut left = Vec::new();
    for (what, found) in [
        ("network namespaces", list("ip", &["netns", "list"])?),
        ("interfaces", list("ip", &["-oneline", "link"])?),
        ("mounts", lines(&fs_err::read_to_string("/proc/self/mounts")?)),
        ("nftables rules", list("nft", &["list", "ruleset"])?),
        ("cgroups", cgroups()?),
        ("processes", processes(&walk.landscape)?),
    ] {
        let ours: Vec<String> = found
            .into_iter()
            .filter(|line| is_ours(line, &walk.landscape))
            .collect();
        if !ours.is_empty() {
            left.push(format!("{what}: {}", ours.join(", ")));
        }
    }
    for folder in [
        format!("/var/lib/kubeception/{}", walk.landscape),
        format!("/run/kubeception/{}", walk.landscape),
    ] {
        if fs_err::exists(&folder)? {
            left.push(format!("folder {folder}"));
        }
    }
    ensure!(left.is_empty(), "something is left:\n    {}", left.join("\n    "));
    Ok(())
}

/// Ends the cloud's daemon without giving it time for anything.
pub(crate) fn kill_cloud_daemon(landscape: &str) -> Result<()> {
    let wished = format!("cloud --landscape {landscape} ");
    for entry in fs_err::read_dir("/proc")? {
        let entry = entry?;
        let command_line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command_line)
            .replace('\0', " ")
            .contains(&wished)
        {
            let id = entry.file_name().to_string_lossy().into_owned();
            let status = Command::new("kill")
                .args(["-KILL", &id])
                .status()
                .context("failed to run kill")?;
            ensure!(status.success(), "kill -KILL {id} failed");
            return Ok(());
        }
    }
    bail!("no process `kubeception {wished}…` was found")
}

/// A second `down` succeeds.
pub(crate) fn down_again(walk: &Walk) -> Result<()> {
    walk.kubeception(&["down"]).map(|_| ())
}

/// Names of ours carry the landscape's name.
fn is_ours(line: &str, landscape: &str) -> bool {
    [
        format!("kc-{landscape}"),
        format!("kubeception-{landscape}"),
        format!("kubeception/{landscape}"),
    ]
    .iter()
    .any(|name| line.contains(name.as_str()))
}

fn list(program: &str, arguments: &[&str]) -> Result<Vec<String>> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("failed to run {program}"))?;
    if !output.status.success() {
        bail!(
            "{program} {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(lines(&String::from_utf8_lossy(&output.stdout)))
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Every cgroup directory near the top of the hierarchies, where machines have theirs.
fn cgroups() -> Result<Vec<String>> {
    list("find", &["/sys/fs/cgroup", "-maxdepth", "3", "-type", "d"])
}

/// Command lines of all processes but this one and its parents' shells, which name the landscape too.
fn processes(landscape: &str) -> Result<Vec<String>> {
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs_err::read_dir("/proc")? {
        let entry = entry?;
        let id = entry.file_name().to_string_lossy().into_owned();
        if id == own || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        // A process may end while it is looked at.
        let Ok(command_line) = std::fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        let state = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if state
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z'))
        {
            continue; // dead already; the host's init has not noticed yet
        }
        let cgroup = std::fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        let command_line = String::from_utf8_lossy(&command_line).replace('\0', " ");
        if cgroup.contains(&format!("kubeception-{landscape}")) || is_ours(&command_line, landscape) {
            found.push(format!("{id} {command_line} kubeception-{landscape}"));
        }
    }
    Ok(found)
}
