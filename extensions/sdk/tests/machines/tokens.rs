//! Bootstrap tokens: kept in the seed, announced to the shoot once, spent with the join.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt as _};
use lib_clock::Clock as _;
use testing_testkit::{eventually, ready_when};

use crate::world::{DEADLINE, Server, World};

/// The token in a machine's user data, as `id.secret`.
pub(crate) fn token_of(world: &World, machine: &str) -> String {
    let user_data = world.cloud.get_made(machine).unwrap().user_data;
    let line = user_data.lines().last().unwrap();
    line.strip_prefix(&format!("join {machine} ")).unwrap().to_owned()
}

fn text(secret: &Secret, key: &str) -> String {
    let data = secret.data.as_ref().unwrap();
    String::from_utf8(data[key].0.clone()).unwrap()
}

/// What a Secret has of a token, as `id.secret`.
fn told(secret: &Secret) -> String {
    format!("{}.{}", text(secret, "token-id"), text(secret, "token-secret"))
}

/// The shoot's Secret of a token.
pub(crate) async fn announced(world: &World, token: &str) -> Option<Secret> {
    let (id, _) = token.split_once('.').unwrap();
    let secrets: Api<Secret> = Api::namespaced(world.client.clone(), "kube-system");
    secrets.get_opt(&format!("bootstrap-token-{id}")).await.unwrap()
}

/// Waits until the token in a machine's user data is valid.
pub(crate) async fn until_announced(world: &World, machine: &str) -> Secret {
    world.until_announced(machine).await;
    let token = token_of(world, machine);
    let secret = announced(world, &token).await.unwrap();
    assert_eq!(told(&secret), token);
    secret
}

/// The Secrets of the seed that keep tokens.
async fn kept(world: &World) -> Vec<Secret> {
    let mut secrets = world.list::<Secret>().await;
    secrets.retain(|secret| secret.name_any().ends_with("-bootstrap-token"));
    secrets
}

#[tokio::test]
async fn a_machine_is_made_before_its_shoot_answers_and_may_join_once() {
    let server = Server::start().await;
    let mut world = server.world("shoot--dev--early").await;
    world.kill_shoot().await;
    world.put_class("class-a").await;
    world.put_deployment(1, "class-a", |_| {}).await;
    let name = world.cloud_has(1).await.remove(0);
    world.until_said(&name, "has to join").await;
    let token = token_of(&world, &name);
    let secret = kept(&world).await.remove(0);
    assert_eq!(secret.name_any(), format!("{name}-bootstrap-token"));
    assert_eq!(secret.owner_references()[0].name, name);
    assert_eq!(told(&secret), token);
    assert_eq!(announced(&world, &token).await, None);

    // However late the shoot answers: the machine has its whole time from then on.
    world.clock.advance(Duration::from_secs(3600));
    world.revive_shoot();
    let secret = until_announced(&world, &name).await;
    let expiration: jiff::Timestamp = text(&secret, "expiration").parse().unwrap();
    let left = Duration::try_from(expiration.duration_since(world.clock.now())).unwrap();
    assert_eq!(left, Duration::from_secs(20 * 60));
    assert_eq!(world.until_running(1).await, std::slice::from_ref(&name));
    assert_eq!(
        (announced(&world, &token).await, kept(&world).await),
        (None, Vec::new())
    );

    // Neither a restart nor a node that vanishes brings it back.
    world.crash();
    world.start();
    controller::delete::delete(&world.nodes(), &name).await.unwrap();
    world.until_said(&name, "it has no node").await;
    assert_eq!(
        (announced(&world, &token).await, kept(&world).await),
        (None, Vec::new())
    );
}

#[tokio::test]
async fn a_token_that_was_drawn_before_a_crash_is_the_machines() {
    let server = Server::start().await;
    let mut world = server.world("shoot--dev--drawn").await;
    // The cloud does not answer: the token is drawn, and the controller dies before there is a machine.
    world.cloud.change(|state| state.away = true);
    world.put_class("class-a").await;
    world.put_deployment(1, "class-a", |_| {}).await;
    let secret = eventually(DEADLINE, "a token to be kept", || async {
        let mut kept = kept(&world).await;
        ready_when(kept.len() == 1, || format!("{} are kept", kept.len())).map(|()| kept.remove(0))
    })
    .await;
    world.crash();
    assert_eq!(world.cloud.names(), [""; 0]);

    world.cloud.change(|state| state.away = false);
    world.start();
    let name = world.cloud_has(1).await.remove(0);
    assert_eq!(secret.name_any(), format!("{name}-bootstrap-token"));
    assert_eq!(token_of(&world, &name), told(&secret));
    until_announced(&world, &name).await;
    world.delete_deployment().await;
    world.until_gone().await;
    assert_eq!(kept(&world).await, []);
}
