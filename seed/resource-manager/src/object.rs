//! One object of any kind, and the name that tells it from all others.

use serde_json::{Value, json};

/// What a document lacks to be an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has no {0}")]
pub struct ObjectError(&'static str);

/// Names an object in a cluster, in the order in which a list of them is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// `<group>/<version>`, or `v1`.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace, or nothing for what lies in none.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl Reference {
    /// The group alone, without the version: an object is the same in all versions of its group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether both name the same object, perhaps in different versions.
    #[must_use]
    pub fn is_same_object(&self, other: &Self) -> bool {
        (self.group(), &self.kind, &self.namespace, &self.name)
            == (other.group(), &other.kind, &other.namespace, &other.name)
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(formatter, "{} {namespace}/{}", self.kind, self.name),
            None => write!(formatter, "{} {}", self.kind, self.name),
        }
    }
}

/// An object as it shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its name.
    pub reference: Reference,
    /// The whole of it.
    pub value: Value,
}

impl Object {
    /// Takes a parsed document.
    pub fn new(value: Value) -> Result<Self, ObjectError> {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let reference = Reference {
            api_version: text("/apiVersion").ok_or(ObjectError("apiVersion"))?,
            kind: text("/kind").ok_or(ObjectError("kind"))?,
            namespace: text("/metadata/namespace").filter(|namespace| !namespace.is_empty()),
            name: text("/metadata/name").ok_or(ObjectError("metadata.name"))?,
        };
        Ok(Self { reference, value })
    }

    /// What must be there before others: 0 first.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self.reference.kind.as_str() {
            "CustomResourceDefinition" => 0,
            "Namespace" | "PriorityClass" => 1,
            "ServiceAccount" | "ClusterRole" | "Role" | "ClusterRoleBinding" | "RoleBinding" => 2,
            "ConfigMap" | "Secret" => 3,
            // What calls others comes last: until they run, it would only stand in the way.
            "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" | "APIService" => 5,
            _ => 4,
        }
    }

    /// Value of an annotation.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.value["metadata"]["annotations"][name].as_str()
    }

    /// Sets a label.
    pub fn set_label(&mut self, name: &str, value: &str) {
        self.set("labels", name, value);
    }

    /// Sets an annotation.
    pub fn set_annotation(&mut self, name: &str, value: &str) {
        self.set("annotations", name, value);
    }

    fn set(&mut self, field: &str, name: &str, value: &str) {
        let map = &mut self.value["metadata"][field];
        if !map.is_object() {
            *map = json!({});
        }
        map[name] = json!(value);
    }
}
