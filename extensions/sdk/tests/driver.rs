//! The driver and the queue around it, with an actuator in memory and an API server in memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use api::{
    core::v1beta1::{ErrorCode, LastOperationState, LastOperationType},
    extensions::v1alpha1::{BackupBucket, BackupEntry, DnsRecord},
};
use async_trait::async_trait;
use controller::fake::FakeCluster;
use extensions_sdk::{Actuator, ActuatorError, Driver, Request, RunOptions, conformance, run};
use k8s_openapi::api::core::v1::{Secret, SecretReference};
use kube::{Api, ResourceExt as _};
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
    // Who waits for the success may delete it at once: no finalizer is there any more.
    let writes = world.cluster.writes();
    assert_eq!(
        writes[writes.len() - 2..],
        [format!("PATCH {PATH}"), format!("PATCH {PATH}/status")]
    );
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

const BUCKET: &str = "/apis/extensions.gardener.cloud/v1alpha1/backupbuckets/0d6a4c1e";
const ENTRY: &str = "/apis/extensions.gardener.cloud/v1alpha1/backupentries/shoot--dev--first--4b5e9a55";

/// Buckets in memory, and the folders in them, each with the token that it was made with.
#[derive(Clone, Debug, Default)]
struct Store {
    folders: Arc<Mutex<BTreeMap<String, String>>>,
    failures: Arc<Mutex<u32>>,
}

impl Store {
    /// The token; an error as often as it was wished for.
    fn token(&self, secret: Option<&Secret>) -> Result<String, ActuatorError> {
        let mut failures = self.failures.lock();
        if *failures > 0 {
            *failures -= 1;
            return Err(ActuatorError::new("the cloud is on fire"));
        }
        let data = secret.and_then(|secret| secret.data.as_ref()?.get("token"));
        let token = data.map(|token| String::from_utf8_lossy(&token.0).into_owned());
        token.ok_or_else(|| ActuatorError::new("there are no credentials"))
    }
}

#[async_trait]
impl Actuator<BackupBucket> for Store {
    async fn reconcile(&self, request: Request<'_, BackupBucket>) -> Result<(), ActuatorError> {
        assert!(request.cluster.is_none());
        let token = self.token(request.secret)?;
        self.folders.lock().insert(request.object.name_any(), token);
        request.status.generated_secret_ref = Some(SecretReference {
            name: Some("generated-bucket-0d6a4c1e".to_owned()),
            namespace: Some("garden".to_owned()),
        });
        Ok(())
    }

    async fn delete(&self, request: Request<'_, BackupBucket>) -> Result<(), ActuatorError> {
        self.token(request.secret)?;
        self.folders.lock().remove(&request.object.name_any());
        Ok(())
    }
}

#[async_trait]
impl Actuator<BackupEntry> for Store {
    async fn reconcile(&self, request: Request<'_, BackupEntry>) -> Result<(), ActuatorError> {
        assert!(request.cluster.is_none());
        let folder = format!("{}/{}", request.object.spec.bucket_name, request.object.name_any());
        let token = self.token(request.secret)?;
        self.folders.lock().insert(folder, token);
        Ok(())
    }

    async fn delete(&self, _request: Request<'_, BackupEntry>) -> Result<(), ActuatorError> {
        Ok(())
    }
}

/// A cluster with a bucket, an entry in it, and their credentials, which lie in two namespaces.
fn backups() -> FakeCluster {
    let cluster = FakeCluster::new();
    for (namespace, name, token) in [
        ("garden", "backup-seed", "YQ=="),
        ("shoot--dev--first", "etcd-backup", "Yg=="),
    ] {
        cluster.insert(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "namespace": namespace, "name": name },
            "data": { "token": token },
        }));
    }
    let metadata = |name: &str| json!({ "name": name, "annotations": { "gardener.cloud/operation": "reconcile" } });
    cluster.insert(&json!({
        "apiVersion": "extensions.gardener.cloud/v1alpha1", "kind": "BackupBucket", "metadata": metadata("0d6a4c1e"),
        "spec": {
            "type": "local", "region": "local", "secretRef": { "namespace": "garden", "name": "backup-seed" },
        },
    }));
    cluster.insert(&json!({
        "apiVersion": "extensions.gardener.cloud/v1alpha1", "kind": "BackupEntry",
        "metadata": metadata("shoot--dev--first--4b5e9a55"),
        "spec": {
            "type": "local", "region": "local", "bucketName": "0d6a4c1e",
            "secretRef": { "namespace": "shoot--dev--first", "name": "etcd-backup" },
        },
    }));
    cluster
}

