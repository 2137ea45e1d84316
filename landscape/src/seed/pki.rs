//! Certificates and keys of the seed, made once and kept with the landscape's state.
//!
//! They are held the way a secrets manager in a cluster would hold them: by Secret, and in it by key; so that the planner of control
//! planes finds what it expects.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use fs_err::os::unix::fs::OpenOptionsExt;
use lib_clock::Clock;
use lib_pki::{CertificateAuthority, CertificateRequest, PrivateKey, Usage};
use serde::{Deserialize, Serialize};

use super::kubeconfig::{ClientCertificate, Kubeconfig};
use super::names::{API_SERVICE, CLUSTER_DOMAIN, Domain, MACHINE, MACHINE_ADDRESS};

/// A landscape is made to be thrown away: its certificates outlive it.
const VALIDITY: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// The name by which kubelets know kube-apiserver.
pub(crate) const KUBELET_CLIENT: &str = "system:kube-apiserver:kubelet";

/// Where components of the machine itself reach the API server.
const LOCAL_API: &str = "https://127.0.0.1:6443";

pub(crate) const CA: &str = "ca";
pub(crate) const CA_CLIENT: &str = "ca-client";
pub(crate) const CA_ETCD: &str = "ca-etcd";
pub(crate) const CA_FRONT_PROXY: &str = "ca-front-proxy";
pub(crate) const CA_KUBELET: &str = "ca-kubelet";
pub(crate) const SERVER: &str = "kube-apiserver";
pub(crate) const ETCD_SERVER: &str = "etcd-server";
pub(crate) const ETCD_CLIENT: &str = "etcd-client";
pub(crate) const AGGREGATOR: &str = "kube-aggregator";
pub(crate) const API_KUBELET: &str = "kube-apiserver-kubelet";
pub(crate) const KUBELET_SERVER: &str = "kubelet-server";
pub(crate) const SERVICE_ACCOUNT_KEY: &str = "service-account-key";
pub(crate) const ENCRYPTION: &str = "kube-apiserver-etcd-encryption-configuration";
pub(crate) const CONTROLLER_MANAGER: &str = "kube-controller-manager";
pub(crate) const SCHEDULER: &str = "kube-scheduler";
pub(crate) const KUBELET: &str = "kubelet";
const ADMINISTRATOR: &str = "administrator";

/// Certificates, keys and kubeconfigs: by Secret and key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedPki {
    secrets: BTreeMap<String, BTreeMap<String, String>>,
}

