//! Health and metrics over plain HTTP.
//!
//! `/healthz` and `/readyz` say whether the process serves; kube-apiserver's pod is ready without any node. `/healthz/tunnel`
//! says whether the shoot is reached, `/metrics` how much and how fast.

use std::{
    convert::Infallible,
    fmt::Write as _,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, task::JoinSet, time::sleep};

use crate::{Opener, Probes, egress::Counts};

const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What is told.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) opener: Opener,
    pub(crate) probes: Probes,
    pub(crate) counts: Arc<Counts>,
}

impl Status {
    fn answer(&self, path: &str) -> (StatusCode, String) {
        match path {
            "/healthz" | "/readyz" => (StatusCode::OK, "ok".to_owned()),
            "/healthz/tunnel" => self.tunnel(),
            "/metrics" => (StatusCode::OK, self.metrics()),
            _ => (StatusCode::NOT_FOUND, "not found".to_owned()),
        }
    }

    fn tunnel(&self) -> (StatusCode, String) {
        let nodes = self.opener.nodes();
        let results = self.probes.results();
        let status = if self.probes.is_healthy(nodes.names().count()) {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        let line = |name: &str| match results.get(name) {
            Some(Ok(took)) => format!("[+] {name}: {} ms\n", took.as_millis()),
            Some(Err(reason)) => format!("[-] {name}: {reason}\n"),
            None => format!("[-] {name}: not connected\n"),
        };
        (status, nodes.names().map(line).collect())
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        // Writing to a String never fails.
        let mut line = |name: &str, value: &dyn std::fmt::Display| {
            let _ = writeln!(text, "tunnel_{name} {value}");
        };
        let count = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        line("requests_total{result=\"opened\"}", &count(&self.counts.opened));
        line("requests_total{result=\"refused\"}", &count(&self.counts.refused));
        line("requests_total{result=\"failed\"}", &count(&self.counts.failed));
        for (machine, connection) in self.opener.machines().all() {
            line(&format!("streams{{machine=\"{machine}\"}}"), &connection.streams());
        }
        for (node, result) in self.probes.results() {
            line(&format!("probe_success{{node=\"{node}\"}}"), &u8::from(result.is_ok()));
            if let Ok(took) = result {
                line(
                    &format!("probe_duration_seconds{{node=\"{node}\"}}"),
                    &took.as_secs_f64(),
                );
            }
        }
        text
    }
}

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, status: Status) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_RETRY).await;
            continue;
        };
        let status = status.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let (code, text) = status.answer(request.uri().path());
            let mut response = Response::new(Full::new(Bytes::from(text)));
            *response.status_mut() = code;
            async move { Ok::<_, Infallible>(response) }
        });
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(REQUEST_DEADLINE);
        // A probe that breaks off has no one to tell.
        connections.spawn(async move { server.serve_connection(TokioIo::new(stream), service).await.is_ok() });
    }
}
