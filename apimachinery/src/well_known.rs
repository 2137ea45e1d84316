//! Kubernetes' own scalar types: time, quantity, int-or-string, and the one message that holds a time by value.
//!
//! In and out: `k8s-openapi`'s types, with protobuf and schema beside their serde.

use k8s_openapi::{
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{Condition, FieldsV1, MicroTime, Time},
        util::intstr::IntOrString,
    },
    jiff::Timestamp,
};

use crate::{
    external::message_value,
    openapi::{OpenApi, Schema, Shape},
    protobuf::{DecodeError, Protobuf, ProtobufValue, Reader, WireType, Writer, merge_plain, write_plain},
    quantity,
};

/// Seconds of `0001-01-01T00:00:00Z`, Go's zero time. It stands for "never": on the wire as an empty message.
const ZERO_TIME_SECONDS: i64 = -62_135_596_800;

fn zero_time() -> Timestamp {
    Timestamp::from_second(ZERO_TIME_SECONDS).unwrap_or(Timestamp::MIN)
}

/// Seconds and nanoseconds, the two fields of a timestamp.
fn write_time(tag: u32, writer: &mut Writer, time: Timestamp, nanoseconds: i32) {
    writer.nested(tag, |writer| {
        if time != zero_time() {
            time.as_second().write(1, writer);
            nanoseconds.write(2, writer);
        }
    });
}

fn read_time(wire: WireType, reader: &mut Reader<'_>) -> Result<(i64, i32), DecodeError> {
    let (mut seconds, mut nanoseconds) = (0i64, 0i32);
    let mut message = reader.nested(wire)?;
    while let Some((tag, wire)) = message.key()? {
        match tag {
            1 => seconds.merge(wire, &mut message)?,
            2 => nanoseconds.merge(wire, &mut message)?,
            _ => message.skip(wire)?,
        }
    }
    Ok((seconds, nanoseconds))
}

macro_rules! time {
    ($ty:ident, $nanoseconds:expr) => {
        impl ProtobufValue for $ty {
            const WIRE: WireType = WireType::LengthDelimited;

            fn write(&self, tag: u32, writer: &mut Writer) {
                let nanoseconds: fn(i32) -> i32 = $nanoseconds;
                write_time(tag, writer, self.0, nanoseconds(self.0.subsec_nanosecond()));
            }

            fn merge(&mut self, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
                let nanoseconds: fn(i32) -> i32 = $nanoseconds;
                let (seconds, fraction) = read_time(wire, reader)?;
                // As Go does: 1970 to the nanosecond means that nothing was set.
                self.0 = if (seconds, fraction) == (0, 0) {
                    zero_time()
                } else {
                    Timestamp::new(seconds, nanoseconds(fraction)).map_err(|_| DecodeError::OutOfRange(seconds))?
                };
                Ok(())
            }

            fn zero() -> Self {
                Self(zero_time())
            }

            fn is_zero(&self) -> bool {
                self.0 == zero_time()
            }

            fn is_absent(&self) -> bool {
                self.is_zero()
            }
        }

        impl OpenApi for $ty {
            fn name() -> Option<String> {
                Some(concat!("io.k8s.apimachinery.pkg.apis.meta.v1.", stringify!($ty)).to_owned())
            }

            fn schema() -> Schema {
                Schema::string().format("date-time")
            }
        }
    };
}
// JSON has whole seconds (microseconds), so protobuf has no more, or an object would change with its encoding.
time!(Time, |_| 0);
time!(MicroTime, |nanoseconds| nanoseconds / 1000 * 1000);

impl Protobuf for Quantity {
    fn write_message(&self, writer: &mut Writer) {
        // Go writes an unset quantity as "0".
        let text = if self.0.is_empty() { "0" } else { &self.0 };
        writer.bytes(1, text.as_bytes());
    }

    fn merge_field(&mut self, tag: u32, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        match tag {
            1 => {
                let text = reader.string(wire)?;
                *self = quantity::canonical(text).map_err(|error| DecodeError::Quantity(text.to_owned(), error))?;
                Ok(())
            }
            _ => reader.skip(wire),
        }
    }
}

