//! What only the machine itself knows, and what follows from it for files that were planned without knowing it.

use api::extensions::v1alpha1::CgroupDriverName;
use serde_json::{Value, json};

/// What only the machine itself knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineFacts {
    /// Who makes control groups: systemd where the hierarchy is unified and thus systemd's, else every program for itself.
    pub cgroup_driver: CgroupDriverName,
    /// Whether it is a system container: kernel, swap and disks are those of its host, which others use, too.
    pub shares_kernel: bool,
    /// The file with the name servers that pods may use, which is not that of a stub on the machine itself.
    pub resolver_configuration: String,
}

/// Completes the text of the kubelet's configuration.
pub fn complete_kubelet(text: &str, facts: &MachineFacts) -> Result<String, serde_json::Error> {
    let mut configuration: Value = serde_json::from_str(text)?;
    let mut default = |name: &str, value: Value| {
        if configuration[name].is_null() {
            configuration[name] = value;
        }
    };
    let systemd = facts.cgroup_driver == CgroupDriverName::Systemd;
    default("cgroupDriver", json!(if systemd { "systemd" } else { "cgroupfs" }));
    default("resolvConf", json!(facts.resolver_configuration));
    if facts.shares_kernel {
        // The capability to lower it may be missing.
        default("oomScoreAdj", json!(0));
        // Swap is the host's, and nothing here can switch it off.
        configuration["failSwapOn"] = json!(false);
        leave_disks_to_the_host(&mut configuration);
    }
    Ok(serde_json::to_string_pretty(&configuration)? + "\n")
}

/// A busy machine's disk is the host's: what is full there, the user sees; neither pods nor images are thrown out for it.
fn leave_disks_to_the_host(configuration: &mut Value) {
    for thresholds in ["evictionHard", "evictionSoft"] {
        if let Value::Object(entries) = &mut configuration[thresholds] {
            entries.retain(|name, _| !is_disk(name));
        }
    }
    // Absent thresholds have defaults, zero switches off.
    for name in [
        "nodefs.available",
        "nodefs.inodesFree",
        "imagefs.available",
        "imagefs.inodesFree",
    ] {
        configuration["evictionHard"][name] = json!("0%");
    }
    if let Value::Object(entries) = &mut configuration["evictionSoftGracePeriod"] {
        entries.retain(|name, _| !is_disk(name));
    }
    configuration["imageGCHighThresholdPercent"] = json!(100);
}

fn is_disk(signal: &str) -> bool {
    signal.starts_with("nodefs.") || signal.starts_with("imagefs.")
}

/// Completes the settings of the kernel: a system container sets only what belongs to its own network.
pub fn complete_sysctls(text: &str, facts: &MachineFacts) -> String {
    let own = |line: &&str| !facts.shares_kernel || line.trim_start_matches('-').starts_with("net.");
    text.lines().filter(own).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{kubelet, sysctls, wish::tests::wish};

    fn container() -> MachineFacts {
        MachineFacts {
            cgroup_driver: CgroupDriverName::Cgroupfs,
            shares_kernel: true,
            resolver_configuration: "/etc/resolv.conf".into(),
        }
    }

    fn virtual_machine() -> MachineFacts {
        MachineFacts {
            cgroup_driver: CgroupDriverName::Systemd,
            shares_kernel: false,
            resolver_configuration: "/run/systemd/resolve/resolv.conf".into(),
        }
    }

    fn completed(facts: &MachineFacts) -> Value {
        let text = complete_kubelet(&kubelet::configuration(&wish()), facts).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_driver_follows_the_layout_of_control_groups() {
        assert_eq!(completed(&container())["cgroupDriver"], "cgroupfs");
        assert_eq!(completed(&virtual_machine())["cgroupDriver"], "systemd");
        assert_eq!(
            completed(&virtual_machine())["resolvConf"],
            "/run/systemd/resolve/resolv.conf"
        );
    }

    #[test]
    fn disks_of_a_host_throw_nothing_out() {
        let configuration = completed(&container());
        assert_eq!(configuration["evictionHard"]["nodefs.available"], "0%");
        assert_eq!(configuration["evictionHard"]["memory.available"], "100Mi");
        assert_eq!(configuration["imageGCHighThresholdPercent"], 100);
        assert_eq!(configuration["failSwapOn"], false);
        assert_eq!(completed(&virtual_machine())["evictionHard"]["nodefs.available"], "5%");
    }

    #[test]
    fn a_broken_configuration_is_an_error() {
        complete_kubelet("kind: KubeletConfiguration", &container()).unwrap_err();
    }

    #[test]
    fn the_kernel_of_a_host_is_left_alone() {
        let all = sysctls::sysctls(&BTreeMap::from([("net.core.rmem_max".into(), "1".into())]));
        assert_eq!(complete_sysctls(&all, &virtual_machine()), all);
        let own = complete_sysctls(&all, &container());
        assert!(own.lines().all(|line| line.starts_with("-net.")), "{own}");
        assert!(own.contains("-net.core.rmem_max = 1\n"), "{own}");
    }
}
