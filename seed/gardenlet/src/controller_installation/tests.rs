//! Installations from their beginning to their end, with a garden and a seed in memory; and charts that the real helm renders.

use std::{io::Write, sync::Arc};

use api::core::v1beta1::ControllerInstallation;
use controller::fake::FakeCluster;
use lib_clock::{Clock, ManualClock};
use parking_lot::Mutex;
use plan_images::ImageVector;
use serde_json::{Value, json};

use super::{
    chart::{ChartError, Release, Renderer, helm},
    controller::{Queue, reconcile},
};
use crate::{context::Gardenlet, settings::Settings};

const INSTALLATION: &str = "/apis/core.gardener.cloud/v1beta1/controllerinstallations/provider-one";
const RESOURCE: &str = "/apis/resources.gardener.cloud/v1alpha1/namespaces/garden/managedresources/provider-one";
const SECRET: &str = "/api/v1/namespaces/garden/secrets/provider-one";
const NAMESPACE: &str = "/api/v1/namespaces/extension-provider-one";

const CONFIGURATION: &str = "
gardenClientConnection: {kubeconfig: unused}
seedConfig:
  metadata: {name: one}
  spec: {provider: {type: local, region: here}}
";

struct World {
    garden: FakeCluster,
    seed: FakeCluster,
    queue: Arc<Queue>,
    /// What was rendered, and what comes of it from now on.
    releases: Arc<Mutex<Vec<Release>>>,
    refusal: Arc<Mutex<Option<String>>>,
}

impl World {
    fn new() -> Self {
        let (garden, seed) = (FakeCluster::new(), FakeCluster::new());
        let settings = Settings::complete(serde_yaml_ng::from_str(CONFIGURATION).unwrap()).unwrap();
        garden.insert(&settings.seed);
        let object = |kind: &str, version: &str, name: &str, content: Value| {
            let mut object = content;
            object["apiVersion"] = json!(format!("core.gardener.cloud/{version}"));
            object["kind"] = json!(kind);
            object["metadata"] = json!({ "name": name, "uid": name });
            object
        };
        let resources = json!([{ "kind": "Network", "type": "bridge" }]);
        garden.insert(&object(
            "ControllerRegistration",
            "v1beta1",
            "provider",
            json!({ "spec": { "resources": resources } }),
        ));
        let chart = json!({ "helm": { "rawChart": "AAAA", "values": { "image": "a/b:1" } } });
        garden.insert(&object("ControllerDeployment", "v1", "provider", chart));
        let spec = json!({
            "registrationRef": { "name": "provider" }, "seedRef": { "name": "one" }, "deploymentRef": { "name": "provider" },
        });
        garden.insert(&object(
            "ControllerInstallation",
            "v1beta1",
            "provider-one",
            json!({ "spec": spec }),
        ));
        let (releases, refusal) = (
            Arc::<Mutex<Vec<Release>>>::default(),
            Arc::<Mutex<Option<String>>>::default(),
        );
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
        let images = ImageVector::embedded().unwrap();
        let gardenlet = Gardenlet::new(garden.client(), seed.client(), settings, images, clock);
        let queue = Queue::new(gardenlet, renderer(Arc::clone(&releases), Arc::clone(&refusal)));
        Self {
            garden,
            seed,
            queue: Arc::new(queue),
            releases,
            refusal,
        }
    }

    fn installation(&self) -> ControllerInstallation {
        self.garden.get_as(INSTALLATION).expect("the installation is there")
    }

    /// One look; the error as text.
    async fn look(&self) -> Result<(), String> {
        let look = reconcile(Arc::new(self.installation()), Arc::clone(&self.queue)).await;
        look.map(drop).map_err(|error| error.to_string())
    }

    /// Conditions as `Type=Status Reason`.
    fn conditions(&self) -> Vec<String> {
        let conditions = self.installation().status.conditions;
        conditions
            .iter()
            .map(|condition| format!("{}={:?} {}", condition.type_, condition.status, condition.reason))
            .collect()
    }

