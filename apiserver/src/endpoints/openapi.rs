//! `/openapi/v3`: one document per group and version, with a link that changes when the document does.
//!
//! Documents are made when they are first asked for. They name the paths that are served and the kinds on them; the
//! parameters are those by which kubectl learns what the server can do (`dryRun`, `fieldValidation`).

use std::{collections::BTreeMap, fmt::Write as _};

use apimachinery::{openapi::Components, status::Status};
use bytes::Bytes;
use http::StatusCode;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::registry::{Endpoint, References, Subresource};

use super::{
    answer::{self, Answer},
    directory::{Directory, Group},
};

/// Documents made so far, by group and version.
#[derive(Default)]
pub(super) struct Documents {
    made: Mutex<BTreeMap<(String, String), Document>>,
}

#[derive(Clone)]
struct Document {
    json: Bytes,
    hash: String,
}

impl Documents {
    /// `/openapi/v3`.
    pub(super) fn index(&self, directory: &Directory) -> Answer {
        let mut paths = Map::new();
        for group in directory.groups() {
            for version in &group.versions {
                let path = format!("apis/{}/{version}", group.name);
                let hash = self.document(group, version).hash;
                paths.insert(
                    path.clone(),
                    json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}")}),
                );
            }
        }
        answer::value(StatusCode::OK, &json!({"paths": paths}))
    }

    /// `/openapi/v3/apis/<group>/<version>`.
    pub(super) fn get(&self, directory: &Directory, name: &str, version: &str) -> Result<Answer, Status> {
        let group = directory
            .group(name)
            .filter(|group| group.versions.iter().any(|served| served == version));
        let group = group.ok_or_else(Status::no_such_resource)?;
        Ok(answer::bytes(StatusCode::OK, self.document(group, version).json))
    }

    fn document(&self, group: &Group, version: &str) -> Document {
        let key = (group.name.clone(), version.to_owned());
        if let Some(document) = self.made.lock().get(&key) {
            return document.clone();
        }
        // A tree of JSON values can always be written.
        let json = serde_json::to_vec(&render(group, version)).unwrap_or_default();
        let mut hash = String::new();
        for byte in Sha256::digest(&json) {
            let _ = write!(hash, "{byte:02X}");
        }
        let document = Document {
            json: json.into(),
            hash,
        };
        self.made.lock().insert(key, document.clone());
        document
    }
}

fn render(group: &Group, version: &str) -> Value {
    let mut components = Components::default();
    let mut paths = Map::new();
    for (endpoint, index) in group.in_version(version) {
        let references = endpoint.components(index, &mut components);
        add_paths(&mut paths, &**endpoint, index, &references);
    }
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": paths,
        "components": components.to_value(),
    })
}

fn add_paths(paths: &mut Map<String, Value>, endpoint: &dyn Endpoint, version: usize, references: &References) {
    let description = endpoint.description();
    let Some(served) = description.versions.get(version) else {
        return;
    };
    let kind = json!(served.kind);
    let plural = &description.resource.resource;
    let root = format!("/apis/{}/{}", served.kind.group, served.kind.version);
    let base = if description.namespaced {
        format!("{root}/namespaces/{{namespace}}/{plural}")
    } else {
        format!("{root}/{plural}")
    };
    let own = Operation {
        reference: &references.object,
        kind: &kind,
    };
    let list = Operation {
        reference: &references.list,
        ..own
    };
    paths.insert(
        base.clone(),
        json!({
            "get": list.render("list", false),
            "post": own.render("post", true),
            "delete": own.render("deletecollection", false),
        }),
    );
    if description.namespaced {
        paths.insert(format!("{root}/{plural}"), json!({"get": list.render("list", false)}));
    }
    paths.insert(
        format!("{base}/{{name}}"),
        json!({
            "get": own.render("get", false),
            "put": own.render("put", true),
            "patch": own.render("patch", true),
            "delete": own.render("delete", false),
        }),
    );
    for subresource in &description.subresources {
        paths.insert(
            format!("{base}/{{name}}/{}", subresource.name),
            subresource_path(subresource, &own, references.actions.get(&subresource.name)),
        );
    }
}

/// `action`: how to refer to what the subresource takes, where that is not the object itself.
fn subresource_path(subresource: &Subresource, own: &Operation<'_>, action: Option<&Value>) -> Value {
    let kind = subresource.kind.as_ref().map(|kind| json!(kind));
    let operation = Operation {
        reference: action.unwrap_or(own.reference),
        kind: kind.as_ref().unwrap_or(own.kind),
    };
    let mut path = Map::new();
    for verb in &subresource.verbs {
        let (method, writes) = match *verb {
            "create" => ("post", true),
            "update" => ("put", true),
            "patch" => ("patch", true),
            _ => ("get", false),
        };
        path.insert(method.to_owned(), operation.render(method, writes));
    }
    Value::Object(path)
}

#[derive(Clone, Copy)]
struct Operation<'a> {
    reference: &'a Value,
    kind: &'a Value,
}

impl Operation<'_> {
    fn render(&self, action: &str, writes: bool) -> Value {
        let content = json!({"application/json": {"schema": self.reference}});
        let mut operation = json!({
            "responses": {"200": {"description": "OK", "content": content}},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": self.kind,
        });
        if writes {
            let parameter =
                |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
            operation["parameters"] = json!([
                parameter("dryRun"),
                parameter("fieldManager"),
                parameter("fieldValidation")
            ]);
            let media_types: &[&str] = match action {
                "patch" => &crate::patch::Patch::MEDIA_TYPES,
                _ => &["application/json"],
            };
            let bodies = media_types
                .iter()
                .map(|media_type| ((*media_type).to_owned(), json!({"schema": self.reference})));
            operation["requestBody"] = json!({"content": bodies.collect::<Map<_, _>>()});
        }
        operation
    }
}
