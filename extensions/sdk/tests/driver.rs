//! The driver and the queue around it, with an actuator in memory and an API server in memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use api::{
    core::v1beta1::{ErrorCode, LastOperationState, LastOperationType},
    extensions::v1alpha1::DnsRecord,
};
use async_trait::async_trait;
use controller::fake::FakeCluster;
use extensions_sdk::{Actuator, ActuatorError, Driver, Request, RunOptions, conformance, run};
use kube::Api;
use lib_clock::ManualClock;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const PATH: &str = "/apis/extensions.gardener.cloud/v1alpha1/namespaces/shoot--dev--first/dnsrecords/external";

/// Records in memory; fails as often as it is told to.
#[derive(Clone, Debug, Default)]
struct Memory {
    records: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    failures: Arc<Mutex<u32>>,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Memory {
    fn call(&self, what: &str, request: &Request<'_, DnsRecord>) -> Result<(), ActuatorError> {
        let parts = (request.cluster.is_some(), request.secret.is_some());
        self.calls
            .lock()
            .push(format!("{what} cluster={} secret={}", parts.0, parts.1));
        let mut failures = self.failures.lock();
        if *failures > 0 {
            *failures -= 1;
            let cause = std::io::Error::other("the cloud is on fire");
            let error = ActuatorError::new("failed to write the record").caused_by(cause);
            return Err(error.with_code(ErrorCode::InfraResourcesDepleted));
        }
        Ok(())
    }
}

#[async_trait]
impl Actuator<DnsRecord> for Memory {
    async fn reconcile(&self, request: Request<'_, DnsRecord>) -> Result<(), ActuatorError> {
        self.call("reconcile", &request)?;
        request.status.zone = Some("zone".to_owned());
        self.records
            .lock()
            .insert(request.object.spec.name.clone(), request.object.spec.values.clone());
        Ok(())
    }

    async fn delete(&self, request: Request<'_, DnsRecord>) -> Result<(), ActuatorError> {
        self.call("delete", &request)?;
        self.records.lock().remove(&request.object.spec.name);
        Ok(())
    }

    async fn migrate(&self, request: Request<'_, DnsRecord>) -> Result<(), ActuatorError> {
        self.call("migrate", &request)
    }
}

struct World {
    cluster: FakeCluster,
    memory: Memory,
    driver: Driver<DnsRecord, Memory>,
}

fn record(change: impl FnOnce(&mut Value)) -> Value {
    let mut record = json!({
        "apiVersion": "extensions.gardener.cloud/v1alpha1", "kind": "DNSRecord",
        "metadata": {
            "namespace": "shoot--dev--first", "name": "external",
            "annotations": { "gardener.cloud/operation": "reconcile", "gardener.cloud/timestamp": "2026-01-01T00:00:00Z" },
        },
        "spec": {
            "type": "local", "name": "api.first.example", "recordType": "A", "values": ["172.30.2.1"],
            "secretRef": { "namespace": "shoot--dev--first", "name": "credentials" },
        },
    });
    change(&mut record);
    record
}

fn world(change: impl FnOnce(&mut Value)) -> World {
    let (cluster, memory) = (FakeCluster::new(), Memory::default());
    cluster.insert(&record(change));
    let clock = Arc::new(ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap()));
    let driver = Driver::new(cluster.client(), "local", memory.clone(), clock);
    World {
        cluster,
        memory,
        driver,
    }
}

impl World {
    fn object(&self) -> DnsRecord {
        self.cluster.get_as(PATH).unwrap()
    }

    async fn reconcile(&self) -> bool {
        self.driver.reconcile(&self.object()).await.unwrap()
    }
}

fn operation(record: &DnsRecord) -> (LastOperationType, LastOperationState, i32) {
    let last = record.status.default_status.last_operation.clone().unwrap();
    (last.type_, last.state, last.progress)
}