    fn change(&self, cluster: &FakeCluster, path: &str, change: impl FnOnce(&mut Value)) {
        let mut object = cluster.get(path).expect("the object is there");
        change(&mut object);
        cluster.insert(&object);
    }
}

fn renderer(releases: Arc<Mutex<Vec<Release>>>, refusal: Arc<Mutex<Option<String>>>) -> Renderer {
    Arc::new(move |release| {
        releases.lock().push(release);
        let refusal = refusal.lock().clone();
        Box::pin(async move {
            match refusal {
                None => Ok("kind: ConfigMap\n".to_owned()),
                Some(text) => Err(ChartError::Refused(text)),
            }
        })
    })
}

fn condition(type_: &str, status: &str) -> Value {
    json!({ "type": type_, "status": status, "reason": "a", "message": "why" })
}

#[tokio::test]
async fn an_installation_becomes_a_namespace_and_a_managed_resource() {
    let world = World::new();
    world.look().await.unwrap();
    assert_eq!(
        world.conditions(),
        [
            "Valid=True RegistrationValid",
            "Installed=False InstallationPending",
            "Required=False NoExtensionObjects",
        ]
    );
    let release = world.releases.lock()[0].clone();
    assert_eq!(
        (release.namespace.as_str(), release.chart.len()),
        ("extension-provider-one", 3)
    );
    assert_eq!(release.values["image"], "a/b:1");
    assert_eq!(release.values["gardener"]["seed"]["name"], "one");

    let namespace = world.seed.get(NAMESPACE).unwrap();
    let labels = &namespace["metadata"]["labels"];
    assert_eq!(labels["controllerregistration.core.gardener.cloud/name"], "provider");
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted");
    let resource = world.seed.get(RESOURCE).unwrap();
    assert_eq!(resource["spec"]["class"], "seed");
    assert_eq!(resource["spec"]["secretRefs"][0]["name"], "provider-one");
    assert!(world.seed.get(SECRET).is_some());

    world.change(&world.seed, RESOURCE, |resource| {
        let conditions = [
            condition("ResourcesApplied", "True"),
            condition("ResourcesHealthy", "True"),
            condition("ResourcesProgressing", "False"),
        ];
        resource["status"] = json!({ "observedGeneration": 1, "conditions": conditions });
    });
    world.seed.insert(&json!({
        "apiVersion": "extensions.gardener.cloud/v1alpha1", "kind": "Network",
        "metadata": { "name": "first", "namespace": "shoot--dev--first" }, "spec": { "type": "bridge" },
    }));
    world.look().await.unwrap();
    assert_eq!(
        world.conditions(),
        [
            "Valid=True RegistrationValid",
            "Installed=True InstallationSuccessful",
            "Required=True ExtensionObjectsExist",
            "Healthy=True ControllerHealthy",
            "Progressing=False ControllerRolledOut",
        ]
    );
    assert_eq!(world.releases.lock().len(), 1, "the same is not rendered again");
    let writes = world.garden.writes().len() + world.seed.writes().len();
    world.look().await.unwrap();
    let applied = 3; // namespace, Secret, ManagedResource
    assert_eq!(
        world.garden.writes().len() + world.seed.writes().len(),
        writes + applied
    );
}

