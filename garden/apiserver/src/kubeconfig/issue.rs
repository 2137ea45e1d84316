//! Signs the client certificate of a kubeconfig.
//!
//! In: an [`Order`]. Out: the kubeconfig. It is signed with the authority that gardenlet publishes as the InternalSecret
//! `<shoot>.ca-client`; the serving authority is the ConfigMap `<shoot>.ca-cluster`. Absent: what the groups allow.

use std::sync::Arc;
use std::time::Duration;

use api::constants;
use api::core::v1beta1::{InternalSecret, Shoot};
use apimachinery::Status;
use apimachinery::meta::ObjectMeta;
use apimachinery::versioning::GroupResource;
use apiserver::context::RequestContext;
use jiff::Timestamp;
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use lib_pki::{CertificateAuthority, CertificateRequest};
use serde_json::Value;

use super::render::{Parts, render};
use crate::admission::{Access, Lookups};

/// Signs kubeconfigs.
pub(crate) struct Issuer {
    lookups: Lookups,
    clock: Arc<dyn Clock>,
}

/// What sets kubeconfigs of admins and viewers apart.
pub(super) struct Kind {
    /// Before the user's name, in the certificate.
    pub(super) user_prefix: &'static str,
    /// Group and resource of the question whether the user belongs to the system: may he list these everywhere?
    pub(super) review: (&'static str, &'static str),
    /// Group of those who may.
    pub(super) system_group: &'static str,
    /// Group of all others.
    pub(super) project_group: &'static str,
}

/// A request for a kubeconfig.
pub(super) struct Order<'a> {
    pub(super) context: &'a RequestContext,
    pub(super) shoot: &'a Shoot,
    pub(super) kind: Kind,
    pub(super) validity: Duration,
}

/// A kubeconfig, and when it ends.
pub(super) struct Issued {
    pub(super) kubeconfig: String,
    pub(super) expires: Timestamp,
}

impl Issuer {
    pub(crate) fn new(lookups: Lookups, clock: Arc<dyn Clock>) -> Self {
        Self { lookups, clock }
    }

    /// Signs a certificate for the user who asks, and puts it into a kubeconfig.
    pub(super) async fn issue(&self, order: &Order<'_>) -> Result<Issued, Status> {
        let metadata = &order.shoot.metadata;
        let (namespace, shoot) = names(metadata);
        if order.shoot.status.advertised_addresses.is_empty() {
            return Err(not_ready(
                shoot,
                "no kube-apiserver advertised addresses in Shoot .status.advertisedAddresses",
            ));
        }
        let authority = self.client_authority(namespace, shoot)?;
        let certificate_authority = self.cluster_authority(namespace, shoot).await?;
        let group = self.group(order).await?;
        let user = format!("{}{}", order.kind.user_prefix, order.context.user.name);
        let request = CertificateRequest::client(user, vec![group.to_owned()], order.validity);
        let issued = authority
            .issue(&request, self.clock.as_ref())
            .map_err(|error| internal(&error))?;
        let kubeconfig = render(&Parts {
            namespace,
            shoot,
            addresses: &order.shoot.status.advertised_addresses,
            certificate_authority: &certificate_authority,
            certificate: &issued.certificate_pem,
            private_key: &issued.private_key.to_pem(),
        });
        let kubeconfig =
            kubeconfig.ok_or_else(|| not_ready(shoot, "none of its advertised addresses leads to its API server"))?;
        Ok(Issued {
            kubeconfig,
            expires: issued.not_after,
        })
    }

    /// Who may list such objects in all namespaces belongs to the system.
    async fn group(&self, order: &Order<'_>) -> Result<&'static str, Status> {
        let (group, resource) = order.kind.review;
        let access = Access {
            verb: "list",
            group,
            resource,
            namespace: "",
            name: "",
        };
        let system = self.lookups.may(&order.context.user, &access).await?;
        Ok(if system {
            order.kind.system_group
        } else {
            order.kind.project_group
        })
    }

    fn client_authority(&self, namespace: &str, shoot: &str) -> Result<CertificateAuthority, Status> {
        let name = format!("{shoot}.{}", constants::PROJECT_SECRET_SUFFIX_CA_CLIENT);
        let secret: Option<InternalSecret> = self.lookups.get(namespace, &name)?;
        let secret = secret.ok_or_else(|| not_ready(shoot, "its client certificate authority is not there yet"))?;
        let part = |key: &str| {
            secret
                .data
                .get(key)
                .map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned())
        };
        match (part("ca.crt"), part("ca.key")) {
            (Some(certificate), Some(key)) => {
                CertificateAuthority::from_pem(&certificate, &key).map_err(|error| internal(&error))
            }
            _ => Err(Status::internal_error(&format!(
                "InternalSecret {namespace}/{name} lacks ca.crt or ca.key"
            ))),
        }
    }

    async fn cluster_authority(&self, namespace: &str, shoot: &str) -> Result<String, Status> {
        let name = format!("{shoot}.{}", constants::PROJECT_SECRET_SUFFIX_CA_CLUSTER);
        let found = self
            .lookups
            .get_kube(&format!("/api/v1/namespaces/{namespace}/configmaps/{name}"))
            .await?;
        let bundle = found
            .as_ref()
            .and_then(|map| map.pointer("/data/ca.crt"))
            .and_then(Value::as_str);
        bundle
            .map(str::to_owned)
            .ok_or_else(|| not_ready(shoot, "its certificate authority is not there yet"))
    }
}

fn names(metadata: &ObjectMeta) -> (&str, &str) {
    (
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// The Shoot exists, but is not far enough.
fn not_ready(shoot: &str, reason: &str) -> Status {
    Status::conflict(&GroupResource::new("core.gardener.cloud", "shoots"), shoot, reason)
}

fn internal(error: &(dyn std::error::Error + 'static)) -> Status {
    Status::internal_error(&ErrorChain(error).to_string())
}
