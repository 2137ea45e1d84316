//! CustomResourceDefinitions of the kinds that are not served by the garden's API server.
//!
//! In: the types of this crate. Out: definitions with structural schema, status subresource and columns for kubectl; as
//! YAML they lie in the folder `crds` of the repository, which a test keeps up to date.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceSubresourceScale,
};

use self::definition::{Column, Definition};
use crate::{
    druid::v1alpha1::Etcd,
    gateway::{Gateway, GatewayClass, TlsRoute},
    operator::v1alpha1::Garden,
    resources::v1alpha1::ManagedResource,
};

mod definition; // what definitions are put together from
pub mod extensions; // what gardenlet asks extensions for
pub mod machines; // machines of shoots

/// All definitions, by name.
pub fn all() -> Vec<CustomResourceDefinition> {
    let mut all = seed();
    all.push(garden());
    all.extend(gateway_api());
    all.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
    all
}

/// Definitions of what gardenlet, extensions and the machine controller exchange; needed in every seed.
pub fn seed() -> Vec<CustomResourceDefinition> {
    let mut seed = extensions::all();
    seed.extend(machines::all());
    seed.extend([etcd(), managed_resource()]);
    seed
}

/// Definitions of the Gateway API.
pub fn gateway_api() -> Vec<CustomResourceDefinition> {
    vec![gateway_class(), gateway(), tls_route()]
}

/// `managedresources.resources.gardener.cloud`.
pub fn managed_resource() -> CustomResourceDefinition {
    Definition::of::<ManagedResource>()
        .column(Column::text("Class", ".spec.class", "Responsible resource manager"))
        .column(Column::condition("Applied", "ResourcesApplied"))
        .column(Column::condition("Healthy", "ResourcesHealthy"))
        .column(Column::condition("Progressing", "ResourcesProgressing"))
        .column(Column::age())
        .build()
}

/// `gardens.operator.gardener.cloud`.
pub fn garden() -> CustomResourceDefinition {
    Definition::of::<Garden>()
        .column(Column::text(
            "K8S Version",
            ".spec.virtualCluster.kubernetes.version",
            "Kubernetes version of the garden",
        ))
        .column(Column::text(
            "Gardener Version",
            ".status.gardener.version",
            "Version that was rolled out last",
        ))
        .column(Column::text(
            "Last Operation",
            ".status.lastOperation.state",
            "State of the last operation",
        ))
        .column(Column::condition("Runtime", "RuntimeComponentsHealthy"))
        .column(Column::condition("Virtual", "VirtualComponentsHealthy"))
        .column(Column::condition("API Server", "VirtualGardenAPIServerAvailable"))
        .column(Column::condition("Observability", "ObservabilityComponentsHealthy"))
        .column(Column::age())
        .build()
}

/// `etcds.druid.gardener.cloud`.
pub fn etcd() -> CustomResourceDefinition {
    Definition::of::<Etcd>()
        .scale(CustomResourceSubresourceScale {
            spec_replicas_path: ".spec.replicas".to_owned(),
            status_replicas_path: ".status.replicas".to_owned(),
            label_selector_path: Some(".status.selector".to_owned()),
        })
        .rule(
            "/properties/spec/properties/replicas",
            "self == 0 || self >= oldSelf",
            "Replicas can either be increased or be downscaled to 0",
        )
        .column(Column::condition("Quorate", "Ready"))
        .column(Column::condition("All Members Ready", "AllMembersReady"))
        .column(Column::condition("Backup Ready", "BackupReady"))
        .column(Column::age())
        .column(Column::wide("Cluster Size", ".spec.replicas"))
        .column(Column::wide("Current Replicas", ".status.currentReplicas"))
        .column(Column::wide("Ready Replicas", ".status.readyReplicas"))
        .build()
}

/// `gatewayclasses.gateway.networking.k8s.io`.
pub fn gateway_class() -> CustomResourceDefinition {
    Definition::of::<GatewayClass>()
        .subset_of_gateway_api()
        .column(Column::text("Controller", ".spec.controllerName", ""))
        .column(Column::condition("Accepted", "Accepted"))
        .column(Column::age())
        .build()
}

/// `gateways.gateway.networking.k8s.io`.
pub fn gateway() -> CustomResourceDefinition {
    Definition::of::<Gateway>()
        .subset_of_gateway_api()
        .column(Column::text("Class", ".spec.gatewayClassName", ""))
        .column(Column::text("Address", ".status.addresses[*].value", ""))
        .column(Column::condition("Programmed", "Programmed"))
        .column(Column::age())
        .build()
}

/// `tlsroutes.gateway.networking.k8s.io`.
pub fn tls_route() -> CustomResourceDefinition {
    Definition::of::<TlsRoute>()
        .subset_of_gateway_api()
        .column(Column::text("Hostnames", ".spec.hostnames", ""))
        .column(Column::age())
        .build()
}
