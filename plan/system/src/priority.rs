//! Which pods of a shoot give way to which: Gardener's classes for what extensions run there.

use serde_json::json;

use crate::Object;

/// Names and values are Gardener's; those of Kubernetes itself, `system-node-critical` and `system-cluster-critical`, lie above.
const CLASSES: [(&str, i64, &str); 4] = [
    (
        "gardener-shoot-system-900",
        999_999_900,
        "what all pods of the cluster depend on",
    ),
    (
        "gardener-shoot-system-800",
        999_999_800,
        "what most pods of the cluster depend on",
    ),
    (
        "gardener-shoot-system-700",
        999_999_700,
        "what the cluster's own operation depends on",
    ),
    (
        "gardener-shoot-system-600",
        999_999_600,
        "what helps to operate the cluster",
    ),
];

/// The classes. A pod that names one which does not exist is refused, so these come before everything else.
pub fn plan_priority_classes() -> Vec<Object> {
    let class = |(name, value, what): (&str, i64, &str)| {
        json!({
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "globalDefault": false,
            "description": format!("For {what}."),
        })
    };
    CLASSES.into_iter().map(class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::testing::{check_types, to_yaml};

    #[test]
    fn the_classes_are_planned() {
        let objects = plan_priority_classes();
        check_types(&objects);
        expect_test::expect_file!["../tests/golden/priority.yaml"].assert_eq(&to_yaml(&objects));
    }
}
