//! How parts of an object merge: what server-side apply and strategic merge patch ask.
//!
//! In: a [`Schema`]. Out: a [`MergeNode`], the same tree reduced to merging.

use std::collections::BTreeMap;

use crate::openapi::{ListType, OpenApi, Schema, Shape};

/// References below references, at most; a recursive type merges as a whole from there.
const MAX_DEPTH: usize = 32;

/// How a value merges.
#[derive(Clone, Debug, PartialEq)]
pub enum MergeNode {
    /// Replaced as a whole.
    Atomic,
    /// Field by field.
    Object(BTreeMap<&'static str, MergeNode>),
    /// Key by key.
    Map(Box<MergeNode>),
    /// A list of values that occur once each.
    Set,
    /// A list of objects, matched by their key fields.
    List {
        /// The key fields.
        keys: Vec<&'static str>,
        /// How a matched element merges.
        element: Box<MergeNode>,
    },
    /// Objects of unknown shape: key by key, lists as a whole.
    Deduced,
}

/// A type whose values merge by schema. Every type with a schema is one.
pub trait MergeSchema {
    /// How its values merge.
    fn merge_schema() -> MergeNode;
}

impl<T: OpenApi> MergeSchema for T {
    fn merge_schema() -> MergeNode {
        node(&T::schema(), 0)
    }
}

fn node(schema: &Schema, depth: usize) -> MergeNode {
    if schema.atomic || depth > MAX_DEPTH {
        return MergeNode::Atomic;
    }
    match &schema.shape {
        Shape::Reference(reference) => {
            let mut target = (reference.schema)();
            // Decorations of the mention count before those of the type.
            if schema.list_type.is_some() {
                target.list_type = schema.list_type;
                target.list_map_keys.clone_from(&schema.list_map_keys);
            }
            node(&target, depth + 1)
        }
        Shape::Object(properties) => MergeNode::Object(
            properties
                .iter()
                .map(|property| (property.name, node(&property.schema, depth)))
                .collect(),
        ),
        Shape::Map(values) => MergeNode::Map(Box::new(node(values, depth))),
        Shape::Array(items) => match schema.list_type {
            Some(ListType::Set) => MergeNode::Set,
            Some(ListType::Map) => MergeNode::List {
                keys: schema.list_map_keys.clone(),
                element: Box::new(node(items, depth)),
            },
            Some(ListType::Atomic) | None => MergeNode::Atomic,
        },
        Shape::AnyObject | Shape::Any => MergeNode::Deduced,
        Shape::Boolean | Shape::Integer | Shape::Number | Shape::String | Shape::IntOrString => MergeNode::Atomic,
    }
}
