//! Passes against a real kube-apiserver, which is the seed and its own target at once.

#![expect(clippy::unwrap_used, reason = "a test fails where it panics")]

use std::time::Duration;

use api::resources::v1alpha1::ManagedResource;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use seed_resource_manager::{
    managed_resource::{Context, reconcile},
    target::Targets,
    token,
};
use serde_json::{Value, json};
use testing_testkit::{Etcd, KubeApiServer, eventually};

const NAMESPACE: &str = "shoot--dev--first";
const DEADLINE: Duration = Duration::from_secs(60);

struct World {
    _etcd: Etcd,
    server: KubeApiServer,
    client: Client,
    context: Context,
}

/// Any shape: these tests are about what is done with objects, not about the schema.
const CRD: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: managedresources.resources.gardener.cloud}
spec:
  group: resources.gardener.cloud
  scope: Namespaced
  names: {kind: ManagedResource, plural: managedresources, singular: managedresource}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";

impl World {
    async fn new() -> Self {
        let etcd = Etcd::start().await;
        let server = KubeApiServer::start(&etcd, &[]).await;
        let client = controller::connect::from_kubeconfig_str(&server.kubeconfig)
            .await
            .unwrap();
        let file = server.directory.join("crd.yaml");
        std::fs::write(&file, CRD).unwrap();
        server.kubectl(&["create", "-f", file.to_str().unwrap()]).await.unwrap();
        let established = [
            "wait",
            "--for=condition=Established",
            "crd/managedresources.resources.gardener.cloud",
            "--timeout=60s",
        ];
        server.kubectl(&established).await.unwrap();
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let namespace = serde_json::from_value(json!({"metadata": {"name": NAMESPACE}})).unwrap();
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        let context = Context {
            targets: Targets::new(client.clone()),
            seed_client: client.clone(),
        };
        let world = Self {
            _etcd: etcd,
            server,
            client,
            context,
        };
        world
            .put_secret("gardener-internal", &json!({"kubeconfig": world.server.kubeconfig}))
            .await;
        world
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    async fn put_secret(&self, name: &str, data: &Value) {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data});
        let parameters = PatchParams::apply("test").force();
        self.api::<Secret>()
            .patch(name, &parameters, &Patch::Apply(&secret))
            .await
            .unwrap();
    }

    async fn create(&self, spec: &Value) {
        let resource = serde_json::from_value(json!({"metadata": {"name": "one"}, "spec": spec})).unwrap();
        let api = self.api::<ManagedResource>();
        // The kind may be established and yet not served by this instant.
        eventually(DEADLINE, "the kind to be served", || async {
            api.create(&PostParams::default(), &resource).await
        })
        .await;
    }

    async fn get(&self) -> Option<ManagedResource> {
        self.api::<ManagedResource>().get_opt("one").await.unwrap()
    }

    /// With a ManagedResource whose ConfigMap `a` has been applied.
    async fn with_an_object() -> Self {
        let world = Self::new().await;
        world
            .put_secret("objects", &json!({"a": config_map("a", &json!({}))}))
            .await;
        world.create(&json!({"secretRefs": [{"name": "objects"}]})).await;
        world.pass().await.unwrap();
        world
    }

    async fn delete(&self) {
        let api = self.api::<ManagedResource>();
        api.delete("one", &DeleteParams::default()).await.unwrap();
    }

    /// The target's API server is gone: nothing listens on port 1, so that a connection is refused at once.
    async fn lose_target(&self) {
        let dead = self.server.kubeconfig.replace(&self.server.url, "https://127.0.0.1:1");
        self.put_secret("gardener-internal", &json!({"kubeconfig": dead})).await;
    }

    async fn pass(&self) -> Result<Duration, String> {
        let resource = self.get().await.expect("the ManagedResource is there");
        let result = reconcile(&resource, &self.context, Timestamp::UNIX_EPOCH).await;
        result.map_err(|error| lib_error_chain::ErrorChain(&error).to_string())
    }

    async fn config_map(&self, name: &str) -> Option<ConfigMap> {
        self.api::<ConfigMap>().get_opt(name).await.unwrap()
    }
}

fn config_map(name: &str, annotations: &Value) -> String {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE, "annotations": annotations}, "data": {"a": "1"},
    })
    .to_string()
}

fn condition<'a>(resource: &'a ManagedResource, kind: &str) -> (&'a str, &'a str) {
    let found = resource
        .status
        .conditions
        .iter()
        .find(|condition| condition.type_ == kind)
        .expect("the condition");
    (found.status.as_str(), found.message.as_str())
}

#[tokio::test]
async fn objects_are_applied_pruned_and_deleted() {
    let world = World::new().await;
    let two = json!({"a.yaml": config_map("a", &json!({})), "b.yaml": config_map("b", &json!({}))});
    world.put_secret("objects", &two).await;
    world
        .create(
            &json!({"secretRefs": [{"name": "objects"}], "injectLabels": {"shoot.gardener.cloud/no-cleanup": "true"}}),
        )
        .await;

    world.pass().await.unwrap();
    let applied = world.config_map("a").await.expect("it was applied");
    assert_eq!(applied.labels()["shoot.gardener.cloud/no-cleanup"], "true");
    assert_eq!(
        applied.annotations()["resources.gardener.cloud/origin"],
        format!("{NAMESPACE}/one")
    );
    let resource = world.get().await.unwrap();
    assert_eq!(resource.status.resources.len(), 2);
    assert_eq!(condition(&resource, "ResourcesApplied").0, "True");
    assert_eq!(condition(&resource, "ResourcesHealthy").0, "True");
    assert_eq!(condition(&resource, "ResourcesProgressing").0, "False");

    // The Secret no longer names `a`: it goes, `b` stays.
    world
        .api::<Secret>()
        .delete("objects", &DeleteParams::default())
        .await
        .unwrap();
    world
        .put_secret("objects", &json!({"b.yaml": config_map("b", &json!({}))}))
        .await;
    world.pass().await.unwrap();
    assert!(world.config_map("a").await.is_none());
    assert!(world.config_map("b").await.is_some());

    // A deleted ManagedResource takes its objects along before it goes.
    world.delete().await;
    assert!(world.get().await.is_some(), "the finalizer holds it");
    eventually(DEADLINE, "the ManagedResource to go", || async {
        match world.get().await {
            None => Ok(()),
            Some(_) => Err(format!("{:?}", world.pass().await)),
        }
    })
    .await;
    assert!(world.config_map("b").await.is_none());
}

