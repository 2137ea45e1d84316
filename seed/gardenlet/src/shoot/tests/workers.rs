//! Whole operations of a shoot with machines: creation, change, deletion, and each of them cut short or held up.

use std::time::Duration;

use api::core::v1beta1::{ErrorCode, LastOperationState, LastOperationType};
use serde_json::json;

use super::{
    create, delete, state,
    world::{World, name, pool},
};
use crate::shoot::operation::{self, Ended};

const NAMESPACE: &str = "/api/v1/namespaces/shoot--dev--first";

async fn reconcile(world: &World) -> Ended {
    let running = operation::run(&world.gardenlet, world.shoot(), LastOperationType::Reconcile);
    Box::pin(running).await.unwrap()
}

fn errors(world: &World) -> Vec<(String, Vec<ErrorCode>, String)> {
    let errors = world.shoot().status.last_errors.into_iter();
    errors
        .map(|error| (error.task_id.unwrap_or_default(), error.codes, error.description))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_extension_is_asked_and_gets_what_others_made() {
    let world = World::with_workers();
    assert_eq!(create(&world).await, Ended::Succeeded, "{:?}", errors(&world));
    let secret = json!({ "name": "cloudprovider", "namespace": "shoot--dev--first" });
    for plural in ["infrastructures", "controlplanes", "workers"] {
        let object = world.extension(plural, "first").expect(plural);
        assert_eq!(object["spec"]["type"], "local", "{plural}");
        assert_eq!(object["spec"]["secretRef"], secret, "{plural}");
        assert!(
            object["metadata"]["annotations"]["gardener.cloud/timestamp"].is_string(),
            "{plural}"
        );
    }
    for plural in ["controlplanes", "workers"] {
        let object = world.extension(plural, "first").unwrap();
        assert_eq!(
            object["spec"]["infrastructureProviderStatus"],
            json!({ "network": "made" }),
            "{plural}"
        );
    }
    let network = world.extension("networks", "first").unwrap();
    assert_eq!(network["spec"]["type"], "bridge");
    assert_eq!(network["spec"]["podCIDR"], "100.96.0.0/11");
    let copied = world.seed.get(&format!("{NAMESPACE}/secrets/cloudprovider")).unwrap();
    assert_eq!(copied["data"], json!({ "token": "dA==" }));
    let networking = world.shoot().status.networking.unwrap();
    assert_eq!(
        (networking.nodes, networking.egress_cidrs),
        (vec!["10.10.0.0/24".into()], vec!["192.0.2.1/32".into()])
    );
}

#[tokio::test(start_paused = true)]
async fn a_pool_becomes_configurations_and_machines() {
    let world = World::with_workers();
    assert_eq!(create(&world).await, Ended::Succeeded, "{:?}", errors(&world));
    let worker = world.extension("workers", "first").unwrap();
    let pool = &worker["spec"]["pools"][0];
    let secret = pool["nodeAgentSecretName"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("gardener-node-agent-worker-"), "{secret}");
    assert_eq!(
        pool["userDataSecretRef"],
        json!({ "name": format!("osc-result-{secret}-init"), "key": "cloud_config" })
    );
    assert_eq!(pool["nodeTemplate"]["capacity"]["cpu"], "2");
    assert_eq!(pool["labels"]["worker.gardener.cloud/pool"], "worker");
    assert_eq!(
        pool["labels"]["worker.gardener.cloud/gardener-node-agent-secret-name"],
        secret
    );
    assert_eq!(
        (&pool["minimum"], &pool["maximum"], &pool["maxSurge"]),
        (&json!(1), &json!(2), &json!(1))
    );
    for (suffix, purpose) in [("init", "provision"), ("original", "reconcile")] {
        let configuration = world
            .extension("operatingsystemconfigs", &format!("{secret}-{suffix}"))
            .unwrap();
        assert_eq!(configuration["spec"]["purpose"], purpose);
        assert_eq!(configuration["spec"]["type"], "local");
    }
    assert!(
        world
            .managed("shoot-gardener-node-agent")
            .contains(&format!("Secret {secret}"))
    );
    for (resource, object) in [
        ("shoot-core-kube-proxy", "DaemonSet kube-proxy"),
        ("shoot-core-coredns", "Service kube-dns"),
        ("shoot-core-metrics-server", "APIService v1beta1.metrics.k8s.io"),
        ("shoot-core-local-storage", "StorageClass local"),
        (
            "shoot-core-system",
            "ClusterRoleBinding gardener.cloud:target:kube-scheduler",
        ),
    ] {
        assert!(
            world.managed(resource).contains(&object.to_owned()),
            "{resource}: {object}"
        );
    }
    let authorizer = format!("{NAMESPACE}/secrets/kube-apiserver-authorization-webhooks-kubeconfigs");
    assert!(world.seed.get(&authorizer).is_some());
    let scheduler = "/apis/apps/v1/namespaces/shoot--dev--first/deployments/kube-scheduler";
    assert!(world.seed.get(scheduler).is_some());
}

#[tokio::test(start_paused = true)]
async fn machines_are_made_while_the_api_server_comes_up() {
    let world = World::with_workers();
    world.break_api_server();
    let made = async {
        while world.extension("workers", "first").is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // What follows the API server's first answer.
        assert!(
            world
                .seed
                .get(&format!("{NAMESPACE}/secrets/gardener-internal"))
                .is_none()
        );
        world.mend_api_server();
    };
    let made = tokio::time::timeout(Duration::from_secs(120), made);
    let (ended, made) = tokio::join!(create(&world), made);
    assert_eq!((ended, made), (Ended::Succeeded, Ok(())), "{:?}", errors(&world));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_machines_whose_api_server_never_answers() {
    let world = World::with_workers();
    world.break_api_server();
    let begun = tokio::time::Instant::now();
    assert_eq!(create(&world).await, Ended::Failed);
    assert!(begun.elapsed() < Duration::from_secs(900), "{:?}", begun.elapsed());
    let failed: Vec<String> = errors(&world).into_iter().map(|(task, _, _)| task).collect();
    assert_eq!(failed, ["Waiting for the Kubernetes API server to answer"]);
    assert!(world.extension("workers", "first").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_second_reconciliation_makes_no_secrets_anew() {
    let world = World::with_workers();
    create(&world).await;
    let before = world.seed_secrets().await;
    assert_eq!(reconcile(&world).await, Ended::Succeeded, "{:?}", errors(&world));
    assert_eq!(world.seed_secrets().await, before);
}

#[tokio::test(start_paused = true)]
async fn pools_come_go_and_grow() {
    let world = World::with_workers();
    create(&world).await;
    world.change_shoot(|shoot| {
        shoot.metadata.generation = Some(2);
        shoot.spec.provider.workers = vec![pool("second")];
        shoot.spec.provider.workers[0].maximum = 7;
    });
    assert_eq!(reconcile(&world).await, Ended::Succeeded, "{:?}", errors(&world));
    let worker = world.extension("workers", "first").unwrap();
    let pools: Vec<_> = worker["spec"]["pools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pool| &pool["name"])
        .collect();
    assert_eq!(pools, ["second"]);
    assert_eq!(worker["spec"]["pools"][0]["maximum"], 7);
    let configurations = "/apis/extensions.gardener.cloud/v1alpha1/namespaces/shoot--dev--first/operatingsystemconfigs";
    let left: Vec<String> = world.all(configurations).await.iter().map(name).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(
        left.iter().all(|name| name.starts_with("gardener-node-agent-second-")),
        "{left:?}"
    );
    let read = world.managed("shoot-gardener-node-agent");
    assert!(
        !read.iter().any(|object| object.contains("node-agent-worker")),
        "{read:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn configurations_that_machines_still_read_stay_until_these_are_gone() {
    let world = World::with_workers();
    create(&world).await;
    world.change_shoot(|shoot| {
        shoot.metadata.generation = Some(2);
        shoot.spec.provider.workers = vec![pool("second")];
    });
    world.fail_extension("workers", ErrorCode::InfraResourcesDepleted);
    assert_eq!(reconcile(&world).await, Ended::Failed);
    let read = world.managed("shoot-gardener-node-agent");
    for pool in ["worker", "second"] {
        let prefix = format!("Secret gardener-node-agent-{pool}-");
        assert!(
            read.iter().any(|object| object.starts_with(&prefix)),
            "{pool}: {read:?}"
        );
    }
    world.mend_extensions();
    assert_eq!(reconcile(&world).await, Ended::Succeeded, "{:?}", errors(&world));
}

#[tokio::test(start_paused = true)]
async fn what_the_cloud_refuses_is_told_with_its_code_and_may_be_mended() {
    let world = World::with_workers();
    world.fail_extension("workers", ErrorCode::InfraQuotaExceeded);
    assert_eq!(create(&world).await, Ended::Failed);
    let (task, codes, description) = errors(&world).remove(0);
    assert_eq!(
        (task.as_str(), codes),
        ("Waiting for the machines", vec![ErrorCode::InfraQuotaExceeded])
    );
    assert!(description.contains("Worker shoot--dev--first/first"), "{description}");
    assert!(
        description.contains("its extension says: the cloud says no"),
        "{description}"
    );
    assert_eq!(state(&world.shoot()).1, LastOperationState::Error);
    world.mend_extensions();
    assert_eq!(create(&world).await, Ended::Succeeded, "{:?}", errors(&world));
    assert_eq!(errors(&world), []);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_the_cloud_does_not_know_are_final_at_once() {
    let world = World::with_workers();
    world.fail_extension("infrastructures", ErrorCode::InfraUnauthenticated);
    assert_eq!(create(&world).await, Ended::GaveUp);
    let (task, codes, _) = errors(&world).remove(0);
    assert_eq!(
        (task.as_str(), codes),
        ("Making the infrastructure", vec![ErrorCode::InfraUnauthenticated])
    );
}

#[tokio::test(start_paused = true)]
async fn a_binding_that_is_missing_is_the_users_to_correct() {
    let world = World::with_workers();
    world.change_shoot(|shoot| shoot.spec.credentials_binding_name = Some("other".to_owned()));
    assert_eq!(create(&world).await, Ended::GaveUp);
    let (task, codes, description) = errors(&world).remove(0);
    assert_eq!(
        (task.as_str(), codes),
        ("Copying the cloud's credentials", vec![ErrorCode::ConfigurationProblem])
    );
    let expected = "spec.credentialsBindingName: CredentialsBinding garden-dev/other does not exist";
    assert!(description.contains(expected), "{description}");
}

/// The position of a write in the seed's log.
fn position(world: &World, write: &str) -> usize {
    let writes = world.seed.writes();
    let found = writes
        .iter()
        .position(|line| line.starts_with("DELETE") && line.contains(write));
    found.unwrap_or_else(|| panic!("no DELETE of {write}"))
}

#[tokio::test(start_paused = true)]
async fn a_deleted_shoot_with_machines_leaves_nothing() {
    let world = World::with_workers();
    create(&world).await;
    world.mark_for_deletion();
    assert_eq!(
        delete(&world).await,
        Ended::Gone,
        "{:?}",
        world.try_shoot().map(|_| errors(&world))
    );
    assert_eq!(world.left_in_seed().await, Vec::<String>::new());
    assert_eq!(world.left_in_project(), Vec::<String>::new());
    let order = [
        "/workers/first",
        "/controlplanes/first",
        "/infrastructures/first",
        "/clusters/shoot--dev--first",
    ];
    let positions = order.map(|write| position(&world, write));
    assert!(positions.is_sorted(), "{positions:?}");
    assert!(position(&world, "/workers/first") < position(&world, "/deployments/kube-apiserver"));
}

#[tokio::test(start_paused = true)]
async fn load_balancers_go_while_somebody_can_remove_them() {
    let world = World::with_workers();
    create(&world).await;
    let service = |name: &str, type_: &str| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "namespace": "default" }, "spec": { "type": type_ },
        })
    };
    world.inside.insert(&service("balanced", "LoadBalancer"));
    world.inside.insert(&service("plain", "ClusterIP"));
    world.inside.insert(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": { "name": "no" },
    }));
    world.mark_for_deletion();
    assert_eq!(delete(&world).await, Ended::Gone);
    assert!(
        world
            .inside
            .get("/api/v1/namespaces/default/services/balanced")
            .is_none()
    );
    assert!(world.inside.get("/api/v1/namespaces/default/services/plain").is_some());
    let webhook = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/no";
    assert!(world.inside.get(webhook).is_none());
}

#[tokio::test(start_paused = true)]
async fn deletion_waits_for_an_api_server_and_a_cloud_that_are_away() {
    let world = World::with_workers();
    create(&world).await;
    world.break_api_server();
    world.mark_for_deletion();
    assert_eq!(delete(&world).await, Ended::Failed);
    let (task, codes, _) = errors(&world).remove(0);
    assert_eq!(
        (task.as_str(), codes),
        (
            "Removing what users made in the cloud",
            vec![ErrorCode::CleanupClusterResources]
        )
    );
    assert!(
        world.extension("workers", "first").is_some(),
        "nothing is lost meanwhile"
    );
    world.mend_api_server();
    assert_eq!(delete(&world).await, Ended::Gone);
    assert_eq!(world.left_in_seed().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_forced_deletion_asks_no_api_server() {
    let world = World::with_workers();
    create(&world).await;
    world.break_api_server();
    world.mark_for_deletion();
    world.change_shoot(|shoot| {
        let annotations = shoot.metadata.annotations.get_or_insert_default();
        annotations.insert(
            "confirmation.gardener.cloud/force-deletion".to_owned(),
            "true".to_owned(),
        );
    });
    assert_eq!(delete(&world).await, Ended::Gone);
    assert_eq!(world.left_in_seed().await, Vec::<String>::new());
}

/// Kills gardenlet after every few writes of creation and of deletion, and begins again from what is there.
#[tokio::test(start_paused = true)]
async fn operations_with_machines_cut_short_anywhere_go_on_from_there() {
    for writes in (1..200).step_by(23) {
        let world = World::with_workers();
        let creation = operation::run(&world.gardenlet, world.shoot(), LastOperationType::Create);
        world.run_until_writes(writes, creation).await;
        let created = create(&world).await;
        assert_eq!(
            created,
            Ended::Succeeded,
            "creation, cut after {writes} writes: {:?}",
            errors(&world)
        );
        world.mark_for_deletion();
        let cut = world.writes() + writes / 2;
        let deletion = operation::run(&world.gardenlet, world.shoot(), LastOperationType::Delete);
        world.run_until_writes(cut, deletion).await;
        if world.try_shoot().is_some() {
            assert_eq!(delete(&world).await, Ended::Gone, "deletion, cut after {writes} writes");
        }
        assert_eq!(
            world.left_in_seed().await,
            Vec::<String>::new(),
            "cut after {writes} writes"
        );
    }
}

/// The same, but the user gives up: what was half made is removed.
#[tokio::test(start_paused = true)]
async fn a_half_made_shoot_with_machines_can_be_deleted() {
    for writes in (1..200).step_by(29) {
        let world = World::with_workers();
        let creation = operation::run(&world.gardenlet, world.shoot(), LastOperationType::Create);
        world.run_until_writes(writes, creation).await;
        world.mark_for_deletion();
        assert_eq!(delete(&world).await, Ended::Gone, "cut after {writes} writes");
        assert_eq!(
            world.left_in_seed().await,
            Vec::<String>::new(),
            "cut after {writes} writes"
        );
    }
}
