//! What names must look like, with Kubernetes' wording for those that do not.
//!
//! In: a name. Out: messages, none if the name is fine; [`crate::field::FieldErrors::invalid_for_each`] takes them.

/// Longest label of a domain name.
pub const LABEL_MAX_LENGTH: usize = 63;
/// Longest domain name.
pub const SUBDOMAIN_MAX_LENGTH: usize = 253;

const LABEL_PATTERN: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const LABEL_MESSAGE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
const SUBDOMAIN_PATTERN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const SUBDOMAIN_MESSAGE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
const DNS1035_PATTERN: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const DNS1035_MESSAGE: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
const WILDCARD_PATTERN: &str = r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const WILDCARD_MESSAGE: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
const QUALIFIED_PATTERN: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const QUALIFIED_MESSAGE: &str =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const LABEL_VALUE_PATTERN: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
const LABEL_VALUE_MESSAGE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const CONFIG_KEY_PATTERN: &str = "[-._a-zA-Z0-9]+";
const CONFIG_KEY_MESSAGE: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";

/// The message for a text of more than `maximum` bytes.
pub fn max_length_message(maximum: usize) -> String {
    format!("must be no more than {maximum} bytes")
}

/// The message for an empty text.
pub fn empty_message() -> String {
    "must be non-empty".to_owned()
}

/// The message for a number outside a range.
pub fn range_message(minimum: i64, maximum: i64) -> String {
    format!("must be between {minimum} and {maximum}, inclusive")
}

/// The message for a text that does not match a pattern.
pub fn pattern_message(message: &str, pattern: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    let examples = if examples.is_empty() {
        String::new()
    } else {
        format!("e.g. {}", examples.join(" or "))
    };
    format!("{message} ({examples}regex used for validation is '{pattern}')")
}

/// A label of a domain name, such as a namespace's name.
pub fn dns1123_label(value: &str) -> Vec<String> {
    let mut messages = length(value, LABEL_MAX_LENGTH);
    if !is_label(value) {
        if is_subdomain(value) {
            messages.push("must not contain dots".to_owned());
        } else {
            messages.push(pattern_message(LABEL_MESSAGE, LABEL_PATTERN, &["my-name", "123-abc"]));
        }
    }
    messages
}

/// A domain name in lower case, such as most objects' names.
pub fn dns1123_subdomain(value: &str) -> Vec<String> {
    let mut messages = length(value, SUBDOMAIN_MAX_LENGTH);
    if !is_subdomain(value) {
        messages.push(pattern_message(SUBDOMAIN_MESSAGE, SUBDOMAIN_PATTERN, &["example.com"]));
    }
    messages
}

/// A label that starts with a letter, such as a service's name.
pub fn dns1035_label(value: &str) -> Vec<String> {
    let mut messages = length(value, LABEL_MAX_LENGTH);
    if !is_label(value) || !value.starts_with(|c: char| c.is_ascii_lowercase()) {
        messages.push(pattern_message(
            DNS1035_MESSAGE,
            DNS1035_PATTERN,
            &["my-name", "abc-123"],
        ));
    }
    messages
}

/// A domain name whose first label is `*`.
pub fn wildcard_dns1123_subdomain(value: &str) -> Vec<String> {
    let mut messages = length(value, SUBDOMAIN_MAX_LENGTH);
    if !value.strip_prefix("*.").is_some_and(is_subdomain) {
        messages.push(pattern_message(WILDCARD_MESSAGE, WILDCARD_PATTERN, &["*.example.com"]));
    }
    messages
}

