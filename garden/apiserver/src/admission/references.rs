//! What an object names must exist, and whoever names a Secret must be allowed to read it.
//!
//! In: a write. Out: refusal with the reference that leads nowhere. Absent: references of a Shoot that other checks read
//! anyway (cloud profile, seed, binding).

use api::core::v1beta1::{
    ControllerInstallation, ControllerRegistration, InternalSecret, NamedResourceReference, Seed, Shoot,
};
use api::security::v1alpha1::CredentialsBinding;
use apimachinery::Status;
use apimachinery::field::{FieldError, FieldErrors, Path};
use apiserver::admission::{Attributes, Operation, Plugin};
use async_trait::async_trait;
use k8s_openapi::api::core::v1::ObjectReference;

use super::lookups::{Access, Lookups};
use super::refuse;

/// References lead somewhere.
pub(super) struct ResourceReferenceManager(pub(super) Lookups);

#[async_trait]
impl Plugin for ResourceReferenceManager {
    fn name(&self) -> &'static str {
        "ResourceReferenceManager"
    }

    async fn validate(&self, attributes: &Attributes<'_>) -> Result<(), Status> {
        if attributes.operation == Operation::Delete || !attributes.subresource.is_empty() {
            return Ok(());
        }
        let mut errors = FieldErrors::new();
        if let Some(shoot) = attributes.new_object::<Shoot>() {
            self.check_shoot(attributes, shoot, &mut errors).await?;
        } else if let Some(binding) = attributes.new_object::<CredentialsBinding>() {
            self.check_binding(attributes, binding, &mut errors).await?;
        } else if let Some(seed) = attributes.new_object::<Seed>() {
            self.check_seed(attributes, seed, &mut errors).await?;
        } else if let Some(installation) = attributes.new_object::<ControllerInstallation>() {
            self.check_installation(attributes, installation, &mut errors)?;
        }
        refuse(attributes, &errors)
    }
}

impl ResourceReferenceManager {
    /// Secrets and ConfigMaps of the shoot's own namespace.
    async fn check_shoot(
        &self,
        attributes: &Attributes<'_>,
        shoot: &Shoot,
        errors: &mut FieldErrors,
    ) -> Result<(), Status> {
        let old = attributes.old_object::<Shoot>();
        let going = shoot.metadata.deletion_timestamp.is_some();
        if going || old.is_some_and(|old| old.spec.resources == shoot.spec.resources) {
            return Ok(());
        }
        for (index, resource) in shoot.spec.resources.iter().enumerate() {
            let path = Path::new("spec").child("resources").index(index).child("resourceRef");
            self.check_named(attributes, resource, &path, errors).await?;
        }
        Ok(())
    }

    async fn check_named(
        &self,
        attributes: &Attributes<'_>,
        resource: &NamedResourceReference,
        path: &Path,
        errors: &mut FieldErrors,
    ) -> Result<(), Status> {
        let reference = &resource.resource_ref;
        let plural = match reference.kind.as_str() {
            "Secret" => "secrets",
            "ConfigMap" => "configmaps",
            // Other kinds are not known here; whoever reads them finds out.
            _ => return Ok(()),
        };
        self.check_readable(attributes, plural, attributes.namespace, &reference.name, path, errors)
            .await
    }

    async fn check_binding(
        &self,
        attributes: &Attributes<'_>,
        binding: &CredentialsBinding,
        errors: &mut FieldErrors,
    ) -> Result<(), Status> {
        if attributes.operation != Operation::Create {
            return Ok(());
        }
        let path = Path::new("credentialsRef");
        let reference = &binding.credentials_ref;
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let (namespace, name) = (part(&reference.namespace), part(&reference.name));
        match reference.kind.as_deref() {
            Some("Secret") => {
                self.check_readable(attributes, "secrets", &namespace, &name, &path, errors)
                    .await
            }
            Some("InternalSecret") if self.0.get::<InternalSecret>(&namespace, &name)?.is_some() => Ok(()),
            _ => {
                errors.push(FieldError::not_found(&path, format!("{namespace}/{name}")));
                Ok(())
            }
        }
    }

