//! Walks the whole way on a landscape of its own, with the real binary and the real kubectl: from nothing to a shoot's
//! API server and back to nothing.
//!
//! In: the static binary and the upstream components. Out: a line per step and a closing line as test harnesses print it.
//! Whatever happens on the way, the landscape is taken down at the end, and anything of it that is left is a failure.

mod garden;
mod host;
mod landscape;
mod machines;
mod refusals;
mod shoot;
mod walk;

use std::process::ExitCode;

use clap::Parser;

use crate::walk::{Walk, say};

/// Walks from nothing to a shoot and back.
#[derive(Debug, Parser)]
struct Arguments {
    /// Name of the landscape to make and to remove; no landscape of a person's may have it.
    #[arg(long, default_value = "e2e")]
    landscape: String,
    /// Only the steps whose name contains this; `up` and `down` run all the same.
    #[arg(long)]
    only: Option<String>,
    /// Leave the landscape up at the end, for looking at it.
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
    refusals::steps(&mut walk);
    walk.must(
        "up: killed in every phase, and run again; meanwhile a second one is refused",
        landscape::interrupted,
    );
    let up = walk.must("up: from there to garden, seed and shoot", landscape::up);
    if up {
        landscape::steps(&mut walk);
        garden::steps(&mut walk);
        shoot::steps(&mut walk);
        machines::steps(&mut walk);
    }
    if !arguments.keep {
        walk.must("back to nothing: `down` leaves nothing", host::down_leaves_nothing);
        walk.must("`down` again has nothing to do", host::down_again);
    }
    Ok(walk.end())
}
