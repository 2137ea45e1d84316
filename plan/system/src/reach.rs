//! How pods of the system reach the API server before Services work.

use serde_json::{Value, json};

use crate::Object;

/// Lets the containers of all pods in `objects` dial the API server at this address instead of its Service, which the
/// service proxy has to set up first: they are ready earlier, and stay so when the proxy is not.
pub fn with_api_server(mut objects: Vec<Object>, address: &str, port: u16) -> Vec<Object> {
    let variables = [
        ("KUBERNETES_SERVICE_HOST", address.to_owned()),
        ("KUBERNETES_SERVICE_PORT", port.to_string()),
    ];
    for container in objects.iter_mut().filter_map(containers).flatten() {
        if container["env"].is_null() {
            container["env"] = json!([]);
        }
        if let Some(environment) = container["env"].as_array_mut() {
            environment.extend(
                variables
                    .iter()
                    .map(|(name, value)| json!({"name": name, "value": value})),
            );
        }
    }
    objects
}

fn containers(object: &mut Object) -> Option<&mut Vec<Value>> {
    object.pointer_mut("/spec/template/spec/containers")?.as_array_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_container_is_told_and_nothing_else_changes() {
        let pod =
            |containers| json!({"kind": "Deployment", "spec": {"template": {"spec": {"containers": containers}}}});
        let variable = |name: &str, value: &str| json!({"name": name, "value": value});
        let (own, host) = (variable("OWN", "1"), variable("KUBERNETES_SERVICE_HOST", "240.0.0.1"));
        let port = variable("KUBERNETES_SERVICE_PORT", "6443");
        let role = json!({"kind": "ClusterRole"});
        let before = vec![role.clone(), pod(json!([{"name": "a"}, {"name": "b", "env": [own]}]))];
        let after = with_api_server(before, "240.0.0.1", 6443);
        assert_eq!(after[0], role);
        let expected = json!([{"name": "a", "env": [host, port]}, {"name": "b", "env": [own, host, port]}]);
        assert_eq!(after[1], pod(expected));
    }
}
