//! Extensions and credentials.

use api::{
    core::{v1, v1beta1::*},
    security::v1alpha1::CredentialsBinding,
    validation::*,
};
use apimachinery::meta::ByteString;
use serde::de::DeserializeOwned;

use crate::fixtures::assert_errors;

fn parse<T: DeserializeOwned>(yaml: &str) -> T {
    serde_yaml_ng::from_str(yaml).unwrap()
}

#[test]
fn registrations_name_kinds_and_types_once() {
    let registration: ControllerRegistration = parse(
        "
metadata: {name: provider-local}
spec:
  resources:
  - {kind: Worker, type: local}
  - {kind: Worker, type: local}
  - {kind: Pod, autoEnable: [shoot]}
  - {kind: Extension, type: audit, autoEnable: [shoot, moon], clusterCompatibility: [shoot, moon]}
  deployment: {policy: Sometimes, deploymentRefs: [{name: a}, {}]}
",
    );
    assert_errors(
        &validate_controller_registration(&registration),
        &[
            r#"spec.resources[1]: Duplicate value: "Worker/local""#,
            r#"spec.resources[2].kind: Unsupported value: "Pod": supported values: "BackupBucket", "BackupEntry", "Bastion", "ContainerRuntime", "ControlPlane", "DNSRecord", "Extension", "Infrastructure", "Network", "OperatingSystemConfig", "SelfHostedShootExposure", "Worker""#,
            "spec.resources[2].type: Required value: must specify the type of the extension resource",
            "spec.resources[2].autoEnable[0]: Forbidden: must be named in clusterCompatibility, too: shoot",
            "spec.resources[2].autoEnable: Forbidden: only for resources of kind Extension: remove it",
            r#"spec.resources[3].clusterCompatibility[1]: Unsupported value: "moon": supported values: "shoot", "seed", "garden""#,
            r#"spec.resources[3].autoEnable[1]: Unsupported value: "moon": supported values: "shoot", "seed", "garden""#,
            r#"spec.deployment.policy: Unsupported value: "Sometimes": supported values: "OnDemand", "Always", "AlwaysExceptNoShoots""#,
            "spec.deployment.deploymentRefs: Too many: 2: must have at most 1 item",
            "spec.deployment.deploymentRefs[1].name: Required value: must name a ControllerDeployment",
        ],
    );
}

#[test]
fn the_primary_controller_stays() {
    let old: ControllerRegistration =
        parse("{metadata: {name: a}, spec: {resources: [{kind: Worker, type: local, primary: true}]}}");
    let mut new = old.clone();
    new.spec.resources[0].primary = Some(false);
    assert_errors(
        &validate_controller_registration_update(&new, &old),
        &["spec.resources[0].primary: Invalid value: false: field is immutable"],
    );
}

#[test]
fn deployments_have_one_chart() {
    let check = |yaml: &str, expected: &[&str]| {
        let deployment: v1::ControllerDeployment = parse(&format!("{{metadata: {{name: a}}, helm: {yaml}}}"));
        assert_errors(&validate_controller_deployment(&deployment), expected);
    };
    check("{rawChart: AQID}", &[]);
    check("{ociRepository: {ref: 'example.com/chart:1'}}", &[]);
    check(
        "{ociRepository: {repository: example.com/chart, digest: 'sha256:0'}}",
        &[],
    );
    check("null", &["helm: Required value: must specify a Helm chart"]);
    check(
        "{}",
        &["helm: Required value: must provide either rawChart or ociRepository"],
    );
    check(
        "{rawChart: AQID, ociRepository: {ref: a}}",
        &["helm: Forbidden: must provide either rawChart or ociRepository, not both"],
    );
    check(
        "{ociRepository: {ref: a, tag: b}}",
        &["helm.ociRepository: Forbidden: ref is the whole reference: remove repository, tag and digest"],
    );
    check(
        "{ociRepository: {digest: 'md5:0'}}",
        &[
            "helm.ociRepository.repository: Required value: must provide ref, or repository with tag or digest",
            r#"helm.ociRepository.digest: Invalid value: "md5:0": must start with 'sha256:'"#,
        ],
    );
}

