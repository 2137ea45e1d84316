//! A Node beside its Machine: whether it serves, and what the template wants on it. Pure.

use std::{collections::BTreeMap, time::Duration};

use api::machine::v1alpha1::{MachineConfiguration, NodeTemplateSpec};
use apimachinery::meta::annotation;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition, Taint};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{facts::elapsed, names::LAST_APPLIED_ANNOTATION};

/// Conditions that make a node unhealthy unless the machine says others.
const BAD_CONDITIONS: &str = "KernelDeadlock,ReadonlyFilesystem,DiskPressure,NetworkUnavailable";

pub(crate) fn conditions(node: &Node) -> &[NodeCondition] {
    let status = node.status.as_ref();
    status
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default()
}

fn ready_condition(node: &Node) -> Option<&NodeCondition> {
    conditions(node).iter().find(|condition| condition.type_ == "Ready")
}

/// What is wrong with a node; `None` when it serves.
pub(crate) fn trouble(node: &Node, configuration: Option<&MachineConfiguration>) -> Option<String> {
    match ready_condition(node) {
        None => return Some("its node has not reported yet".to_owned()),
        Some(ready) if ready.status != "True" => {
            let reason = ready
                .message
                .as_deref()
                .or(ready.reason.as_deref())
                .unwrap_or("no reason given");
            return Some(format!("its node is not ready ({}): {reason}", ready.status));
        }
        Some(_) => {}
    }
    let bad = configuration.and_then(|configuration| configuration.node_conditions.as_deref());
    let bad: Vec<&str> = bad.unwrap_or(BAD_CONDITIONS).split(',').map(str::trim).collect();
    let found = conditions(node)
        .iter()
        .find(|condition| condition.status == "True" && bad.contains(&condition.type_.as_str()))?;
    let message = found.message.as_deref().unwrap_or_default();
    Some(format!("its node has the condition {}: {message}", found.type_))
}

/// How long the node has not been ready; `None` when it is.
pub(crate) fn not_ready_for(node: &Node, now: Timestamp) -> Option<Duration> {
    match ready_condition(node) {
        Some(ready) if ready.status == "True" => None,
        Some(ready) => Some(
            ready
                .last_transition_time
                .as_ref()
                .map_or(Duration::ZERO, |since| elapsed(since.0, now)),
        ),
        None => Some(Duration::ZERO),
    }
}

/// The node's conditions for the machine's status. Heartbeats alone change nothing: they would be written every few seconds.
pub(crate) fn reported_conditions(before: &[NodeCondition], node: &Node) -> Vec<NodeCondition> {
    let without_heartbeat = |condition: &NodeCondition| NodeCondition {
        last_heartbeat_time: None,
        ..condition.clone()
    };
    let now: Vec<NodeCondition> = conditions(node).iter().map(without_heartbeat).collect();
    let same = before.iter().map(without_heartbeat).collect::<Vec<_>>() == now;
    if same { before.to_vec() } else { now }
}

/// What was applied last, as the annotation has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct LastApplied {
    #[serde(default, rename = "ObjectMeta")]
    metadata: Applied,
    #[serde(default, rename = "Spec")]
    spec: AppliedSpec,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Applied {
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct AppliedSpec {
    #[serde(default)]
    taints: Vec<Taint>,
}

/// The merge patch that makes a node be as the template wants it, leaving alone what others put there; `None`: it is.
///
/// Taints are one list: the patch carries the node's resource version.
pub(crate) fn template_patch(node: &Node, template: &NodeTemplateSpec) -> Option<Value> {
    let last = annotation(&node.metadata, LAST_APPLIED_ANNOTATION);
    let last: LastApplied = last
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let wished = LastApplied {
        metadata: Applied {
            labels: template.metadata.labels.clone().unwrap_or_default(),
            annotations: template.metadata.annotations.clone().unwrap_or_default(),
        },
        spec: AppliedSpec {
            taints: template.spec.taints.clone().unwrap_or_default(),
        },
    };
    let empty = BTreeMap::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&empty);
    let annotations = node.metadata.annotations.as_ref().unwrap_or(&empty);
    let labels = map_patch(labels, &wished.metadata.labels, &last.metadata.labels);
    let mut annotations = map_patch(annotations, &wished.metadata.annotations, &last.metadata.annotations);
    if wished != last {
        let text = serde_json::to_string(&wished).unwrap_or_default();
        annotations.insert(LAST_APPLIED_ANNOTATION.to_owned(), Value::String(text));
    }
    let taints = taints_patch(node, &wished.spec.taints, &last.spec.taints);
    if labels.is_empty() && annotations.is_empty() && taints.is_none() {
        return None;
    }
    let mut patch = json!({ "metadata": { "resourceVersion": node.metadata.resource_version } });
    for (key, value) in [("labels", labels), ("annotations", annotations)] {
        if !value.is_empty() {
            patch["metadata"][key] = Value::Object(value);
        }
    }
    if let Some(taints) = taints {
        patch["spec"] = json!({ "taints": taints });
    }
    Some(patch)
}

