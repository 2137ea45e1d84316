//! Names of kinds and resources: group, version, kind, resource.
//!
//! In: strings such as `core.gardener.cloud/v1beta1`. Out: their parts, and back.

use std::fmt;

/// `apiVersion` and `kind` of a type, known at compile time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeMeta {
    /// Group and version, `v1` for the core group.
    pub api_version: &'static str,
    /// Kind.
    pub kind: &'static str,
}

/// The text is no `version` and no `group/version`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unexpected GroupVersion string: {0}")]
pub struct ParseGroupVersionError(pub String);

/// A group and one of its versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersion {
    /// Group; empty for the core group.
    pub group: String,
    /// Version.
    pub version: String,
}

/// A kind without its version; the JSON form is `metav1.GroupKind`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct GroupKind {
    /// Group; empty for the core group.
    #[serde(default)]
    pub group: String,
    /// Kind.
    #[serde(default)]
    pub kind: String,
}

/// A resource without its version.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupResource {
    /// Group; empty for the core group.
    pub group: String,
    /// Resource: the plural in lower case.
    pub resource: String,
}

/// A kind in a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct GroupVersionKind {
    /// Group; empty for the core group.
    #[serde(default)]
    pub group: String,
    /// Version.
    #[serde(default)]
    pub version: String,
    /// Kind.
    #[serde(default)]
    pub kind: String,
}

/// A resource in a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersionResource {
    /// Group; empty for the core group.
    pub group: String,
    /// Version.
    pub version: String,
    /// Resource: the plural in lower case.
    pub resource: String,
}

impl GroupVersion {
    /// From its parts.
    pub fn new(group: &str, version: &str) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
        }
    }

    /// From an `apiVersion`.
    pub fn parse(text: &str) -> Result<Self, ParseGroupVersionError> {
        match text.split('/').collect::<Vec<_>>().as_slice() {
            [version] => Ok(Self::new("", version)),
            [group, version] => Ok(Self::new(group, version)),
            _ => Err(ParseGroupVersionError(text.to_owned())),
        }
    }

    /// A kind of this version.
    pub fn with_kind(&self, kind: &str) -> GroupVersionKind {
        GroupVersionKind::new(&self.group, &self.version, kind)
    }

    /// A resource of this version.
    pub fn with_resource(&self, resource: &str) -> GroupVersionResource {
        GroupVersionResource::new(&self.group, &self.version, resource)
    }
}

/// The `apiVersion`.
impl fmt::Display for GroupVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            formatter.write_str(&self.version)
        } else {
            write!(formatter, "{}/{}", self.group, self.version)
        }
    }
}

impl GroupKind {
    /// From its parts.
    pub fn new(group: &str, kind: &str) -> Self {
        Self {
            group: group.to_owned(),
            kind: kind.to_owned(),
        }
    }
}

/// `Shoot.core.gardener.cloud`.
impl fmt::Display for GroupKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        dotted(formatter, &self.kind, &self.group)
    }
}

impl GroupResource {
    /// From its parts.
    pub fn new(group: &str, resource: &str) -> Self {
        Self {
            group: group.to_owned(),
            resource: resource.to_owned(),
        }
    }
}

/// `shoots.core.gardener.cloud`.
impl fmt::Display for GroupResource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        dotted(formatter, &self.resource, &self.group)
    }
}

fn dotted(formatter: &mut fmt::Formatter<'_>, name: &str, group: &str) -> fmt::Result {
    if group.is_empty() {
        formatter.write_str(name)
    } else {
        write!(formatter, "{name}.{group}")
    }
}

impl GroupVersionKind {
    /// From its parts.
    pub fn new(group: &str, version: &str, kind: &str) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        }
    }

    /// From `apiVersion` and `kind`.
    pub fn parse(api_version: &str, kind: &str) -> Result<Self, ParseGroupVersionError> {
        Ok(GroupVersion::parse(api_version)?.with_kind(kind))
    }

    /// Without the kind.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion::new(&self.group, &self.version)
    }

    /// Without the version.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind::new(&self.group, &self.kind)
    }

    /// The `apiVersion`.
    pub fn api_version(&self) -> String {
        self.group_version().to_string()
    }
}

/// As Kubernetes prints it: `core.gardener.cloud/v1beta1, Kind=Shoot`.
impl fmt::Display for GroupVersionKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}, Kind={}", self.group, self.version, self.kind)
    }
}

impl GroupVersionResource {
    /// From its parts.
    pub fn new(group: &str, version: &str, resource: &str) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            resource: resource.to_owned(),
        }
    }

    /// Without the resource.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion::new(&self.group, &self.version)
    }

    /// Without the version.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource::new(&self.group, &self.resource)
    }
}

/// As Kubernetes prints it: `core.gardener.cloud/v1beta1, Resource=shoots`.
impl fmt::Display for GroupVersionResource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}, Resource={}", self.group, self.version, self.resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_versions_parse_and_print() {
        for (text, group, version) in [("v1", "", "v1"), ("apps/v1", "apps", "v1"), ("", "", "")] {
            assert_eq!(GroupVersion::parse(text), Ok(GroupVersion::new(group, version)));
            assert_eq!(GroupVersion::new(group, version).to_string(), text);
        }
        let error = GroupVersion::parse("a/b/c").expect_err("three parts");
        assert_eq!(error.to_string(), "unexpected GroupVersion string: a/b/c");
    }

    #[test]
    fn names_print_as_kubernetes_does() {
        let kind = GroupVersionKind::new("core.gardener.cloud", "v1beta1", "Shoot");
        assert_eq!(kind.to_string(), "core.gardener.cloud/v1beta1, Kind=Shoot");
        assert_eq!(kind.group_kind().to_string(), "Shoot.core.gardener.cloud");
        assert_eq!(GroupVersionKind::new("", "v1", "Pod").group_kind().to_string(), "Pod");
        let resource = GroupVersionResource::new("apps", "v1", "deployments");
        assert_eq!(resource.group_resource().to_string(), "deployments.apps");
    }
}
