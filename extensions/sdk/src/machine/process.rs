//! The machine controller of a seed: watches the machine kinds of all namespaces, and wakes the work on each.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use api::machine::v1alpha1::{Machine, MachineClass, MachineDeployment, MachineSet};
use controller::watch::WatchBackoff;
use futures::{StreamExt as _, future::join4};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    core::PartialObjectMeta,
    runtime::{WatchStreamExt as _, watcher},
};
use lib_error_chain::ErrorChain;
use serde::de::DeserializeOwned;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    cell::Cell,
    context::Context,
    driver::MachineDriver,
    options::{ByAccessSecret, Options, ShootClients},
    wake::Wake,
};

/// Runs the machine controller for one driver in all namespaces of the seed until `shutdown`; what has begun is finished first.
pub async fn run(seed: Client, driver: Arc<dyn MachineDriver>, options: Options, shutdown: CancellationToken) {
    let (sender, news) = mpsc::unbounded_channel();
    let shoots = options
        .shoots
        .clone()
        .unwrap_or_else(|| Arc::new(ByAccessSecret(seed.clone())));
    let cells = Cells {
        seed: seed.clone(),
        driver,
        shoots,
        options,
        wakes: BTreeMap::new(),
        tasks: JoinSet::new(),
        shutdown: shutdown.clone(),
    };
    let watching = join4(
        follow::<Machine>(&seed, &sender),
        follow::<MachineSet>(&seed, &sender),
        follow::<MachineDeployment>(&seed, &sender),
        follow::<MachineClass>(&seed, &sender),
    );
    tokio::select! {
        _ = watching => {}
        () = cells.run(news) => {}
    }
}

/// Tells the namespace of every change. Only metadata are read: the work reads the rest itself.
async fn follow<K>(seed: &Client, news: &mpsc::UnboundedSender<String>)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let events = watcher(
        Api::<PartialObjectMeta<K>>::all(seed.clone()),
        watcher::Config::default(),
    );
    let mut events = std::pin::pin!(events.backoff(WatchBackoff::default()));
    while let Some(event) = events.next().await {
        let object = match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object) | watcher::Event::Delete(object)) => {
                object
            }
            Ok(watcher::Event::Init | watcher::Event::InitDone) => continue,
            Err(error) => {
                tracing::warn!(kind = %K::kind(&()), error = %ErrorChain(&error), "the watch broke, and will be opened again");
                continue;
            }
        };
        if news.send(object.namespace().unwrap_or_default()).is_err() {
            return;
        }
    }
}

/// One task per namespace that has machines.
struct Cells {
    seed: Client,
    driver: Arc<dyn MachineDriver>,
    shoots: Arc<dyn ShootClients>,
    options: Options,
    wakes: BTreeMap<String, Arc<Wake>>,
    tasks: JoinSet<String>,
    shutdown: CancellationToken,
}

impl Cells {
    async fn run(mut self, mut news: mpsc::UnboundedReceiver<String>) {
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => break,
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if let Ok(namespace) = ended {
                        self.ended(namespace);
                    }
                }
                Some(namespace) = news.recv() => self.wake(namespace),
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    fn wake(&mut self, namespace: String) {
        if let Some(wake) = self.wakes.get(&namespace) {
            wake.notify();
        } else {
            self.start(namespace);
        }
    }

    /// News may have come after the last look.
    fn ended(&mut self, namespace: String) {
        let missed = self.wakes.remove(&namespace).is_some_and(|wake| wake.is_rung());
        if missed {
            self.start(namespace);
        }
    }

    fn start(&mut self, namespace: String) {
        let wake = Arc::new(Wake::default());
        self.wakes.insert(namespace.clone(), wake.clone());
        let (seed, driver, options) = (self.seed.clone(), self.driver.clone(), self.options.clone());
        let name = namespace.clone();
        let cell = Cell::start(wake, self.shoots.clone(), namespace.clone(), |shoot| Context {
            seed,
            namespace: name,
            driver,
            options,
            shoot,
        });
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            cell.run(shutdown).await;
            namespace
        });
    }
}
