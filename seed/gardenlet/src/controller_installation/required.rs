//! Whether an extension is needed in the seed: whether there are objects that only it acts on.
//!
//! In: the kinds and types of its registration. Out: an object of one of them, if there is any. Objects of the garden's own (class
//! `garden`) belong to another process.

use api::core::v1beta1::ControllerRegistration;
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams},
};

const GROUP: &str = "extensions.gardener.cloud";
const VERSION: &str = "v1alpha1";

/// The first object found that needs the extension, as its kind, namespace and name.
pub(super) async fn needed_for(
    seed: &Client,
    registration: &ControllerRegistration,
) -> Result<Option<String>, kube::Error> {
    for resource in &registration.spec.resources {
        let kind = &resource.kind;
        let objects: Api<DynamicObject> = Api::all_with(seed.clone(), &api_resource(kind));
        let listed = match objects.list(&ListParams::default()).await {
            Ok(listed) => listed,
            // A kind that the seed does not have has no objects.
            Err(error) if controller::error::is_not_found(&error) => continue,
            Err(error) => return Err(error),
        };
        if let Some(object) = listed.items.iter().find(|object| is_of(object, &resource.type_)) {
            let namespace = object.namespace();
            let name = controller::apply::describe(kind, namespace.as_deref(), &object.name_any());
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn is_of(object: &DynamicObject, type_: &str) -> bool {
    let text = |pointer: &str| object.data.pointer(pointer).and_then(serde_json::Value::as_str);
    text("/spec/type") == Some(type_) && text("/spec/class") != Some("garden")
}

fn api_resource(kind: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind), &plural(kind))
}

fn plural(kind: &str) -> String {
    let lower = kind.to_lowercase();
    match lower.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{lower}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_are_those_of_the_definitions() {
        let kinds = ["BackupEntry", "DNSRecord", "OperatingSystemConfig", "Bastion"];
        let plurals = ["backupentries", "dnsrecords", "operatingsystemconfigs", "bastions"];
        assert_eq!(kinds.map(plural), plurals);
    }
}
