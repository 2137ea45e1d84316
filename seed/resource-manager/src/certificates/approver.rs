//! One request: gathers what is needed to judge it, and writes the verdict.

use std::{sync::Arc, time::Duration};

use api::constants;
use k8s_openapi::api::{
    certificates::v1::CertificateSigningRequest,
    core::v1::{Node, Secret},
};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use lib_clock::Clock;
use serde_json::json;

use super::{
    claim::{Claim, Reading, Requestor, read},
    judge::{Facts, Verdict, judge},
};
use crate::machines::{Machines, node_name};

/// How long a request to the shoot may take.
const REQUEST_DEADLINE: Duration = Duration::from_secs(15);

/// A shoot, as seen by who decides about its requests.
pub struct Context {
    /// Its namespace in the seed.
    pub namespace: String,
    /// The shoot's API server.
    pub shoot: Client,
    /// The seed's Machines.
    pub machines: Machines,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// Why a request was not decided.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The seed has not said yet which Machines there are.
    #[error("the Machines of the seed are not known yet")]
    NoMachines,
    /// Something that is needed is missing yet.
    #[error("not decided yet: {0}")]
    Later(String),
    /// A request failed.
    #[error("failed to {action}")]
    Request {
        /// What was to be done.
        action: &'static str,
        /// What the client said.
        source: Box<kube::Error>,
    },
    /// A request got no answer.
    #[error("the shoot did not answer within {} s to: {action}", REQUEST_DEADLINE.as_secs())]
    Deadline {
        /// What was to be done.
        action: &'static str,
    },
}

/// Decides about a request, unless that has been done, or is for others to do.
pub async fn decide(request: &CertificateSigningRequest, context: &Context) -> Result<(), Error> {
    if is_decided(request) {
        return Ok(());
    }
    let verdict = match read(&request.spec) {
        Reading::Foreign => return Ok(()),
        Reading::Refused(reason) => Verdict::Deny(reason),
        Reading::Claim(claim) => {
            let facts = context.facts(&claim).await?;
            judge(&claim, &facts)
        }
    };
    let name = request.name_any();
    let (type_, reason, message) = match verdict {
        Verdict::Approve(message) => ("Approved", "RequestApproved", message.to_owned()),
        Verdict::Deny(message) => ("Denied", "RequestDenied", message),
        Verdict::Later(reason) => return Err(Error::Later(reason)),
    };
    let user = request.spec.username.as_deref().unwrap_or_default();
    tracing::info!(namespace = %context.namespace, request = %name, %user, verdict = type_, %message, "decided about a certificate");
    context.write(request, type_, reason, &message).await
}

fn is_decided(request: &CertificateSigningRequest) -> bool {
    let Some(status) = &request.status else { return false };
    let conditions = status.conditions.iter().flatten();
    status.certificate.is_some()
        || conditions
            .into_iter()
            .any(|one| ["Approved", "Denied"].contains(&one.type_.as_str()))
}

impl Context {
    async fn facts(&self, claim: &Claim) -> Result<Facts, Error> {
        if !self.machines.are_known().await {
            return Err(Error::NoMachines);
        }
        let machines = self.machines.of_namespace(&self.namespace);
        let (node, token) = match claim {
            Claim::KubeletServing { node, .. } => (Some(node.clone()), None),
            Claim::KubeletClient { node, token } => (Some(node.clone()), Some(token)),
            Claim::NodeAgent {
                machine,
                requestor: Requestor::Token(token),
            } => {
                let found = self.machines.get(&self.namespace, machine);
                (found.map(|machine| node_name(&machine).to_owned()), Some(token))
            }
            Claim::NodeAgent { .. } | Claim::Tunnel { .. } => (None, None),
        };
        let node = match node {
            Some(name) => {
                let nodes: Api<Node> = Api::all(self.shoot.clone());
                within("read the node", nodes.get_opt(&name)).await?
            }
            None => None,
        };
        let token = match token {
            Some(id) => {
                let secrets: Api<Secret> = Api::namespaced(self.shoot.clone(), "kube-system");
                let name = format!("{}{id}", constants::BOOTSTRAP_TOKEN_SECRET_PREFIX);
                within("read the bootstrap token", secrets.get_opt(&name)).await?
            }
            None => None,
        };
        Ok(Facts {
            machines,
            node,
            token,
            now: self.clock.now(),
        })
    }

    async fn write(
        &self,
        request: &CertificateSigningRequest,
        type_: &str,
        reason: &str,
        message: &str,
    ) -> Result<(), Error> {
        let mut conditions =
            serde_json::to_value(request.status.as_ref().and_then(|status| status.conditions.as_ref()))
                .ok()
                .and_then(|conditions| conditions.as_array().cloned())
                .unwrap_or_default();
        conditions.push(json!({
            "type": type_, "status": "True", "reason": reason, "message": message,
            "lastUpdateTime": k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(self.clock.now()),
        }));
        let patch = json!({
            // What was judged is what is approved.
            "metadata": { "resourceVersion": request.resource_version() },
            "status": { "conditions": conditions },
        });
        let requests: Api<CertificateSigningRequest> = Api::all(self.shoot.clone());
        let (name, parameters, patch) = (request.name_any(), PatchParams::default(), Patch::Merge(&patch));
        let written = requests.patch_approval(&name, &parameters, &patch);
        within("write the verdict", written).await.map(|_| ())
    }
}

async fn within<T>(action: &'static str, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Error> {
    let answer = tokio::time::timeout(REQUEST_DEADLINE, request).await;
    answer
        .map_err(|_| Error::Deadline { action })?
        .map_err(|source| Error::Request {
            action,
            source: Box::new(source),
        })
}
