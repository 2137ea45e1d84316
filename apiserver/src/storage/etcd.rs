//! The store on etcd.
//!
//! Writes are transactions that compare the key's mod revision, which is the revision the API shows. Reads are
//! linearizable. Every call has a deadline. Absent: leases, compaction (kube-apiserver compacts the etcd it shares).

use std::{future::Future, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use etcd_client::{
    Channel, Client, Compare, CompareOp, Error as EtcdError, EventType, GetOptions, KeyValue, ResponseHeader, Txn,
    TxnOp, TxnOpResponse, WatchOptions, WatchResponse, WatchStream,
};
use lib_resolve::Resolver;
use tokio::sync::mpsc;

use crate::tls::ClientTls;

use super::{Change, Item, Listing, Lookup, Page, Store, StoreError, StoreWatch, etcd_connect};

/// Longer than an election of etcd's leader, shorter than the request timeout of the API server.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
/// How many changes wait for a slow reader before reading from etcd stops.
const WATCH_BUFFER: usize = 256;
/// Items per request when everything is listed: keeps each answer, and etcd's work for it, small.
const LIST_CHUNK: usize = 500;

/// Where etcd is, and how to speak to it.
#[derive(Clone, Debug)]
pub struct EtcdConfig {
    /// `http[s]://host:port` of each member; any will do.
    pub endpoints: Vec<String>,
    /// What to trust and to show, for `https://` endpoints.
    pub tls: ClientTls,
    /// How long one call may take.
    pub deadline: Duration,
}

impl Default for EtcdConfig {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            tls: ClientTls::default(),
            deadline: DEFAULT_DEADLINE,
        }
    }
}

/// Keeps bytes in etcd; clones share the connection.
#[derive(Clone)]
pub struct EtcdStore {
    client: Client,
    deadline: Duration,
}

impl std::fmt::Debug for EtcdStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("EtcdStore")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl EtcdStore {
    /// A store that connects when it is first used, and again whenever the connection is lost.
    pub async fn new(config: EtcdConfig, resolver: Resolver) -> Result<Self, StoreError> {
        let operation = "connect to etcd";
        let channel = etcd_connect::channel(&config.endpoints, config.tls, resolver).map_err(|source| {
            StoreError::Unavailable {
                operation,
                source: Box::new(source),
            }
        })?;
        let client = Client::from_channel(Channel::Tonic(channel), None).await;
        let client = client.map_err(|source| StoreError::Unavailable {
            operation,
            source: Box::new(source),
        })?;
        Ok(Self {
            client,
            deadline: config.deadline,
        })
    }

    /// Runs one call within the deadline.
    async fn call<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, EtcdError>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(self.deadline, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(source)) => Err(StoreError::Unavailable {
                operation,
                source: Box::new(source),
            }),
            Err(_) => Err(StoreError::Timeout { operation }),
        }
    }

    async fn read(
        &self,
        operation: &'static str,
        key: &str,
        options: GetOptions,
    ) -> Result<(Vec<KeyValue>, u64, u64), StoreError> {
        let mut client = self.client.kv_client().max_decoding_message_size(usize::MAX);
        let mut answer = self.call(operation, client.get(key, Some(options))).await?;
        let revision = header_revision(answer.header(), operation)?;
        let count = u64::try_from(answer.count()).unwrap_or(0);
        Ok((answer.take_kvs(), revision, count))
    }

    /// Runs `change` if the key is at revision `expected` (0: does not exist); else returns what the key holds.
    async fn write(
        &self,
        operation: &'static str,
        key: &str,
        expected: u64,
        change: TxnOp,
    ) -> Result<Result<u64, Option<Item>>, StoreError> {
        let expected = i64::try_from(expected).map_err(|_| StoreError::Protocol { operation })?;
        let transaction = Txn::new()
            .when([Compare::mod_revision(key, CompareOp::Equal, expected)])
            .and_then([change])
            .or_else([TxnOp::get(key, None)]);
        let mut client = self.client.kv_client().max_decoding_message_size(usize::MAX);
        let answer = self.call(operation, client.txn(transaction)).await?;
        if answer.succeeded() {
            return Ok(Ok(header_revision(answer.header(), operation)?));
        }
        let found = answer.op_responses().into_iter().find_map(|response| match response {
            TxnOpResponse::Get(mut get) => get.take_kvs().into_iter().next(),
            _ => None,
        });
        found.map(|found| item(found, operation)).transpose().map(Err)
    }
}

