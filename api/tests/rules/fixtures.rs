//! Valid objects: each case of a table breaks one thing.

use api::core::v1beta1::{CloudProfile, Project, Seed, Shoot};
use apimachinery::{field::FieldErrors, meta::Time};
use serde::de::DeserializeOwned;

fn parse<T: DeserializeOwned>(yaml: &str) -> T {
    serde_yaml_ng::from_str(yaml).unwrap()
}

pub(crate) fn workerless_shoot() -> Shoot {
    parse(
        "
metadata: {name: first, namespace: garden-dev}
spec:
  cloudProfile: {kind: CloudProfile, name: local}
  region: local
  purpose: evaluation
  provider: {type: local}
  kubernetes: {version: 1.35.4}
  networking: {services: 10.5.0.0/16, ipFamilies: [IPv4]}
  maintenance: {timeWindow: {begin: 220000+0100, end: 230000+0100}}
",
    )
}

pub(crate) fn shoot_with_workers() -> Shoot {
    parse(
        "
metadata: {name: first, namespace: garden-dev}
spec:
  cloudProfile: {kind: CloudProfile, name: local}
  credentialsBindingName: local
  region: local
  provider:
    type: local
    workers:
    - name: pool
      machine: {type: small, image: {name: debian, version: 13.0.0}, architecture: amd64}
      minimum: 1
      maximum: 3
      maxSurge: 1
      maxUnavailable: 0
      zones: [a]
      volume: {size: 50Gi}
  kubernetes: {version: 1.35.4}
  networking: {type: bridge, nodes: 10.250.0.0/16, pods: 10.4.0.0/16, services: 10.5.0.0/16, ipFamilies: [IPv4]}
",
    )
}

pub(crate) fn seed() -> Seed {
    parse(
        "
metadata: {name: local}
spec:
  provider: {type: local, region: local, zones: [a]}
  dns:
    provider: {type: local, credentialsRef: {apiVersion: v1, kind: Secret, name: dns, namespace: garden}}
    internal:
      type: local
      domain: internal.local.example
      credentialsRef: {apiVersion: v1, kind: Secret, name: dns, namespace: garden}
  ingress: {domain: ingress.local.example, controller: {kind: nginx}}
  networks:
    nodes: 10.1.0.0/24
    pods: 10.2.0.0/16
    services: 10.3.0.0/16
    shootDefaults: {pods: 10.4.0.0/16, services: 10.5.0.0/16}
    ipFamilies: [IPv4]
",
    )
}

pub(crate) fn project() -> Project {
    parse(
        "
metadata: {name: dev}
spec:
  namespace: garden-dev
  owner: {apiGroup: rbac.authorization.k8s.io, kind: User, name: alice@example.com}
  members:
  - {apiGroup: rbac.authorization.k8s.io, kind: User, name: alice@example.com, roles: [owner, admin]}
  - {kind: ServiceAccount, name: robot, namespace: garden-dev, role: viewer}
",
    )
}

pub(crate) fn cloud_profile() -> CloudProfile {
    parse(
        "
metadata: {name: local}
spec:
  type: local
  kubernetes:
    versions:
    - {version: 1.36.0, classification: preview}
    - {version: 1.35.4, classification: supported}
    - {version: 1.35.3, classification: deprecated}
    - {version: 1.34.2, classification: deprecated, expirationDate: '2026-06-01T00:00:00Z'}
  machineImages:
  - name: debian
    versions: [{version: 13.0.0}, {version: 12.9.0, expirationDate: '2026-06-01T00:00:00Z'}]
  machineTypes:
  - {name: small, cpu: 2, gpu: 0, memory: 4Gi}
  - {name: retired, cpu: 2, gpu: 0, memory: 4Gi, usable: false}
  regions:
  - name: local
    zones: [{name: a}, {name: b, unavailableMachineTypes: [small]}]
",
    )
}

/// After all expiration dates above.
pub(crate) fn now() -> Time {
    Time("2026-09-01T00:00:00Z".parse().unwrap())
}

/// The errors are those expected, in order.
#[track_caller]
pub(crate) fn assert_errors(errors: &FieldErrors, expected: &[&str]) {
    assert_eq!(errors.to_strings(), expected);
}

/// A change of a fixture.
pub(crate) type Change<T> = fn(&mut T);
