//! The watch cache on a memory store: freshness, the past, slow watchers, a store that fails.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use apiserver::{
    cache::{
        CachedObject, Decode, DecodeError, Freshness, Limits, ListQuery, ReadError, Transition, WatchCache, WatchQuery,
    },
    storage::{Item, MemoryStore, Store},
};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

/// Nothing a test waits for takes as long, also on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Objects whose stored bytes are their label; `broken` is none.
struct Plain;

impl Decode for Plain {
    fn decode(&self, item: &Item) -> Result<CachedObject, DecodeError> {
        let text = String::from_utf8_lossy(&item.value).into_owned();
        if text == "broken" {
            return Err(DecodeError {
                key: item.key.clone(),
                source: "it is broken".into(),
            });
        }
        let key = item.key.trim_start_matches("/r/").to_owned();
        let metadata = format!(
            r#"{{"metadata":{{"name":"{key}","resourceVersion":"{}"}}}}"#,
            item.revision
        );
        Ok(CachedObject {
            namespace: String::new(),
            name: key.clone(),
            key,
            revision: item.revision,
            labels: BTreeMap::from([("is".to_owned(), text)]),
            fields: BTreeMap::new(),
            encoded: vec![metadata.into()],
        })
    }
}

struct Fixture {
    store: MemoryStore,
    cache: Arc<WatchCache>,
    _stop: tokio_util::sync::DropGuard,
}

fn fixture(limits: Limits) -> Fixture {
    let store = MemoryStore::new();
    let cache = WatchCache::new(Arc::new(store.clone()), "/r/".to_owned(), Arc::new(Plain), limits);
    let stop = CancellationToken::new();
    tokio::spawn(Arc::clone(&cache).run(stop.clone()));
    Fixture {
        store,
        cache,
        _stop: stop.drop_guard(),
    }
}

impl Fixture {
    async fn put(&self, key: &str, value: &'static str) -> u64 {
        let (key, value) = (format!("/r/{key}"), Bytes::from_static(value.as_bytes()));
        match self.store.get(&key).await.unwrap().item {
            Some(item) => self.store.update(&key, item.revision, value).await.unwrap(),
            None => self.store.create(&key, value).await.unwrap(),
        }
    }

    async fn delete(&self, key: &str) -> u64 {
        let key = format!("/r/{key}");
        let item = self.store.get(&key).await.unwrap().item.unwrap();
        self.store.delete(&key, item.revision).await.unwrap()
    }

    async fn list(&self, freshness: Freshness) -> Result<Vec<String>, ReadError> {
        let query = ListQuery {
            key_prefix: String::new(),
            filter: None,
            after: None,
            limit: 0,
            freshness,
            deadline: DEADLINE,
        };
        let snapshot = self.cache.list(&query).await?;
        Ok(snapshot
            .items
            .iter()
            .map(|object| format!("{}={}", object.name, object.labels["is"]))
            .collect())
    }

    async fn watch(
        &self,
        after: Option<u64>,
        label: Option<&'static str>,
    ) -> Result<apiserver::cache::Watcher, ReadError> {
        let by_label = |label| -> apiserver::cache::Filter { Arc::new(move |object| object.labels["is"] == label) };
        let query = WatchQuery {
            key_prefix: String::new(),
            filter: label.map(by_label),
            after,
            freshness: Freshness::Consistent,
            initial: true,
            deadline: DEADLINE,
        };
        self.cache.watch(query).await
    }
}

async fn next(watcher: &mut apiserver::cache::Watcher) -> String {
    let transition = tokio::time::timeout(DEADLINE, watcher.next())
        .await
        .expect("a transition in time");
    match transition.expect("not lagged") {
        Transition::Added(object) => format!("+{}@{}", object.name, object.revision),
        Transition::Modified(object) => format!("~{}@{}", object.name, object.revision),
        Transition::Deleted(object) => format!("-{}@{}", object.name, object.revision),
    }
}

#[tokio::test]
async fn consistent_reads_see_every_write_before_them() {
    let fixture = fixture(Limits::default());
    for round in 0..20 {
        let key = format!("k{round:02}");
        fixture.put(&key, "x").await;
        assert_eq!(fixture.list(Freshness::Consistent).await.unwrap().len(), round + 1);
        let found = fixture.cache.get(&key, Freshness::Consistent, DEADLINE).await.unwrap();
        assert!(found.is_some());
    }
    // Also when something else than this resource was written last.
    fixture.store.create("/other", Bytes::new()).await.unwrap();
    assert_eq!(fixture.list(Freshness::Consistent).await.unwrap().len(), 20);
}

