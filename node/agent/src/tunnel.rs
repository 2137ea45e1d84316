//! The certificate of the tunnel's client: asked for by us, used by another user, who reads it again when it changes.

use std::{io, path::Path, time::Duration};

use api::{
    config::tunnel_client::{CERTIFICATE_FILE, KEY_FILE},
    constants::{TUNNEL_USER_PREFIX, TUNNELS_GROUP},
};
use kube::Client;
use lib_error_chain::ErrorChain;
use plan_node::TUNNEL_CLIENT_USER;

use crate::{
    certificate::{self, CertificateError, Credentials, Subject, Worth},
    files,
    identity::Identity,
    retry::Attempts,
};

/// The certificate is looked at this often; it lives for days. Somebody may have removed it.
const LOOK: Duration = Duration::from_secs(30);
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Why the tunnel's client has no certificate.
#[derive(Debug, thiserror::Error)]
enum TunnelError {
    /// It is not to be had.
    #[error("failed to get the certificate of the tunnel's client")]
    Certificate(#[from] CertificateError),
    /// It cannot be written.
    #[error("failed to write the certificate of the tunnel's client")]
    Write(#[from] io::Error),
}

/// Keeps the certificate until it is dropped.
pub(crate) async fn keep_certificate(client: &Client, identity: &Identity) {
    let subject = Subject {
        purpose: "tunnel-client",
        user: format!("{TUNNEL_USER_PREFIX}{}", identity.configuration.machine),
        group: TUNNELS_GROUP,
    };
    let mut attempts = Attempts::new(FIRST_WAIT, LOOK);
    loop {
        let wait = match ensure(client, identity, &subject).await {
            Ok(()) => {
                attempts.succeeded();
                LOOK
            }
            Err(error) => {
                let error = ErrorChain(&error).to_string();
                if attempts.is_news(&error) {
                    tracing::warn!(%error, "will retry");
                }
                attempts.failed()
            }
        };
        tokio::time::sleep(wait).await;
    }
}

async fn ensure(client: &Client, identity: &Identity, subject: &Subject) -> Result<(), TunnelError> {
    let read = |path: &str| fs_err::read_to_string(identity.layout.at(path)).unwrap_or_default();
    let worth = certificate::worth(&read(CERTIFICATE_FILE), &read(KEY_FILE), subject, &*identity.clock);
    if worth == Worth::Good {
        return Ok(());
    }
    let credentials = certificate::request(client, subject, &identity.configuration.machine, &identity.layout).await?;
    write(identity, &credentials)?;
    certificate::settle(subject, &identity.layout);
    tracing::info!("the tunnel's client has a new certificate");
    Ok(())
}

/// First the key, then the certificate: whoever is killed in between finds that they do not belong together, and begins again with
/// the pending key, whose certificate is there.
fn write(identity: &Identity, credentials: &Credentials) -> io::Result<()> {
    let key = credentials.key.to_pem();
    for (path, content) in [(KEY_FILE, &key), (CERTIFICATE_FILE, &credentials.certificate)] {
        let path = identity.layout.at(path);
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
            give(folder)?;
        }
        let staged = path.with_extension("staged");
        files::replace(&staged, 0o600, content.as_bytes())?;
        // Before it is in its place: the client may look at any moment.
        give(&staged)?;
        fs_err::rename(staged, path)?;
    }
    Ok(())
}

/// Gives a file to the tunnel's client. Only root can; in a test nobody is there to give it to.
fn give(path: &Path) -> io::Result<()> {
    if !nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let (user, group) = (TUNNEL_CLIENT_USER.into(), TUNNEL_CLIENT_USER.into());
    Ok(nix::unistd::chown(path, Some(user), Some(group))?)
}
