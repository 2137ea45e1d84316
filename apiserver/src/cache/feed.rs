//! Keeps a cache abreast of the store: lists once, then watches, and begins anew where it must.

use std::time::Duration;

use lib_error_chain::ErrorChain;
use tokio::time::{Instant, MissedTickBehavior};

use crate::storage::{Change, Item, Page, StoreError, StoreWatch};

use super::{CachedObject, WatchCache};

/// While a reader waits for a revision, the store is asked as often whether everything up to it has been sent.
const PROGRESS_WHILE_WANTED: Duration = Duration::from_millis(100);
/// Keeps the cache's revision younger than etcd's compaction (5 minutes in Kubernetes), also where nothing changes.
const PROGRESS_WHILE_IDLE: Duration = Duration::from_secs(30);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// Never returns; it is dropped at shutdown.
pub(super) async fn follow(cache: &WatchCache) {
    let mut retry = FIRST_RETRY;
    let mut listed = false;
    loop {
        let started = Instant::now();
        if let Err(error) = follow_once(cache, &mut listed).await {
            if let StoreError::Expired { .. } = error {
                listed = false;
            }
            tracing::warn!(prefix = %cache.prefix, error = %ErrorChain(&error), "watch of the store ended, will go on");
        }
        // A watch that held for a while is no sign of trouble.
        retry = if started.elapsed() > LAST_RETRY {
            FIRST_RETRY
        } else {
            (retry * 2).min(LAST_RETRY)
        };
        tokio::time::sleep(retry).await;
    }
}

async fn follow_once(cache: &WatchCache, listed: &mut bool) -> Result<(), StoreError> {
    if !*listed {
        list(cache).await?;
        *listed = true;
    }
    let watch = cache.store.watch(&cache.prefix, cache.revision()).await?;
    take_changes(cache, watch).await
}

/// Takes in everything there is.
async fn list(cache: &WatchCache) -> Result<(), StoreError> {
    let listing = cache.store.list(&cache.prefix, Page::default()).await?;
    let (items, revision) = (listing.items, listing.revision);
    let objects = decode_all(cache, items).await;
    let sequence = {
        let mut state = cache.state.write();
        state.replace(objects, revision);
        state.next_sequence()
    };
    cache.publish(revision, sequence);
    Ok(())
}

/// Decodes off the runtime's threads: thousands of large objects take seconds.
async fn decode_all(cache: &WatchCache, items: Vec<Item>) -> Vec<CachedObject> {
    let decode = cache.decode.clone();
    let decoded = tokio::task::spawn_blocking(move || {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let share = items.len().div_ceil(threads).max(1);
        let decode_share = |items: &[Item]| items.iter().filter_map(|item| decoded(&*decode, item)).collect();
        std::thread::scope(|scope| {
            let shares: Vec<_> = items
                .chunks(share)
                .map(|items| scope.spawn(move || decode_share(items)))
                .collect();
            let joined = shares.into_iter().map(|share| share.join().unwrap_or_default());
            joined.collect::<Vec<Vec<CachedObject>>>().concat()
        })
    });
    decoded.await.unwrap_or_default()
}

/// An object that can't be decoded is left out, loudly: it must not take the others with it.
fn decoded(decode: &dyn super::Decode, item: &Item) -> Option<CachedObject> {
    match decode.decode(item) {
        Ok(object) => Some(object),
        Err(error) => {
            tracing::error!(key = %item.key, error = %ErrorChain(&error), "stored object is not readable, it is hidden");
            None
        }
    }
}

async fn take_changes(cache: &WatchCache, mut watch: StoreWatch) -> Result<(), StoreError> {
    let mut wanted = cache.wanted.highest();
    let mut idle = tokio::time::interval(PROGRESS_WHILE_IDLE);
    let mut hurry = tokio::time::interval(PROGRESS_WHILE_WANTED);
    for ticks in [&mut idle, &mut hurry] {
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    loop {
        let behind = *wanted.borrow_and_update() > cache.revision();
        tokio::select! {
            change = watch.next() => match change {
                Some(change) => take(cache, change?),
                None => return Ok(()),
            },
            _ = wanted.changed() => watch.request_progress(),
            _ = hurry.tick(), if behind => watch.request_progress(),
            _ = idle.tick() => watch.request_progress(),
        }
    }
}

fn take(cache: &WatchCache, change: Change) {
    let relative = |key: &str| key.strip_prefix(&cache.prefix).unwrap_or(key).to_owned();
    // Decode before the lock: readers must not wait for it.
    let object = match &change {
        Change::Put(item) => decoded(&*cache.decode, item),
        Change::Delete { .. } | Change::Progress { .. } => None,
    };
    let (revision, sequence) = {
        let mut state = cache.state.write();
        match (change, object) {
            (Change::Put(_), Some(object)) => state.put(object),
            // Unreadable now: whatever it was before is not true any more.
            (Change::Put(item), None) => state.delete(&relative(&item.key), item.revision),
            (Change::Delete { key, revision }, _) => state.delete(&relative(&key), revision),
            (Change::Progress { revision }, _) => state.advance(revision),
        }
        (state.revision(), state.next_sequence())
    };
    cache.publish(revision, sequence);
}