fn header_revision(header: Option<&ResponseHeader>, operation: &'static str) -> Result<u64, StoreError> {
    let revision = header.and_then(|header| u64::try_from(header.revision()).ok());
    revision.ok_or(StoreError::Protocol { operation })
}

fn item(found: KeyValue, operation: &'static str) -> Result<Item, StoreError> {
    let revision = u64::try_from(found.mod_revision()).map_err(|_| StoreError::Protocol { operation })?;
    let (key, value) = found.into_key_value();
    let key = String::from_utf8(key).map_err(|_| StoreError::Protocol { operation })?;
    Ok(Item {
        key,
        value: value.into(),
        revision,
    })
}

/// The smallest key that is greater than every key with this prefix.
fn prefix_end(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    // Nothing but 0xff: etcd reads this as "to the end".
    vec![0]
}

/// Tells a compacted revision from other failures: etcd says so only in words.
fn expired(error: StoreError, asked: Option<u64>) -> StoreError {
    let compacted = match &error {
        StoreError::Unavailable { source, .. } => source.to_string().contains("required revision has been compacted"),
        _ => false,
    };
    if compacted {
        StoreError::Expired {
            revision: asked.unwrap_or(0),
        }
    } else {
        error
    }
}

#[async_trait]
impl Store for EtcdStore {
    async fn get(&self, key: &str) -> Result<Lookup, StoreError> {
        let (found, revision, _) = self.read("get a key", key, GetOptions::new()).await?;
        let item = found
            .into_iter()
            .next()
            .map(|found| item(found, "get a key"))
            .transpose()?;
        Ok(Lookup { item, revision })
    }

    async fn revision_of(&self, key: &str) -> Result<(Option<u64>, u64), StoreError> {
        let operation = "get a key's revision";
        let (found, revision, _) = self.read(operation, key, GetOptions::new().with_keys_only()).await?;
        let found = found
            .into_iter()
            .next()
            .map(|found| item(found, operation))
            .transpose()?;
        Ok((found.map(|found| found.revision), revision))
    }

    async fn revision(&self) -> Result<u64, StoreError> {
        // No key of ours begins so: the answer is only its header.
        let (_, revision, _) = self
            .read("get the revision", "\u{1}revision", GetOptions::new())
            .await?;
        Ok(revision)
    }

    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, StoreError> {
        let operation = "list keys";
        let mut items: Vec<Item> = Vec::new();
        let mut at = page.revision;
        let mut after = page.after;
        loop {
            let left = if page.limit == 0 {
                LIST_CHUNK
            } else {
                LIST_CHUNK.min(page.limit - items.len())
            };
            let from = after
                .as_ref()
                .map_or_else(|| prefix.to_owned(), |after| format!("{after}\0"));
            let mut options = GetOptions::new().with_range(prefix_end(prefix));
            options = options.with_limit(i64::try_from(left).unwrap_or(i64::MAX));
            if let Some(revision) = at {
                options = options.with_revision(i64::try_from(revision).unwrap_or(i64::MAX));
            }
            let read = self
                .read(operation, &from, options)
                .await
                .map_err(|error| expired(error, at));
            let (found, revision, count) = read?;
            let at = *at.get_or_insert(revision);
            let remaining = count.saturating_sub(found.len() as u64);
            for found in found {
                items.push(item(found, operation)?);
            }
            if remaining == 0 || (page.limit > 0 && items.len() >= page.limit) {
                return Ok(Listing {
                    items,
                    revision: at,
                    remaining,
                });
            }
            after = items.last().map(|item| item.key.clone());
        }
    }

