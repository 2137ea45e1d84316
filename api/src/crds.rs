//! CustomResourceDefinitions of the kinds that are not served by the garden's API server.
//!
//! In: the types of this crate. Out: definitions with structural schema, status subresource and columns for kubectl; as
//! YAML they lie in the folder `crds` of the repository, which a test keeps up to date.

use apimachinery::{ApiObject, openapi::OpenApi};
use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::{
        CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionNames,
        CustomResourceDefinitionSpec, CustomResourceDefinitionVersion, CustomResourceSubresourceScale,
        CustomResourceSubresourceStatus, CustomResourceSubresources, CustomResourceValidation,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde_json::{Value, json};

use crate::{
    druid::v1alpha1::Etcd,
    extensions::v1alpha1::{Cluster, DnsRecord},
    gateway::{Gateway, GatewayClass, TlsRoute},
    operator::v1alpha1::Garden,
    resources::v1alpha1::ManagedResource,
};

/// All definitions, by name.
pub fn all() -> Vec<CustomResourceDefinition> {
    vec![
        cluster(),
        dns_record(),
        etcd(),
        garden(),
        gateway_class(),
        gateway(),
        managed_resource(),
        tls_route(),
    ]
}

/// Definitions of what gardenlet and extensions exchange; needed in every seed.
pub fn seed() -> Vec<CustomResourceDefinition> {
    vec![cluster(), dns_record(), etcd(), managed_resource()]
}

/// Definitions of the Gateway API.
pub fn gateway_api() -> Vec<CustomResourceDefinition> {
    vec![gateway_class(), gateway(), tls_route()]
}

/// `clusters.extensions.gardener.cloud`.
pub fn cluster() -> CustomResourceDefinition {
    Definition::of::<Cluster>().column(Column::age()).build()
}

/// `dnsrecords.extensions.gardener.cloud`.
pub fn dns_record() -> CustomResourceDefinition {
    Definition::of::<DnsRecord>()
        .column(Column::text("Type", ".spec.type", "Type of the DNS provider"))
        .column(Column::text("Domain Name", ".spec.name", "Name of the record"))
        .column(Column::text("Record Type", ".spec.recordType", "Type of the record"))
        .column(Column::text(
            "Status",
            ".status.lastOperation.state",
            "State of the last operation",
        ))
        .column(Column::age())
        .build()
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

/// A column of `kubectl get`.
struct Column {
    name: &'static str,
    path: String,
    type_: &'static str,
    description: &'static str,
    /// Shown only with `-o wide`.
    wide: bool,
}

impl Column {
    fn text(name: &'static str, path: &str, description: &'static str) -> Self {
        Self {
            name,
            path: path.to_owned(),
            type_: "string",
            description,
            wide: false,
        }
    }

    fn age() -> Self {
        Self {
            type_: "date",
            ..Self::text("Age", ".metadata.creationTimestamp", "")
        }
    }

    fn condition(name: &'static str, condition: &str) -> Self {
        Self::text(
            name,
            &format!(r#".status.conditions[?(@.type=="{condition}")].status"#),
            "",
        )
    }

    fn wide(name: &'static str, path: &str) -> Self {
        Self {
            type_: "integer",
            wide: true,
            ..Self::text(name, path, "")
        }
    }
}

impl From<Column> for CustomResourceColumnDefinition {
    fn from(column: Column) -> Self {
        Self {
            name: column.name.to_owned(),
            json_path: column.path,
            type_: column.type_.to_owned(),
            description: (!column.description.is_empty()).then(|| column.description.to_owned()),
            priority: column.wide.then_some(1),
            ..Self::default()
        }
    }
}

/// The schema; of `metadata` it says nothing, because the API server refuses to be told.
fn structural<T: OpenApi>() -> Value {
    let mut schema = T::schema().structural();
    if let Some(metadata) = schema.pointer_mut("/properties/metadata") {
        *metadata = json!({ "type": "object" });
    }
    schema
}

/// A definition in the making.
struct Definition {
    metadata: ObjectMeta,
    group: &'static str,
    version: &'static str,
    scope: &'static str,
    names: CustomResourceDefinitionNames,
    schema: Value,
    columns: Vec<CustomResourceColumnDefinition>,
    scale: Option<CustomResourceSubresourceScale>,
}

impl Definition {
    fn of<T: ApiObject + OpenApi>() -> Self {
        let owned = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        Self {
            metadata: ObjectMeta {
                name: Some(format!("{}.{}", T::PLURAL, T::GROUP)),
                ..ObjectMeta::default()
            },
            group: T::GROUP,
            version: T::VERSION,
            scope: if T::NAMESPACED { "Namespaced" } else { "Cluster" },
            names: CustomResourceDefinitionNames {
                categories: owned(T::CATEGORIES).filter(|names| !names.is_empty()),
                kind: T::KIND.to_owned(),
                list_kind: Some(T::LIST_KIND.to_owned()),
                plural: T::PLURAL.to_owned(),
                short_names: owned(T::SHORT_NAMES).filter(|names| !names.is_empty()),
                singular: Some(T::SINGULAR.to_owned()),
            },
            schema: structural::<T>(),
            columns: Vec::new(),
            scale: None,
        }
    }

    fn column(mut self, column: Column) -> Self {
        self.columns.push(column.into());
        self
    }

    fn scale(mut self, scale: CustomResourceSubresourceScale) -> Self {
        self.scale = Some(scale);
        self
    }

    /// Adds a CEL rule to a field; `path` is a JSON pointer into the schema.
    fn rule(mut self, path: &str, rule: &str, message: &str) -> Self {
        if let Some(Value::Object(field)) = self.schema.pointer_mut(path) {
            field.insert(
                "x-kubernetes-validations".to_owned(),
                json!([{ "rule": rule, "message": message }]),
            );
        }
        self
    }

    /// Groups of Kubernetes are protected: a definition in them has to say who approved it.
    fn subset_of_gateway_api(mut self) -> Self {
        self.metadata.annotations.get_or_insert_default().insert(
            "api-approved.kubernetes.io".to_owned(),
            "unapproved, a subset of the Gateway API's own definition".to_owned(),
        );
        self
    }

    fn build(self) -> CustomResourceDefinition {
        // A schema that cannot be read back would show as an empty one in the committed files.
        let schema = serde_json::from_value(self.schema).unwrap_or_default();
        let version = CustomResourceDefinitionVersion {
            name: self.version.to_owned(),
            served: true,
            storage: true,
            schema: Some(CustomResourceValidation {
                open_api_v3_schema: Some(schema),
            }),
            additional_printer_columns: Some(self.columns),
            subresources: Some(CustomResourceSubresources {
                scale: self.scale,
                status: Some(CustomResourceSubresourceStatus(json!({}))),
            }),
            ..CustomResourceDefinitionVersion::default()
        };
        CustomResourceDefinition {
            metadata: self.metadata,
            spec: CustomResourceDefinitionSpec {
                group: self.group.to_owned(),
                names: self.names,
                scope: self.scope.to_owned(),
                versions: vec![version],
                ..CustomResourceDefinitionSpec::default()
            },
            status: None,
        }
    }
}
