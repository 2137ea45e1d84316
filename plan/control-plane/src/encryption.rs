//! The EncryptionConfiguration: what the API server encrypts before it writes it to etcd.

use serde::Serialize;

/// A key for encryption at rest: its name in the configuration, and 32 bytes in base64.
///
/// `Debug` shows the name only.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptionKey {
    /// Name; it is stored beside every value, so a key never changes under its name.
    pub name: String,
    /// 32 bytes in base64.
    pub secret: String,
}

impl std::fmt::Debug for EncryptionKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("EncryptionKey")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Configuration<'a> {
    api_version: &'static str,
    kind: &'static str,
    resources: Vec<Resources<'a>>,
}

#[derive(Serialize)]
struct Resources<'a> {
    resources: Vec<&'a str>,
    providers: Vec<Provider<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Provider<'a> {
    Aescbc { keys: Vec<Key<'a>> },
    Identity {},
}

#[derive(Serialize)]
struct Key<'a> {
    name: &'a str,
    secret: &'a str,
}

/// The configuration as a file: new values are encrypted with the first of `keys`, read ones are decrypted with any of
/// them; what was stored before it was encrypted is still read.
pub fn encryption_configuration(resources: &[&str], keys: &[EncryptionKey]) -> Result<String, serde_yaml_ng::Error> {
    let keys = keys
        .iter()
        .map(|key| Key {
            name: &key.name,
            secret: &key.secret,
        })
        .collect();
    let configuration = Configuration {
        api_version: "apiserver.config.k8s.io/v1",
        kind: "EncryptionConfiguration",
        resources: vec![Resources {
            resources: resources.to_vec(),
            providers: vec![Provider::Aescbc { keys }, Provider::Identity {}],
        }],
    };
    // Through a value: enum variants are then plain maps, as Kubernetes writes them, not YAML tags.
    serde_yaml_ng::to_string(&serde_yaml_ng::to_value(SingletonMap(&configuration))?)
}

/// Writes enum variants as maps with one key.
struct SingletonMap<'a>(&'a Configuration<'a>);

impl Serialize for SingletonMap<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_yaml_ng::with::singleton_map_recursive::serialize(self.0, serializer)
    }
}
