//! The seed machine's user data: one script that writes files and starts services.
//!
//! Pure: what the machine becomes is decided here and can be read in a golden file.

use std::fmt::Write;

use landscape_upstream::KUBERNETES;
use plan_images::{ImageNotFound, ImageVector};

use super::configuration::{
    CgroupVersion, MANIFESTS, REGISTRIES, SECRETS, containerd, kubelet, kubelet_unit, masquerade, masquerade_unit,
    network, registries,
};
use super::control_plane::static_pods;
use super::names::Domain;
use super::pki::{CA_CLIENT, KUBELET, KUBELET_SERVER, SeedPki};

/// Ends an embedded file: no file of ours has such a line.
const END: &str = "KUBECEPTION_END_OF_FILE";

/// Where units of the machine's administrator lie.
const UNITS: &str = "/etc/systemd/system";

/// What starts with the machine.
const SERVICES: [&str; 3] = ["containerd.service", "kubelet.service", "pod-masquerade.service"];

/// How long the machine waits for its image to appear in the registry: it may boot before the image is pushed.
const PULL_SECONDS: u32 = 300;

/// What the seed's machine is made of.
#[derive(Clone, Copy)]
pub struct SeedMachine<'a> {
    /// The landscape's zone.
    pub domain: &'a Domain,
    /// The image vector.
    pub images: &'a ImageVector,
    /// Certificates and keys.
    pub pki: &'a SeedPki,
    /// The host's layout of control groups.
    pub cgroups: CgroupVersion,
}