    /// Whoever names an object gets what is in it: he must be allowed to read it, and without that right he is not told
    /// whether it exists.
    async fn check_readable(
        &self,
        attributes: &Attributes<'_>,
        resource: &str,
        namespace: &str,
        name: &str,
        path: &Path,
        errors: &mut FieldErrors,
    ) -> Result<(), Status> {
        let access = Access {
            verb: "get",
            group: "",
            resource,
            namespace,
            name,
        };
        if !self.0.may(&attributes.context.user, &access).await? {
            let detail = format!(
                "{} is not allowed to read {resource} {namespace}/{name}",
                attributes.context.user.name
            );
            errors.push(FieldError::forbidden(path, detail));
        } else if self
            .0
            .get_kube(&format!("/api/v1/namespaces/{namespace}/{resource}/{name}"))
            .await?
            .is_none()
        {
            errors.push(FieldError::not_found(path, format!("{namespace}/{name}")));
        }
        Ok(())
    }

    /// Credentials of a seed's backup and DNS. A change of anything else does not look again.
    async fn check_seed(
        &self,
        attributes: &Attributes<'_>,
        seed: &Seed,
        errors: &mut FieldErrors,
    ) -> Result<(), Status> {
        let old = attributes.old_object::<Seed>();
        let same = old.is_some_and(|old| old.spec.dns == seed.spec.dns && old.spec.backup == seed.spec.backup);
        if same || seed.metadata.deletion_timestamp.is_some() {
            return Ok(());
        }
        let spec = Path::new("spec");
        let backup = seed
            .spec
            .backup
            .iter()
            .filter_map(|backup| backup.credentials_ref.as_ref());
        let mut references: Vec<(Path, &ObjectReference)> = backup
            .map(|reference| (spec.child("backup").child("credentialsRef"), reference))
            .collect();
        let dns = spec.child("dns");
        let provider = seed
            .spec
            .dns
            .provider
            .iter()
            .filter_map(|provider| provider.credentials_ref.as_ref());
        references.extend(provider.map(|reference| (dns.child("provider").child("credentialsRef"), reference)));
        let internal = seed.spec.dns.internal.iter();
        references
            .extend(internal.map(|config| (dns.child("internal").child("credentialsRef"), &config.credentials_ref)));
        let defaults = seed.spec.dns.defaults.iter().enumerate();
        references.extend(defaults.map(|(index, config)| {
            (
                dns.child("defaults").index(index).child("credentialsRef"),
                &config.credentials_ref,
            )
        }));
        for (path, reference) in references {
            let part = |part: &Option<String>| part.clone().unwrap_or_default();
            let (namespace, name) = (part(&reference.namespace), part(&reference.name));
            let is_secret = reference.kind.as_deref() == Some("Secret");
            let object = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
            if is_secret && self.0.get_kube(&object).await?.is_none() {
                errors.push(FieldError::not_found(&path, format!("{namespace}/{name}")));
            }
        }
        Ok(())
    }

    fn check_installation(
        &self,
        attributes: &Attributes<'_>,
        installation: &ControllerInstallation,
        errors: &mut FieldErrors,
    ) -> Result<(), Status> {
        if attributes.operation != Operation::Create {
            return Ok(());
        }
        let spec = Path::new("spec");
        let registration = installation.spec.registration_ref.name.clone().unwrap_or_default();
        if self.0.get::<ControllerRegistration>("", &registration)?.is_none() {
            errors.push(FieldError::not_found(
                &spec.child("registrationRef").child("name"),
                &registration,
            ));
        }
        if let Some(seed) = installation
            .spec
            .seed_ref
            .as_ref()
            .and_then(|reference| reference.name.as_ref())
            && self.0.get::<Seed>("", seed)?.is_none()
        {
            errors.push(FieldError::not_found(&spec.child("seedRef").child("name"), seed));
        }
        Ok(())
    }
}
