//! What a landscape is made of at the moment, and what each part waits for.
//!
//! [`Status::observe`] asks cloud, seed and garden; what does not answer is left out and named as a problem. The rest is pure.

use std::fmt;

use api::core::v1beta1::{Condition, LastOperation, Seed, Shoot};
use api::operator::v1alpha1::Garden;
use cloud_client::Machine;
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::access::Access;

/// A landscape at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Its name.
    pub landscape: String,
    /// Whether its cloud answers.
    pub running: bool,
    /// Machines of the cloud.
    pub machines: Vec<Line>,
    /// Gardens of the runtime cluster.
    pub gardens: Vec<Line>,
    /// Seeds of the garden.
    pub seeds: Vec<Line>,
    /// Shoots of all projects.
    pub shoots: Vec<Line>,
    /// What could not be asked, and why.
    pub problems: Vec<String>,
}

/// One part of the landscape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Its name; for a shoot with its namespace.
    pub name: String,
    /// How it is, in a word or two.
    pub state: String,
    /// Whether there is nothing to wait for.
    pub ready: bool,
    /// What it waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting_for: Vec<String>,
}

impl Status {
    /// Asks everything that answers.
    pub async fn observe(landscape: &str, clock: &dyn Clock) -> Self {
        let mut status = Self {
            landscape: landscape.to_owned(),
            ..Self::default()
        };
        let cloud = cloud_client::Client::unix(cloud_client::socket_path(landscape));
        let Ok(access) = Access::find(landscape).await else {
            return status;
        };
        status.running = true;
        match cloud.list::<Machine>().await {
            Ok(machines) => status.machines = machines.iter().map(machine_line).collect(),
            Err(error) => status.problem("cloud", &error),
        }
        let seed = match access.seed().await {
            Ok(seed) => seed,
            Err(error) => {
                status.problem("seed", &error);
                return status;
            }
        };
        status.gardens = status.list("seed", &seed, garden_line).await;
        match access.garden(&seed, clock).await {
            Ok(garden) => {
                status.seeds = status.list("garden", &garden, seed_line).await;
                status.shoots = status.list("garden", &garden, shoot_line).await;
            }
            Err(error) => status.problem("garden", &error),
        }
        status
    }

    async fn list<K>(&mut self, cluster: &str, client: &Client, line: fn(&K) -> Line) -> Vec<Line>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned + fmt::Debug,
    {
        match Api::<K>::all(client.clone()).list(&ListParams::default()).await {
            Ok(list) => list.items.iter().map(line).collect(),
            Err(error) => {
                self.problem(cluster, &error);
                Vec::new()
            }
        }
    }

