//! The seed as a machine of the local cloud: a cluster of one node whose control plane runs as static pods.
//!
//! In: the landscape's name, the image vector, certificates and keys made once. Out: the machine's user data, a script that turns a
//! bare machine with containerd into the seed at its first boot, and the kubeconfig of its administrator. Absent: making the machine
//! and waiting for it, which is bring-up's.

mod configuration; // containerd, kubelet, network
mod control_plane; // static pods from the planner that plans shoots' control planes
mod kubeconfig; // documents by which a client finds an API server
mod names; // where the seed is
mod pki; // certificates and keys of the seed
mod user_data; // the script

pub use self::configuration::CgroupVersion;
pub use self::kubeconfig::{ClientCertificate, Kubeconfig};
pub(crate) use self::names::{API_SERVER, CLUSTER_DOMAIN};
pub use self::names::{
    CLOUD_API, CLUSTER_DNS, Domain, MACHINE, MACHINE_ADDRESS, NETWORK, NETWORK_RANGE, POD_RANGE, SERVICE_RANGE,
};
pub(crate) use self::pki::KUBELET_CLIENT;
pub use self::pki::{SeedPki, SeedPkiError};
pub use self::user_data::{SeedError, SeedMachine, user_data};
