//! What a request is about: the collection, the object, the subresource.

use serde_json::Value;

/// A collection, or one object of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    /// `v1`, `apps/v1`.
    pub(super) api_version: String,
    pub(super) plural: String,
    pub(super) namespace: String,
    pub(super) name: Option<String>,
    pub(super) subresource: Option<String>,
}

impl Target {
    /// Reads `/api/v1/…` and `/apis/<group>/<version>/…`.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (api_version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return None,
        };
        // A namespace itself is `/api/v1/namespaces/<name>`; with something behind, it is where the objects lie.
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !matches!(rest, [] | ["status" | "finalize"]) => (*namespace, rest),
            rest => ("", rest),
        };
        let (plural, rest) = rest.split_first()?;
        let text = |index: usize| rest.get(index).map(|part| (*part).to_owned());
        Some(Self {
            api_version,
            plural: (*plural).to_owned(),
            namespace: namespace.to_owned(),
            name: text(0),
            subresource: text(1),
        })
    }

    /// Where an object lies; plurals are made of the kind in lower case, as all kinds used here have it.
    pub(super) fn of_object(object: &Value) -> Self {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let singular = text("/kind").to_ascii_lowercase();
        let plural = match singular
            .strip_suffix('y')
            .filter(|stem| !stem.ends_with(['a', 'e', 'o']))
        {
            Some(stem) => format!("{stem}ies"),
            None if singular.ends_with('s') => format!("{singular}es"),
            None => format!("{singular}s"),
        };
        Self {
            api_version: text("/apiVersion"),
            plural,
            namespace: text("/metadata/namespace"),
            name: Some(text("/metadata/name")),
            subresource: None,
        }
    }

    pub(super) fn collection(&self) -> (String, String) {
        (self.api_version.clone(), self.plural.clone())
    }

    pub(super) fn key(&self) -> (String, String) {
        (self.namespace.clone(), self.name.clone().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_of_all_shapes() {
        let parse = |path| {
            let target = Target::parse(path).unwrap();
            format!(
                "{}|{}|{}|{}|{}",
                target.api_version,
                target.plural,
                target.namespace,
                target.name.unwrap_or_default(),
                target.subresource.unwrap_or_default()
            )
        };
        assert_eq!(parse("/api/v1/namespaces"), "v1|namespaces|||");
        assert_eq!(parse("/api/v1/namespaces/garden"), "v1|namespaces||garden|");
        assert_eq!(
            parse("/api/v1/namespaces/garden/status"),
            "v1|namespaces||garden|status"
        );
        assert_eq!(parse("/api/v1/namespaces/garden/secrets"), "v1|secrets|garden||");
        assert_eq!(
            parse("/apis/apps/v1/namespaces/a/deployments/b/status"),
            "apps/v1|deployments|a|b|status"
        );
        assert_eq!(parse("/api/v1/persistentvolumes/pv"), "v1|persistentvolumes||pv|");
        assert_eq!(Target::parse("/version"), None);
    }

    #[test]
    fn plurals_of_kinds() {
        for (kind, plural) in [
            ("Secret", "secrets"),
            ("NetworkPolicy", "networkpolicies"),
            ("StorageClass", "storageclasses"),
            ("DNSRecord", "dnsrecords"),
        ] {
            assert_eq!(Target::of_object(&json!({ "kind": kind })).plural, plural);
        }
    }
}
