//! Which pods give way to which when a seed is full: Gardener's priority classes.
//!
//! A pod that names a class which does not exist is refused, so these are applied before any control plane.

use k8s_openapi::{api::scheduling::v1::PriorityClass, apimachinery::pkg::apis::meta::v1::ObjectMeta};

/// Classes of the pods of a seed and its shoots.
pub fn seed_priority_classes() -> Vec<PriorityClass> {
    let classes = [
        (
            "gardener-system-900",
            999_998_900,
            "what all shoots of the seed depend on",
        ),
        (
            "gardener-system-800",
            999_998_800,
            "what most shoots of the seed depend on",
        ),
        (
            "gardener-system-700",
            999_998_700,
            "what a seed's own operation depends on",
        ),
        ("gardener-system-600", 999_998_600, "what helps to operate a seed"),
        ("gardener-system-500", 999_998_500, "etcd and kube-apiserver of shoots"),
        (
            "gardener-system-400",
            999_998_400,
            "what a shoot's API server needs to be reached",
        ),
        ("gardener-system-300", 999_998_300, "controllers of shoots"),
        (
            "gardener-system-200",
            999_998_200,
            "what shoots can do without for a while",
        ),
        ("gardener-system-100", 999_998_100, "what nobody misses at once"),
    ];
    let critical = class(
        "gardener-system-critical",
        999_998_950,
        "gardenlet, without which nothing changes",
    );
    classes
        .into_iter()
        .map(|(name, value, what)| class(name, value, what))
        .chain([critical])
        .collect()
}

/// Classes of the garden's pods in its runtime cluster: above those of shoots.
pub fn garden_priority_classes() -> Vec<PriorityClass> {
    let classes = [
        ("gardener-garden-system-critical", 999_999_550, "the operator"),
        (
            "gardener-garden-system-500",
            999_999_500,
            "etcd and kube-apiserver of the garden",
        ),
        (
            "gardener-garden-system-400",
            999_999_400,
            "the Gardener API server and what it needs",
        ),
        ("gardener-garden-system-300", 999_999_300, "controllers of the garden"),
        (
            "gardener-garden-system-200",
            999_999_200,
            "what the garden can do without for a while",
        ),
        ("gardener-garden-system-100", 999_999_100, "what nobody misses at once"),
    ];
    classes
        .into_iter()
        .map(|(name, value, what)| class(name, value, what))
        .collect()
}

fn class(name: &str, value: i32, what: &str) -> PriorityClass {
    PriorityClass {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        value,
        global_default: Some(false),
        description: Some(format!("For {what}.")),
        ..PriorityClass::default()
    }
}
