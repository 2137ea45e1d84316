//! What kinds of extension objects have in common.

use api::extensions::v1alpha1::{DefaultSpec, DefaultStatus, DnsRecord, DnsRecordStatus};
use apimachinery::ApiObject;
use kube::core::NamespaceResourceScope;
use serde::Serialize;

/// A kind of extension object: `DNSRecord` today, the others as they come.
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

impl ExtensionKind for DnsRecord {
    type Status = DnsRecordStatus;

    fn default_spec(&self) -> &DefaultSpec {
        &self.spec.default_spec
    }

    fn status(&self) -> &DnsRecordStatus {
        &self.status
    }

    fn default_status(status: &DnsRecordStatus) -> &DefaultStatus {
        &status.default_status
    }

    fn default_status_mut(status: &mut DnsRecordStatus) -> &mut DefaultStatus {
        &mut status.default_status
    }
}
