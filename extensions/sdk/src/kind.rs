//! What kinds of extension objects have in common.

use api::extensions::v1alpha1::{
    BackupBucket, BackupBucketStatus, BackupEntry, BackupEntryStatus, Bastion, BastionStatus, ContainerRuntime,
    ContainerRuntimeStatus, ControlPlane, ControlPlaneStatus, DefaultSpec, DefaultStatus, DnsRecord, DnsRecordStatus,
    Extension, ExtensionStatus, Infrastructure, InfrastructureStatus, Network, NetworkStatus, OperatingSystemConfig,
    OperatingSystemConfigStatus, SelfHostedShootExposure, SelfHostedShootExposureStatus, Worker, WorkerStatus,
};
use apimachinery::ApiObject;
use kube::{
    Api, Client, Resource,
    core::{ClusterResourceScope, NamespaceResourceScope},
};
use serde::Serialize;

/// A kind of extension object. Most lie in the namespace of the shoot that they are for; those of backups, which outlive
/// shoots, lie in none.
pub trait ExtensionKind: ApiObject {
    /// Its status.
    type Status: Serialize + Clone + PartialEq + Send + Sync;

    /// Where objects of `namespace` are read and written; of a kind that lies in none, all.
    fn api(client: Client, namespace: &str) -> Api<Self>;

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

fn namespaced<K>(client: Client, namespace: &str) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    Api::namespaced(client, namespace)
}

fn cluster_wide<K>(client: Client, _namespace: &str) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = ClusterResourceScope>,
{
    Api::all(client)
}

/// All kinds have their common parts at the same place.
macro_rules! extension_kinds {
    ($scope:ident: $($kind:ident with $status:ident),+ $(,)?) => {
        $(impl ExtensionKind for $kind {
            type Status = $status;

            fn api(client: Client, namespace: &str) -> Api<Self> {
                $scope(client, namespace)
            }

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
    cluster_wide:
    BackupBucket with BackupBucketStatus,
    BackupEntry with BackupEntryStatus,
}

extension_kinds! {
    namespaced:
    Bastion with BastionStatus,
    ContainerRuntime with ContainerRuntimeStatus,
    ControlPlane with ControlPlaneStatus,
    DnsRecord with DnsRecordStatus,
    Extension with ExtensionStatus,
    Infrastructure with InfrastructureStatus,
    Network with NetworkStatus,
    OperatingSystemConfig with OperatingSystemConfigStatus,
    SelfHostedShootExposure with SelfHostedShootExposureStatus,
    Worker with WorkerStatus,
}

#[cfg(test)]
mod tests {
    use controller::fake::FakeCluster;

    use super::*;

    /// Where objects lie, and what keeps them.
    fn found<K: ExtensionKind>() -> (String, String) {
        let api = K::api(FakeCluster::new().client(), "shoot--dev--first");
        (api.resource_url().to_owned(), K::finalizer())
    }

    #[tokio::test]
    async fn a_kind_lies_where_its_scope_says() {
        for ((url, finalizer), scope, plural, kind) in [
            (found::<BackupBucket>(), "", "backupbuckets", "backupbucket"),
            (found::<BackupEntry>(), "", "backupentries", "backupentry"),
            (
                found::<SelfHostedShootExposure>(),
                "namespaces/shoot--dev--first/",
                "selfhostedshootexposures",
                "selfhostedshootexposure",
            ),
            (found::<Worker>(), "namespaces/shoot--dev--first/", "workers", "worker"),
        ] {
            assert_eq!(url, format!("/apis/extensions.gardener.cloud/v1alpha1/{scope}{plural}"));
            assert_eq!(finalizer, format!("extensions.gardener.cloud/{kind}"));
        }
    }
}
