//! A machine ever after: all that node-agent keeps as it is.

use api::{
    config::tunnel_client::{
        CA_FILE, CERTIFICATE_FILE, CONFIGURATION_FILE, KEY_FILE, LISTEN_ADDRESS, TunnelClientConfiguration,
    },
    extensions::v1alpha1::{File, OperatingSystemConfigPurpose, OperatingSystemConfigSpec, Unit},
};

use crate::{
    CONTAINERD_UNIT, HYPERKUBE_IN_IMAGE, KUBELET_BINARY, KUBELET_CLIENT_CA, KUBELET_CONFIGURATION, NodeWish,
    OWN_BINARY, OWN_BINARY_IN_IMAGE, SYSCTL_UNIT, SYSCTLS, TUNNEL_CLIENT_SYSUSERS, TUNNEL_CLIENT_UNIT,
    TUNNEL_CLIENT_USER, TUNNEL_CLIENT_USER_UNIT, kubelet,
    pieces::{node_agent_files, node_agent_unit, program, service, specification, text_file},
    sysctls::sysctls,
};

/// Where Debian's and others' tools find authorities added by hand.
const TRUSTED_CA: &str = "/usr/local/share/ca-certificates/shoot-worker.crt";
/// The unit that makes programs trust [`TRUSTED_CA`].
const TRUST_UNIT: &str = "update-local-ca-certificates.service";

/// The OperatingSystemConfig of purpose `reconcile`.
pub fn plan_original(wish: &NodeWish) -> OperatingSystemConfigSpec {
    let mut files = node_agent_files(wish);
    files.extend([
        program(KUBELET_BINARY, &wish.images.hyperkube, HYPERKUBE_IN_IMAGE),
        program(OWN_BINARY, &wish.images.kubeception, OWN_BINARY_IN_IMAGE),
        text_file(KUBELET_CONFIGURATION, 0o600, kubelet::configuration(wish)),
        text_file(KUBELET_CLIENT_CA, 0o644, wish.kubelet_client_ca_bundle.as_str()),
        text_file(SYSCTLS, 0o644, sysctls(&wish.sysctls)),
    ]);
    files.extend(tunnel_client_files(wish));
    let mut units = vec![
        service(SYSCTL_UNIT, None, &[SYSCTLS]),
        // node-agent writes its configuration from `criConfig`.
        service(CONTAINERD_UNIT, None, &[]),
        kubelet::unit(wish),
        tunnel_client_user_unit(),
        tunnel_client_unit(),
        node_agent_unit(),
    ];
    if let Some(bundle) = &wish.trusted_ca_bundle {
        files.push(text_file(TRUSTED_CA, 0o644, bundle.as_str()));
        units.push(trust_unit());
    }
    specification(wish, OperatingSystemConfigPurpose::Reconcile, files, units)
}

fn tunnel_client_files(wish: &NodeWish) -> [File; 3] {
    let configuration = TunnelClientConfiguration {
        gateway: wish.tunnel.gateway.clone(),
        server_names: wish.tunnel.server_names.clone(),
        certificate_authority_file: CA_FILE.to_owned(),
        certificate_file: CERTIFICATE_FILE.to_owned(),
        key_file: KEY_FILE.to_owned(),
        listen_address: LISTEN_ADDRESS.to_owned(),
        allowed_ranges: wish.tunnel.allowed_ranges.clone(),
    };
    // JSON is YAML, too. Serializing plain data does not fail; if it did, the client would say that its file is empty.
    let text = serde_json::to_string_pretty(&configuration).unwrap_or_default() + "\n";
    [
        text_file(CONFIGURATION_FILE, 0o644, text),
        text_file(CA_FILE, 0o644, wish.tunnel.ca_bundle.as_str()),
        text_file(
            TUNNEL_CLIENT_SYSUSERS,
            0o644,
            format!("u tunnel-client {TUNNEL_CLIENT_USER} \"Client of the tunnel\" /\n"),
        ),
    ]
}

/// Unprivileged: what reaches the machine through the tunnel is carried by a user that owns nothing but its certificate.
fn tunnel_client_unit() -> Unit {
    let content = format!(
        "\
[Unit]
Description=Carries the control plane's connections to this machine, and this machine's to the API server
# A reload of node-agent cuts nothing: this unit lives by itself.
After=network-online.target {TUNNEL_CLIENT_USER_UNIT}
Requires={TUNNEL_CLIENT_USER_UNIT}
StartLimitIntervalSec=0

[Service]
ExecStart={OWN_BINARY} tunnel-client --config={CONFIGURATION_FILE}
User={TUNNEL_CLIENT_USER}
Group={TUNNEL_CLIENT_USER}
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
Restart=always
RestartSec=1
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"
    );
    service(TUNNEL_CLIENT_UNIT, Some(content), &[OWN_BINARY, CONFIGURATION_FILE])
}

/// systemd looks users up, also those that are numbers, before it runs anything of a unit: a unit of its own makes this one.
fn tunnel_client_user_unit() -> Unit {
    let content = format!(
        "\
[Unit]
Description=Makes the user of the tunnel's client

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=systemd-sysusers {TUNNEL_CLIENT_SYSUSERS}

[Install]
WantedBy=multi-user.target
"
    );
    service(TUNNEL_CLIENT_USER_UNIT, Some(content), &[TUNNEL_CLIENT_SYSUSERS])
}

fn trust_unit() -> Unit {
    let content = format!(
        "\
[Unit]
Description=Trust the authorities in {TRUSTED_CA}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=update-ca-certificates --fresh

[Install]
WantedBy=multi-user.target
"
    );
    service(TRUST_UNIT, Some(content), &[TRUSTED_CA])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::wish::tests::{wish, yaml};

    #[test]
    fn ever_after_is_as_reviewed() {
        expect_test::expect_file!["../tests/golden/original.yaml"].assert_eq(&yaml(&plan_original(&wish())));
    }

    #[test]
    fn units_restart_for_files_that_exist() {
        let mut wish = wish();
        wish.trusted_ca_bundle = Some("bundle".into());
        let plan = plan_original(&wish);
        let paths: BTreeSet<&str> = plan.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths.len(), plan.files.len());
        for unit in &plan.units {
            for path in &unit.file_paths {
                assert!(paths.contains(path.as_str()), "{} waits for {path}", unit.name);
            }
        }
    }

    #[test]
    fn the_first_start_and_ever_after_agree() {
        let (init, original) = (crate::plan_init(&wish()), plan_original(&wish()));
        for file in &init.files {
            if let Some(same) = original.files.iter().find(|other| other.path == file.path) {
                assert_eq!(file, same);
            }
        }
        let unit = |units: &[Unit]| units.iter().find(|unit| unit.name == crate::NODE_AGENT_UNIT).cloned();
        assert_eq!(unit(&init.units), unit(&original.units));
        assert_eq!(init.cri_config, original.cri_config);
    }
}
