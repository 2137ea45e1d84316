//! The cloud's credentials: from what the Shoot names in its project to the Secret that extensions read in the seed.

use api::{
    constants::SECRET_CLOUD_PROVIDER,
    core::v1beta1::{InternalSecret, SecretBinding},
    security::v1alpha1::CredentialsBinding,
};
use k8s_openapi::{
    NamespaceResourceScope,
    api::core::v1::{Secret, SecretReference},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

use super::{
    error::{TaskError, in_garden},
    flow::ShootContext,
};

/// Data of a Secret.
type Data = std::collections::BTreeMap<String, k8s_openapi::ByteString>;

/// How extension objects name the credentials.
pub(crate) fn reference(context: &ShootContext) -> SecretReference {
    SecretReference {
        name: Some(SECRET_CLOUD_PROVIDER.to_owned()),
        namespace: Some(context.technical_id.clone()),
    }
}

/// Copies them. What the project has changed since is taken over.
pub(crate) async fn deploy(context: &ShootContext) -> Result<(), TaskError> {
    let data = read(context).await?;
    let copy = Secret {
        metadata: ObjectMeta {
            name: Some(SECRET_CLOUD_PROVIDER.to_owned()),
            namespace: Some(context.technical_id.clone()),
            ..ObjectMeta::default()
        },
        data: Some(data),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    };
    context.gardenlet.seed.apply(&copy).await?;
    Ok(())
}

async fn read(context: &ShootContext) -> Result<Data, TaskError> {
    let spec = &context.shoot.spec;
    let (namespace, name, kind) = if let Some(binding) = &spec.credentials_binding_name {
        let path = "spec.credentialsBindingName";
        let binding: CredentialsBinding = find(context, context.namespace(), binding, path).await?;
        let reference = binding.credentials_ref;
        (reference.namespace, reference.name, reference.kind)
    } else if let Some(binding) = &spec.secret_binding_name {
        let binding: SecretBinding = find(context, context.namespace(), binding, "spec.secretBindingName").await?;
        (binding.secret_ref.namespace, binding.secret_ref.name, None)
    } else {
        let what = "spec.credentialsBindingName: machines need the credentials of a cloud account; name a binding";
        return Err(TaskError::Invalid(what.to_owned()));
    };
    let namespace = namespace.unwrap_or_else(|| context.namespace().to_owned());
    let name = name.unwrap_or_default();
    let path = "the binding's credentials";
    match kind.as_deref() {
        None | Some("" | "Secret") => {
            let secret: Secret = find(context, &namespace, &name, path).await?;
            Ok(secret.data.unwrap_or_default())
        }
        Some("InternalSecret") => {
            let secret: InternalSecret = find(context, &namespace, &name, path).await?;
            let convert =
                |(key, value): (String, apimachinery::meta::ByteString)| (key, k8s_openapi::ByteString(value.0));
            Ok(secret.data.into_iter().map(convert).collect())
        }
        Some(kind) => Err(TaskError::Unsupported(format!(
            "spec.credentialsBindingName: credentials of kind {kind} are not supported yet; use a Secret"
        ))),
    }
}

/// An object that the Shoot names; that it is missing is its user's to correct.
async fn find<K>(context: &ShootContext, namespace: &str, name: &str, path: &str) -> Result<K, TaskError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(context.gardenlet.garden_client.clone(), namespace);
    let found = api
        .get_opt(name)
        .await
        .map_err(in_garden("read the cloud's credentials"))?;
    let kind = K::kind(&());
    found.ok_or_else(|| TaskError::Invalid(format!("{path}: {kind} {namespace}/{name} does not exist")))
}