    fn problem(&mut self, what: &str, error: &(dyn std::error::Error + 'static)) {
        self.problems.push(format!("{what}: {}", ErrorChain(error)));
    }

    /// Whether everything is as wished.
    pub fn is_ready(&self) -> bool {
        let mut lines = self
            .machines
            .iter()
            .chain(&self.gardens)
            .chain(&self.seeds)
            .chain(&self.shoots);
        self.running && self.problems.is_empty() && lines.all(|line| line.ready)
    }
}

fn machine_line(machine: &Machine) -> Line {
    let ready = machine.status.phase == cloud_client::Phase::Ready;
    let message = Some(machine.status.message.clone()).filter(|message| !message.is_empty());
    Line {
        name: machine.name.clone(),
        state: format!("{:?}, {}", machine.status.phase, machine.status.address),
        ready,
        waiting_for: message.into_iter().collect(),
    }
}

fn garden_line(garden: &Garden) -> Line {
    let name = garden.metadata.name.clone().unwrap_or_default();
    line(name, garden.status.last_operation.as_ref(), &garden.status.conditions)
}

fn seed_line(seed: &Seed) -> Line {
    let name = seed.metadata.name.clone().unwrap_or_default();
    line(name, seed.status.last_operation.as_ref(), &seed.status.conditions)
}

fn shoot_line(shoot: &Shoot) -> Line {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let name = format!("{}/{}", text(&shoot.metadata.namespace), text(&shoot.metadata.name));
    line(name, shoot.status.last_operation.as_ref(), &shoot.status.conditions)
}

fn line(name: String, operation: Option<&LastOperation>, conditions: &[Condition]) -> Line {
    let mut waiting_for = Vec::new();
    let mut state = "new".to_owned();
    let mut ready = false;
    if let Some(operation) = operation {
        let (kind, progress) = (word(&operation.type_), word(&operation.state));
        ready = progress == "Succeeded";
        state = if ready {
            format!("{kind} {progress}")
        } else {
            format!("{kind} {progress} {}%", operation.progress)
        };
        if !ready && !operation.description.is_empty() {
            waiting_for.push(operation.description.clone());
        }
    } else if !conditions.is_empty() {
        ready = true; // kinds that have no operation have conditions alone
        "observed".clone_into(&mut state);
    }
    for condition in conditions.iter().filter(|condition| word(&condition.status) != "True") {
        ready = false;
        waiting_for.push(format!("{}: {}", condition.type_, condition.message));
    }
    Line {
        name,
        state,
        ready,
        waiting_for,
    }
}

/// An enum of the API as users read it.
fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.running {
            return writeln!(
                formatter,
                "landscape {} does not run: start it with `kubeception up`",
                self.landscape
            );
        }
        writeln!(formatter, "landscape {}", self.landscape)?;
        let parts = [
            ("machines", &self.machines),
            ("gardens", &self.gardens),
            ("seeds", &self.seeds),
            ("shoots", &self.shoots),
        ];
        for (title, lines) in parts {
            writeln!(formatter, "\n{title}")?;
            if lines.is_empty() {
                writeln!(formatter, "  none")?;
            }
            for line in lines {
                let mark = if line.ready { "+" } else { "-" };
                writeln!(formatter, "  {mark} {:<28} {}", line.name, line.state)?;
                for reason in &line.waiting_for {
                    writeln!(formatter, "      {reason}")?;
                }
            }
        }
        if !self.problems.is_empty() {
            writeln!(formatter, "\nwithout an answer")?;
        }
        self.problems
            .iter()
            .try_for_each(|problem| writeln!(formatter, "  ! {problem}"))
    }
}

#[cfg(test)]
mod tests {
    use api::core::v1beta1::{ConditionStatus, LastOperationState, LastOperationType};

    use super::*;

    fn condition(type_: &str, status: ConditionStatus, message: &str) -> Condition {
        Condition {
            type_: type_.to_owned(),
            status,
            message: message.to_owned(),
            ..Condition::default()
        }
    }

    fn operation(state: LastOperationState, progress: i32, description: &str) -> LastOperation {
        let type_ = LastOperationType::Create;
        LastOperation {
            description: description.to_owned(),
            progress,
            state,
            type_,
            ..LastOperation::default()
        }
    }

    #[test]
    fn a_landscape_is_shown_with_what_it_waits_for() {
        let healthy = [condition("APIServerAvailable", ConditionStatus::True, "")];
        let ill = [condition(
            "ControlPlaneHealthy",
            ConditionStatus::False,
            "Deployment kube-apiserver has 0 of 1 pods",
        )];
        let done = operation(LastOperationState::Succeeded, 100, "done");
        let busy = operation(LastOperationState::Processing, 40, "Waiting for etcd");
        let status = Status {
            landscape: "local".to_owned(),
            running: true,
            machines: vec![Line {
                name: "seed".into(),
                state: "Ready, 10.1.0.10".into(),
                ready: true,
                waiting_for: vec![],
            }],
            gardens: vec![line("local".to_owned(), Some(&done), &healthy)],
            seeds: vec![line("local".to_owned(), None, &healthy)],
            shoots: vec![
                line("garden-dev/first".to_owned(), Some(&busy), &ill),
                line("garden-dev/new".to_owned(), None, &[]),
            ],
            problems: vec!["garden: no answer".to_owned()],
        };
        assert!(!status.is_ready());
        expect_test::expect![[r#"
            landscape local

            machines
              + seed                         Ready, 10.1.0.10

            gardens
              + local                        Create Succeeded

            seeds
              + local                        observed

            shoots
              - garden-dev/first             Create Processing 40%
                  Waiting for etcd
                  ControlPlaneHealthy: Deployment kube-apiserver has 0 of 1 pods
              - garden-dev/new               new

            without an answer
              ! garden: no answer
        "#]]
        .assert_eq(&status.to_string());
    }

    #[test]
    fn a_landscape_that_does_not_run_says_how_to_start_it() {
        let status = Status {
            landscape: "local".to_owned(),
            ..Status::default()
        };
        assert_eq!(
            status.to_string(),
            "landscape local does not run: start it with `kubeception up`\n"
        );
        assert!(!status.is_ready());
    }
}