#[tokio::test]
async fn a_new_record_is_made_and_its_status_says_so() {
    let world = world(|record| {
        record["metadata"]["generation"] = json!(3);
    });
    assert!(world.reconcile().await);
    assert_eq!(world.memory.records.lock()["api.first.example"], ["172.30.2.1"]);
    let object = world.object();
    assert_eq!(
        operation(&object),
        (LastOperationType::Create, LastOperationState::Succeeded, 100)
    );
    assert_eq!(object.status.default_status.observed_generation, 3);
    assert_eq!(object.status.zone.as_deref(), Some("zone"));
    assert_eq!(
        object.metadata.finalizers.as_deref().unwrap(),
        ["extensions.gardener.cloud/dnsrecord"]
    );
    let annotations = object.metadata.annotations.unwrap();
    assert_eq!(annotations.keys().collect::<Vec<_>>(), ["gardener.cloud/timestamp"]);
    // Asked for nothing more, it does nothing more.
    assert!(!world.reconcile().await);
    assert_eq!(*world.memory.calls.lock(), ["reconcile cluster=false secret=false"]);
}

#[tokio::test]
async fn who_waits_never_takes_the_end_before_for_the_end_of_this_one() {
    let world = world(|_| {});
    world.reconcile().await;
    let mut again = serde_json::to_value(world.object()).unwrap();
    again["metadata"]["annotations"]["gardener.cloud/operation"] = json!("reconcile");
    world.cluster.insert(&again);
    let before = world.cluster.writes().len();
    world.reconcile().await;
    // First the status (Processing), then the annotation, then the status (Succeeded).
    let writes = world.cluster.writes().split_off(before);
    assert_eq!(
        writes,
        [
            format!("PATCH {PATH}/status"),
            format!("PATCH {PATH}"),
            format!("PATCH {PATH}/status")
        ]
    );
    assert_eq!(
        operation(&world.object()),
        (LastOperationType::Reconcile, LastOperationState::Succeeded, 100)
    );
}

#[tokio::test]
async fn an_event_older_than_the_last_write_does_nothing() {
    let world = world(|_| {});
    let old = world.object();
    world.reconcile().await;
    let writes = world.cluster.writes().len();
    assert!(!world.driver.reconcile(&old).await.unwrap());
    assert_eq!(world.cluster.writes().len(), writes);
}

#[tokio::test]
async fn the_actuator_gets_the_cluster_and_the_secret() {
    let world = world(|_| {});
    world.cluster.insert(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "namespace": "shoot--dev--first", "name": "credentials" },
    }));
    world.cluster.insert(&json!({
        "apiVersion": "extensions.gardener.cloud/v1alpha1", "kind": "Cluster", "metadata": { "name": "shoot--dev--first" },
        "spec": { "cloudProfile": {}, "shoot": {} },
    }));
    world.reconcile().await;
    assert_eq!(*world.memory.calls.lock(), ["reconcile cluster=true secret=true"]);
}

#[tokio::test]
async fn a_failure_is_told_with_its_cause_and_its_code_and_forgotten_after_a_success() {
    let world = world(|_| {});
    *world.memory.failures.lock() = 1;
    world.driver.reconcile(&world.object()).await.unwrap_err();
    let object = world.object();
    assert_eq!(
        operation(&object),
        (LastOperationType::Create, LastOperationState::Error, 1)
    );
    let error = object.status.default_status.last_error.unwrap();
    assert_eq!(error.description, "failed to write the record: the cloud is on fire");
    assert_eq!(error.codes, [ErrorCode::InfraResourcesDepleted]);
    assert!(world.reconcile().await);
    let object = world.object();
    assert_eq!(
        operation(&object),
        (LastOperationType::Create, LastOperationState::Succeeded, 100)
    );
    assert_eq!(object.status.default_status.last_error, None);
}

#[tokio::test]
async fn a_deleted_record_is_removed_before_its_finalizer() {
    let world = world(|_| {});
    world.reconcile().await;
    let api: Api<DnsRecord> = Api::namespaced(world.cluster.client(), "shoot--dev--first");
    api.delete("external", &Default::default()).await.unwrap();
    *world.memory.failures.lock() = 1;
    world.driver.reconcile(&world.object()).await.unwrap_err();
    assert_eq!(
        operation(&world.object()),
        (LastOperationType::Delete, LastOperationState::Error, 1)
    );
    world.reconcile().await;
    assert_eq!(world.cluster.get(PATH), None);
    assert!(world.memory.records.lock().is_empty());
}

