//! Certificates, read again when they change: node-agent renews them in place.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use lib_error_chain::ErrorChain;
use lib_tunnel::{ALPN_API_SERVER, ALPN_TUNNEL, TlsError, client_config};
use parking_lot::Mutex;
use tokio_rustls::TlsConnector;

use crate::Settings;

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    /// A file is not there: node-agent has not written it yet.
    #[error("failed to read {path}")]
    Read { path: PathBuf, source: io::Error },
    /// The files don't go together: one of them is being renewed.
    #[error("failed to use the certificates")]
    Tls(#[from] TlsError),
}

/// What the files said, and what was made of it.
#[derive(Debug)]
pub(crate) struct Loaded {
    certificate: Vec<u8>,
    key: Vec<u8>,
    authority: Vec<u8>,
    pub(crate) tunnel: Connector,
    pub(crate) api_server: Connector,
}

/// A connector that can be printed: without its keys.
#[derive(Clone)]
pub(crate) struct Connector(pub(crate) TlsConnector);

impl std::fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connector").finish_non_exhaustive()
    }
}

/// The files, and what they said last.
#[derive(Debug)]
pub(crate) struct Credentials {
    certificate_file: PathBuf,
    key_file: PathBuf,
    authority_file: PathBuf,
    current: Mutex<Option<Arc<Loaded>>>,
}

impl Credentials {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            certificate_file: settings.certificate_file.clone(),
            key_file: settings.key_file.clone(),
            authority_file: settings.authority_file.clone(),
            current: Mutex::default(),
        }
    }

    /// What the files say now. While they can't be used, what they said before.
    pub(crate) async fn load(&self) -> Result<Arc<Loaded>, CredentialsError> {
        let read = self.read().await;
        let current = self.current.lock().clone();
        match (read, current) {
            (Ok(loaded), _) => Ok(loaded),
            (Err(error), Some(current)) => {
                tracing::debug!(error = %ErrorChain(&error), "the certificates can't be used, the old ones go on");
                Ok(current)
            }
            (Err(error), None) => Err(error),
        }
    }

    async fn read(&self) -> Result<Arc<Loaded>, CredentialsError> {
        let (certificate, key, authority) = tokio::try_join!(
            read(&self.certificate_file),
            read(&self.key_file),
            read(&self.authority_file)
        )?;
        let mut current = self.current.lock();
        if let Some(known) = current.as_ref()
            && (&known.certificate, &known.key, &known.authority) == (&certificate, &key, &authority)
        {
            return Ok(Arc::clone(known));
        }
        let connector = |protocol| {
            let config = client_config(&certificate, &key, &authority, protocol)?;
            Ok::<_, TlsError>(Connector(TlsConnector::from(Arc::new(config))))
        };
        let (tunnel, api_server) = (connector(ALPN_TUNNEL)?, connector(ALPN_API_SERVER)?);
        let loaded = Arc::new(Loaded {
            certificate,
            key,
            authority,
            tunnel,
            api_server,
        });
        *current = Some(Arc::clone(&loaded));
        Ok(loaded)
    }

    /// Waits until the files say something else than `used`, looking every `interval`.
    pub(crate) async fn changed(&self, used: &Arc<Loaded>, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            if let Ok(loaded) = self.load().await
                && !Arc::ptr_eq(&loaded, used)
            {
                return;
            }
        }
    }
}

async fn read(path: &PathBuf) -> Result<Vec<u8>, CredentialsError> {
    tokio::fs::read(path).await.map_err(|source| CredentialsError::Read {
        path: path.clone(),
        source,
    })
}
