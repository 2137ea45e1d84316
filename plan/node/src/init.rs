//! A machine's first start: what its user data brings, which ends with node-agent running.

use api::{
    constants::{PLACEHOLDER_BOOTSTRAP_TOKEN, PLACEHOLDER_MACHINE_NAME},
    extensions::v1alpha1::{CgroupDriverName, OperatingSystemConfigPurpose, OperatingSystemConfigSpec, Unit},
};

use crate::{
    BINARY_FOLDER, BOOTSTRAP_TOKEN, CONTAINERD_CONFIGURATION, CONTAINERD_REGISTRIES, CONTAINERD_UNIT, INIT_SCRIPT,
    MACHINE_NAME, NODE_INIT_UNIT, NodeWish, OWN_BINARY, OWN_BINARY_IN_IMAGE,
    containerd::{configuration, registry_files},
    pieces::{containerd_config, node_agent_files, node_agent_unit, service, specification, text_file},
};

/// Where both variants of containerd's configuration wait for the script to choose one.
const CONTAINERD_TEMPLATE: &str = "/var/lib/gardener-node-agent/containerd";

/// How long one image may take, as with node-agent itself: a registry may accept and never answer.
const PULL_SECONDS: u32 = 600;

/// The OperatingSystemConfig of purpose `provision`.
pub fn plan_init(wish: &NodeWish) -> OperatingSystemConfigSpec {
    let settings = containerd_config(wish);
    let mut files = node_agent_files(wish);
    let mut per_machine = |path: &str, mode: u32, placeholder: &str| {
        let mut file = text_file(path, mode, format!("{placeholder}\n"));
        // The placeholder must still be readable where it is replaced.
        file.content.transmit_unencoded = Some(true);
        files.push(file);
    };
    per_machine(BOOTSTRAP_TOKEN, 0o600, PLACEHOLDER_BOOTSTRAP_TOKEN);
    per_machine(MACHINE_NAME, 0o644, PLACEHOLDER_MACHINE_NAME);
    for driver in [CgroupDriverName::Cgroupfs, CgroupDriverName::Systemd] {
        let path = format!("{CONTAINERD_TEMPLATE}-{}.toml", driver_name(&driver));
        files.push(text_file(&path, 0o644, configuration(&settings, &driver)));
    }
    for (path, text) in registry_files(&settings) {
        files.push(text_file(&path, 0o644, text));
    }
    files.push(text_file(INIT_SCRIPT, 0o755, script(wish)));
    let units = vec![init_unit(), node_agent_unit()];
    specification(wish, OperatingSystemConfigPurpose::Provision, files, units)
}

fn driver_name(driver: &CgroupDriverName) -> &str {
    match driver {
        CgroupDriverName::Cgroupfs => "cgroupfs",
        CgroupDriverName::Systemd => "systemd",
        CgroupDriverName::Other(name) => name,
    }
}

fn init_unit() -> Unit {
    let content = format!(
        "\
[Unit]
Description=Starts containerd and fetches node-agent
ConditionPathExists=!{OWN_BINARY}
After=network-online.target dbus.socket
StartLimitIntervalSec=0

[Service]
Type=oneshot
# What is fetched ahead goes on after the script's end.
RemainAfterExit=yes
ExecStart={INIT_SCRIPT}
Restart=on-failure
RestartSec=1
TimeoutStartSec=infinity
StandardOutput=journal+console
StandardError=journal+console
SyslogLevel=warning

[Install]
WantedBy=multi-user.target
"
    );
    service(NODE_INIT_UNIT, Some(content), &[])
}

/// Images may come later than the machine, or the network: the script asks until it has what it needs, and says what it waits for.
fn script(wish: &NodeWish) -> String {
    let own = &wish.images.kubeception;
    let ahead = format!("{} {}", wish.images.hyperkube, wish.images.pause);
    format!(
        "\
#!/bin/sh
# Starts containerd and fetches node-agent, which does all the rest. It may run again after an interruption.
set -eu

driver=cgroupfs
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    driver=systemd
fi
cp {CONTAINERD_TEMPLATE}-$driver.toml {CONTAINERD_CONFIGURATION}.partial
mv {CONTAINERD_CONFIGURATION}.partial {CONTAINERD_CONFIGURATION}
systemctl enable --no-reload {CONTAINERD_UNIT}
# One that runs already may have started with another configuration.
systemctl restart {CONTAINERD_UNIT}

export CONTAINERD_NAMESPACE=k8s.io
said=
log=$(mktemp)
# Says what the image's unpacked layers are.
pull() {{
    until out=$(timeout {PULL_SECONDS} ctr images pull --local --print-chainid --hosts-dir {CONTAINERD_REGISTRIES} \"$1\" 2>\"$log\"); do
        # What timeout ends says nothing itself; this is rare enough to be said each time.
        if [ $? -eq 124 ]; then
            echo \"gave up after {PULL_SECONDS} s\" >>\"$log\"
            said=
        fi
        # The last line says why; the same is not said again and again.
        error=$(tail -n 1 \"$log\")
        if [ \"$said\" != \"$error\" ]; then
            echo \"cannot pull $1 yet, will retry: $error\" >&2
            said=$error
        fi
        sleep 0.5
    done
    printf '%s\\n' \"$out\" | sed -n 's/^image chain ID: //p'
}}
layers=$(pull {own})

# The program is taken out of the image by a view of its snapshot.
root=$(mktemp -d)
ctr snapshots rm node-init 2>/dev/null || true
eval \"$(ctr snapshots view --target \"$root\" node-init \"$layers\" 2>/dev/null)\"
mkdir -p {BINARY_FOLDER}
cp \"$root{OWN_BINARY_IN_IMAGE}\" {OWN_BINARY}.partial
umount \"$root\"
# containerd may have collected it already: nothing refers to it.
ctr snapshots rm node-init 2>/dev/null || true
mv {OWN_BINARY}.partial {OWN_BINARY}
echo \"node-agent is here\"

# What node-agent will ask for next, while it introduces itself to the cluster.
for image in {ahead}; do
    timeout {PULL_SECONDS} ctr images pull --local --hosts-dir {CONTAINERD_REGISTRIES} \"$image\" >/dev/null 2>&1 &
done
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wish::tests::{wish, yaml};

    #[test]
    fn the_first_start_is_as_reviewed() {
        expect_test::expect_file!["../tests/golden/init.yaml"].assert_eq(&yaml(&plan_init(&wish())));
    }

    #[test]
    fn a_shell_can_read_the_script() {
        let output = std::process::Command::new("sh")
            .args(["-n", "-c", &script(&wish())])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    #[test]
    fn each_placeholder_is_there_once_and_readable() {
        let files = plan_init(&wish()).files;
        for placeholder in [PLACEHOLDER_BOOTSTRAP_TOKEN, PLACEHOLDER_MACHINE_NAME] {
            let with = files.iter().filter(|file| {
                let inline = file.content.inline.as_ref();
                inline.is_some_and(|inline| inline.data.contains(placeholder))
            });
            let with: Vec<_> = with.collect();
            assert_eq!(with.len(), 1);
            assert_eq!(with[0].content.transmit_unencoded, Some(true));
        }
    }
}
