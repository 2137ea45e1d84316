//! Protobuf by properties: what is encoded is decoded, and no bytes make the decoder panic or run away.

use std::collections::BTreeMap;

use proptest::{collection, option, prelude::*};
use serde_json::json;

use super::sample::{Sample, SampleCommon, SamplePurpose, SampleSpec, SampleValues, SampleWorker, full};
use crate::{
    Duration, RawExtension,
    meta::{ByteString, IntOrString, ObjectMeta, OwnerReference, Quantity, Time},
    protobuf::{
        DecodeError, MAX_DEPTH, Protobuf, ProtobufValue, Reader, Unknown, WireType, Writer, decode_object,
        encode_watch_event,
    },
};

fn text() -> impl Strategy<Value = String> {
    "[a-zé\u{1F600}]{0,6}"
}

fn some_text() -> impl Strategy<Value = Option<String>> {
    option::of("[a-z]{1,6}")
}

/// Whole seconds: JSON has no more. 1970 itself means "never" on the wire, as in Go.
fn time() -> impl Strategy<Value = Option<Time>> {
    option::of(
        (1i64..4_000_000_000)
            .prop_map(|seconds| Time(k8s_openapi::jiff::Timestamp::from_second(seconds).expect("in range"))),
    )
}

fn metadata() -> impl Strategy<Value = ObjectMeta> {
    let labels = option::of(collection::btree_map(text(), text(), 1..3));
    let owner = (text(), text(), option::of(any::<bool>())).prop_map(|(name, uid, controller)| OwnerReference {
        name,
        uid,
        controller,
        ..OwnerReference::default()
    });
    let owners = option::of(collection::vec(owner, 1..3));
    (
        some_text(),
        some_text(),
        time(),
        time(),
        labels,
        owners,
        option::of(1i64..),
    )
        .prop_map(
            |(name, namespace, created, deleted, labels, owner_references, generation)| ObjectMeta {
                name,
                namespace,
                creation_timestamp: created,
                deletion_timestamp: deleted,
                annotations: labels.clone(),
                labels,
                owner_references,
                generation,
                ..ObjectMeta::default()
            },
        )
}

fn worker() -> impl Strategy<Value = SampleWorker> {
    (text(), any::<i32>()).prop_map(|(name, minimum)| SampleWorker { name, minimum })
}

fn raw() -> impl Strategy<Value = RawExtension> {
    (text(), any::<i64>()).prop_map(|(text, number)| RawExtension(json!({ "a": text, "b": [number, null] })))
}

fn port() -> impl Strategy<Value = IntOrString> {
    prop_oneof![
        any::<i32>().prop_map(IntOrString::Int),
        text().prop_map(IntOrString::String)
    ]
}

fn spec() -> impl Strategy<Value = SampleSpec> {
    let scalars = (
        text(),
        text(),
        option::of(any::<bool>()),
        any::<i32>(),
        option::of(any::<i32>().prop_map(|number| f64::from(number) / 64.0)),
    );
    let lists = (
        collection::vec(worker(), 0..3),
        collection::vec(text(), 0..3),
        collection::btree_map(text(), "[1-9]".prop_map(Quantity), 0..3),
        collection::btree_map(text(), collection::vec(any::<u8>(), 0..9).prop_map(ByteString), 0..3),
        collection::vec(text(), 0..3),
    );
    let known = (
        option::of(raw()),
        time(),
        option::of(any::<i64>().prop_map(Duration::from_nanoseconds)),
        text().prop_map(|text| SamplePurpose::from(text.as_str())),
        option::of(port()),
        worker(),
        option::of(any::<i64>()),
    );
    (scalars, lists, known).prop_map(|(scalars, lists, known)| SampleSpec {
        region: scalars.0.clone(),
        provider_name: scalars.1,
        enabled: scalars.2,
        replicas: scalars.3,
        tolerance: scalars.4,
        workers: lists.0,
        zones: lists.1,
        capacity: lists.2,
        data: lists.3,
        values: SampleValues(lists.4),
        provider_config: known.0,
        since: known.1,
        timeout: known.2,
        purpose: known.3,
        port: known.4,
        last: known.5,
        observed_generation: known.6,
        common: SampleCommon { type_: scalars.0 },
        selector: None,
        template: None,
    })
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(metadata in metadata(), spec in spec()) {
        let sample = Sample { metadata, spec };
        let bytes = Unknown::new(&sample).to_bytes();
        prop_assert_eq!(&decode_object::<Sample>(&bytes).expect("decodable"), &sample);
        // JSON says the same of it.
        let json = serde_json::to_string(&sample).expect("serializable");
        prop_assert_eq!(serde_json::from_str::<Sample>(&json).expect("valid"), sample);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in collection::vec(any::<u8>(), 0..256)) {
        let _ = Sample::decode(&bytes);
        let _ = Unknown::from_bytes(&bytes);
    }

    /// Valid messages with a few bytes changed get much deeper than noise.
    #[test]
    fn no_damage_makes_it_panic(changes in collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let sample: Sample = serde_json::from_value(full()).expect("valid");
        let mut bytes = sample.encode();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        let _ = Sample::decode(&bytes);
    }
}

