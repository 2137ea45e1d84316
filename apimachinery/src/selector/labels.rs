//! Requirements on labels.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use super::parse;
use crate::{
    field::{FieldError, FieldErrors, Path},
    meta::LabelSelector,
    names,
};

/// How a label relates to values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// It has one of the values.
    In,
    /// It has none of the values, or is absent.
    NotIn,
    /// It has the value.
    Equals,
    /// It does not have the value, or is absent.
    NotEquals,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
    /// It is a greater number.
    GreaterThan,
    /// It is a lesser number.
    LessThan,
}

/// One requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    key: String,
    operator: Operator,
    values: BTreeSet<String>,
}

/// A text or object that is no selector.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SelectorError {
    /// Something else stands where something is expected.
    #[error("{0}")]
    Syntax(String),
    /// A requirement cannot be.
    #[error("{0}")]
    Requirement(FieldErrors),
    /// The same, found in a text.
    #[error("unable to parse requirement: {0}")]
    InText(Box<SelectorError>),
    /// An operator that is none of `In`, `NotIn`, `Exists`, `DoesNotExist`.
    #[error("{0:?} is not a valid label selector operator")]
    UnknownOperator(String),
}

impl Requirement {
    /// Checks key and values.
    pub fn new(key: &str, operator: Operator, values: impl IntoIterator<Item = String>) -> Result<Self, SelectorError> {
        let values: Vec<String> = values.into_iter().collect();
        let mut errors = FieldErrors::new();
        let key_messages = names::qualified_name(key);
        if !key_messages.is_empty() {
            errors.push(FieldError::invalid(&Path::new("key"), key, key_messages.join("; ")));
        }
        let path = Path::new("values");
        if let Some(message) = wrong_count(operator, values.len()) {
            errors.push(FieldError::invalid(&path, &values, message));
        }
        for (index, value) in values.iter().enumerate() {
            let path = path.index(index);
            let numeric = matches!(operator, Operator::GreaterThan | Operator::LessThan);
            if numeric && value.parse::<i64>().is_err() {
                let message = "for 'Gt', 'Lt' operators, the value must be an integer";
                errors.push(FieldError::invalid(&path, value, message));
            }
            let messages = names::label_value(value);
            if !messages.is_empty() {
                errors.push(FieldError::invalid(&path.key(key), value, messages.join("; ")));
            }
        }
        errors.into_result().map_err(SelectorError::Requirement)?;
        Ok(Self {
            key: key.to_owned(),
            operator,
            values: values.into_iter().collect(),
        })
    }

    /// The label.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The operator.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The values.
    pub fn values(&self) -> &BTreeSet<String> {
        &self.values
    }

    /// Whether these labels meet it.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let number = |text: Option<&String>| text.and_then(|text| text.parse::<i64>().ok());
        let compare = |holds: fn(&i64, &i64) -> bool| match (number(value), number(self.values.first())) {
            (Some(actual), Some(bound)) => holds(&actual, &bound),
            _ => false,
        };
        match self.operator {
            Operator::In | Operator::Equals => value.is_some_and(|value| self.values.contains(value)),
            Operator::NotIn | Operator::NotEquals => value.is_none_or(|value| !self.values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan => compare(i64::gt),
            Operator::LessThan => compare(i64::lt),
        }
    }
}

fn wrong_count(operator: Operator, count: usize) -> Option<&'static str> {
    match operator {
        Operator::In | Operator::NotIn => {
            (count == 0).then_some("for 'in', 'notin' operators, values set can't be empty")
        }
        Operator::Equals | Operator::NotEquals => {
            (count != 1).then_some("exact-match compatibility requires one single value")
        }
        Operator::Exists | Operator::DoesNotExist => {
            (count != 0).then_some("values set must be empty for exists and does not exist")
        }
        Operator::GreaterThan | Operator::LessThan => {
            (count != 1).then_some("for 'Gt', 'Lt' operators, exactly one value is required")
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let values = self.values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        match self.operator {
            Operator::In => write!(formatter, "{key} in ({values})"),
            Operator::NotIn => write!(formatter, "{key} notin ({values})"),
            Operator::Equals => write!(formatter, "{key}={values}"),
            Operator::NotEquals => write!(formatter, "{key}!={values}"),
            Operator::Exists => formatter.write_str(key),
            Operator::DoesNotExist => write!(formatter, "!{key}"),
            Operator::GreaterThan => write!(formatter, "{key}>{values}"),
            Operator::LessThan => write!(formatter, "{key}<{values}"),
        }
    }
}

/// Requirements that all must be met; or nothing at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSelection {
    /// `None` matches nothing.
    requirements: Option<Vec<Requirement>>,
}

impl LabelSelection {
    /// Matches all objects.
    pub fn everything() -> Self {
        Self {
            requirements: Some(Vec::new()),
        }
    }

    /// Matches no object.
    pub fn nothing() -> Self {
        Self { requirements: None }
    }

