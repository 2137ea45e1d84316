//! Schema → JSON: OpenAPI v3 with references, and the structural schema of a CRD without.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{OpenApi, Property, Schema, Shape};

/// Name of the component that a CRD's own metadata has.
const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// References below references, at most; a recursive type stops here as an object of any shape.
const MAX_INLINE_DEPTH: usize = 32;

/// `components.schemas` of an OpenAPI v3 document.
#[derive(Clone, Debug, Default)]
pub struct Components {
    schemas: BTreeMap<String, Value>,
}

impl Components {
    /// Adds a type and all it refers to. Types without a name are written where they are used.
    pub fn add<T: OpenApi>(&mut self) {
        let Some(name) = T::name() else { return };
        self.add_named(name, T::schema);
    }

    /// Adds a component.
    pub fn add_named(&mut self, name: String, schema: fn() -> Schema) {
        if self.schemas.contains_key(&name) {
            return;
        }
        // Inserted before its references are followed: a recursive type must find itself.
        self.schemas.insert(name.clone(), Value::Null);
        let rendered = self.render(&schema(), true);
        self.schemas.insert(name, rendered);
    }

    /// A reference to a type that was added, or the schema itself if the type has no name.
    pub fn reference<T: OpenApi>(&mut self) -> Value {
        self.add::<T>();
        self.render(&T::reference(), false)
    }

    /// The components by name.
    pub fn schemas(&self) -> &BTreeMap<String, Value> {
        &self.schemas
    }

    /// `{"schemas": {…}}`.
    pub fn to_value(&self) -> Value {
        json!({ "schemas": self.schemas })
    }

    fn render(&mut self, schema: &Schema, is_component: bool) -> Value {
        let mut out = Map::new();
        match &schema.shape {
            Shape::Reference(reference) => {
                self.add_named(reference.name.clone(), reference.schema);
                // Beside `$ref` nothing counts in OpenAPI v3.0: decorations need `allOf`.
                out.insert("allOf".to_owned(), json!([{ "$ref": reference_path(&reference.name) }]));
            }
            Shape::Array(items) => {
                out.insert("type".to_owned(), json!("array"));
                let items = self.render(items, false);
                out.insert("items".to_owned(), items);
            }
            Shape::Map(values) => {
                out.insert("type".to_owned(), json!("object"));
                let values = self.render(values, false);
                out.insert("additionalProperties".to_owned(), values);
            }
            Shape::Object(properties) => {
                out.insert("type".to_owned(), json!("object"));
                let rendered = self.properties(schema, properties, is_component);
                insert_properties(&mut out, rendered, required(properties));
            }
            shape => scalar(shape, &mut out, false),
        }
        decorate(schema, &mut out, false);
        if let (true, Shape::Reference(reference)) = (out.len() == 1, &schema.shape) {
            return json!({ "$ref": reference_path(&reference.name) });
        }
        Value::Object(out)
    }

    fn properties(&mut self, schema: &Schema, properties: &[Property], is_component: bool) -> Map<String, Value> {
        let mut rendered = Map::new();
        if is_component && !schema.kinds.is_empty() {
            rendered.extend(type_meta());
        }
        for property in properties {
            let value = self.render(&property.schema, false);
            rendered.insert(property.name.to_owned(), value);
        }
        rendered
    }
}

impl Schema {
    /// The schema as a CRD has it: references written out, and the object's own `metadata` without its fields, which the
    /// API server knows. Metadata elsewhere (of a template) is written out, or the API server would drop what is in it.
    pub fn structural(&self) -> Value {
        Value::Object(structural(
            self,
            Position {
                depth: 0,
                is_object: true,
            },
        ))
    }
}

/// Where a schema stands in a structural schema.
#[derive(Clone, Copy)]
struct Position {
    /// References followed so far.
    depth: usize,
    /// Whether the value is an object of its own, with `apiVersion`, `kind` and `metadata`.
    is_object: bool,
}

impl Position {
    fn inside(self) -> Self {
        Self {
            is_object: false,
            ..self
        }
    }
}

fn structural(schema: &Schema, position: Position) -> Map<String, Value> {
    let mut out = Map::new();
    match &schema.shape {
        Shape::Reference(_) if position.depth >= MAX_INLINE_DEPTH => {
            out.insert("x-kubernetes-preserve-unknown-fields".to_owned(), json!(true));
        }
        Shape::Reference(reference) => {
            let is_object = position.is_object || schema.embedded;
            out = structural(
                &(reference.schema)(),
                Position {
                    depth: position.depth + 1,
                    is_object,
                },
            );
        }
        Shape::Array(items) => {
            out.insert("type".to_owned(), json!("array"));
            out.insert("items".to_owned(), Value::Object(structural(items, position.inside())));
        }
        Shape::Map(values) => {
            out.insert("type".to_owned(), json!("object"));
            out.insert(
                "additionalProperties".to_owned(),
                Value::Object(structural(values, position.inside())),
            );
        }
        Shape::Object(properties) => {
            out.insert("type".to_owned(), json!("object"));
            let is_object = position.is_object || schema.embedded;
            let mut rendered = Map::new();
            if !schema.kinds.is_empty() || schema.embedded {
                rendered.extend(type_meta());
            }
            for property in properties {
                let value = match &property.schema.shape {
                    Shape::Reference(reference) if is_object && reference.name == OBJECT_META => {
                        own_metadata(&property.schema)
                    }
                    _ => structural(&property.schema, position.inside()),
                };
                rendered.insert(property.name.to_owned(), Value::Object(value));
            }
            insert_properties(&mut out, rendered, required(properties));
        }
        shape => scalar(shape, &mut out, true),
    }
    decorate(schema, &mut out, true);
    out
}

