//! CredentialsBindings and InternalSecrets.

use apimachinery::{
    field::{FieldError, FieldErrors, Path},
    names,
};

use super::checks::{self, NameRule};
use crate::{core::v1beta1::InternalSecret, security::v1alpha1::CredentialsBinding};

/// Longest data of a Secret: what etcd takes in one request, with room for the rest.
const LARGEST_DATA: usize = 1024 * 1024;

/// What credentials may be, as `apiVersion` and `kind`.
const CREDENTIALS: &[(&str, &str)] = &[
    ("v1", "Secret"),
    ("security.gardener.cloud/v1alpha1", "WorkloadIdentity"),
    ("core.gardener.cloud/v1beta1", "InternalSecret"),
];

/// Everything that is wrong with a CredentialsBinding by itself.
pub fn validate_credentials_binding(binding: &CredentialsBinding) -> FieldErrors {
    let mut errors = FieldErrors::new();
    checks::name(&binding.metadata, &NameRule::Subdomain, &mut errors);
    let provider = Path::new("provider").child("type");
    checks::required(
        &provider,
        &binding.provider.type_,
        "must specify a provider type",
        &mut errors,
    );
    if binding.provider.type_.contains(',') {
        errors.push(FieldError::invalid(
            &provider,
            &binding.provider.type_,
            "must be a single provider type",
        ));
    }
    let path = Path::new("credentialsRef");
    let reference = &binding.credentials_ref;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (version, kind) = (text(&reference.api_version), text(&reference.kind));
    if !CREDENTIALS.contains(&(version.as_str(), kind.as_str())) {
        let supported = CREDENTIALS
            .iter()
            .map(|(version, kind)| format!("{version}, Kind={kind}"));
        errors.push(FieldError::not_supported(
            &path,
            format!("{version}, Kind={kind}"),
            supported,
        ));
    }
    for (field, value) in [
        ("name", text(&reference.name)),
        ("namespace", text(&reference.namespace)),
    ] {
        checks::required(&path.child(field), &value, "must be set", &mut errors);
    }
    let quotas = Path::new("quotas");
    for (index, quota) in binding.quotas.iter().enumerate() {
        for (field, value) in [("name", text(&quota.name)), ("namespace", text(&quota.namespace))] {
            checks::required(&quotas.index(index).child(field), &value, "must be set", &mut errors);
        }
    }
    errors
}

/// Everything that is wrong with a changed CredentialsBinding.
pub fn validate_credentials_binding_update(new: &CredentialsBinding, old: &CredentialsBinding) -> FieldErrors {
    if new.metadata.deletion_timestamp.is_some() {
        return FieldErrors::new(); // it must lose its finalizers, whatever newer rules say
    }
    let mut errors = validate_credentials_binding(new);
    checks::immutable(&Path::new("provider"), &new.provider, &old.provider, &mut errors);
    checks::immutable(
        &Path::new("credentialsRef"),
        &new.credentials_ref,
        &old.credentials_ref,
        &mut errors,
    );
    checks::immutable(&Path::new("quotas"), &new.quotas, &old.quotas, &mut errors);
    errors
}

/// Everything that is wrong with an InternalSecret by itself.
pub fn validate_internal_secret(secret: &InternalSecret) -> FieldErrors {
    let mut errors = FieldErrors::new();
    checks::name(&secret.metadata, &NameRule::Subdomain, &mut errors);
    let path = Path::new("data");
    for key in secret.data.keys() {
        errors.invalid_for_each(&path.key(key), key, names::config_map_key(key));
    }
    let size: usize = secret.data.values().map(|value| value.0.len()).sum();
    if size > LARGEST_DATA {
        errors.push(FieldError::too_long(&path, LARGEST_DATA));
    }
    errors
}

/// Everything that is wrong with a changed InternalSecret.
pub fn validate_internal_secret_update(new: &InternalSecret, old: &InternalSecret) -> FieldErrors {
    let mut errors = validate_internal_secret(new);
    if !new.type_.is_empty() {
        checks::immutable(&Path::new("type"), &new.type_, &old.type_, &mut errors);
    }
    if old.immutable == Some(true) {
        let detail = "field is immutable when `immutable` is set";
        checks::forbid(
            new.immutable != Some(true),
            &Path::new("immutable"),
            detail,
            &mut errors,
        );
        checks::forbid(new.data != old.data, &Path::new("data"), detail, &mut errors);
    }
    errors
}
