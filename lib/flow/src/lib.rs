//! Flows are data: graphs of named tasks, checked when built, run with the most concurrency their edges allow.
