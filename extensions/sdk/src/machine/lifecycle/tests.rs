//! What becomes of a machine in every state of the cloud, of its Node and of its own record.

use serde_json::json;

use super::*;
use crate::machine::testing;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_second(1_000_000 + i64::try_from(seconds).unwrap()).unwrap()
}

/// A machine that the cloud has, in its phase since second 0.
fn machine(phase: &str) -> Machine {
    let mut machine = testing::machine("m", phase);
    machine.spec.provider_id = "cloud:///m".to_owned();
    machine.status.current_status.last_update_time = Some(Time(at(0)));
    machine
}

fn node(ready: &str) -> Node {
    serde_json::from_value(json!({
        "metadata": { "name": "m" },
        "status": { "conditions": [{ "type": "Ready", "status": ready, "message": "as told" }] },
    }))
    .unwrap()
}

fn seen(sight: Sight) -> Sighting {
    Sighting { sight, since: at(0) }
}

struct Case {
    phase: &'static str,
    node: Option<Option<Node>>,
    sighting: Option<Sighting>,
    replacing: bool,
    second: u64,
}

fn case(phase: &'static str, node: Option<Option<Node>>, second: u64) -> Case {
    Case {
        phase,
        node,
        sighting: None,
        replacing: false,
        second,
    }
}

impl Case {
    fn judge(&self) -> Judgement {
        let machine = machine(self.phase);
        judge(&View {
            machine: &machine,
            node: match &self.node {
                None => NodeView::Unknown,
                Some(None) => NodeView::Absent,
                Some(Some(node)) => NodeView::Present(node),
            },
            sighting: self.sighting.as_ref(),
            replacing: self.replacing,
            now: at(self.second),
        })
    }

    /// The step, the phase that it writes and why.
    fn outcome(&self) -> String {
        let show = |name: &str, status: &MachineStatus| {
            format!(
                "{name} {}: {}",
                status.current_status.phase, status.last_operation.description
            )
        };
        match self.judge().step {
            Step::Idle => "idle".to_owned(),
            Step::Create => "create".to_owned(),
            Step::Write(status) => show("write", &status),
            Step::Join(status) => show("join", &status),
            Step::Fail(status) => show("fail", &status),
            Step::SyncNode(_) => "sync".to_owned(),
            Step::Remove => "remove".to_owned(),
        }
    }
}

#[test]
fn a_machine_is_made_first_and_removed_when_deleted() {
    let mut machine = testing::machine("m", "");
    let step = |machine: &Machine| {
        judge(&View {
            machine,
            node: NodeView::Unknown,
            sighting: None,
            replacing: false,
            now: at(0),
        })
        .step
    };
    assert_eq!(step(&machine), Step::Create);
    machine.metadata.deletion_timestamp = Some(Time(at(0)));
    assert_eq!(step(&machine), Step::Remove);
}

#[test]
fn a_machine_joins_or_is_given_up() {
    let outcome = |node, second| case("Pending", node, second).outcome();
    assert_eq!(outcome(Some(None), 0), "idle");
    assert_eq!(outcome(Some(Some(node("False"))), 0), "idle");
    assert_eq!(
        outcome(Some(Some(node("True"))), 5),
        "join Running: machine m has joined the cluster"
    );
    assert_eq!(
        outcome(Some(None), 1200),
        "fail Failed: it has not joined the cluster within 20m: it has no node"
    );
    assert_eq!(
        outcome(Some(Some(node("False"))), 1200),
        "fail Failed: it has not joined the cluster within 20m: its node is not ready (False): as told"
    );
    assert_eq!(
        case("Pending", Some(None), 200).judge().again,
        Some(Duration::from_secs(1000))
    );
}

#[test]
fn health_is_watched_and_a_dead_machine_given_up() {
    assert_eq!(
        case("Running", Some(Some(node("Unknown"))), 50).outcome(),
        "write Unknown: its node is not ready (Unknown): as told"
    );
    assert_eq!(
        case("Running", Some(None), 50).outcome(),
        "write Unknown: it has no node"
    );
    assert_eq!(case("Unknown", Some(Some(node("Unknown"))), 599).outcome(), "idle");
    assert_eq!(
        case("Unknown", Some(Some(node("Unknown"))), 600).outcome(),
        "fail Failed: it has not been healthy for 10m: its node is not ready (Unknown): as told"
    );
    assert_eq!(
        case("Unknown", Some(Some(node("True"))), 50).outcome(),
        "write Running: machine m is healthy again"
    );
    assert_eq!(case("Failed", Some(None), 50).outcome(), "idle");
}

#[test]
fn one_is_replaced_after_the_other() {
    let mut case = case("Unknown", Some(None), 600);
    case.replacing = true;
    assert_eq!(case.outcome(), "idle");
    // Of one that is gone nothing is left to be careful with.
    case.sighting = Some(seen(Sight::Gone));
    assert_eq!(case.outcome(), "fail Failed: the cloud does not have it any more");
}

#[test]
fn a_machine_that_the_cloud_lost_is_given_up_at_once_and_one_that_stands_still_soon() {
    for phase in ["Pending", "Running", "Unknown"] {
        let mut case = case(phase, Some(None), 31);
        case.sighting = Some(seen(Sight::Gone));
        assert_eq!(
            case.outcome(),
            "fail Failed: the cloud does not have it any more",
            "{phase}"
        );
        case.sighting = Some(seen(Sight::Stopped("killed".to_owned())));
        assert_eq!(case.outcome(), "fail Failed: it does not run: killed", "{phase}");
        case.second = 29;
        assert!(!case.outcome().starts_with("fail"), "{phase}");
    }
}

#[test]
fn without_an_api_server_nobody_is_given_up() {
    for phase in ["Pending", "Running", "Unknown"] {
        assert_eq!(case(phase, None, 100_000).outcome(), "idle", "{phase}");
    }
}

#[test]
fn addresses_are_those_that_the_cloud_tells() {
    let address = NodeAddress {
        address: "10.0.0.5".to_owned(),
        type_: "InternalIP".to_owned(),
    };
    let mut case = case("Pending", Some(None), 5);
    assert!(case.judge().survey);
    case.sighting = Some(seen(Sight::There(vec![address.clone()])));
    let Step::Write(status) = case.judge().step else {
        panic!("{}", case.outcome());
    };
    assert_eq!(status.addresses, [address]);
    assert_eq!(status.current_status.phase, MachinePhase::Pending);
}
