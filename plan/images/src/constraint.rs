//! Version constraints of the image vector: `1.35.4`, `1.35.x`, `>= 1.34, < 1.36`, `1.34.x || 1.35.x`.
//!
//! The meaning is that of Gardener's vectors: a bare version is exact (not "compatible with"), a bare `1.35` is every patch of it,
//! a comma or a space is "and", `||` is "or".

use semver::{Version, VersionReq};

/// A set of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    alternatives: Vec<VersionReq>,
    exact: bool,
}

/// A constraint that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read version constraint {constraint:?}")]
pub struct ConstraintError {
    constraint: String,
    source: semver::Error,
}

impl Constraint {
    /// Reads a constraint.
    pub fn parse(constraint: &str) -> Result<Self, ConstraintError> {
        let alternatives = constraint
            .split("||")
            .map(parse_alternative)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| ConstraintError {
                constraint: constraint.to_owned(),
                source,
            })?;
        let exact = Version::parse(constraint.trim().trim_start_matches(['=', 'v', ' '])).is_ok();
        Ok(Self { alternatives, exact })
    }

    /// Whether `version` belongs to the set.
    pub fn matches(&self, version: &Version) -> bool {
        // A pre-release or build of a version is served like the version itself: distributions mark their builds this way.
        let bare = Version::new(version.major, version.minor, version.patch);
        self.alternatives
            .iter()
            .any(|alternative| alternative.matches(version) || alternative.matches(&bare))
    }

    /// Whether the set is one version.
    pub fn is_exact(&self) -> bool {
        self.exact
    }
}

fn parse_alternative(alternative: &str) -> Result<VersionReq, semver::Error> {
    let mut comparators: Vec<String> = Vec::new();
    let mut operator = String::new();
    for word in alternative.split([',', ' ']).filter(|word| !word.is_empty()) {
        if word.chars().all(|character| "<>=~^!".contains(character)) {
            word.clone_into(&mut operator); // an operator that stands apart from its version: ">= 1.34"
            continue;
        }
        let split = word.find(|character: char| !"<>=~^!".contains(character)).unwrap_or(0);
        let (own_operator, version) = word.split_at(split);
        let operator_of_word = format!("{}{own_operator}", std::mem::take(&mut operator));
        comparators.push(comparator(&operator_of_word, version.trim_start_matches('v')));
    }
    VersionReq::parse(&comparators.join(", "))
}

fn comparator(operator: &str, version: &str) -> String {
    let is_wildcard = version.contains(['x', 'X', '*']);
    let operator = if operator.is_empty() && !is_wildcard {
        "="
    } else {
        operator
    };
    format!("{operator}{version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(constraint: &str, matching: &[&str], other: &[&str]) {
        let parsed = Constraint::parse(constraint).unwrap();
        for version in matching {
            assert!(
                parsed.matches(&Version::parse(version).unwrap()),
                "{constraint} should match {version}"
            );
        }
        for version in other {
            assert!(
                !parsed.matches(&Version::parse(version).unwrap()),
                "{constraint} should not match {version}"
            );
        }
    }

    #[test]
    fn constraints_select_versions() {
        check("1.35.4", &["1.35.4", "1.35.4-gke.1"], &["1.35.5", "1.35.3", "1.36.0"]);
        check("1.35.x", &["1.35.0", "1.35.99"], &["1.34.9", "1.36.0"]);
        check("1.35", &["1.35.0", "1.35.99"], &["1.34.9", "1.36.0"]);
        check(">= 1.34, < 1.36", &["1.34.0", "1.35.9"], &["1.33.9", "1.36.0"]);
        check(">=1.34 <1.36", &["1.34.0", "1.35.9"], &["1.33.9", "1.36.0"]);
        check("1.33.x || 1.35.x", &["1.33.1", "1.35.1"], &["1.34.1"]);
        check("*", &["0.1.0", "9.9.9"], &[]);
        check("v1.35.4", &["1.35.4"], &["1.35.5"]);
    }

    #[test]
    fn only_one_full_version_is_exact() {
        for (constraint, exact) in [
            ("1.35.4", true),
            ("v1.35.4", true),
            ("1.35", false),
            (">= 1.35.4", false),
            ("*", false),
        ] {
            assert_eq!(Constraint::parse(constraint).unwrap().is_exact(), exact, "{constraint}");
        }
    }

    #[test]
    fn a_bad_constraint_is_named() {
        let error = Constraint::parse(">= one").unwrap_err();
        assert_eq!(error.to_string(), r#"failed to read version constraint ">= one""#);
    }
}
