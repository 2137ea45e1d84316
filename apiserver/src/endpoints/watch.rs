//! Watches: a stream of events, one JSON object per line.
//!
//! The stream ends at its timeout, when the server stops, or when the client is too slow; an event of type `ERROR` says
//! why where the client must list again.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use apimachinery::status::Status;
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, StatusCode};
use http_body_util::StreamBody;
use hyper::body::Frame;
use jiff::Timestamp;
use lib_clock::Clock;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{
    cache::{CachedObject, Freshness, ReadError, Transition, WatchQuery, Watcher},
    registry::Endpoint,
};

use super::{
    accept::{Accepted, Shape},
    answer::{self, Answer, Pieces},
    collection::key_prefix,
    object::{FRESHNESS_DEADLINE, read_failure},
    query::{Match, Query},
    select::Selection,
    shape::{self, ListMetadata, Shaper},
};

/// As often as kube-apiserver tells an idle watcher how far it has come.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);
/// Just before the end, a watcher that will come back is told where to go on.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);
/// Whoever asks for more gets this: clients come back after minutes, and the clock can't tell every moment to come.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// What a watch needs beside its parameters.
pub(super) struct WatchRequest {
    pub(super) endpoint: Arc<dyn Endpoint>,
    pub(super) version: usize,
    pub(super) namespace: String,
    pub(super) accepted: Accepted,
    pub(super) clock: Arc<dyn Clock>,
    /// The server stops.
    pub(super) stop: CancellationToken,
    /// How long the watch lasts when the client does not say.
    pub(super) default_timeout: Duration,
}

/// How a watch begins.
struct Beginning {
    after: Option<u64>,
    freshness: Freshness,
    initial: bool,
    /// The end of the initial events is marked.
    marked: bool,
}

impl Beginning {
    fn parse(query: &Query) -> Result<Self, Status> {
        let revision = query.revision()?;
        let send = query
            .is_given("sendInitialEvents")
            .then(|| query.flag("sendInitialEvents"));
        if send.is_some() && query.revision_match()? != Some(Match::NotOlderThan) {
            let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            return Err(Status::bad_request(format!("resourceVersionMatch: Forbidden: {why}")));
        }
        if send.is_none() && query.revision_match()?.is_some() {
            let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            return Err(Status::bad_request(format!("resourceVersionMatch: Forbidden: {why}")));
        }
        let freshness = match revision {
            None => Freshness::Consistent,
            Some(0) => Freshness::Any,
            Some(revision) => Freshness::NotOlderThan(revision),
        };
        Ok(match (send, revision) {
            (Some(true), _) => Self {
                after: None,
                freshness,
                initial: true,
                marked: true,
            },
            (Some(false) | None, Some(revision)) if revision > 0 => Self {
                after: Some(revision),
                freshness,
                initial: false,
                marked: false,
            },
            (Some(false), _) => Self {
                after: None,
                freshness,
                initial: false,
                marked: false,
            },
            (None, _) => Self {
                after: None,
                freshness,
                initial: true,
                marked: false,
            },
        })
    }
}

/// How long the watch lasts.
fn length(query: &Query, default: Duration) -> Result<Duration, Status> {
    Ok(query.timeout()?.unwrap_or(default).min(LONGEST))
}

/// Answers with a watch.
pub(super) async fn watch(request: WatchRequest, query: &Query, selection: Selection) -> Result<Answer, Status> {
    let beginning = Beginning::parse(query)?;
    let timeout = length(query, request.default_timeout)?;
    let events = Events {
        shape: request.accepted.shape,
        include: shape::include(query),
        columns_sent: false,
        request,
    };
    let wanted = WatchQuery {
        key_prefix: key_prefix(&events.request.namespace, ""),
        filter: selection.filter,
        after: beginning.after,
        freshness: beginning.freshness,
        initial: beginning.initial,
        deadline: FRESHNESS_DEADLINE,
    };
    let watcher = match events.request.endpoint.cache().watch(wanted).await {
        Ok(watcher) => watcher,
        // Clients that resume expect this as an event.
        Err(error @ ReadError::TooOld { .. }) => {
            let event = error_event(&Status::expired(error.to_string()));
            return Ok(answer::bytes(StatusCode::OK, event));
        }
        Err(error) => return Err(read_failure(error, &*events.request.endpoint)),
    };
    let mut bookmarks = tokio::time::interval(BOOKMARK_INTERVAL);
    bookmarks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    bookmarks.reset();
    let flow = Flow {
        watcher,
        events,
        pending: VecDeque::new(),
        marked: beginning.marked,
        wants_bookmarks: query.flag("allowWatchBookmarks"),
        bookmarks,
        end: Instant::now() + timeout,
        last_bookmark: false,
        over: false,
    };
    let frames = stream::unfold(flow, |mut flow| async move {
        let piece = flow.next_piece().await?;
        Some((Ok::<_, Infallible>(Frame::data(piece)), flow))
    });
    Ok(answer::with_type(
        StatusCode::OK,
        StreamBody::new(frames),
        HeaderValue::from_static("application/json"),
    ))
}

/// A running watch.
struct Flow {
    watcher: Watcher,
    events: Events,
    /// Pieces of events that are ready to be sent.
    pending: VecDeque<Bytes>,
    /// The mark after the initial events is yet to come.
    marked: bool,
    wants_bookmarks: bool,
    bookmarks: tokio::time::Interval,
    end: Instant,
    last_bookmark: bool,
    over: bool,
}

