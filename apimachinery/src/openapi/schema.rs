//! The model of a schema, and its builder.

use std::borrow::Cow;

use serde_json::Value;

use crate::versioning::GroupVersionKind;

/// The schema of a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// What kind of value it is.
    pub shape: Shape,
    /// For people.
    pub description: Cow<'static, str>,
    /// How server-side apply merges a list.
    pub list_type: Option<ListType>,
    /// The fields that identify an element of a list of type map.
    pub list_map_keys: Vec<&'static str>,
    /// How a strategic merge patch treats the value: `merge`, `replace`, `retainKeys`.
    pub patch_strategy: Option<&'static str>,
    /// The field that identifies an element for a strategic merge patch.
    pub patch_merge_key: Option<&'static str>,
    /// Whether server-side apply replaces an object as a whole.
    pub atomic: bool,
    /// Whether fields that are not declared are kept.
    pub preserve_unknown: bool,
    /// Whether the value is a whole object with `apiVersion`, `kind` and `metadata`.
    pub embedded: bool,
    /// Whether the value must not change.
    pub immutable: bool,
    /// The default.
    pub default: Option<Value>,
    /// What the value must keep to.
    pub bounds: Bounds,
    /// The kinds that have this schema.
    pub kinds: Vec<GroupVersionKind>,
}

/// What kind of value a schema describes.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Any JSON object.
    AnyObject,
    /// Any JSON at all.
    Any,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Text.
    String,
    /// A whole number or text.
    IntOrString,
    /// A list.
    Array(Box<Schema>),
    /// An object with free keys.
    Map(Box<Schema>),
    /// An object with declared fields.
    Object(Vec<Property>),
    /// Another named type.
    Reference(Reference),
}

/// Another named type; `PartialEq` compares names.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Name of the component.
    pub name: String,
    /// Its schema.
    pub schema: fn() -> Schema,
}

impl PartialEq for Reference {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// A field of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// Name in JSON.
    pub name: &'static str,
    /// What stands there.
    pub schema: Schema,
    /// Whether it must be there.
    pub required: bool,
}

/// How server-side apply merges a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType {
    /// Replaced as a whole.
    Atomic,
    /// Values that occur once each.
    Set,
    /// Objects identified by key fields.
    Map,
}

impl ListType {
    /// As written in `x-kubernetes-list-type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Atomic => "atomic",
            Self::Set => "set",
            Self::Map => "map",
        }
    }
}

/// What a value must keep to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounds {
    /// Format, such as `int32` or `date-time`.
    pub format: Option<&'static str>,
    /// Regular expression.
    pub pattern: Option<&'static str>,
    /// Allowed values.
    pub values: Vec<&'static str>,
    /// Least number.
    pub minimum: Option<f64>,
    /// Greatest number.
    pub maximum: Option<f64>,
    /// Least length of text.
    pub min_length: Option<u64>,
    /// Greatest length of text.
    pub max_length: Option<u64>,
    /// Least number of elements.
    pub min_items: Option<u64>,
    /// Greatest number of elements.
    pub max_items: Option<u64>,
    /// Least number of keys.
    pub min_properties: Option<u64>,
    /// Greatest number of keys.
    pub max_properties: Option<u64>,
}

impl Schema {
    /// A schema of this shape and nothing else.
    pub fn of(shape: Shape) -> Self {
        Self {
            shape,
            description: Cow::Borrowed(""),
            list_type: None,
            list_map_keys: Vec::new(),
            patch_strategy: None,
            patch_merge_key: None,
            atomic: false,
            preserve_unknown: false,
            embedded: false,
            immutable: false,
            default: None,
            bounds: Bounds::default(),
            kinds: Vec::new(),
        }
    }

    /// An object without fields yet.
    pub fn object() -> Self {
        Self::of(Shape::Object(Vec::new()))
    }

    /// Any JSON object.
    pub fn any() -> Self {
        Self {
            preserve_unknown: true,
            ..Self::of(Shape::AnyObject)
        }
    }

    /// Any JSON value.
    pub fn any_type() -> Self {
        Self {
            preserve_unknown: true,
            ..Self::of(Shape::Any)
        }
    }

    /// Text.
    pub fn string() -> Self {
        Self::of(Shape::String)
    }

    /// A list.
    pub fn array(items: Self) -> Self {
        Self::of(Shape::Array(Box::new(items)))
    }

    /// An object with free keys.
    pub fn map(values: Self) -> Self {
        Self::of(Shape::Map(Box::new(values)))
    }

    /// Another named type.
    pub fn reference(reference: Reference) -> Self {
        Self::of(Shape::Reference(reference))
    }

    /// Adds a field that must be there.
    #[must_use]
    pub fn required(self, name: &'static str, schema: Self) -> Self {
        self.property(Property {
            name,
            schema,
            required: true,
        })
    }

