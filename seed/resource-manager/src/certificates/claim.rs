//! What a request claims.
//!
//! In: a CertificateSigningRequest's spec, of which the API server vouches for user and groups, and for nothing else.
//! Out: the claim, the reason why the request is refused whatever else is true, or that it is none of ours.

use std::{collections::BTreeSet, net::IpAddr};

use api::constants;
use k8s_openapi::api::certificates::v1::CertificateSigningRequestSpec;
use lib_error_chain::ErrorChain;
use lib_pki::SigningRequestInfo;

const SIGNER_KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";
const SIGNER_KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const SIGNER_CLIENT: &str = "kubernetes.io/kube-apiserver-client";
const NODE_USER_PREFIX: &str = "system:node:";
const NODES_GROUP: &str = "system:nodes";
const TOKEN_USER_PREFIX: &str = "system:bootstrap:";
const TOKENS_GROUP: &str = "system:bootstrappers";
const USAGES: [&str; 2] = ["digital signature", "key encipherment"];

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A kubelet's server certificate.
    KubeletServing {
        /// The kubelet's node.
        node: String,
        /// Names of the node.
        dns_names: BTreeSet<String>,
        /// Addresses of the node.
        ip_addresses: BTreeSet<IpAddr>,
    },
    /// A kubelet's first client certificate.
    KubeletClient {
        /// The kubelet's node.
        node: String,
        /// The bootstrap token's id.
        token: String,
    },
    /// A node-agent's certificate.
    NodeAgent {
        /// Its machine.
        machine: String,
        /// Who asks.
        requestor: Requestor,
    },
    /// A tunnel client's certificate; its machine's node-agent asks for it.
    Tunnel {
        /// Its machine.
        machine: String,
    },
}

/// Who asks for a node-agent's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requestor {
    /// The holder of the bootstrap token with this id.
    Token(String),
    /// The node-agent itself.
    NodeAgent,
}

/// What was made of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It concerns others.
    Foreign,
    /// It is refused, whatever else is true.
    Refused(String),
    /// It may be approved, if this is true.
    Claim(Claim),
}

/// Reads a request.
pub fn read(spec: &CertificateSigningRequestSpec) -> Reading {
    let by_token = user(spec).starts_with(TOKEN_USER_PREFIX);
    let for_kubelet = match spec.signer_name.as_str() {
        SIGNER_KUBELET_SERVING => true,
        // A kubelet's renewal is approved by kube-controller-manager.
        SIGNER_KUBELET_CLIENT if by_token => true,
        SIGNER_CLIENT => false,
        _ => return Reading::Foreign,
    };
    let info = match SigningRequestInfo::from_pem(&String::from_utf8_lossy(&spec.request.0)) {
        Ok(info) => info,
        Err(error) if for_kubelet => return Reading::Refused(ErrorChain(&error).to_string()),
        Err(_) => return Reading::Foreign,
    };
    let request = Request { spec, info };
    let claim = match spec.signer_name.as_str() {
        SIGNER_KUBELET_SERVING => request.kubelet_serving(),
        SIGNER_KUBELET_CLIENT => request.kubelet_client(),
        _ if request.is_for(constants::NODE_AGENT_USER_PREFIX, constants::NODE_AGENTS_GROUP) => request.node_agent(),
        _ if request.is_for(constants::TUNNEL_USER_PREFIX, constants::TUNNELS_GROUP) => request.tunnel(),
        _ => return Reading::Foreign,
    };
    claim.map_or_else(Reading::Refused, Reading::Claim)
}

fn user(spec: &CertificateSigningRequestSpec) -> &str {
    spec.username.as_deref().unwrap_or_default()
}

struct Request<'a> {
    spec: &'a CertificateSigningRequestSpec,
    info: SigningRequestInfo,
}

