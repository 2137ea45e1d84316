//! Keeps a Garden from being deleted by accident.
//!
//! Out: a ValidatingAdmissionPolicy in the runtime cluster that asks for Gardener's confirmation annotation, so that the
//! refusal comes at once and without a webhook.

use k8s_openapi::api::admissionregistration::v1::{
    MatchResources, NamedRuleWithOperations, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicyBindingSpec, ValidatingAdmissionPolicySpec, Validation,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

const NAME: &str = "garden-deletion-confirmation";

/// The policy and its binding.
pub(crate) fn deletion_confirmation() -> (ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding) {
    let key = api::constants::CONFIRMATION_DELETION;
    let metadata = || ObjectMeta {
        name: Some(NAME.to_owned()),
        ..ObjectMeta::default()
    };
    let rule = NamedRuleWithOperations {
        api_groups: Some(vec!["operator.gardener.cloud".to_owned()]),
        api_versions: Some(vec!["*".to_owned()]),
        operations: Some(vec!["DELETE".to_owned()]),
        resources: Some(vec!["gardens".to_owned()]),
        ..NamedRuleWithOperations::default()
    };
    let validation = Validation {
        expression: format!(
            "has(oldObject.metadata.annotations) && '{key}' in oldObject.metadata.annotations && \
             oldObject.metadata.annotations['{key}'] == 'true'"
        ),
        message: Some(format!(
            "must have a {key:?} annotation to delete; confirm with: kubectl annotate garden <name> {key}=true"
        )),
        reason: Some("Forbidden".to_owned()),
        ..Validation::default()
    };
    let policy = ValidatingAdmissionPolicy {
        metadata: metadata(),
        spec: Some(ValidatingAdmissionPolicySpec {
            failure_policy: Some("Fail".to_owned()),
            match_constraints: Some(MatchResources {
                resource_rules: Some(vec![rule]),
                ..MatchResources::default()
            }),
            validations: Some(vec![validation]),
            ..ValidatingAdmissionPolicySpec::default()
        }),
        ..ValidatingAdmissionPolicy::default()
    };
    let binding = ValidatingAdmissionPolicyBinding {
        metadata: metadata(),
        spec: Some(ValidatingAdmissionPolicyBindingSpec {
            policy_name: Some(NAME.to_owned()),
            validation_actions: Some(vec!["Deny".to_owned()]),
            ..ValidatingAdmissionPolicyBindingSpec::default()
        }),
    };
    (policy, binding)
}
