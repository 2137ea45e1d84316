//! Bytes → values.

use std::cell::Cell;

use super::{DecodeError, MAX_DEPTH, Protobuf, WireType};

/// Reads one message. Nested messages get a reader of their own and share the budget of memory.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    depth: usize,
    budget: &'a Cell<usize>,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`; elements of lists and maps take from `budget`, in bytes.
    pub fn new(bytes: &'a [u8], budget: &'a Cell<usize>) -> Self {
        Self {
            bytes,
            depth: 0,
            budget,
        }
    }

    /// Reads all fields into `message`.
    pub fn fill<T: Protobuf>(&mut self, message: &mut T) -> Result<(), DecodeError> {
        while let Some((tag, wire)) = self.key()? {
            message.merge_field(tag, wire, self)?;
        }
        Ok(())
    }

    /// The next field's number and wire type; `None` at the end.
    pub fn key(&mut self) -> Result<Option<(u32, WireType)>, DecodeError> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let key = self.raw_varint()?;
        let wire = match key & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::LengthDelimited,
            3 => WireType::StartGroup,
            4 => WireType::EndGroup,
            5 => WireType::Fixed32,
            other => return Err(DecodeError::InvalidWireType(other as u8)),
        };
        match u32::try_from(key >> 3) {
            Ok(tag @ 1..=0x1fff_ffff) => Ok(Some((tag, wire))),
            _ => Err(DecodeError::InvalidTag(key >> 3)),
        }
    }

    /// Reads an integer.
    pub fn varint(&mut self, wire: WireType) -> Result<u64, DecodeError> {
        expect(WireType::Varint, wire)?;
        self.raw_varint()
    }

    /// Reads eight bytes.
    pub fn fixed64(&mut self, wire: WireType) -> Result<u64, DecodeError> {
        expect(WireType::Fixed64, wire)?;
        let (bytes, rest) = self.bytes.split_first_chunk().ok_or(DecodeError::UnexpectedEnd)?;
        self.bytes = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// Reads four bytes.
    pub fn fixed32(&mut self, wire: WireType) -> Result<u32, DecodeError> {
        expect(WireType::Fixed32, wire)?;
        let (bytes, rest) = self.bytes.split_first_chunk().ok_or(DecodeError::UnexpectedEnd)?;
        self.bytes = rest;
        Ok(u32::from_le_bytes(*bytes))
    }

    /// Reads bytes.
    pub fn bytes(&mut self, wire: WireType) -> Result<&'a [u8], DecodeError> {
        expect(WireType::LengthDelimited, wire)?;
        let length = usize::try_from(self.raw_varint()?).map_err(|_| DecodeError::TooLarge)?;
        self.take(length)
    }

    /// Reads text.
    pub fn string(&mut self, wire: WireType) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes(wire)?).map_err(DecodeError::Utf8)
    }

    /// Reads a message's fields into `message`.
    pub fn message<T: Protobuf>(&mut self, wire: WireType, message: &mut T) -> Result<(), DecodeError> {
        self.nested(wire)?.fill(message)
    }

    /// A reader for the message that follows.
    pub fn nested(&mut self, wire: WireType) -> Result<Self, DecodeError> {
        let bytes = self.bytes(wire)?;
        if self.depth >= MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        Ok(Self {
            bytes,
            depth: self.depth + 1,
            budget: self.budget,
        })
    }

    /// Whether everything was read.
    pub fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes the memory of one more `T` from the budget.
    pub fn allocate<T>(&mut self) -> Result<(), DecodeError> {
        let left = self
            .budget
            .get()
            .checked_sub(size_of::<T>())
            .ok_or(DecodeError::TooLarge)?;
        self.budget.set(left);
        Ok(())
    }

    /// Reads over a value.
    pub fn skip(&mut self, wire: WireType) -> Result<(), DecodeError> {
        match wire {
            WireType::Varint => self.raw_varint().map(|_| ()),
            WireType::Fixed64 => self.take(8).map(|_| ()),
            WireType::LengthDelimited => self.bytes(wire).map(|_| ()),
            WireType::StartGroup => self.skip_group(),
            WireType::EndGroup => Err(DecodeError::InvalidWireType(4)),
            WireType::Fixed32 => self.take(4).map(|_| ()),
        }
    }

    /// Reads over a group; groups inside it are counted, not recursed into.
    fn skip_group(&mut self) -> Result<(), DecodeError> {
        let mut open = 1usize;
        while open > 0 {
            match self.key()?.ok_or(DecodeError::UnexpectedEnd)?.1 {
                WireType::StartGroup => open += 1,
                WireType::EndGroup => open -= 1,
                wire => self.skip(wire)?,
            }
        }
        Ok(())
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (bytes, rest) = self.bytes.split_at_checked(length).ok_or(DecodeError::UnexpectedEnd)?;
        self.bytes = rest;
        Ok(bytes)
    }

    fn raw_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.bytes.split_first().ok_or(DecodeError::UnexpectedEnd)?;
            self.bytes = rest;
            if shift == 63 && byte > 1 {
                return Err(DecodeError::LongVarint);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::LongVarint)
    }
}

/// Fails unless a value is delimited as its type says.
pub(crate) fn expect(expected: WireType, actual: WireType) -> Result<(), DecodeError> {
    if expected == actual {
        Ok(())
    } else {
        Err(DecodeError::WrongWireType { expected, actual })
    }
}