    async fn create(&self, key: &str, value: Bytes) -> Result<u64, StoreError> {
        let change = TxnOp::put(key, value.as_ref(), None);
        let written = self.write("create a key", key, 0, change).await?;
        written.map_err(|_| StoreError::AlreadyExists { key: key.to_owned() })
    }

    async fn update(&self, key: &str, expected: u64, value: Bytes) -> Result<u64, StoreError> {
        let change = TxnOp::put(key, value.as_ref(), None);
        let written = self.write("update a key", key, expected, change).await?;
        written.map_err(|current| StoreError::Conflict {
            key: key.to_owned(),
            current,
        })
    }

    async fn delete(&self, key: &str, expected: u64) -> Result<u64, StoreError> {
        let written = self
            .write("delete a key", key, expected, TxnOp::delete(key, None))
            .await?;
        written.map_err(|current| StoreError::Conflict {
            key: key.to_owned(),
            current,
        })
    }

    async fn watch(&self, prefix: &str, after: u64) -> Result<StoreWatch, StoreError> {
        let operation = "watch keys";
        let options = WatchOptions::new()
            .with_range(prefix_end(prefix))
            .with_start_revision(i64::try_from(after + 1).map_err(|_| StoreError::Protocol { operation })?)
            .with_progress_notify();
        let mut client = self.client.watch_client().max_decoding_message_size(usize::MAX);
        let stream = self.call(operation, client.watch(prefix, Some(options))).await?;
        let (changes, receiver) = mpsc::channel(WATCH_BUFFER);
        let (progress, progress_requests) = mpsc::channel(1);
        tokio::spawn(feed(stream, after, changes, progress_requests));
        Ok(StoreWatch::new(receiver, progress))
    }
}

type Changes = mpsc::Sender<Result<Change, StoreError>>;

/// The task behind one watch: carries etcd's answers to the reader, and progress requests to etcd.
async fn feed(stream: WatchStream, after: u64, changes: Changes, mut progress_requests: mpsc::Receiver<()>) {
    let (mut requests, mut answers) = stream.split();
    loop {
        tokio::select! {
            // The reader is gone; dropping the stream ends etcd's watch.
            () = changes.closed() => return,
            request = progress_requests.recv() => {
                if request.is_none() || requests.request_progress().await.is_err() {
                    return;
                }
            }
            answer = answers.message() => {
                let goes_on = match answer {
                    Ok(Some(answer)) => deliver(&answer, after, &changes).await,
                    Ok(None) => return,
                    Err(source) => {
                        let error = StoreError::Unavailable { operation: "watch keys", source: Box::new(source) };
                        let _ = changes.send(Err(error)).await;
                        return;
                    }
                };
                if goes_on.is_err() {
                    return;
                }
            }
        }
    }
}

/// Hands one answer to the reader; `Err` when the watch is over.
async fn deliver(answer: &WatchResponse, after: u64, changes: &Changes) -> Result<(), ()> {
    let operation = "watch keys";
    if answer.compact_revision() > 0 {
        let _ = changes.send(Err(StoreError::Expired { revision: after })).await;
        return Err(());
    }
    if answer.canceled() {
        let source = answer.cancel_reason().to_owned().into();
        let _ = changes.send(Err(StoreError::Unavailable { operation, source })).await;
        return Err(());
    }
    for event in answer.events() {
        let change = match (event.event_type(), event.kv()) {
            (EventType::Put, Some(found)) => item(found.clone(), operation).map(Change::Put),
            (EventType::Delete, Some(found)) => item(found.clone(), operation).map(|item| Change::Delete {
                key: item.key,
                revision: item.revision,
            }),
            (_, None) => Err(StoreError::Protocol { operation }),
        };
        let failed = change.is_err();
        changes.send(change).await.map_err(drop)?;
        if failed {
            return Err(());
        }
    }
    // An answer without events says that everything up to its revision has been sent; so does the end of a batch, but
    // the batch's own events say it as well. The answer to the watch's creation says nothing.
    if answer.events().is_empty() && !answer.created() {
        let revision = header_revision(answer.header(), operation).map_err(drop)?;
        changes.send(Ok(Change::Progress { revision })).await.map_err(drop)?;
    }
    Ok(())
}
