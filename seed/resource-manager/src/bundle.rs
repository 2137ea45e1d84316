//! Reads the objects that a ManagedResource's Secrets carry.
//!
//! In: the Secrets' data. Out: objects in a stable order, each of them once. Values are YAML or JSON documents; a key
//! that ends in `.br` holds them compressed with brotli (Gardener API `resources.gardener.cloud/v1alpha1`).

use std::{collections::BTreeMap, io::Read};

use k8s_openapi::ByteString;
use serde::Deserialize;
use serde_json::Value;

use crate::object::{Object, ObjectError};

/// Ending of keys whose values are compressed.
const BROTLI_SUFFIX: &str = ".br";
/// Longest that a decompressed value may be: a hundred times what fits into a Secret.
const MAX_DECOMPRESSED: u64 = 100 << 20;

/// Why a Secret's data can't be applied.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Compressed data is broken or far too long.
    #[error("failed to decompress key {key}")]
    Decompress {
        /// Key in the Secret's data.
        key: String,
        /// What the decompressor said.
        source: std::io::Error,
    },
    /// A document is no YAML.
    #[error("failed to parse document {index} of key {key}")]
    Parse {
        /// Key in the Secret's data.
        key: String,
        /// Which document, from 0.
        index: usize,
        /// What the parser said.
        source: serde_yaml_ng::Error,
    },
    /// A document is no Kubernetes object.
    #[error("document {index} of key {key} is not an object")]
    NotAnObject {
        /// Key in the Secret's data.
        key: String,
        /// Which document, from 0.
        index: usize,
        /// What it lacks.
        source: ObjectError,
    },
}

/// The objects of all the Secrets of one ManagedResource; of two with one name the later wins.
pub fn read(secrets: &[BTreeMap<String, ByteString>]) -> Result<Vec<Object>, BundleError> {
    let mut objects = BTreeMap::new();
    for (key, value) in secrets.iter().flatten() {
        let text = decompress(key, &value.0)?;
        for (index, document) in serde_yaml_ng::Deserializer::from_slice(&text).enumerate() {
            let parsed = Value::deserialize(document).map_err(|source| BundleError::Parse {
                key: key.clone(),
                index,
                source,
            })?;
            if parsed.is_null() {
                continue; // an empty document, as a leading `---` makes one
            }
            let object = Object::new(parsed).map_err(|source| BundleError::NotAnObject {
                key: key.clone(),
                index,
                source,
            })?;
            objects.insert(object.reference.clone(), object);
        }
    }
    let mut objects: Vec<Object> = objects.into_values().collect();
    objects.sort_by_key(|object| (object.rank(), object.reference.clone()));
    Ok(objects)
}

fn decompress(key: &str, value: &[u8]) -> Result<Vec<u8>, BundleError> {
    if !key.ends_with(BROTLI_SUFFIX) {
        return Ok(value.to_vec());
    }
    let mut text = Vec::new();
    let mut reader = brotli::Decompressor::new(value, 64 << 10).take(MAX_DECOMPRESSED + 1);
    let read = reader.read_to_end(&mut text);
    let read = read.and_then(|length| match length as u64 {
        0..=MAX_DECOMPRESSED => Ok(()),
        _ => Err(std::io::Error::other("it is longer than 100 MiB when decompressed")),
    });
    read.map_err(|source| BundleError::Decompress {
        key: key.to_owned(),
        source,
    })?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn secret(entries: &[(&str, &[u8])]) -> BTreeMap<String, ByteString> {
        entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), ByteString(value.to_vec())))
            .collect()
    }

    fn names(objects: &[Object]) -> Vec<String> {
        objects
            .iter()
            .map(|object| format!("{}/{}", object.reference.kind, object.reference.name))
            .collect()
    }

    const TWO: &[u8] = b"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: x}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n";

    #[test]
    fn namespaces_come_before_what_lies_in_them() {
        let objects = read(&[secret(&[("all.yaml", TWO)])]).unwrap();
        assert_eq!(names(&objects), ["Namespace/x", "ConfigMap/b"]);
    }

    #[test]
    fn compressed_values_are_read() {
        let mut compressed = Vec::new();
        brotli::CompressorWriter::new(&mut compressed, 4096, 5, 22)
            .write_all(TWO)
            .unwrap();
        let objects = read(&[secret(&[("data.yaml.br", &compressed)])]).unwrap();
        assert_eq!(objects.len(), 2);
    }

    #[test]
    fn errors_name_key_and_document() {
        let cases: [(&str, &[u8], &str); 3] = [
            ("a.br", b"not brotli", "failed to decompress key a.br"),
            ("a", b"kind: [", "failed to parse document 0 of key a"),
            ("a", b"kind: ConfigMap", "document 0 of key a is not an object"),
        ];
        for (key, value, expected) in cases {
            assert_eq!(read(&[secret(&[(key, value)])]).unwrap_err().to_string(), expected);
        }
    }
}
