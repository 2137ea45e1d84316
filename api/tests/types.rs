//! Every field of every kind survives JSON and protobuf.
//!
//! The samples are made from the schemas: an object in which every declared field is set.

#![allow(clippy::unwrap_used, reason = "a test fails where it panics")]

use apimachinery::{
    ApiObject, Typed,
    openapi::{OpenApi, Schema, Shape},
    protobuf::{Protobuf, decode_object, encode_object},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// A value with every declared field set, but those of Kubernetes' types whose fields the schema does not know.
fn sample(schema: &Schema) -> Value {
    match &schema.shape {
        Shape::AnyObject => json!({ "any": [1, "two", null] }),
        // The only type of Kubernetes that is required somewhere and has no schema.
        Shape::Any => json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {} }),
        Shape::Boolean => json!(true),
        Shape::Integer => json!(7),
        Shape::Number => json!(0.5),
        Shape::IntOrString => json!("25%"),
        Shape::String => text(schema.bounds.format),
        Shape::Array(items) => json!([sample(items)]),
        Shape::Map(values) => json!({ "key": sample(values) }),
        Shape::Object(properties) => properties
            .iter()
            .filter(|property| property.required || property.schema.shape != Shape::Any)
            .map(|property| (property.name.to_owned(), sample(&property.schema)))
            .collect::<Map<_, _>>()
            .into(),
        Shape::Reference(reference) => match reference.name.rsplit('.').next() {
            Some("Duration") => json!("1h0m0s"),
            Some("Quantity") => json!("10Gi"),
            Some("Time") => json!("2026-01-02T03:04:05Z"),
            Some("FieldsV1") => json!({ "f:spec": {} }),
            _ => sample(&(reference.schema)()),
        },
    }
}

fn text(format: Option<&str>) -> Value {
    match format {
        Some("byte") => json!("AQID"),
        Some("date-time") => json!("2026-01-02T03:04:05Z"),
        _ => json!("text"),
    }
}

/// Reads the sample and writes it again.
fn json_round_trip<T: Typed + OpenApi + Serialize + DeserializeOwned>() -> T {
    let mut sample = sample(&T::schema());
    sample["apiVersion"] = json!(T::TYPE.api_version);
    sample["kind"] = json!(T::TYPE.kind);
    let object: T = serde_json::from_value(sample.clone()).unwrap();
    let written = serde_json::to_value(&object).unwrap();
    assert_eq!(written, sample, "{} in JSON", T::TYPE.kind);
    object
}

fn protobuf_round_trip<T: ApiObject + Protobuf>() {
    let object: T = json_round_trip();
    let bytes = encode_object(&object);
    let read: T = decode_object(&bytes).unwrap();
    assert_eq!(read, object, "{} in protobuf", T::KIND);
}

#[test]
fn garden_kinds_survive_json_and_protobuf() {
    use api::{authentication::v1alpha1 as authentication, core, security::v1alpha1 as security};

    protobuf_round_trip::<core::v1beta1::Shoot>();
    protobuf_round_trip::<core::v1beta1::Seed>();
    protobuf_round_trip::<core::v1beta1::Project>();
    protobuf_round_trip::<core::v1beta1::ControllerRegistration>();
    protobuf_round_trip::<core::v1beta1::ControllerDeployment>();
    protobuf_round_trip::<core::v1beta1::ControllerInstallation>();
    protobuf_round_trip::<core::v1beta1::InternalSecret>();
    protobuf_round_trip::<core::v1beta1::SecretBinding>();
    protobuf_round_trip::<core::v1beta1::Quota>();
    protobuf_round_trip::<core::v1beta1::BackupBucket>();
    protobuf_round_trip::<core::v1beta1::BackupEntry>();
    protobuf_round_trip::<core::v1beta1::ExposureClass>();
    protobuf_round_trip::<core::v1beta1::ShootState>();
    protobuf_round_trip::<core::v1::ControllerDeployment>();
    protobuf_round_trip::<security::CredentialsBinding>();
    protobuf_round_trip::<security::WorkloadIdentity>();
    protobuf_round_trip::<security::TokenRequest>();
    protobuf_round_trip::<authentication::AdminKubeconfigRequest>();
    protobuf_round_trip::<authentication::ViewerKubeconfigRequest>();
}

