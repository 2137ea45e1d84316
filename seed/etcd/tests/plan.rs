//! What is planned for an `Etcd` object, and what is refused.

#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a test fails where it panics"
)]

use api::druid::v1alpha1::Etcd;
use jiff::Timestamp;
use k8s_openapi::{api::apps::v1::StatefulSet, apimachinery::pkg::api::resource::Quantity};
use seed_etcd::{
    plan::{PlanError, plan},
    status::status,
};
use serde_json::{Value, json};

fn etcd(spec: Value) -> Etcd {
    let mut object = json!({
        "metadata": {"name": "etcd-main", "namespace": "shoot--dev--first", "uid": "4711", "generation": 3},
        "spec": {
            "replicas": 1,
            "labels": {"gardener.cloud/role": "controlplane", "role": "main"},
            "annotations": {"checksum/secret-etcd-server-cert": "1234"},
            "etcd": {
                "quota": "2Gi",
                "clientUrlTls": {
                    "tlsCASecretRef": {"name": "ca-etcd-bundle", "dataKey": "bundle.crt"},
                    "serverTLSSecretRef": {"name": "etcd-server"},
                    "clientTLSSecretRef": {"name": "etcd-client"},
                },
            },
            "storageCapacity": "5Gi",
            "sharedConfig": {"autoCompactionMode": "periodic", "autoCompactionRetention": "30m"},
        },
    });
    json_patch::merge(&mut object["spec"], &spec);
    serde_json::from_value(object).unwrap()
}

#[test]
fn one_member_with_tls() {
    let objects = plan(&etcd(json!({})), "registry.example.org/etcd:1").unwrap();
    let documents = [
        serde_yaml_ng::to_string(&objects.client_service).unwrap(),
        serde_yaml_ng::to_string(&objects.peer_service).unwrap(),
        serde_yaml_ng::to_string(&objects.stateful_set).unwrap(),
    ];
    testing_testkit::golden::assert("tests/golden/one-member.yaml", &documents.join("---\n"));
}

#[test]
fn members_with_tls_between_them_listen_to_others() {
    let tls = json!({"etcd": {"peerUrlTls": {
        "tlsCASecretRef": {"name": "ca-etcd-peer"}, "serverTLSSecretRef": {"name": "etcd-peer-server"},
    }}});
    let command = command(&etcd(tls));
    for flag in [
        "--listen-peer-urls=https://0.0.0.0:2380",
        "--initial-cluster=etcd-main-0=https://etcd-main-0.etcd-main-peer.shoot--dev--first.svc:2380",
        "--peer-client-cert-auth=true",
        "--peer-trusted-ca-file=/var/etcd/ssl/peer-ca/ca.crt",
    ] {
        assert!(
            command.iter().any(|argument| argument == flag),
            "{flag} is missing in {command:#?}"
        );
    }
}

#[test]
fn without_tls_between_members_nobody_else_is_one() {
    let command = command(&etcd(json!({})));
    assert!(
        command
            .iter()
            .any(|argument| argument == "--listen-peer-urls=http://127.0.0.1:2380"),
        "{command:#?}"
    );
}

fn command(etcd: &Etcd) -> Vec<String> {
    let set = plan(etcd, "etcd").unwrap().stateful_set;
    set.spec
        .unwrap()
        .template
        .spec
        .unwrap()
        .containers
        .remove(0)
        .command
        .unwrap()
}

#[test]
fn what_can_not_be_planned_is_refused_by_field() {
    assert_eq!(
        plan(&etcd(json!({"replicas": 3})), "etcd").unwrap_err(),
        PlanError::Replicas(3)
    );
    // Reading refuses it already; who builds the object in code is told here.
    let mut unlimited = etcd(json!({}));
    unlimited.spec.etcd.quota = Some(Quantity("lots".to_owned()));
    let error = plan(&unlimited, "etcd").unwrap_err();
    assert_eq!(
        error.to_string(),
        "spec.etcd.quota: Invalid value: \"lots\": must be a quantity of bytes such as 8Gi"
    );
    let mut nameless = etcd(json!({}));
    nameless.metadata.uid = None;
    assert_eq!(plan(&nameless, "etcd").unwrap_err(), PlanError::Incomplete("uid"));
}

fn observed(generation: i64, ready: i32) -> StatefulSet {
    serde_json::from_value(json!({
        "metadata": {"name": "etcd-main", "generation": 2},
        "spec": {"serviceName": "etcd-main-peer", "selector": {}, "template": {}},
        "status": {"observedGeneration": generation, "replicas": 1, "readyReplicas": ready, "currentReplicas": 1},
    }))
    .unwrap()
}

#[test]
fn ready_means_the_latest_wish_is_ready() {
    let now = Timestamp::UNIX_EPOCH;
    let cases = [
        (None, false),
        (Some(observed(1, 1)), false), // the numbers speak of an older wish
        (Some(observed(2, 0)), false),
        (Some(observed(2, 1)), true),
    ];
    for (stateful_set, expected) in cases {
        let status = status(&etcd(json!({})), stateful_set.as_ref(), now);
        assert_eq!(status.ready, Some(expected), "{stateful_set:?}");
        assert_eq!(status.observed_generation, Some(3));
    }
}

#[test]
fn a_condition_keeps_its_time_until_it_changes() {
    let mut etcd = etcd(json!({}));
    etcd.status = status(&etcd, Some(&observed(2, 0)), Timestamp::UNIX_EPOCH);
    let later = Timestamp::from_second(60).unwrap();
    assert_eq!(status(&etcd, Some(&observed(2, 0)), later), etcd.status);
    let changed = status(&etcd, Some(&observed(2, 1)), later);
    assert_eq!(changed.conditions[0].last_transition_time.as_ref().unwrap().0, later);
}
