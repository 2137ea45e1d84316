//! What definitions are put together from: a type's schema, its names, and columns for kubectl.

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

/// A column of `kubectl get`.
pub(super) struct Column {
    name: &'static str,
    path: String,
    type_: &'static str,
    description: &'static str,
    /// Shown only with `-o wide`.
    wide: bool,
}

impl Column {
    pub(super) fn text(name: &'static str, path: &str, description: &'static str) -> Self {
        Self {
            name,
            path: path.to_owned(),
            type_: "string",
            description,
            wide: false,
        }
    }

    pub(super) fn age() -> Self {
        Self {
            type_: "date",
            ..Self::text("Age", ".metadata.creationTimestamp", "")
        }
    }

    pub(super) fn condition(name: &'static str, condition: &str) -> Self {
        Self::text(
            name,
            &format!(r#".status.conditions[?(@.type=="{condition}")].status"#),
            "",
        )
    }

    /// A number.
    pub(super) fn number(name: &'static str, path: &str, description: &'static str) -> Self {
        Self {
            type_: "integer",
            ..Self::text(name, path, description)
        }
    }

    pub(super) fn wide(name: &'static str, path: &str) -> Self {
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
pub(super) struct Definition {
    metadata: ObjectMeta,
    group: &'static str,
    version: &'static str,
    scope: &'static str,
    names: CustomResourceDefinitionNames,
    schema: Value,
    columns: Vec<CustomResourceColumnDefinition>,
    scale: Option<CustomResourceSubresourceScale>,
    /// Whether the status is written apart from the rest.
    status: bool,
}

impl Definition {
    pub(super) fn of<T: ApiObject + OpenApi>() -> Self {
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
            status: true,
        }
    }

    pub(super) fn column(mut self, column: Column) -> Self {
        self.columns.push(column.into());
        self
    }

    pub(super) fn scale(mut self, scale: CustomResourceSubresourceScale) -> Self {
        self.scale = Some(scale);
        self
    }

    /// Counts of machines or pods are read and written by `kubectl scale`.
    pub(super) fn replicas(self) -> Self {
        self.scale(CustomResourceSubresourceScale {
            spec_replicas_path: ".spec.replicas".to_owned(),
            status_replicas_path: ".status.replicas".to_owned(),
            label_selector_path: None,
        })
    }

    /// The kind has no status.
    pub(super) fn without_status(mut self) -> Self {
        self.status = false;
        self
    }

    /// Adds a CEL rule to a field; `path` is a JSON pointer into the schema.
    pub(super) fn rule(mut self, path: &str, rule: &str, message: &str) -> Self {
        if let Some(Value::Object(field)) = self.schema.pointer_mut(path) {
            field.insert(
                "x-kubernetes-validations".to_owned(),
                json!([{ "rule": rule, "message": message }]),
            );
        }
        self
    }

    /// Groups of Kubernetes are protected: a definition in them has to say who approved it.
    pub(super) fn subset_of_gateway_api(mut self) -> Self {
        self.metadata.annotations.get_or_insert_default().insert(
            "api-approved.kubernetes.io".to_owned(),
            "unapproved, a subset of the Gateway API's own definition".to_owned(),
        );
        self
    }

    pub(super) fn build(self) -> CustomResourceDefinition {
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
            subresources: self.status.then(|| CustomResourceSubresources {
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
