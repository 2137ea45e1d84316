//! The one binary: every process is a subcommand, and so are the commands for people.
//!
//! Called by a process's name (`gardener-apiserver`, a link) it is that process. Absent: what the processes and commands do; here
//! they are only found, given their surroundings (logging, TLS provider, signals) and their errors told.

mod arguments; // what may be written on the command line
mod pause; // the sandbox of every pod
mod people; // up, down, status, kubeconfig, ...
mod privilege; // commands that only root may run
mod process; // processes that run until they are told to stop
mod wait_for_port; // what a pod does before its program

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use lib_error_chain::ErrorChain;

use self::arguments::{Command, CommandLine};

fn main() -> ExitCode {
    let arguments = arguments::by_own_name(std::env::args_os().collect::<Vec<OsString>>());
    let command = CommandLine::parse_from(arguments).command;
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {}", ErrorChain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        // One per pod: it gets by without runtime, logging and TLS.
        Command::Pause => Ok(pause::run()?),
        Command::Process(process) => process::run(process),
        Command::People(command) => people::run(command),
    }
}
