//! Patches of JSON values: JSON patch (RFC 6902) and merge patch (RFC 7386).
//!
//! In: a document and a patch from a client. Out: the changed document, or a [`PatchError`] for which the document is
//! unchanged. Absent: server-side apply and strategic merge; what they need to know of a type is in [`crate::merge`].

use json_patch::{Patch, PatchOperation};
use serde_json::Value;

/// Operations of one JSON patch, at most; as Kubernetes has it.
pub const MAX_OPERATIONS: usize = 10_000;

/// Bytes that `copy` operations of one JSON patch may add. A handful of them can double a document each time.
pub const MAX_COPIED_BYTES: usize = 3 * 1024 * 1024;

/// Bytes that `copy` and `move` operations of one JSON patch may look at.
const MAX_EXAMINED_BYTES: usize = 256 * 1024 * 1024;

/// Depth of a patched document. Operations can stack what the parser let through, and what is then deeper than the parser
/// reads (127) could be stored and never be read again.
const MAX_DEPTH: usize = 100;

/// A patch that cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// The text is no JSON, or no patch.
    #[error("failed to decode patch")]
    Decode(#[source] serde_json::Error),
    /// Too many operations.
    #[error("The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {0}")]
    TooManyOperations(usize),
    /// Copies would blow the document up.
    #[error("JSON patch copies more than {MAX_COPIED_BYTES} bytes")]
    TooLarge,
    /// The document would be too deep.
    #[error("JSON patch nests values more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// An operation failed: its path does not exist, or its test does not hold.
    #[error("failed to apply JSON patch")]
    Apply(#[source] json_patch::PatchError),
}

/// Applies a JSON patch.
pub fn json_patch(document: &mut Value, patch: &[u8]) -> Result<(), PatchError> {
    let patch: Patch = serde_json::from_slice(patch).map_err(PatchError::Decode)?;
    if patch.0.len() > MAX_OPERATIONS {
        return Err(PatchError::TooManyOperations(patch.0.len()));
    }
    let mut changed = document.clone();
    let mut budget = Budget {
        copied: MAX_COPIED_BYTES,
        examined: MAX_EXAMINED_BYTES,
    };
    for operation in &patch.0 {
        budget.check(&changed, operation)?;
        json_patch::patch(&mut changed, std::slice::from_ref(operation)).map_err(PatchError::Apply)?;
    }
    *document = changed;
    Ok(())
}

/// What the operations of one patch may still do.
struct Budget {
    copied: usize,
    examined: usize,
}

impl Budget {
    /// Fails if the operation would take too much.
    fn check(&mut self, document: &Value, operation: &PatchOperation) -> Result<(), PatchError> {
        let source = match operation {
            PatchOperation::Copy(copy) => document.pointer(copy.from.as_str()),
            PatchOperation::Move(move_) => document.pointer(move_.from.as_str()),
            PatchOperation::Add(add) => Some(&add.value),
            PatchOperation::Replace(replace) => Some(&replace.value),
            PatchOperation::Remove(_) | PatchOperation::Test(_) => None,
        };
        // A source that does not exist fails when the operation is applied.
        let Some(source) = source else { return Ok(()) };
        let size = Size::of(source);
        if matches!(operation, PatchOperation::Copy(_)) {
            self.copied = self.copied.checked_sub(size.bytes).ok_or(PatchError::TooLarge)?;
        }
        self.examined = self.examined.checked_sub(size.bytes).ok_or(PatchError::TooLarge)?;
        if operation.path().count() + size.depth > MAX_DEPTH {
            Err(PatchError::TooDeep)
        } else {
            Ok(())
        }
    }
}

/// Applies a merge patch given as text.
pub fn merge_patch(document: &mut Value, patch: &[u8]) -> Result<(), PatchError> {
    let patch: Value = serde_json::from_slice(patch).map_err(PatchError::Decode)?;
    merge(document, &patch);
    Ok(())
}

/// Applies a merge patch: objects field by field, `null` removes, all else replaces.
pub fn merge(document: &mut Value, patch: &Value) {
    json_patch::merge(document, patch);
}

/// How many objects and lists lie within each other.
pub(crate) fn depth(value: &Value) -> usize {
    Size::of(value).depth
}

/// How large a value is.
#[derive(Clone, Copy, Default)]
struct Size {
    /// About as many bytes as it has as text.
    bytes: usize,
    /// Objects and lists within each other.
    depth: usize,
}

impl Size {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Self { bytes: 8, depth: 0 },
            Value::String(text) => Self {
                bytes: text.len() + 2,
                depth: 0,
            },
            Value::Array(values) => values
                .iter()
                .fold(Self { bytes: 2, depth: 1 }, |size, value| size.around(1, value)),
            Value::Object(fields) => fields.iter().fold(Self { bytes: 2, depth: 1 }, |size, (key, value)| {
                size.around(key.len() + 4, value)
            }),
        }
    }

    fn around(self, extra: usize, value: &Value) -> Self {
        let inner = Self::of(value);
        Self {
            bytes: self.bytes + extra + inner.bytes,
            depth: self.depth.max(inner.depth + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn merge_patches() {
        for (document, patch, expected) in [
            (
                json!({"a": 1, "b": {"c": 2, "d": 3}}),
                json!({"b": {"c": null}}),
                json!({"a": 1, "b": {"d": 3}}),
            ),
            (json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]})),
            (json!({"a": 1}), json!({"b": {"c": null}}), json!({"a": 1, "b": {}})),
            (json!({"a": 1}), json!(5), json!(5)),
        ] {
            let mut changed = document;
            merge_patch(&mut changed, patch.to_string().as_bytes()).expect("valid");
            assert_eq!(changed, expected);
        }
    }

    #[test]
    fn json_patches() {
        let mut document = json!({"a": [1, 2], "b": {"c": "x"}});
        let patch = json!([
            {"op": "test", "path": "/b/c", "value": "x"},
            {"op": "add", "path": "/a/-", "value": 3},
            {"op": "remove", "path": "/a/0"},
            {"op": "replace", "path": "/b/c", "value": "y"},
            {"op": "copy", "from": "/b", "path": "/d"},
            {"op": "move", "from": "/b", "path": "/e"},
        ]);
        json_patch(&mut document, patch.to_string().as_bytes()).expect("valid");
        assert_eq!(document, json!({"a": [2, 3], "d": {"c": "y"}, "e": {"c": "y"}}));
    }

    #[test]
    fn a_failed_patch_changes_nothing() {
        let mut document = json!({"a": 1});
        for (patch, message) in [
            ("x".to_owned(), "failed to decode patch"),
            (
                r#"[{"op":"add","path":"/b","value":1},{"op":"test","path":"/a","value":2}]"#.to_owned(),
                "failed to apply JSON patch",
            ),
            (
                r#"[{"op":"remove","path":"/x"}]"#.to_owned(),
                "failed to apply JSON patch",
            ),
            (
                format!(
                    "[{}]",
                    vec![r#"{"op":"test","path":"/a","value":1}"#; MAX_OPERATIONS + 1].join(",")
                ),
                "The allowed maximum operations in a JSON patch is 10000, got 10001",
            ),
        ] {
            let error = json_patch(&mut document, patch.as_bytes()).expect_err(message);
            assert_eq!(error.to_string(), message);
            assert_eq!(document, json!({"a": 1}));
        }
    }

    #[test]
    fn copies_cannot_blow_a_document_up() {
        let mut document = json!({"a": "x".repeat(1024)});
        // Each step copies the whole document into itself.
        let steps: Vec<Value> = (0..30)
            .map(|step| json!({"op": "copy", "from": "", "path": format!("/{step}")}))
            .collect();
        let error = json_patch(&mut document, json!(steps).to_string().as_bytes()).expect_err("too large");
        assert!(matches!(error, PatchError::TooLarge), "{error}");
    }

    #[test]
    fn operations_cannot_stack_a_document_too_deep() {
        let mut document = json!({"a": {"a": {}}});
        let steps: Vec<Value> = (0..1_000)
            .flat_map(|_| {
                [
                    json!({"op": "add", "path": "/b", "value": {}}),
                    json!({"op": "move", "from": "/a", "path": "/b/a"}),
                    json!({"op": "move", "from": "/b", "path": "/a"}),
                ]
            })
            .collect();
        let error = json_patch(&mut document, json!(steps).to_string().as_bytes()).expect_err("too deep");
        assert!(matches!(error, PatchError::TooDeep), "{error}");
    }

    #[test]
    fn what_a_patch_makes_can_be_read_again() {
        let mut document = json!({"a": {}});
        loop {
            let before = document.to_string();
            let step = json!([{"op": "add", "path": "/b", "value": {}}, {"op": "move", "from": "/a", "path": "/b/a"},
                {"op": "move", "from": "/b", "path": "/a"}]);
            if json_patch(&mut document, step.to_string().as_bytes()).is_err() {
                serde_json::from_str::<Value>(&before).expect("the deepest document is readable");
                return;
            }
        }
    }
}