enum Step {
    Event(Result<Transition, crate::cache::Lagged>),
    Bookmark,
    End,
}

impl Flow {
    /// The next piece of the stream; `None` at its end.
    async fn next_piece(&mut self) -> Option<Bytes> {
        loop {
            if let Some(piece) = self.pending.pop_front() {
                return Some(piece);
            }
            if self.over {
                return None;
            }
            if let Some(object) = self.watcher.next_initial() {
                self.send(Transition::Added(object));
                continue;
            }
            if std::mem::take(&mut self.marked) {
                self.bookmark(true);
                continue;
            }
            match self.step().await {
                Step::Event(Ok(transition)) => self.send(transition),
                Step::Event(Err(lagged)) => {
                    self.pending
                        .push_back(error_event(&Status::expired(lagged.to_string())));
                    self.over = true;
                }
                Step::Bookmark => self.bookmark(false),
                Step::End => self.over = true,
            }
        }
    }

    async fn step(&mut self) -> Step {
        let farewell = self.end.checked_sub(LAST_BOOKMARK).unwrap_or(self.end);
        tokio::select! {
            biased;
            () = self.events.request.stop.cancelled() => Step::End,
            () = tokio::time::sleep_until(self.end) => Step::End,
            event = self.watcher.next() => Step::Event(event),
            _ = self.bookmarks.tick(), if self.wants_bookmarks => Step::Bookmark,
            () = tokio::time::sleep_until(farewell), if self.wants_bookmarks && !self.last_bookmark => {
                self.last_bookmark = true;
                Step::Bookmark
            }
        }
    }

    fn send(&mut self, transition: Transition) {
        let (kind, object) = match transition {
            Transition::Added(object) => ("ADDED", object),
            Transition::Modified(object) => ("MODIFIED", object),
            Transition::Deleted(object) => ("DELETED", object),
        };
        match self.events.event(kind, &object) {
            Ok(pieces) => self.pending.extend(pieces),
            Err(status) => {
                self.pending.push_back(error_event(&status));
                self.over = true;
            }
        }
    }

    fn bookmark(&mut self, initial_events_end: bool) {
        if let Some(revision) = self.watcher.bookmark() {
            self.pending
                .push_back(self.events.bookmark(revision, initial_events_end));
        }
    }
}

/// Makes events in the shape the client asked for.
struct Events {
    request: WatchRequest,
    shape: Shape,
    include: apimachinery::table::IncludeObject,
    columns_sent: bool,
}

impl Events {
    fn event(&mut self, kind: &str, object: &CachedObject) -> Result<[Bytes; 3], Status> {
        let json = match self.shape {
            // The cache's own bytes, shared by all watchers.
            Shape::Object => shape::encoded(object, self.request.version),
            Shape::Metadata(version) => shape::metadata_of(&shape::encoded(object, self.request.version), version)?,
            Shape::Table(version) => self.table(version, object)?.concat(),
        };
        let head = Bytes::from(format!(r#"{{"type":"{kind}","object":"#));
        Ok([head, json, Bytes::from_static(b"}\n")])
    }

    fn table(&mut self, version: &str, object: &CachedObject) -> Result<Pieces, Status> {
        let with_columns = !std::mem::replace(&mut self.columns_sent, true);
        let shaper = Shaper {
            endpoint: &*self.request.endpoint,
            version: self.request.version,
            shape: self.shape,
            include: self.include.clone(),
            now: self.now(),
        };
        let metadata = ListMetadata {
            revision: object.revision,
            ..ListMetadata::default()
        };
        shaper.table(version, [object], &metadata, with_columns)
    }

    fn now(&self) -> Timestamp {
        self.request.clock.now()
    }

    fn bookmark(&self, revision: u64, initial_events_end: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": revision.to_string(), "creationTimestamp": null});
        if initial_events_end {
            metadata["annotations"] = json!({ INITIAL_EVENTS_END: "true" });
        }
        let described = self.request.endpoint.description().versions.get(self.request.version);
        let (kind, api_version) = match self.shape {
            Shape::Object => described
                .map(|served| (served.kind.kind.clone(), served.kind.api_version()))
                .unwrap_or_default(),
            Shape::Metadata(version) => ("PartialObjectMetadata".to_owned(), format!("meta.k8s.io/{version}")),
            Shape::Table(version) => ("Table".to_owned(), format!("meta.k8s.io/{version}")),
        };
        let mut object = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata});
        if let Shape::Table(_) = self.shape {
            object["columnDefinitions"] = json!([]);
            object["rows"] = json!([]);
        }
        format!("{}\n", json!({"type": "BOOKMARK", "object": object})).into()
    }
}

fn error_event(status: &Status) -> Bytes {
    format!("{}\n", json!({"type": "ERROR", "object": status})).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_watch_lasts_longer_than_the_clock_can_tell() {
        let default = Duration::from_secs(1800);
        let length = |text: &str| length(&Query::parse(Some(text)).unwrap(), default).unwrap();
        assert_eq!((length(""), length("timeoutSeconds=0")), (default, default));
        assert_eq!(length("timeoutSeconds=7"), Duration::from_secs(7));
        for huge in [i64::MAX.unsigned_abs(), u64::MAX] {
            assert_eq!(length(&format!("timeoutSeconds={huge}")), LONGEST);
        }
    }
}
