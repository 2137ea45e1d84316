//! The envelope of a Kubernetes object: four magic bytes and `runtime.Unknown`.
//!
//! In: an object with its kind. Out: the bytes of `application/vnd.kubernetes.protobuf`, and back.

use super::{DecodeError, Protobuf, ProtobufValue, Reader, WireType, Writer};
use crate::Typed;

/// What every object starts with.
pub const MAGIC: &[u8; 4] = b"k8s\0";

/// `runtime.Unknown`: an object's kind and its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unknown {
    /// `apiVersion` of the object.
    pub api_version: String,
    /// `kind` of the object.
    pub kind: String,
    /// The object's own message.
    pub raw: Vec<u8>,
    /// How `raw` is encoded beyond protobuf; empty.
    pub content_encoding: String,
    /// Media type of `raw`; empty means protobuf.
    pub content_type: String,
}

impl Unknown {
    /// The envelope around an object.
    pub fn new<T: Typed + Protobuf>(object: &T) -> Self {
        Self {
            api_version: T::TYPE.api_version.to_owned(),
            kind: T::TYPE.kind.to_owned(),
            raw: object.encode(),
            ..Self::default()
        }
    }

    /// All bytes, magic included.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.encode());
        bytes
    }

    /// Reads magic and envelope.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode(bytes.strip_prefix(MAGIC).ok_or(DecodeError::MissingMagic)?)
    }

    /// The object inside, whatever kind the envelope names.
    pub fn object<T: Protobuf>(&self) -> Result<T, DecodeError> {
        if self.content_encoding.is_empty() {
            T::decode(&self.raw)
        } else {
            Err(DecodeError::ContentEncoding(self.content_encoding.clone()))
        }
    }
}

impl Protobuf for Unknown {
    fn write_message(&self, writer: &mut Writer) {
        writer.nested(1, |writer| {
            self.api_version.write(1, writer);
            self.kind.write(2, writer);
        });
        writer.bytes(2, &self.raw);
        self.content_encoding.write(3, writer);
        self.content_type.write(4, writer);
    }

    fn merge_field(&mut self, tag: u32, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        match tag {
            1 => {
                let mut type_meta = reader.nested(wire)?;
                while let Some((tag, wire)) = type_meta.key()? {
                    match tag {
                        1 => self.api_version.merge(wire, &mut type_meta)?,
                        2 => self.kind.merge(wire, &mut type_meta)?,
                        _ => type_meta.skip(wire)?,
                    }
                }
                Ok(())
            }
            2 => {
                self.raw = reader.bytes(wire)?.to_vec();
                Ok(())
            }
            3 => self.content_encoding.merge(wire, reader),
            4 => self.content_type.merge(wire, reader),
            _ => reader.skip(wire),
        }
    }
}

/// An object's bytes, magic and envelope included.
pub fn encode_object<T: Typed + Protobuf>(object: &T) -> Vec<u8> {
    Unknown::new(object).to_bytes()
}

/// The object of these bytes, which must be of its kind.
pub fn decode_object<T: Typed + Protobuf>(bytes: &[u8]) -> Result<T, DecodeError> {
    let unknown = Unknown::from_bytes(bytes)?;
    if unknown.api_version != T::TYPE.api_version || unknown.kind != T::TYPE.kind {
        return Err(DecodeError::WrongKind {
            expected: format!("{}, Kind={}", T::TYPE.api_version, T::TYPE.kind),
            actual: format!("{}, Kind={}", unknown.api_version, unknown.kind),
        });
    }
    unknown.object()
}

/// A watch event: its type (`ADDED`, `BOOKMARK`, …) and the bytes of an object with its envelope.
pub fn encode_watch_event(type_: &str, object: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.bytes(1, type_.as_bytes());
    writer.nested(2, |writer| writer.bytes(1, object));
    writer.into_bytes()
}
