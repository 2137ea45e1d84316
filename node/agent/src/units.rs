//! What we ask of whoever runs units.

use std::collections::BTreeMap;

use async_trait::async_trait;

/// What a unit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// It runs, or its work is done and counts as running.
    Active,
    /// It starts, stops, or waits to be started again.
    Changing,
    /// It does not run.
    Inactive,
    /// It failed, and nobody starts it again.
    Failed,
    /// It did what it is for, and ended.
    Done,
}

/// A unit's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnitState {
    /// What it does.
    pub(crate) activity: Activity,
    /// Whether it can be started: there is a file, and nobody masked it.
    pub(crate) startable: bool,
}

/// Why a unit is not as it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnitError {
    /// systemd is not there, or refuses.
    #[error("failed to {action}")]
    Call {
        /// What was asked.
        action: String,
        /// Why not.
        source: zbus::Error,
    },
    /// A job ended badly.
    #[error("the job to {action} ended as {result:?}")]
    Job {
        /// What was asked.
        action: String,
        /// systemd's word for it: `failed`, `timeout`, `dependency`.
        result: String,
    },
    /// A job did not end.
    #[error("gave up waiting for the job to {0}")]
    Deadline(String),
}

/// Runs units: systemd, or a test's double.
#[async_trait]
pub(crate) trait Units: Send + Sync {
    /// Reads all unit files again.
    async fn reload(&self) -> Result<(), UnitError>;
    /// Lets a unit start with the machine, or not; whether that changed anything.
    async fn set_enabled(&self, unit: &str, enabled: bool) -> Result<bool, UnitError>;
    /// States of units.
    async fn states(&self, units: &[&str]) -> Result<BTreeMap<String, UnitState>, UnitError>;
    /// Starts a unit and waits until it runs.
    async fn start(&self, unit: &str) -> Result<(), UnitError>;
    /// Stops a unit and waits until it has ended.
    async fn stop(&self, unit: &str) -> Result<(), UnitError>;
    /// Stops a unit if it runs, starts it, and waits until it runs.
    async fn restart(&self, unit: &str) -> Result<(), UnitError>;
    /// Asks for a restart and does not wait for it: it may end us.
    async fn restart_soon(&self, unit: &str) -> Result<(), UnitError>;
}