/// Bytes that Go's generated code writes for the same object.
#[test]
fn bytes_are_gos() {
    let sample = SampleWorker {
        name: "w".to_owned(),
        minimum: -1,
    };
    assert_eq!(
        sample.encode(),
        b"\x0a\x01w\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
    );
    // Go writes what is no pointer even if it is empty; timestamps and maps as messages.
    let metadata = ObjectMeta {
        name: Some("a".to_owned()),
        creation_timestamp: Some(Time(k8s_openapi::jiff::Timestamp::from_second(1).expect("in range"))),
        labels: Some(BTreeMap::from([
            ("k".to_owned(), "v".to_owned()),
            ("b".to_owned(), "c".to_owned()),
        ])),
        ..ObjectMeta::default()
    };
    let expected = b"\x0a\x01a\x12\x00\x1a\x00\x22\x00\x2a\x00\x32\x00\x38\x00\x42\x04\x08\x01\x10\x00\
        \x5a\x06\x0a\x01b\x12\x01c\x5a\x06\x0a\x01k\x12\x01v";
    assert_eq!(metadata.encode(), expected);
    assert_eq!(ObjectMeta::decode(expected).expect("decodable"), metadata);
}

#[test]
fn a_watch_event_holds_the_objects_envelope() {
    let event = encode_watch_event("ADDED", b"k8s\0x");
    assert_eq!(event, b"\x0a\x05ADDED\x12\x07\x0a\x05k8s\0x");
}

#[test]
fn unknown_fields_are_skipped() {
    let mut writer = Writer::default();
    writer.varint(99, 7);
    writer.fixed32(98, 7);
    writer.fixed64(97, 7);
    writer.bytes(96, b"x");
    let mut bytes = writer.into_bytes();
    // A group with a group inside it.
    bytes.extend(b"\x9b\x06\x9b\x06\x08\x01\x9c\x06\x9c\x06");
    let known = SampleWorker {
        name: "w".to_owned(),
        minimum: 1,
    };
    bytes.extend(known.encode());
    assert_eq!(SampleWorker::decode(&bytes).expect("decodable"), known);
}

#[test]
fn wrong_bytes_are_errors() {
    for (bytes, message) in [
        (&b"\x0a"[..], "protobuf message ends unexpectedly"),
        (b"\x0a\x05a", "protobuf message ends unexpectedly"),
        (
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "protobuf message ends unexpectedly",
        ),
        (
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            "protobuf integer is longer than 64 bits",
        ),
        (b"\x00\x01", "protobuf field number 0 is invalid"),
        (b"\x0f", "protobuf wire type 7 is invalid"),
        (b"\x0c", "protobuf wire type is EndGroup, expected LengthDelimited"),
        (b"\x1c", "protobuf wire type 4 is invalid"),
        (b"\x08\x01", "protobuf wire type is Varint, expected LengthDelimited"),
        (b"\x0a\x01\xff", "protobuf string is not UTF-8"),
    ] {
        assert_eq!(SampleWorker::decode(bytes).expect_err(message).to_string(), message);
    }
    let error = Unknown::from_bytes(b"{}").expect_err("no magic");
    assert_eq!(
        error.to_string(),
        "bytes do not start with the Kubernetes protobuf prefix"
    );
    let error = decode_object::<Sample>(&Unknown::default().to_bytes()).expect_err("other kind");
    assert_eq!(
        error.to_string(),
        "protobuf object is , Kind=, expected example.dev/v1, Kind=Sample"
    );
}

/// A message that holds itself.
#[derive(Debug, Default)]
struct Nested(Option<Box<Nested>>);

impl Protobuf for Nested {
    fn write_message(&self, writer: &mut Writer) {
        if let Some(inner) = &self.0 {
            writer.message(1, &**inner);
        }
    }

    fn merge_field(&mut self, _: u32, wire: WireType, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        reader.message(wire, &mut **self.0.get_or_insert_default())
    }
}

#[test]
fn depth_and_memory_are_limited() {
    let nested = |depth: usize| (0..depth).fold(Nested(None), |inner, _| Nested(Some(Box::new(inner))));
    assert!(Nested::decode(&nested(MAX_DEPTH).encode()).is_ok());
    let error = Nested::decode(&nested(MAX_DEPTH + 1).encode()).expect_err("too deep");
    assert!(matches!(error, DecodeError::TooDeep), "{error}");

    // Empty elements: two bytes each on the wire, much more in memory.
    let bytes = b"\x0a\x00".repeat(100);
    let budget = std::cell::Cell::new(50 * size_of::<SampleSpec>());
    let mut reader = Reader::new(&bytes, &budget);
    let mut list: Vec<SampleSpec> = Vec::new();
    let error = loop {
        let (_, wire) = reader.key().expect("valid").expect("the budget ends before the bytes");
        if let Err(error) = list.merge(wire, &mut reader) {
            break error;
        }
    };
    assert!(matches!(error, DecodeError::TooLarge), "{error}");
    assert_eq!(list.len(), 50);
}

#[test]
fn packed_lists_are_accepted() {
    let mut list: Vec<i32> = Vec::new();
    let budget = std::cell::Cell::new(1000);
    let mut reader = Reader::new(b"\x0a\x03\x01\x02\x03\x08\x04", &budget);
    while let Some((_, wire)) = reader.key().expect("valid") {
        list.merge(wire, &mut reader).expect("valid");
    }
    assert_eq!(list, [1, 2, 3, 4]);
}
