//! Every Secret of a control plane: authorities, certificates, keys, kubeconfigs, under Gardener's names.

use std::{collections::BTreeMap, net::IpAddr};

use futures::try_join;
use k8s_openapi::api::core::v1::Secret;
use plan_control_plane::{ComponentAccess, SecretNames, encryption_configuration};

use crate::{
    AuthorityWish, CertificateWish, Credentials, Kubeconfig, SecretStore, SecretsError, SecretsManager,
    SigningAuthority, SigningKey,
    access::{AccessSecret, api_server_url, generic_kubeconfig},
};

/// What the certificates of a control plane must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretsWish {
    /// Name of the cluster inside of kubeconfigs.
    pub cluster_name: String,
    /// Name of the API server's Service.
    pub service: String,
    /// Name of the `Etcd` object.
    pub etcd: String,
    /// Names by which clients outside reach the API server.
    pub hostnames: Vec<String>,
    /// Addresses by which it is reached: of the Service `kubernetes` inside the cluster, and the advertised one.
    pub addresses: Vec<IpAddr>,
    /// Whether there are nodes, whose kubelets have certificates.
    pub has_nodes: bool,
    /// What is encrypted in etcd, as `resource` or `resource.group`.
    pub encrypted_resources: Vec<String>,
    /// TLS server name of the tunnel's server; `None`: there is no tunnel.
    pub tunnel_server_name: Option<String>,
}

/// All that was made.
#[derive(Clone, Debug)]
pub struct ControlPlaneSecrets {
    /// Names for the plan.
    pub names: SecretNames,
    /// The authority of the API server's own certificate; clients need its bundle.
    pub ca: SigningAuthority,
    /// The authority of client certificates.
    pub ca_client: SigningAuthority,
    /// The authority of front proxies, whom extension API servers believe.
    pub ca_front_proxy: SigningAuthority,
    /// The authority of etcd's certificates.
    pub ca_etcd: SigningAuthority,
    /// The authority of kubelets' serving certificates and of their client, the API server; only where there are nodes.
    pub ca_kubelet: Option<SigningAuthority>,
    /// The authority of the tunnel's server; only where there is a tunnel.
    pub ca_vpn: Option<SigningAuthority>,
    /// Name of the Secret with the kubeconfig that all components share.
    pub generic_kubeconfig: String,
    /// A kubeconfig through the Service for the seed's own components: a member of `system:masters`.
    pub internal_kubeconfig: String,
}

const CA: &str = "ca";
const CA_CLIENT: &str = "ca-client";
const CA_ETCD: &str = "ca-etcd";
const CA_FRONT_PROXY: &str = "ca-front-proxy";
const CA_KUBELET: &str = "ca-kubelet";
const CA_VPN: &str = "ca-vpn";

/// Who the tunnel's server is in the shoot. It is the name of a ServiceAccount, for roles to be bound to; it comes as a
/// certificate, since a token could only be asked for once the API server runs, and its pod would wait for it.
const TUNNEL_USER: &str = "system:serviceaccount:kube-system:tunnel-server";

struct Authorities {
    ca: SigningAuthority,
    client: SigningAuthority,
    etcd: SigningAuthority,
    front_proxy: SigningAuthority,
    kubelet: Option<SigningAuthority>,
    vpn: Option<SigningAuthority>,
}

struct Certificates {
    server: Secret,
    etcd_server: Secret,
    etcd_client: Secret,
    aggregator: Secret,
    internal: Secret,
    kubelet_client: Option<Secret>,
    tunnel_server: Option<Secret>,
    tunnel_client: Option<Secret>,
}

impl ControlPlaneSecrets {
    /// Finds or makes them all.
    pub async fn make<S: SecretStore>(manager: &SecretsManager<S>, wish: &SecretsWish) -> Result<Self, SecretsError> {
        // Certificates are signed by authorities; keys stand alone.
        let certified = async {
            let authorities = authorities(manager, wish).await?;
            let generic = generic_kubeconfig(&wish.cluster_name, &wish.service, &authorities.ca.bundle);
            let generic = generic.to_yaml().map_err(SecretsError::Kubeconfig)?;
            let generic = BTreeMap::from([("kubeconfig".to_owned(), generic.into_bytes())]);
            let generic = manager.derived("generic-token-kubeconfig", generic);
            let (certificates, generic) = try_join!(certificates(manager, wish), generic)?;
            Ok((authorities, certificates, generic))
        };
        let (certified, signing_key, encryption) = try_join!(
            certified,
            manager.signing_key("service-account-key"),
            encryption(manager, wish)
        )?;
        let (authorities, certificates, generic) = certified;
        let internal = internal_kubeconfig(manager.namespace(), wish, &authorities.ca, &certificates.internal)?;
        Ok(Self {
            names: names(&authorities, &certificates, signing_key, &encryption, &name(&generic)),
            internal_kubeconfig: internal,
            ca: authorities.ca,
            ca_client: authorities.client,
            ca_front_proxy: authorities.front_proxy,
            ca_etcd: authorities.etcd,
            ca_kubelet: authorities.kubelet,
            ca_vpn: authorities.vpn,
            generic_kubeconfig: name(&generic),
        })
    }
}

