//! The vector: entries, overrides, look-up by name and version.

use std::collections::BTreeMap;
use std::fmt;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::constraint::{Constraint, ConstraintError};

/// The environment variable that names a file with overrides.
pub const OVERWRITE_ENVIRONMENT: &str = "IMAGEVECTOR_OVERWRITE";

/// The registry host of the compiled-in vector. It has no address of its own: whoever runs the images tells containerd where it is.
pub const REGISTRY_HOST: &str = "registry.kubeception.internal:5000";

const EMBEDDED: &str = include_str!("../images.yaml");

/// Images by component name and version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageVector {
    /// The entries, in the order of the file.
    pub images: Vec<ImageSource>,
}

/// One entry of the vector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageSource {
    /// The component's name.
    pub name: String,
    /// The repository, with the registry's host. Either this or `ref` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The tag, or a digest (`sha256:…`). Without it the version that is asked for is the tag, with a leading `v`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The whole reference, instead of `repository` and `tag`.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Versions of the cluster that is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_version: Option<String>,
    /// Versions of the cluster that the image runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_version: Option<String>,
    /// Everything else that Gardener's vectors carry (labels, resource ids, architectures); kept, not used.
    #[serde(flatten)]
    pub rest: BTreeMap<String, serde_yaml_ng::Value>,
}

/// An image to run. [`fmt::Display`] is what belongs into a pod's `image`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Image {
    /// The repository, with the registry's host.
    pub repository: String,
    /// The tag or digest, if any.
    pub tag: Option<String>,
}

/// A vector that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ImageVectorError {
    /// The file of overrides cannot be read.
    #[error("failed to read the image vector override {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not an image vector.
    #[error("failed to parse the image vector")]
    Parse(#[source] serde_yaml_ng::Error),
    /// An entry lacks what makes it useful.
    #[error("image {name} has neither repository nor ref")]
    NoRepository {
        /// The entry.
        name: String,
    },
    /// An entry's version constraint cannot be read.
    #[error("image {name} has a bad version constraint")]
    Constraint {
        /// The entry.
        name: String,
        /// Why.
        source: ConstraintError,
    },
}

/// No entry fits.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no image {name}{}", version.as_ref().map(|version| format!(" for version {version}")).unwrap_or_default())]
pub struct ImageNotFound {
    name: String,
    version: Option<String>,
}

impl ImageVector {
    /// The vector that is compiled in.
    pub fn embedded() -> Result<Self, ImageVectorError> {
        Self::parse(EMBEDDED)
    }

    /// The vector that is compiled in, with the overrides of the file that [`OVERWRITE_ENVIRONMENT`] names, if it is set.
    pub fn from_environment() -> Result<Self, ImageVectorError> {
        let embedded = Self::embedded()?;
        let Some(path) = std::env::var_os(OVERWRITE_ENVIRONMENT).filter(|path| !path.is_empty()) else {
            return Ok(embedded);
        };
        let text = std::fs::read_to_string(&path).map_err(|source| ImageVectorError::Read {
            path: path.to_string_lossy().into_owned(),
            source,
        })?;
        embedded.with_overwrite(&text)
    }

    /// Reads a vector and checks every entry.
    pub fn parse(text: &str) -> Result<Self, ImageVectorError> {
        let vector: Self = serde_yaml_ng::from_str(text).map_err(ImageVectorError::Parse)?;
        vector.images.iter().try_for_each(ImageSource::check)?;
        Ok(vector)
    }

    /// This vector with the entries of `overwrite`, a vector as text, put over it.
    pub fn with_overwrite(mut self, overwrite: &str) -> Result<Self, ImageVectorError> {
        for source in Self::parse(overwrite)?.images {
            match self.images.iter_mut().find(|existing| existing.key() == source.key()) {
                Some(existing) => *existing = source,
                None => self.images.push(source),
            }
        }
        Ok(self)
    }

    /// The image `name`, for a cluster of `version` where the component follows one (`None` finds entries without a target version).
    ///
    /// An entry for just this version comes before one for a range, and that before one for all versions.
    pub fn find(&self, name: &str, version: Option<&str>) -> Result<Image, ImageNotFound> {
        let parsed = version.and_then(|version| Version::parse(version.trim_start_matches('v')).ok());
        let best = self
            .images
            .iter()
            .filter(|source| source.name == name)
            .filter_map(|source| source.fit(parsed.as_ref()).map(|fit| (fit, source)))
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        match best {
            Some((_, source)) => Ok(source.image(parsed.as_ref())),
            None => Err(ImageNotFound {
                name: name.to_owned(),
                version: version.map(str::to_owned),
            }),
        }
    }
}

/// How well an entry fits a version; the greater the better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Any,
    Range,
    Exact,
}

impl ImageSource {
    fn key(&self) -> (&str, Option<&str>, Option<&str>) {
        (
            &self.name,
            self.target_version.as_deref(),
            self.runtime_version.as_deref(),
        )
    }

    fn check(&self) -> Result<(), ImageVectorError> {
        if self.repository.is_none() && self.reference.is_none() {
            return Err(ImageVectorError::NoRepository {
                name: self.name.clone(),
            });
        }
        for constraint in self.target_version.iter().chain(&self.runtime_version) {
            Constraint::parse(constraint).map_err(|source| ImageVectorError::Constraint {
                name: self.name.clone(),
                source,
            })?;
        }
        Ok(())
    }

