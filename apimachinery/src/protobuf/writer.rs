//! Values → bytes.

use super::{Protobuf, WireType};

/// Appends fields to a message.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// A field of an integer.
    pub fn varint(&mut self, tag: u32, value: u64) {
        self.key(tag, WireType::Varint);
        self.raw_varint(value);
    }

    /// A field of eight bytes.
    pub fn fixed64(&mut self, tag: u32, value: u64) {
        self.key(tag, WireType::Fixed64);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A field of four bytes.
    pub fn fixed32(&mut self, tag: u32, value: u32) {
        self.key(tag, WireType::Fixed32);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// A field of text or bytes.
    pub fn bytes(&mut self, tag: u32, value: &[u8]) {
        self.key(tag, WireType::LengthDelimited);
        self.raw_varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// A field of a message.
    pub fn message<T: Protobuf>(&mut self, tag: u32, message: &T) {
        self.nested(tag, |writer| message.write_message(writer));
    }

    /// A field of a message that `write` makes.
    pub fn nested(&mut self, tag: u32, write: impl FnOnce(&mut Self)) {
        self.key(tag, WireType::LengthDelimited);
        let start = self.bytes.len();
        // Most messages are shorter than 128 bytes: their length takes the one byte kept free here.
        self.bytes.push(0);
        write(self);
        let length = self.bytes.len() - start - 1;
        if let Ok(short) = u8::try_from(length)
            && short < 0x80
        {
            self.bytes[start] = short;
        } else {
            let mut prefix = Self::default();
            prefix.raw_varint(length as u64);
            self.bytes.splice(start..=start, prefix.bytes);
        }
    }

    fn key(&mut self, tag: u32, wire: WireType) {
        let wire = match wire {
            WireType::Varint => 0,
            WireType::Fixed64 => 1,
            WireType::LengthDelimited => 2,
            WireType::StartGroup => 3,
            WireType::EndGroup => 4,
            WireType::Fixed32 => 5,
        };
        self.raw_varint(u64::from(tag) << 3 | wire);
    }

    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}
