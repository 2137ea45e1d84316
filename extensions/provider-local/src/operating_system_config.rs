//! OperatingSystemConfigs of the local cloud's machine image: what a machine runs at its first boot.
//!
//! Purpose `provision`: one script, in the Secret `osc-result-<name>`. Purpose `reconcile`: nothing, since the machine image
//! needs nothing beyond what the configuration says already.

mod script; // from files and units to a script; pure

use std::collections::BTreeMap;

use api::{
    constants::DATA_KEY_CLOUD_CONFIG,
    core::v1beta1::ErrorCode,
    extensions::v1alpha1::{CloudConfig, File, OperatingSystemConfig, OperatingSystemConfigPurpose},
};
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use controller::{apply::Applier, delete::delete};
use extensions_sdk::{Actuator, ActuatorError, Request};
use k8s_openapi::{
    ByteString,
    api::core::v1::{Secret, SecretReference},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{Api, Client, Resource as _, ResourceExt as _};

use self::script::{ScriptFile, script};
use crate::FIELD_MANAGER;

/// How the names of the Secrets with user data begin (Gardener API).
const RESULT_PREFIX: &str = "osc-result-";

/// Makes user data of OperatingSystemConfigs.
#[derive(Clone, Debug)]
pub struct OperatingSystemConfigActuator {
    applier: Applier,
}

impl OperatingSystemConfigActuator {
    /// An actuator that keeps its results in the seed of `client`.
    pub fn new(client: Client) -> Self {
        Self {
            applier: Applier::new(client, FIELD_MANAGER),
        }
    }

    fn secrets(&self, config: &OperatingSystemConfig) -> Api<Secret> {
        Api::namespaced(self.applier.client().clone(), &config.namespace().unwrap_or_default())
    }

    async fn files(&self, config: &OperatingSystemConfig) -> Result<Vec<ScriptFile>, ActuatorError> {
        let mut files = Vec::with_capacity(config.spec.files.len());
        for file in &config.spec.files {
            files.push(ScriptFile {
                path: file.path.clone(),
                mode: file.permissions,
                content: self.content(config, file).await?,
                host_name: file.host_name.clone(),
            });
        }
        Ok(files)
    }

    async fn content(&self, config: &OperatingSystemConfig, file: &File) -> Result<Vec<u8>, ActuatorError> {
        let wrong = |why: &str| {
            ActuatorError::new(format!("file {}: {why}", file.path)).with_code(ErrorCode::ConfigurationProblem)
        };
        if let Some(inline) = &file.content.inline {
            return match inline.encoding.as_str() {
                "" => Ok(inline.data.clone().into_bytes()),
                "b64" => STANDARD
                    .decode(inline.data.trim())
                    .map_err(|error| wrong("the content is not base64").caused_by(error)),
                other => Err(wrong(&format!("encoding {other:?} is not known"))),
            };
        }
        let Some(reference) = &file.content.secret_ref else {
            return Err(wrong(
                "a first boot can only write inline content and content of Secrets",
            ));
        };
        let secret = self.secrets(config).get(&reference.name).await.map_err(|error| {
            ActuatorError::new(format!(
                "failed to read the Secret {} for {}",
                reference.name, file.path
            ))
            .caused_by(error)
        })?;
        let value = secret.data.and_then(|mut data| data.remove(&reference.data_key));
        value.map(|value| value.0).ok_or_else(|| {
            wrong(&format!(
                "Secret {} has no key {:?}",
                reference.name, reference.data_key
            ))
        })
    }
}

fn result_name(config: &OperatingSystemConfig) -> String {
    format!("{RESULT_PREFIX}{}", config.name_any())
}

/// The Secret with the script; it goes with its configuration at the latest.
fn result_secret(config: &OperatingSystemConfig, script: String) -> Secret {
    let owner = OwnerReference {
        api_version: OperatingSystemConfig::api_version(&()).into_owned(),
        kind: OperatingSystemConfig::kind(&()).into_owned(),
        name: config.name_any(),
        uid: config.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    };
    Secret {
        metadata: ObjectMeta {
            name: Some(result_name(config)),
            namespace: config.namespace(),
            owner_references: config.uid().map(|_| vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(
            DATA_KEY_CLOUD_CONFIG.to_owned(),
            ByteString(script.into_bytes()),
        )])),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}

#[async_trait]
impl Actuator<OperatingSystemConfig> for OperatingSystemConfigActuator {
    async fn reconcile(&self, request: Request<'_, OperatingSystemConfig>) -> Result<(), ActuatorError> {
        let config = request.object;
        match &config.spec.purpose {
            OperatingSystemConfigPurpose::Provision => {
                let script = script(&self.files(config).await?, &config.spec.units);
                let secret = result_secret(config, script);
                let applied = self.applier.apply(&secret).await;
                applied.map_err(|error| ActuatorError::new("failed to keep the user data").caused_by(error))?;
                request.status.cloud_config = Some(CloudConfig {
                    secret_ref: SecretReference {
                        name: Some(result_name(config)),
                        namespace: config.namespace(),
                    },
                });
                Ok(())
            }
            OperatingSystemConfigPurpose::Reconcile => Ok(()),
            OperatingSystemConfigPurpose::Other(other) => {
                let error = ActuatorError::new(format!("purpose {other:?} is not known"));
                Err(error.with_code(ErrorCode::ConfigurationProblem))
            }
        }
    }

    async fn delete(&self, request: Request<'_, OperatingSystemConfig>) -> Result<(), ActuatorError> {
        let deleted = delete(&self.secrets(request.object), &result_name(request.object)).await;
        deleted
            .map(drop)
            .map_err(|error| ActuatorError::new("failed to remove the user data").caused_by(error))
    }
}