/// The seed's certificates cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SeedPkiError {
    /// One could not be made.
    #[error("failed to make the seed's certificates")]
    Make(#[from] lib_pki::Error),
    /// The file that keeps them cannot be read or written.
    #[error("failed to keep the seed's certificates")]
    Io(#[from] io::Error),
    /// The file that keeps them is damaged.
    #[error("failed to read the seed's certificates")]
    Damaged(#[from] serde_json::Error),
    /// A kubeconfig cannot be written.
    #[error("failed to write a kubeconfig of the seed")]
    Kubeconfig(#[from] serde_yaml_ng::Error),
}

impl SeedPki {
    /// Reads them from `path`, or makes them and keeps them there, for root's eyes only.
    pub fn load_or_generate(path: &Path, domain: &Domain, clock: &dyn Clock) -> Result<Self, SeedPkiError> {
        match Self::load(path)? {
            Some(pki) => Ok(pki),
            None => {
                let pki = Self::generate(domain, clock)?;
                pki.store(path)?;
                Ok(pki)
            }
        }
    }

    /// Reads them from `path`; nothing when there are none.
    pub fn load(path: &Path) -> Result<Option<Self>, SeedPkiError> {
        match fs_err::read(path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn store(&self, path: &Path) -> Result<(), SeedPkiError> {
        let partial = path.with_extension("partial");
        let mut options = fs_err::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&partial)?;
        io::Write::write_all(&mut file, &serde_json::to_vec(self)?)?;
        file.sync_all()?;
        Ok(fs_err::rename(partial, path)?)
    }

    /// The file `key` of Secret `secret`; empty if there is none.
    pub(crate) fn file(&self, secret: &str, key: &str) -> &str {
        self.secrets
            .get(secret)
            .and_then(|files| files.get(key))
            .map_or("", String::as_str)
    }

    /// The same files with a name in place of every content: for golden files.
    #[cfg(test)]
    pub(crate) fn placeholders() -> Self {
        let mut pki =
            Self::generate(&Domain::of("test"), &lib_clock::SystemClock).unwrap_or_else(|error| panic!("{error}"));
        for (secret, files) in &mut pki.secrets {
            files
                .iter_mut()
                .for_each(|(key, content)| *content = format!("<{secret}/{key}>\n"));
        }
        pki
    }

    /// The kubeconfig of the seed's administrator, for use on the host.
    pub fn administrator(&self, domain: &Domain, proxy: Option<String>) -> Kubeconfig {
        Kubeconfig {
            name: "seed".to_owned(),
            server: domain.seed_api(),
            authority: self.file(CA, "bundle.crt").to_owned(),
            proxy,
            client: ClientCertificate {
                certificate: self.file(ADMINISTRATOR, "tls.crt").to_owned(),
                key: self.file(ADMINISTRATOR, "tls.key").to_owned(),
            },
        }
    }

    fn generate(domain: &Domain, clock: &dyn Clock) -> Result<Self, SeedPkiError> {
        let mut maker = Maker {
            secrets: BTreeMap::new(),
            clock,
        };
        let ca = maker.authority(CA, "kubernetes")?;
        let client = maker.authority(CA_CLIENT, "kubernetes-client")?;
        let etcd = maker.authority(CA_ETCD, "etcd")?;
        let front_proxy = maker.authority(CA_FRONT_PROXY, "front-proxy")?;
        let kubelet = maker.authority(CA_KUBELET, "kubelet")?;

        maker.issue(&ca, SERVER, &api_server_certificate(domain))?;
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        maker.issue(
            &etcd,
            ETCD_SERVER,
            &server("etcd", vec!["localhost".to_owned()], vec![loopback]),
        )?;
        maker.issue(&etcd, ETCD_CLIENT, &user("kube-apiserver", &[]))?;
        maker.issue(&front_proxy, AGGREGATOR, &user("kube-aggregator", &[]))?;
        maker.issue(&client, API_KUBELET, &user(KUBELET_CLIENT, &[]))?;
        let node = server(
            &format!("system:node:{MACHINE}"),
            vec![MACHINE.to_owned()],
            vec![MACHINE_ADDRESS.into()],
        );
        maker.issue(&kubelet, KUBELET_SERVER, &node)?;
        maker.issue(
            &client,
            ADMINISTRATOR,
            &user("kubeception:administrator", &["system:masters"]),
        )?;

        maker.access(
            &ca,
            &client,
            CONTROLLER_MANAGER,
            &user("system:kube-controller-manager", &[]),
        )?;
        maker.access(&ca, &client, SCHEDULER, &user("system:kube-scheduler", &[]))?;
        maker.access(
            &ca,
            &client,
            KUBELET,
            &user(&format!("system:node:{MACHINE}"), &["system:nodes"]),
        )?;
        maker.service_account_key()?;
        // The seed's own Secrets are the landscape's to see; encryption at rest would protect them from nobody.
        maker.put(ENCRYPTION, "encryption-configuration.yaml", NO_ENCRYPTION);
        Ok(Self { secrets: maker.secrets })
    }
}

const NO_ENCRYPTION: &str = "\
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - identity: {}
";

fn api_server_certificate(domain: &Domain) -> CertificateRequest {
    let mut names = vec![
        "localhost".to_owned(),
        format!("{MACHINE}.{domain}"),
        "kubernetes".to_owned(),
    ];
    names.extend(
        ["default", "default.svc", &format!("default.svc.{CLUSTER_DOMAIN}")]
            .map(|suffix| format!("kubernetes.{suffix}")),
    );
    let addresses = [Ipv4Addr::LOCALHOST, MACHINE_ADDRESS, API_SERVICE].map(IpAddr::V4);
    server("kube-apiserver", names, addresses.to_vec())
}

fn server(name: &str, dns_names: Vec<String>, addresses: Vec<IpAddr>) -> CertificateRequest {
    let mut request = CertificateRequest::server(name, dns_names, addresses, VALIDITY);
    // etcd dials itself with its server certificate.
    request.usages = vec![Usage::Server, Usage::Client];
    request
}

fn user(name: &str, groups: &[&str]) -> CertificateRequest {
    CertificateRequest::client(name, groups.iter().map(|group| (*group).to_owned()).collect(), VALIDITY)
}

struct Maker<'a> {
    secrets: BTreeMap<String, BTreeMap<String, String>>,
    clock: &'a dyn Clock,
}

impl Maker<'_> {
    fn put(&mut self, secret: &str, key: &str, value: &str) {
        self.secrets
            .entry(secret.to_owned())
            .or_default()
            .insert(key.to_owned(), value.to_owned());
    }

    fn authority(&mut self, secret: &str, name: &str) -> Result<CertificateAuthority, lib_pki::Error> {
        let authority = CertificateAuthority::generate(name, VALIDITY, self.clock)?;
        self.put(secret, "ca.crt", authority.certificate_pem());
        self.put(secret, "ca.key", &authority.private_key().to_pem());
        self.put(secret, "bundle.crt", authority.certificate_pem());
        Ok(authority)
    }

    fn issue(
        &mut self,
        authority: &CertificateAuthority,
        secret: &str,
        request: &CertificateRequest,
    ) -> Result<ClientCertificate, lib_pki::Error> {
        let issued = authority.issue(request, self.clock)?;
        let (certificate, key) = (issued.certificate_pem, issued.private_key.to_pem());
        self.put(secret, "tls.crt", &certificate);
        self.put(secret, "tls.key", &key);
        Ok(ClientCertificate { certificate, key })
    }

    /// A client certificate, and the kubeconfig with it for use on the machine.
    fn access(
        &mut self,
        server_authority: &CertificateAuthority,
        client_authority: &CertificateAuthority,
        secret: &str,
        request: &CertificateRequest,
    ) -> Result<(), SeedPkiError> {
        let kubeconfig = Kubeconfig {
            name: MACHINE.to_owned(),
            server: LOCAL_API.to_owned(),
            authority: server_authority.certificate_pem().to_owned(),
            proxy: None,
            client: self.issue(client_authority, secret, request)?,
        };
        self.put(secret, "kubeconfig", &kubeconfig.to_yaml()?);
        Ok(())
    }

    fn service_account_key(&mut self) -> Result<(), lib_pki::Error> {
        let key = PrivateKey::generate()?;
        self.put(SERVICE_ACCOUNT_KEY, "id_rsa", &key.to_pem());
        self.put(SERVICE_ACCOUNT_KEY, "bundle.key", &key.public_key_pem());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use lib_pki::CertificateInfo;

    use super::*;

    fn domain() -> Domain {
        Domain::of("test")
    }

    #[test]
    fn certificates_are_made_once_and_kept_for_root() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pki.json");
        let first = SeedPki::load_or_generate(&path, &domain(), &lib_clock::SystemClock).unwrap();
        let second = SeedPki::load_or_generate(&path, &domain(), &lib_clock::SystemClock).unwrap();
        assert!(first == second);
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_a_new_identity() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pki.json");
        fs_err::write(&path, "{").unwrap();
        let error = SeedPki::load_or_generate(&path, &domain(), &lib_clock::SystemClock)
            .err()
            .unwrap();
        assert_eq!(error.to_string(), "failed to read the seed's certificates");
    }

    #[test]
    fn certificates_say_what_their_users_need() {
        let pki = SeedPki::generate(&domain(), &lib_clock::SystemClock).unwrap();
        let info = |secret: &str| CertificateInfo::from_pem(pki.file(secret, "tls.crt")).unwrap();
        let server = info(SERVER);
        assert!(
            server.dns_names.contains(&"seed.test.kubeception.internal".to_owned()),
            "{server:?}"
        );
        assert!(server.ip_addresses.contains(&IpAddr::V4(API_SERVICE)), "{server:?}");
        let kubelet = info(KUBELET);
        assert_eq!(
            (kubelet.common_name.as_str(), kubelet.organizations),
            ("system:node:seed", vec!["system:nodes".to_owned()])
        );
        assert_eq!(info(ADMINISTRATOR).organizations, ["system:masters"]);
        assert!(pki.file(KUBELET, "kubeconfig").contains(LOCAL_API));
    }

    #[test]
    fn the_local_api_is_where_the_api_server_listens() {
        assert!(LOCAL_API.ends_with(&super::super::names::API_PORT.to_string()));
    }
}