#[test]
fn cloud_profiles_survive_json_and_protobuf() {
    protobuf_round_trip::<api::core::v1beta1::CloudProfile>();
    protobuf_round_trip::<api::core::v1beta1::NamespacedCloudProfile>();
}

#[test]
fn crd_kinds_survive_json() {
    use api::{extensions::v1alpha1 as extensions, machine::v1alpha1 as machine};

    json_round_trip::<extensions::BackupBucket>();
    json_round_trip::<extensions::BackupEntry>();
    json_round_trip::<extensions::Bastion>();
    json_round_trip::<extensions::Cluster>();
    json_round_trip::<extensions::ContainerRuntime>();
    json_round_trip::<extensions::ControlPlane>();
    json_round_trip::<extensions::DnsRecord>();
    json_round_trip::<extensions::Extension>();
    json_round_trip::<extensions::Infrastructure>();
    json_round_trip::<extensions::Network>();
    json_round_trip::<extensions::OperatingSystemConfig>();
    json_round_trip::<extensions::SelfHostedShootExposure>();
    json_round_trip::<extensions::Worker>();
    json_round_trip::<machine::Machine>();
    json_round_trip::<machine::MachineClass>();
    json_round_trip::<machine::MachineDeployment>();
    json_round_trip::<machine::MachineSet>();
    json_round_trip::<api::resources::v1alpha1::ManagedResource>();
    json_round_trip::<api::druid::v1alpha1::Etcd>();
    json_round_trip::<api::operator::v1alpha1::Garden>();
    json_round_trip::<api::gateway::GatewayClass>();
    json_round_trip::<api::gateway::Gateway>();
    json_round_trip::<api::gateway::TlsRoute>();
}

#[test]
fn configuration_files_survive_json() {
    json_round_trip::<api::config::gardenlet::GardenletConfiguration>();
    json_round_trip::<api::config::controller_manager::ControllerManagerConfiguration>();
    json_round_trip::<api::config::scheduler::SchedulerConfiguration>();
    json_round_trip::<api::config::resource_manager::ResourceManagerConfiguration>();
    json_round_trip::<api::config::node_agent::NodeAgentConfiguration>();
    json_round_trip::<api::config::operator::OperatorConfiguration>();
}

/// An image's variant is written as its capabilities, without a name around them.
#[test]
fn capabilities_of_an_image_are_its_keys() {
    let flavor = json!({ "architecture": ["amd64", "arm64"], "bootMode": ["uefi"] });
    let read: api::core::v1beta1::MachineImageFlavor = serde_json::from_value(flavor.clone()).unwrap();
    assert_eq!(read.capabilities.0["architecture"].0, ["amd64", "arm64"]);
    assert_eq!(serde_json::to_value(&read).unwrap(), flavor);
}

/// Bytes as Go writes them: field 2 (spec) with field 12 (region) and field 6 (kubernetes) with field 8 (version).
#[test]
fn protobuf_of_a_shoot_has_gardeners_field_numbers() {
    let mut shoot = api::core::v1beta1::Shoot::default();
    shoot.spec.region = "local".to_owned();
    shoot.spec.kubernetes.version = "1.35.4".to_owned();
    let mut bytes = Vec::new();
    bytes.extend(b"\x62\x05local"); // 12: region
    let mut kubernetes = vec![0x32, 0x08]; // 6: kubernetes, 8 bytes
    kubernetes.extend(b"\x42\x061.35.4"); // 8: version
    let encoded = encode_object(&shoot);
    for part in [bytes, kubernetes] {
        assert!(encoded.windows(part.len()).any(|window| window == part));
    }
}
