//! What there is, told to clients: group lists, resource lists, and both at once (aggregated discovery).

use apimachinery::status::Status;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::registry::{Description, Endpoint, Subresource};

use super::{
    accept::aggregated_discovery,
    answer::{self, Answer, Pieces},
    directory::{Directory, Group},
};

/// What can be done to every resource.
const VERBS: [&str; 8] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];

/// `/apis`.
pub(super) fn groups(directory: &Directory, headers: &HeaderMap) -> Answer {
    if let Some(version) = aggregated_discovery(headers) {
        return aggregated(directory, version);
    }
    let groups: Vec<Value> = directory.groups().map(describe_group).collect();
    answer::value(
        StatusCode::OK,
        &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}),
    )
}

/// `/apis/<group>`.
pub(super) fn group(directory: &Directory, name: &str) -> Result<Answer, Status> {
    let group = directory.group(name).ok_or_else(Status::no_such_resource)?;
    let mut described = describe_group(group);
    described["kind"] = json!("APIGroup");
    described["apiVersion"] = json!("v1");
    Ok(answer::value(StatusCode::OK, &described))
}

/// `/apis/<group>/<version>`.
pub(super) fn resources(directory: &Directory, name: &str, version: &str) -> Result<Answer, Status> {
    let group = directory.group(name).ok_or_else(Status::no_such_resource)?;
    if !group.versions.iter().any(|served| served == version) {
        return Err(Status::no_such_resource());
    }
    let resources: Vec<Value> = group
        .in_version(version)
        .flat_map(|(endpoint, index)| list_resource(&**endpoint, index))
        .collect();
    Ok(answer::value(
        StatusCode::OK,
        &json!({
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": format!("{name}/{version}"),
            "resources": resources,
        }),
    ))
}

fn describe_group(group: &Group) -> Value {
    let describe = |version: &String| json!({"groupVersion": format!("{}/{version}", group.name), "version": version});
    let versions: Vec<Value> = group.versions.iter().map(describe).collect();
    json!({"name": group.name, "preferredVersion": versions.first(), "versions": versions})
}

/// The resource and its subresources, each an entry of its own.
fn list_resource(endpoint: &dyn Endpoint, version: usize) -> Vec<Value> {
    let description = endpoint.description();
    let Some(served) = description.versions.get(version) else {
        return Vec::new();
    };
    let plural = &description.resource.resource;
    let mut main = json!({
        "name": plural,
        "singularName": description.singular,
        "namespaced": description.namespaced,
        "kind": served.kind.kind,
        "verbs": VERBS,
    });
    add_names(&mut main, description);
    let subresource = |subresource: &Subresource| {
        let mut entry = json!({
            "name": format!("{plural}/{}", subresource.name),
            "singularName": "",
            "namespaced": description.namespaced,
            "kind": served.kind.kind,
            "verbs": subresource.verbs,
        });
        if let Some(kind) = &subresource.kind {
            entry["kind"] = json!(kind.kind);
            entry["group"] = json!(kind.group);
            entry["version"] = json!(kind.version);
        }
        entry
    };
    let mut entries = vec![main];
    entries.extend(description.subresources.iter().map(subresource));
    entries
}

fn add_names(entry: &mut Value, description: &Description) {
    if !description.short_names.is_empty() {
        entry["shortNames"] = json!(description.short_names);
    }
    if !description.categories.is_empty() {
        entry["categories"] = json!(description.categories);
    }
}

/// `/apis`, everything at once.
fn aggregated(directory: &Directory, version: &'static str) -> Answer {
    let items: Vec<Value> = directory.groups().map(aggregate_group).collect();
    let list = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {},
        "items": items,
    });
    let json = serde_json::to_vec(&list).unwrap_or_default().into();
    let media_type = match version {
        "v2" => "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        _ => "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
    };
    answer::with_type(
        StatusCode::OK,
        Pieces::new([json].into()),
        HeaderValue::from_static(media_type),
    )
}

fn aggregate_group(group: &Group) -> Value {
    let versions = group.versions.iter().map(|version| {
        let resources: Vec<Value> = group
            .in_version(version)
            .filter_map(|(endpoint, index)| aggregate_resource(&**endpoint, index))
            .collect();
        json!({"version": version, "resources": resources, "freshness": "Current"})
    });
    let versions: Vec<Value> = versions.collect();
    json!({"metadata": {"name": group.name, "creationTimestamp": null}, "versions": versions})
}

fn aggregate_resource(endpoint: &dyn Endpoint, version: usize) -> Option<Value> {
    let description = endpoint.description();
    let kind = &description.versions.get(version)?.kind;
    let subresource = |subresource: &Subresource| {
        json!({
            "subresource": subresource.name,
            "responseKind": subresource.kind.as_ref().unwrap_or(kind),
            "verbs": subresource.verbs,
        })
    };
    let mut entry = json!({
        "resource": description.resource.resource,
        "responseKind": kind,
        "scope": if description.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": description.singular,
        "verbs": VERBS,
    });
    add_names(&mut entry, description);
    if !description.subresources.is_empty() {
        entry["subresources"] = description.subresources.iter().map(subresource).collect();
    }
    Some(entry)
}
