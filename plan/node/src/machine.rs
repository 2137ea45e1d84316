//! What only the machine itself knows, and what follows from it for files that were planned without knowing it.

use std::collections::BTreeMap;

use api::extensions::v1alpha1::CgroupDriverName;
use serde_json::{Value, json};

/// Memory and processors; `None`: not known, or without a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Time of processors, in thousandths of one.
    pub cpu_millis: Option<u64>,
}

/// What only the machine itself knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineFacts {
    /// Who makes control groups: systemd where the hierarchy is unified and thus systemd's, else every program for itself.
    pub cgroup_driver: CgroupDriverName,
    /// Whether it is a system container: kernel, swap and disks are those of its host, which others use, too.
    pub shares_kernel: bool,
    /// The file with the name servers that pods may use, which is not that of a stub on the machine itself.
    pub resolver_configuration: String,
    /// What its kernel has: in a system container the host's, which the kubelet takes for the machine's.
    pub kernel: Resources,
    /// What the machine's own control group lets it use of that.
    pub limits: Resources,
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
        if let Some(reserved) = beyond_limits(facts) {
            default("systemReserved", reserved);
        }
        // Swap is the host's, and nothing here can switch it off.
        configuration["failSwapOn"] = json!(false);
        leave_disks_to_the_host(&mut configuration);
    }
    Ok(serde_json::to_string_pretty(&configuration)? + "\n")
}

/// What the kernel has beyond the machine's limits. The kubelet subtracts it from what it announces and from what pods may use
/// together; it makes no control group for it, as `enforceNodeAllocatable` is left at pods.
fn beyond_limits(facts: &MachineFacts) -> Option<Value> {
    let (kernel, limits) = (&facts.kernel, &facts.limits);
    let beyond = |all: Option<u64>, limit: Option<u64>| all?.checked_sub(limit?).filter(|beyond| *beyond > 0);
    let cpu = beyond(kernel.cpu_millis, limits.cpu_millis).map(|millis| ("cpu", format!("{millis}m")));
    let memory = beyond(kernel.memory, limits.memory).map(|bytes| ("memory", bytes.to_string()));
    let reserved: BTreeMap<&str, String> = [cpu, memory].into_iter().flatten().collect();
    (!reserved.is_empty()).then(|| json!(reserved))
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
    use super::*;
    use crate::{kubelet, sysctls, wish::tests::wish};

    fn container() -> MachineFacts {
        MachineFacts {
            cgroup_driver: CgroupDriverName::Cgroupfs,
            shares_kernel: true,
            resolver_configuration: "/etc/resolv.conf".into(),
            kernel: resources(16 << 30, 8000),
            limits: Resources::default(),
        }
    }

    fn resources(memory: u64, cpu_millis: u64) -> Resources {
        Resources {
            memory: Some(memory),
            cpu_millis: Some(cpu_millis),
        }
    }

    fn virtual_machine() -> MachineFacts {
        MachineFacts {
            cgroup_driver: CgroupDriverName::Systemd,
            shares_kernel: false,
            resolver_configuration: "/run/systemd/resolve/resolv.conf".into(),
            kernel: Resources::default(),
            limits: Resources::default(),
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

    #[track_caller]
    fn check_reserved(facts: MachineFacts, limits: Resources, reserved: Option<&Value>) {
        let configuration = completed(&MachineFacts { limits, ..facts });
        assert_eq!(configuration.get("systemReserved"), reserved);
        assert!(configuration.get("enforceNodeAllocatable").is_none());
    }

    #[test]
    fn what_the_host_has_beyond_the_limits_is_not_for_pods() {
        let both = json!({"cpu": "6500m", "memory": "15032385536"});
        check_reserved(container(), resources(2 << 30, 1500), Some(&both));
        let memory_only = Resources {
            memory: Some(2 << 30),
            cpu_millis: None,
        };
        let reserved = json!({"memory": "15032385536"});
        check_reserved(container(), memory_only, Some(&reserved));
    }

    #[test]
    fn without_a_limit_that_binds_nothing_is_reserved() {
        check_reserved(container(), Resources::default(), None);
        // Version 1 writes no limit as the largest number of pages; and a flavor may be larger than its host.
        check_reserved(container(), resources(0x7fff_ffff_ffff_f000, 16_000), None);
        check_reserved(container(), resources(16 << 30, 8000), None);
        let unknown = MachineFacts {
            kernel: Resources::default(),
            ..container()
        };
        check_reserved(unknown, resources(2 << 30, 1500), None);
        let virtual_machine = MachineFacts {
            kernel: resources(16 << 30, 8000),
            ..virtual_machine()
        };
        check_reserved(virtual_machine, resources(2 << 30, 1500), None);
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