/// The machine cannot be described.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The image vector lacks an image.
    #[error("failed to find an image of the seed")]
    Image(#[from] ImageNotFound),
    /// A pod cannot be written down.
    #[error("failed to write a static pod")]
    Pod(#[from] serde_json::Error),
}

/// The script of the seed's first boot.
pub fn user_data(machine: &SeedMachine<'_>) -> Result<String, SeedError> {
    let pods = static_pods(machine.domain, machine.images, KUBERNETES.version)?;
    let mut script = String::from(
        "#!/bin/sh\n# Turns this machine into the seed: files first, then services. It may run again after an interruption.\nset -eu\n",
    );
    let sandbox = machine.images.find("pause", None)?.to_string();
    write_file(
        &mut script,
        "/etc/containerd/config.toml",
        0o644,
        &containerd(&sandbox, machine.cgroups),
    );
    for (path, content) in registries(machine.domain) {
        write_file(&mut script, &path, 0o644, &content);
    }
    script.push_str("systemctl start --no-block containerd.service\n\n");

    for (path, content) in secret_files(machine.pki) {
        write_file(&mut script, &path, 0o600, content);
    }
    for file in &pods.files {
        let secret = file.secret.as_ref().map(|(secret, key)| machine.pki.file(secret, key));
        let content = file.content.as_deref().or(secret).unwrap_or_default();
        write_file(&mut script, &format!("{SECRETS}/{}", file.path), 0o600, content);
    }
    for pod in &pods.pods {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        write_file(
            &mut script,
            &format!("{MANIFESTS}/{name}.json"),
            0o600,
            &serde_json::to_string(pod)?,
        );
    }
    write_file(&mut script, "/etc/cni/net.d/10-pods.conflist", 0o644, &network());
    write_file(&mut script, "/etc/kubernetes/masquerade.nft", 0o644, &masquerade());
    write_file(
        &mut script,
        "/etc/kubernetes/kubelet.json",
        0o644,
        &kubelet(machine.cgroups),
    );
    write_file(
        &mut script,
        &format!("{UNITS}/pod-masquerade.service"),
        0o644,
        &masquerade_unit(),
    );
    write_file(&mut script, &format!("{UNITS}/kubelet.service"), 0o644, &kubelet_unit());

    let kubernetes = machine.images.find("hyperkube", Some(KUBERNETES.version))?.to_string();
    script.push_str(&start_services(&kubernetes, &sandbox));
    Ok(script)
}

/// What the kubelet itself reads; the pods' files are the planner's to name.
fn secret_files(pki: &SeedPki) -> Vec<(String, &str)> {
    let file = |secret: &str, key: &str| (format!("{SECRETS}/{secret}/{key}"), (secret.to_owned(), key.to_owned()));
    [
        file(CA_CLIENT, "bundle.crt"),
        file(KUBELET_SERVER, "tls.crt"),
        file(KUBELET_SERVER, "tls.key"),
        file(KUBELET, "kubeconfig"),
    ]
    .into_iter()
    .map(|(path, (secret, key))| (path, pki.file(&secret, &key)))
    .collect()
}

fn write_file(script: &mut String, path: &str, mode: u32, content: &str) {
    let directory = path.rsplit_once('/').map_or("/", |(directory, _)| directory);
    let newline = if content.ends_with('\n') { "" } else { "\n" };
    // Writing to a string cannot fail.
    let _ = write!(
        script,
        "mkdir -p {directory}\n(umask 077; cat >{path} <<'{END}'\n{content}{newline}{END}\n)\nchmod {mode:04o} {path}\n\n"
    );
}

fn start_services(kubernetes_image: &str, sandbox_image: &str) -> String {
    let enable = SERVICES
        .iter()
        .map(|service| format!("ln -sf ../{service} {UNITS}/multi-user.target.wants/{service}\n"));
    let enable: String = enable.collect();
    format!(
        "\
# Links in place of `systemctl enable`, which would read all units anew for each.
mkdir -p {UNITS}/multi-user.target.wants
{enable}systemctl daemon-reload
systemctl start pod-masquerade.service

# Images are pushed while machines boot: they may come a little later than this.
export CONTAINERD_NAMESPACE=k8s.io
deadline=$(($(date +%s) + {PULL_SECONDS}))
pull() {{
    log=$(mktemp)
    until ctr images pull --local --print-chainid --hosts-dir {REGISTRIES} \"$1\" 2>\"$log\"; do
        if [ \"$(date +%s)\" -ge \"$deadline\" ]; then
            cat \"$log\" >&2
            return 1
        fi
        sleep 0.1
    done
    rm \"$log\"
}}
pulled=$(pull {kubernetes_image})
pull {sandbox_image} >/dev/null &

# kubelet and kubectl are taken out of the image that the pods run.
snapshot=kubernetes-programs
layers=$(printf '%s\\n' \"$pulled\" | sed -n 's/^image chain ID: //p')
root=$(mktemp -d)
ctr snapshots rm \"$snapshot\" 2>/dev/null || true
eval \"$(ctr snapshots view --target \"$root\" \"$snapshot\" \"$layers\" 2>/dev/null)\"
cp \"$root/usr/local/bin/hyperkube\" /usr/local/bin/hyperkube.partial
umount \"$root\"
# containerd may have collected it already: nothing refers to it.
ctr snapshots rm \"$snapshot\" 2>/dev/null || true
mv /usr/local/bin/hyperkube.partial /usr/local/bin/hyperkube
ln -sf hyperkube /usr/local/bin/kubelet
ln -sf hyperkube /usr/local/bin/kubectl
systemctl start --no-block kubelet.service
wait
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(cgroups: CgroupVersion) -> String {
        let domain = Domain::of("test");
        let images = ImageVector::embedded().unwrap();
        let pki = SeedPki::placeholders();
        user_data(&SeedMachine {
            domain: &domain,
            images: &images,
            pki: &pki,
            cgroups,
        })
        .unwrap()
    }

    #[test]
    fn the_script_is_as_reviewed() {
        expect_test::expect_file!["../../tests/golden/seed-user-data.sh"].assert_eq(&script(CgroupVersion::Two));
    }

    #[test]
    fn only_the_cgroup_driver_depends_on_the_host() {
        let (one, two) = (script(CgroupVersion::One), script(CgroupVersion::Two));
        let different: Vec<(&str, &str)> = one.lines().zip(two.lines()).filter(|(one, two)| one != two).collect();
        assert_eq!(different.len(), 2, "{different:?}");
        assert!(different[0].0.contains("SystemdCgroup = false"));
        assert!(different[1].0.contains(r#""cgroupDriver":"cgroupfs""#));
    }

    #[test]
    fn a_shell_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("user-data.sh");
        fs_err::write(&path, script(CgroupVersion::Two)).unwrap();
        let status = std::process::Command::new("sh").arg("-n").arg(&path).status().unwrap();
        assert!(status.success());
    }

    #[test]
    fn every_file_of_a_static_pod_has_content() {
        let images = ImageVector::embedded().unwrap();
        let pki = SeedPki::placeholders();
        for file in static_pods(&Domain::of("test"), &images, KUBERNETES.version)
            .unwrap()
            .files
        {
            if let Some((secret, key)) = &file.secret {
                assert!(
                    !pki.file(secret, key).is_empty(),
                    "nothing for {} ({secret}, {key})",
                    file.path
                );
            }
        }
    }

    #[test]
    fn no_two_files_lie_at_one_path() {
        let images = ImageVector::embedded().unwrap();
        let files = static_pods(&Domain::of("test"), &images, KUBERNETES.version)
            .unwrap()
            .files;
        let mut paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        paths.dedup();
        assert_eq!(paths.len(), files.len(), "{paths:?}");
    }
}
