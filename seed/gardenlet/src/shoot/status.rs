//! What users see of a shoot: its status, written as merge patches guarded by the resource version.

use api::core::v1beta1::{
    Gardener, LastError, LastOperation, LastOperationState, LastOperationType, Shoot, ShootStatus,
};
use apimachinery::meta::Time;
use controller::status::StatusError;
use jiff::Timestamp;
use kube::{Api, Client};

use super::error::{TaskError, in_garden};

/// Others (care, the user's own tools) write the same object: so often is tried again from what is there.
const ATTEMPTS: usize = 8;

/// Writes the status of one shoot.
#[derive(Clone, Debug)]
pub(crate) struct StatusWriter {
    api: Api<Shoot>,
    name: String,
}

impl StatusWriter {
    /// Of the shoot `name`.
    pub(crate) fn new(garden_client: Client, namespace: &str, name: &str) -> Self {
        Self {
            api: Api::namespaced(garden_client, namespace),
            name: name.to_owned(),
        }
    }

    /// Changes the status of what is there now, and returns it; nothing is sent when nothing changes.
    ///
    /// `None`: the shoot is gone.
    pub(crate) async fn update(&self, change: impl Fn(&mut ShootStatus)) -> Result<Option<Shoot>, TaskError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let Some(shoot) = self
                .api
                .get_opt(&self.name)
                .await
                .map_err(in_garden("read the shoot"))?
            else {
                return Ok(None);
            };
            match self.write(&shoot, &change).await {
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => {}
                written => return Ok(Some(written?)),
            }
        }
    }

    async fn write(&self, shoot: &Shoot, change: &impl Fn(&mut ShootStatus)) -> Result<Shoot, StatusError> {
        let mut wished = shoot.status.clone();
        change(&mut wished);
        let written = controller::status::update(&self.api, shoot, &shoot.status, &wished).await?;
        Ok(written.unwrap_or_else(|| shoot.clone()))
    }
}

/// What does not change during an operation.
#[derive(Clone, Debug)]
pub(crate) struct Start<'a> {
    pub(crate) operation: LastOperationType,
    pub(crate) generation: i64,
    pub(crate) seed_name: &'a str,
    pub(crate) technical_id: &'a str,
    pub(crate) uid: &'a str,
    pub(crate) cluster_identity: Option<String>,
    pub(crate) gardener: Gardener,
}

/// An operation begins.
pub(crate) fn begin(status: &mut ShootStatus, start: &Start<'_>, now: Timestamp) {
    let resumed = status
        .last_operation
        .as_ref()
        .is_some_and(|last| last.type_ == start.operation && last.state != LastOperationState::Succeeded)
        && status.observed_generation == start.generation;
    let progress = status
        .last_operation
        .as_ref()
        .filter(|_| resumed)
        .map_or(0, |last| last.progress);
    status.last_operation = Some(LastOperation {
        description: describe(&start.operation, "has begun"),
        last_update_time: Some(Time(now)),
        progress,
        state: LastOperationState::Processing,
        type_: start.operation.clone(),
    });
    if !resumed || status.retry_cycle_start_time.is_none() {
        status.retry_cycle_start_time = Some(Time(now));
    }
    status.observed_generation = start.generation;
    status.gardener = start.gardener.clone();
    status.seed_name = Some(start.seed_name.to_owned());
    if status.technical_id.is_empty() {
        status.technical_id = start.technical_id.to_owned();
    }
    if status.uid.is_empty() {
        status.uid = start.uid.to_owned();
    }
    if status.cluster_identity.is_none() {
        status.cluster_identity.clone_from(&start.cluster_identity);
    }
}

/// An operation goes on.
pub(crate) fn progress(status: &mut ShootStatus, percent: u8, running: &str, now: Timestamp) {
    if let Some(last) = &mut status.last_operation {
        last.progress = i32::from(percent);
        last.description = running.to_owned();
        last.last_update_time = Some(Time(now));
    }
}

