//! Refuses what a cluster without nodes does not run, and says why.
//!
//! Out: ValidatingAdmissionPolicies with their bindings. Absent: API groups that are off altogether, which kube-apiserver's
//! flags do.

use k8s_openapi::api::admissionregistration::v1::{
    MatchResources, NamedRuleWithOperations, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicyBindingSpec, ValidatingAdmissionPolicySpec, Validation,
};

use super::named;

const WORKLOAD: &str = "nodeless-garden-workload";
const SERVICES: &str = "nodeless-garden-services";

/// What needs nodes, disks or a kubelet.
const WORKLOAD_RESOURCES: [&str; 8] = [
    "bindings",
    "limitranges",
    "nodes",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "replicationcontrollers",
];

/// The policies.
pub(crate) fn policies() -> Vec<ValidatingAdmissionPolicy> {
    let workload = Validation {
        expression: "false".to_owned(),
        message_expression: Some(
            "'the garden cluster has no nodes: ' + request.resource.resource + ' belong into a shoot, or into its seed'".to_owned(),
        ),
        message: Some("the garden cluster has no nodes".to_owned()),
        reason: Some("Forbidden".to_owned()),
    };
    let services = Validation {
        expression: "request.namespace in ['default', 'kube-system']".to_owned(),
        message_expression: None,
        message: Some(
            "the garden cluster has no nodes: it routes to no Services but those of its own aggregated APIs in kube-system"
                .to_owned(),
        ),
        reason: Some("Forbidden".to_owned()),
    };
    let slices = rule("discovery.k8s.io", &["endpointslices"]);
    vec![
        policy(WORKLOAD, vec![rule("", &WORKLOAD_RESOURCES)], workload),
        policy(SERVICES, vec![rule("", &["endpoints", "services"]), slices], services),
    ]
}

/// One binding per policy, without exceptions.
pub(crate) fn policy_bindings() -> Vec<ValidatingAdmissionPolicyBinding> {
    let bind = |name: &str| ValidatingAdmissionPolicyBinding {
        metadata: named(name),
        spec: Some(ValidatingAdmissionPolicyBindingSpec {
            policy_name: Some(name.to_owned()),
            validation_actions: Some(vec!["Deny".to_owned()]),
            ..ValidatingAdmissionPolicyBindingSpec::default()
        }),
    };
    vec![bind(WORKLOAD), bind(SERVICES)]
}

fn policy(name: &str, rules: Vec<NamedRuleWithOperations>, validation: Validation) -> ValidatingAdmissionPolicy {
    ValidatingAdmissionPolicy {
        metadata: named(name),
        spec: Some(ValidatingAdmissionPolicySpec {
            failure_policy: Some("Fail".to_owned()),
            match_constraints: Some(MatchResources {
                resource_rules: Some(rules),
                ..MatchResources::default()
            }),
            validations: Some(vec![validation]),
            ..ValidatingAdmissionPolicySpec::default()
        }),
        ..ValidatingAdmissionPolicy::default()
    }
}

fn rule(group: &str, resources: &[&str]) -> NamedRuleWithOperations {
    NamedRuleWithOperations {
        api_groups: Some(vec![group.to_owned()]),
        api_versions: Some(vec!["*".to_owned()]),
        operations: Some(vec!["CREATE".to_owned(), "UPDATE".to_owned()]),
        resources: Some(resources.iter().map(|resource| (*resource).to_owned()).collect()),
        ..NamedRuleWithOperations::default()
    }
}
