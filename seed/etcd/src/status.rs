//! Derives an `Etcd`'s status from its StatefulSet.
//!
//! In: the object, and the StatefulSet as it is. Out: a status. Nothing is asked of etcd itself: the kubelet's readiness
//! probe does that, through `/health`.

use api::druid::v1alpha1::{Condition, CrossVersionObjectReference, Etcd, EtcdMemberStatus, EtcdStatus};
use jiff::Timestamp;
use k8s_openapi::{api::apps::v1::StatefulSet, apimachinery::pkg::apis::meta::v1::Time};

use crate::names;

/// The status of `etcd` at `now`.
#[must_use]
pub fn status(etcd: &Etcd, stateful_set: Option<&StatefulSet>, now: Timestamp) -> EtcdStatus {
    let wished = etcd.spec.replicas;
    let name = etcd.metadata.name.as_deref().unwrap_or_default();
    let observed = stateful_set.and_then(|set| set.status.as_ref());
    let current = observed.and_then(|status| status.current_replicas).unwrap_or_default();
    let replicas = observed.map_or(0, |status| status.replicas);
    let ready_replicas = observed.and_then(|status| status.ready_replicas).unwrap_or_default();
    // Until the StatefulSet's controller has seen the latest wish, its numbers speak of the one before.
    let seen = stateful_set.is_some_and(|set| {
        set.status.as_ref().and_then(|status| status.observed_generation) >= set.metadata.generation
    });
    let all_ready = seen && ready_replicas == wished && replicas == wished;
    let quorum = ready_replicas * 2 > wished;
    let old = &etcd.status.conditions;
    EtcdStatus {
        observed_generation: etcd.metadata.generation,
        etcd: Some(CrossVersionObjectReference {
            api_version: "apps/v1".to_owned(),
            kind: "StatefulSet".to_owned(),
            name: name.to_owned(),
        }),
        conditions: vec![
            condition(old, "Ready", quorum || wished == 0, QUORUM, ready_replicas, wished, now),
            condition(old, "AllMembersReady", all_ready, MEMBERS, ready_replicas, wished, now),
        ],
        current_replicas: current,
        replicas,
        ready_replicas,
        ready: Some(all_ready),
        members: (0..u32::try_from(wished).unwrap_or_default())
            .map(|ordinal| {
                member(
                    etcd,
                    &names::member(name, ordinal),
                    i64::from(ordinal) < i64::from(ready_replicas),
                    now,
                )
            })
            .collect(),
        peer_url_tls_enabled: Some(etcd.spec.etcd.peer_url_tls.is_some()),
        selector: Some(format!(
            "app.kubernetes.io/name={name},app.kubernetes.io/managed-by=etcd-druid"
        )),
        ..EtcdStatus::default()
    }
}

/// Reasons of a condition: when it is true, and when not.
type Reasons = (&'static str, &'static str);
const QUORUM: Reasons = ("Quorate", "QuorumLost");
const MEMBERS: Reasons = ("AllMembersReady", "NotAllMembersReady");

fn condition(
    old: &[Condition],
    kind: &str,
    holds: bool,
    reasons: Reasons,
    ready: i32,
    wished: i32,
    now: Timestamp,
) -> Condition {
    let status = if holds { "True" } else { "False" };
    let reason = if holds { reasons.0 } else { reasons.1 };
    let message = format!("{ready} of {wished} members are ready");
    let before = old.iter().find(|condition| condition.type_ == kind);
    let same = before.filter(|condition| condition.status.as_str() == status);
    let unchanged = same.filter(|condition| condition.reason == reason && condition.message == message);
    Condition {
        type_: kind.to_owned(),
        status: status.into(),
        last_transition_time: same.map_or(Some(Time(now)), |condition| condition.last_transition_time.clone()),
        last_update_time: unchanged.map_or(Some(Time(now)), |condition| condition.last_update_time.clone()),
        reason: reason.to_owned(),
        message,
    }
}

fn member(etcd: &Etcd, name: &str, ready: bool, now: Timestamp) -> EtcdMemberStatus {
    let (status, reason) = if ready {
        ("Ready", "LeaseSucceeded")
    } else {
        ("NotReady", "PodNotReady")
    };
    let before = etcd
        .status
        .members
        .iter()
        .find(|member| member.name == name && member.status.as_str() == status);
    EtcdMemberStatus {
        name: name.to_owned(),
        status: status.into(),
        reason: reason.to_owned(),
        last_transition_time: before.map_or(Some(Time(now)), |member| member.last_transition_time.clone()),
        ..EtcdMemberStatus::default()
    }
}
