//! Requirements on fields: `metadata.name=a,spec.seedName!=b`.

use std::{fmt, str::FromStr};

/// One requirement on one field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldRequirement {
    /// The field's name, as the kind offers it for selection.
    pub field: String,
    /// Whether it must (not) have the value.
    pub equals: bool,
    /// The value.
    pub value: String,
}

/// Requirements that all must be met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelection {
    requirements: Vec<FieldRequirement>,
}

/// The text is no selector of fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseFieldSelectorError {
    /// A term has no operator.
    #[error("invalid selector: '{selector}'; can't understand '{term}'")]
    Term {
        /// The whole text.
        selector: String,
        /// The term.
        term: String,
    },
    /// A value has a backslash before something that needs none.
    #[error("invalid field selector: invalid escape sequence: {0}")]
    Escape(String),
    /// A value has an unescaped separator.
    #[error("invalid field selector: unescaped character in value: {0}")]
    Unescaped(char),
}

impl FieldSelection {
    /// Matches objects that meet all requirements.
    pub fn new(requirements: Vec<FieldRequirement>) -> Self {
        Self { requirements }
    }

    /// Whether every object is meant.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    /// The requirements.
    pub fn requirements(&self) -> &[FieldRequirement] {
        &self.requirements
    }

    /// Whether an object is meant whose fields have these values; an absent field is empty.
    pub fn matches<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements.iter().all(|requirement| {
            let actual = value(&requirement.field).unwrap_or_default();
            (actual == requirement.value) == requirement.equals
        })
    }

    /// The value that a field must have, if the selection says so: with `metadata.name` a single object is meant.
    pub fn required_value(&self, field: &str) -> Option<&str> {
        self.requirements
            .iter()
            .find(|requirement| requirement.equals && requirement.field == field)
            .map(|requirement| requirement.value.as_str())
    }
}

impl FromStr for FieldSelection {
    type Err = ParseFieldSelectorError;

    fn from_str(text: &str) -> Result<Self, ParseFieldSelectorError> {
        let mut requirements = Vec::new();
        for term in split(text) {
            if term.is_empty() {
                continue;
            }
            let (field, equals, value) = operator(term).ok_or_else(|| ParseFieldSelectorError::Term {
                selector: text.to_owned(),
                term: term.to_owned(),
            })?;
            requirements.push(FieldRequirement {
                field: field.to_owned(),
                equals,
                value: unescape(value)?,
            });
        }
        requirements.sort();
        Ok(Self { requirements })
    }
}

/// The terms between commas that no backslash precedes.
fn split(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut escaped) = (Vec::new(), 0, false);
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

/// The first operator of a term: `!=`, `==` or `=`.
fn operator(term: &str) -> Option<(&str, bool, &str)> {
    let index = term.find(['=', '!'])?;
    let (field, rest) = term.split_at(index);
    [("!=", false), ("==", true), ("=", true)]
        .into_iter()
        .find_map(|(operator, equals)| Some((field, equals, rest.strip_prefix(operator)?)))
}

fn unescape(value: &str) -> Result<String, ParseFieldSelectorError> {
    let mut out = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => out.push(escaped),
                Some(other) => return Err(ParseFieldSelectorError::Escape(format!("\\{other}"))),
                None => return Err(ParseFieldSelectorError::Escape("\\".to_owned())),
            },
            ',' | '=' => return Err(ParseFieldSelectorError::Unescaped(character)),
            other => out.push(other),
        }
    }
    Ok(out)
}

impl fmt::Display for FieldSelection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let operator = if requirement.equals { "=" } else { "!=" };
            let value = requirement
                .value
                .replace('\\', "\\\\")
                .replace(',', "\\,")
                .replace('=', "\\=");
            write!(formatter, "{comma}{}{operator}{value}", requirement.field)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_parse_print_and_match() {
        let object = |field: &str| match field {
            "metadata.name" => Some("a"),
            "spec.x" => Some("1,2=3\\"),
            _ => None,
        };
        for (text, printed, matches) in [
            ("", "", true),
            ("metadata.name=a", "metadata.name=a", true),
            ("metadata.name==b", "metadata.name=b", false),
            ("metadata.name!=b,spec.y=", "metadata.name!=b,spec.y=", true),
            (r"spec.x=1\,2\=3\\", r"spec.x=1\,2\=3\\", true),
        ] {
            let selection: FieldSelection = text.parse().expect(text);
            assert_eq!(selection.to_string(), printed);
            assert_eq!(selection.matches(object), matches, "{text}");
        }
        let selection: FieldSelection = "a!=1,metadata.name=x".parse().expect("valid");
        assert_eq!(
            (selection.required_value("metadata.name"), selection.required_value("a")),
            (Some("x"), None)
        );
    }

    #[test]
    fn mistakes_read_as_kubernetes() {
        for (text, message) in [
            ("a", "invalid selector: 'a'; can't understand 'a'"),
            ("x=1,a!b", "invalid selector: 'x=1,a!b'; can't understand 'a!b'"),
            (r"a=\b", r"invalid field selector: invalid escape sequence: \b"),
            ("a=b=c", "invalid field selector: unescaped character in value: ="),
        ] {
            assert_eq!(text.parse::<FieldSelection>().expect_err(text).to_string(), message);
        }
    }
}
