//! What only the machine itself knows.

use api::extensions::v1alpha1::CgroupDriverName;
use plan_node::machine::MachineFacts;

use crate::layout::Layout;

/// There where the hierarchy of control groups is unified.
const UNIFIED: &str = "/sys/fs/cgroup/cgroup.controllers";
/// systemd writes here what kind of container it runs in, if it does.
const CONTAINER: &str = "/run/systemd/container";
/// What systemd-resolved knows; `/etc/resolv.conf` only names its stub then, which pods do not reach.
const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";

/// Looks at the machine.
pub(crate) fn facts(layout: &Layout) -> MachineFacts {
    let there = |path: &str| layout.at(path).exists();
    MachineFacts {
        cgroup_driver: if there(UNIFIED) {
            CgroupDriverName::Systemd
        } else {
            CgroupDriverName::Cgroupfs
        },
        shares_kernel: there(CONTAINER),
        resolver_configuration: if there(RESOLVED) { RESOLVED } else { "/etc/resolv.conf" }.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_tells_what_it_is() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::below(root.path());
        let bare = facts(&layout);
        assert_eq!(bare.cgroup_driver, CgroupDriverName::Cgroupfs);
        assert!(!bare.shares_kernel);
        assert_eq!(bare.resolver_configuration, "/etc/resolv.conf");
        for path in [UNIFIED, CONTAINER, RESOLVED] {
            crate::files::replace(&layout.at(path), 0o644, b"").unwrap();
        }
        let full = facts(&layout);
        assert_eq!(full.cgroup_driver, CgroupDriverName::Systemd);
        assert!(full.shares_kernel);
        assert_eq!(full.resolver_configuration, RESOLVED);
    }
}
