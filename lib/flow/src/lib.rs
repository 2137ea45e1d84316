//! Flows are data: graphs of named tasks, checked when built, run with the most concurrency their edges allow.
//!
//! In: a [`Graph`], to which each area of the domain adds its tasks, and a context that the tasks share. Out: a [`Flow`]
//! whose shape can be tested without running it, and the [`Report`] of a run: what each task came to, when it ran, and
//! the critical path. Absent: retries of a single task (the caller runs the flow again: tasks are idempotent) and
//! spawning. A run is one future: dropping it stops all tasks at their next await.

#![forbid(unsafe_code)]

mod graph; // tasks and edges, and their check
mod report; // what came out of a run
mod run; // the execution

pub use self::{
    graph::{Flow, Graph, GraphError, TaskBuilder, TaskId},
    report::{Outcome, Report, TaskReport},
    run::{Progress, RunOptions},
};