fn own_metadata(schema: &Schema) -> Map<String, Value> {
    let mut out = Map::from_iter([("type".to_owned(), json!("object"))]);
    decorate(schema, &mut out, true);
    out
}

fn reference_path(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

fn required(properties: &[Property]) -> Vec<&'static str> {
    properties
        .iter()
        .filter(|property| property.required)
        .map(|property| property.name)
        .collect()
}

fn insert_properties(out: &mut Map<String, Value>, properties: Map<String, Value>, mut required: Vec<&'static str>) {
    if !properties.is_empty() {
        out.insert("properties".to_owned(), Value::Object(properties));
    }
    if !required.is_empty() {
        required.sort_unstable();
        out.insert("required".to_owned(), json!(required));
    }
}

fn type_meta() -> [(String, Value); 2] {
    let text =
        |name: &str, description: &str| (name.to_owned(), json!({ "type": "string", "description": description }));
    [
        text(
            "apiVersion",
            "The versioned schema of this representation of an object: group and version.",
        ),
        text("kind", "The kind of resource this object represents, in CamelCase."),
    ]
}

/// Shapes without parts. A structural schema says int-or-string by its extension, OpenAPI by `oneOf`.
fn scalar(shape: &Shape, out: &mut Map<String, Value>, structural: bool) {
    let name = match shape {
        Shape::Boolean => "boolean",
        Shape::Integer => "integer",
        Shape::Number => "number",
        Shape::String => "string",
        Shape::AnyObject => "object",
        Shape::IntOrString => {
            let choice = json!([{ "type": "integer" }, { "type": "string" }]);
            if structural {
                out.insert("anyOf".to_owned(), choice);
                out.insert("x-kubernetes-int-or-string".to_owned(), json!(true));
            } else {
                out.insert("oneOf".to_owned(), choice);
                out.insert("format".to_owned(), json!("int-or-string"));
            }
            return;
        }
        _ => return,
    };
    out.insert("type".to_owned(), json!(name));
}

/// Description, extensions, bounds, default.
fn decorate(schema: &Schema, out: &mut Map<String, Value>, structural: bool) {
    let mut set = |name: &str, value: Value| {
        out.insert(name.to_owned(), value);
    };
    if !schema.description.is_empty() {
        set("description", json!(schema.description));
    }
    if let Some(list_type) = schema.list_type {
        set("x-kubernetes-list-type", json!(list_type.as_str()));
    }
    if !schema.list_map_keys.is_empty() {
        set("x-kubernetes-list-map-keys", json!(schema.list_map_keys));
    }
    if schema.atomic {
        set("x-kubernetes-map-type", json!("atomic"));
    }
    if schema.preserve_unknown && (structural || !matches!(schema.shape, Shape::AnyObject | Shape::Any)) {
        set("x-kubernetes-preserve-unknown-fields", json!(true));
    }
    if schema.embedded && structural {
        set("x-kubernetes-embedded-resource", json!(true));
    }
    if schema.immutable && structural {
        set(
            "x-kubernetes-validations",
            json!([{ "rule": "self == oldSelf", "message": "Value is immutable" }]),
        );
    }
    if let Some(default) = &schema.default {
        set("default", default.clone());
    }
    if !structural {
        // These two belong to strategic merge patch, which CRDs do not have.
        if let Some(strategy) = schema.patch_strategy {
            set("x-kubernetes-patch-strategy", json!(strategy));
        }
        if let Some(key) = schema.patch_merge_key {
            set("x-kubernetes-patch-merge-key", json!(key));
        }
        if !schema.kinds.is_empty() {
            set("x-kubernetes-group-version-kind", json!(schema.kinds));
        }
    }
    bounds(schema, out);
}

fn bounds(schema: &Schema, out: &mut Map<String, Value>) {
    let bounds = &schema.bounds;
    let number = |bound: Option<f64>| {
        bound.map(|bound| {
            if bound.fract() == 0.0 {
                json!(bound as i64)
            } else {
                json!(bound)
            }
        })
    };
    let count = |bound: Option<u64>| bound.map(|bound| json!(bound));
    let entries = [
        ("format", bounds.format.map(|format| json!(format))),
        ("pattern", bounds.pattern.map(|pattern| json!(pattern))),
        ("enum", (!bounds.values.is_empty()).then(|| json!(bounds.values))),
        ("minimum", number(bounds.minimum)),
        ("maximum", number(bounds.maximum)),
        ("minLength", count(bounds.min_length)),
        ("maxLength", count(bounds.max_length)),
        ("minItems", count(bounds.min_items)),
        ("maxItems", count(bounds.max_items)),
        ("minProperties", count(bounds.min_properties)),
        ("maxProperties", count(bounds.max_properties)),
    ];
    for (name, value) in entries {
        if let Some(value) = value {
            out.insert(name.to_owned(), value);
        }
    }
}
