//! What may be written on the command line, and the names that this binary answers to.

use std::ffi::OsString;
use std::path::Path;

use clap::{CommandFactory, Parser, Subcommand};

use crate::people::PeopleCommand;
use crate::process::Process;

/// Kubernetes clusters as a service: their control planes run as ordinary workload in another cluster.
#[derive(Parser)]
#[command(name = "kubeception", version, arg_required_else_help = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Everything that this binary can be.
#[derive(Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    People(PeopleCommand),
    #[command(flatten)]
    Process(Process),
    /// The sandbox of every pod: waits, and buries processes that lost their parents
    #[command(hide = true)]
    Pause,
}

/// Called by a process's name, the binary is that process: the name becomes the first argument.
pub(crate) fn by_own_name(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let own_name = arguments
        .first()
        .and_then(|path| Path::new(path).file_name())
        .map(OsString::from);
    let is_process = |name: &OsString| {
        CommandLine::command()
            .get_subcommands()
            .any(|command| command.is_hide_set() && *name == command.get_name())
    };
    if let Some(name) = own_name.filter(is_process) {
        arguments.insert(1, name);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_link_is_the_process_it_is_named_after() {
        let cases: [(&[&str], &[&str]); 4] = [
            (
                &["/usr/bin/gateway", "--help"],
                &["/usr/bin/gateway", "gateway", "--help"],
            ),
            (&["pause"], &["pause", "pause"]),
            (&["kubeception", "up"], &["kubeception", "up"]),
            // A command for people is no process: a binary that someone renamed to `up` is still this one.
            (&["up", "down"], &["up", "down"]),
        ];
        for (given, expected) in cases {
            let given = given.iter().map(OsString::from).collect();
            assert_eq!(
                by_own_name(given),
                expected.iter().map(OsString::from).collect::<Vec<_>>()
            );
        }
    }
}
