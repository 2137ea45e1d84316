//! Which groups, versions and resources there are.

use std::{collections::BTreeMap, sync::Arc};

use crate::registry::{ApiGroup, Endpoint, Environment};

/// Two resources with the same name, or a group without any.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The same resource was registered twice.
    #[error("resource {0} is registered twice")]
    Duplicate(String),
    /// A group has no resource, and so no name.
    #[error("an API group has no resource")]
    Empty,
    /// The resources of a group belong to several.
    #[error("resources of {0} and {1} are registered in one group")]
    Mixed(&'static str, &'static str),
}

/// One group.
pub(super) struct Group {
    pub(super) name: String,
    /// Versions, the preferred one first.
    pub(super) versions: Vec<String>,
    /// By plural.
    pub(super) resources: BTreeMap<String, Arc<dyn Endpoint>>,
}

/// Everything that is served.
#[derive(Default)]
pub(crate) struct Directory {
    groups: BTreeMap<String, Group>,
}

impl Directory {
    /// Installs groups of resources.
    pub(crate) fn install(groups: Vec<ApiGroup>, environment: &Environment) -> Result<Self, DirectoryError> {
        let mut directory = Self::default();
        for group in groups {
            let installed = Group::install(group, environment)?;
            let name = installed.name.clone();
            if directory.groups.insert(name.clone(), installed).is_some() {
                return Err(DirectoryError::Duplicate(name));
            }
        }
        Ok(directory)
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    pub(super) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(name)
    }

    /// All resources of all groups.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Arc<dyn Endpoint>> {
        self.groups.values().flat_map(|group| group.resources.values())
    }

    /// A resource, and the index of its version.
    pub(super) fn resource(&self, group: &str, version: &str, plural: &str) -> Option<(&Arc<dyn Endpoint>, usize)> {
        let endpoint = self.groups.get(group)?.resources.get(plural)?;
        version_index(&**endpoint, version).map(|index| (endpoint, index))
    }
}

/// Index of a version among those of a resource.
pub(super) fn version_index(endpoint: &dyn Endpoint, version: &str) -> Option<usize> {
    endpoint
        .description()
        .versions
        .iter()
        .position(|served| served.kind.version == version)
}

impl Group {
    fn install(group: ApiGroup, environment: &Environment) -> Result<Self, DirectoryError> {
        let name = group.resources.first().ok_or(DirectoryError::Empty)?.group();
        let mut resources = BTreeMap::new();
        let mut versions: Vec<String> = Vec::new();
        for resource in group.resources {
            if resource.group() != name {
                return Err(DirectoryError::Mixed(name, resource.group()));
            }
            let endpoint = resource.install(environment);
            let description = endpoint.description();
            for served in &description.versions {
                if !versions.contains(&served.kind.version) {
                    versions.push(served.kind.version.clone());
                }
            }
            let plural = description.resource.resource.clone();
            if resources.insert(plural.clone(), endpoint).is_some() {
                return Err(DirectoryError::Duplicate(format!("{plural}.{name}")));
            }
        }
        let preferred = group.preferred;
        versions.sort_by_key(|version| (preferred != Some(version.as_str()), stability(version)));
        Ok(Self {
            name: name.to_owned(),
            versions,
            resources,
        })
    }

    /// Resources served in a version, with the version's index in each.
    pub(super) fn in_version<'a>(&'a self, version: &'a str) -> impl Iterator<Item = (&'a Arc<dyn Endpoint>, usize)> {
        let resources = self.resources.values();
        resources.filter_map(move |endpoint| version_index(&**endpoint, version).map(|index| (endpoint, index)))
    }
}

/// Sorts `v2` before `v1` before `v1beta2` before `v1beta1` before `v1alpha1`, and what is no such name to the end.
fn stability(version: &str) -> (u8, i64, i64) {
    let number = |text: &str| text.parse::<i64>().map(|number| -number);
    let Some(rest) = version.strip_prefix('v') else {
        return (3, 0, 0);
    };
    for (level, word) in [(1, "beta"), (2, "alpha")] {
        if let Some((major, minor)) = rest.split_once(word)
            && let (Ok(major), Ok(minor)) = (number(major), number(minor))
        {
            return (level, major, minor);
        }
    }
    number(rest).map_or((3, 0, 0), |major| (0, major, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_and_new_versions_come_first() {
        let mut versions = ["v1alpha1", "v1", "x", "v1beta1", "v2", "v1beta10"];
        versions.sort_by_key(|version| stability(version));
        assert_eq!(versions, ["v2", "v1", "v1beta10", "v1beta1", "v1alpha1", "x"]);
    }
}
