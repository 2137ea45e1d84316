//! Strict checks of what clients send: fields that a type does not have, and fields that occur twice.
//!
//! In: a JSON value and a [`Schema`], or raw JSON. Out: the paths of the fields, which field validation `Warn` and
//! `Strict` report with [`unknown_field_message`] and [`duplicate_field_message`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    rc::Rc,
};

use serde::{
    Deserialize as _, Deserializer,
    de::{DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use crate::openapi::{Schema, Shape};

/// Paths reported, at most: a client that sends more mistakes does not read them all.
const MAX_REPORTED: usize = 100;

/// `unknown field "spec.foo"`.
pub fn unknown_field_message(path: &str) -> String {
    format!("unknown field {path:?}")
}

/// `duplicate field "spec.replicas"`.
pub fn duplicate_field_message(path: &str) -> String {
    format!("duplicate field {path:?}")
}

/// The fields of `value` that `schema` does not have.
pub fn unknown_fields(value: &Value, schema: &Schema) -> Vec<String> {
    let mut walk = Walk {
        path: Vec::new(),
        found: Vec::new(),
        schemas: BTreeMap::new(),
    };
    walk.value(value, schema, Flags::default());
    walk.found
}

struct Walk {
    path: Vec<Step>,
    found: Vec<String>,
    /// Referenced schemas, each built once.
    schemas: BTreeMap<String, Rc<Schema>>,
}

/// What a mention says beyond the type it mentions.
#[derive(Clone, Copy, Default)]
struct Flags {
    preserve_unknown: bool,
    embedded: bool,
}

impl Walk {
    fn value(&mut self, value: &Value, schema: &Schema, flags: Flags) {
        let flags = Flags {
            preserve_unknown: flags.preserve_unknown || schema.preserve_unknown,
            embedded: flags.embedded || schema.embedded,
        };
        match (&schema.shape, value) {
            // Scalars have no fields: their schema need not be built.
            (Shape::Reference(reference), Value::Object(_) | Value::Array(_)) => {
                let target = match self.schemas.get(&reference.name) {
                    Some(target) => Rc::clone(target),
                    None => Rc::clone(
                        self.schemas
                            .entry(reference.name.clone())
                            .or_insert_with(|| Rc::new((reference.schema)())),
                    ),
                };
                self.value(value, &target, flags);
            }
            (Shape::Array(items), Value::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    self.within(Step::Index(index), |walk| walk.value(value, items, Flags::default()));
                }
            }
            (Shape::Map(values), Value::Object(fields)) => {
                for (key, value) in fields {
                    self.within(Step::Field(key.clone()), |walk| {
                        walk.value(value, values, Flags::default())
                    });
                }
            }
            (Shape::Object(properties), Value::Object(fields)) => {
                let is_object = !schema.kinds.is_empty() || flags.embedded || self.path.is_empty();
                for (key, value) in fields {
                    self.within(Step::Field(key.clone()), |walk| {
                        match properties.iter().find(|property| property.name == key) {
                            Some(property) => walk.value(value, &property.schema, Flags::default()),
                            None if flags.preserve_unknown => {}
                            None if is_object && matches!(key.as_str(), "apiVersion" | "kind") => {}
                            None => report(&walk.path, &mut walk.found),
                        }
                    });
                }
            }
            _ => {}
        }
    }

    fn within(&mut self, step: Step, inner: impl FnOnce(&mut Self)) {
        self.path.push(step);
        inner(self);
        self.path.pop();
    }
}

/// A part of a path.
enum Step {
    Field(String),
    Index(usize),
}

fn within<R>(path: &mut Vec<Step>, step: Step, inner: impl FnOnce(&mut Vec<Step>) -> R) -> R {
    path.push(step);
    let result = inner(path);
    path.pop();
    result
}

fn report(path: &[Step], found: &mut Vec<String>) {
    if found.len() >= MAX_REPORTED {
        return;
    }
    let mut text = String::new();
    for step in path {
        match step {
            Step::Field(name) if text.is_empty() => text.push_str(name),
            Step::Field(name) => {
                text.push('.');
                text.push_str(name);
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    found.push(text);
}

/// The fields that occur more than once in their object. The text must be JSON.
pub fn duplicate_fields(json: &[u8]) -> Result<Vec<String>, serde_json::Error> {
    let mut found = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    Duplicates {
        path: &mut Vec::new(),
        found: &mut found,
    }
    .deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(found)
}

/// Walks a value and remembers each object's keys.
struct Duplicates<'a> {
    path: &'a mut Vec<Step>,
    found: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Duplicates<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Duplicates<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let is_new = seen.insert(key.clone());
            within(self.path, Step::Field(key), |path| {
                if !is_new {
                    report(path, self.found);
                }
                map.next_value_seed(Duplicates {
                    path,
                    found: self.found,
                })
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut index = 0;
        while within(self.path, Step::Index(index), |path| {
            seq.next_element_seed(Duplicates {
                path,
                found: self.found,
            })
        })?
        .is_some()
        {
            index += 1;
        }
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| ())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::duplicate_fields;

    #[test]
    fn duplicates_are_found_at_any_depth() {
        for (json, expected) in [
            (r#"{"a": 1, "b": {"a": null}}"#, &[][..]),
            (r#"{"a": 1, "a": 2, "a": 3}"#, &["a", "a"][..]),
            (
                r#"{"s": {"l": [{"n": true}, {"n": 1.5, "n": "x"}]}}"#,
                &["s.l[1].n"][..],
            ),
            (r#"[{"a": {"b": 1, "b": {}}}]"#, &["[0].a.b"][..]),
        ] {
            assert_eq!(duplicate_fields(json.as_bytes()).expect("valid"), expected, "{json}");
        }
        assert!(duplicate_fields(b"{").is_err());
        assert!(duplicate_fields(b"{} {}").is_err());
    }
}