    /// Adds a field that may be there.
    #[must_use]
    pub fn optional(self, name: &'static str, schema: Self) -> Self {
        self.property(Property {
            name,
            schema,
            required: false,
        })
    }

    /// Adds the fields of an embedded struct; they stay required only if the struct itself is.
    #[must_use]
    pub fn inline(mut self, embedded: Self, required: bool) -> Self {
        match embedded.shape {
            Shape::Object(properties) => properties.into_iter().fold(self, |schema, property| {
                let required = required && property.required;
                schema.property(Property { required, ..property })
            }),
            // Nothing is known of its fields: whatever they are, they must be kept.
            _ => {
                self.preserve_unknown = true;
                self
            }
        }
    }

    fn property(mut self, property: Property) -> Self {
        if let Shape::Object(properties) = &mut self.shape {
            properties.push(property);
        }
        self
    }

    /// Adds that a kind has this schema.
    #[must_use]
    pub fn kind(mut self, group: &str, version: &str, kind: &str) -> Self {
        self.kinds.push(GroupVersionKind::new(group, version, kind));
        self
    }

    /// Sets the description, unless the text is empty.
    #[must_use]
    pub fn describe(mut self, description: &'static str) -> Self {
        if !description.is_empty() {
            self.description = Cow::Borrowed(description);
        }
        self
    }

    /// Sets how server-side apply merges the list: `atomic`, `set` or `map` with its key fields.
    #[must_use]
    pub fn list_type(mut self, list_type: &str, keys: &[&'static str]) -> Self {
        self.list_type = Some(match list_type {
            "map" => ListType::Map,
            "set" => ListType::Set,
            _ => ListType::Atomic,
        });
        self.list_map_keys = keys.to_vec();
        self
    }

    /// Sets how a strategic merge patch treats the value.
    #[must_use]
    pub fn patch(mut self, strategy: &'static str, merge_key: &'static str) -> Self {
        self.patch_strategy = Some(strategy);
        self.patch_merge_key = (!merge_key.is_empty()).then_some(merge_key);
        self
    }

    /// The object is replaced as a whole by server-side apply.
    #[must_use]
    pub fn atomic(mut self) -> Self {
        self.atomic = true;
        self
    }

    /// Fields that are not declared are kept.
    #[must_use]
    pub fn preserve_unknown(mut self) -> Self {
        self.preserve_unknown = true;
        self
    }

    /// The value is a whole object.
    #[must_use]
    pub fn embedded(mut self) -> Self {
        self.embedded = true;
        self.preserve_unknown = true;
        self
    }

    /// The value must not change.
    #[must_use]
    pub fn immutable(mut self) -> Self {
        self.immutable = true;
        self
    }

    /// Sets the default from a JSON text; a text that is no JSON is itself the default.
    #[must_use]
    pub fn default_json(mut self, text: &str) -> Self {
        self.default = Some(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())));
        self
    }

    /// Sets the format.
    #[must_use]
    pub fn format(mut self, format: &'static str) -> Self {
        self.bounds.format = Some(format);
        self
    }

    /// Sets the regular expression.
    #[must_use]
    pub fn pattern(mut self, pattern: &'static str) -> Self {
        self.bounds.pattern = Some(pattern);
        self
    }

    /// Sets the allowed values: of the list's elements if it is a list.
    #[must_use]
    pub fn values(mut self, values: &[&'static str]) -> Self {
        match &mut self.shape {
            Shape::Array(items) => items.bounds.values = values.to_vec(),
            _ => self.bounds.values = values.to_vec(),
        }
        self
    }

    /// Sets the least number.
    #[must_use]
    pub fn minimum(mut self, bound: f64) -> Self {
        self.bounds.minimum = Some(bound);
        self
    }

    /// Sets the greatest number.
    #[must_use]
    pub fn maximum(mut self, bound: f64) -> Self {
        self.bounds.maximum = Some(bound);
        self
    }

    /// Sets the least length.
    #[must_use]
    pub fn min_length(mut self, bound: u64) -> Self {
        self.bounds.min_length = Some(bound);
        self
    }

    /// Sets the greatest length.
    #[must_use]
    pub fn max_length(mut self, bound: u64) -> Self {
        self.bounds.max_length = Some(bound);
        self
    }

    /// Sets the least number of elements.
    #[must_use]
    pub fn min_items(mut self, bound: u64) -> Self {
        self.bounds.min_items = Some(bound);
        self
    }

    /// Sets the greatest number of elements.
    #[must_use]
    pub fn max_items(mut self, bound: u64) -> Self {
        self.bounds.max_items = Some(bound);
        self
    }

    /// Sets the least number of keys.
    #[must_use]
    pub fn min_properties(mut self, bound: u64) -> Self {
        self.bounds.min_properties = Some(bound);
        self
    }

    /// Sets the greatest number of keys.
    #[must_use]
    pub fn max_properties(mut self, bound: u64) -> Self {
        self.bounds.max_properties = Some(bound);
        self
    }
}
