//! Plans what lies and runs on a worker's machine: containerd, kubelet, node-agent, tunnel client.
//!
//! In: a [`NodeWish`], the same for all machines of a worker pool. Out: two OperatingSystemConfigs: [`plan_init`] for a machine's first
//! start, which goes into its user data and ends with node-agent running; [`plan_original`] for ever after, which node-agent fetches and
//! applies. What only the machine itself can know (its layout of control groups, whether it shares its kernel with a host) is filled in
//! there, by [`machine`]. Absent: how the two reach a machine.
//!
//! **Invariant:** pure. Nothing here differs from machine to machine but the two placeholders of [`plan_init`].

#![forbid(unsafe_code)]

pub mod containerd; // files of the container runtime
mod hash; // when a pool needs new machines
mod init; // a machine's first start
mod kubelet; // configuration and unit of the kubelet
pub mod machine; // what only the machine knows
mod original; // a machine ever after
mod paths; // where things lie on a machine
mod pieces; // files and units that both share
mod sysctls; // settings of the kernel
mod wish; // what is wanted

pub use self::{
    hash::{node_agent_secret_name, pool_hash},
    init::plan_init,
    original::plan_original,
    paths::*,
    wish::{MachineImage, NodeImages, NodeWish, TunnelWish},
};
