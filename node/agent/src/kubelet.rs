//! The kubelet's first contact: it gets the bootstrap token, and makes itself a certificate with it.
//!
//! Once the kubelet has credentials of its own, the token is removed from the machine.

use std::{io, time::Duration};

use lib_error_chain::ErrorChain;
use plan_node::{BOOTSTRAP_TOKEN, KUBELET_BOOTSTRAP_KUBECONFIG, KUBELET_KUBECONFIG};
use serde_json::json;

use crate::{files, identity::Identity, retry::Attempts};

/// The kubelet takes some seconds to its certificate.
const LOOK: Duration = Duration::from_secs(2);

/// Gives the kubelet the token, and takes it back when it is not needed any more; then it returns.
pub(crate) async fn introduce(identity: &Identity) {
    let mut attempts = Attempts::new(LOOK, LOOK);
    loop {
        match step(identity) {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                let error = ErrorChain(&error).to_string();
                if attempts.is_news(&error) {
                    tracing::warn!(%error, "failed to prepare the kubelet's first contact, will retry");
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether all is done.
fn step(identity: &Identity) -> io::Result<bool> {
    let at = |path: &str| identity.layout.at(path);
    if at(KUBELET_KUBECONFIG).exists() {
        files::remove(&at(KUBELET_BOOTSTRAP_KUBECONFIG))?;
        files::remove(&at(BOOTSTRAP_TOKEN))?;
        return Ok(true);
    }
    if let Some(token) = identity.token() {
        let kubeconfig = identity.kubeconfig(&json!({"token": token}));
        let path = at(KUBELET_BOOTSTRAP_KUBECONFIG);
        if !files::is_as(&path, 0o600, kubeconfig.as_bytes()) {
            files::replace(&path, 0o600, kubeconfig.as_bytes())?;
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lib_clock::SystemClock;

    use super::*;
    use crate::{configuration::Configuration, layout::Layout};

    #[test]
    fn the_token_is_given_and_taken_back() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::below(root.path());
        let identity = Identity {
            configuration: Arc::new(Configuration {
                machine: "machine".into(),
                server: "https://api.example.org".into(),
                ca_file: "/ca.crt".into(),
                secret: "secret".into(),
                health: None,
            }),
            layout: layout.clone(),
            clock: Arc::new(SystemClock),
        };
        assert!(!step(&identity).unwrap());
        let bootstrap = layout.at(KUBELET_BOOTSTRAP_KUBECONFIG);
        assert!(!bootstrap.exists());

        files::replace(&layout.at(BOOTSTRAP_TOKEN), 0o600, b"abcdef.0123456789abcdef\n").unwrap();
        assert!(!step(&identity).unwrap());
        let kubeconfig: serde_json::Value = serde_json::from_slice(&fs_err::read(&bootstrap).unwrap()).unwrap();
        assert_eq!(kubeconfig["users"][0]["user"]["token"], "abcdef.0123456789abcdef");
        assert_eq!(
            kubeconfig["clusters"][0]["cluster"]["server"],
            "https://api.example.org"
        );

        files::replace(&layout.at(KUBELET_KUBECONFIG), 0o600, b"{}").unwrap();
        assert!(step(&identity).unwrap());
        assert!(!bootstrap.exists() && !layout.at(BOOTSTRAP_TOKEN).exists());
    }
}
