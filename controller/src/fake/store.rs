//! Objects and their history, and the rules by which they change.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::path::Target;

/// A fixed moment: nothing here depends on when it was made.
const CREATED: &str = "2026-01-01T00:00:00Z";

type Collection = (String, String);

/// What happened, for watches.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) revision: u64,
    pub(super) collection: Collection,
    pub(super) kind: &'static str,
    pub(super) object: Value,
}

/// A refusal: code, reason, message.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) u16, pub(super) &'static str, pub(super) String);

impl Refusal {
    pub(super) fn not_found(target: &Target) -> Self {
        Self(
            404,
            "NotFound",
            format!(
                "{} {:?} not found",
                target.plural,
                target.name.as_deref().unwrap_or_default()
            ),
        )
    }

    fn conflict(message: &str) -> Self {
        Self(409, "Conflict", message.to_owned())
    }
}

#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) revision: u64,
    objects: BTreeMap<Collection, BTreeMap<(String, String), Value>>,
    pub(super) events: Vec<Event>,
}

impl Store {
    pub(super) fn get(&self, target: &Target) -> Option<&Value> {
        self.objects.get(&target.collection())?.get(&target.key())
    }

    /// All objects of a collection; of one namespace, unless the request is about all.
    pub(super) fn list(&self, target: &Target) -> Vec<Value> {
        let all = self.objects.get(&target.collection()).into_iter().flatten();
        let wanted = all.filter(|((namespace, _), _)| target.namespace.is_empty() || *namespace == target.namespace);
        wanted.map(|(_, object)| object.clone()).collect()
    }

    pub(super) fn insert(&mut self, target: &Target, mut object: Value) {
        self.complete(target, &mut object);
        let kind = if self.get(target).is_some() {
            "MODIFIED"
        } else {
            "ADDED"
        };
        self.write(target, object, kind);
    }

    pub(super) fn create(&mut self, target: &Target, mut object: Value) -> Result<Value, Refusal> {
        let mut target = target.clone();
        if let Some(prefix) =
            text(&object, "/metadata/generateName").filter(|_| text(&object, "/metadata/name").is_none())
        {
            object["metadata"]["name"] = json!(format!("{prefix}{}", self.revision + 1));
        }
        target.name = text(&object, "/metadata/name");
        if self.get(&target).is_some() {
            let message = format!("{} {:?} already exists", target.plural, target.name.unwrap_or_default());
            return Err(Refusal(409, "AlreadyExists", message));
        }
        self.complete(&target, &mut object);
        Ok(self.write(&target, object, "ADDED"))
    }

    /// Replaces the object by `change` of it; metadata that belong to the server stay.
    pub(super) fn update(&mut self, target: &Target, change: impl FnOnce(&Value) -> Value) -> Result<Value, Refusal> {
        let present = self.get(target).ok_or_else(|| Refusal::not_found(target))?.clone();
        let mut new = change(&present);
        for (field, message) in [
            ("resourceVersion", "the object has been modified"),
            ("uid", "the UID differs"),
        ] {
            let wished = new["metadata"].get(field).filter(|value| !value.is_null());
            if wished.is_some_and(|wished| *wished != present["metadata"][field]) {
                return Err(Refusal::conflict(message));
            }
        }
        let is_status = target.subresource.as_deref() == Some("status");
        let kept = if is_status {
            new["status"].clone()
        } else {
            present["status"].clone()
        };
        let mut result = if is_status { present.clone() } else { new.clone() };
        put(&mut result, "status", kept);
        for field in [
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "generation",
            "resourceVersion",
        ] {
            put(&mut result["metadata"], field, present["metadata"][field].clone());
        }
        new = normal(result);
        if new == present {
            return Ok(present);
        }
        if new.get("spec") != present.get("spec") {
            new["metadata"]["generation"] = json!(present["metadata"]["generation"].as_i64().unwrap_or(1) + 1);
        }
        let leaving = new["metadata"].get("deletionTimestamp").is_some() && new["metadata"].get("finalizers").is_none();
        if leaving {
            Ok(self.remove(target, new))
        } else {
            Ok(self.write(target, new, "MODIFIED"))
        }
    }

    pub(super) fn delete(&mut self, target: &Target, preconditions: &Value) -> Result<Value, Refusal> {
        let mut object = self.get(target).ok_or_else(|| Refusal::not_found(target))?.clone();
        if preconditions
            .get("uid")
            .is_some_and(|uid| !uid.is_null() && *uid != object["metadata"]["uid"])
        {
            return Err(Refusal::conflict("the UID in the precondition does not match"));
        }
        if object["metadata"].get("finalizers").is_none() {
            return Ok(self.remove(target, object));
        }
        if object["metadata"].get("deletionTimestamp").is_none() {
            object["metadata"]["deletionTimestamp"] = json!(CREATED);
            object["metadata"]["generation"] = json!(object["metadata"]["generation"].as_i64().unwrap_or(1) + 1);
            object = self.write(target, object, "MODIFIED");
        }
        Ok(object)
    }

    /// Fills in what the server gives every object.
    fn complete(&mut self, target: &Target, object: &mut Value) {
        let metadata = &mut object["metadata"];
        if !target.namespace.is_empty() {
            metadata["namespace"] = json!(target.namespace);
        }
        let uid = format!("00000000-0000-4000-8000-{:012}", self.revision + 1);
        for (field, value) in [
            ("uid", json!(uid)),
            ("creationTimestamp", json!(CREATED)),
            ("generation", json!(1)),
        ] {
            if metadata.get(field).is_none_or(Value::is_null) {
                metadata[field] = value;
            }
        }
        *object = normal(object.take());
    }

    fn write(&mut self, target: &Target, mut object: Value, kind: &'static str) -> Value {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        self.objects
            .entry(target.collection())
            .or_default()
            .insert(target.key(), object.clone());
        self.record(target, kind, object.clone());
        object
    }

    fn remove(&mut self, target: &Target, mut object: Value) -> Value {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        if let Some(collection) = self.objects.get_mut(&target.collection()) {
            collection.remove(&target.key());
        }
        self.record(target, "DELETED", object.clone());
        object
    }

    fn record(&mut self, target: &Target, kind: &'static str, object: Value) {
        self.events.push(Event {
            revision: self.revision,
            collection: target.collection(),
            kind,
            object,
        });
    }
}

/// What a server drops: nulls, and empty lists and maps of metadata.
fn normal(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|_, value| !value.is_null() && *value != json!([]) && *value != json!({}));
    }
    object
}

fn put(object: &mut Value, field: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        if value.is_null() {
            fields.remove(field);
        } else {
            fields.insert(field.to_owned(), value);
        }
    }
}

fn text(object: &Value, pointer: &str) -> Option<String> {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// A JSON merge patch (RFC 7386).
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(fields) = target.as_object_mut() else { return };
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
