//! The floor: etcd and kube-apiserver started by hand, one after the other, without a cluster around them.

use std::time::{Duration, Instant};

use testing_testkit::{Etcd, KubeApiServer};

/// Time until a kube-apiserver on a new etcd is ready.
pub(crate) async fn start_to_ready() -> Duration {
    let started = Instant::now();
    let etcd = Etcd::start().await;
    let server = KubeApiServer::start(&etcd, &[]).await;
    let elapsed = started.elapsed();
    drop(server);
    elapsed
}
