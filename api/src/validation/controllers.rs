//! ControllerRegistrations, ControllerDeployments, ControllerInstallations.

use apimachinery::field::{FieldError, FieldErrors, Path};
use k8s_openapi::api::core::v1::ObjectReference;

use super::checks::{self, NameRule};
use crate::core::{
    v1::ControllerDeployment,
    v1beta1::{
        ClusterType, ControllerDeploymentPolicy, ControllerInstallation, ControllerRegistration,
        ControllerRegistrationDeployment, ControllerResource, OciRepository,
    },
};

/// Kinds of extension resources that a controller can be responsible for.
const EXTENSION_KINDS: &[&str] = &[
    "BackupBucket",
    "BackupEntry",
    "Bastion",
    "ContainerRuntime",
    "ControlPlane",
    "DNSRecord",
    "Extension",
    "Infrastructure",
    "Network",
    "OperatingSystemConfig",
    "SelfHostedShootExposure",
    "Worker",
];

/// Everything that is wrong with a ControllerRegistration by itself.
pub fn validate_controller_registration(registration: &ControllerRegistration) -> FieldErrors {
    let mut errors = FieldErrors::new();
    checks::name(&registration.metadata, &NameRule::Subdomain, &mut errors);
    let path = Path::new("spec");
    let resources = path.child("resources");
    for (index, resource) in registration.spec.resources.iter().enumerate() {
        let path = resources.index(index);
        self::resource(&path, resource, &mut errors);
        let earlier = &registration.spec.resources[..index];
        if earlier
            .iter()
            .any(|other| (&other.kind, &other.type_) == (&resource.kind, &resource.type_))
        {
            errors.push(FieldError::duplicate(
                &path,
                format!("{}/{}", resource.kind, resource.type_),
            ));
        }
    }
    if let Some(deployment) = &registration.spec.deployment {
        self::deployment(&path.child("deployment"), deployment, &mut errors);
    }
    errors
}

/// Everything that is wrong with a changed ControllerRegistration.
pub fn validate_controller_registration_update(
    new: &ControllerRegistration,
    old: &ControllerRegistration,
) -> FieldErrors {
    if new.metadata.deletion_timestamp.is_some() && new.spec == old.spec {
        return FieldErrors::new(); // it must lose its finalizers, whatever newer rules say
    }
    let mut errors = validate_controller_registration(new);
    let path = Path::new("spec").child("resources");
    for (index, resource) in new.spec.resources.iter().enumerate() {
        let before = old
            .spec
            .resources
            .iter()
            .find(|before| (&before.kind, &before.type_) == (&resource.kind, &resource.type_));
        if let Some(before) = before {
            let primary = path.index(index).child("primary");
            checks::immutable(&primary, &resource.primary, &before.primary, &mut errors);
        }
    }
    errors
}

fn resource(path: &Path, resource: &ControllerResource, errors: &mut FieldErrors) {
    checks::one_of(&path.child("kind"), &resource.kind, EXTENSION_KINDS, errors);
    checks::required(
        &path.child("type"),
        &resource.type_,
        "must specify the type of the extension resource",
        errors,
    );
    let types = [
        ClusterType::Shoot.as_str(),
        ClusterType::Seed.as_str(),
        ClusterType::Garden.as_str(),
    ];
    let compatible = path.child("clusterCompatibility");
    for (index, cluster) in resource.cluster_compatibility.iter().enumerate() {
        checks::one_of(&compatible.index(index), cluster.as_str(), &types, errors);
    }
    for (index, cluster) in resource.auto_enable.iter().enumerate() {
        let field = path.child("autoEnable").index(index);
        checks::one_of(&field, cluster.as_str(), &types, errors);
        if !resource.cluster_compatibility.contains(cluster) {
            errors.push(FieldError::forbidden(
                &field,
                format!("must be named in clusterCompatibility, too: {cluster}"),
            ));
        }
    }
    if resource.kind != "Extension" {
        let only_extensions = "only for resources of kind Extension: remove it";
        checks::forbid(
            !resource.auto_enable.is_empty(),
            &path.child("autoEnable"),
            only_extensions,
            errors,
        );
        checks::forbid(
            !resource.cluster_compatibility.is_empty(),
            &compatible,
            only_extensions,
            errors,
        );
        checks::forbid(
            resource.lifecycle.is_some(),
            &path.child("lifecycle"),
            only_extensions,
            errors,
        );
    }
}

fn deployment(path: &Path, deployment: &ControllerRegistrationDeployment, errors: &mut FieldErrors) {
    if let Some(policy) = &deployment.policy {
        let supported = [
            ControllerDeploymentPolicy::OnDemand.as_str(),
            ControllerDeploymentPolicy::Always.as_str(),
            ControllerDeploymentPolicy::AlwaysExceptNoShoots.as_str(),
        ];
        checks::one_of(&path.child("policy"), policy.as_str(), &supported, errors);
    }
    let references = path.child("deploymentRefs");
    if deployment.deployment_refs.len() > 1 {
        errors.push(FieldError::too_many(&references, deployment.deployment_refs.len(), 1));
    }
    for (index, reference) in deployment.deployment_refs.iter().enumerate() {
        checks::required(
            &references.index(index).child("name"),
            &reference.name,
            "must name a ControllerDeployment",
            errors,
        );
    }
}