/// An operation has succeeded.
pub(crate) fn succeed(status: &mut ShootStatus, operation: &LastOperationType, now: Timestamp) {
    status.last_operation = Some(LastOperation {
        description: describe(operation, "has succeeded"),
        last_update_time: Some(Time(now)),
        progress: 100,
        state: LastOperationState::Succeeded,
        type_: operation.clone(),
    });
    status.last_errors.clear();
    status.retry_cycle_start_time = None;
}

/// An operation did not succeed; `give_up`: it is not tried again by itself.
pub(crate) fn fail(status: &mut ShootStatus, errors: &[LastError], give_up: bool, now: Timestamp) {
    let descriptions: Vec<&str> = errors.iter().map(|error| error.description.as_str()).collect();
    if let Some(last) = &mut status.last_operation {
        last.state = if give_up {
            LastOperationState::Failed
        } else {
            LastOperationState::Error
        };
        let hope = if give_up { "" } else { " Operation will be retried." };
        last.description = format!("{}.{hope}", descriptions.join("; "));
        last.last_update_time = Some(Time(now));
    }
    status.last_errors = errors.to_vec();
}

/// A newer wish came before the operation was over.
pub(crate) fn supersede(status: &mut ShootStatus, now: Timestamp) {
    if let Some(last) = &mut status.last_operation {
        last.state = LastOperationState::Pending;
        last.description = "The shoot has changed; the operation goes on with what is wished now.".to_owned();
        last.last_update_time = Some(Time(now));
    }
}

fn describe(operation: &LastOperationType, what: &str) -> String {
    let name = match operation {
        LastOperationType::Create => "creation",
        LastOperationType::Delete => "deletion",
        LastOperationType::Migrate | LastOperationType::LiveMigrate => "migration",
        LastOperationType::Restore => "restoration",
        LastOperationType::Reconcile | LastOperationType::Other(_) => "reconciliation",
    };
    format!("The {name} of the shoot's control plane {what}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(generation: i64) -> Start<'static> {
        Start {
            operation: LastOperationType::Create,
            generation,
            seed_name: "local",
            technical_id: "shoot--dev--first",
            uid: "1-2-3",
            cluster_identity: None,
            gardener: Gardener::default(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_retry_keeps_its_cycle_and_a_new_wish_begins_another() {
        let mut status = ShootStatus::default();
        begin(&mut status, &start(1), at(100));
        fail(
            &mut status,
            &[LastError {
                description: "no".to_owned(),
                ..LastError::default()
            }],
            false,
            at(110),
        );
        assert_eq!(
            status.last_operation.as_ref().unwrap().description,
            "no. Operation will be retried."
        );
        begin(&mut status, &start(1), at(120));
        assert_eq!(status.retry_cycle_start_time, Some(Time(at(100))));
        begin(&mut status, &start(2), at(130));
        assert_eq!(status.retry_cycle_start_time, Some(Time(at(130))));
        assert_eq!(status.observed_generation, 2);
    }

    #[test]
    fn success_clears_errors() {
        let mut status = ShootStatus::default();
        begin(&mut status, &start(1), at(100));
        fail(&mut status, &[LastError::default()], true, at(110));
        assert_eq!(
            status.last_operation.as_ref().unwrap().state,
            LastOperationState::Failed
        );
        succeed(&mut status, &LastOperationType::Create, at(120));
        assert!(status.last_errors.is_empty() && status.retry_cycle_start_time.is_none());
        assert_eq!(status.last_operation.unwrap().progress, 100);
    }

    #[test]
    fn identity_is_written_once() {
        let mut status = ShootStatus {
            technical_id: "old".to_owned(),
            uid: "old".to_owned(),
            ..ShootStatus::default()
        };
        begin(&mut status, &start(1), at(100));
        assert_eq!((status.technical_id.as_str(), status.uid.as_str()), ("old", "old"));
    }
}