fn map_patch(
    present: &BTreeMap<String, String>,
    wished: &BTreeMap<String, String>,
    last: &BTreeMap<String, String>,
) -> Map<String, Value> {
    let set = wished
        .iter()
        .filter(|(key, value)| present.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), Value::String(value.clone())));
    let removed = last
        .keys()
        .filter(|key| present.contains_key(*key) && !wished.contains_key(*key))
        .map(|key| (key.clone(), Value::Null));
    set.chain(removed).collect()
}

/// A taint is one of its kind by key and effect.
fn taints_patch(node: &Node, wished: &[Taint], last: &[Taint]) -> Option<Vec<Taint>> {
    let same = |left: &Taint, right: &Taint| left.key == right.key && left.effect == right.effect;
    let spec = node.spec.as_ref();
    let present = spec.and_then(|spec| spec.taints.clone()).unwrap_or_default();
    let mut taints = present.clone();
    taints.retain(|taint| {
        let ours = last.iter().any(|old| same(old, taint));
        !ours || wished.iter().any(|new| same(new, taint))
    });
    for taint in wished {
        match taints.iter_mut().find(|present| same(present, taint)) {
            Some(present) if present.value == taint.value => {}
            Some(present) => *present = taint.clone(),
            None => taints.push(taint.clone()),
        }
    }
    (taints != present).then_some(taints)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(value: Value) -> Node {
        serde_json::from_value(value).unwrap()
    }

    fn template(value: Value) -> NodeTemplateSpec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_node_serves_when_it_is_ready_and_has_no_bad_condition() {
        let with = |conditions: Value| trouble(&node(json!({ "status": { "conditions": conditions } })), None);
        assert_eq!(with(json!([{ "type": "Ready", "status": "True" }])), None);
        assert_eq!(with(json!([])).unwrap(), "its node has not reported yet");
        assert_eq!(
            with(json!([{ "type": "Ready", "status": "Unknown", "message": "no news" }])).unwrap(),
            "its node is not ready (Unknown): no news"
        );
        let full = json!([{ "type": "Ready", "status": "True" }, { "type": "DiskPressure", "status": "True", "message": "full" }]);
        assert_eq!(
            with(full.clone()).unwrap(),
            "its node has the condition DiskPressure: full"
        );
        let configuration = MachineConfiguration {
            node_conditions: Some("KernelDeadlock".to_owned()),
            ..MachineConfiguration::default()
        };
        assert_eq!(
            trouble(&node(json!({ "status": { "conditions": full } })), Some(&configuration)),
            None
        );
    }

    #[test]
    fn heartbeats_change_nothing() {
        let at = |time: &str| {
            node(json!({ "status": { "conditions": [
            { "type": "Ready", "status": "True", "lastHeartbeatTime": time } ] } }))
        };
        let first = reported_conditions(&[], &at("2026-01-01T00:00:00Z"));
        assert_eq!(reported_conditions(&first, &at("2026-01-01T00:01:00Z")), first);
    }

    #[test]
    fn a_node_gets_what_the_template_wants_and_keeps_what_others_put_there() {
        let mut node = node(json!({
            "metadata": { "resourceVersion": "7", "labels": { "theirs": "1" } },
            "spec": { "taints": [{ "key": "theirs", "effect": "NoSchedule" }] },
        }));
        let wished = template(json!({
            "metadata": { "labels": { "ours": "1" } },
            "spec": { "taints": [{ "key": "ours", "value": "a", "effect": "NoExecute" }] },
        }));
        let patch = template_patch(&node, &wished).unwrap();
        assert_eq!(patch["metadata"]["labels"], json!({ "ours": "1" }));
        assert_eq!(patch["spec"]["taints"].as_array().unwrap().len(), 2);
        let applied = patch["metadata"]["annotations"][LAST_APPLIED_ANNOTATION].clone();
        // Then they want something else.
        node = self::node(json!({
            "metadata": {
                "resourceVersion": "8", "labels": { "theirs": "1", "ours": "1" },
                "annotations": { LAST_APPLIED_ANNOTATION: applied },
            },
            "spec": { "taints": patch["spec"]["taints"] },
        }));
        assert_eq!(template_patch(&node, &wished), None);
        let patch = template_patch(&node, &template(json!({ "metadata": { "labels": { "other": "2" } } }))).unwrap();
        assert_eq!(patch["metadata"]["labels"], json!({ "ours": null, "other": "2" }));
        assert_eq!(
            patch["spec"]["taints"],
            json!([{ "key": "theirs", "effect": "NoSchedule" }])
        );
    }
}
