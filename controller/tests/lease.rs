//! Leader election: one leader at a time, fenced.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::{sync::Arc, time::Duration};

use controller::{
    fake::FakeCluster,
    lease::{Leadership, LeaseOptions, Outcome, lead},
};
use http::Method;
use lib_clock::SystemClock;
use serde_json::Value;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/garden/leases/operator";

struct Candidate {
    shutdown: CancellationToken,
    leading: mpsc::UnboundedReceiver<Leadership>,
    task: JoinHandle<Outcome>,
}

/// A candidate whose work tells that it leads, and goes on until it is cancelled.
fn candidate(cluster: &FakeCluster, name: &str) -> Candidate {
    let shutdown = CancellationToken::new();
    let (sender, leading) = mpsc::unbounded_channel();
    let work = move |leadership: Leadership| async move {
        sender.send(leadership.clone()).unwrap();
        leadership.lost.cancelled().await;
    };
    let options = LeaseOptions::new("garden", "operator", name);
    let task = tokio::spawn(lead(
        cluster.client(),
        options,
        Arc::new(SystemClock),
        shutdown.clone(),
        work,
    ));
    Candidate {
        shutdown,
        leading,
        task,
    }
}

impl Candidate {
    async fn leads(&mut self) -> Leadership {
        timeout(Duration::from_secs(60), self.leading.recv())
            .await
            .unwrap()
            .unwrap()
    }

    async fn waits(&mut self) {
        // Paused time: these seconds pass at once when nobody else has anything to do.
        assert!(timeout(Duration::from_secs(60), self.leading.recv()).await.is_err());
    }
}

fn holder(cluster: &FakeCluster) -> Value {
    cluster.get(LEASE).unwrap()["spec"]["holderIdentity"].clone()
}

#[tokio::test(start_paused = true)]
async fn the_second_waits_until_the_first_gives_the_lease_back() {
    let cluster = FakeCluster::new();
    let mut first = candidate(&cluster, "first");
    assert_eq!(first.leads().await.epoch, 0);
    let mut second = candidate(&cluster, "second");
    second.waits().await;
    assert_eq!(holder(&cluster), "first");
    first.shutdown.cancel();
    assert_eq!(first.task.await.unwrap(), Outcome::ShutDown);
    assert_eq!(second.leads().await.epoch, 1);
    assert_eq!(holder(&cluster), "second");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_stops_before_another_starts() {
    let cluster = FakeCluster::new();
    let mut first = candidate(&cluster, "first");
    let leadership = first.leads().await;
    cluster.fail(&Method::PUT, LEASE, 500, 8);
    let started = tokio::time::Instant::now();
    assert_eq!(first.task.await.unwrap(), Outcome::Lost);
    assert!(leadership.lost.is_cancelled());
    assert!(started.elapsed() <= Duration::from_secs(13), "{:?}", started.elapsed());
    // It crashed, so to say: the lease still has its name, and a successor waits for its whole duration.
    assert_eq!(holder(&cluster), "first");
    let mut second = candidate(&cluster, "second");
    let waited = tokio::time::Instant::now();
    assert_eq!(second.leads().await.epoch, 1);
    assert!(waited.elapsed() >= Duration::from_secs(15), "{:?}", waited.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_finds_another_in_the_lease_stops() {
    let cluster = FakeCluster::new();
    let mut first = candidate(&cluster, "first");
    first.leads().await;
    let mut lease = cluster.get(LEASE).unwrap();
    lease["spec"]["holderIdentity"] = "usurper".into();
    cluster.insert(&lease);
    assert_eq!(first.task.await.unwrap(), Outcome::Lost);
    assert_eq!(holder(&cluster), "usurper");
}

#[tokio::test(start_paused = true)]
async fn a_restarted_replica_takes_its_own_lease_up_at_once() {
    let cluster = FakeCluster::new();
    let mut first = candidate(&cluster, "first");
    first.leads().await;
    first.task.abort();
    let mut again = candidate(&cluster, "first");
    assert_eq!(again.leads().await.epoch, 0);
}

#[tokio::test(start_paused = true)]
async fn finished_work_gives_the_lease_back() {
    let cluster = FakeCluster::new();
    let options = LeaseOptions::new("garden", "operator", "first");
    let clock = Arc::new(SystemClock);
    let outcome = lead(cluster.client(), options, clock, CancellationToken::new(), |_| async {}).await;
    assert_eq!(outcome, Outcome::Finished);
    assert_eq!(holder(&cluster), Value::Null);
}