/// Everything that is wrong with a ControllerDeployment by itself.
pub fn validate_controller_deployment(deployment: &ControllerDeployment) -> FieldErrors {
    let mut errors = FieldErrors::new();
    checks::name(&deployment.metadata, &NameRule::Subdomain, &mut errors);
    let path = Path::new("helm");
    let Some(helm) = &deployment.helm else {
        errors.push(FieldError::required(&path, "must specify a Helm chart"));
        return errors;
    };
    match (&helm.raw_chart.0.is_empty(), &helm.oci_repository) {
        (true, None) => errors.push(FieldError::required(
            &path,
            "must provide either rawChart or ociRepository",
        )),
        (false, Some(_)) => errors.push(FieldError::forbidden(
            &path,
            "must provide either rawChart or ociRepository, not both",
        )),
        (true, Some(repository)) => oci_repository(&path.child("ociRepository"), repository, &mut errors),
        (false, None) => {}
    }
    errors
}

/// Everything that is wrong with a changed ControllerDeployment.
pub fn validate_controller_deployment_update(new: &ControllerDeployment, _old: &ControllerDeployment) -> FieldErrors {
    if new.metadata.deletion_timestamp.is_some() {
        return FieldErrors::new(); // it must lose its finalizers, whatever newer rules say
    }
    validate_controller_deployment(new)
}

fn oci_repository(path: &Path, repository: &OciRepository, errors: &mut FieldErrors) {
    let is_set = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    let parts = is_set(&repository.repository) || is_set(&repository.tag) || is_set(&repository.digest);
    if is_set(&repository.ref_) {
        checks::forbid(
            parts,
            path,
            "ref is the whole reference: remove repository, tag and digest",
            errors,
        );
        return;
    }
    if !is_set(&repository.repository) {
        errors.push(FieldError::required(
            &path.child("repository"),
            "must provide ref, or repository with tag or digest",
        ));
    }
    if !is_set(&repository.tag) && !is_set(&repository.digest) {
        errors.push(FieldError::required(
            &path.child("tag"),
            "must provide a tag or a digest",
        ));
    }
    if let Some(digest) = repository.digest.as_deref().filter(|digest| !digest.is_empty())
        && !digest.starts_with("sha256:")
    {
        errors.push(FieldError::invalid(
            &path.child("digest"),
            digest,
            "must start with 'sha256:'",
        ));
    }
}

/// Everything that is wrong with a ControllerInstallation by itself.
pub fn validate_controller_installation(installation: &ControllerInstallation) -> FieldErrors {
    let mut errors = FieldErrors::new();
    checks::name(&installation.metadata, &NameRule::Subdomain, &mut errors);
    let path = Path::new("spec");
    let spec = &installation.spec;
    checks::required(
        &path.child("registrationRef").child("name"),
        spec.registration_ref.name.as_deref().unwrap_or_default(),
        "must name a ControllerRegistration",
        &mut errors,
    );
    match (&spec.seed_ref, &spec.shoot_ref) {
        (None, None) => errors.push(FieldError::required(
            &path.child("seedRef"),
            "must name the Seed, or in shootRef the self-hosted Shoot, that it is installed on",
        )),
        (Some(_), Some(_)) => errors.push(FieldError::forbidden(
            &path.child("shootRef"),
            "must not be set together with seedRef",
        )),
        (Some(seed), None) => checks::required(
            &path.child("seedRef").child("name"),
            seed.name.as_deref().unwrap_or_default(),
            "must name a Seed",
            &mut errors,
        ),
        (None, Some(_)) => {}
    }
    errors
}

/// Everything that is wrong with a changed ControllerInstallation.
pub fn validate_controller_installation_update(
    new: &ControllerInstallation,
    old: &ControllerInstallation,
) -> FieldErrors {
    if new.metadata.deletion_timestamp.is_some() && new.spec == old.spec {
        return FieldErrors::new(); // it must lose its finalizers, whatever newer rules say
    }
    let mut errors = validate_controller_installation(new);
    let path = Path::new("spec");
    // Versions of the objects referred to may change, the objects may not.
    checks::immutable(
        &path.child("registrationRef").child("name"),
        &new.spec.registration_ref.name,
        &old.spec.registration_ref.name,
        &mut errors,
    );
    for (field, new, old) in [
        ("seedRef", &new.spec.seed_ref, &old.spec.seed_ref),
        ("shootRef", &new.spec.shoot_ref, &old.spec.shoot_ref),
    ] {
        let path = path.child(field);
        let name = |reference: &Option<ObjectReference>| reference.as_ref()?.name.clone();
        let namespace = |reference: &Option<ObjectReference>| reference.as_ref()?.namespace.clone();
        checks::immutable(&path.child("name"), &name(new), &name(old), &mut errors);
        checks::immutable(&path.child("namespace"), &namespace(new), &namespace(old), &mut errors);
    }
    errors
}