/// The key of a label or annotation, a finalizer, an extended resource: `[prefix/]name`.
pub fn qualified_name(value: &str) -> Vec<String> {
    let mut messages = Vec::new();
    let examples = &["MyName", "my.name", "123-abc"];
    let name = match value.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                messages.push("prefix part must be non-empty".to_owned());
            } else {
                messages.extend(
                    dns1123_subdomain(prefix)
                        .into_iter()
                        .map(|message| format!("prefix part {message}")),
                );
            }
            *name
        }
        _ => {
            let message = pattern_message(QUALIFIED_MESSAGE, QUALIFIED_PATTERN, examples);
            return vec![format!(
                "a qualified name {message} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        messages.push("name part must be non-empty".to_owned());
    } else {
        messages.extend(
            length(name, LABEL_MAX_LENGTH)
                .into_iter()
                .map(|message| format!("name part {message}")),
        );
    }
    if !is_qualified(name) {
        messages.push(format!(
            "name part {}",
            pattern_message(QUALIFIED_MESSAGE, QUALIFIED_PATTERN, examples)
        ));
    }
    messages
}

/// The value of a label.
pub fn label_value(value: &str) -> Vec<String> {
    let mut messages = length(value, LABEL_MAX_LENGTH);
    if !value.is_empty() && !is_qualified(value) {
        messages.push(pattern_message(
            LABEL_VALUE_MESSAGE,
            LABEL_VALUE_PATTERN,
            &["MyValue", "my_value", "12345"],
        ));
    }
    messages
}

/// The key of a ConfigMap or Secret.
pub fn config_map_key(value: &str) -> Vec<String> {
    let mut messages = length(value, SUBDOMAIN_MAX_LENGTH);
    if value.is_empty()
        || !value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    {
        let examples = &["key.name", "KEY_NAME", "key-name"];
        messages.push(pattern_message(CONFIG_KEY_MESSAGE, CONFIG_KEY_PATTERN, examples));
    }
    match value {
        "." => messages.push("must not be '.'".to_owned()),
        ".." => messages.push("must not be '..'".to_owned()),
        _ if value.starts_with("..") => messages.push("must not start with '..'".to_owned()),
        _ => {}
    }
    messages
}

/// A part of a URL's path, such as the name of an RBAC role.
pub fn path_segment(value: &str) -> Vec<String> {
    match value {
        "." => return vec!["may not be '.'".to_owned()],
        ".." => return vec!["may not be '..'".to_owned()],
        _ => {}
    }
    ["/", "%"]
        .iter()
        .filter(|part| value.contains(**part))
        .map(|part| format!("may not contain '{part}'"))
        .collect()
}

/// A port.
pub fn port_number(port: i64) -> Vec<String> {
    if (1..=65535).contains(&port) {
        Vec::new()
    } else {
        vec![range_message(1, 65535)]
    }
}

fn length(value: &str, maximum: usize) -> Vec<String> {
    if value.len() > maximum {
        vec![max_length_message(maximum)]
    } else {
        Vec::new()
    }
}

fn is_label(value: &str) -> bool {
    let alphanumeric = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = value.as_bytes();
    alphanumeric(bytes.first())
        && alphanumeric(bytes.last())
        && bytes.iter().all(|byte| alphanumeric(Some(byte)) || *byte == b'-')
}

fn is_subdomain(value: &str) -> bool {
    value.split('.').all(is_label)
}

fn is_qualified(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(validate: fn(&str) -> Vec<String>, valid: &[&str], invalid: &[(&str, &str)]) {
        for name in valid {
            assert_eq!(validate(name), Vec::<String>::new(), "{name}");
        }
        for (name, start) in invalid {
            let messages = validate(name);
            assert!(
                messages.iter().any(|message| message.starts_with(start)),
                "{name}: {messages:?}"
            );
        }
    }

    #[test]
    fn labels() {
        let long = "a".repeat(64);
        check(
            dns1123_label,
            &["a", "a-1", "0"],
            &[
                ("", "a lowercase RFC 1123 label"),
                ("A", "a lowercase"),
                ("-a", "a lowercase"),
                ("a.b", "must not contain dots"),
                (&long, "must be no more than 63 bytes"),
            ],
        );
        check(
            dns1035_label,
            &["a", "a-1"],
            &[("0", "a DNS-1035 label"), ("a.b", "a DNS-1035 label")],
        );
    }

    #[test]
    fn subdomains() {
        check(
            dns1123_subdomain,
            &["a", "a.b-c.1"],
            &[("a..b", "a lowercase"), ("a_b", "a lowercase"), ("", "a lower")],
        );
        check(
            wildcard_dns1123_subdomain,
            &["*.a.b"],
            &[("*", "a wildcard"), ("a.b", "a wildcard"), ("*.*.a", "a wild")],
        );
        assert_eq!(
            dns1123_subdomain("_"),
            [
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            ]
        );
    }

    #[test]
    fn keys_and_values() {
        check(
            qualified_name,
            &["a", "A_b.c", "example.com/a"],
            &[
                ("/a", "prefix part must be non-empty"),
                ("a/", "name part must be non-empty"),
                ("A/b", "prefix part a lowercase"),
                ("a/b/c", "a qualified name must consist"),
                ("a b", "name part must consist"),
            ],
        );
        check(
            label_value,
            &["", "a", "A_b.c"],
            &[("-", "a valid label"), ("a b", "a valid label")],
        );
        check(
            config_map_key,
            &["a.b", "_"],
            &[
                ("", "a valid config key"),
                ("..a", "must not start with"),
                ("a/b", "a v"),
            ],
        );
        check(
            path_segment,
            &["system:a"],
            &[(".", "may not be"), ("a/b", "may not contain '/'")],
        );
    }

    #[test]
    fn ports() {
        assert_eq!(port_number(0), ["must be between 1 and 65535, inclusive"]);
        assert_eq!(port_number(443), Vec::<String>::new());
    }
}
