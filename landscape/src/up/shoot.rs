//! The last phase: the sample shoot, until its API server answers through the gateway.

use std::time::Duration;

use api::core::v1beta1::Shoot;
use controller::wait::{Progress, poll, until};
use kube::Api;

use super::cluster::Cluster;
use super::context::Phase;
use super::error::UpError;
use super::garden::state;
use super::seed::is_healthy;
use crate::access::{Access, ShootName};
use crate::samples::{self, PROJECT, PROJECT_NAMESPACE, SHOOT};

const PAUSE: Duration = Duration::from_millis(200);

/// The gateway knows a route at once; the name may take its time to live to appear.
const ANSWER: Duration = Duration::from_secs(60);

/// Makes the sample shoot and waits until it answers.
pub(crate) async fn make(phase: Phase, deadline: Duration) -> Result<(), UpError> {
    let context = &phase.context;
    let garden = context.garden()?;
    garden.apply(&phase, samples::shoot()).await?;
    let shoots: Api<Shoot> = Api::namespaced(garden.client(), PROJECT_NAMESPACE);
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

fn shoot_state(shoot: &Shoot) -> Progress {
    if shoot.status.observed_generation != shoot.metadata.generation.unwrap_or_default() {
        return Progress::Waiting("no gardenlet has seen it yet".to_owned());
    }
    state(shoot.status.last_operation.as_ref(), &shoot.status.conditions, &[])
}
