//! Whole operations on clusters in memory: creation, deletion, and both cut short anywhere.

mod real; // extension objects on a real API server
mod workers; // the same with machines
mod world; // a garden and a seed, with those who work in them

use api::core::v1beta1::{ConditionStatus, ErrorCode, LastOperationState, LastOperationType, Shoot};
use http::Method;

use self::world::World;
use super::operation::{self, Ended};

fn state(shoot: &Shoot) -> (LastOperationType, LastOperationState, i32) {
    let last = shoot.status.last_operation.clone().unwrap();
    (last.type_, last.state, last.progress)
}

async fn create(world: &World) -> Ended {
    Box::pin(operation::run(
        &world.gardenlet,
        world.shoot(),
        LastOperationType::Create,
    ))
    .await
    .unwrap()
}

async fn delete(world: &World) -> Ended {
    Box::pin(operation::run(
        &world.gardenlet,
        world.shoot(),
        LastOperationType::Delete,
    ))
    .await
    .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_shoot_is_created_with_all_it_needs() {
    let world = World::new();
    assert_eq!(create(&world).await, Ended::Succeeded);
    let shoot = world.shoot();
    assert_eq!(
        state(&shoot),
        (LastOperationType::Create, LastOperationState::Succeeded, 100)
    );
    assert_eq!(shoot.metadata.finalizers, Some(vec!["gardener".to_owned()]));
    assert_eq!(shoot.status.technical_id, "shoot--dev--first");
    assert_eq!(shoot.status.seed_name.as_deref(), Some("local"));
    assert_eq!(
        shoot.status.cluster_identity.as_deref(),
        Some("shoot--dev--first-uid-1-garden")
    );
    assert_eq!(shoot.status.observed_generation, 1);
    let urls: Vec<&str> = shoot
        .status
        .advertised_addresses
        .iter()
        .map(|address| address.url.as_str())
        .collect();
    let (external, internal) = (
        "https://api.first.dev.shoots.test",
        "https://api.first.dev.internal.test",
    );
    assert_eq!(urls, [external, internal, external]);
    for path in [
        "/apis/apps/v1/namespaces/shoot--dev--first/deployments/kube-apiserver",
        "/apis/apps/v1/namespaces/shoot--dev--first/deployments/kube-controller-manager",
        "/apis/druid.gardener.cloud/v1alpha1/namespaces/shoot--dev--first/etcds/etcd-main",
        "/apis/extensions.gardener.cloud/v1alpha1/clusters/shoot--dev--first",
        "/apis/extensions.gardener.cloud/v1alpha1/namespaces/shoot--dev--first/dnsrecords/first-external",
        "/apis/extensions.gardener.cloud/v1alpha1/namespaces/shoot--dev--first/dnsrecords/first-internal",
        "/apis/gateway.networking.k8s.io/v1/namespaces/shoot--dev--first/tlsroutes/kube-apiserver",
        "/apis/networking.k8s.io/v1/namespaces/shoot--dev--first/networkpolicies/deny-all",
        "/apis/resources.gardener.cloud/v1alpha1/namespaces/shoot--dev--first/managedresources/shoot-core-system",
        "/api/v1/namespaces/shoot--dev--first/secrets/ca-client",
        "/api/v1/namespaces/shoot--dev--first/secrets/gardener-internal",
    ] {
        assert!(world.seed.get(path).is_some(), "{path}");
    }
    let record = world
        .seed
        .get("/apis/extensions.gardener.cloud/v1alpha1/namespaces/shoot--dev--first/dnsrecords/first-external")
        .unwrap();
    assert_eq!(record["spec"]["values"][0], "172.30.2.1");
    assert_eq!(record["spec"]["secretRef"]["name"], "dnsrecord-first-external");
    let bundle = world
        .garden
        .get("/api/v1/namespaces/garden-dev/configmaps/first.ca-cluster")
        .unwrap();
    assert!(bundle["data"]["ca.crt"].as_str().unwrap().contains("BEGIN CERTIFICATE"));
    let authority = world
        .garden
        .get("/apis/core.gardener.cloud/v1beta1/namespaces/garden-dev/internalsecrets/first.ca-client");
    assert!(authority.unwrap()["data"]["ca.key"].is_string());
}

#[tokio::test(start_paused = true)]
async fn a_second_reconciliation_changes_nothing_but_times() {
    let world = World::new();
    create(&world).await;
    let before = world.seed_secrets().await;
    let ended = operation::run(&world.gardenlet, world.shoot(), LastOperationType::Reconcile)
        .await
        .unwrap();
    assert_eq!(ended, Ended::Succeeded);
    assert_eq!(world.seed_secrets().await, before);
    assert_eq!(state(&world.shoot()).0, LastOperationType::Reconcile);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_shoot_leaves_nothing() {
    let world = World::new();
    create(&world).await;
    world.mark_for_deletion();
    assert_eq!(delete(&world).await, Ended::Gone);
    assert!(world.try_shoot().is_none());
    assert_eq!(world.left_in_seed().await, Vec::<String>::new());
    assert_eq!(world.left_in_project(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_shoot_that_was_never_made_is_deleted() {
    let world = World::new();
    world.mark_for_deletion();
    assert_eq!(delete(&world).await, Ended::Gone);
    assert!(world.try_shoot().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_shoot_with_a_broken_api_server_is_deleted() {
    let world = World::new();
    create(&world).await;
    world.break_api_server();
    world.mark_for_deletion();
    assert_eq!(delete(&world).await, Ended::Gone);
    assert_eq!(world.left_in_seed().await, Vec::<String>::new());
}

/// Kills gardenlet after every few writes, and begins again from what is there.
#[tokio::test(start_paused = true)]
async fn operations_cut_short_anywhere_go_on_from_there() {
    for writes in (1..90).step_by(11) {
        let world = World::new();
        world
            .run_until_writes(
                writes,
                operation::run(&world.gardenlet, world.shoot(), LastOperationType::Create),
            )
            .await;
        assert_eq!(
            create(&world).await,
            Ended::Succeeded,
            "creation, cut after {writes} writes"
        );
        world.mark_for_deletion();
        let cut = world.writes() + writes / 3;
        world
            .run_until_writes(
                cut,
                operation::run(&world.gardenlet, world.shoot(), LastOperationType::Delete),
            )
            .await;
        if world.try_shoot().is_some() {
            assert_eq!(delete(&world).await, Ended::Gone, "deletion, cut after {writes} writes");
        }
        assert_eq!(
            world.left_in_seed().await,
            Vec::<String>::new(),
            "cut after {writes} writes"
        );
        assert_eq!(
            world.left_in_project(),
            Vec::<String>::new(),
            "cut after {writes} writes"
        );
    }
}

/// The same, but the user gives up: what was half made is removed.
#[tokio::test(start_paused = true)]
async fn a_creation_cut_short_anywhere_can_be_deleted() {
    for writes in (1..90).step_by(13) {
        let world = World::new();
        world
            .run_until_writes(
                writes,
                operation::run(&world.gardenlet, world.shoot(), LastOperationType::Create),
            )
            .await;
        world.mark_for_deletion();
        assert_eq!(delete(&world).await, Ended::Gone, "cut after {writes} writes");
        assert_eq!(
            world.left_in_seed().await,
            Vec::<String>::new(),
            "cut after {writes} writes"
        );
        assert_eq!(
            world.left_in_project(),
            Vec::<String>::new(),
            "cut after {writes} writes"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_extensions_error_is_told_with_its_code_and_task() {
    let world = World::new();
    world.fail_extension("dnsrecords", ErrorCode::InfraRateLimitsExceeded);
    assert_eq!(create(&world).await, Ended::Failed);
    let shoot = world.shoot();
    assert_eq!(state(&shoot).1, LastOperationState::Error);
    let tasks: Vec<_> = shoot
        .status
        .last_errors
        .iter()
        .filter_map(|error| error.task_id.as_deref())
        .collect();
    assert_eq!(
        tasks,
        ["Making the internal DNS record", "Making the external DNS record"]
    );
    assert_eq!(shoot.status.last_errors[0].codes, [ErrorCode::InfraRateLimitsExceeded]);
    assert!(
        shoot.status.last_errors[0]
            .description
            .contains("its extension says: the cloud says no")
    );
    // The rest went on.
    assert!(
        world
            .seed
            .get("/apis/apps/v1/namespaces/shoot--dev--first/deployments/kube-controller-manager")
            .is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn a_shoot_that_fails_for_too_long_has_failed() {
    let world = World::new();
    world.fail_extension("dnsrecords", ErrorCode::InfraRateLimitsExceeded);
    assert_eq!(create(&world).await, Ended::Failed);
    world
        .clock
        .advance(world.gardenlet.settings.retry_duration + std::time::Duration::from_secs(1));
    assert_eq!(create(&world).await, Ended::GaveUp);
    assert_eq!(state(&world.shoot()).1, LastOperationState::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_newer_wish_ends_the_operation() {
    let world = World::new();
    world.break_api_server();
    let running = operation::run(&world.gardenlet, world.shoot(), LastOperationType::Create);
    let change = async {
        tokio::time::sleep(std::time::Duration::from_secs(20)).await;
        world.change_shoot(|shoot| shoot.metadata.generation = Some(2));
    };
    let (ended, ()) = tokio::join!(running, change);
    assert_eq!(ended.unwrap(), Ended::Superseded);
    assert_eq!(state(&world.shoot()).1, LastOperationState::Pending);
}

#[tokio::test(start_paused = true)]
async fn progress_is_reported() {
    let world = World::new();
    world.break_api_server();
    let running = operation::run(&world.gardenlet, world.shoot(), LastOperationType::Create);
    let look = async {
        tokio::time::sleep(std::time::Duration::from_secs(20)).await;
        world.shoot().status.last_operation.unwrap()
    };
    tokio::pin!(running);
    let last = tokio::select! { last = look => last, _ = &mut running => panic!("it can't end") };
    assert_eq!(last.state, LastOperationState::Processing);
    assert!((10..100).contains(&last.progress), "{}", last.progress);
    assert_eq!(last.description, "Waiting for the Kubernetes API server to answer");
}

#[tokio::test(start_paused = true)]
async fn a_seed_that_refuses_is_told_to_the_user() {
    let world = World::new();
    world.seed.fail(&Method::PATCH, "/etcds/etcd-main", 500, 100);
    assert_eq!(create(&world).await, Ended::Failed);
    let errors = world.shoot().status.last_errors;
    assert_eq!(errors[0].task_id.as_deref(), Some("Deploying etcd"));
    assert!(
        errors[0]
            .description
            .contains("failed to apply Etcd shoot--dev--first/etcd-main"),
        "{}",
        errors[0].description
    );
    let conditions = world.shoot().status.conditions;
    assert!(
        conditions
            .iter()
            .all(|condition| condition.status != ConditionStatus::False)
    );
}
