//! The landscape under test: made and removed by the binary, watched through clients of our own.
//!
//! Clients, not kubectl: ten of those at once would take the processor from what is measured.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use futures::future::try_join_all;
use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::GroupVersionKind,
};
use serde_json::json;

/// Longest that anything measured may take.
const DEADLINE: Duration = Duration::from_secs(300);
/// For one thing that is waited for: of many, each is looked at more seldom, or the looks would take the processors from what is
/// measured.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const NAMESPACE: &str = "garden-dev";
/// A landscape of a person's may be up at the same time.
const PROXY_PORT: &str = "6496";

/// When the shoots of one batch were as wished.
pub(crate) struct Batch {
    pub(crate) started: Instant,
    pub(crate) median: Duration,
    pub(crate) last: Duration,
}

pub(crate) struct Landscape {
    name: String,
    binary: PathBuf,
}

/// Clients of a landscape that is up.
pub(crate) struct Clusters<'a> {
    pub(crate) landscape: &'a Landscape,
    garden: Client,
    seed: Client,
}

impl Landscape {
    pub(crate) fn new(name: &str, binary: &Path) -> Result<Self> {
        ensure!(
            binary.exists(),
            "{} is missing: build it with `cargo xtask static-binary`",
            binary.display()
        );
        Ok(Self {
            name: name.to_owned(),
            binary: binary.to_owned(),
        })
    }

    /// Brings it up to this extent (`seed`, `garden`, `shoot`).
    pub(crate) fn up(&self, until: &str) -> Result<Duration> {
        let started = Instant::now();
        self.kubeception(&["up", "--proxy-port", PROXY_PORT, "--until", until])?;
        Ok(started.elapsed())
    }

    pub(crate) fn down(&self) -> Result<Duration> {
        let started = Instant::now();
        self.kubeception(&["down"])?;
        Ok(started.elapsed())
    }

    /// Clients, once garden and seed are there.
    pub(crate) async fn connect(&self) -> Result<Clusters<'_>> {
        Ok(Clusters {
            landscape: self,
            garden: self.client(&["garden"]).await?,
            seed: self.client(&["seed"]).await?,
        })
    }

    async fn client(&self, cluster: &[&str]) -> Result<Client> {
        let kubeconfig = self.kubeception(&[&["kubeconfig"], cluster].concat())?;
        Ok(controller::connect::from_kubeconfig_str(&kubeconfig).await?)
    }

    /// Runs the binary on this landscape; its standard output, or what it said on failing.
    pub(crate) fn kubeception(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env("KUBECEPTION_LANDSCAPE", &self.name)
            .stdin(Stdio::null());
        let output = command.output().context("failed to run kubeception")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Clusters<'_> {
    /// Creates shoots at once and waits until the API of each answers through the gateway.
    pub(crate) async fn create_shoots(&self, names: &[String]) -> Result<Batch> {
        let objects: Vec<DynamicObject> = names.iter().map(|name| shoot(name)).collect::<Result<_>>()?;
        let started = self.create(&objects).await?;
        let answers = names.iter().map(|name| async move {
            let client = eventually_one_of(names.len(), || self.client_of_shoot(name)).await?;
            eventually_one_of(names.len(), || ready(&client)).await?;
            anyhow::Ok(started.elapsed())
        });
        batch(started, try_join_all(answers).await?)
    }

    /// A client of a shoot, once it can be had: as the garden gives it to users, and through the landscape's proxy.
    pub(crate) async fn client_of_shoot(&self, name: &str) -> Result<Client> {
        let wish = json!({
            "apiVersion": "authentication.gardener.cloud/v1alpha1",
            "kind": "AdminKubeconfigRequest",
            "spec": {"expirationSeconds": 3600},
        });
        let path = format!("/apis/core.gardener.cloud/v1beta1/namespaces/{NAMESPACE}/shoots/{name}/adminkubeconfig");
        let request = http::Request::post(path)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(wish.to_string().into_bytes())
            .context("failed to make a request")?;
        let answer: serde_json::Value = self.garden.request(request).await?;
        let encoded = answer["status"]["kubeconfig"].as_str().unwrap_or_default();
        let text = BASE64.decode(encoded).context("the kubeconfig is not base64")?;
        let mut kubeconfig = Kubeconfig::from_yaml(&String::from_utf8_lossy(&text))?;
        for cluster in kubeconfig
            .clusters
            .iter_mut()
            .filter_map(|named| named.cluster.as_mut())
        {
            cluster.proxy_url = Some(format!("http://127.0.0.1:{PROXY_PORT}"));
        }
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(controller::connect::from_config(config)?)
    }

    /// Creates shoots at once, and returns the moment before.
    pub(crate) async fn create(&self, objects: &[DynamicObject]) -> Result<Instant> {
        let (shoots, parameters) = (self.shoots(), PostParams::default());
        let started = Instant::now();
        try_join_all(objects.iter().map(|object| shoots.create(&parameters, object))).await?;
        Ok(started)
    }

    /// Time since `started` when the last of the shoots was reported as succeeded.
    pub(crate) async fn wait_succeeded(&self, names: &[String], started: Instant) -> Result<Batch> {
        let shoots = &self.shoots();
        let succeeded = names.iter().map(|name| async move {
            eventually_one_of(names.len(), || async move {
                let shoot = shoots.get(name).await?;
                let state = shoot.data["status"]["lastOperation"]["state"].as_str().unwrap_or("new");
                ensure!(state == "Succeeded", "{name} is {state}");
                anyhow::Ok(())
            })
            .await?;
            anyhow::Ok(started.elapsed())
        });
        batch(started, try_join_all(succeeded).await?)
    }

    /// Deletes shoots at once and waits until neither they nor their namespaces are there.
    pub(crate) async fn delete_shoots(&self, names: &[String]) -> Result<Batch> {
        let shoots = &self.shoots();
        let confirmation = json!({"metadata": {"annotations": {"confirmation.gardener.cloud/deletion": "true"}}});
        let (confirmation, parameters) = (&Patch::Merge(confirmation), &PatchParams::default());
        try_join_all(names.iter().map(|name| shoots.patch(name, parameters, confirmation))).await?;
        let started = Instant::now();
        let parameters = &DeleteParams::default();
        try_join_all(names.iter().map(|name| shoots.delete(name, parameters))).await?;
        let namespaces = &self.namespaces();
        let gone = names.iter().map(|name| async move {
            let namespace = &format!("shoot--dev--{name}");
            eventually_one_of(names.len(), || async move {
                ensure!(shoots.get_opt(name).await?.is_none(), "{name} is still there");
                ensure!(
                    namespaces.get_opt(namespace).await?.is_none(),
                    "{namespace} is still there"
                );
                anyhow::Ok(())
            })
            .await?;
            anyhow::Ok(started.elapsed())
        });
        batch(started, try_join_all(gone).await?)
    }

    pub(crate) fn shoots(&self) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("core.gardener.cloud", "v1beta1", "Shoot");
        let resource = ApiResource::from_gvk_with_plural(&kind, "shoots");
        Api::namespaced_with(self.garden.clone(), NAMESPACE, &resource)
    }

    fn namespaces(&self) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("", "v1", "Namespace"), "namespaces");
        Api::all_with(self.seed.clone(), &resource)
    }
}

