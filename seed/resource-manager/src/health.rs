//! Judges whether an object does its work, from its own status.
//!
//! In: an object as the API server has it. Out: healthy or not, and still progressing or not, each with the reason.

use serde_json::Value;

/// Reason why an object is not as it should be; nothing when it is.
pub type Complaint = Option<String>;

/// Why the object is not healthy.
#[must_use]
pub fn unhealthy(object: &Value) -> Complaint {
    match object["kind"].as_str().unwrap_or_default() {
        "Deployment" => unseen(object).or_else(|| condition(object, "Available", "True")),
        "StatefulSet" => unseen(object).or_else(|| fewer(object, "readyReplicas", wished_replicas(object))),
        "ReplicaSet" | "ReplicationController" => {
            unseen(object).or_else(|| fewer(object, "readyReplicas", wished_replicas(object)))
        }
        "DaemonSet" => {
            unseen(object).or_else(|| fewer(object, "numberReady", number(object, "desiredNumberScheduled")))
        }
        "Pod" => pod(object),
        "Job" => condition(object, "Failed", "False").filter(|_| has_condition(object, "Failed")),
        "CustomResourceDefinition" => {
            condition(object, "Established", "True").or_else(|| condition(object, "NamesAccepted", "True"))
        }
        "APIService" => condition(object, "Available", "True"),
        "PersistentVolumeClaim" => phase(object, &["Bound", "Pending"]),
        "Namespace" => phase(object, &["Active"]),
        _ => None,
    }
}

/// Why the object's roll-out is not done.
#[must_use]
pub fn progressing(object: &Value) -> Complaint {
    match object["kind"].as_str().unwrap_or_default() {
        "Deployment" | "StatefulSet" => {
            unseen(object).or_else(|| fewer(object, "updatedReplicas", wished_replicas(object)))
        }
        "DaemonSet" => unseen(object).or_else(|| {
            fewer(
                object,
                "updatedNumberScheduled",
                number(object, "desiredNumberScheduled"),
            )
        }),
        _ => None,
    }
}

fn number(object: &Value, field: &str) -> i64 {
    object["status"][field].as_i64().unwrap_or_default()
}

fn wished_replicas(object: &Value) -> i64 {
    object["spec"]["replicas"].as_i64().unwrap_or(1)
}

fn unseen(object: &Value) -> Complaint {
    let (wished, seen) = (
        object["metadata"]["generation"].as_i64(),
        object["status"]["observedGeneration"].as_i64(),
    );
    (wished > seen).then(|| "its controller has not seen its latest change yet".to_owned())
}

fn fewer(object: &Value, field: &str, wished: i64) -> Complaint {
    let actual = number(object, field);
    (actual < wished).then(|| format!("{field} is {actual} of {wished}"))
}

fn has_condition(object: &Value, kind: &str) -> bool {
    find_condition(object, kind).is_some()
}

fn find_condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"]
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == kind)
}

fn condition(object: &Value, kind: &str, wished: &str) -> Complaint {
    let Some(found) = find_condition(object, kind) else {
        return Some(format!("it has no condition {kind} yet"));
    };
    if found["status"] == wished {
        return None;
    }
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    Some(format!("condition {kind} is {}: {}", text("status"), text("message")))
}

fn phase(object: &Value, good: &[&str]) -> Complaint {
    let phase = object["status"]["phase"].as_str().unwrap_or_default();
    (!good.contains(&phase)).then(|| format!("its phase is {phase:?}"))
}

fn pod(object: &Value) -> Complaint {
    match object["status"]["phase"].as_str().unwrap_or_default() {
        "Succeeded" => None,
        "Running" => condition(object, "Ready", "True"),
        phase => Some(format!("its phase is {phase:?}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(object: &Value, expected: &str) {
        assert_eq!(unhealthy(object).unwrap_or_default(), expected);
    }

    #[test]
    fn deployments_are_judged_by_their_condition() {
        let mut deployment =
            json!({"kind": "Deployment", "metadata": {"generation": 2}, "status": {"observedGeneration": 1}});
        check(&deployment, "its controller has not seen its latest change yet");
        deployment["status"]["observedGeneration"] = json!(2);
        check(&deployment, "it has no condition Available yet");
        deployment["status"]["conditions"] = json!([{"type": "Available", "status": "False", "message": "no pods"}]);
        check(&deployment, "condition Available is False: no pods");
        deployment["status"]["conditions"][0]["status"] = json!("True");
        check(&deployment, "");
    }

    #[test]
    fn stateful_sets_need_all_replicas() {
        let set = json!({"kind": "StatefulSet", "spec": {"replicas": 3}, "status": {"readyReplicas": 1}});
        check(&set, "readyReplicas is 1 of 3");
        check(
            &json!({"kind": "StatefulSet", "spec": {"replicas": 0}, "status": {}}),
            "",
        );
    }

    #[test]
    fn jobs_are_unhealthy_only_when_failed() {
        check(&json!({"kind": "Job", "status": {}}), "");
        let failed =
            json!({"kind": "Job", "status": {"conditions": [{"type": "Failed", "status": "True", "message": "x"}]}});
        check(&failed, "condition Failed is True: x");
    }

    #[test]
    fn unknown_kinds_are_healthy() {
        check(&json!({"kind": "ConfigMap"}), "");
    }
}
