//! Units, over systemd's D-Bus interface (`org.freedesktop.systemd1`).

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use futures::StreamExt as _;
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant};

use crate::units::{Activity, UnitError, UnitState, Units};

const SERVICE: &str = "org.freedesktop.systemd1";
const OBJECT: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// systemd's own default for a unit to start is 90 s; its word is waited for.
const JOB_DEADLINE: Duration = Duration::from_secs(120);
/// Everything but jobs is answered at once, also by a busy machine.
const CALL_DEADLINE: Duration = Duration::from_secs(30);

/// The machine's systemd.
#[derive(Debug)]
pub(crate) struct Systemd {
    connection: Connection,
}

/// A line of `ListUnitsByNames`: name, description, load state, active state, sub state, followed unit, object, job, its type and object.
type Listed = (
    String,
    String,
    String,
    String,
    String,
    String,
    OwnedObjectPath,
    u32,
    String,
    OwnedObjectPath,
);

impl Systemd {
    /// Connects to the system's bus.
    pub(crate) async fn connect() -> Result<Self, UnitError> {
        let failed = |source| UnitError::Call {
            action: "connect to systemd".to_owned(),
            source,
        };
        let connection = zbus::connection::Builder::system()
            .method_timeout(CALL_DEADLINE)
            .build()
            .await
            .map_err(failed)?;
        let systemd = Self { connection };
        // Without it systemd does not say how jobs ended.
        systemd.call("Subscribe", &(), "listen to systemd").await?;
        Ok(systemd)
    }

    async fn call<B>(&self, method: &str, body: &B, action: &str) -> Result<Message, UnitError>
    where
        B: serde::Serialize + zbus::DynamicType + Sync,
    {
        let answer = self
            .connection
            .call_method(Some(SERVICE), OBJECT, Some(MANAGER), method, body)
            .await;
        answer.map_err(|source| UnitError::Call {
            action: action.to_owned(),
            source,
        })
    }

    /// Asks for a job and waits for its end.
    async fn job(&self, method: &str, unit: &str, action: &str) -> Result<(), UnitError> {
        let failed = |source| UnitError::Call {
            action: action.to_owned(),
            source,
        };
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .interface(MANAGER)
            .member("JobRemoved")
            .build()
            .map_err(failed)?;
        // Before the job is asked for: it may end before the answer is read.
        let mut ended = MessageStream::for_match_rule(rule, &self.connection, None)
            .await
            .map_err(failed)?;
        let answer = self.call(method, &(unit, "replace"), action).await?;
        let job: OwnedObjectPath = answer.body().deserialize().map_err(failed)?;
        let wait = async {
            while let Some(Ok(signal)) = ended.next().await {
                let body = signal.body();
                if let Ok((_, path, _, result)) = body.deserialize::<(u32, OwnedObjectPath, String, String)>()
                    && path == job
                {
                    return result;
                }
            }
            "lost".to_owned()
        };
        match tokio::time::timeout(JOB_DEADLINE, wait).await {
            Ok(result) if result == "done" || result == "skipped" => Ok(()),
            Ok(result) => Err(UnitError::Job {
                action: action.to_owned(),
                result,
            }),
            Err(_) => Err(UnitError::Deadline(action.to_owned())),
        }
    }

    /// Whether the unit is a service that ends when its work is done.
    async fn is_one_shot(&self, unit: &OwnedObjectPath) -> bool {
        let body = ("org.freedesktop.systemd1.Service", "Type");
        let answer = self
            .connection
            .call_method(Some(SERVICE), unit, Some(PROPERTIES), "Get", &body)
            .await;
        // Units of other kinds have no such property.
        let kind = answer
            .ok()
            .and_then(|answer| answer.body().deserialize::<OwnedVariant>().ok());
        kind.and_then(|kind| String::try_from(kind).ok()).as_deref() == Some("oneshot")
    }
}

#[async_trait]
impl Units for Systemd {
    async fn reload(&self) -> Result<(), UnitError> {
        self.call("Reload", &(), "reload units").await.map(drop)
    }

    async fn set_enabled(&self, unit: &str, enabled: bool) -> Result<bool, UnitError> {
        let failed = |action: &str, source| UnitError::Call {
            action: action.to_owned(),
            source,
        };
        let changes: Vec<(String, String, String)> = if enabled {
            let action = format!("enable {unit}");
            let answer = self
                .call("EnableUnitFiles", &([unit].as_slice(), false, true), &action)
                .await?;
            let body = answer.body();
            let (_, changes): (bool, _) = body.deserialize().map_err(|error| failed(&action, error))?;
            changes
        } else {
            let action = format!("disable {unit}");
            let answer = self
                .call("DisableUnitFiles", &([unit].as_slice(), false), &action)
                .await?;
            answer.body().deserialize().map_err(|error| failed(&action, error))?
        };
        Ok(!changes.is_empty())
    }

    async fn states(&self, units: &[&str]) -> Result<BTreeMap<String, UnitState>, UnitError> {
        let action = "look at units";
        let answer = self.call("ListUnitsByNames", &(units,), action).await?;
        let listed: Vec<Listed> = answer.body().deserialize().map_err(|source| UnitError::Call {
            action: action.to_owned(),
            source,
        })?;
        let mut states = BTreeMap::new();
        for (name, _, load, active, _, _, path, ..) in listed {
            let activity = match active.as_str() {
                "active" | "reloading" => Activity::Active,
                "failed" => Activity::Failed,
                "inactive" if self.is_one_shot(&path).await => Activity::Done,
                "inactive" => Activity::Inactive,
                _ => Activity::Changing,
            };
            let startable = load == "loaded";
            states.insert(name, UnitState { activity, startable });
        }
        Ok(states)
    }

    async fn start(&self, unit: &str) -> Result<(), UnitError> {
        self.job("StartUnit", unit, &format!("start {unit}")).await
    }

    async fn stop(&self, unit: &str) -> Result<(), UnitError> {
        self.job("StopUnit", unit, &format!("stop {unit}")).await
    }

    async fn restart(&self, unit: &str) -> Result<(), UnitError> {
        self.job("RestartUnit", unit, &format!("restart {unit}")).await
    }

    async fn restart_soon(&self, unit: &str) -> Result<(), UnitError> {
        let action = format!("restart {unit}");
        self.call("RestartUnit", &(unit, "replace"), &action).await.map(drop)
    }
}
