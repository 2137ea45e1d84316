//! Extension objects on a real kube-apiserver: what server-side apply, generations and finalizers really do.

use std::{sync::Arc, time::Duration};

use api::{
    constants::GARDENER_OPERATION,
    core::v1beta1::{ErrorCode, LastOperationState, LastOperationType},
    extensions::v1alpha1::{Infrastructure, InfrastructureSpec},
};
use apimachinery::meta::ObjectMeta;
use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use lib_clock::{Clock, SystemClock};
use serde_json::{Value, json};
use testing_testkit::{Etcd, KubeApiServer, eventually, ready_when};

use super::world;
use crate::shoot::{
    error::TaskError,
    extension::{self, Patience},
    flow::ShootContext,
};

const NAMESPACE: &str = "shoot--dev--first";
const NAME: &str = "first";
const FINALIZER: &str = "extensions.gardener.cloud/infrastructure";
const PATIENCE: Patience = Patience::seconds(60, 60);
const DEADLINE: Duration = Duration::from_secs(60);

struct Real {
    _etcd: Etcd,
    _server: KubeApiServer,
    api: Api<Infrastructure>,
    context: ShootContext,
}

impl Real {
    async fn start() -> Self {
        let etcd = Etcd::start().await;
        let server = KubeApiServer::start(&etcd, &[]).await;
        let client = controller::connect::from_kubeconfig_str(&server.kubeconfig)
            .await
            .unwrap();
        define(&client).await;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let namespace = serde_json::from_value(json!({ "metadata": { "name": NAMESPACE } })).unwrap();
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Self {
            _etcd: etcd,
            _server: server,
            api: Api::namespaced(client.clone(), NAMESPACE),
            context: world::context(client, clock),
        }
    }

    async fn ask(&self, region: &str) {
        let infrastructure = Infrastructure {
            metadata: extension::metadata(&self.context, NAME),
            spec: InfrastructureSpec {
                region: region.to_owned(),
                ..InfrastructureSpec::default()
            },
            ..Infrastructure::default()
        };
        extension::ask(&self.context, infrastructure).await.unwrap();
    }

    async fn wait(&self) -> Result<Infrastructure, TaskError> {
        extension::wait(&self.context, NAME, PATIENCE).await
    }

    /// Plays the extension: says something, and takes the question.
    async fn say(&self, state: LastOperationState, error: Option<ErrorCode>) {
        let object = self.api.get(NAME).await.unwrap();
        let now = SystemClock.now().to_string();
        let deleting = object.metadata.deletion_timestamp.is_some();
        let type_ = if deleting {
            LastOperationType::Delete
        } else {
            LastOperationType::Create
        };
        let status = json!({
            "observedGeneration": object.metadata.generation,
            "lastOperation": {
                "type": type_, "state": state, "progress": 1, "description": "at it", "lastUpdateTime": now,
            },
            "lastError": error.map(|code| json!({ "description": "no", "codes": [code], "lastUpdateTime": now })),
        });
        let written = self.patch_status(&json!({ "status": status })).await;
        let finalizers: &[&str] = &[FINALIZER];
        let finalizers = finalizers
            .iter()
            .filter(|_| !deleting || !written.finalizers().is_empty());
        let taken = json!({ "metadata": {
            "annotations": { GARDENER_OPERATION: null }, "finalizers": finalizers.collect::<Vec<_>>(),
        } });
        self.api
            .patch(NAME, &PatchParams::default(), &Patch::Merge(taken))
            .await
            .unwrap();
    }

    async fn patch_status(&self, body: &Value) -> Infrastructure {
        let parameters = PatchParams::default();
        self.api
            .patch_status(NAME, &parameters, &Patch::Merge(body))
            .await
            .unwrap()
    }

    async fn release(&self) {
        let none = json!({ "metadata": { "finalizers": null } });
        self.api
            .patch(NAME, &PatchParams::default(), &Patch::Merge(none))
            .await
            .unwrap();
    }
}

async fn define(client: &Client) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let all = api::crds::all();
    let wanted = all
        .into_iter()
        .find(|definition| definition.spec.names.kind == "Infrastructure");
    let wanted = wanted.expect("the kind is defined");
    let name = wanted.metadata.name.clone().unwrap();
    definitions.create(&PostParams::default(), &wanted).await.unwrap();
    let infrastructures: Api<Infrastructure> = Api::namespaced(client.clone(), NAMESPACE);
    eventually(DEADLINE, &format!("{name} to be served"), || async {
        infrastructures.list(&Default::default()).await
    })
    .await;
}

#[tokio::test]
async fn an_old_success_is_no_answer_to_a_new_question() {
    let real = Real::start().await;
    real.ask("one").await;
    let answer = async {
        real.say(LastOperationState::Processing, None).await;
        real.say(LastOperationState::Succeeded, None).await;
    };
    let (made, ()) = tokio::join!(real.wait(), answer);
    assert_eq!(made.unwrap().spec.region, "one");
    // The same wish again, and a changed one: both wait for the extension.
    for region in ["one", "two"] {
        real.ask(region).await;
        let early = tokio::time::timeout(Duration::from_millis(500), real.wait()).await;
        assert!(early.is_err(), "{region}: {early:?}");
        let (made, ()) = tokio::join!(real.wait(), real.say(LastOperationState::Succeeded, None));
        assert_eq!(made.unwrap().spec.region, region);
    }
}

#[tokio::test]
async fn a_complaint_is_told_with_its_codes_and_a_final_one_at_once() {
    let real = Real::start().await;
    real.ask("one").await;
    real.say(LastOperationState::Error, Some(ErrorCode::InfraUnauthorized))
        .await;
    let error = real.wait().await.unwrap_err();
    assert_eq!(error.codes(), [ErrorCode::InfraUnauthorized]);
    let text = lib_error_chain::ErrorChain(&error).to_string();
    assert!(text.contains("Infrastructure shoot--dev--first/first"), "{text}");
    assert!(text.contains("its extension says: no"), "{text}");
    // Its owner mends it, and asks again.
    real.ask("one").await;
    let (made, ()) = tokio::join!(real.wait(), real.say(LastOperationState::Succeeded, None));
    made.unwrap();
}

#[tokio::test]
async fn removal_waits_for_the_finalizer_and_what_is_gone_is_removed() {
    let real = Real::start().await;
    real.ask("one").await;
    real.say(LastOperationState::Succeeded, None).await;
    let removing = extension::remove::<Infrastructure>(&real.context, NAME, PATIENCE);
    let extension = async {
        let asked = |object: &Infrastructure| object.metadata.deletion_timestamp.is_some();
        eventually(DEADLINE, "the deletion to be asked for", || async {
            let object = real.api.get(NAME).await.map_err(|error| error.to_string())?;
            ready_when(asked(&object), || "not yet".to_owned())
        })
        .await;
        let object = real.api.get(NAME).await.unwrap();
        assert_eq!(object.annotations()["confirmation.gardener.cloud/deletion"], "true");
        real.say(LastOperationState::Processing, None).await;
        real.release().await;
    };
    let (removed, ()) = tokio::join!(removing, extension);
    removed.unwrap();
    extension::remove::<Infrastructure>(&real.context, NAME, PATIENCE)
        .await
        .unwrap();
    let again: Vec<ObjectMeta> = Vec::from_iter(real.api.get_opt(NAME).await.unwrap().map(|object| object.metadata));
    assert!(again.is_empty());
}