fn names(
    authorities: &Authorities,
    certificates: &Certificates,
    signing_key: SigningKey,
    encryption: &Secret,
    generic_kubeconfig: &str,
) -> SecretNames {
    let access = |component: &str| ComponentAccess::Token {
        generic_kubeconfig: generic_kubeconfig.to_owned(),
        token: AccessSecret::new(component).name(),
    };
    let kubelet = authorities.kubelet.as_ref();
    SecretNames {
        ca_bundle: authorities.ca.bundle_name.clone(),
        ca_client_bundle: authorities.client.bundle_name.clone(),
        ca_client: authorities.client.secret_name.clone(),
        ca_etcd_bundle: authorities.etcd.bundle_name.clone(),
        etcd_server: name(&certificates.etcd_server),
        etcd_client: name(&certificates.etcd_client),
        ca_front_proxy_bundle: authorities.front_proxy.bundle_name.clone(),
        aggregator: name(&certificates.aggregator),
        server: name(&certificates.server),
        ca_kubelet_bundle: kubelet.map(|authority| authority.bundle_name.clone()),
        ca_kubelet: kubelet.map(|authority| authority.secret_name.clone()),
        kubelet_client: certificates.kubelet_client.as_ref().map(name),
        service_account_key: signing_key.secret_name,
        service_account_key_bundle: signing_key.bundle_name,
        encryption_configuration: name(encryption),
        controller_manager_access: access("kube-controller-manager"),
        scheduler_access: access("kube-scheduler"),
        tunnel_server: certificates.tunnel_server.as_ref().map(name),
        tunnel_client: certificates.tunnel_client.as_ref().map(name),
    }
}

fn name(secret: &Secret) -> String {
    secret.metadata.name.clone().unwrap_or_default()
}

/// Makes something only when it is wished.
async fn made_if<T>(
    wished: bool,
    making: impl Future<Output = Result<T, SecretsError>>,
) -> Result<Option<T>, SecretsError> {
    if wished { making.await.map(Some) } else { Ok(None) }
}

async fn authorities<S: SecretStore>(
    manager: &SecretsManager<S>,
    wish: &SecretsWish,
) -> Result<Authorities, SecretsError> {
    let wishes = [
        AuthorityWish::new(CA, "kubernetes"),
        AuthorityWish::new(CA_CLIENT, "kubernetes-client"),
        AuthorityWish::new(CA_ETCD, "etcd"),
        AuthorityWish::new(CA_FRONT_PROXY, "front-proxy"),
        AuthorityWish::new(CA_KUBELET, "kubelet"),
        AuthorityWish::new(CA_VPN, "vpn"),
    ];
    let [ca, client, etcd, front_proxy, kubelet, vpn] = &wishes;
    let (ca, client, etcd, front_proxy, kubelet, vpn) = try_join!(
        manager.authority(ca),
        manager.authority(client),
        manager.authority(etcd),
        manager.authority(front_proxy),
        made_if(wish.has_nodes, manager.authority(kubelet)),
        made_if(wish.tunnel_server_name.is_some(), manager.authority(vpn)),
    )?;
    Ok(Authorities {
        ca,
        client,
        etcd,
        front_proxy,
        kubelet,
        vpn,
    })
}