    fn fit(&self, version: Option<&Version>) -> Option<Fit> {
        let Some(target) = &self.target_version else {
            return Some(Fit::Any);
        };
        // Entries were checked when they were read; one added by hand that cannot be read fits nothing.
        let constraint = Constraint::parse(target).ok()?;
        let fits = constraint.matches(version?);
        fits.then_some(if constraint.is_exact() { Fit::Exact } else { Fit::Range })
    }

    fn image(&self, version: Option<&Version>) -> Image {
        if let Some(reference) = &self.reference {
            return Image {
                repository: reference.clone(),
                tag: None,
            };
        }
        let tag = self
            .tag
            .clone()
            .or_else(|| version.map(|version| format!("v{version}")));
        Image {
            repository: self.repository.clone().unwrap_or_default(),
            tag,
        }
    }
}

impl fmt::Display for Image {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tag.as_deref() {
            None => formatter.write_str(&self.repository),
            Some(digest) if digest.starts_with("sha256:") => write!(formatter, "{}@{digest}", self.repository),
            Some(tag) => write!(formatter, "{}:{tag}", self.repository),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGES: &str = r#"
images:
- {name: a, repository: r/a, tag: any}
- {name: a, repository: r/a, tag: range, targetVersion: ">= 1.34, < 1.36", labels: [{name: kept}]}
- {name: a, repository: r/a, tag: exact, targetVersion: "1.35.4"}
- {name: b, repository: r/b, targetVersion: "1.35.x"}
- {name: c, ref: "r/c@sha256:0123"}
- {name: d, repository: r/d, tag: "sha256:0123"}
"#;

    #[test]
    fn the_embedded_vector_names_every_component() {
        let vector = ImageVector::embedded().unwrap();
        let versioned = [
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kube-proxy",
            "hyperkube",
        ];
        for name in versioned {
            assert!(vector.find(name, Some("1.35.4")).is_ok(), "{name}");
        }
        let others = [
            "etcd",
            "coredns",
            "pause",
            "kubeception",
            "gardenlet",
            "metrics-server",
            "busybox",
            "agnhost",
        ];
        for name in others {
            assert!(vector.find(name, None).is_ok(), "{name}");
        }
        assert!(
            vector
                .images
                .iter()
                .all(|image| image.repository.as_ref().unwrap().starts_with(REGISTRY_HOST))
        );
    }

    #[test]
    fn our_own_images_carry_the_version_of_the_workspace() {
        let vector = ImageVector::embedded().unwrap();
        for name in ["pause", "kubeception", "gardenlet"] {
            assert_eq!(
                vector.find(name, None).unwrap().tag.as_deref(),
                Some(env!("CARGO_PKG_VERSION")),
                "{name}"
            );
        }
    }

    #[test]
    fn the_closest_entry_is_found() {
        let vector = ImageVector::parse(RANGES).unwrap();
        let cases = [
            ("a", None, Ok("r/a:any")),
            ("a", Some("1.33.1"), Ok("r/a:any")),
            ("a", Some("v1.34.1"), Ok("r/a:range")),
            ("a", Some("1.35.4"), Ok("r/a:exact")),
            ("b", Some("1.35.2"), Ok("r/b:v1.35.2")),
            ("b", Some("1.36.0"), Err("there is no image b for version 1.36.0")),
            ("b", None, Err("there is no image b")),
            ("c", Some("1.35.4"), Ok("r/c@sha256:0123")),
            ("d", None, Ok("r/d@sha256:0123")),
            ("e", None, Err("there is no image e")),
        ];
        for (name, version, expected) in cases {
            let found = vector
                .find(name, version)
                .map(|image| image.to_string())
                .map_err(|error| error.to_string());
            assert_eq!(
                found,
                expected.map(str::to_owned).map_err(str::to_owned),
                "{name} {version:?}"
            );
        }
    }

    #[test]
    fn an_override_replaces_its_twin_and_adds_the_rest() {
        let overwrite = r#"{images: [
            {name: a, repository: mirror/a, tag: "2", targetVersion: "1.35.4"},
            {name: new, repository: mirror/new, tag: "1"}]}"#;
        let vector = ImageVector::parse(RANGES).unwrap().with_overwrite(overwrite).unwrap();
        assert_eq!(vector.find("a", Some("1.35.4")).unwrap().to_string(), "mirror/a:2");
        assert_eq!(vector.find("a", Some("1.34.0")).unwrap().to_string(), "r/a:range");
        assert_eq!(vector.find("new", None).unwrap().to_string(), "mirror/new:1");
    }

    #[test]
    fn a_vector_survives_being_written_and_read() {
        let vector = ImageVector::parse(RANGES).unwrap();
        let text = serde_yaml_ng::to_string(&vector).unwrap();
        assert_eq!(ImageVector::parse(&text).unwrap(), vector);
    }

    #[test]
    fn bad_entries_are_refused_by_name() {
        let cases = [
            (
                "{images: [{name: a, tag: x}]}",
                "image a has neither repository nor ref",
            ),
            (
                "{images: [{name: a, repository: r, targetVersion: '>= x'}]}",
                "image a has a bad version constraint",
            ),
            ("{images: 3}", "failed to parse the image vector"),
        ];
        for (text, expected) in cases {
            assert_eq!(ImageVector::parse(text).unwrap_err().to_string(), expected);
        }
    }
}
