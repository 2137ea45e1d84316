//! What a node-agent may do.
//!
//! In: what the API server asks, and the Machine of whoever wants it. Out: an [`Answer`] with its reason.
//!
//! | object | verbs | which |
//! |---|---|---|
//! | CertificateSigningRequests | create, get, watch | its own ones |
//! | Events | create, patch | all |
//! | Leases in `kube-system` | get, watch, create, update, patch | `gardener-node-agent-<its node>` |
//! | Nodes, with status | get, watch, update, patch | its own |
//! | Pods | list, watch | those of its node |
//! | Secrets in `kube-system` | get, watch | the configuration of its machine |
//!
//! A list of one object by its name counts as a get of it.

use api::{constants, machine::v1alpha1::Machine};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReviewSpec};

use crate::machines::node_name;

/// Reviews are posted below it; what follows is the shoot's namespace in the seed.
pub const PATH_PREFIX: &str = "/webhooks/auth/nodeagent/";
const SYSTEM_NAMESPACE: &str = "kube-system";
const READ: [&str; 3] = ["get", "list", "watch"];
const CHANGE: [&str; 2] = ["update", "patch"];

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Allow,
    /// No.
    Deny(String),
    /// Others decide.
    NoOpinion(String),
    /// Yes, if the CertificateSigningRequest of this name was made by the user itself.
    IfOwnRequest(String),
}

/// The machine whose node-agent a user is; `None` if the user is no node-agent.
pub(super) fn machine_name(spec: &SubjectAccessReviewSpec) -> Option<&str> {
    let is_agent = spec
        .groups
        .iter()
        .flatten()
        .any(|group| group == constants::NODE_AGENTS_GROUP);
    let name = spec.user.as_deref()?.strip_prefix(constants::NODE_AGENT_USER_PREFIX)?;
    (is_agent && !name.is_empty()).then_some(name)
}

/// Decides; `machine` finds the Machine of a name in the shoot's namespace.
pub fn judge<M: AsRef<Machine>>(spec: &SubjectAccessReviewSpec, machine: impl FnOnce(&str) -> Option<M>) -> Answer {
    let Some(name) = machine_name(spec) else {
        return Answer::NoOpinion("the user is no node-agent".to_owned());
    };
    let Some(machine) = machine(name) else {
        return Answer::Deny(format!("there is no Machine {name:?}"));
    };
    match &spec.resource_attributes {
        Some(wanted) => Wanted::new(wanted).judge(machine.as_ref()),
        None => Answer::NoOpinion("it is about no object".to_owned()),
    }
}

/// What is wanted; absent and empty are one.
struct Wanted<'a> {
    attributes: &'a ResourceAttributes,
    verb: &'a str,
    subresource: &'a str,
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Wanted<'a> {
    fn new(attributes: &'a ResourceAttributes) -> Self {
        let text = |part: &'a Option<String>| part.as_deref().unwrap_or_default();
        Self {
            attributes,
            verb: text(&attributes.verb),
            subresource: text(&attributes.subresource),
            namespace: text(&attributes.namespace),
            name: text(&attributes.name),
        }
    }

    fn judge(&self, machine: &Machine) -> Answer {
        let node = node_name(machine);
        let text = |part: &'a Option<String>| part.as_deref().unwrap_or_default();
        let kind = (text(&self.attributes.group), text(&self.attributes.resource));
        let allowed = match kind {
            ("certificates.k8s.io", "certificatesigningrequests") => return self.certificate_request(),
            ("" | "events.k8s.io", "events") => self.is_whole(&["create", "patch"]),
            ("coordination.k8s.io", "leases") => self.lease(node),
            ("", "nodes") => self.node(node),
            ("", "pods") => self.is_whole(&["list", "watch"]) && self.selects("spec.nodeName", node),
            ("", "secrets") => self.secret(machine),
            _ => false,
        };
        if allowed { Answer::Allow } else { self.refuse(machine) }
    }

    fn refuse(&self, machine: &Machine) -> Answer {
        let resource = self.attributes.resource.as_deref().unwrap_or_default();
        let machine = machine.metadata.name.as_deref().unwrap_or_default();
        let parts = [self.namespace, resource, self.name, self.subresource];
        let object: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Answer::Deny(format!(
            "the node-agent of machine {machine:?} may not {} {}",
            self.verb,
            object.join("/")
        ))
    }

    /// The object itself, not a subresource.
    fn is_whole(&self, verbs: &[&str]) -> bool {
        self.subresource.is_empty() && verbs.contains(&self.verb)
    }

    fn is_named(&self, name: &str) -> bool {
        !name.is_empty() && self.name == name
    }

    fn certificate_request(&self) -> Answer {
        if self.is_whole(&["create"]) {
            return Answer::Allow;
        }
        if self.is_whole(&READ) && !self.name.is_empty() {
            return Answer::IfOwnRequest(self.name.to_owned());
        }
        Answer::Deny(format!(
            "a node-agent may not {} certificatesigningrequests but its own",
            self.verb
        ))
    }

    fn lease(&self, node: &str) -> bool {
        let own = self.is_named(&format!("{}{node}", constants::NODE_AGENT_LEASE_PREFIX));
        // The API server does not know the name of what is being created.
        let created = self.is_whole(&["create"]) && (own || self.name.is_empty());
        let kept = own && (self.is_whole(&READ) || self.is_whole(&CHANGE));
        self.namespace == SYSTEM_NAMESPACE && (created || kept)
    }

    fn node(&self, node: &str) -> bool {
        let changed = ["", "status"].contains(&self.subresource) && CHANGE.contains(&self.verb);
        self.is_named(node) && (changed || self.is_whole(&READ))
    }

    /// By the Machine and not by the Node, whose labels the node-agent can change.
    fn secret(&self, machine: &Machine) -> bool {
        let labels = machine.spec.node_template.metadata.labels.as_ref();
        let own = labels.and_then(|labels| labels.get(constants::LABEL_WORKER_NODE_AGENT_SECRET));
        let is_own = own.is_some_and(|own| self.is_named(own));
        self.namespace == SYSTEM_NAMESPACE && is_own && self.is_whole(&READ)
    }

    /// Whether only objects are wanted whose field has the value.
    fn selects(&self, field: &str, value: &str) -> bool {
        let selector = self.attributes.field_selector.as_ref();
        let requirements = selector.and_then(|selector| selector.requirements.as_deref());
        !value.is_empty()
            && requirements.unwrap_or_default().iter().any(|requirement| {
                requirement.key == field
                    && requirement.operator == "In"
                    && requirement.values.as_deref() == Some(&[value.to_owned()])
            })
    }
}