#[tokio::test]
async fn the_past_is_answered_as_long_as_it_is_known() {
    let fixture = fixture(Limits {
        events: 3,
        bytes: usize::MAX,
    });
    let first = fixture.put("a", "1").await;
    let second = fixture.put("a", "2").await;
    fixture.put("b", "1").await;
    fixture.list(Freshness::Consistent).await.unwrap();
    assert_eq!(fixture.list(Freshness::Exact(second)).await.unwrap(), ["a=2"]);
    fixture.put("b", "2").await;
    fixture.put("b", "3").await;
    fixture.put("b", "4").await;
    fixture.list(Freshness::Consistent).await.unwrap();
    // The ring has forgotten, the store has not.
    assert_eq!(fixture.list(Freshness::Exact(first)).await.unwrap(), ["a=1"]);
    fixture.store.compact(second);
    let gone = fixture.list(Freshness::Exact(first)).await.unwrap_err();
    assert!(
        matches!(gone, ReadError::TooOld { asked, .. } if asked == first),
        "{gone}"
    );
}

#[tokio::test]
async fn a_future_that_does_not_come_is_too_large() {
    let fixture = fixture(Limits::default());
    fixture.list(Freshness::Consistent).await.unwrap();
    let error = fixture
        .cache
        .get("a", Freshness::NotOlderThan(99), Duration::from_millis(20))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "Too large resource version: 99, current: 1");
}

#[tokio::test]
async fn watchers_see_what_concerns_them() {
    let fixture = fixture(Limits::default());
    let a = fixture.put("a", "red").await;
    let mut all = fixture.watch(None, None).await.unwrap();
    let mut red = fixture.watch(None, Some("red")).await.unwrap();
    assert_eq!(all.next_initial().map(|object| object.revision), Some(a));
    assert_eq!(red.next_initial().map(|object| object.revision), Some(a));
    assert_eq!(all.bookmark(), Some(a));
    let b = fixture.put("b", "blue").await;
    let left = fixture.put("a", "blue").await;
    let gone = fixture.delete("b").await;
    for expected in [format!("+b@{b}"), format!("~a@{left}"), format!("-b@{gone}")] {
        assert_eq!(next(&mut all).await, expected);
    }
    assert_eq!(next(&mut red).await, format!("-a@{left}"));
    let mut resumed = fixture.watch(Some(left), None).await.unwrap();
    assert_eq!(next(&mut resumed).await, format!("-b@{gone}"));
}

#[tokio::test]
async fn slow_watchers_are_told_to_list_again() {
    let fixture = fixture(Limits {
        events: 5,
        bytes: usize::MAX,
    });
    let mut slow = fixture.watch(None, None).await.unwrap();
    let begun = slow.bookmark().unwrap();
    for _ in 0..10 {
        fixture.put("a", "x").await;
    }
    fixture.list(Freshness::Consistent).await.unwrap();
    let lagged = slow.next().await.unwrap_err();
    assert_eq!(lagged.seen, begun);
    assert!(
        fixture
            .watch(Some(begun), None)
            .await
            .is_err_and(|error| matches!(error, ReadError::TooOld { .. }))
    );
}

#[tokio::test]
async fn what_can_not_be_decoded_is_hidden_alone() {
    let fixture = fixture(Limits::default());
    fixture.put("a", "1").await;
    fixture.put("b", "1").await;
    assert_eq!(fixture.list(Freshness::Consistent).await.unwrap(), ["a=1", "b=1"]);
    fixture.put("a", "broken").await;
    assert_eq!(fixture.list(Freshness::Consistent).await.unwrap(), ["b=1"]);
    fixture.put("a", "2").await;
    assert_eq!(fixture.list(Freshness::Consistent).await.unwrap(), ["a=2", "b=1"]);
}

#[tokio::test]
async fn readers_share_the_bytes_that_were_made_once() {
    let fixture = fixture(Limits::default());
    for number in 0..100 {
        fixture.put(&format!("k{number}"), "x").await;
    }
    fixture.list(Freshness::Consistent).await.unwrap();
    let all = |objects: Vec<Arc<CachedObject>>| -> Vec<*const u8> {
        objects
            .iter()
            .map(|object| object.encoded[0].clone().as_ptr())
            .collect()
    };
    let listed = fixture.cache.select(|_| true);
    let mut watcher = fixture.watch(None, None).await.unwrap();
    let watched: Vec<_> = std::iter::from_fn(|| watcher.next_initial()).collect();
    assert_eq!(listed.len(), 100);
    assert_eq!(all(listed), all(watched));
}
