//! Protobuf as Kubernetes speaks it (proto2 by Go's generator), for types declared with tags.
//!
//! In: typed objects, or bytes from a client or from storage. Out: bytes, or objects; unknown fields are skipped, wrong
//! bytes are a [`DecodeError`], never a panic. Limits: depth ([`MAX_DEPTH`]), size of a message ([`MAX_MESSAGE_BYTES`])
//! and of what it unfolds to ([`MAX_DECODED_BYTES`]).
//!
//! Like Go, a field that is no `Option` is always written, and maps are written sorted by key.

mod envelope; // `k8s\0`
mod reader; // bytes → values
mod value; // how each Rust type stands in a field
mod writer; // values → bytes

pub use self::{
    envelope::{MAGIC, Unknown, decode_object, encode_object, encode_watch_event},
    reader::Reader,
    value::ProtobufValue,
    writer::Writer,
};

pub(crate) use self::value::{merge_plain, write_plain};

/// Messages in messages, at most. Kubernetes' own types stay below 40.
pub const MAX_DEPTH: usize = 100;

/// One encoded message, at most: far beyond what an API server stores or a list answers.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024 * 1024;

/// Memory that elements of lists and maps may take while one message is decoded. An empty message takes two bytes on
/// the wire and hundreds in memory: without this limit a request of 3 MiB would unfold to gigabytes.
pub const MAX_DECODED_BYTES: usize = 1024 * 1024 * 1024;

/// How a field's value is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireType {
    /// A variable-length integer.
    Varint,
    /// Eight bytes.
    Fixed64,
    /// A length and that many bytes.
    LengthDelimited,
    /// The start of a group, which is only ever skipped.
    StartGroup,
    /// The end of a group.
    EndGroup,
    /// Four bytes.
    Fixed32,
}

/// Bytes that are no message of the type.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside a value.
    #[error("protobuf message ends unexpectedly")]
    UnexpectedEnd,
    /// A variable-length integer has more than 64 bits.
    #[error("protobuf integer is longer than 64 bits")]
    LongVarint,
    /// Field number 0, or above 2^29-1.
    #[error("protobuf field number {0} is invalid")]
    InvalidTag(u64),
    /// One of the two values that are no wire type.
    #[error("protobuf wire type {0} is invalid")]
    InvalidWireType(u8),
    /// The field is delimited differently than its type is.
    #[error("protobuf wire type is {actual:?}, expected {expected:?}")]
    WrongWireType {
        /// As declared.
        expected: WireType,
        /// As found.
        actual: WireType,
    },
    /// Text that is no UTF-8.
    #[error("protobuf string is not UTF-8")]
    Utf8(#[source] std::str::Utf8Error),
    /// Embedded JSON that is none.
    #[error("failed to parse JSON in protobuf message")]
    Json(#[source] serde_json::Error),
    /// Messages in messages in messages.
    #[error("protobuf message is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// Too many bytes, encoded or decoded.
    #[error("protobuf message is too large")]
    TooLarge,
    /// An enum does not know the text.
    #[error("protobuf enum value {0:?} is unknown")]
    UnknownValue(String),
    /// A text that is no quantity.
    #[error("protobuf quantity {0:?} is invalid")]
    Quantity(String, #[source] crate::quantity::ParseQuantityError),
    /// A number out of the range of its field.
    #[error("protobuf value {0} is out of range")]
    OutOfRange(i64),
    /// Not a Kubernetes object: the four magic bytes are missing.
    #[error("bytes do not start with the Kubernetes protobuf prefix")]
    MissingMagic,
    /// The envelope holds another kind.
    #[error("protobuf object is {actual}, expected {expected}")]
    WrongKind {
        /// The kind of the Rust type.
        expected: String,
        /// The kind in the envelope.
        actual: String,
    },
    /// The envelope holds compressed or otherwise encoded bytes.
    #[error("protobuf object has unsupported content encoding {0:?}")]
    ContentEncoding(String),
}

impl DecodeError {
    /// An enum does not know `text`.
    pub fn unknown_value(text: &str) -> Self {
        Self::UnknownValue(text.chars().take(64).collect())
    }
}

/// A message: an object of tagged fields.
pub trait Protobuf: Sized + Default {
    /// Writes all fields.
    fn write_message(&self, writer: &mut Writer);

    /// Reads one field, whose key was just read; fields of unknown `tag` are to be skipped with [`Reader::skip`].
    fn merge_field(&mut self, tag: u32, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError>;

    /// The message's bytes.
    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.write_message(&mut writer);
        writer.into_bytes()
    }

    /// The message of these bytes.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_MESSAGE_BYTES {
            return Err(DecodeError::TooLarge);
        }
        let budget = std::cell::Cell::new(MAX_DECODED_BYTES);
        let mut message = Self::default();
        Reader::new(bytes, &budget).fill(&mut message)?;
        Ok(message)
    }
}
