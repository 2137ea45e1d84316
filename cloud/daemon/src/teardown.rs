//! Removes a landscape's cloud from the host, whatever state it is in, and tells what is left.
//!
//! Nothing here asks the daemon or trusts its records: what is ours is known by name, place or control group. The order matters:
//! first who could make something anew, then what runs, then what is mounted, then files, and last the lock itself.

use std::{collections::BTreeSet, path::Path, time::Duration};

use crate::{
    Error, Landscape, cgroup, daemon_lock::DaemonLock, file_lock::FileLock, host, layout::Layout, mounts, netns,
    process, runtime,
};

/// How long the registry may take to finish what it writes.
const REGISTRY_GRACE: Duration = Duration::from_secs(5);

/// What [`teardown`] removed, one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed(pub Vec<String>);

impl Removed {
    fn add(&mut self, what: impl Into<String>) {
        self.0.push(what.into());
    }
}

/// Stops the daemon if it runs and removes all that it ever made. Works from any half-made state; the second call removes nothing.
/// Blocks: call it from a thread that may.
pub fn teardown(landscape: &Landscape) -> Result<Removed, Error> {
    let mut removed = Removed::default();
    let layout = Layout::new(landscape.clone());
    if leftovers(landscape)?.is_empty() {
        return Ok(removed);
    }
    if !nix::unistd::geteuid().is_root() {
        return Err(Error::NotRoot);
    }
    let (_lock, daemon) = DaemonLock::wrest(&layout)?;
    if let Some(daemon) = daemon {
        removed.add(format!("daemon, process {}", daemon.pid));
    }
    remove_machines(&layout, &mut removed)?;
    for registry in process::with_argument(&layout.registry_configuration()) {
        registry.end("the image registry", REGISTRY_GRACE)?;
        removed.add(format!("image registry, process {}", registry.pid));
    }
    remove_namespaces(&layout, &mut removed)?;
    for folder in [layout.state(), layout.run()] {
        for mount in mounts::remove_below(&folder)? {
            removed.add(format!("mount {}", mount.display()));
        }
    }
    if host::restore_limits(&landscape.to_string())? {
        removed.add("limit of inotify instances");
    }
    remove_folder(&layout.state(), &mut removed)?;
    // With the lock inside: from here on another daemon may start.
    remove_folder(&layout.run(), &mut removed)?;
    remove_shared(&layout);
    Ok(removed)
}

fn remove_machines(layout: &Layout, removed: &mut Removed) -> Result<(), Error> {
    for machine in children(&layout.runc()) {
        // What the runtime cannot do, because it was killed half-way or is not installed any more, the control group does.
        if let Err(error) = runtime::remove(layout, &machine) {
            tracing::debug!(machine, error = %lib_error_chain::ErrorChain(&error), "the runtime failed to end it");
        }
        removed.add(format!("machine {machine}"));
    }
    if cgroup::remove(&layout.control_group())? {
        removed.add(format!("control group {}", layout.control_group()));
    }
    Ok(())
}

fn remove_namespaces(layout: &Layout, removed: &mut Removed) -> Result<(), Error> {
    for name in children(&layout.namespaces()) {
        let path = layout.namespaces().join(&name);
        if netns::identity(&path).is_some() {
            netns::remove(&path)?;
            removed.add(format!("network namespace {name}"));
        }
    }
    let link = layout.backbone_link();
    if link.is_symlink() {
        fs_err::remove_file(&link).map_err(Error::file("remove", &link))?;
        removed.add(format!("link {}", link.display()));
    }
    Ok(())
}

fn remove_folder(folder: &Path, removed: &mut Removed) -> Result<(), Error> {
    if !folder.exists() {
        return Ok(());
    }
    if let Some(mount) = mounts::below(folder)?.first() {
        return Err(Error::Unsupported(format!(
            "{} is still mounted: its content must not be removed",
            mount.display()
        )));
    }
    fs_err::remove_dir_all(folder).map_err(Error::file("remove", folder))?;
    removed.add(format!("folder {}", folder.display()));
    Ok(())
}

/// Folders that several landscapes share go with the last one, and `/run/netns` only if it is empty: then nobody misses it.
fn remove_shared(layout: &Layout) {
    let run = Layout::shared_run();
    let lock = run.join("limits.lock");
    // If somebody else holds it, it is needed.
    if lock.exists()
        && let Ok(Some(_held)) = FileLock::try_take(&lock)
        && children(run).iter().all(|name| name == "limits.lock")
    {
        let _ = std::fs::remove_file(lock);
    }
    let _ = std::fs::remove_dir(run);
    let _ = std::fs::remove_dir(Layout::shared_state());
    if let Some(folder) = layout.backbone_link().parent() {
        let _ = std::fs::remove_dir(folder);
    }
}

fn children(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return BTreeSet::new();
    };
    entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Whatever still exists of the landscape's cloud: processes, mounts, namespaces, control groups, files. Empty after [`teardown`].
pub fn leftovers(landscape: &Landscape) -> Result<Vec<String>, Error> {
    let layout = Layout::new(landscape.clone());
    let mut found = Vec::new();
    for process in cgroup::processes(&layout.control_group())? {
        found.push(format!("process {process} of a machine"));
    }
    for registry in process::with_argument(&layout.registry_configuration()) {
        found.push(format!("process {} of the image registry", registry.pid));
    }
    for folder in cgroup::folders(&layout.control_group())? {
        found.push(format!("control group {}", folder.display()));
    }
    for folder in [layout.state(), layout.run()] {
        for mount in mounts::below(&folder)? {
            found.push(format!("mount {}", mount.display()));
        }
        if folder.exists() {
            found.push(format!("folder {}", folder.display()));
        }
    }
    if layout.backbone_link().is_symlink() {
        found.push(format!("link {}", layout.backbone_link().display()));
    }
    if host::has_raised(&landscape.to_string()) {
        found.push("limit of inotify instances".to_owned());
    }
    Ok(found)
}
