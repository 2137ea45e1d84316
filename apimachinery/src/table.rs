//! `metav1.Table`: what kubectl prints.
//!
//! In: columns and cells of a kind. Out: the answer for `as=Table`.

use serde_json::Value;

use crate::{RawExtension, api_type, meta::ListMeta};

/// Rows and columns.
#[api_type]
#[api(
    group = "meta.k8s.io",
    version = "v1",
    kind = "Table",
    package = "io.k8s.apimachinery.pkg.apis.meta.v1"
)]
pub struct Table {
    /// Standard list metadata.
    #[api(optional)]
    pub metadata: ListMeta,
    /// The columns; empty in later events of a watch.
    pub column_definitions: Vec<TableColumnDefinition>,
    /// The rows.
    pub rows: Vec<TableRow>,
}

/// A column.
#[api_type]
#[api(package = "io.k8s.apimachinery.pkg.apis.meta.v1")]
pub struct TableColumnDefinition {
    /// Its head.
    pub name: String,
    /// JSON type of its cells: `string`, `integer`, `number`, `boolean`, `date`.
    #[api(name = "type")]
    pub type_: String,
    /// Format; `name` marks the column with the object's name.
    pub format: String,
    /// For people.
    pub description: String,
    /// 0 is always shown; higher ones only with `-o wide`.
    pub priority: i32,
}

/// A row.
#[api_type]
#[api(package = "io.k8s.apimachinery.pkg.apis.meta.v1")]
pub struct TableRow {
    /// One value per column.
    pub cells: Vec<Value>,
    /// State of the row itself.
    #[api(omitempty)]
    pub conditions: Vec<TableRowCondition>,
    /// The object, its metadata, or nothing: as the client asked by `includeObject`.
    pub object: Option<RawExtension>,
}

/// State of a row.
#[api_type]
#[api(package = "io.k8s.apimachinery.pkg.apis.meta.v1")]
pub struct TableRowCondition {
    /// Type: `Completed` is the only one.
    #[api(name = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// For machines.
    #[api(omitempty)]
    pub reason: String,
    /// For people.
    #[api(omitempty)]
    pub message: String,
}

/// What a table's rows carry, beside their cells.
#[api_type]
pub enum IncludeObject {
    /// Nothing.
    None,
    /// Metadata.
    #[api(default)]
    Metadata,
    /// The whole object.
    Object,
}

impl TableColumnDefinition {
    /// A column that is always shown.
    pub fn new(name: &str, type_: &str, description: &str) -> Self {
        Self {
            name: name.to_owned(),
            type_: type_.to_owned(),
            description: description.to_owned(),
            ..Self::default()
        }
    }

    /// The column with the object's name.
    pub fn name() -> Self {
        let description = "Name must be unique within a namespace.";
        Self {
            format: "name".to_owned(),
            ..Self::new("Name", "string", description)
        }
    }

    /// The column with the object's age; its cells are made by [`crate::duration::human`].
    pub fn age() -> Self {
        Self::new("Age", "date", "Time since the object was created.")
    }

    /// Shows it only with `-o wide`.
    #[must_use]
    pub fn wide(mut self) -> Self {
        self.priority = 1;
        self
    }
}