fn backup_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap()))
}

#[tokio::test]
async fn a_bucket_that_lies_in_no_namespace_is_made_and_removed() {
    let (cluster, store) = (backups(), Store::default());
    let driver: Driver<BackupBucket, Store> = Driver::new(cluster.client(), "local", store.clone(), backup_clock());
    let bucket = || cluster.get_as::<BackupBucket>(BUCKET).unwrap();
    assert!(driver.reconcile(&bucket()).await.unwrap());
    assert_eq!(store.folders.lock()["0d6a4c1e"], "a");
    assert_eq!(
        cluster.writes(),
        [
            format!("PATCH {BUCKET}/status"),
            format!("PATCH {BUCKET}"),
            format!("PATCH {BUCKET}/status")
        ]
    );
    let made = bucket();
    assert_eq!(made.finalizers(), ["extensions.gardener.cloud/backupbucket".to_owned()]);
    assert!(!made.annotations().contains_key("gardener.cloud/operation"));
    let status = made.status.default_status;
    let last = status.last_operation.unwrap();
    assert_eq!(
        (last.type_, last.state),
        (LastOperationType::Create, LastOperationState::Succeeded)
    );
    assert_eq!(status.observed_generation, 1);
    assert!(made.status.generated_secret_ref.is_some());
    assert!(!driver.reconcile(&bucket()).await.unwrap());

    let api: Api<BackupBucket> = Api::all(cluster.client());
    api.delete("0d6a4c1e", &Default::default()).await.unwrap();
    *store.failures.lock() = 1;
    driver.reconcile(&bucket()).await.unwrap_err();
    let told = bucket().status.default_status;
    let last = told.last_operation.unwrap();
    assert_eq!(
        (last.type_, last.state),
        (LastOperationType::Delete, LastOperationState::Error)
    );
    assert_eq!(told.last_error.unwrap().description, "the cloud is on fire");
    assert!(driver.reconcile(&bucket()).await.unwrap());
    assert_eq!(cluster.get(BUCKET), None);
    assert!(store.folders.lock().is_empty());
}

#[tokio::test]
async fn kinds_without_namespace_are_watched() {
    let (cluster, store) = (backups(), Store::default());
    let shutdown = CancellationToken::new();
    let buckets: Driver<BackupBucket, Store> = Driver::new(cluster.client(), "local", store.clone(), backup_clock());
    let entries: Driver<BackupEntry, Store> = Driver::new(cluster.client(), "local", store.clone(), backup_clock());
    let running = (
        tokio::spawn(run(cluster.client(), buckets, RunOptions::default(), shutdown.clone())),
        tokio::spawn(run(cluster.client(), entries, RunOptions::default(), shutdown.clone())),
    );
    let succeeded =
        |object: Option<&Value>| object.is_some_and(|object| object["status"]["lastOperation"]["state"] == "Succeeded");
    cluster.eventually(BUCKET, succeeded).await.unwrap();
    cluster.eventually(ENTRY, succeeded).await.unwrap();
    let folder = "0d6a4c1e/shoot--dev--first--4b5e9a55".to_owned();
    let made = BTreeMap::from([("0d6a4c1e".to_owned(), "a".to_owned()), (folder, "b".to_owned())]);
    assert_eq!(*store.folders.lock(), made);

    let entries: Api<BackupEntry> = Api::all(cluster.client());
    entries
        .delete("shoot--dev--first--4b5e9a55", &Default::default())
        .await
        .unwrap();
    cluster.eventually(ENTRY, |object| object.is_none()).await.unwrap();
    assert!(cluster.get(BUCKET).is_some());
    shutdown.cancel();
    let (buckets, entries) = running;
    for running in [buckets, entries] {
        tokio::time::timeout(Duration::from_secs(20), running)
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn a_secret_whose_namespace_nobody_names_is_told() {
    let cluster = backups();
    let mut bucket = cluster.get(BUCKET).unwrap();
    bucket["spec"]["secretRef"] = json!({ "name": "backup-seed" });
    cluster.insert(&bucket);
    let driver: Driver<BackupBucket, Store> = Driver::new(cluster.client(), "local", Store::default(), backup_clock());
    let bucket = || cluster.get_as::<BackupBucket>(BUCKET).unwrap();
    driver.reconcile(&bucket()).await.unwrap_err();
    let error = bucket().status.default_status.last_error.unwrap();
    assert_eq!(
        error.description,
        "the reference to Secret backup-seed names no namespace"
    );
}
