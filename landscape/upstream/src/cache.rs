//! The cache: downloads and builds that outlive a landscape.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::component::Component;

/// The environment variable that names the cache.
const CACHE_ENVIRONMENT: &str = "KUBECEPTION_CACHE";

/// The root folder of what is downloaded or built once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

/// There is no place for a cache.
#[derive(Debug, thiserror::Error)]
#[error("there is no place for the cache: set KUBECEPTION_CACHE, XDG_CACHE_HOME or HOME")]
pub struct CacheError;

impl Cache {
    /// The cache in `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// `$KUBECEPTION_CACHE`, else `$XDG_CACHE_HOME/kubeception`, else `~/.cache/kubeception`.
    pub fn from_environment() -> Result<Self, CacheError> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, CacheError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        variable(CACHE_ENVIRONMENT)
            .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("kubeception")))
            .or_else(|| variable("HOME").map(|home| home.join(".cache/kubeception")))
            .map(Self::new)
            .ok_or(CacheError)
    }

    /// The root folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of all upstream components.
    pub fn upstream(&self) -> PathBuf {
        self.root.join("upstream")
    }

    /// What a build of components holds while it is at work.
    pub fn lock(&self) -> PathBuf {
        self.upstream().join(".lock")
    }

    /// The folder of one component.
    pub fn component(&self, component: &Component) -> PathBuf {
        self.upstream().join(component.directory())
    }

    /// A program of a component.
    pub fn binary(&self, component: &Component, binary: &str) -> PathBuf {
        self.component(component).join(binary)
    }

    /// Whether all programs of a component are there.
    pub fn has(&self, component: &Component) -> bool {
        component
            .binaries
            .iter()
            .all(|binary| self.binary(component, binary).is_file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_wins() {
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>);
        let cases: [Case<'_>; 5] = [
            (
                &[("KUBECEPTION_CACHE", "/k"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")],
                Some("/k"),
            ),
            (&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")], Some("/x/kubeception")),
            (&[("HOME", "/h")], Some("/h/.cache/kubeception")),
            (
                &[("KUBECEPTION_CACHE", ""), ("HOME", "/h")],
                Some("/h/.cache/kubeception"),
            ),
            (&[], None),
        ];
        for (variables, expected) in cases {
            let lookup = |name: &str| {
                variables
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| value.into())
            };
            let root = Cache::from_variables(lookup).ok().map(|cache| cache.root);
            assert_eq!(root, expected.map(PathBuf::from), "{variables:?}");
        }
    }
}