#[test]
fn installations_name_registration_and_place() {
    let empty: ControllerInstallation = parse("{metadata: {name: a}}");
    assert_errors(
        &validate_controller_installation(&empty),
        &[
            "spec.registrationRef.name: Required value: must name a ControllerRegistration",
            "spec.seedRef: Required value: must name the Seed, or in shootRef the self-hosted Shoot, that it is installed on",
        ],
    );
    let old: ControllerInstallation =
        parse("{metadata: {name: a}, spec: {registrationRef: {name: r}, seedRef: {name: s, resourceVersion: '1'}}}");
    let mut new = old.clone();
    new.spec.seed_ref.as_mut().unwrap().resource_version = Some("2".into());
    assert_errors(&validate_controller_installation_update(&new, &old), &[]);
    new.spec.registration_ref.name = Some("other".into());
    new.spec.seed_ref.as_mut().unwrap().name = Some("other".into());
    assert_errors(
        &validate_controller_installation_update(&new, &old),
        &[
            r#"spec.registrationRef.name: Invalid value: "other": field is immutable"#,
            r#"spec.seedRef.name: Invalid value: "other": field is immutable"#,
        ],
    );
}

#[test]
fn credentials_bindings_refer_to_credentials_for_good() {
    let old: CredentialsBinding = parse(
        "
metadata: {name: local, namespace: garden-dev}
provider: {type: local}
credentialsRef: {apiVersion: v1, kind: Secret, name: local, namespace: garden-dev}
",
    );
    assert_errors(&validate_credentials_binding(&old), &[]);
    let mut new = old.clone();
    new.credentials_ref.kind = Some("ConfigMap".into());
    new.credentials_ref.name = None;
    new.provider.type_ = "a,b".into();
    assert_errors(
        &validate_credentials_binding(&new),
        &[
            r#"provider.type: Invalid value: "a,b": must be a single provider type"#,
            r#"credentialsRef: Unsupported value: "v1, Kind=ConfigMap": supported values: "v1, Kind=Secret", "security.gardener.cloud/v1alpha1, Kind=WorkloadIdentity", "core.gardener.cloud/v1beta1, Kind=InternalSecret""#,
            "credentialsRef.name: Required value: must be set",
        ],
    );
    let mut new = old.clone();
    new.provider.type_ = "aws".into();
    new.credentials_ref.name = Some("other".into());
    assert_errors(
        &validate_credentials_binding_update(&new, &old),
        &[
            r#"provider: Invalid value: {"type":"aws"}: field is immutable"#,
            r#"credentialsRef: Invalid value: {"apiVersion":"v1","kind":"Secret","name":"other","namespace":"garden-dev"}: field is immutable"#,
        ],
    );
}

#[test]
fn internal_secrets_are_like_secrets() {
    let mut old: InternalSecret =
        parse("{metadata: {name: a, namespace: garden-dev}, type: Opaque, data: {ca.crt: AQID}}");
    assert_errors(&validate_internal_secret(&old), &[]);
    old.immutable = Some(true);
    let mut new = old.clone();
    new.data.insert("b".into(), ByteString(vec![1]));
    new.type_ = "kubernetes.io/tls".into();
    assert_errors(
        &validate_internal_secret_update(&new, &old),
        &[
            r#"type: Invalid value: "kubernetes.io/tls": field is immutable"#,
            "data: Forbidden: field is immutable when `immutable` is set",
        ],
    );
    new.data.insert("no key".into(), ByteString(vec![0; 1024 * 1024]));
    let errors = validate_internal_secret(&new).to_strings();
    assert!(errors[0].starts_with(r#"data[no key]: Invalid value: "no key": a valid config key"#));
    assert_eq!(errors[1], "data: Too long: may not be more than 1048576 bytes");
}
