//! What a cloud brings: machines made, found and removed by name.

use std::collections::BTreeMap;

use api::core::v1beta1::ErrorCode;
use async_trait::async_trait;
use k8s_openapi::api::core::v1::{NodeAddress, Secret};
use serde_json::Value;

/// Tag of every machine in the cloud: `kubernetes.io/cluster/<namespace>` = `1`.
pub const CLUSTER_TAG_PREFIX: &str = "kubernetes.io/cluster/";
/// Tag of every machine in the cloud, with the value `1`.
pub const NODE_TAG: &str = "kubernetes.io/role/node";

/// The tags that all machines of a shoot have, and no other machine.
pub fn cluster_tags(namespace: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (format!("{CLUSTER_TAG_PREFIX}{namespace}"), "1".to_owned()),
        (NODE_TAG.to_owned(), "1".to_owned()),
    ])
}

/// A machine that is wanted, or was.
#[derive(Clone)]
pub struct MachineRequest {
    /// Its name in the cloud, its host name, and the Node's name.
    pub name: String,
    /// Namespace of the shoot in the seed.
    pub namespace: String,
    /// `MachineClass.providerSpec`, which only the provider understands.
    pub provider_spec: Value,
    /// The cloud's credentials, with the keys of `MachineClass.secretRef` on top.
    pub secret: Secret,
    /// What it does at its first boot, placeholders replaced; empty except for `create`.
    pub user_data: String,
    /// [`cluster_tags`]; the provider may add its own.
    pub tags: BTreeMap<String, String>,
}

impl std::fmt::Debug for MachineRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("MachineRequest");
        shown.field("name", &self.name).field("namespace", &self.namespace);
        shown.finish_non_exhaustive()
    }
}

/// Where to look for the machines of a shoot.
#[derive(Clone)]
pub struct ListRequest {
    /// Namespace of the shoot in the seed.
    pub namespace: String,
    /// `MachineClass.providerSpec` of one of its classes.
    pub provider_spec: Value,
    /// As in [`MachineRequest`].
    pub secret: Secret,
    /// [`cluster_tags`]: only machines that have them all are meant.
    pub tags: BTreeMap<String, String>,
}

impl std::fmt::Debug for ListRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("ListRequest");
        shown.field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// A machine as the cloud has it.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudMachine {
    /// Its name, as in [`MachineRequest`].
    pub name: String,
    /// `Node.spec.providerID`.
    pub provider_id: String,
    /// How it is.
    pub state: CloudMachineState,
    /// Its addresses, as far as known.
    pub addresses: Vec<NodeAddress>,
}

/// How a machine in the cloud is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloudMachineState {
    /// It is being made, or boots.
    Pending,
    /// It runs.
    Running,
    /// It does not run, and will not by itself; the text says why.
    Stopped(String),
    /// It goes.
    Terminating,
}

/// A cloud's machines.
///
/// **Invariant:** every function is idempotent, and safe to repeat after a crash at any point. Names are unique per cloud
/// account: the name alone says which machine is meant.
#[async_trait]
pub trait MachineDriver: Send + Sync + 'static {
    /// `MachineClass.provider` of the classes that this driver is for.
    fn provider(&self) -> &str;

    /// Makes the machine. The same name yields the same machine, also after a crash between making and returning.
    /// It may still boot when this returns.
    async fn create(&self, request: &MachineRequest) -> Result<CloudMachine, DriverError>;

    /// Removes the machine; returns when it is gone, `Ok` also when it was never there.
    async fn delete(&self, request: &MachineRequest) -> Result<(), DriverError>;

    /// The machine, `None` when the cloud does not have it.
    async fn get(&self, request: &MachineRequest) -> Result<Option<CloudMachine>, DriverError>;

    /// All machines with the tags of the request.
    async fn list(&self, request: &ListRequest) -> Result<Vec<CloudMachine>, DriverError>;

    /// The last lines that the machine wrote to its console, at most about `bytes` bytes; empty when there is no console.
    async fn console(&self, request: &MachineRequest, bytes: usize) -> Result<String, DriverError>;
}

/// Why the cloud did not do something.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DriverError {
    code: DriverErrorCode,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl DriverError {
    /// The step that failed, without its cause.
    pub fn new(code: DriverErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Its class.
    pub fn code(&self) -> DriverErrorCode {
        self.code
    }
}

/// Classes of errors of clouds, named as in `Machine.status.lastOperation.errorCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverErrorCode {
    /// The cloud does not know the credentials.
    Unauthenticated,
    /// The cloud does not allow the credentials what is needed.
    PermissionDenied,
    /// A quota of the account is used up.
    QuotaExceeded,
    /// The cloud has run out of a resource.
    ResourceExhausted,
    /// The cloud refuses so many requests.
    RateLimited,
    /// The machine's specification is wrong: unknown image, machine type or zone.
    InvalidArgument,
    /// Something else in the cloud is in the way.
    FailedPrecondition,
    /// The cloud does not answer.
    Unavailable,
    /// Anything else.
    Internal,
}

impl DriverErrorCode {
    const ALL: [Self; 9] = [
        Self::Unauthenticated,
        Self::PermissionDenied,
        Self::QuotaExceeded,
        Self::ResourceExhausted,
        Self::RateLimited,
        Self::InvalidArgument,
        Self::FailedPrecondition,
        Self::Unavailable,
        Self::Internal,
    ];

    /// As in `lastOperation.errorCode`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "Unauthenticated",
            Self::PermissionDenied => "PermissionDenied",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::ResourceExhausted => "ResourceExhausted",
            Self::RateLimited => "RateLimited",
            Self::InvalidArgument => "InvalidArgument",
            Self::FailedPrecondition => "FailedPrecondition",
            Self::Unavailable => "Unavailable",
            Self::Internal => "Internal",
        }
    }

    /// The class that `lastOperation.errorCode` names.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// What a shoot's owner reads of it.
    pub fn cause(self) -> Option<ErrorCode> {
        match self {
            Self::Unauthenticated => Some(ErrorCode::InfraUnauthenticated),
            Self::PermissionDenied => Some(ErrorCode::InfraUnauthorized),
            Self::QuotaExceeded => Some(ErrorCode::InfraQuotaExceeded),
            Self::ResourceExhausted => Some(ErrorCode::InfraResourcesDepleted),
            Self::RateLimited => Some(ErrorCode::InfraRateLimitsExceeded),
            Self::InvalidArgument => Some(ErrorCode::ConfigurationProblem),
            Self::FailedPrecondition => Some(ErrorCode::InfraDependencies),
            Self::Unavailable | Self::Internal => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_name() {
        for code in DriverErrorCode::ALL {
            assert_eq!(DriverErrorCode::parse(code.as_str()), Some(code));
        }
        assert_eq!(DriverErrorCode::parse("Weather"), None);
    }
}
