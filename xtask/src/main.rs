//! The project's own chores: checks, tests, static binary, benchmarks.

fn main() {}
