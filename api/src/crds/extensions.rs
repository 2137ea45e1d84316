//! Definitions of what gardenlet asks extensions for.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::definition::{Column, Definition};
use crate::extensions::v1alpha1::{
    BackupBucket, BackupEntry, Bastion, Cluster, ContainerRuntime, ControlPlane, DnsRecord, Extension, Infrastructure,
    Network, OperatingSystemConfig, SelfHostedShootExposure, Worker,
};

/// All of them, by name.
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![
        backup_bucket(),
        backup_entry(),
        bastion(),
        cluster(),
        container_runtime(),
        control_plane(),
        dns_record(),
        extension(),
        infrastructure(),
        network(),
        operating_system_config(),
        self_hosted_shoot_exposure(),
        worker(),
    ]
}

fn type_() -> Column {
    Column::text("Type", ".spec.type", "Type of the extension")
}

fn region() -> Column {
    Column::text("Region", ".spec.region", "Region of the provider")
}

/// How far the last operation got; backups call it `State`.
fn status(name: &'static str) -> Column {
    Column::text(name, ".status.lastOperation.state", "State of the last operation")
}

/// `backupbuckets.extensions.gardener.cloud`.
pub fn backup_bucket() -> CustomResourceDefinition {
    Definition::of::<BackupBucket>()
        .column(type_())
        .column(region())
        .column(status("State"))
        .column(Column::age())
        .build()
}

/// `backupentries.extensions.gardener.cloud`.
pub fn backup_entry() -> CustomResourceDefinition {
    Definition::of::<BackupEntry>()
        .column(type_())
        .column(region())
        .column(Column::text("Bucket", ".spec.bucketName", "Name of the bucket"))
        .column(status("State"))
        .column(Column::age())
        .build()
}

/// `bastions.extensions.gardener.cloud`.
pub fn bastion() -> CustomResourceDefinition {
    Definition::of::<Bastion>()
        .column(Column::text("IP", ".status.ingress.ip", "Address of the bastion"))
        .column(Column::text(
            "Hostname",
            ".status.ingress.hostname",
            "Name of the bastion",
        ))
        .column(Column::age())
        .build()
}

/// `clusters.extensions.gardener.cloud`.
pub fn cluster() -> CustomResourceDefinition {
    Definition::of::<Cluster>().column(Column::age()).build()
}

/// `containerruntimes.extensions.gardener.cloud`.
pub fn container_runtime() -> CustomResourceDefinition {
    Definition::of::<ContainerRuntime>()
        .column(type_())
        .column(status("Status"))
        .column(Column::age())
        .build()
}

/// `controlplanes.extensions.gardener.cloud`.
pub fn control_plane() -> CustomResourceDefinition {
    Definition::of::<ControlPlane>()
        .column(type_())
        .column(status("Status"))
        .column(Column::age())
        .build()
}

/// `dnsrecords.extensions.gardener.cloud`.
pub fn dns_record() -> CustomResourceDefinition {
    Definition::of::<DnsRecord>()
        .column(Column::text("Type", ".spec.type", "Type of the DNS provider"))
        .column(Column::text("Domain Name", ".spec.name", "Name of the record"))
        .column(Column::text("Record Type", ".spec.recordType", "Type of the record"))
        .column(status("Status"))
        .column(Column::age())
        .build()
}

/// `extensions.extensions.gardener.cloud`.
pub fn extension() -> CustomResourceDefinition {
    Definition::of::<Extension>()
        .column(type_())
        .column(status("Status"))
        .column(Column::age())
        .build()
}

/// `infrastructures.extensions.gardener.cloud`.
pub fn infrastructure() -> CustomResourceDefinition {
    Definition::of::<Infrastructure>()
        .column(type_())
        .column(region())
        .column(status("Status"))
        .column(Column::age())
        .build()
}

/// `networks.extensions.gardener.cloud`.
pub fn network() -> CustomResourceDefinition {
    Definition::of::<Network>()
        .column(type_())
        .column(Column::text("Pod CIDR", ".spec.podCIDR", "Range of pod addresses"))
        .column(Column::text(
            "Service CIDR",
            ".spec.serviceCIDR",
            "Range of Service addresses",
        ))
        .column(status("Status"))
        .column(Column::age())
        .build()
}

/// `operatingsystemconfigs.extensions.gardener.cloud`.
pub fn operating_system_config() -> CustomResourceDefinition {
    Definition::of::<OperatingSystemConfig>()
        .column(type_())
        .column(Column::text("Purpose", ".spec.purpose", "What it is for"))
        .column(status("Status"))
        .column(Column::age())
        .build()
}

/// `selfhostedshootexposures.extensions.gardener.cloud`.
pub fn self_hosted_shoot_exposure() -> CustomResourceDefinition {
    Definition::of::<SelfHostedShootExposure>()
        .column(type_())
        .column(Column::text(
            "IP",
            ".status.ingress[*].ip",
            "Addresses of the API server",
        ))
        .column(Column::text(
            "Hostname",
            ".status.ingress[*].hostname",
            "Names of the API server",
        ))
        .column(status("Status"))
        .column(Column::age())
        .build()
}

/// `workers.extensions.gardener.cloud`.
pub fn worker() -> CustomResourceDefinition {
    Definition::of::<Worker>()
        .column(type_())
        .column(region())
        .column(status("Status"))
        .column(Column::age())
        .build()
}