#[tokio::test]
async fn a_chart_that_cannot_be_rendered_is_told() {
    let world = World::new();
    *world.refusal.lock() = Some("parse error at templates/a.yaml:3".to_owned());
    assert_eq!(world.look().await, Err("failed to render the chart".to_owned()));
    assert_eq!(world.conditions(), ["Valid=False ChartCannotBeRendered"]);
    let message = world.installation().status.conditions[0].message.clone();
    assert!(message.contains("parse error at templates/a.yaml:3"), "{message}");

    *world.refusal.lock() = None;
    world.look().await.unwrap();
    assert_eq!(world.conditions()[0], "Valid=True RegistrationValid");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let world = World::new();
    let path = "/apis/core.gardener.cloud/v1/controllerdeployments/provider";
    world.change(&world.garden, path, |deployment| {
        deployment["helm"] = json!({ "ociRepository": { "ref": "registry.example.org/chart:1" } });
    });
    let error = world.look().await.unwrap_err();
    assert!(error.contains("only charts in rawChart"), "{error}");
    assert_eq!(world.conditions(), ["Valid=False ChartInformationInvalid"]);
    world.change(&world.garden, INSTALLATION, |installation| {
        installation["spec"]["deploymentRef"]["name"] = json!("absent");
    });
    assert_eq!(
        world.look().await,
        Err("ControllerDeployment absent does not exist".to_owned())
    );
}

#[tokio::test]
async fn an_installation_that_goes_takes_everything_along() {
    let world = World::new();
    world.look().await.unwrap();
    world.change(&world.seed, RESOURCE, |resource| {
        resource["metadata"]["finalizers"] = json!(["resources.gardener.cloud/gardener-resource-manager"]);
    });
    world.change(&world.garden, INSTALLATION, |installation| {
        installation["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    });
    world.look().await.unwrap();
    assert!(
        world
            .conditions()
            .contains(&"Installed=False DeletionPending".to_owned())
    );
    assert!(world.seed.get(NAMESPACE).is_some(), "its objects go first");

    // resource-manager has removed them.
    world.change(&world.seed, RESOURCE, |resource| {
        resource["metadata"]["finalizers"] = json!([]);
        resource["metadata"]["deletionTimestamp"] = Value::Null;
    });
    world.look().await.unwrap();
    for path in [RESOURCE, SECRET, NAMESPACE] {
        assert!(world.seed.get(path).is_none(), "{path} is left");
    }
    assert!(
        world.garden.get(INSTALLATION).is_none(),
        "without its finalizer it is gone"
    );
}

/// A chart as a gzipped tar.
fn pack(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(text.len() as u64);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let mut encoder = archive.into_inner().unwrap();
    encoder.flush().unwrap();
    encoder.finish().unwrap()
}

fn release(template: &str) -> Release {
    let chart = "apiVersion: v2\nname: provider\nversion: 0.1.0\n";
    Release {
        name: "provider".to_owned(),
        namespace: "extension-provider-one".to_owned(),
        chart: pack(&[
            ("provider/Chart.yaml", chart),
            ("provider/values.yaml", "image: unset\nreplicas: 1\n"),
            ("provider/templates/a.yaml", template),
        ]),
        values: json!({ "image": "a/b:1" }),
        kubernetes_version: Some("v1.35.4".to_owned()),
    }
}

const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: {{ .Release.Namespace }}\n\
                        data:\n  text: {{ .Values.image }} {{ .Values.replicas }} {{ .Capabilities.KubeVersion.Minor }}\n";

#[tokio::test]
async fn helm_renders_a_chart_with_its_values() {
    let renderer = helm(testing_testkit::upstream::helm());
    let text = renderer(release(TEMPLATE)).await.unwrap();
    let object: Value = serde_yaml_ng::from_str(&text).unwrap();
    assert_eq!(object["metadata"]["namespace"], "extension-provider-one");
    assert_eq!(object["data"]["text"], "a/b:1 1 35");
}

#[tokio::test]
async fn helm_says_what_is_wrong_with_a_chart() {
    let renderer = helm(testing_testkit::upstream::helm());
    let error = renderer(release("{{ .Values.image | nonsense }}"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("helm refused") && error.contains("nonsense"), "{error}");
    let mut broken = release(TEMPLATE);
    broken.chart = b"no chart".to_vec();
    assert!(matches!(renderer(broken).await, Err(ChartError::Refused(_))));
    let absent = helm("/nowhere/helm".into());
    let error = absent(release(TEMPLATE)).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "failed to start /nowhere/helm: it belongs into gardenlet's image"
    );
}
