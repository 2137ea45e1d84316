//! What kinds of extension objects have in common.

use api::extensions::v1alpha1::{
    Bastion, BastionStatus, ContainerRuntime, ContainerRuntimeStatus, ControlPlane, ControlPlaneStatus, DefaultSpec,
    DefaultStatus, DnsRecord, DnsRecordStatus, Extension, ExtensionStatus, Infrastructure, InfrastructureStatus,
    Network, NetworkStatus, OperatingSystemConfig, OperatingSystemConfigStatus, Worker, WorkerStatus,
};
use apimachinery::ApiObject;
use kube::core::NamespaceResourceScope;
use serde::Serialize;

/// A kind of extension object that lies in the namespace of the shoot it is for.
pub trait ExtensionKind: ApiObject + kube::Resource<Scope = NamespaceResourceScope> {
    /// Its status.
    type Status: Serialize + Clone + PartialEq + Send + Sync;

    /// The part of the spec that all kinds have.
    fn default_spec(&self) -> &DefaultSpec;
    /// Its status.
    fn status(&self) -> &Self::Status;
    /// The part of the status that all kinds have.
    fn default_status(status: &Self::Status) -> &DefaultStatus;
    /// The part of the status that all kinds have, to be changed.
    fn default_status_mut(status: &mut Self::Status) -> &mut DefaultStatus;

    /// Keeps the object until the extension has removed what it made: `extensions.gardener.cloud/<kind>`.
    fn finalizer() -> String {
        format!("extensions.gardener.cloud/{}", Self::KIND.to_ascii_lowercase())
    }
}

/// All kinds have their common parts at the same place.
macro_rules! extension_kinds {
    ($($kind:ident with $status:ident),+ $(,)?) => {
        $(impl ExtensionKind for $kind {
            type Status = $status;

            fn default_spec(&self) -> &DefaultSpec {
                &self.spec.default_spec
            }

            fn status(&self) -> &$status {
                &self.status
            }

            fn default_status(status: &$status) -> &DefaultStatus {
                &status.default_status
            }

            fn default_status_mut(status: &mut $status) -> &mut DefaultStatus {
                &mut status.default_status
            }
        })+
    };
}

extension_kinds! {
    Bastion with BastionStatus,
    ContainerRuntime with ContainerRuntimeStatus,
    ControlPlane with ControlPlaneStatus,
    DnsRecord with DnsRecordStatus,
    Extension with ExtensionStatus,
    Infrastructure with InfrastructureStatus,
    Network with NetworkStatus,
    OperatingSystemConfig with OperatingSystemConfigStatus,
    Worker with WorkerStatus,
}
