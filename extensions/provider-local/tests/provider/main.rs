//! The provider against a cloud in memory, and API servers in memory and real.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

mod actuators; // extension objects of shoots, and their nodes
mod conforming; // the SDK's suite
mod machines; // machines for the machine controller
mod seed; // DNSRecords, and Services of one cluster
mod shoot_cluster; // controllers against a real kube-apiserver
mod support; // the cloud in memory