impl OpenApi for Quantity {
    fn name() -> Option<String> {
        Some("io.k8s.apimachinery.pkg.api.resource.Quantity".to_owned())
    }

    fn schema() -> Schema {
        Schema { shape: Shape::IntOrString, ..Schema::string() }
            .pattern(r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$")
    }
}

impl Protobuf for IntOrString {
    fn write_message(&self, writer: &mut Writer) {
        let (kind, number, text) = match self {
            Self::Int(number) => (0i64, *number, ""),
            Self::String(text) => (1, 0, text.as_str()),
        };
        kind.write(1, writer);
        number.write(2, writer);
        writer.bytes(3, text.as_bytes());
    }

    fn merge_field(&mut self, tag: u32, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        match (tag, &mut *self) {
            // The kind comes first: what follows is kept or skipped by it.
            (1, _) => {
                let mut kind = 0i64;
                kind.merge(wire, reader)?;
                *self = if kind == 1 {
                    Self::String(String::new())
                } else {
                    Self::Int(0)
                };
                Ok(())
            }
            (2, Self::Int(number)) => number.merge(wire, reader),
            (3, Self::String(text)) => text.merge(wire, reader),
            _ => reader.skip(wire),
        }
    }
}

impl OpenApi for IntOrString {
    fn name() -> Option<String> {
        Some("io.k8s.apimachinery.pkg.util.intstr.IntOrString".to_owned())
    }

    fn schema() -> Schema {
        Schema {
            shape: Shape::IntOrString,
            ..Schema::string()
        }
    }
}

impl Protobuf for FieldsV1 {
    fn write_message(&self, writer: &mut Writer) {
        self.0.write(1, writer);
    }

    fn merge_field(&mut self, tag: u32, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        match tag {
            1 => self.0.merge(wire, reader),
            _ => reader.skip(wire),
        }
    }
}

impl OpenApi for FieldsV1 {
    fn name() -> Option<String> {
        Some("io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1".to_owned())
    }

    fn schema() -> Schema {
        Schema::any().describe("A set of fields, in the format of structured-merge-diff.")
    }
}

message_value!(Quantity, IntOrString, FieldsV1);

/// By hand: without a zero value in Rust it is no [`Protobuf`].
impl ProtobufValue for Condition {
    const WIRE: WireType = WireType::LengthDelimited;

    fn write(&self, tag: u32, writer: &mut Writer) {
        writer.nested(tag, |writer| {
            self.type_.write(1, writer);
            self.status.write(2, writer);
            write_plain(&self.observed_generation, 3, writer);
            self.last_transition_time.write(4, writer);
            self.reason.write(5, writer);
            self.message.write(6, writer);
        });
    }

    fn merge(&mut self, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let mut message = reader.nested(wire)?;
        while let Some((tag, wire)) = message.key()? {
            match tag {
                1 => self.type_.merge(wire, &mut message)?,
                2 => self.status.merge(wire, &mut message)?,
                3 => merge_plain(&mut self.observed_generation, wire, &mut message)?,
                4 => self.last_transition_time.merge(wire, &mut message)?,
                5 => self.reason.merge(wire, &mut message)?,
                6 => self.message.merge(wire, &mut message)?,
                _ => message.skip(wire)?,
            }
        }
        Ok(())
    }

    fn zero() -> Self {
        Self {
            last_transition_time: Time::zero(),
            message: String::new(),
            observed_generation: None,
            reason: String::new(),
            status: String::new(),
            type_: String::new(),
        }
    }
}

impl OpenApi for Condition {
    fn name() -> Option<String> {
        Some("io.k8s.apimachinery.pkg.apis.meta.v1.Condition".to_owned())
    }

    fn schema() -> Schema {
        Schema::object()
            .required("lastTransitionTime", Time::reference())
            .required("message", Schema::string())
            .optional("observedGeneration", i64::reference())
            .required("reason", Schema::string())
            .required("status", Schema::string())
            .required("type", Schema::string())
    }
}
