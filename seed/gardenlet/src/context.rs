//! What all controllers share: clients, settings, time.

use std::{fmt::Debug, sync::Arc};

use controller::{apply::Applier, connect::ConnectError};
use futures::future::BoxFuture;
use kube::Client;
use lib_clock::Clock;
use plan_images::ImageVector;

use crate::settings::Settings;

/// Name under which gardenlet owns fields of objects.
pub(crate) const FIELD_MANAGER: &str = "gardenlet";

/// Makes a client of a shoot from a kubeconfig; tests hand in another one.
pub(crate) type ShootConnector = Arc<dyn Fn(String) -> BoxFuture<'static, Result<Client, ConnectError>> + Send + Sync>;

/// The shared part of all controllers.
#[derive(Clone)]
pub(crate) struct Gardenlet {
    /// The garden.
    pub(crate) garden_client: Client,
    /// The seed.
    pub(crate) seed: Applier,
    /// Shoots.
    pub(crate) connect_shoot: ShootConnector,
    /// The completed configuration.
    pub(crate) settings: Arc<Settings>,
    /// The images of components.
    pub(crate) images: Arc<ImageVector>,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Debug for Gardenlet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Gardenlet")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Gardenlet {
    /// The shared part.
    pub(crate) fn new(
        garden_client: Client,
        seed_client: Client,
        settings: Settings,
        images: ImageVector,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let connect = |kubeconfig: String| -> BoxFuture<'static, Result<Client, ConnectError>> {
            Box::pin(async move { controller::connect::from_kubeconfig_str(&kubeconfig).await })
        };
        Self {
            garden_client,
            seed: Applier::new(seed_client, FIELD_MANAGER),
            connect_shoot: Arc::new(connect),
            settings: Arc::new(settings),
            images: Arc::new(images),
            clock,
        }
    }

    /// The seed's client.
    pub(crate) fn seed_client(&self) -> Client {
        self.seed.client().clone()
    }
}