    /// Matches objects that meet all requirements.
    pub fn new(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|left, right| left.key.cmp(&right.key));
        Self {
            requirements: Some(requirements),
        }
    }

    /// Matches objects that have all these labels.
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        Self::new(
            labels
                .into_iter()
                .map(|(key, value)| Requirement {
                    key: key.clone(),
                    operator: Operator::Equals,
                    values: BTreeSet::from([value.clone()]),
                })
                .collect(),
        )
    }

    /// Of an object: an absent one matches nothing, an empty one everything.
    pub fn from_selector(selector: Option<&LabelSelector>) -> Result<Self, SelectorError> {
        let Some(selector) = selector else {
            return Ok(Self::nothing());
        };
        let mut requirements = Vec::new();
        for (key, value) in selector.match_labels.iter().flatten() {
            requirements.push(Requirement::new(key, Operator::Equals, [value.clone()])?);
        }
        for expression in selector.match_expressions.iter().flatten() {
            let operator = match expression.operator.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => return Err(SelectorError::UnknownOperator(other.to_owned())),
            };
            let values = expression.values.clone().unwrap_or_default();
            requirements.push(Requirement::new(&expression.key, operator, values)?);
        }
        Ok(Self::new(requirements))
    }

    /// Whether an object with these labels is meant.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements
            .as_ref()
            .is_some_and(|all| all.iter().all(|requirement| requirement.matches(labels)))
    }

    /// The same for labels that may be absent.
    pub fn matches_optional(&self, labels: Option<&BTreeMap<String, String>>) -> bool {
        match labels {
            Some(labels) => self.matches(labels),
            None => self.matches(&BTreeMap::new()),
        }
    }

    /// Whether every object is meant.
    pub fn is_everything(&self) -> bool {
        self.requirements.as_ref().is_some_and(Vec::is_empty)
    }

    /// The requirements, by key; `None` if nothing is meant.
    pub fn requirements(&self) -> Option<&[Requirement]> {
        self.requirements.as_deref()
    }
}

impl FromStr for LabelSelection {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        parse::requirements(text).map(Self::new)
    }
}

impl fmt::Display for LabelSelection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.requirements.iter().flatten().map(ToString::to_string).collect();
        formatter.write_str(&texts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meta::LabelSelectorRequirement;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn texts_parse_print_and_match() {
        let object = labels(&[("a", "1"), ("b", ""), ("example.com/c", "x")]);
        for (text, printed, matches) in [
            ("", "", true),
            ("a=1", "a=1", true),
            ("a==1", "a=1", true),
            (" a = 2 ", "a=2", false),
            ("a!=2", "a!=2", true),
            ("z!=2", "z!=2", true),
            ("a in (2, 1)", "a in (1,2)", true),
            ("a in (in,notin)", "a in (in,notin)", false),
            ("z notin (1)", "z notin (1)", true),
            ("a notin (1)", "a notin (1)", false),
            ("a,!z", "a,!z", true),
            ("!a", "!a", false),
            ("b=", "b=", true),
            ("b in ()", "b in ()", true),
            ("b in (,x)", "b in (,x)", true),
            ("a>0", "a>0", true),
            ("a<0", "a<0", false),
            ("example.com/c=x,a", "a,example.com/c=x", true),
        ] {
            let selection: LabelSelection = text.parse().expect(text);
            assert_eq!(selection.to_string(), printed, "{text}");
            assert_eq!(selection.matches(&object), matches, "{text}");
        }
    }

    #[test]
    fn mistakes_read_as_kubernetes() {
        for (text, message) in [
            (",", "found ',', expected: !, identifier, or 'end of string'"),
            ("a,", "found '', expected: identifier after ','"),
            ("a=b c", "found 'c', expected: ',' or 'end of string'"),
            (
                "a b",
                "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
            ),
            ("a in b", "unable to parse requirement: found 'b' expected: '('"),
            ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
            ("a=(", "unable to parse requirement: found '(', expected: identifier"),
            ("!", "unable to parse requirement: found '', expected: identifier"),
        ] {
            assert_eq!(text.parse::<LabelSelection>().expect_err(text).to_string(), message);
        }
        let error = "a=_".parse::<LabelSelection>().expect_err("wrong value").to_string();
        assert!(
            error.starts_with("unable to parse requirement: values[0][a]: Invalid value: \"_\": a valid"),
            "{error}"
        );
    }

    #[test]
    fn objects_become_selections() {
        let expression = |operator: &str, values: &[&str]| LabelSelector {
            match_expressions: Some(vec![LabelSelectorRequirement {
                key: "a".to_owned(),
                operator: operator.to_owned(),
                values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
            }]),
            match_labels: Some(labels(&[("b", "c")])),
        };
        for (selector, expected) in [
            (None, Err("nothing")),
            (Some(LabelSelector::default()), Ok("")),
            (Some(expression("In", &["x"])), Ok("a in (x),b=c")),
            (Some(expression("Exists", &[])), Ok("a,b=c")),
        ] {
            let selection = LabelSelection::from_selector(selector.as_ref()).expect("valid");
            let printed = selection.requirements().map(|_| selection.to_string()).ok_or("nothing");
            assert_eq!(printed.as_deref().map_err(|nothing| *nothing), expected);
        }
        let error = LabelSelection::from_selector(Some(&expression("Is", &[]))).expect_err("unknown operator");
        assert_eq!(error.to_string(), r#""Is" is not a valid label selector operator"#);
        assert!(LabelSelection::from_selector(Some(&expression("In", &[]))).is_err());
    }
}
