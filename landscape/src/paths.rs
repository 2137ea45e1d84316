//! Where bring-up keeps what it must find again. The rest of a landscape's state is the cloud's.

use std::path::{Path, PathBuf};

const STATE: &str = "/var/lib/kubeception";
const RUN: &str = "/run/kubeception";
const LOCKS: &str = "/run/lock";

/// Files and folders of one landscape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    landscape: String,
}

impl Paths {
    /// The paths of the landscape of this name.
    pub fn of(landscape: &str) -> Self {
        Self {
            landscape: landscape.to_owned(),
        }
    }

    /// Where every landscape has a folder of its name: for what outlives a restart of the host, and for what does not.
    pub(crate) fn roots() -> [&'static Path; 2] {
        [Path::new(STATE), Path::new(RUN)]
    }

    /// The folder that goes with the landscape.
    pub fn state(&self) -> PathBuf {
        Path::new(STATE).join(&self.landscape)
    }

    /// Certificates and keys of the seed.
    pub fn seed_pki(&self) -> PathBuf {
        self.state().join("seed-pki.json")
    }

    /// What the cloud's daemon writes.
    pub fn cloud_log(&self) -> PathBuf {
        self.state().join("cloud.log")
    }

    /// What `up` and `down` hold while they are at work. It does not lie with the state, which `down` removes.
    pub fn lock(&self) -> PathBuf {
        Path::new(LOCKS).join(format!("kubeception-{}.lock", self.landscape))
    }
}
