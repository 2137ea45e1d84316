//! kube-scheduler: its arguments and its Deployment.

use std::collections::BTreeMap;

use crate::{
    ControlPlane, KubeScheduler, Resource, Role,
    exposure::SERVICE_PORT,
    kube_apiserver::Flags,
    labels,
    pod::{Component, Health},
    volumes::{Files, KUBECONFIG},
};

/// Label `role` of its pods.
const ROLE: &str = "scheduler";
const PORT: i32 = 10259;

/// All objects.
pub(crate) fn plan(plane: &ControlPlane) -> KubeScheduler {
    KubeScheduler {
        deployment: component(plane).deployment(plane, "kube-scheduler", 1),
    }
}

/// The container with its files.
pub(crate) fn component(plane: &ControlPlane) -> Component {
    let mut flags = Flags::default();
    flags.set("bind-address", "0.0.0.0");
    flags.set("secure-port", PORT.to_string());
    flags.set("profiling", "false");
    flags.set("kubeconfig", KUBECONFIG);
    flags.set("kube-api-qps", "100");
    flags.set("kube-api-burst", "130");
    flags.set("leader-elect", (plane.role != Role::Seed).to_string());
    Component {
        name: "kube-scheduler",
        role: ROLE,
        image: plane.images.kube_scheduler.clone(),
        command: flags.command("kube-scheduler"),
        environment: Vec::new(),
        port: PORT,
        files: vec![Files::kubeconfig(
            "kubeconfig-kube-scheduler",
            &plane.secrets.scheduler_access,
        )],
        health: Health {
            scheme: "HTTPS",
            port: PORT,
            live: "/livez",
            ready: "/readyz",
            host: None,
        },
        requests: Resource {
            cpu: "10m".to_owned(),
            memory: "64Mi".to_owned(),
        },
        pod_labels: BTreeMap::from([
            labels::may_dial(&plane.api_server_name(), SERVICE_PORT),
            ("networking.gardener.cloud/to-dns".to_owned(), "allowed".to_owned()),
        ]),
        pod_annotations: BTreeMap::new(),
        waits_for: None,
        beside: None,
        shared: Vec::new(),
    }
}
