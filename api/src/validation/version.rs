//! Versions of Kubernetes and of machine images.

use apimachinery::field::{FieldError, FieldErrors, Path};
use semver::Version;

/// A complete version, `1.35.4`; a leading `v` is forgiven.
pub fn parse(text: &str) -> Option<Version> {
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok()
}

/// Whether a version is of this minor version or newer; `false` for what is no version.
pub fn at_least(text: &str, major: u64, minor: u64) -> bool {
    parse(text).is_some_and(|version| (version.major, version.minor) >= (major, minor))
}

/// A version that must be there and complete.
pub(super) fn well_formed(path: &Path, text: &str, errors: &mut FieldErrors) {
    if text.is_empty() {
        errors.push(FieldError::required(path, "must provide a version, such as 1.35.4"));
    } else if Version::parse(text).is_err() {
        errors.push(FieldError::invalid(
            path,
            text,
            "must be a semantic version without leading v, such as 1.35.4",
        ));
    }
}

/// No way back, and one minor version at a time: Kubernetes supports no other update.
pub(super) fn update(path: &Path, new: &str, old: &str, errors: &mut FieldErrors) {
    let (Some(new_version), Some(old_version)) = (parse(new), parse(old)) else {
        return;
    };
    if new_version < old_version {
        errors.push(FieldError::forbidden(
            path,
            format!("version cannot be downgraded from {old} to {new}"),
        ));
    } else if new_version.major > old_version.major || new_version.minor > old_version.minor.saturating_add(1) {
        errors.push(FieldError::forbidden(
            path,
            format!("version cannot skip a minor version: update from {old} to the next minor version first"),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_minor() {
        for (text, expected) in [
            ("1.34.0", true),
            ("v1.35.2", true),
            ("2.0.0", true),
            ("1.33.9", false),
            ("x", false),
        ] {
            assert_eq!(at_least(text, 1, 34), expected, "{text}");
        }
    }

    #[test]
    fn updates_go_forward_one_minor_version_at_a_time() {
        let path = Path::new("version");
        for (old, new, expected) in [
            ("1.34.1", "1.34.1", None),
            ("1.34.1", "1.35.0", None),
            (
                "1.34.1",
                "1.34.0",
                Some("version: Forbidden: version cannot be downgraded from 1.34.1 to 1.34.0"),
            ),
            (
                "1.33.1",
                "1.35.0",
                Some(
                    "version: Forbidden: version cannot skip a minor version: update from 1.33.1 to the next minor version first",
                ),
            ),
        ] {
            let mut errors = FieldErrors::new();
            update(&path, new, old, &mut errors);
            assert_eq!(
                errors.to_strings(),
                expected.map(str::to_owned).into_iter().collect::<Vec<_>>()
            );
        }
    }
}