async fn ready(client: &Client) -> Result<()> {
    let request = http::Request::get("/readyz")
        .body(Vec::new())
        .context("failed to make a request")?;
    client.request_text(request).await?;
    Ok(())
}

/// Looks until it succeeds; on the deadline the last reason is the error.
pub(crate) async fn eventually<T, F: Future<Output = Result<T>>>(look: impl FnMut() -> F) -> Result<T> {
    eventually_one_of(1, look).await
}

/// The same for one of several that are waited for at once.
async fn eventually_one_of<T, F: Future<Output = Result<T>>>(several: usize, mut look: impl FnMut() -> F) -> Result<T> {
    let look_every = LOOK_EVERY * u32::try_from(several).unwrap_or(u32::MAX);
    let started = Instant::now();
    loop {
        match look().await {
            Ok(value) => return Ok(value),
            Err(error) if started.elapsed() > DEADLINE => return Err(error.context("gave up")),
            Err(_) => tokio::time::sleep(look_every).await,
        }
    }
}

fn batch(started: Instant, mut times: Vec<Duration>) -> Result<Batch> {
    times.sort_unstable();
    let last = *times.last().context("there was nothing to look at")?;
    Ok(Batch {
        started,
        median: times[times.len() / 2],
        last,
    })
}

/// A shoot as `kubeception kubeconfig shoot` names it.
pub(crate) fn target(name: &str) -> String {
    format!("dev/{name}")
}

/// A shoot without machines.
pub(crate) fn shoot(name: &str) -> Result<DynamicObject> {
    let object = json!({
        "apiVersion": "core.gardener.cloud/v1beta1",
        "kind": "Shoot",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "cloudProfile": {"kind": "CloudProfile", "name": "local"},
            "region": "local",
            "provider": {"type": "local"},
            "kubernetes": {"version": "1.35.4"},
        },
    });
    serde_json::from_value(object).context("failed to make a Shoot")
}
