//! The webhook's certificate, kept in a Secret from which gardenlet takes the authority for shoots' API servers.
//!
//! Made when it is missing or of no use, and renewed long before it ends; the authority stays, so that nobody who trusts it
//! must be told.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use lib_pki::{CertificateAuthority, CertificateInfo, CertificateRequest};
use parking_lot::RwLock;
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_util::sync::CancellationToken;

use super::Error;

/// Name of the Secret; its keys are `ca.crt`, `ca.key`, `tls.crt`, `tls.key`.
pub const SECRET_NAME: &str = "gardener-resource-manager-server";
const AUTHORITY: &str = "ca.crt";
const AUTHORITY_KEY: &str = "ca.key";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

const AUTHORITY_VALIDITY: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
const VALIDITY: Duration = Duration::from_secs(90 * 24 * 3600);
/// Another one is made when this share of its life is left.
const LEFT: f64 = 0.3;
/// How often the Secret is looked at.
const PERIOD: Duration = Duration::from_secs(600);
const RETRY: Duration = Duration::from_secs(5);
const REQUEST_DEADLINE: Duration = Duration::from_secs(15);

/// The certificate of the day; clones share it.
#[derive(Clone)]
pub struct ServingCertificate {
    client: Client,
    namespace: String,
    clock: Arc<dyn Clock>,
    current: Arc<RwLock<Option<Arc<CertifiedKey>>>>,
}

impl std::fmt::Debug for ServingCertificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ServingCertificate").finish_non_exhaustive()
    }
}

impl ServingCertificate {
    /// The certificate kept in a namespace of the seed; there is none until it is looked for.
    pub fn new(client: Client, namespace: &str, clock: Arc<dyn Clock>) -> Self {
        let namespace = namespace.to_owned();
        Self {
            client,
            namespace,
            clock,
            current: Arc::default(),
        }
    }

    /// Keeps the certificate usable until `shutdown`; `usable` is told whether it is.
    pub async fn run(self, usable: impl Fn(bool), shutdown: CancellationToken) {
        loop {
            let pause = match self.refresh().await {
                Ok(()) => PERIOD,
                Err(error) => {
                    tracing::warn!(error = %ErrorChain(&error), "can't keep the serving certificate, will retry");
                    RETRY
                }
            };
            usable(self.current.read().is_some());
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Makes the certificate if that is needed, and serves what the Secret holds.
    pub async fn refresh(&self) -> Result<(), Error> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let found = self.within("read", secrets.get_opt(SECRET_NAME)).await?;
        let held = found.as_ref().map(texts).unwrap_or_default();
        let data = match self.renewed(&held)? {
            None => held,
            Some(data) => {
                self.store(&secrets, found, &data).await?;
                tracing::info!("made a new serving certificate");
                data
            }
        };
        let pair = certified_key(&data)?;
        *self.current.write() = Some(pair);
        Ok(())
    }

    async fn store(&self, secrets: &Api<Secret>, found: Option<Secret>, data: &Texts) -> Result<(), Error> {
        let data = data
            .iter()
            .map(|(key, text)| (key.clone(), ByteString(text.clone().into_bytes())));
        let data = Some(data.collect());
        let parameters = PostParams::default();
        match found {
            // With the version that was read: another replica's certificate is not overwritten.
            Some(mut secret) => {
                secret.data = data;
                let written = secrets.replace(SECRET_NAME, &parameters, &secret);
                self.within("renew", written).await.map(|_| ())
            }
            None => {
                let metadata = ObjectMeta {
                    name: Some(SECRET_NAME.to_owned()),
                    ..ObjectMeta::default()
                };
                let secret = Secret {
                    metadata,
                    data,
                    ..Secret::default()
                };
                self.within("create", secrets.create(&parameters, &secret))
                    .await
                    .map(|_| ())
            }
        }
    }

    /// What the Secret shall hold; `None` if that is what it holds.
    fn renewed(&self, held: &Texts) -> Result<Option<Texts>, Error> {
        let now = self.clock.now();
        let text = |key: &str| held.get(key).map(String::as_str).unwrap_or_default();
        let authority = CertificateAuthority::from_pem(text(AUTHORITY), text(AUTHORITY_KEY));
        let authority = authority.ok().filter(|authority| !authority.info().is_due(now, LEFT));
        let is_new = authority.is_none();
        let authority = match authority {
            Some(authority) => authority,
            None => CertificateAuthority::generate("gardener-resource-manager", AUTHORITY_VALIDITY, &*self.clock)?,
        };
        let names = self.names();
        let is_good = CertificateInfo::from_pem(text(CERTIFICATE))
            .is_ok_and(|info| info.dns_names == names && !info.is_due(now, LEFT));
        if is_good && !is_new && certified_key(held).is_ok() {
            return Ok(None);
        }
        let request = CertificateRequest::server("gardener-resource-manager", names, Vec::new(), VALIDITY);
        let issued = authority.issue(&request, &*self.clock)?;
        let data = [
            (AUTHORITY, authority.certificate_pem().to_owned()),
            (AUTHORITY_KEY, authority.private_key().to_pem()),
            (CERTIFICATE, issued.certificate_pem),
            (KEY, issued.private_key.to_pem()),
        ];
        Ok(Some(data.map(|(key, text)| (key.to_owned(), text)).into()))
    }

    /// Names of the Service that leads here.
    fn names(&self) -> Vec<String> {
        let service = api::constants::DEPLOYMENT_GARDENER_RESOURCE_MANAGER;
        let short = format!("{service}.{}", self.namespace);
        vec![
            service.to_owned(),
            short.clone(),
            format!("{short}.svc"),
            format!("{short}.svc.cluster.local"),
        ]
    }

    async fn within<T>(
        &self,
        action: &'static str,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, Error> {
        let answer = tokio::time::timeout(REQUEST_DEADLINE, request).await;
        answer
            .map_err(|_| Error::Deadline(action))?
            .map_err(|source| Error::Secret {
                action,
                namespace: self.namespace.clone(),
                source: Box::new(source),
            })
    }
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.read().clone()
    }
}

/// The Secret's values.
type Texts = BTreeMap<String, String>;

fn texts(secret: &Secret) -> Texts {
    let data = secret.data.iter().flatten();
    data.map(|(key, value)| (key.clone(), String::from_utf8_lossy(&value.0).into_owned()))
        .collect()
}

fn certified_key(data: &Texts) -> Result<Arc<CertifiedKey>, Error> {
    let text = |key: &str| data.get(key).map(String::as_bytes).unwrap_or_default();
    let chain = CertificateDer::pem_slice_iter(text(CERTIFICATE)).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(text(KEY))?;
    let provider = rustls::crypto::ring::default_provider();
    Ok(Arc::new(CertifiedKey::from_der(chain, key, &provider)?))
}
