//! Walks the whole way on a landscape of its own, with the real binary and the real kubectl: from nothing to a shoot's
//! API server and back to nothing.
//!
//! In: the static binary and the upstream components. Out: a line per step and a closing line as test harnesses print it.
//! A landscape that an earlier walk left is removed first. Then there are two: the first one is made with interruptions, and ends with its
//! Garden; the second one is made in one go, used, hurt, and taken down while it is at work. Whatever happens on the way, `down` comes at
//! the end of each, and anything that is left is a failure.

mod absence; // the cloud is away for a while
mod attacks; // what a shoot's API server must not be led to
mod callbacks; // what a shoot's API server asks of its pods
mod configuration; // kubelets take other settings
mod ending; // a garden is not deleted lightly: the end of a landscape that was made with interruptions
mod faults; // what is killed heals
mod garden; // what the garden serves and refuses
mod landscape; // `up` as a whole
mod machines; // a shoot with machines, from its creation to its deletion
mod refusals; // hosts on which nothing is made
mod shoot; // a control plane without machines
mod status; // what `status` says
mod workload; // what the users of a shoot with machines do

mod child; // programs that run beside the walk
mod host; // processes, and what may not be left
mod http; // questions to plain servers
mod walk; // steps, commands, waiting

use std::process::ExitCode;

use clap::Parser;

use crate::walk::{Walk, say};

/// Walks from nothing to a shoot and back.
#[derive(Debug, Parser)]
struct Arguments {
    /// Name of the landscape to make and to remove; no landscape of a person's may have it.
    #[arg(long, default_value = "e2e")]
    landscape: String,
    /// Only the steps whose name contains this; the last `up` and `down` run all the same.
    #[arg(long)]
    only: Option<String>,
    /// Leave the landscape up at the end, for looking at it; the next walk removes it.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("the walk could not begin: {error:#}"));
            say("test result: FAILED. 0 passed; 1 failed; 0 ignored");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let mut walk = Walk::begin(&arguments.landscape, arguments.only.clone())?;
    walk.must("a walk that was cut short is removed: `down`", host::down_again);
    refusals::steps(&mut walk);
    landscape::interruptions(&mut walk);
    ending::steps(&mut walk);
    let up = walk.must("up: garden, seed and shoot", landscape::up);
    if up {
        landscape::steps(&mut walk);
        status::steps(&mut walk);
        garden::steps(&mut walk);
        shoot::steps(&mut walk);
        machines::steps(&mut walk);
        workload::steps(&mut walk);
        callbacks::steps(&mut walk);
        attacks::steps(&mut walk);
        machines::changes(&mut walk);
        configuration::steps(&mut walk);
        faults::steps(&mut walk);
        machines::removal(&mut walk);
    }
    if !arguments.keep {
        if up {
            walk.must(
                "back to nothing: `down` with a shoot at work, after a kill -9 of the cloud's daemon, leaves nothing",
                host::down_of_the_living,
            );
        } else {
            walk.must("back to nothing: `down` leaves nothing", host::down_leaves_nothing);
        }
        walk.must("`down` again has nothing to do", host::down_again);
    }
    Ok(walk.end())
}
