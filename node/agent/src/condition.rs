//! Tells the cluster whether the machine's units run: the Node's condition `SystemdUnitsReady`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::{
    api::core::v1::{Node, NodeCondition},
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use serde_json::json;
use tokio::{sync::watch, time::Instant};

use crate::{
    download::Download,
    units::{Activity, UnitState, Units},
};

/// The condition's type (Gardener API).
const TYPE: &str = "SystemdUnitsReady";
/// How often units are looked at.
const LOOK: Duration = Duration::from_secs(15);
/// A unit that starts, or starts again and again, for longer is stuck.
const STUCK: Duration = Duration::from_secs(60);
/// From so many looks in a row on it counts that systemd does not answer: one may meet a restart of its bus.
const SILENT: u32 = 2;

/// What there is to tell.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// All units run, or had not long enough yet to get there.
    Running,
    /// What is wrong, unit by unit.
    Wrong(Vec<String>),
    /// Nobody knows, for systemd does not say: why not.
    Silent(String),
}

impl Verdict {
    /// The condition's status, reason and message.
    fn words(&self) -> (&'static str, &'static str, String) {
        match self {
            Self::Running => ("True", "UnitsRunning", "all units run".to_owned()),
            Self::Wrong(units) => ("False", "UnitsNotRunning", units.join(", ")),
            Self::Silent(error) => ("False", "SystemdSilent", format!("systemd does not answer: {error}")),
        }
    }
}

/// Units in trouble, over time.
#[derive(Debug, Default)]
struct Trouble {
    changing: BTreeMap<String, Instant>,
    /// Looks in a row that systemd did not answer.
    unanswered: u32,
}

impl Trouble {
    /// Looks at units. Of a single look that fails there is nothing to tell.
    async fn look(&mut self, units: &dyn Units, names: &[&str]) -> Option<Verdict> {
        match units.states(names).await {
            Ok(states) => {
                self.unanswered = 0;
                let wrong = self.of(&states);
                Some(if wrong.is_empty() {
                    Verdict::Running
                } else {
                    Verdict::Wrong(wrong)
                })
            }
            Err(error) => {
                self.unanswered = self.unanswered.saturating_add(1);
                (self.unanswered >= SILENT).then(|| Verdict::Silent(ErrorChain(&error).to_string()))
            }
        }
    }

    /// What is wrong, unit by unit.
    fn of(&mut self, states: &BTreeMap<String, UnitState>) -> Vec<String> {
        let is_changing = |name: &String| {
            states
                .get(name)
                .is_some_and(|state| state.activity == Activity::Changing)
        };
        self.changing.retain(|name, _| is_changing(name));
        let mut wrong = Vec::new();
        for (name, state) in states {
            let word = match state.activity {
                Activity::Failed => "failed",
                Activity::Inactive if state.startable => "does not run",
                Activity::Changing => {
                    let since = *self.changing.entry(name.clone()).or_insert_with(Instant::now);
                    if since.elapsed() < STUCK {
                        continue;
                    }
                    "does not get to run"
                }
                _ => continue,
            };
            wrong.push(format!("{name} {word}"));
        }
        wrong
    }
}

