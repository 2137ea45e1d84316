//! How each Rust type stands in a field.
//!
//! Scalars follow proto2 as Go's generator uses it: integers are plain varints (negative ones ten bytes long), lists are
//! unpacked when written and accepted either way, maps are repeated messages of key and value.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use serde_json::Value;

use super::{DecodeError, Reader, WireType, Writer};

/// A type that can be the value of a field.
pub trait ProtobufValue: Sized {
    /// How one value is delimited.
    const WIRE: WireType;

    /// Writes the field; nothing if the value is absent.
    fn write(&self, tag: u32, writer: &mut Writer);

    /// Reads one occurrence of the field: lists and maps grow, scalars are replaced, messages are merged.
    fn merge(&mut self, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError>;

    /// The value before anything is read: Go's zero value.
    fn zero() -> Self;

    /// Whether this is Go's zero value.
    fn is_zero(&self) -> bool {
        false
    }

    /// Whether the value, though written, means that there is none: a `Time` that was never set.
    fn is_absent(&self) -> bool {
        false
    }
}

macro_rules! integers {
    ($($ty:ty),+) => {
        $(impl ProtobufValue for $ty {
            const WIRE: WireType = WireType::Varint;

            // Sign extension to 64 bits is what protobuf asks for.
            #[allow(clippy::cast_lossless, clippy::cast_sign_loss, clippy::unnecessary_cast)]
            fn write(&self, tag: u32, writer: &mut Writer) {
                writer.varint(tag, *self as i64 as u64);
            }

            #[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast)]
            fn merge(&mut self, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
                // Wider values are cut off, as every protobuf implementation does.
                *self = reader.varint(wire)? as $ty;
                Ok(())
            }

            fn zero() -> Self {
                0
            }

            fn is_zero(&self) -> bool {
                *self == 0
            }
        })+
    };
}
integers!(i32, i64, u32, u64);

impl ProtobufValue for bool {
    const WIRE: WireType = WireType::Varint;

    fn write(&self, tag: u32, writer: &mut Writer) {
        writer.varint(tag, u64::from(*self));
    }

    fn merge(&mut self, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        *self = reader.varint(wire)? != 0;
        Ok(())
    }

    fn zero() -> Self {
        false
    }

    fn is_zero(&self) -> bool {
        !self
    }
}

impl ProtobufValue for f64 {
    const WIRE: WireType = WireType::Fixed64;

    fn write(&self, tag: u32, writer: &mut Writer) {
        writer.fixed64(tag, self.to_bits());
    }

    fn merge(&mut self, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        *self = Self::from_bits(reader.fixed64(wire)?);
        Ok(())
    }

    fn zero() -> Self {
        0.0
    }

    fn is_zero(&self) -> bool {
        *self == 0.0
    }
}

impl ProtobufValue for f32 {
    const WIRE: WireType = WireType::Fixed32;

    fn write(&self, tag: u32, writer: &mut Writer) {
        writer.fixed32(tag, self.to_bits());
    }

    fn merge(&mut self, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        *self = Self::from_bits(reader.fixed32(wire)?);
        Ok(())
    }

    fn zero() -> Self {
        0.0
    }

    fn is_zero(&self) -> bool {
        *self == 0.0
    }
}

impl ProtobufValue for String {
    const WIRE: WireType = WireType::LengthDelimited;

    fn write(&self, tag: u32, writer: &mut Writer) {
        writer.bytes(tag, self.as_bytes());
    }

    fn merge(&mut self, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        reader.string(wire)?.clone_into(self);
        Ok(())
    }

    fn zero() -> Self {
        Self::new()
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }
}

impl ProtobufValue for ByteString {
    const WIRE: WireType = WireType::LengthDelimited;

    fn write(&self, tag: u32, writer: &mut Writer) {
        writer.bytes(tag, &self.0);
    }

    fn merge(&mut self, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.0 = reader.bytes(wire)?.to_vec();
        Ok(())
    }

    fn zero() -> Self {
        Self::default()
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
}

/// JSON inside a message: `FieldsV1` and `RawExtension` hold its text as bytes.
impl ProtobufValue for Value {
    const WIRE: WireType = WireType::LengthDelimited;

    fn write(&self, tag: u32, writer: &mut Writer) {
        if !self.is_null() {
            writer.bytes(tag, self.to_string().as_bytes());
        }
    }

    fn merge(&mut self, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let bytes = reader.bytes(wire)?;
        *self = if bytes.is_empty() {
            Self::Null
        } else {
            serde_json::from_slice(bytes).map_err(DecodeError::Json)?
        };
        Ok(())
    }

    fn zero() -> Self {
        Self::Null
    }
}

impl<T: ProtobufValue> ProtobufValue for Option<T> {
    const WIRE: WireType = T::WIRE;

    fn write(&self, tag: u32, writer: &mut Writer) {
        if let Some(value) = self {
            value.write(tag, writer);
        }
    }

    fn merge(&mut self, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let mut value = self.take().unwrap_or_else(T::zero);
        value.merge(wire, reader)?;
        *self = (!value.is_absent()).then_some(value);
        Ok(())
    }

    fn zero() -> Self {
        None
    }
}

impl<T: ProtobufValue> ProtobufValue for Vec<T> {
    const WIRE: WireType = T::WIRE;

    fn write(&self, tag: u32, writer: &mut Writer) {
        for value in self {
            value.write(tag, writer);
        }
    }

    fn merge(&mut self, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let packed = wire == WireType::LengthDelimited && T::WIRE != WireType::LengthDelimited;
        if !packed {
            reader.allocate::<T>()?;
            let mut value = T::zero();
            value.merge(wire, reader)?;
            self.push(value);
            return Ok(());
        }
        let mut values = reader.nested(wire)?;
        while !values.is_at_end() {
            values.allocate::<T>()?;
            let mut value = T::zero();
            value.merge(T::WIRE, &mut values)?;
            self.push(value);
        }
        Ok(())
    }

    fn zero() -> Self {
        Self::new()
    }
}

impl<K: ProtobufValue + Ord, V: ProtobufValue> ProtobufValue for BTreeMap<K, V> {
    const WIRE: WireType = WireType::LengthDelimited;

    fn write(&self, tag: u32, writer: &mut Writer) {
        for (key, value) in self {
            writer.nested(tag, |writer| {
                key.write(1, writer);
                value.write(2, writer);
            });
        }
    }

    fn merge(&mut self, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        reader.allocate::<(K, V)>()?;
        let mut entry = reader.nested(wire)?;
        let (mut key, mut value) = (K::zero(), V::zero());
        while let Some((tag, wire)) = entry.key()? {
            match tag {
                1 => key.merge(wire, &mut entry)?,
                2 => value.merge(wire, &mut entry)?,
                _ => entry.skip(wire)?,
            }
        }
        self.insert(key, value);
        Ok(())
    }

    fn zero() -> Self {
        Self::new()
    }
}

/// Writes a field that is no pointer in Go though an `Option` here: absent and zero are the same, and zero is written.
pub(crate) fn write_plain<T: ProtobufValue>(value: &Option<T>, tag: u32, writer: &mut Writer) {
    match value {
        Some(value) => value.write(tag, writer),
        None => T::zero().write(tag, writer),
    }
}

/// Reads a field that is no pointer in Go though an `Option` here.
pub(crate) fn merge_plain<T: ProtobufValue>(
    value: &mut Option<T>,
    wire: WireType,
    reader: &mut Reader<'_>,
) -> Result<(), DecodeError> {
    value.merge(wire, reader)?;
    if value.as_ref().is_some_and(T::is_zero) {
        *value = None;
    }
    Ok(())
}
