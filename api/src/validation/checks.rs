//! Checks that several kinds need.

use std::collections::BTreeSet;

use apimachinery::{
    field::{FieldError, FieldErrors, Path},
    meta::ObjectMeta,
    names,
};
use serde::Serialize;

/// What a name must look like.
pub(super) enum NameRule {
    /// A label of a domain name, without `--`: it becomes part of `shoot--<project>--<shoot>`.
    LabelWithoutDoubleHyphen,
    /// A domain name.
    Subdomain,
}

/// The name; it may also come from `generateName`.
pub(super) fn name(metadata: &ObjectMeta, rule: &NameRule, errors: &mut FieldErrors) {
    let path = Path::new("metadata").child("name");
    let name = metadata.name.as_deref().unwrap_or_default();
    if name.is_empty() {
        if metadata.generate_name.as_deref().unwrap_or_default().is_empty() {
            errors.push(FieldError::required(&path, "name or generateName is required"));
        }
        return;
    }
    match rule {
        NameRule::Subdomain => errors.invalid_for_each(&path, name, names::dns1123_subdomain(name)),
        NameRule::LabelWithoutDoubleHyphen => {
            errors.invalid_for_each(&path, name, names::dns1123_label(name));
            no_double_hyphen(&path, name, errors);
        }
    }
}

/// `--` separates the parts of a technical ID.
pub(super) fn no_double_hyphen(path: &Path, name: &str, errors: &mut FieldErrors) {
    if name.contains("--") {
        errors.push(FieldError::invalid(
            path,
            name,
            "name may not contain two consecutive hyphens",
        ));
    }
}

/// A text that must be there.
pub(super) fn required(path: &Path, value: &str, detail: &str, errors: &mut FieldErrors) {
    if value.is_empty() {
        errors.push(FieldError::required(path, detail));
    }
}

/// A value that must not change.
pub(super) fn immutable<T: PartialEq + Serialize>(path: &Path, new: &T, old: &T, errors: &mut FieldErrors) {
    if new != old {
        errors.push(FieldError::invalid(path, new, "field is immutable"));
    }
}

/// A value that may be set once, and then neither change nor go.
pub(super) fn immutable_once_set<T: PartialEq + Serialize>(
    path: &Path,
    new: &Option<T>,
    old: &Option<T>,
    errors: &mut FieldErrors,
) {
    if old.is_some() {
        immutable(path, new, old, errors);
    }
}

/// Elements that must not occur twice; `child` names the field that identifies them.
pub(super) fn unique<'a>(
    path: &Path,
    child: &str,
    values: impl IntoIterator<Item = &'a str>,
    errors: &mut FieldErrors,
) {
    let mut seen = BTreeSet::new();
    for (index, value) in values.into_iter().enumerate() {
        if !value.is_empty() && !seen.insert(value) {
            let element = path.index(index);
            let field = if child.is_empty() {
                element
            } else {
                element.child(child)
            };
            errors.push(FieldError::duplicate(&field, value));
        }
    }
}

/// A value that must be one of several.
pub(super) fn one_of(path: &Path, value: &str, supported: &[&str], errors: &mut FieldErrors) {
    if !supported.contains(&value) {
        errors.push(FieldError::not_supported(path, value, supported));
    }
}

/// Forbids what is set.
pub(super) fn forbid(is_set: bool, path: &Path, detail: &str, errors: &mut FieldErrors) {
    if is_set {
        errors.push(FieldError::forbidden(path, detail));
    }
}
