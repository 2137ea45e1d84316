//! Phases of the garden: operator and Garden in the seed, then what its users find in it.

use std::time::Duration;

use api::core::v1beta1::{Condition, LastOperation};
use api::operator::v1alpha1::Garden;
use controller::wait::{Progress, until};
use kube::Api;
use serde::Serialize;

use super::cluster::Cluster;
use super::context::Phase;
use super::error::UpError;
use crate::access::Access;
use crate::samples;
use crate::seed::CLOUD_API;

/// What a Garden must say of itself before it is used.
const CONDITIONS: [&str; 3] = [
    "RuntimeComponentsHealthy",
    "VirtualComponentsHealthy",
    "VirtualGardenAPIServerAvailable",
];

/// Deploys the operator and what it needs, and says what garden is wished.
pub(crate) async fn apply(phase: Phase) -> Result<(), UpError> {
    let context = &phase.context;
    let seed = context.seed()?;
    let image = context.own_image()?;
    let overwrite = context.image_overwrite()?;
    let token = context.cloud.token().await?;
    let mut objects = vec![samples::namespace(), samples::dns_secret(CLOUD_API, &token)];
    objects.extend(samples::priority_classes()?);
    objects.push(samples::image_overwrite(&overwrite));
    objects.extend(samples::garden_extension(image));
    objects.extend(samples::operator(image, &overwrite));
    objects.push(samples::garden(&context.settings.landscape, &context.domain));
    seed.apply_all(&phase, objects).await
}

/// Waits until the garden is ready, and keeps a client for it.
pub(crate) async fn wait(phase: Phase, deadline: Duration) -> Result<(), UpError> {
    let context = &phase.context;
    let seed = context.seed()?.client();
    let gardens: Api<Garden> = Api::all(seed.clone());
    until(&gardens, samples::GARDEN, "to be ready", deadline, |garden| {
        let state = garden.map_or_else(|| Progress::Waiting("absent".to_owned()), garden_state);
        if let Progress::Waiting(text) = &state {
            phase.waiting(text);
        }
        state
    })
    .await?;
    let access = Access::new(&context.settings.landscape, context.proxy());
    let kubeconfig = access.garden_kubeconfig(&seed, context.clock.as_ref()).await?;
    let _ = context.garden.set(Cluster::connect("garden", &kubeconfig).await?);
    Ok(())
}

fn garden_state(garden: &Garden) -> Progress {
    let status = &garden.status;
    if Some(status.observed_generation) != garden.metadata.generation {
        return Progress::Waiting("the operator has not seen it yet".to_owned());
    }
    state(status.last_operation.as_ref(), &status.conditions, &CONDITIONS)
}

/// Whether the last operation succeeded and the conditions hold; otherwise the first thing that is missing.
pub(crate) fn state(operation: Option<&LastOperation>, conditions: &[Condition], needed: &[&str]) -> Progress {
    let Some(operation) = operation else {
        return Progress::Waiting("not begun yet".to_owned());
    };
    if word(&operation.state) != "Succeeded" {
        let text = format!("{}% {}", operation.progress, operation.description);
        return Progress::Waiting(text.trim_end().to_owned());
    }
    missing_condition(conditions, needed).map_or(Progress::Done, Progress::Waiting)
}

/// The first of the needed conditions that does not hold, and why.
pub(crate) fn missing_condition(conditions: &[Condition], needed: &[&str]) -> Option<String> {
    needed.iter().find_map(
        |name| match conditions.iter().find(|condition| condition.type_ == *name) {
            None => Some(format!("{name} is unknown")),
            Some(condition) if word(&condition.status) == "True" => None,
            Some(condition) => Some(format!("{name}: {}", condition.message)),
        },
    )
}

/// An enum of the API as users read it.
fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Puts into the garden what its users find there.
pub(crate) async fn apply_content(phase: Phase) -> Result<(), UpError> {
    let context = &phase.context;
    let token = context.cloud.token().await?;
    let mut objects = vec![
        samples::namespace(),
        samples::dns_secret(CLOUD_API, &token),
        samples::cloud_profile(),
        samples::project(),
        samples::cloud_secret(CLOUD_API, &token),
        samples::cloud_binding(),
    ];
    let provider = samples::provider(context.own_image()?, &context.image_overwrite()?);
    objects.extend(provider.map_err(UpError::Chart)?);
    context.garden()?.apply_all(&phase, objects).await
}

#[cfg(test)]
mod tests {
    use api::core::v1beta1::{ConditionStatus, LastOperationState};

    use super::*;

    fn condition(type_: &str, status: ConditionStatus) -> Condition {
        Condition {
            type_: type_.to_owned(),
            status,
            message: "why".to_owned(),
            ..Condition::default()
        }
    }

    #[test]
    fn the_first_thing_that_is_missing_is_told() {
        let operation = |state| LastOperation {
            state,
            progress: 40,
            description: "Waiting".into(),
            ..LastOperation::default()
        };
        let done = operation(LastOperationState::Succeeded);
        let busy = operation(LastOperationState::Processing);
        let (good, bad) = (
            condition("A", ConditionStatus::True),
            condition("B", ConditionStatus::False),
        );
        let waiting = |text: &str| Progress::Waiting(text.to_owned());
        assert_eq!(state(None, &[], &[]), waiting("not begun yet"));
        assert_eq!(state(Some(&busy), &[], &[]), waiting("40% Waiting"));
        assert_eq!(
            state(Some(&done), std::slice::from_ref(&good), &["A", "B"]),
            waiting("B is unknown")
        );
        assert_eq!(state(Some(&done), &[good.clone(), bad], &["A", "B"]), waiting("B: why"));
        assert_eq!(state(Some(&done), &[good], &["A"]), Progress::Done);
    }
}
