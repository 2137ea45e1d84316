//! The one binary: every process is a subcommand, and so are the commands for people.

fn main() {}
