//! Where things lie on the machine. Tests put the machine's root into a temporary folder.

use std::path::{Path, PathBuf};

/// The machine's root.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// A machine whose root is `root`.
    pub(crate) fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where a path of the machine lies.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Where a path that may name any file lies, such as one from an argument.
    pub(crate) fn at_path(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// What was applied last, and what of it is unfinished.
pub(crate) const RECORD: &str = "/var/lib/gardener-node-agent/last-applied.json";
/// The OperatingSystemConfig fetched last.
pub(crate) const DOWNLOAD: &str = "/var/lib/gardener-node-agent/last-downloaded.json";
/// Where images are mounted while a program is taken out of them.
pub(crate) const MOUNTS: &str = "/var/lib/gardener-node-agent/images";
/// Keys whose certificates are asked for but not there yet.
pub(crate) const PENDING_KEYS: &str = "/var/lib/gardener-node-agent/credentials/pending";
/// Where units of the machine's administrator lie.
pub(crate) const UNITS: &str = "/etc/systemd/system";
