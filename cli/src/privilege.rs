//! Commands that only root may run: called by someone else, they start again with sudo.
//!
//! Only the command itself becomes root's; what was built before stays the user's.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};
use landscape_upstream::Cache;

/// What of the environment goes along. sudo starts with a clean one, in which the cache would be root's, and the landscape another.
const KEPT: [&str; 8] = [
    "IMAGEVECTOR_OVERWRITE",
    // Read by the cloud's daemon, which `up` starts.
    "KUBECEPTION_CLOUD_QUOTA",
    "KUBECEPTION_LANDSCAPE",
    "KUBECEPTION_LOG_FORMAT",
    "NO_COLOR",
    "PATH",
    "RUST_BACKTRACE",
    "RUST_LOG",
];

/// Always given along: its default depends on who asks.
const CACHE: &str = "KUBECEPTION_CACHE";

/// Returns when this process is root's. Otherwise it becomes the same command under sudo, or fails with what can be done.
pub(crate) fn become_root() -> anyhow::Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let Some(sudo) = find_sudo() else {
        bail!(
            "this needs root, and there is no sudo: run it as root, or install sudo and run it as a user who may use it"
        );
    };
    let mut command = Command::new(sudo);
    command.arg("env").args(environment()?);
    command
        .arg(std::env::current_exe().context("failed to find the own binary")?)
        .args(std::env::args_os().skip(1));
    Err(command.exec()).context("failed to start sudo")
}

fn find_sudo() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("sudo"))
        .find(|sudo| sudo.is_file())
}

fn environment() -> anyhow::Result<Vec<OsString>> {
    let mut variables = vec![assignment(
        CACHE,
        Cache::from_environment()?.root().as_os_str().to_owned(),
    )];
    variables.extend(
        KEPT.iter()
            .filter_map(|name| std::env::var_os(name).map(|value| assignment(name, value))),
    );
    Ok(variables)
}

fn assignment(name: &str, value: OsString) -> OsString {
    let mut assignment = OsString::from(name);
    assignment.push("=");
    assignment.push(value);
    assignment
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::arguments::CommandLine;

    /// Environment variables that stand for flags of commands for people.
    fn variables(command: &clap::Command) -> Vec<String> {
        let own = command.get_arguments().filter_map(|argument| argument.get_env());
        let own = own.map(|name| name.to_string_lossy().into_owned());
        let people = command.get_subcommands().filter(|command| !command.is_hide_set());
        own.chain(people.flat_map(variables)).collect()
    }

    #[test]
    fn a_flag_that_the_environment_gives_is_not_lost_on_the_way_to_root() {
        let variables = variables(&CommandLine::command());
        assert!(
            variables.iter().any(|name| name == "KUBECEPTION_LANDSCAPE"),
            "{variables:?}"
        );
        for name in variables {
            assert!(name == CACHE || KEPT.contains(&name.as_str()), "{name} must be in KEPT");
        }
    }
}
