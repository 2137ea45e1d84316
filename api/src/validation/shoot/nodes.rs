//! What the nodes of a pool get (labels, annotations, taints), and whether the Shoot's networks have room for all of them.

use std::collections::BTreeMap;

use apimachinery::{
    field::{FieldError, FieldErrors, Path},
    names,
};
use ipnet::IpNet;
use k8s_openapi::api::core::v1::Taint;

use crate::{
    core::v1beta1::{ShootSpec, Worker},
    validation::checks,
};

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// A kubelet that is given a bad label or taint does not start.
pub(super) fn pool(path: &Path, worker: &Worker, errors: &mut FieldErrors) {
    keys(&path.child("annotations"), &worker.annotations, errors);
    let labels = path.child("labels");
    keys(&labels, &worker.labels, errors);
    for value in worker.labels.values() {
        errors.invalid_for_each(&labels, value, names::label_value(value));
    }
    let path = path.child("taints");
    for (index, taint) in worker.taints.iter().enumerate() {
        self::taint(&path.index(index), taint, errors);
    }
    let unique: Vec<String> = worker
        .taints
        .iter()
        .map(|taint| format!("{}:{}", taint.key, taint.effect))
        .collect();
    checks::unique(&path, "", unique.iter().map(String::as_str), errors);
}

fn keys(path: &Path, map: &BTreeMap<String, String>, errors: &mut FieldErrors) {
    for key in map.keys() {
        errors.invalid_for_each(path, key, names::qualified_name(key));
    }
}

fn taint(path: &Path, taint: &Taint, errors: &mut FieldErrors) {
    errors.invalid_for_each(&path.child("key"), &taint.key, names::qualified_name(&taint.key));
    if let Some(value) = &taint.value {
        errors.invalid_for_each(&path.child("value"), value, names::label_value(value));
    }
    checks::one_of(&path.child("effect"), &taint.effect, &EFFECTS, errors);
}

/// Every node gets a range of its own out of the pod network.
pub(super) fn room(path: &Path, spec: &ShootSpec, errors: &mut FieldErrors) {
    let pods = spec
        .networking
        .as_ref()
        .and_then(|networking| networking.pods.as_deref());
    let manager = spec.kubernetes.kube_controller_manager.as_ref();
    let mask = manager
        .and_then(|manager| manager.node_cidr_mask_size)
        .and_then(|mask| u8::try_from(mask).ok());
    let (Some(Ok(IpNet::V4(pods))), Some(mask)) = (pods.map(str::parse), mask) else {
        return;
    };
    let room = mask
        .checked_sub(pods.prefix_len())
        .map_or(0, |bits| 1_i64 << bits.min(32));
    let most: i64 = spec
        .provider
        .workers
        .iter()
        .map(|worker| i64::from(worker.maximum))
        .sum();
    if most > room {
        let detail = format!(
            "the pod network {pods} has room for {room} nodes with a range of /{mask} each: choose a larger network or fewer nodes"
        );
        errors.push(FieldError::invalid(path, most, detail));
    }
}
