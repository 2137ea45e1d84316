//! JSON as Kubernetes' Go structs speak it: what the code of `#[api_type]` calls.
//!
//! In: a serde serializer or deserializer and a type that lists its [`Fields`]. Out: an object whose absent or `null`
//! fields have their defaults and whose unknown fields are skipped. Strict checks of unknown and duplicate fields work
//! on the raw text instead: see [`crate::schema`].

use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData};

mod quantities;

use k8s_openapi::ByteString;
use serde::{
    Deserialize, Deserializer, Serializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor},
    ser::SerializeMap,
};

pub use self::quantities::{Quantities, quantity_text, read_quantities};

/// The fields of an object, one by one, so that an embedded struct can lie beside the fields of its owner.
pub trait Fields {
    /// Writes every field that is to be written.
    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Reads the value of `key` from `map`. `false`, and nothing consumed, if there is no such field.
    fn deserialize_field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// An embedded pointer: `None` until one of its fields is present.
impl<T: Fields + Default> Fields for Option<T> {
    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        self.as_ref().map_or(Ok(()), |inner| inner.serialize_fields(map))
    }

    fn deserialize_field<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        if let Some(inner) = self {
            return inner.deserialize_field(key, map);
        }
        let mut inner = T::default();
        let known = inner.deserialize_field(key, map)?;
        if known {
            *self = Some(inner);
        }
        Ok(known)
    }
}

/// Writes an object of all its fields.
pub fn serialize<T: Fields, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    value.serialize_fields(&mut map)?;
    map.end()
}

/// Reads an object; fields that the type does not know are skipped.
pub fn deserialize<'de, T, D>(deserializer: D, name: &'static str) -> Result<T, D::Error>
where
    T: Fields + Default,
    D: Deserializer<'de>,
{
    deserializer.deserialize_map(ObjectVisitor {
        name,
        object: PhantomData,
    })
}

struct ObjectVisitor<T> {
    name: &'static str,
    object: PhantomData<T>,
}

impl<'de, T: Fields + Default> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object ({})", self.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut object = T::default();
        while let Some(key) = map.next_key_seed(Key)? {
            if !object.deserialize_field(&key, &mut map)? {
                skip(&mut map)?;
            }
        }
        Ok(object)
    }
}

/// A key, borrowed from the text where possible.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a field")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text))
    }
}

/// Reads the value of a field; `null` is the default. An error names the path to the field.
pub fn read<'de, T, A>(field: &mut T, name: &'static str, map: &mut A) -> Result<(), A::Error>
where
    T: Deserialize<'de> + Default,
    A: MapAccess<'de>,
{
    *field = next_value(name, map)?.unwrap_or_default();
    Ok(())
}

/// The value of a field; `None` for `null`.
fn next_value<'de, T, A>(name: &'static str, map: &mut A) -> Result<Option<T>, A::Error>
where
    T: Deserialize<'de>,
    A: MapAccess<'de>,
{
    map.next_value()
        .map_err(|error| A::Error::custom(prefix(name, &error.to_string())))
}

/// Puts a field's name before the message of a failure inside it: `spec.region: invalid type: …`.
fn prefix(name: &str, message: &str) -> String {
    let path = message.split_once(": ").map_or("", |(path, _)| path);
    // serde's own messages start with words; only what this function made has none before the colon.
    let separator = if path.is_empty() || path.contains(' ') {
        ": "
    } else {
        "."
    };
    format!("{name}{separator}{message}")
}

/// Reads over a value.
pub fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(|_| ())
}

/// Reads a string of an enum; `null` is its default.
pub fn deserialize_enum<'de, T, D>(
    deserializer: D,
    parse: fn(&str) -> Option<T>,
    names: &'static [&'static str],
) -> Result<T, D::Error>
where
    T: Default,
    D: Deserializer<'de>,
{
    match Option::<Text<'de>>::deserialize(deserializer)? {
        None => Ok(T::default()),
        Some(Text(text)) => parse(&text).ok_or_else(|| D::Error::unknown_variant(&text, names)),
    }
}

struct Text<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Key.deserialize(deserializer).map(Self)
    }
}

/// Values that `omitempty` leaves out. Structs are none of them: Go always writes a struct.
pub trait Empty {
    /// Whether `omitempty` leaves the value out.
    fn is_empty_value(&self) -> bool;
}

macro_rules! empty_when_zero {
    ($($ty:ty),+) => {
        $(impl Empty for $ty {
            fn is_empty_value(&self) -> bool {
                *self == <$ty>::default()
            }
        })+
    };
}
empty_when_zero!(bool, i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

impl Empty for String {
    fn is_empty_value(&self) -> bool {
        self.is_empty()
    }
}

impl<T> Empty for Vec<T> {
    fn is_empty_value(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> Empty for BTreeMap<K, V> {
    fn is_empty_value(&self) -> bool {
        self.is_empty()
    }
}

impl<T> Empty for Option<T> {
    fn is_empty_value(&self) -> bool {
        self.is_none()
    }
}

impl Empty for ByteString {
    fn is_empty_value(&self) -> bool {
        self.0.is_empty()
    }
}

impl Empty for serde_json::Value {
    fn is_empty_value(&self) -> bool {
        self.is_null()
    }
}

/// Asks a field marked `omitempty` whether to leave it out, whatever its type: [`OmitWhenEmpty`] answers for those that
/// can be empty, [`OmitAlwaysWritten`], found only after one more reference, for the rest.
pub struct Omit<'a, T>(pub &'a T);

/// See [`Omit`].
pub trait OmitWhenEmpty {
    /// Whether to leave the field out.
    fn omit(&self) -> bool;
}

impl<T: Empty> OmitWhenEmpty for Omit<'_, T> {
    fn omit(&self) -> bool {
        self.0.is_empty_value()
    }
}

/// See [`Omit`].
pub trait OmitAlwaysWritten {
    /// Whether to leave the field out: never.
    fn omit(&self) -> bool;
}

impl<T> OmitAlwaysWritten for &Omit<'_, T> {
    fn omit(&self) -> bool {
        false
    }
}