#[tokio::test]
async fn what_shall_be_kept_is_kept() {
    let world = World::new().await;
    let keep = config_map("kept", &json!({"resources.gardener.cloud/keep-object": "true"}));
    world.put_secret("objects", &json!({"a": keep})).await;
    world.create(&json!({"secretRefs": [{"name": "objects"}]})).await;
    world.pass().await.unwrap();
    world.delete().await;
    world.pass().await.unwrap();
    assert!(world.get().await.is_none());
    assert!(world.config_map("kept").await.is_some());

    // One word for all objects, none of which has one of its own.
    let two = json!({"a": config_map("a", &json!({})), "b": config_map("b", &json!({}))});
    world.put_secret("all", &two).await;
    world
        .create(&json!({"secretRefs": [{"name": "all"}], "keepObjects": true}))
        .await;
    world.pass().await.unwrap();
    world.delete().await;
    world.pass().await.unwrap();
    assert!(world.get().await.is_none());
    for name in ["a", "b"] {
        let kept = world.config_map(name).await.expect("it stays");
        assert_eq!(kept.metadata.deletion_timestamp, None, "{name}");
    }
}

/// As at the end of a shoot: its API server is gone, and the objects with its etcd.
#[tokio::test]
async fn objects_of_a_lost_cluster_are_given_up_on_demand() {
    let world = World::with_an_object().await;
    world.lose_target().await;
    world.delete().await;
    let error = world.pass().await.unwrap_err();
    assert!(error.contains("failed to work on the target cluster"), "{error}");
    assert!(world.get().await.is_some(), "unasked, no object is forgotten");

    let give_up = json!({"spec": {"keepObjects": true}});
    world
        .api::<ManagedResource>()
        .patch("one", &PatchParams::default(), &Patch::Merge(&give_up))
        .await
        .unwrap();
    world.pass().await.unwrap();
    assert!(world.get().await.is_none());
    assert!(world.config_map("a").await.is_some());
}

#[tokio::test]
async fn failures_reach_the_condition_and_change_nothing() {
    let world = World::with_an_object().await;

    world.put_secret("objects", &json!({"a": "kind: ["})).await;
    let error = world.pass().await.unwrap_err();
    assert!(error.contains("failed to parse document 0 of key a"), "{error}");
    let resource = world.get().await.unwrap();
    assert_eq!(condition(&resource, "ResourcesApplied").0, "False");
    assert!(condition(&resource, "ResourcesApplied").1.contains("failed to parse"));
    // What was applied before is still known, so that a later deletion finds it.
    assert_eq!(resource.status.resources.len(), 1);
    assert!(world.config_map("a").await.is_some());

    world
        .api::<Secret>()
        .delete("gardener-internal", &DeleteParams::default())
        .await
        .unwrap();
    world
        .put_secret("objects", &json!({"a": config_map("a", &json!({}))}))
        .await;
    let error = world.pass().await.unwrap_err();
    assert!(
        error.contains("gardener-internal with the target's kubeconfig is missing"),
        "{error}"
    );
}

#[tokio::test]
async fn access_secrets_get_a_token_that_works() {
    let world = World::new().await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {
            "name": "shoot-access-test", "namespace": NAMESPACE,
            "annotations": {
                "serviceaccount.resources.gardener.cloud/name": "test",
                "serviceaccount.resources.gardener.cloud/namespace": "kube-system",
            },
        },
    });
    let secret: Secret = serde_json::from_value(secret).unwrap();
    let created = world
        .api::<Secret>()
        .create(&PostParams::default(), &secret)
        .await
        .unwrap();
    let now = Timestamp::now();
    let wait = token::reconcile(&created, &world.context.targets, &world.client, now)
        .await
        .unwrap();
    assert!(
        wait > Duration::from_secs(3600),
        "it is renewed after most of its life, not in {wait:?}"
    );

    let stored = world.api::<Secret>().get("shoot-access-test").await.unwrap();
    let token = String::from_utf8(stored.data.as_ref().unwrap()["token"].0.clone()).unwrap();
    let who = world
        .server
        .kubectl(&["auth", "whoami", "--token", &token, "--output", "name"])
        .await;
    // The administrator's certificate comes before a token: only the token's own form is checked here.
    assert!(who.is_ok() && token.split('.').count() == 3, "{who:?}");

    // A second pass finds it fresh and changes nothing.
    token::reconcile(&stored, &world.context.targets, &world.client, now)
        .await
        .unwrap();
    let again = world.api::<Secret>().get("shoot-access-test").await.unwrap();
    assert_eq!(again.resource_version(), stored.resource_version());
}
