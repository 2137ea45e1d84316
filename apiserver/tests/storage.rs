//! One storage contract, every backend.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{future::Future, time::Duration};

use apiserver::storage::{Change, EtcdConfig, EtcdStore, MemoryStore, Page, Store, StoreError, StoreWatch};
use bytes::Bytes;
use lib_resolve::Resolver;

/// Nothing a test waits for takes as long, also on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

macro_rules! storage_contract {
    ($new_store:expr; $($case:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $case() {
            let (store, compact, _keep) = $new_store.await;
            super::contract::$case(&store, compact).await;
        })+
    };
    ($new_store:expr) => {
        storage_contract!($new_store;
            creates_once,
            updates_only_what_was_read,
            deletes_only_what_was_read,
            revisions_grow_by_writes_only,
            pages_are_one_snapshot,
            lists_are_ordered_and_keep_to_their_prefix,
            lists_everything_however_much,
            a_watch_tells_every_change_in_order,
            a_watch_begins_in_the_past,
            a_watch_tells_how_far_it_has_come,
            old_revisions_are_gone,
        );
    };
}

mod memory {
    storage_contract!(super::memory_store());
}

mod etcd {
    storage_contract!(super::etcd_store());
}

async fn memory_store() -> (MemoryStore, impl AsyncFn(u64), ()) {
    let store = MemoryStore::new();
    let compacted = store.clone();
    (store, async move |revision| compacted.compact(revision), ())
}

async fn etcd_store() -> (EtcdStore, impl AsyncFn(u64), testing_testkit::Etcd) {
    let etcd = testing_testkit::Etcd::start().await;
    let endpoint = etcd.endpoint.clone();
    let config = EtcdConfig {
        endpoints: vec![endpoint.clone()],
        ..EtcdConfig::default()
    };
    let store = EtcdStore::new(config, Resolver::new())
        .await
        .expect("configure the store");
    let compact = async move |revision: u64| {
        let mut client = etcd_client::Client::connect([&endpoint], None)
            .await
            .expect("connect to etcd");
        client
            .compact(i64::try_from(revision).expect("a revision"), None)
            .await
            .expect("compact");
    };
    (store, compact, etcd)
}

/// What every backend does. The store is empty when a case begins.
mod contract {
    use super::*;

    fn value(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
        tokio::time::timeout(DEADLINE, future)
            .await
            .unwrap_or_else(|_| panic!("waited too long for {what}"))
    }

    async fn next_change(watch: &mut StoreWatch) -> Change {
        loop {
            let change = soon("a change", watch.next())
                .await
                .expect("the watch goes on")
                .expect("no failure");
            // etcd may tell how far it has come at any time.
            if !matches!(change, Change::Progress { .. }) {
                return change;
            }
        }
    }

    async fn keys(store: &impl Store, prefix: &str) -> Vec<String> {
        let listing = store.list(prefix, Page::default()).await.unwrap();
        listing.items.into_iter().map(|item| item.key).collect()
    }

    pub(crate) async fn creates_once(store: &impl Store, _: impl AsyncFn(u64)) {
        assert_eq!(store.get("/r/a").await.unwrap().item, None);
        let revision = store.create("/r/a", value("1")).await.unwrap();
        let found = store.get("/r/a").await.unwrap();
        let item = found.item.unwrap();
        assert_eq!(
            (item.key.as_str(), item.value, item.revision),
            ("/r/a", value("1"), revision)
        );
        assert_eq!(
            store.revision_of("/r/a").await.unwrap(),
            (Some(revision), found.revision)
        );
        let again = store.create("/r/a", value("2")).await.unwrap_err();
        assert!(matches!(again, StoreError::AlreadyExists { key } if key == "/r/a"));
    }

    pub(crate) async fn updates_only_what_was_read(store: &impl Store, _: impl AsyncFn(u64)) {
        let first = store.create("/r/a", value("1")).await.unwrap();
        let second = store.update("/r/a", first, value("2")).await.unwrap();
        assert!(second > first);
        let StoreError::Conflict {
            current: Some(current), ..
        } = store.update("/r/a", first, value("3")).await.unwrap_err()
        else {
            panic!("an outdated update conflicts")
        };
        assert_eq!((current.value, current.revision), (value("2"), second));
        let absent = store.update("/r/b", first, value("3")).await.unwrap_err();
        assert!(matches!(absent, StoreError::Conflict { current: None, .. }));
    }

    pub(crate) async fn deletes_only_what_was_read(store: &impl Store, _: impl AsyncFn(u64)) {
        let first = store.create("/r/a", value("1")).await.unwrap();
        let outdated = store.delete("/r/a", first + 1).await.unwrap_err();
        assert!(matches!(outdated, StoreError::Conflict { current: Some(_), .. }));
        let gone = store.delete("/r/a", first).await.unwrap();
        assert!(gone > first);
        let absent = store.delete("/r/a", first).await.unwrap_err();
        assert!(matches!(absent, StoreError::Conflict { current: None, .. }));
    }

    pub(crate) async fn revisions_grow_by_writes_only(store: &impl Store, _: impl AsyncFn(u64)) {
        let before = store.revision().await.unwrap();
        let written = store.create("/other", value("1")).await.unwrap();
        assert!(written > before);
        assert_eq!(store.revision().await.unwrap(), written);
        assert_eq!(store.list("/r/", Page::default()).await.unwrap().revision, written);
    }

