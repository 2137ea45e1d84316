//! The AuthorizationConfiguration of a cluster with machines: nodes, roles, and last the webhook that knows what each
//! machine's node-agent may do.

use crate::volumes::{Files, Source};

/// Name of the file in its ConfigMap.
const FILE: &str = "config.yaml";
const DIRECTORY: &str = "/etc/kubernetes/structured/authorization";
const KUBECONFIGS: &str = "/etc/kubernetes/structured/authorization-kubeconfigs";
/// The key of the webhook's kubeconfig in its Secret.
const NODE_AGENT_AUTHORIZER: &str = "node-agent-authorizer-kubeconfig.yaml";

/// Where the configuration lies in the container.
pub(crate) fn path() -> String {
    format!("{DIRECTORY}/{FILE}")
}

/// The configuration. Only requests of node-agents reach the webhook, after nodes and roles had no opinion; when it does not
/// answer, they are denied. What it allows is remembered for moments only: a machine's objects change as it joins.
pub(crate) fn configuration() -> String {
    format!(
        "apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- type: Node
  name: node
- type: RBAC
  name: rbac
- type: Webhook
  name: node-agent-authorizer
  webhook:
    authorizedTTL: 10s
    unauthorizedTTL: 1s
    timeout: 10s
    failurePolicy: Deny
    subjectAccessReviewVersion: v1
    matchConditionSubjectAccessReviewVersion: v1
    connectionInfo:
      type: KubeConfigFile
      kubeConfigFile: {KUBECONFIGS}/{NODE_AGENT_AUTHORIZER}
    matchConditions:
    - expression: \"'gardener.cloud:node-agents' in request.groups\"
"
    )
}

/// The files that kube-apiserver needs for it: the configuration, and the webhook's kubeconfig in `secret`.
pub(crate) fn files(config_map: String, secret: &str) -> [Files; 2] {
    [
        Files {
            name: "authorization-configuration",
            path: DIRECTORY,
            source: Source::ConfigMap {
                name: config_map,
                file: (FILE, configuration()),
            },
        },
        Files::secret(
            "authorization-kubeconfigs",
            KUBECONFIGS,
            secret,
            &[NODE_AGENT_AUTHORIZER],
        ),
    ]
}
