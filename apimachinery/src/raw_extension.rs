//! Values of other packages inside ours: any JSON, kept as it is.
//!
//! In: JSON, or the protobuf message of `runtime.RawExtension` and `apiextensionsv1.JSON` (field 1: the JSON's bytes).
//! Out: the same value. What lies in it is its owner's affair.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{
    json::Empty,
    openapi::{OpenApi, Schema},
    patch::depth,
    protobuf::{DecodeError, MAX_DEPTH, Protobuf, ProtobufValue, Reader, WireType, Writer},
};

/// Any JSON; `null` when absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawExtension(pub Value);

/// `apiextensionsv1.JSON`: the same on the wire and in JSON.
pub type Json = RawExtension;

impl RawExtension {
    /// From any value that can be JSON.
    pub fn new<T: Serialize>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_value(value).map(Self)
    }

    /// As a typed value.
    pub fn parse<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.0)
    }
}

impl From<Value> for RawExtension {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl Empty for RawExtension {
    fn is_empty_value(&self) -> bool {
        self.0.is_null()
    }
}

impl Serialize for RawExtension {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawExtension {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self)
    }
}

impl Protobuf for RawExtension {
    fn write_message(&self, writer: &mut Writer) {
        if !self.0.is_null() {
            writer.bytes(1, self.0.to_string().as_bytes());
        }
    }

    fn merge_field(&mut self, tag: u32, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        if tag != 1 {
            return reader.skip(wire);
        }
        let bytes = reader.bytes(wire)?;
        self.0 = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(bytes).map_err(DecodeError::Json)?
        };
        // Alone it could be parsed; within its object, which is stored as JSON, it could not.
        if depth(&self.0) > MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        Ok(())
    }
}

impl ProtobufValue for RawExtension {
    const WIRE: WireType = WireType::LengthDelimited;

    fn write(&self, tag: u32, writer: &mut Writer) {
        writer.message(tag, self);
    }

    fn merge(&mut self, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        reader.message(wire, self)
    }

    fn zero() -> Self {
        Self::default()
    }
}

impl OpenApi for RawExtension {
    fn name() -> Option<String> {
        Some("io.k8s.apimachinery.pkg.runtime.RawExtension".to_owned())
    }

    fn schema() -> Schema {
        Schema::any().describe("An object of another package.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_read_again_is_not_taken() {
        let nested = |depth: usize| (0..depth).fold(Value::Bool(true), |inner, _| Value::Array(vec![inner]));
        let decoded = |depth| RawExtension::decode(&RawExtension(nested(depth)).encode());
        assert_eq!(decoded(MAX_DEPTH).expect("deep enough").0, nested(MAX_DEPTH));
        let error = decoded(MAX_DEPTH + 1).expect_err("too deep");
        assert!(matches!(error, DecodeError::TooDeep), "{error}");
    }
}