#[tokio::test]
async fn a_migrated_record_stays_in_the_cloud_and_is_let_go() {
    let world = world(|_| {});
    world.reconcile().await;
    let mut object = serde_json::to_value(world.object()).unwrap();
    object["metadata"]["annotations"]["gardener.cloud/operation"] = json!("migrate");
    world.cluster.insert(&object);
    world.reconcile().await;
    let object = world.object();
    assert_eq!(
        operation(&object),
        (LastOperationType::Migrate, LastOperationState::Succeeded, 100)
    );
    assert_eq!(object.metadata.finalizers, None);
    assert!(!world.memory.records.lock().is_empty());
}

#[tokio::test]
async fn records_of_other_types_are_left_alone() {
    let world = world(|record| record["spec"]["type"] = json!("aws-route53"));
    assert!(!world.reconcile().await);
    assert!(world.cluster.writes().is_empty());
}

#[tokio::test]
async fn the_queue_retries_with_growing_waits_and_reacts_to_a_change_at_once() {
    let world = world(|_| {});
    *world.memory.failures.lock() = 2;
    let shutdown = CancellationToken::new();
    let options = RunOptions {
        backoff: (Duration::from_millis(10), Duration::from_secs(1)),
        ..RunOptions::default()
    };
    let running = tokio::spawn(run(world.cluster.client(), world.driver, options, shutdown.clone()));
    let succeeded =
        |object: Option<&Value>| object.is_some_and(|object| object["status"]["lastOperation"]["state"] == "Succeeded");
    world.cluster.eventually(PATH, succeeded).await.unwrap();
    assert_eq!(world.memory.calls.lock().len(), 3);

    *world.memory.failures.lock() = 1;
    let mut object = world.cluster.get(PATH).unwrap();
    object["metadata"]["annotations"]["gardener.cloud/operation"] = json!("reconcile");
    object["spec"]["values"] = json!(["172.30.2.9"]);
    world.cluster.insert(&object);
    let values = || world.memory.records.lock().get("api.first.example").cloned();
    world
        .cluster
        .eventually(PATH, |object| {
            succeeded(object) && values() == Some(vec!["172.30.2.9".to_owned()])
        })
        .await
        .unwrap();
    assert_eq!(world.memory.calls.lock().len(), 5);
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(20), running)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn the_conformance_suite_accepts_a_good_actuator_and_finds_a_bad_one() {
    let wished: DnsRecord = serde_json::from_value(record(|_| {})).unwrap();
    let mut changed = wished.clone();
    changed.spec.values = vec!["172.30.2.2".to_owned()];
    let memory = Memory::default();
    let look = || {
        let found = memory
            .records
            .lock()
            .get("api.first.example")
            .cloned()
            .unwrap_or_default();
        std::future::ready(found)
    };
    conformance::dns_record(&memory, &wished, &changed, None, look)
        .await
        .unwrap();
    *memory.failures.lock() = 1;
    let violation = conformance::dns_record(&memory, &wished, &changed, None, look)
        .await
        .unwrap_err();
    assert_eq!(violation.to_string(), "deletion of what never was failed");
    let blind = || std::future::ready(vec!["something else".to_owned()]);
    let violation = conformance::dns_record(&memory, &wished, &changed, None, blind)
        .await
        .unwrap_err();
    assert_eq!(
        violation.to_string(),
        r#"after deletion of what never was there is ["something else"], not []"#
    );
}

#[tokio::test]
async fn garden_and_shoots_have_a_process_each() {
    let of_class = |class: Option<&str>| -> DnsRecord {
        let record = record(|record| record["spec"]["class"] = class.map_or(Value::Null, |class| json!(class)));
        serde_json::from_value(record).unwrap()
    };
    let classes = [None, Some("shoot"), Some("seed"), Some("garden")].map(of_class);
    let clock = Arc::new(ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap()));
    let driver = || {
        Driver::new(
            FakeCluster::new().client(),
            "local",
            Memory::default(),
            Arc::clone(&clock) as _,
        )
    };
    let (shoots, garden) = (driver(), driver().of_garden());
    assert_eq!(
        classes.each_ref().map(|record| shoots.is_responsible(record)),
        [true, true, true, false]
    );
    assert_eq!(
        classes.each_ref().map(|record| garden.is_responsible(record)),
        [false, false, false, true]
    );
}
