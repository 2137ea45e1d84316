//! Upstream components by version, in a cache outside the checkout.
//!
//! In: the [`Component`]s of a landscape and the [`Source`]s to try, in order. Out: `<cache>/upstream/<name>-<version>/<binary>`.
//! A component is there whole or not at all (it is moved into place when it is complete), and two builds do not collide (a lock
//! file). Absent: packages of the distribution (runc, CNI plugins, the registry), which the package manager brings.
//!
//! This is a crate of its own so that the project's chores can build upstream without building the landscape first. What they check
//! of the machine before that lies here, too: bring-up checks the same.

mod cache; // where things lie
mod component; // what there is
mod ensure; // make it be there
mod go_modules; // the source that builds from published Go modules
mod needs; // what a landscape asks of its machine

pub use self::cache::{Cache, CacheError};
pub use self::component::{
    AGNHOST, CONTAINERD, COREDNS, Component, GoBuild, HELM, KUBERNETES, LANDSCAPE, METRICS_SERVER,
};
pub use self::ensure::{EnsureError, Outcome, Report, Source, SourceError, ensure};
pub use self::go_modules::GoModules;
pub use self::needs::{DISK_NEEDED, MEMORY_NEEDED, PROXY_PORT, is_port_taken, memory_available};
