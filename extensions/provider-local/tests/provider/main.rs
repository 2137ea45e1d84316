//! The provider against a cloud in memory and the local cloud itself, and API servers in memory and real. Needs root.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

mod actuators; // extension objects of shoots, and their nodes
mod conforming; // the SDK's suite
mod machines; // machines for the machine controller
mod real_cloud; // the SDK's suite once more, on the cloud itself
mod seed; // DNSRecords, and Services of one cluster
mod shoot_cluster; // controllers against a real kube-apiserver
mod support; // the cloud in memory

/// Not a test: see [`cloud_testkit::be_daemon_if_told_so`].
#[test]
fn daemon() {
    cloud_testkit::be_daemon_if_told_so();
}
