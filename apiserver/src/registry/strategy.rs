//! What makes a kind special: all that the generic server must be told about it.
//!
//! A kind is its type and a [`Strategy`]; its subresources are [`UpdateStrategy`]s (`/status`, `/binding`) and
//! [`Action`]s (`/adminkubeconfig`). Every method has a default that is right for most kinds.

use std::collections::BTreeMap;

use apimachinery::{ApiObject, field::FieldErrors, protobuf::Protobuf, status::Status, table::TableColumnDefinition};
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use crate::context::RequestContext;

/// A column of the table that `kubectl get` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub name: &'static str,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub kind: &'static str,
    /// `name` for the column that names the object; else mostly empty.
    pub format: &'static str,
    /// What it shows.
    pub description: &'static str,
    /// 0: always shown. Greater: only with `-o wide`.
    pub priority: i32,
}

impl Column {
    /// The column of the object's name.
    pub const NAME: Self = Self {
        format: "name",
        ..Self::string("Name", "Name of the object.")
    };
    /// The column of the object's age.
    pub const AGE: Self = Self {
        kind: "date",
        ..Self::string("Age", "Time since the object was created.")
    };

    /// A column of text.
    #[must_use]
    pub const fn string(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            kind: "string",
            format: "",
            description,
            priority: 0,
        }
    }

    /// A column of whole numbers.
    #[must_use]
    pub const fn integer(name: &'static str, description: &'static str) -> Self {
        Self {
            kind: "integer",
            ..Self::string(name, description)
        }
    }

    /// The same column, shown with `-o wide` only.
    #[must_use]
    pub const fn wide(self) -> Self {
        Self { priority: 1, ..self }
    }

    pub(crate) fn definition(self) -> TableColumnDefinition {
        TableColumnDefinition {
            name: self.name.to_owned(),
            type_: self.kind.to_owned(),
            format: self.format.to_owned(),
            description: self.description.to_owned(),
            priority: self.priority,
        }
    }
}

/// How a kind is created, changed, checked and shown.
///
/// A create goes: defaults → mutating admission → [`Strategy::prepare_for_create`] → [`Strategy::validate`] →
/// [`Strategy::canonicalize`] → validating admission → storage. An update goes the same way with the old object beside.
pub trait Strategy: Send + Sync + 'static {
    /// The kind in its storage version, which is also the one that all methods see.
    type Object: ApiObject + Protobuf;

    /// Fills in what the user left out. Also applied to every stored object when it is read.
    fn default(&self, _object: &mut Self::Object) {}

    /// Changes a stored object for its readers, after [`Strategy::default`].
    fn decorate(&self, _object: &mut Self::Object) {}

    /// Clears what clients may not set, sets what they can't know. Must not remove what validation would reject.
    ///
    /// Name, uid and creation time are set already; generation is `None`.
    fn prepare_for_create(&self, _context: &RequestContext, _object: &mut Self::Object) {}

    /// The same for an update. Metadata that clients may not change are the old ones already, generation included.
    fn prepare_for_update(&self, _context: &RequestContext, _new: &mut Self::Object, _old: &Self::Object) {}

    /// Brings a valid object into its canonical form.
    fn canonicalize(&self, _object: &mut Self::Object) {}

    /// Everything that is wrong with a new object.
    fn validate(&self, _context: &RequestContext, _object: &Self::Object) -> FieldErrors {
        FieldErrors::default()
    }

    /// Everything that is wrong with a changed object; includes what [`Strategy::validate`] would say.
    fn validate_update(&self, _context: &RequestContext, _new: &Self::Object, _old: &Self::Object) -> FieldErrors {
        FieldErrors::default()
    }

    /// What to tell the user though the object is valid. `old` is there on updates.
    fn warnings(&self, _context: &RequestContext, _new: &Self::Object, _old: Option<&Self::Object>) -> Vec<String> {
        Vec::new()
    }

    /// Columns of the kind's table.
    fn columns(&self) -> Vec<Column> {
        vec![Column::NAME, Column::AGE]
    }

    /// The object's cells, one per column.
    fn cells(&self, object: &Self::Object, now: Timestamp) -> Vec<Value> {
        vec![Value::from(object.name_or_empty()), Value::from(age(object, now))]
    }

    /// What field selectors may ask for beside `metadata.name` and `metadata.namespace`. The keys must not depend on the
    /// object.
    fn selectable_fields(&self, _object: &Self::Object) -> BTreeMap<&'static str, String> {
        BTreeMap::new()
    }

    /// Whether a PUT of an object that does not exist creates it.
    fn allow_create_on_update(&self) -> bool {
        false
    }

    /// Whether a PUT without `resourceVersion` overwrites whatever there is.
    fn allow_unconditional_update(&self) -> bool {
        false
    }
}

/// Time since an object was created, as short as `kubectl` prints it; `<unknown>` where it is not known.
pub fn age(object: &impl ApiObject, now: Timestamp) -> String {
    let Some(created) = &object.metadata().creation_timestamp else {
        return "<unknown>".to_owned();
    };
    // Clocks differ: what was created in the future is new.
    let elapsed = std::time::Duration::try_from(now.duration_since(created.0)).unwrap_or_default();
    apimachinery::duration::human(elapsed)
}

/// How an object is changed through one of its subresources: GET, PUT and PATCH of the whole object.
pub trait UpdateStrategy: Send + Sync + 'static {
    /// The parent's kind.
    type Object: ApiObject;

    /// Takes back every change that is not this subresource's: for `/status`, spec and metadata become the old ones.
    ///
    /// Metadata that nobody may change are the old ones already.
    fn prepare_for_update(&self, context: &RequestContext, new: &mut Self::Object, old: &Self::Object);

    /// Everything that is wrong with the changed object.
    fn validate_update(&self, _context: &RequestContext, _new: &Self::Object, _old: &Self::Object) -> FieldErrors {
        FieldErrors::default()
    }

    /// Brings a valid object into its canonical form.
    fn canonicalize(&self, _object: &mut Self::Object) {}

    /// What to tell the user though the object is valid.
    fn warnings(&self, _context: &RequestContext, _new: &Self::Object, _old: &Self::Object) -> Vec<String> {
        Vec::new()
    }
}

/// A subresource that is asked by POST, with a body of a kind of its own, and answers with the same kind.
#[async_trait]
pub trait Action: Send + Sync + 'static {
    /// The parent's kind.
    type Object: ApiObject;
    /// Kind of the body and of the answer.
    type Body: ApiObject + Protobuf;

    /// Fills in what the user left out.
    fn default(&self, _body: &mut Self::Body) {}

    /// Everything that is wrong with the body.
    fn validate(&self, _context: &RequestContext, _body: &Self::Body) -> FieldErrors {
        FieldErrors::default()
    }

    /// Answers. Must change nothing when [`RequestContext::dry_run`] is set.
    async fn run(&self, context: &RequestContext, parent: Self::Object, body: Self::Body)
    -> Result<Self::Body, Status>;
}
