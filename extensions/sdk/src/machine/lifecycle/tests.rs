//! What becomes of a machine in every state of the cloud, of its Node and of its own record.

use serde_json::json;

use super::*;
use crate::machine::{names::ANNOUNCED_ANNOTATION, testing};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_second(1_000_000 + i64::try_from(seconds).unwrap()).unwrap()
}

/// A machine that the cloud has, in its phase since second 0. Its token is announced in second `announced`.
fn machine_with_token(phase: &str, announced: Option<u64>) -> Machine {
    let mut machine = testing::machine("m", phase);
    machine.spec.provider_id = "cloud:///m".to_owned();
    machine.status.current_status.last_update_time = Some(Time(at(0)));
    if let Some(second) = announced {
        apimachinery::meta::set_annotation(&mut machine.metadata, ANNOUNCED_ANNOTATION, &at(second).to_string());
    }
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
    announced: Option<u64>,
    second: u64,
}

fn case(phase: &'static str, node: Option<Option<Node>>, second: u64) -> Case {
    Case {
        phase,
        node,
        sighting: None,
        replacing: false,
        announced: Some(0),
        second,
    }
}

impl Case {
    fn judge(&self) -> Judgement {
        let machine = machine_with_token(self.phase, self.announced);
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
            Step::Announce => "announce".to_owned(),
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
fn a_token_is_announced_once_and_only_to_a_shoot_without_the_node() {
    let outcome = |phase, node, announced| {
        Case {
            announced,
            ..case(phase, node, 5)
        }
        .outcome()
    };
    assert_eq!(outcome("Pending", Some(None), None), "announce");
    assert_eq!(outcome("Pending", Some(None), Some(0)), "idle");
    assert_eq!(outcome("Pending", None, None), "idle");
    assert_eq!(outcome("Pending", Some(Some(node("False"))), None), "idle");
    assert!(outcome("Pending", Some(Some(node("True"))), None).starts_with("join"));
    for phase in ["Running", "Unknown", "Failed"] {
        assert_ne!(outcome(phase, Some(None), None), "announce", "{phase}");
    }
}

#[test]
fn the_time_to_join_begins_when_the_token_is_announced() {
    let mut late = Case {
        announced: Some(5000),
        ..case("Pending", Some(None), 6199)
    };
    assert_eq!(late.outcome(), "idle");
    assert_eq!(late.judge().again, Some(Duration::from_secs(1)));
    late.second = 6200;
    assert!(
        late.outcome()
            .starts_with("fail Failed: it has not joined the cluster within 20m")
    );
    // Nobody waits for an end while the shoot is silent.
    late.node = None;
    assert_eq!((late.outcome().as_str(), late.judge().again), ("idle", None));
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
