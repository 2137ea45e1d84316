//! What the phases of a bring-up share: settings, names, clients as they come into being, and what was changed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use landscape_upstream::{Cache, PROXY_PORT};
use lib_clock::Clock;
use parking_lot::Mutex;
use plan_images::{Image, ImageSource, ImageVector};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::cluster::Cluster;
use super::error::UpError;
use super::progress::Progress;
use crate::images::{overrides, overwrite};
use crate::paths::Paths;
use crate::seed::{Domain, SeedPki};

/// The landscape that is meant when none is named.
const DEFAULT_LANDSCAPE: &str = "local";

/// What a user can choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The landscape's name.
    pub landscape: String,
    /// The port of the proxy on the host's loopback.
    pub proxy_port: u16,
    /// The cache of what was built.
    pub cache: Cache,
    /// Our own binary, static: it goes into images.
    pub own_binary: PathBuf,
    /// How much of the landscape is made.
    pub until: Extent,
    /// How this program is called from where the user is: for commands that are shown.
    pub command: String,
}

impl Settings {
    /// What the user types to run a command (`up`, `down`) on this very landscape.
    pub(crate) fn command_line(&self, command: &str) -> String {
        let mut line = format!("{} {command}", self.command);
        if self.landscape != DEFAULT_LANDSCAPE {
            line.push_str(&format!(" --landscape {}", self.landscape));
        }
        if command == "up" && self.proxy_port != PROXY_PORT {
            line.push_str(&format!(" --proxy-port {}", self.proxy_port));
        }
        line
    }
}

/// How much of a landscape is made; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Extent {
    /// The cloud, and a seed in it
    Seed,
    /// The garden, and in it the seed and a project
    Garden,
    /// A first shoot
    Shoot,
}

/// What the phases share.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) domain: Domain,
    pub(crate) paths: Paths,
    pub(crate) images: ImageVector,
    /// What the user put over the vector that is compiled in.
    overrides: Vec<ImageSource>,
    pub(crate) pki: SeedPki,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) cloud: cloud_client::Client,
    /// The image of our own processes; by its digest, unless the user takes it from elsewhere.
    pub(crate) own_image: OnceCell<Image>,
    /// gardenlet's likewise.
    pub(crate) gardenlet_image: OnceCell<Image>,
    /// The seed, as its administrator.
    pub(crate) seed: OnceCell<Cluster>,
    /// The virtual garden, as its administrator.
    pub(crate) garden: OnceCell<Cluster>,
    pub(crate) progress: Arc<dyn Progress>,
    /// Ends the run: cancelled by the user, or by the first phase that fails.
    pub(crate) cancellation: CancellationToken,
    changed: Mutex<BTreeSet<&'static str>>,
    waited: Mutex<BTreeSet<&'static str>>,
    details: Mutex<BTreeMap<&'static str, String>>,
    notices: Mutex<Vec<String>>,
}

impl Context {
    pub(crate) fn new(
        settings: Settings,
        clock: Arc<dyn Clock>,
        progress: Arc<dyn Progress>,
        cancellation: CancellationToken,
    ) -> Result<Self, UpError> {
        let domain = Domain::of(&settings.landscape);
        let paths = Paths::of(&settings.landscape);
        fs_err::create_dir_all(paths.state()).map_err(UpError::State)?;
        let pki = SeedPki::load_or_generate(&paths.seed_pki(), &domain, clock.as_ref())?;
        let images = ImageVector::from_environment()?;
        let overrides = overrides(&images)?;
        let cloud = cloud_client::Client::unix(cloud_client::socket_path(&settings.landscape));
        Ok(Self {
            settings,
            domain,
            paths,
            images,
            overrides,
            pki,
            clock,
            cloud,
            own_image: OnceCell::new(),
            gardenlet_image: OnceCell::new(),
            seed: OnceCell::new(),
            garden: OnceCell::new(),
            progress,
            cancellation,
            changed: Mutex::default(),
            waited: Mutex::default(),
            details: Mutex::default(),
            notices: Mutex::default(),
        })
    }

    /// The cloud's proxy on the host's loopback.
    pub(crate) fn proxy(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.settings.proxy_port).into()
    }

    /// The same as kubeconfigs have it.
    pub(crate) fn proxy_url(&self) -> String {
        format!("http://{}", self.proxy())
    }

    /// The seed, once its API answers.
    pub(crate) fn seed(&self) -> Result<&Cluster, UpError> {
        self.seed.get().ok_or(UpError::NoClient("seed"))
    }

    /// The garden, once its API answers.
    pub(crate) fn garden(&self) -> Result<&Cluster, UpError> {
        self.garden.get().ok_or(UpError::NoClient("garden"))
    }

    /// An image of the vector, as a pod names it.
    pub(crate) fn image(&self, name: &str) -> Result<String, UpError> {
        let version = landscape_upstream::KUBERNETES.version;
        Ok(self.images.find(name, Some(version))?.to_string())
    }

    /// Our own image, once it is pushed.
    pub(crate) fn own_image(&self) -> Result<&Image, UpError> {
        self.own_image.get().ok_or(UpError::NoImage)
    }

    /// gardenlet's image, once it is pushed.
    pub(crate) fn gardenlet_image(&self) -> Result<&Image, UpError> {
        self.gardenlet_image.get().ok_or(UpError::NoImage)
    }

    /// The override of the image vector for processes of ours, which look up images by themselves.
    pub(crate) fn image_overwrite(&self) -> Result<String, UpError> {
        Ok(overwrite(&self.overrides, self.own_image()?)?)
    }

    /// What the user should know, in the order it was found.
    pub(crate) fn notices(&self) -> Vec<String> {
        self.notices.lock().clone()
    }

    /// Whether the phase had to wait for something.
    pub(crate) fn has_waited(&self, phase: &'static str) -> bool {
        self.waited.lock().contains(phase)
    }

    /// Whether the phase made or changed anything.
    pub(crate) fn has_changed(&self, phase: &'static str) -> bool {
        self.changed.lock().contains(phase)
    }

    /// What the phase did or waited for last.
    pub(crate) fn last_detail(&self, phase: &'static str) -> Option<String> {
        self.details.lock().get(phase).cloned()
    }

    /// Whether any phase made or changed anything.
    pub(crate) fn has_changed_anything(&self) -> bool {
        !self.changed.lock().is_empty()
    }
}

/// A phase's own view: what it does is told under its name.
#[derive(Clone)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) context: Arc<Context>,
}

impl Phase {
    /// Says what is done or waited for at the moment.
    pub(crate) fn detail(&self, text: impl AsRef<str>) {
        self.context.progress.detail(self.name, text.as_ref());
        self.context.details.lock().insert(self.name, text.as_ref().to_owned());
    }

    /// Says what is waited for.
    pub(crate) fn waiting(&self, text: impl AsRef<str>) {
        self.context.waited.lock().insert(self.name);
        self.detail(text);
    }

    /// Tells the user something when the run ends.
    pub(crate) fn notice(&self, text: String) {
        self.context.notices.lock().push(text);
    }

    /// Notes that this run made or changed something.
    pub(crate) fn changed(&self) {
        self.context.changed.lock().insert(self.name);
    }
}
