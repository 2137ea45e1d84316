//! Paths to fields, and what is wrong with them, worded as Kubernetes words it.
//!
//! In: a [`Path`], the value, what is expected. Out: a [`FieldError`]; validation collects all of them in [`FieldErrors`].

use std::{collections::BTreeSet, fmt};

use serde::Serialize;
use serde_json::Value;

/// Where a field lies: `spec.provider.workers[0].name`, `metadata.labels[key]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(String);

impl Path {
    /// The object itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// A field of the object.
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// A field of this field.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        if self.0.is_empty() {
            Self::new(name)
        } else {
            Self(format!("{}.{name}", self.0))
        }
    }

    /// An element of this list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// A key of this map.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self(format!("{}[{key}]", self.0))
    }

    /// Whether this is the object itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_empty() { "<nil>" } else { &self.0 })
    }
}

/// What kind of mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldErrorKind {
    /// A reference leads nowhere.
    NotFound,
    /// A value is missing.
    Required,
    /// A value occurs twice.
    Duplicate,
    /// A value breaks a rule.
    Invalid,
    /// A value is none of those allowed.
    NotSupported,
    /// A value is fine but not allowed here.
    Forbidden,
    /// A text is too long.
    TooLong,
    /// A list has too many elements.
    TooMany,
    /// A list has too few elements.
    TooFew,
    /// Not the user's fault.
    Internal,
    /// A value has the wrong JSON type.
    TypeInvalid,
}

impl FieldErrorKind {
    /// The machine-readable name, in a Status' causes.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TooFew => "FieldValueTooFew",
            Self::Internal => "InternalError",
            Self::TypeInvalid => "FieldValueTypeInvalid",
        }
    }

    /// The words for people.
    fn label(self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::TooFew => "Too few",
            Self::Internal => "Internal error",
        }
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// What kind of mistake it is.
    pub kind: FieldErrorKind,
    /// Where it is.
    pub field: Path,
    /// The value, where the message shows it.
    pub value: Option<Value>,
    /// What is expected.
    pub detail: String,
}

impl FieldError {
    fn new(kind: FieldErrorKind, field: &Path, value: Option<Value>, detail: impl Into<String>) -> Self {
        Self {
            kind,
            field: field.clone(),
            value,
            detail: detail.into(),
        }
    }

    /// The value breaks a rule.
    pub fn invalid(field: &Path, value: impl Serialize, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Invalid, field, Some(shown(value)), detail)
    }

    /// The value has the wrong JSON type.
    pub fn type_invalid(field: &Path, value: impl Serialize, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::TypeInvalid, field, Some(shown(value)), detail)
    }

    /// The value is missing.
    pub fn required(field: &Path, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Required, field, None, detail)
    }

    /// The value occurs twice.
    pub fn duplicate(field: &Path, value: impl Serialize) -> Self {
        Self::new(FieldErrorKind::Duplicate, field, Some(shown(value)), "")
    }

    /// The reference leads nowhere.
    pub fn not_found(field: &Path, value: impl Serialize) -> Self {
        Self::new(FieldErrorKind::NotFound, field, Some(shown(value)), "")
    }

    /// The value is none of `supported`.
    pub fn not_supported<T: AsRef<str>>(
        field: &Path,
        value: impl Serialize,
        supported: impl IntoIterator<Item = T>,
    ) -> Self {
        let supported: Vec<String> = supported.into_iter().map(|value| quote(value.as_ref())).collect();
        let detail = if supported.is_empty() {
            String::new()
        } else {
            format!("supported values: {}", supported.join(", "))
        };
        Self::new(FieldErrorKind::NotSupported, field, Some(shown(value)), detail)
    }

    /// The value is fine but not allowed here.
    pub fn forbidden(field: &Path, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Forbidden, field, None, detail)
    }

    /// The text has more than `maximum` bytes.
    pub fn too_long(field: &Path, maximum: usize) -> Self {
        let unit = if maximum == 1 { "byte" } else { "bytes" };
        Self::new(
            FieldErrorKind::TooLong,
            field,
            None,
            format!("may not be more than {maximum} {unit}"),
        )
    }

    /// The list has more than `maximum` elements.
    pub fn too_many(field: &Path, actual: usize, maximum: usize) -> Self {
        let unit = if maximum == 1 { "item" } else { "items" };
        Self::new(
            FieldErrorKind::TooMany,
            field,
            Some(shown(actual)),
            format!("must have at most {maximum} {unit}"),
        )
    }

    /// The list has less than `minimum` elements.
    pub fn too_few(field: &Path, actual: usize, minimum: usize) -> Self {
        let unit = if minimum == 1 { "item" } else { "items" };
        Self::new(
            FieldErrorKind::TooFew,
            field,
            Some(shown(actual)),
            format!("must have at least {minimum} {unit}"),
        )
    }

    /// Not the user's fault.
    pub fn internal(field: &Path, detail: impl Into<String>) -> Self {
        Self::new(FieldErrorKind::Internal, field, None, detail)
    }

    /// The message without the field: `Invalid value: "x": must be shorter`.
    pub fn body(&self) -> String {
        let mut body = self.kind.label().to_owned();
        match &self.value {
            Some(Value::String(text)) => body.push_str(&format!(": {}", quote(text))),
            Some(value) => body.push_str(&format!(": {value}")),
            None => {}
        }
        if !self.detail.is_empty() {
            body.push_str(": ");
            body.push_str(&self.detail);
        }
        body
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.body())
    }
}

