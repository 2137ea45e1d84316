//! Watches the objects, and with every change publishes new routes and writes the status that changed.
//!
//! Activations carry no payload: whatever changed, everything is planned anew from the present objects. That is cheap
//! (thousands of routes are a millisecond), and nothing can be forgotten.

use std::{sync::Arc, time::Duration};

use controller::{health::Readiness, watch::WatchBackoff};
use futures::{StreamExt as _, stream::BoxStream};
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, Client,
    api::DynamicObject,
    core::ApiResource,
    runtime::{
        WatchStreamExt as _,
        reflector::{Store, store::Writer},
        watcher,
    },
};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use tokio::sync::{Notify, watch};

use crate::{
    objects::{
        Gateway, GatewayClass, Key, ServiceView, TlsRoute, World, gateway_class_resource, gateway_resource,
        tls_route_resource,
    },
    plan::{Plan, PlanOptions, plan},
    routes::RouteTable,
    status::{StatusUpdate, write},
};

/// Changes come in bursts (a control plane's objects are applied together): one plan for each burst.
const SETTLE: Duration = Duration::from_millis(20);
/// A status that could not be written is tried again after this long even if no object changes.
const RETRY: Duration = Duration::from_secs(5);

/// The part of the process' readiness that is true once all objects were seen.
pub(crate) const READY_PART: &str = "routes";

/// What to watch.
#[derive(Clone, Debug)]
pub(crate) struct WatchOptions {
    pub(crate) class: String,
    pub(crate) tls_route_version: String,
    pub(crate) plan: PlanOptions,
}

/// The objects, kept up to date by their streams.
struct Stores {
    classes: (ApiResource, Store<DynamicObject>),
    gateways: (ApiResource, Store<DynamicObject>),
    routes: (ApiResource, Store<DynamicObject>),
    services: Store<Service>,
}

/// Runs until it is dropped.
pub(crate) async fn run(
    client: Client,
    options: WatchOptions,
    clock: Arc<dyn Clock>,
    table: watch::Sender<Arc<RouteTable>>,
    readiness: Readiness,
) {
    let changed = Arc::new(Notify::new());
    let (stores, events) = open(&client, &options);
    let mut events = futures::stream::select_all(events);
    let wake = Arc::clone(&changed);
    let watching = async move {
        while events.next().await.is_some() {
            wake.notify_one();
        }
    };
    let planning = async {
        stores.ready().await;
        loop {
            let plan = plan(&stores.world(&options.class), &options.plan, clock.now());
            let updates = stores.updates(&plan);
            publish(&table, plan.table);
            readiness.set(READY_PART, true);
            let complete = write(&client, updates).await;
            if complete {
                changed.notified().await;
            } else {
                let _ = tokio::time::timeout(RETRY, changed.notified()).await;
            }
            tokio::time::sleep(SETTLE).await;
        }
    };
    tokio::join!(watching, planning);
}

fn publish(sender: &watch::Sender<Arc<RouteTable>>, table: RouteTable) {
    sender.send_if_modified(|present| {
        if **present == table {
            return false;
        }
        tracing::info!(names = table.len(), "routes changed");
        *present = Arc::new(table);
        true
    });
}

type Events = BoxStream<'static, ()>;

fn open(client: &Client, options: &WatchOptions) -> (Stores, Vec<Events>) {
    let mut events = Vec::new();
    let mut open_dynamic = |resource: ApiResource| {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let writer = Writer::new(resource.clone());
        let store = writer.as_reader();
        let kind = resource.kind.clone();
        let stream = watcher(api, watcher::Config::default())
            .backoff(WatchBackoff::default())
            .reflect(writer);
        events.push(stream.map(move |event| report(&kind, event)).boxed());
        (resource, store)
    };
    let classes = open_dynamic(gateway_class_resource());
    let gateways = open_dynamic(gateway_resource());
    let routes = open_dynamic(tls_route_resource(&options.tls_route_version));
    let writer = Writer::default();
    let services = writer.as_reader();
    let api: Api<Service> = Api::all(client.clone());
    let stream = watcher(api, watcher::Config::default())
        .backoff(WatchBackoff::default())
        .reflect(writer);
    events.push(stream.map(|event| report("Service", event)).boxed());
    (
        Stores {
            classes,
            gateways,
            routes,
            services,
        },
        events,
    )
}

fn report<K>(kind: &str, event: Result<watcher::Event<K>, watcher::Error>) {
    if let Err(error) = event {
        tracing::warn!(kind, error = %ErrorChain(&error), "the watch broke, and will be opened again");
    }
}

impl Stores {
    /// Waits until all objects were seen once; an error means that the streams are gone, and so is this task soon.
    async fn ready(&self) {
        let dynamic = [&self.classes.1, &self.gateways.1, &self.routes.1];
        let _ = futures::future::join_all(dynamic.map(Store::wait_until_ready)).await;
        let _ = self.services.wait_until_ready().await;
    }

    fn world(&self, class: &str) -> World {
        World {
            class: self
                .classes
                .1
                .state()
                .iter()
                .map(|object| GatewayClass::read(object))
                .find(|found| found.name == class),
            gateways: self
                .gateways
                .1
                .state()
                .iter()
                .map(|object| Gateway::read(object))
                .collect(),
            routes: self
                .routes
                .1
                .state()
                .iter()
                .map(|object| TlsRoute::read(object))
                .collect(),
            services: self
                .services
                .state()
                .iter()
                .map(|service| ServiceView::read(service))
                .collect(),
        }
    }

    /// The status that differs from what the objects say.
    fn updates(&self, plan: &Plan) -> Vec<StatusUpdate> {
        let find = |(resource, store): &(ApiResource, Store<DynamicObject>), key: &Key| {
            let object = store.find(|object| Key::of(object) == *key)?;
            Some((resource.clone(), object))
        };
        let mut updates = Vec::new();
        if let Some((name, conditions)) = &plan.class
            && let Some((resource, object)) = find(&self.classes, &Key::new("", name))
        {
            updates.extend(StatusUpdate::new(
                &resource,
                &object,
                serde_json::json!({ "conditions": conditions }),
            ));
        }
        for (key, status) in &plan.gateways {
            if let (Some((resource, object)), Ok(status)) = (find(&self.gateways, key), serde_json::to_value(status)) {
                updates.extend(StatusUpdate::new(&resource, &object, status));
            }
        }
        for (key, parents) in &plan.routes {
            if let Some((resource, object)) = find(&self.routes, key) {
                updates.extend(StatusUpdate::new(
                    &resource,
                    &object,
                    serde_json::json!({ "parents": parents }),
                ));
            }
        }
        updates
    }
}

#[cfg(test)]
mod tests;