    pub(crate) async fn pages_are_one_snapshot(store: &impl Store, _: impl AsyncFn(u64)) {
        for key in ["/r/a", "/r/b", "/r/c", "/r/d"] {
            store.create(key, value("1")).await.unwrap();
        }
        let first = store
            .list(
                "/r/",
                Page {
                    limit: 2,
                    ..Page::default()
                },
            )
            .await
            .unwrap();
        assert_eq!((first.items.len(), first.remaining), (2, 2));
        let b = &first.items[1];
        store.create("/r/bb", value("2")).await.unwrap();
        let c = store.revision_of("/r/c").await.unwrap().0.unwrap();
        store.update("/r/c", c, value("2")).await.unwrap();
        let page = Page {
            after: Some(b.key.clone()),
            limit: 2,
            revision: Some(first.revision),
        };
        let second = store.list("/r/", page).await.unwrap();
        let seen: Vec<_> = second
            .items
            .iter()
            .map(|item| (item.key.as_str(), item.value.clone()))
            .collect();
        assert_eq!(seen, [("/r/c", value("1")), ("/r/d", value("1"))]);
        assert_eq!((second.revision, second.remaining), (first.revision, 0));
    }

    pub(crate) async fn lists_are_ordered_and_keep_to_their_prefix(store: &impl Store, _: impl AsyncFn(u64)) {
        for key in ["/r/b", "/r/a/x", "/s/a", "/r0", "/r/a"] {
            store.create(key, value("1")).await.unwrap();
        }
        assert_eq!(keys(store, "/r/").await, ["/r/a", "/r/a/x", "/r/b"]);
        assert_eq!(keys(store, "/t/").await, Vec::<String>::new());
    }

    pub(crate) async fn lists_everything_however_much(store: &impl Store, _: impl AsyncFn(u64)) {
        for number in 0..1203 {
            store.create(&format!("/r/{number:05}"), value("1")).await.unwrap();
        }
        let all = store.list("/r/", Page::default()).await.unwrap();
        assert_eq!((all.items.len(), all.remaining), (1203, 0));
        let most = store
            .list(
                "/r/",
                Page {
                    limit: 1100,
                    ..Page::default()
                },
            )
            .await
            .unwrap();
        assert_eq!((most.items.len(), most.remaining), (1100, 103));
    }

    pub(crate) async fn a_watch_tells_every_change_in_order(store: &impl Store, _: impl AsyncFn(u64)) {
        let start = store.revision().await.unwrap();
        let mut watch = store.watch("/r/", start).await.unwrap();
        let created = store.create("/r/a", value("1")).await.unwrap();
        store.create("/s/a", value("unseen")).await.unwrap();
        let updated = store.update("/r/a", created, value("2")).await.unwrap();
        let deleted = store.delete("/r/a", updated).await.unwrap();
        let Change::Put(first) = next_change(&mut watch).await else {
            panic!("a creation comes first")
        };
        assert_eq!(
            (first.key.as_str(), first.value, first.revision),
            ("/r/a", value("1"), created)
        );
        let Change::Put(second) = next_change(&mut watch).await else {
            panic!("then the update")
        };
        assert_eq!((second.value, second.revision), (value("2"), updated));
        let third = next_change(&mut watch).await;
        assert_eq!(
            third,
            Change::Delete {
                key: "/r/a".to_owned(),
                revision: deleted
            }
        );
    }

    pub(crate) async fn a_watch_begins_in_the_past(store: &impl Store, _: impl AsyncFn(u64)) {
        let created = store.create("/r/a", value("1")).await.unwrap();
        let updated = store.update("/r/a", created, value("2")).await.unwrap();
        let mut watch = store.watch("/r/", created).await.unwrap();
        assert_eq!(next_change(&mut watch).await.revision(), updated);
    }

    pub(crate) async fn a_watch_tells_how_far_it_has_come(store: &impl Store, _: impl AsyncFn(u64)) {
        let mut watch = store.watch("/r/", store.revision().await.unwrap()).await.unwrap();
        let elsewhere = store.create("/s/a", value("1")).await.unwrap();
        let reached = async {
            loop {
                watch.request_progress();
                let next = tokio::time::timeout(Duration::from_millis(200), watch.next()).await;
                if let Ok(Some(Ok(Change::Progress { revision }))) = next
                    && revision >= elsewhere
                {
                    return;
                }
            }
        };
        soon("progress", reached).await;
    }

    pub(crate) async fn old_revisions_are_gone(store: &impl Store, compact: impl AsyncFn(u64)) {
        let created = store.create("/r/a", value("1")).await.unwrap();
        let updated = store.update("/r/a", created, value("2")).await.unwrap();
        compact(updated).await;
        let page = Page {
            revision: Some(created),
            ..Page::default()
        };
        let listed = store.list("/r/", page).await.unwrap_err();
        assert!(matches!(listed, StoreError::Expired { .. }), "{listed:?}");
        assert_eq!(
            store.list("/r/", Page::default()).await.unwrap().items[0].value,
            value("2")
        );
        let watched = match store.watch("/r/", created - 1).await {
            Err(error) => error,
            Ok(mut watch) => soon("the end", watch.next())
                .await
                .expect("a message")
                .expect_err("a failure"),
        };
        assert!(matches!(watched, StoreError::Expired { .. }), "{watched:?}");
    }
}
