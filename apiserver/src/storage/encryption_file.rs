//! The `EncryptionConfiguration` file of `--encryption-provider-config`, in Kubernetes' format.

use std::path::PathBuf;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::encryption::{Provider, Secret};

const API_VERSIONS: [&str; 2] = ["apiserver.config.k8s.io/v1", "v1"];

/// Why the file is not usable.
#[derive(Debug, thiserror::Error)]
pub enum EncryptionFileError {
    /// It can't be read.
    #[error("failed to read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not the YAML that is expected.
    #[error("failed to parse the encryption configuration")]
    Parse(#[from] serde_yaml_ng::Error),
    /// It is some other document.
    #[error("{api_version:?} {kind:?} is not an EncryptionConfiguration of apiserver.config.k8s.io/v1")]
    Kind {
        /// What it says.
        api_version: String,
        /// What it says.
        kind: String,
    },
    /// A provider is named that is not implemented, or several or none in one entry.
    #[error("each provider must be one of aescbc, aesgcm, identity")]
    Provider,
    /// A key's secret is not base64 of 16, 24 or 32 bytes.
    #[error("the secret of key {name:?} is not base64 of 16, 24 or 32 bytes")]
    Secret {
        /// The key's name.
        name: String,
    },
    /// A key's name would break the prefix of stored values.
    #[error("key name {name:?} is empty or holds a colon")]
    KeyName {
        /// The key's name.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    api_version: String,
    kind: String,
    resources: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    resources: Vec<String>,
    providers: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    aescbc: Option<Keys>,
    aesgcm: Option<Keys>,
    identity: Option<Identity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    name: String,
    secret: String,
}

/// Patterns of resources, and how these are sealed.
type PatternsWithProviders = (Vec<String>, Vec<Provider>);

/// Patterns of resources with their providers, in the order of the file.
pub(super) fn parse(text: &str) -> Result<Vec<PatternsWithProviders>, EncryptionFileError> {
    let file: File = serde_yaml_ng::from_str(text)?;
    if file.kind != "EncryptionConfiguration" || !API_VERSIONS.contains(&file.api_version.as_str()) {
        return Err(EncryptionFileError::Kind {
            api_version: file.api_version,
            kind: file.kind,
        });
    }
    let rules = file.resources.into_iter().map(|rule| {
        let mut providers = Vec::new();
        for entry in rule.providers {
            providers.extend(entry.providers()?);
        }
        Ok((rule.resources, providers))
    });
    rules.collect()
}

impl Entry {
    fn providers(self) -> Result<Vec<Provider>, EncryptionFileError> {
        match (self.aescbc, self.aesgcm, self.identity) {
            (Some(keys), None, None) => keys.providers(Provider::aes_cbc),
            (None, Some(keys), None) => keys.providers(Provider::aes_gcm),
            (None, None, Some(Identity {})) => Ok(vec![Provider::Identity]),
            _ => Err(EncryptionFileError::Provider),
        }
    }
}

impl Keys {
    fn providers(self, make: fn(&str, Secret) -> Provider) -> Result<Vec<Provider>, EncryptionFileError> {
        let providers = self.keys.into_iter().map(|key| {
            if key.name.is_empty() || key.name.contains(':') {
                return Err(EncryptionFileError::KeyName { name: key.name });
            }
            let secret = STANDARD.decode(&key.secret).ok().and_then(|bytes| Secret::new(&bytes));
            match secret {
                Some(secret) => Ok(make(&key.name, secret)),
                None => Err(EncryptionFileError::Secret { name: key.name }),
            }
        });
        providers.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(providers: &str, expected: &str) {
        let text = format!(
            "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n\
             resources:\n- resources: [secrets]\n  providers: {providers}\n"
        );
        let found = parse(&text).map_or_else(|error| error.to_string(), |rules| format!("{}", rules[0].1.len()));
        assert_eq!(found, expected);
    }

    #[test]
    fn refuses_what_it_can_not_use() {
        check("[{identity: {}}]", "1");
        check("[{kms: {}}]", "each provider must be one of aescbc, aesgcm, identity");
        check(
            "[{aescbc: {keys: [{name: a, secret: YQ==}]}}]",
            "the secret of key \"a\" is not base64 of 16, 24 or 32 bytes",
        );
        check(
            "[{aescbc: {keys: [{name: 'a:b', secret: YWFhYWFhYWFhYWFhYWFhYQ==}]}}]",
            "key name \"a:b\" is empty or holds a colon",
        );
    }
}
