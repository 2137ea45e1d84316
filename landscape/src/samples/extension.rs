//! The local provider, registered in the garden: gardener-controller-manager decides where it is needed, gardenlet installs it.

use std::io;

use k8s_openapi::ByteString;
use plan_images::Image;
use serde_json::{Value, json};

use super::chart;

/// The name of the registration, and of the deployment.
const NAME: &str = "provider-local";

/// Kinds of extension objects that it acts on.
const KINDS: [&str; 5] = [
    "ControlPlane",
    "DNSRecord",
    "Infrastructure",
    "OperatingSystemConfig",
    "Worker",
];

/// Its deployment, then its registration. `image` is our own, `overwrite` the override of the image vector.
pub(crate) fn provider(image: &Image, overwrite: &str) -> io::Result<Vec<Value>> {
    let mut resources: Vec<Value> = KINDS
        .iter()
        .map(|kind| json!({"kind": kind, "type": "local"}))
        .collect();
    // Pods of a node talk over a bridge; the cloud's routes carry what goes from node to node.
    resources.push(json!({"kind": "Network", "type": "bridge"}));
    Ok(vec![
        json!({
            "apiVersion": "core.gardener.cloud/v1",
            "kind": "ControllerDeployment",
            "metadata": {"name": NAME},
            "helm": {
                "rawChart": ByteString(chart::provider_local()?),
                "values": {"image": image.to_string(), "imageVectorOverwrite": overwrite},
            },
        }),
        json!({
            "apiVersion": "core.gardener.cloud/v1beta1",
            "kind": "ControllerRegistration",
            "metadata": {"name": NAME},
            "spec": {
                "resources": resources,
                "deployment": {"policy": "OnDemand", "deploymentRefs": [{"name": NAME}]},
            },
        }),
    ])
}

#[cfg(test)]
mod tests {
    use api::core::v1::ControllerDeployment;
    use api::core::v1beta1::ControllerRegistration;
    use api::{defaulting, validation};

    use super::*;

    #[test]
    fn the_api_takes_registration_and_deployment() {
        let image = Image {
            repository: "registry/kubeception".to_owned(),
            tag: Some("sha256:0123".to_owned()),
        };
        let [deployment, registration] = provider(&image, "{\"images\":[]}").unwrap().try_into().unwrap();
        let deployment: ControllerDeployment = serde_json::from_value(deployment).unwrap();
        let mut registration: ControllerRegistration = serde_json::from_value(registration).unwrap();
        defaulting::set_defaults_controller_registration(&mut registration);
        let mut errors = validation::validate_controller_deployment(&deployment).to_strings();
        errors.extend(validation::validate_controller_registration(&registration).to_strings());
        assert!(errors.is_empty(), "{errors:?}");
        let values = deployment.helm.unwrap().values.unwrap().0;
        assert_eq!(values["image"], "registry/kubeception@sha256:0123");
        assert_eq!(values["imageVectorOverwrite"], "{\"images\":[]}");
    }
}
