//! Requests and answers: the tower service behind a [`kube::Client`].

use std::{
    collections::BTreeMap,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use futures::StreamExt as _;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use serde_json::{Value, json};

use super::{
    FakeCluster,
    path::Target,
    store::{Event, Refusal, merge},
};

type Answer = UnsyncBoxBody<Bytes, Infallible>;

#[derive(Clone, Debug)]
pub(super) struct FakeService {
    cluster: FakeCluster,
}

impl FakeService {
    pub(super) fn new(cluster: FakeCluster) -> Self {
        Self { cluster }
    }
}

impl tower::Service<Request<Body>> for FakeService {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let cluster = self.cluster.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let bytes = body
                .collect()
                .await
                .map(|collected| collected.to_bytes())
                .unwrap_or_default();
            let query = query_of(parts.uri.query().unwrap_or_default());
            if parts.method == Method::GET && query.get("watch").is_some_and(|watch| watch == "true" || watch == "1") {
                return Ok(cluster.watch(parts.uri.path(), &query));
            }
            let content_type = parts
                .headers
                .get(http::header::CONTENT_TYPE)
                .and_then(|value| value.to_str().ok());
            let answer = cluster.answer(
                &parts.method,
                parts.uri.path(),
                &query,
                content_type.unwrap_or_default(),
                &bytes,
            );
            Ok(match answer {
                Ok(value) => respond(200, &value),
                Err(Refusal(code, reason, message)) => respond(
                    code,
                    &json!({
                        "apiVersion": "v1", "kind": "Status", "status": "Failure",
                        "code": code, "reason": reason, "message": message,
                    }),
                ),
            })
        })
    }
}

fn respond(code: u16, value: &Value) -> Response<Answer> {
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())).boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

type Query = BTreeMap<String, String>;

/// Enough of URL decoding for selectors.
fn query_of(query: &str) -> Query {
    let decode = |text: &str| {
        text.replace("%3D", "=")
            .replace("%2C", ",")
            .replace("%2F", "/")
            .replace("%21", "!")
    };
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), decode(value))).collect()
}

/// Whether an object passes `labelSelector` and `fieldSelector`; only equality is known.
fn selected(object: &Value, query: &Query) -> bool {
    let passes = |selector: Option<&String>, value: &dyn Fn(&str) -> Option<String>| {
        let terms = selector.map(String::as_str).unwrap_or_default();
        terms
            .split(',')
            .filter(|term| !term.is_empty())
            .all(|term| match term.split_once('=') {
                Some((key, wished)) => {
                    value(key.trim_end_matches('=')).as_deref() == Some(wished.trim_start_matches('='))
                }
                None => value(term).is_some(),
            })
    };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    passes(query.get("labelSelector"), &|key| {
        text(object["metadata"]["labels"].get(key))
    }) && passes(query.get("fieldSelector"), &|key| {
        text(object.pointer(&format!("/{}", key.replace('.', "/"))))
    })
}

impl FakeCluster {
    fn answer(
        &self,
        method: &Method,
        path: &str,
        query: &Query,
        content_type: &str,
        body: &[u8],
    ) -> Result<Value, Refusal> {
        let target = Target::parse(path).ok_or_else(|| Refusal(404, "NotFound", format!("no such path: {path}")))?;
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        let mut state = self.state.lock();
        if *method != Method::GET {
            state.log.push(format!("{method} {path}"));
        }
        let fault = state
            .faults
            .iter_mut()
            .find(|fault| fault.times > 0 && fault.method == *method && path.contains(&fault.path));
        if let Some(fault) = fault {
            fault.times -= 1;
            return Err(Refusal(fault.code, "Injected", "a fault of the test".to_owned()));
        }
        let store = &mut state.store;
        let result = match (method.as_str(), &target.name) {
            ("GET", Some(_)) => store.get(&target).cloned().ok_or_else(|| Refusal::not_found(&target)),
            ("GET", None) => {
                let items: Vec<Value> = store
                    .list(&target)
                    .into_iter()
                    .filter(|object| selected(object, query))
                    .collect();
                let revision = store.revision.to_string();
                Ok(
                    json!({ "apiVersion": target.api_version, "kind": "List", "metadata": { "resourceVersion": revision }, "items": items }),
                )
            }
            ("POST", _) => store.create(&target, sent),
            ("PUT", Some(_)) => store.update(&target, |_| sent),
            ("PATCH", Some(_)) if content_type.contains("apply") && store.get(&target).is_none() => {
                store.create(&target, sent)
            }
            ("PATCH", Some(_)) if content_type.contains("merge") || content_type.contains("apply") => {
                store.update(&target, |present| {
                    let mut new = present.clone();
                    // The patch alone says which version it is for.
                    new["metadata"]["resourceVersion"] = Value::Null;
                    merge(&mut new, &sent);
                    new
                })
            }
            ("DELETE", Some(_)) => store.delete(&target, &sent["preconditions"]),
            _ => Err(Refusal(
                405,
                "MethodNotAllowed",
                format!("{method} {path} with {content_type:?} is not known here"),
            )),
        };
        drop(state);
        self.notify();
        result
    }

    /// All events from a revision on, then each as it happens.
    fn watch(&self, path: &str, query: &Query) -> Response<Answer> {
        let Some(target) = Target::parse(path) else {
            return respond(404, &json!({}));
        };
        let from: u64 = query
            .get("resourceVersion")
            .and_then(|revision| revision.parse().ok())
            .unwrap_or(0);
        let (cluster, query) = (self.clone(), query.clone());
        let changes = self.changes.subscribe();
        let batches = futures::stream::unfold((from, changes), move |(from, mut changes)| {
            let (cluster, target, query) = (cluster.clone(), target.clone(), query.clone());
            async move {
                loop {
                    changes.mark_unchanged();
                    let (events, revision) = cluster.events_after(from, &target, &query);
                    if !events.is_empty() {
                        return Some((events, (revision, changes)));
                    }
                    changes.changed().await.ok()?;
                }
            }
        });
        let lines = batches.flat_map(|events| futures::stream::iter(events).map(|event| line(&event)));
        let frames = lines.map(|bytes| Ok(Frame::data(bytes)));
        Response::new(StreamBody::new(frames).boxed_unsync())
    }

    fn events_after(&self, revision: u64, target: &Target, query: &Query) -> (Vec<Event>, u64) {
        let state = self.state.lock();
        let wanted = |event: &&Event| {
            event.revision > revision
                && event.collection == target.collection()
                && (target.namespace.is_empty() || event.object["metadata"]["namespace"] == target.namespace.as_str())
                && selected(&event.object, query)
        };
        (
            state.store.events.iter().filter(wanted).cloned().collect(),
            state.store.revision,
        )
    }
}

fn line(event: &Event) -> Bytes {
    Bytes::from(format!("{}\n", json!({ "type": event.kind, "object": event.object })))
}
