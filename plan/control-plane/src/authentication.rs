//! The AuthenticationConfiguration: requests without credentials may ask for health, and for nothing else.

use sha2::{Digest, Sha256};

/// Name of the file in its ConfigMap.
pub(crate) const FILE: &str = "config.yaml";

/// Health is asked for by kubelets and load balancers, which have no credentials.
const HEALTH_PATHS: [&str; 3] = ["/healthz", "/livez", "/readyz"];

/// The configuration; with `anonymous` every path may be asked for, and authorization decides.
pub(crate) fn configuration(anonymous: bool) -> String {
    let mut text =
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nanonymous:\n  enabled: true\n"
            .to_owned();
    if !anonymous {
        text.push_str("  conditions:\n");
        HEALTH_PATHS
            .iter()
            .for_each(|path| text.push_str(&format!("  - path: {path}\n")));
    }
    text
}

/// A checksum that changes with a file: in a pod's annotations it makes new pods.
pub(crate) fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
