//! Writing status: as a merge patch of what changed, guarded by the resource version.

use std::fmt::Debug;

use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// Why a status was not written.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The status cannot be written as JSON.
    #[error("failed to encode the status of {name}")]
    Encode {
        /// The object's name.
        name: String,
        /// What went wrong.
        source: serde_json::Error,
    },
    /// The API server refused, or did not answer.
    #[error("failed to write the status of {name}")]
    Patch {
        /// The object's name.
        name: String,
        /// What went wrong.
        source: Box<kube::Error>,
    },
}

impl StatusError {
    /// Whether somebody else wrote in between: reconcile again from what is there.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Patch { source, .. } if crate::error::is_conflict(source))
    }
}

/// Changes the object's status from `old` to `new`; nothing is sent when they are the same (`None`).
///
/// The patch carries the resource version of `object`, from which `old` was read.
pub async fn update<K, S>(api: &Api<K>, object: &K, old: &S, new: &S) -> Result<Option<K>, StatusError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    S: Serialize,
{
    let meta = object.meta();
    let name = meta.name.clone().unwrap_or_default();
    let encode = |status: &S| {
        serde_json::to_value(status).map_err(|source| StatusError::Encode {
            name: name.clone(),
            source,
        })
    };
    let Some(difference) = merge_difference(&encode(old)?, &encode(new)?) else {
        return Ok(None);
    };
    let body = json!({
        "metadata": { "resourceVersion": meta.resource_version, "uid": meta.uid },
        "status": difference,
    });
    api.patch_status(&name, &PatchParams::default(), &Patch::Merge(body))
        .await
        .map(Some)
        .map_err(|source| StatusError::Patch {
            name: name.clone(),
            source: Box::new(source),
        })
}

/// The JSON merge patch (RFC 7386) that makes `new` of `old`; `None` when they are equal. Lists are replaced.
pub fn merge_difference(old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (old, new) else {
        return Some(new.clone());
    };
    let mut patch = Map::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in new {
        match old.get(key) {
            Some(present) => patch.extend(merge_difference(present, value).map(|value| (key.clone(), value))),
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    Some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &Value, new: &Value, expected: Option<&Value>) {
        assert_eq!(merge_difference(old, new).as_ref(), expected);
    }

    #[test]
    fn a_difference_holds_what_changed_and_nothing_else() {
        check(&json!({"a": 1}), &json!({"a": 1}), None);
        check(&json!({}), &json!({"a": 1}), Some(&json!({"a": 1})));
        check(&json!({"a": 1, "b": 2}), &json!({"b": 2}), Some(&json!({"a": null})));
        check(
            &json!({"a": {"b": 1, "c": 2}}),
            &json!({"a": {"b": 1, "c": 3}}),
            Some(&json!({"a": {"c": 3}})),
        );
        check(&json!({"a": [1, 2]}), &json!({"a": [2]}), Some(&json!({"a": [2]})));
        check(&json!(null), &json!({"a": 1}), Some(&json!({"a": 1})));
    }
}