async fn certificates<S: SecretStore>(
    manager: &SecretsManager<S>,
    wish: &SecretsWish,
) -> Result<Certificates, SecretsError> {
    let server = server_wish(manager.namespace(), wish);
    let etcd_server = etcd_server_wish(manager.namespace(), &wish.etcd);
    let etcd_client = CertificateWish::client("etcd-client", CA_ETCD, "etcd-client", &[]);
    let aggregator = CertificateWish::client("kube-aggregator", CA_FRONT_PROXY, "front-proxy-client", &[]);
    let internal = CertificateWish::client(
        "gardener-internal-client",
        CA_CLIENT,
        "gardener.cloud:system:gardener-internal",
        &["system:masters"],
    );
    let kubelet = CertificateWish::client(
        "kube-apiserver-kubelet",
        CA_KUBELET,
        "system:kube-apiserver:kubelet",
        &[],
    );
    let tunnel = wish.tunnel_server_name.clone();
    let tunnel_server = CertificateWish::server(
        "vpn-seed-server",
        CA_VPN,
        tunnel.clone().into_iter().collect(),
        Vec::new(),
    );
    let tunnel_client = CertificateWish::client("tunnel-server-client", CA_CLIENT, TUNNEL_USER, &[]);
    let (server, etcd_server, etcd_client, aggregator, internal, kubelet_client, tunnel_server, tunnel_client) = try_join!(
        manager.certificate(&server),
        manager.certificate(&etcd_server),
        manager.certificate(&etcd_client),
        manager.certificate(&aggregator),
        manager.certificate(&internal),
        made_if(wish.has_nodes, manager.certificate(&kubelet)),
        made_if(tunnel.is_some(), manager.certificate(&tunnel_server)),
        made_if(tunnel.is_some(), manager.certificate(&tunnel_client)),
    )?;
    Ok(Certificates {
        server,
        etcd_server,
        etcd_client,
        aggregator,
        internal,
        kubelet_client,
        tunnel_server,
        tunnel_client,
    })
}

/// All names of a Service.
fn service_names(service: &str, namespace: &str) -> Vec<String> {
    vec![
        service.to_owned(),
        format!("{service}.{namespace}"),
        format!("{service}.{namespace}.svc"),
        format!("{service}.{namespace}.svc.cluster.local"),
    ]
}

fn server_wish(namespace: &str, wish: &SecretsWish) -> CertificateWish {
    let mut names = service_names(&wish.service, namespace);
    names.extend(service_names("kubernetes", "default"));
    names.push("localhost".to_owned());
    names.extend(wish.hostnames.iter().cloned());
    let addresses = wish
        .addresses
        .iter()
        .copied()
        .chain([IpAddr::from([127, 0, 0, 1])])
        .collect();
    CertificateWish {
        common_name: "kube-apiserver".to_owned(),
        ..CertificateWish::server("kube-apiserver", CA, names, addresses)
    }
}

fn etcd_server_wish(namespace: &str, etcd: &str) -> CertificateWish {
    let mut names = service_names(&format!("{etcd}-client"), namespace);
    names.extend([format!("{etcd}-local"), "localhost".to_owned()]);
    names.extend(service_names(&format!("*.{etcd}-peer"), namespace).into_iter().skip(1));
    let addresses = vec![IpAddr::from([127, 0, 0, 1])];
    let mut server = CertificateWish::server("etcd-server-main", CA_ETCD, names, addresses);
    "etcd-server".clone_into(&mut server.common_name);
    // etcd's own gateway dials its server with the server's certificate.
    server.usages.push(lib_pki::Usage::Client);
    server
}

async fn encryption<S: SecretStore>(manager: &SecretsManager<S>, wish: &SecretsWish) -> Result<Secret, SecretsError> {
    let keys = manager.encryption_keys("kube-apiserver-etcd-encryption-key").await?;
    let resources: Vec<&str> = wish.encrypted_resources.iter().map(String::as_str).collect();
    let text = encryption_configuration(&resources, &keys).map_err(SecretsError::EncryptionConfiguration)?;
    let data = BTreeMap::from([("encryption-configuration.yaml".to_owned(), text.into_bytes())]);
    manager
        .derived("kube-apiserver-etcd-encryption-configuration", data)
        .await
}

fn internal_kubeconfig(
    namespace: &str,
    wish: &SecretsWish,
    ca: &SigningAuthority,
    client: &Secret,
) -> Result<String, SecretsError> {
    let text = |key: &str| {
        let data = client.data.as_ref().and_then(|data| data.get(key));
        data.map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned())
            .unwrap_or_default()
    };
    let kubeconfig = Kubeconfig {
        name: wish.cluster_name.clone(),
        server: api_server_url(&wish.service, namespace),
        certificate_authority: ca.bundle.clone(),
        proxy_url: None,
        credentials: Credentials::Certificate {
            certificate: text("tls.crt"),
            key: text("tls.key"),
        },
    };
    kubeconfig.to_yaml().map_err(SecretsError::Kubeconfig)
}