/// Reports until it is dropped.
pub(crate) async fn report(
    client: Client,
    machine: &str,
    units: &dyn Units,
    clock: &dyn Clock,
    applied: &watch::Receiver<Option<Arc<Download>>>,
) {
    let nodes: Api<Node> = Api::all(client);
    let mut trouble = Trouble::default();
    loop {
        tokio::time::sleep(LOOK).await;
        let names: Vec<String> = match &*applied.borrow() {
            Some(download) => running_units(download),
            None => continue,
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let Some(verdict) = trouble.look(units, &names).await else {
            continue; // the keeper logs it already
        };
        // The Lease's renewal says when the API server does not answer.
        if let Err(error) = tell(&nodes, machine, &verdict, clock).await {
            tracing::debug!(%error, "failed to report units");
        }
    }
}

fn running_units(download: &Download) -> Vec<String> {
    use api::extensions::v1alpha1::UnitCommand;
    let config = &download.config;
    let all = config.spec.units.iter().chain(&config.status.extension_units);
    let running = all.filter(|unit| unit.command != Some(UnitCommand::Stop) && unit.enable != Some(false));
    running.map(|unit| unit.name.clone()).collect()
}

async fn tell(nodes: &Api<Node>, machine: &str, verdict: &Verdict, clock: &dyn Clock) -> Result<(), kube::Error> {
    let node = nodes.get(machine).await?;
    let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
    let before = conditions.iter().find(|condition| condition.type_ == TYPE);
    let Some(condition) = condition(before, verdict, Time(clock.now())) else {
        return Ok(());
    };
    if *verdict != Verdict::Running {
        tracing::warn!(trouble = condition.message.as_deref(), "units are in trouble");
    }
    // Strategic: other conditions are the kubelet's.
    let change = json!({"status": {"conditions": [condition]}});
    nodes
        .patch_status(machine, &PatchParams::default(), &Patch::Strategic(change))
        .await
        .map(drop)
}

/// The condition, if it is another than before.
fn condition(before: Option<&NodeCondition>, verdict: &Verdict, now: Time) -> Option<NodeCondition> {
    let (status, reason, message) = verdict.words();
    let same = before.is_some_and(|before| before.status == status && before.message.as_ref() == Some(&message));
    if same {
        return None;
    }
    let turned = before.filter(|before| before.status == status);
    Some(NodeCondition {
        type_: TYPE.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_heartbeat_time: Some(now.clone()),
        last_transition_time: turned
            .and_then(|before| before.last_transition_time.clone())
            .or(Some(now)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keeper::tests::FakeUnits;

    fn state(activity: Activity) -> UnitState {
        UnitState {
            activity,
            startable: true,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_unit_is_in_trouble_when_it_failed_or_is_stuck() {
        let mut trouble = Trouble::default();
        let states: BTreeMap<String, UnitState> = [
            ("a", Activity::Active),
            ("b", Activity::Changing),
            ("c", Activity::Done),
            ("d", Activity::Failed),
            ("e", Activity::Inactive),
        ]
        .map(|(name, activity)| (name.to_owned(), state(activity)))
        .into();
        assert_eq!(trouble.of(&states), ["d failed", "e does not run"]);
        tokio::time::advance(STUCK).await;
        assert_eq!(
            trouble.of(&states),
            ["b does not get to run", "d failed", "e does not run"]
        );
        let running = BTreeMap::from([("b".to_owned(), state(Activity::Active))]);
        assert_eq!(trouble.of(&running), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_systemd_that_stays_silent_is_told_of_until_it_answers() {
        let (units, mut trouble) = (FakeUnits::default(), Trouble::default());
        let names = ["a.service"];
        assert_eq!(trouble.look(&units, &names).await, Some(Verdict::Running));

        units.silence(true);
        assert_eq!(trouble.look(&units, &names).await, None, "it may be a restart");
        for _ in 0..2 {
            let verdict = trouble.look(&units, &names).await.unwrap();
            let message = "systemd does not answer: failed to look at units: I/O error: the bus is gone";
            assert_eq!(verdict.words(), ("False", "SystemdSilent", message.to_owned()));
        }

        units.silence(false);
        assert_eq!(trouble.look(&units, &names).await, Some(Verdict::Running));
        units.silence(true);
        assert_eq!(trouble.look(&units, &names).await, None, "the count starts over");
    }

    #[test]
    fn a_condition_turns_when_its_status_does() {
        let at = |text: &str| Time(text.parse().unwrap());
        let wrong = |what: &str| Verdict::Wrong(vec![what.to_owned()]);
        let first = condition(None, &Verdict::Running, at("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(first.status, "True");
        assert_eq!(
            condition(Some(&first), &Verdict::Running, at("2026-01-01T00:01:00Z")),
            None
        );
        let second = condition(Some(&first), &wrong("a failed"), at("2026-01-01T00:02:00Z")).unwrap();
        assert_eq!(second.last_transition_time, Some(at("2026-01-01T00:02:00Z")));
        let third = condition(Some(&second), &wrong("b failed"), at("2026-01-01T00:03:00Z")).unwrap();
        assert_eq!(third.last_transition_time, second.last_transition_time);
        assert_eq!(third.message.as_deref(), Some("b failed"));
        let silent = Verdict::Silent("gone".to_owned());
        let fourth = condition(Some(&third), &silent, at("2026-01-01T00:04:00Z")).unwrap();
        assert_eq!(fourth.message.as_deref(), Some("systemd does not answer: gone"));
        let fifth = condition(Some(&fourth), &Verdict::Running, at("2026-01-01T00:05:00Z")).unwrap();
        assert_eq!(
            (fifth.status.as_str(), fifth.reason.as_deref()),
            ("True", Some("UnitsRunning"))
        );
    }
}
