//! Flags, named as Kubernetes' generic API server names them.

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;

use crate::{
    admission::Plugin,
    authentication::{RequestHeaderConfig, TrustFiles},
    storage::EtcdConfig,
    tls::ClientTls,
};

/// Flags of every server made of this crate; flatten them into a process's own.
#[derive(Args, Clone, Debug)]
pub struct ServerOptions {
    /// Address to listen on.
    #[arg(long, default_value = "0.0.0.0")]
    pub bind_address: IpAddr,
    /// Port to listen on with HTTPS; 0 lets the system choose.
    #[arg(long, default_value_t = 443)]
    pub secure_port: u16,
    /// File of the server's certificate chain. Without it, a self-signed certificate is made for this run.
    #[arg(long, requires = "tls_private_key_file")]
    pub tls_cert_file: Option<PathBuf>,
    /// File of the key of --tls-cert-file.
    #[arg(long, requires = "tls_cert_file")]
    pub tls_private_key_file: Option<PathBuf>,

    /// URLs of etcd's members, separated by commas.
    #[arg(long, value_delimiter = ',')]
    pub etcd_servers: Vec<String>,
    /// File of the authorities that sign etcd's certificates.
    #[arg(long)]
    pub etcd_cafile: Option<PathBuf>,
    /// File of the client certificate for etcd.
    #[arg(long)]
    pub etcd_certfile: Option<PathBuf>,
    /// File of the key of --etcd-certfile.
    #[arg(long)]
    pub etcd_keyfile: Option<PathBuf>,
    /// File of an EncryptionConfiguration: how what lies in etcd is sealed.
    #[arg(long)]
    pub encryption_provider_config: Option<PathBuf>,

    /// kubeconfig of the kube-apiserver that this server extends; without any, the pod's service account is used.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// kubeconfig for token reviews; --kubeconfig if not given.
    #[arg(long)]
    pub authentication_kubeconfig: Option<PathBuf>,
    /// kubeconfig for access reviews; --kubeconfig if not given.
    #[arg(long)]
    pub authorization_kubeconfig: Option<PathBuf>,
    /// File of the authorities that sign users' certificates; else read from the kube-apiserver.
    #[arg(long)]
    pub client_ca_file: Option<PathBuf>,
    /// File of the authorities that sign the front proxy's certificate; else read from the kube-apiserver, with all
    /// --requestheader-* flags.
    #[arg(long)]
    pub requestheader_client_ca_file: Option<PathBuf>,
    /// Common names a front proxy may have; empty means any.
    #[arg(long, value_delimiter = ',')]
    pub requestheader_allowed_names: Vec<String>,
    /// Headers with the user's name.
    #[arg(long, value_delimiter = ',', default_value = "x-remote-user")]
    pub requestheader_username_headers: Vec<String>,
    /// Headers with the user's uid.
    #[arg(long, value_delimiter = ',', default_value = "x-remote-uid")]
    pub requestheader_uid_headers: Vec<String>,
    /// Headers with the user's groups.
    #[arg(long, value_delimiter = ',', default_value = "x-remote-group")]
    pub requestheader_group_headers: Vec<String>,
    /// Prefixes of headers with extra fields.
    #[arg(long, value_delimiter = ',', default_value = "x-remote-extra-")]
    pub requestheader_extra_headers_prefix: Vec<String>,

    /// Admission plugins to run beside those that run by default.
    #[arg(long, value_delimiter = ',')]
    pub enable_admission_plugins: Vec<String>,
    /// Admission plugins not to run.
    #[arg(long, value_delimiter = ',')]
    pub disable_admission_plugins: Vec<String>,

    /// How long a request may take that is no watch.
    #[arg(long, default_value = "1m0s", value_parser = duration)]
    pub request_timeout: Duration,
    /// How many seconds a watch lasts at least, when the client does not say.
    #[arg(long, default_value_t = 1800)]
    pub min_request_timeout: u64,
    /// Most requests at once that read; further ones are told to come back.
    #[arg(long, default_value_t = 400)]
    pub max_requests_inflight: usize,
    /// Most requests at once that write; further ones are told to come back.
    #[arg(long, default_value_t = 200)]
    pub max_mutating_requests_inflight: usize,
    /// How long the server goes on serving after it was told to stop, so that load balancers notice.
    #[arg(long, default_value = "0s", value_parser = duration)]
    pub shutdown_delay_duration: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<apimachinery::Duration>()
        .map(apimachinery::Duration::to_std)
        .map_err(|error| error.to_string())
}

impl ServerOptions {
    pub(super) fn etcd(&self) -> EtcdConfig {
        let tls = ClientTls {
            ca_file: self.etcd_cafile.clone(),
            certificate_file: self.etcd_certfile.clone(),
            key_file: self.etcd_keyfile.clone(),
            ..ClientTls::default()
        };
        EtcdConfig {
            endpoints: self.etcd_servers.clone(),
            tls,
            ..EtcdConfig::default()
        }
    }

    pub(super) fn trust(&self) -> TrustFiles {
        TrustFiles {
            client_ca: self.client_ca_file.clone(),
            front_proxy_ca: self.requestheader_client_ca_file.clone(),
            headers: RequestHeaderConfig {
                allowed_names: self.requestheader_allowed_names.clone(),
                username_headers: self.requestheader_username_headers.clone(),
                uid_headers: self.requestheader_uid_headers.clone(),
                group_headers: self.requestheader_group_headers.clone(),
                extra_prefixes: self.requestheader_extra_headers_prefix.clone(),
            },
        }
    }

    /// Of all plugins of a server, those that the flags leave: a plugin in `off` runs only when it is enabled.
    #[must_use]
    pub fn select_plugins(&self, all: Vec<Arc<dyn Plugin>>, off: &[&str]) -> Vec<Arc<dyn Plugin>> {
        let named = |names: &[String], plugin: &dyn Plugin| names.iter().any(|name| name == plugin.name());
        let runs = |plugin: &Arc<dyn Plugin>| {
            let wanted = !off.contains(&plugin.name()) || named(&self.enable_admission_plugins, &**plugin);
            wanted && !named(&self.disable_admission_plugins, &**plugin)
        };
        all.into_iter().filter(runs).collect()
    }
}