impl std::error::Error for FieldError {}

/// The value as JSON; one that cannot be JSON is shown as null.
fn shown(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Go's `%q`.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            control if control.is_control() && control.is_ascii() => {
                quoted.push_str(&format!("\\x{:02x}", control as u32));
            }
            control if control.is_control() => quoted.push_str(&format!("\\u{:04x}", control as u32)),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// All mistakes of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, error: FieldError) {
        self.0.push(error);
    }

    /// Adds one [`FieldError::invalid`] for each message, as the functions of [`crate::names`] return them.
    pub fn invalid_for_each(
        &mut self,
        field: &Path,
        value: impl Serialize,
        messages: impl IntoIterator<Item = String>,
    ) {
        let value = shown(value);
        self.extend(
            messages
                .into_iter()
                .map(|message| FieldError::invalid(field, &value, message)),
        );
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, FieldError> {
        self.0.iter()
    }

    /// All of them as texts.
    pub fn to_strings(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// `Ok` if nothing is wrong.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

/// One message, or `[first, second]`; each message once.
impl fmt::Display for FieldErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut seen = BTreeSet::new();
        let messages: Vec<String> = self
            .to_strings()
            .into_iter()
            .filter(|message| seen.insert(message.clone()))
            .collect();
        match messages.as_slice() {
            [message] => formatter.write_str(message),
            messages => write!(formatter, "[{}]", messages.join(", ")),
        }
    }
}

impl std::error::Error for FieldErrors {}

impl Extend<FieldError> for FieldErrors {
    fn extend<I: IntoIterator<Item = FieldError>>(&mut self, errors: I) {
        self.0.extend(errors);
    }
}

impl FromIterator<FieldError> for FieldErrors {
    fn from_iter<I: IntoIterator<Item = FieldError>>(errors: I) -> Self {
        Self(errors.into_iter().collect())
    }
}

impl IntoIterator for FieldErrors {
    type Item = FieldError;
    type IntoIter = std::vec::IntoIter<FieldError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a FieldErrors {
    type Item = &'a FieldError;
    type IntoIter = std::slice::Iter<'a, FieldError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl From<FieldError> for FieldErrors {
    fn from(error: FieldError) -> Self {
        Self(vec![error])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_kubernetes() {
        let region = Path::new("spec").child("region");
        let worker = Path::new("spec").child("workers").index(1).child("labels").key("a/b");
        for (error, text) in [
            (
                FieldError::invalid(&region, "x", "must be y"),
                r#"spec.region: Invalid value: "x": must be y"#,
            ),
            (
                FieldError::invalid(&region, 5, "must be less"),
                "spec.region: Invalid value: 5: must be less",
            ),
            (
                FieldError::invalid(&region, serde_json::json!({"a": [1]}), "no"),
                r#"spec.region: Invalid value: {"a":[1]}: no"#,
            ),
            (
                FieldError::required(&worker, "must be set"),
                "spec.workers[1].labels[a/b]: Required value: must be set",
            ),
            (
                FieldError::required(&worker, ""),
                "spec.workers[1].labels[a/b]: Required value",
            ),
            (
                FieldError::not_supported(&region, "x", ["a", "b"]),
                r#"spec.region: Unsupported value: "x": supported values: "a", "b""#,
            ),
            (
                FieldError::duplicate(&region, "x"),
                r#"spec.region: Duplicate value: "x""#,
            ),
            (FieldError::not_found(&region, "x"), r#"spec.region: Not found: "x""#),
            (
                FieldError::forbidden(&Path::root(), "not now"),
                "<nil>: Forbidden: not now",
            ),
            (
                FieldError::too_long(&region, 63),
                "spec.region: Too long: may not be more than 63 bytes",
            ),
            (
                FieldError::too_many(&region, 3, 1),
                "spec.region: Too many: 3: must have at most 1 item",
            ),
            (
                FieldError::internal(&region, "broken"),
                "spec.region: Internal error: broken",
            ),
            (
                FieldError::invalid(&region, "a\"\n\u{1}", ""),
                r#"spec.region: Invalid value: "a\"\n\x01""#,
            ),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn an_aggregate_has_each_message_once() {
        let path = Path::new("a");
        let mut errors = FieldErrors::from(FieldError::required(&path, ""));
        assert_eq!(errors.to_string(), "a: Required value");
        errors.push(FieldError::required(&path, ""));
        errors.invalid_for_each(&path, "v", ["one".to_owned(), "two".to_owned()]);
        assert_eq!(
            errors.to_string(),
            r#"[a: Required value, a: Invalid value: "v": one, a: Invalid value: "v": two]"#
        );
        assert_eq!(errors.into_result().map_err(|errors| errors.len()), Err(4));
    }
}
