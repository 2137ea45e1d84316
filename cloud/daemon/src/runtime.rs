//! The container runtime, runc: starts and ends machines.

use std::{path::Path, process::Command, time::Duration};

use serde::Deserialize;

use crate::{Error, command, layout::Layout, process::Process};

pub(crate) const PROGRAM: &str = "runc";

/// A machine's first process runs within a second; a loaded host may take much longer.
const START: Duration = Duration::from_secs(60);

/// The part of the runtime's own record that names the machine's first process.
#[derive(Deserialize)]
struct State {
    init_process_pid: i32,
    init_process_start: u64,
}

/// The machine's first process, if it lives.
pub(crate) fn first_process(layout: &Layout, machine: &str) -> Option<Process> {
    let text = std::fs::read(layout.runc().join(machine).join("state.json")).ok()?;
    let state: State = serde_json::from_slice(&text).ok()?;
    let process = Process {
        pid: state.init_process_pid,
        start: state.init_process_start,
    };
    process.is_alive().then_some(process)
}

/// Starts the machine from its bundle. Its first process belongs to nobody: it outlives the daemon.
pub(crate) fn start(layout: &Layout, machine: &str, bundle: &Path, console: &Path, log: &Path) -> Result<(), Error> {
    let mut runc = runc(layout);
    runc.arg("--log")
        .arg(log)
        .args(["run", "--detach", "--bundle"])
        .arg(bundle)
        .arg(machine);
    command::run_detached(&mut runc, console, log, &format!("start the machine {machine}"), START)
}

/// Ends the machine and removes what the runtime knows of it. Returns whether there was anything.
pub(crate) fn remove(layout: &Layout, machine: &str) -> Result<bool, Error> {
    if !layout.runc().join(machine).exists() {
        return Ok(false);
    }
    let mut runc = runc(layout);
    runc.args(["delete", "--force", machine]);
    command::run(&mut runc, &format!("end the machine {machine}"), START)?;
    // Of a runtime that was killed before it wrote its record: it leaves the folder alone.
    let folder = layout.runc().join(machine);
    if folder.exists() {
        fs_err::remove_dir_all(&folder).map_err(Error::file("remove", &folder))?;
    }
    Ok(true)
}

fn runc(layout: &Layout) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("--root").arg(layout.runc());
    command
}
