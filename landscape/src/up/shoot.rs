//! The last phase: the sample shoot, until its API server answers through the gateway, and its machines are there.

use std::time::Duration;

use api::core::v1beta1::Shoot;
use controller::wait::{Progress, poll, until};
use kube::Api;

use super::cluster::Cluster;
use super::context::{Phase, Settings};
use super::error::UpError;
use super::garden::state;
use super::seed::is_healthy;
use crate::access::{Access, ShootName};
use crate::samples::{self, PROJECT, PROJECT_NAMESPACE, SHOOT, SHOOT_HAS_MACHINES};

const PAUSE: Duration = Duration::from_millis(200);

/// The gateway knows a route at once; the name may take its time to live to appear.
const ANSWER: Duration = Duration::from_secs(60);

/// Makes the sample shoot and waits until it answers.
pub(crate) async fn make(phase: Phase, deadline: Duration) -> Result<(), UpError> {
    let context = &phase.context;
    let garden = context.garden()?;
    let shoots: Api<Shoot> = Api::namespaced(garden.client(), PROJECT_NAMESPACE);
    let present = shoots.get_opt(SHOOT).await.map_err(|source| UpError::Request {
        step: "read the sample shoot".to_owned(),
        source: Box::new(source),
    })?;
    match present
        .as_ref()
        .and_then(|present| keep_workerless(present, &context.settings))
    {
        Some(notice) => phase.notice(notice),
        None => garden.apply(&phase, samples::shoot()).await?,
    }
    until(&shoots, SHOOT, "to be created", deadline, |shoot| {
        let state = shoot.map_or_else(|| Progress::Waiting("absent".to_owned()), shoot_state);
        if let Progress::Waiting(text) = &state {
            phase.waiting(text);
        }
        state
    })
    .await?;

    phase.detail("asking its API server");
    let name = ShootName {
        project: PROJECT.to_owned(),
        name: SHOOT.to_owned(),
    };
    let access = Access::new(&context.settings.landscape, context.proxy());
    let kubeconfig = access.shoot_kubeconfig(&garden.client(), &name).await?;
    let client = Cluster::connect("shoot", &kubeconfig).await?.client();
    poll("the shoot's API server to be ready", ANSWER, PAUSE, || {
        is_healthy(client.clone(), "/readyz", &phase)
    })
    .await?;
    Ok(())
}

/// What to say of a shoot without machines where the sample has some: it cannot get any, so it is left as it is.
fn keep_workerless(present: &Shoot, settings: &Settings) -> Option<String> {
    if !SHOOT_HAS_MACHINES || !is_workerless(present) {
        return None;
    }
    let (down, up) = (settings.command_line("down"), settings.command_line("up"));
    Some(format!(
        "The shoot {PROJECT}/{SHOOT} of this landscape is workerless, as an earlier version made it, and a workerless shoot cannot get \
         workers.\nTo begin anew with one that has a node: {down} && {up}\n\
         To have one beside it: kubectl --kubeconfig garden.yaml apply -f examples/shoot.yaml"
    ))
}

fn is_workerless(shoot: &Shoot) -> bool {
    shoot.spec.provider.workers.is_empty()
}

fn shoot_state(shoot: &Shoot) -> Progress {
    if shoot.status.observed_generation != shoot.metadata.generation.unwrap_or_default() {
        return Progress::Waiting("no gardenlet has seen it yet".to_owned());
    }
    let needed: &[&str] = if is_workerless(shoot) { &[] } else { &["EveryNodeReady"] };
    state(shoot.status.last_operation.as_ref(), &shoot.status.conditions, needed)
}

#[cfg(test)]
mod tests {
    use landscape_upstream::{Cache, PROXY_PORT};
    use serde_json::json;

    use super::*;
    use crate::up::Extent;

    fn shoot(workers: &serde_json::Value) -> Shoot {
        serde_json::from_value(json!({ "spec": { "provider": { "workers": workers } } })).unwrap()
    }

    fn settings(landscape: &str, proxy_port: u16) -> Settings {
        Settings {
            landscape: landscape.to_owned(),
            proxy_port,
            cache: Cache::new("/cache"),
            own_binary: "/own".into(),
            until: Extent::Shoot,
            command: "target/release/kubeception".to_owned(),
        }
    }

    #[test]
    fn a_workerless_first_is_left_alone_and_its_user_told_what_to_type() {
        let workerless = shoot(&json!([]));
        let cases = [
            (
                settings("local", PROXY_PORT),
                "target/release/kubeception down && target/release/kubeception up\n",
            ),
            (
                settings("other", 7000),
                "target/release/kubeception down --landscape other \
                 && target/release/kubeception up --landscape other --proxy-port 7000\n",
            ),
        ];
        for (settings, expected) in cases {
            let notice = keep_workerless(&workerless, &settings);
            assert_eq!(notice.is_some(), SHOOT_HAS_MACHINES);
            assert!(notice.is_none_or(|text| text.contains(expected)), "{expected}");
            let with_machine = shoot(&json!([{ "name": "worker" }]));
            assert_eq!(keep_workerless(&with_machine, &settings), None);
        }
    }

    #[test]
    fn a_shoot_with_machines_is_there_when_its_nodes_are() {
        let mut shoot = shoot(&json!([{ "name": "worker" }]));
        let operation = json!({ "type": "Create", "state": "Succeeded", "progress": 100 });
        shoot.status.last_operation = serde_json::from_value(operation).unwrap();
        assert_eq!(
            shoot_state(&shoot),
            Progress::Waiting("EveryNodeReady is unknown".to_owned())
        );
        shoot.spec.provider.workers.clear();
        assert_eq!(shoot_state(&shoot), Progress::Done);
    }
}