impl Request<'_> {
    fn is_for(&self, prefix: &str, group: &str) -> bool {
        self.info.common_name.starts_with(prefix) || self.info.organizations.iter().any(|name| name == group)
    }

    fn kubelet_serving(self) -> Result<Claim, String> {
        let user = user(self.spec);
        let node = match user.strip_prefix(NODE_USER_PREFIX) {
            Some(node) if !node.is_empty() && self.is_in(NODES_GROUP) => node.to_owned(),
            _ => {
                return Err(format!(
                    "{user:?} is no kubelet, and only kubelets get server certificates"
                ));
            }
        };
        self.subject(user, NODES_GROUP)?;
        self.usages("server auth")?;
        let claim = Claim::KubeletServing {
            node,
            dns_names: self.info.dns_names.into_iter().collect(),
            ip_addresses: self.info.ip_addresses.into_iter().collect(),
        };
        match &claim {
            Claim::KubeletServing {
                dns_names,
                ip_addresses,
                ..
            } if dns_names.is_empty() && ip_addresses.is_empty() => {
                Err("it names neither DNS names nor addresses".to_owned())
            }
            _ => Ok(claim),
        }
    }

    fn kubelet_client(self) -> Result<Claim, String> {
        let token = self.token()?;
        let node = self.named(NODE_USER_PREFIX)?;
        self.subject(&self.info.common_name, NODES_GROUP)?;
        self.client()?;
        Ok(Claim::KubeletClient { node, token })
    }

    fn node_agent(self) -> Result<Claim, String> {
        let machine = self.named(constants::NODE_AGENT_USER_PREFIX)?;
        self.subject(&self.info.common_name, constants::NODE_AGENTS_GROUP)?;
        self.client()?;
        let user = user(self.spec);
        let requestor = if user.starts_with(TOKEN_USER_PREFIX) {
            Requestor::Token(self.token()?)
        } else if user == self.info.common_name && self.is_in(constants::NODE_AGENTS_GROUP) {
            Requestor::NodeAgent
        } else {
            return Err(format!(
                "{user:?} may not ask for the certificate of {:?}",
                self.info.common_name
            ));
        };
        Ok(Claim::NodeAgent { machine, requestor })
    }

    fn tunnel(self) -> Result<Claim, String> {
        let machine = self.named(constants::TUNNEL_USER_PREFIX)?;
        self.subject(&self.info.common_name, constants::TUNNELS_GROUP)?;
        self.client()?;
        let user = user(self.spec);
        let is_agent = user.strip_prefix(constants::NODE_AGENT_USER_PREFIX) == Some(machine.as_str());
        if is_agent && self.is_in(constants::NODE_AGENTS_GROUP) {
            Ok(Claim::Tunnel { machine })
        } else {
            Err(format!("{user:?} is not the node-agent of machine {machine:?}"))
        }
    }

    fn is_in(&self, group: &str) -> bool {
        self.spec.groups.iter().flatten().any(|name| name == group)
    }

    /// The id of the bootstrap token that the user is.
    fn token(&self) -> Result<String, String> {
        let user = user(self.spec);
        let id = user.strip_prefix(TOKEN_USER_PREFIX).unwrap_or_default();
        let is_id = id.len() == 6
            && id
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if is_id && self.is_in(TOKENS_GROUP) {
            Ok(id.to_owned())
        } else {
            Err(format!("{user:?} is no bootstrap token"))
        }
    }

    /// What follows the prefix in the common name.
    fn named(&self, prefix: &str) -> Result<String, String> {
        let name = self.info.common_name.strip_prefix(prefix).unwrap_or_default();
        if name.is_empty() {
            return Err(format!(
                "its common name {:?} is not of the form {prefix}<name>",
                self.info.common_name
            ));
        }
        Ok(name.to_owned())
    }

    fn subject(&self, common_name: &str, organization: &str) -> Result<(), String> {
        let SigningRequestInfo {
            common_name: asked,
            organizations,
            ..
        } = &self.info;
        if asked != common_name {
            return Err(format!(
                "its common name is {asked:?}, not that of the requestor, {common_name:?}"
            ));
        }
        if *organizations != [organization] {
            return Err(format!(
                "its organizations are {organizations:?}, not {organization:?} alone"
            ));
        }
        Ok(())
    }

    /// A client certificate has no names of servers.
    fn client(&self) -> Result<(), String> {
        if !self.info.dns_names.is_empty() || !self.info.ip_addresses.is_empty() {
            return Err("it names DNS names or addresses, which a client has none of".to_owned());
        }
        self.usages("client auth")
    }

    fn usages(&self, purpose: &str) -> Result<(), String> {
        let usages: Vec<&str> = self.spec.usages.iter().flatten().map(String::as_str).collect();
        if usages.contains(&purpose) && usages.iter().all(|usage| *usage == purpose || USAGES.contains(usage)) {
            return Ok(());
        }
        Err(format!("its usages are {usages:?}, not {purpose:?} with {USAGES:?}"))
    }
}
