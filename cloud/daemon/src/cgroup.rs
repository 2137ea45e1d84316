//! Control groups of the landscape, in version 1 (a tree per controller) and version 2 (one tree).

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{Error, mounts, wait};

/// How long killed processes may take to disappear: they may have to finish writing to a slow disk.
const END: Duration = Duration::from_secs(60);

/// All folders of the group: one in each tree that has it.
pub(crate) fn folders(group: &str) -> Result<Vec<PathBuf>, Error> {
    let trees = mounts::all()?
        .into_iter()
        .filter(|mount| matches!(mount.kind.as_str(), "cgroup" | "cgroup2"));
    let folders: BTreeSet<PathBuf> = trees
        .map(|tree| tree.point.join(group))
        .filter(|folder| folder.is_dir())
        .collect();
    Ok(folders.into_iter().collect())
}

/// All processes in the group and below.
pub(crate) fn processes(group: &str) -> Result<BTreeSet<i32>, Error> {
    let mut found = BTreeSet::new();
    for folder in folders(group)? {
        walk(&folder, &mut |folder| {
            let text = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            found.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
        });
    }
    // 0 stands for a process of another pid namespace, which a group of ours cannot have; it must never be signalled.
    found.remove(&0);
    Ok(found)
}

/// Kills everything in the group and removes it from all trees. Returns whether there was anything.
pub(crate) fn remove(group: &str) -> Result<bool, Error> {
    if folders(group)?.is_empty() {
        return Ok(false);
    }
    wait::until(
        &format!("the end of all processes in the control group {group}"),
        END,
        || {
            let living = processes(group)?;
            if living.is_empty() {
                return Ok(true);
            }
            for folder in folders(group)? {
                // Version 2 kills by itself, and frozen groups of version 1 must be thawed before they can die.
                let _ = std::fs::write(folder.join("cgroup.kill"), "1");
                walk(&folder, &mut |folder| {
                    drop(std::fs::write(folder.join("freezer.state"), "THAWED"))
                });
            }
            for process in living {
                // Gone by itself: fine.
                let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
            }
            Ok(false)
        },
    )?;
    wait::until(&format!("the removal of the control group {group}"), END, || {
        let folders = folders(group)?;
        for folder in &folders {
            // Deepest first. Busy for a moment after its last process is gone: tried again.
            walk(folder, &mut |folder| drop(std::fs::remove_dir(folder)));
        }
        Ok(folders.is_empty())
    })?;
    Ok(true)
}

/// Visits all folders below, then the folder itself.
fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    if let Ok(entries) = std::fs::read_dir(folder) {
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                walk(&entry.path(), visit);
            }
        }
    }
    visit(folder);
}
