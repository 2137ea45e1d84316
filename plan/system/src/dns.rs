//! CoreDNS: the names of Services and pods, and what lies beyond.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::Object;
use crate::object::{
    NAMESPACE, cluster_role, cluster_role_binding, http_probe, restricted_container, restricted_pod, rule,
    service_account,
};

const NAME: &str = "coredns";

/// Not 53: that would need a capability.
const PORT: u16 = 8053;

/// What the cluster's DNS needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// CoreDNS's image.
    pub image: String,
    /// The address that the kubelets give to pods.
    pub cluster_ip: Ipv4Addr,
    /// The domain of the cluster's own names.
    pub cluster_domain: String,
    /// How many pods answer; several are spread over nodes.
    pub replicas: u32,
}

/// CoreDNS as a Deployment, and the Service `kube-dns`.
pub fn plan_dns(dns: &Dns) -> Vec<Object> {
    vec![
        service_account(NAME),
        cluster_role("system:coredns", &rules()),
        cluster_role_binding("system:coredns", "system:coredns", NAME),
        config_map(dns),
        deployment(dns),
        service(dns),
    ]
}

fn rules() -> [Value; 2] {
    [
        rule(
            &[""],
            &["endpoints", "services", "pods", "namespaces"],
            &["list", "watch"],
        ),
        rule(&["discovery.k8s.io"], &["endpointslices"], &["list", "watch"]),
    ]
}

/// Names outside of the cluster come from the node's own resolver. That a name is missing is forgotten soon: names of API servers
/// appear while others already ask for them.
fn corefile(dns: &Dns) -> String {
    format!(
        "\
.:{PORT} {{
    errors
    health :8080
    ready :8181
    kubernetes {domain} in-addr.arpa ip6.arpa {{
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }}
    prometheus :9153
    forward . /etc/resolv.conf
    cache 30 {{
        denial 9984 1
    }}
    loop
    loadbalance
}}
",
        domain = dns.cluster_domain
    )
}

fn config_map(dns: &Dns) -> Object {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "data": {"Corefile": corefile(dns)},
    })
}

fn deployment(dns: &Dns) -> Object {
    let labels = json!({"k8s-app": "kube-dns"});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "replicas": dns.replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": labels}, "spec": pod(dns)},
        },
    })
}

fn pod(dns: &Dns) -> Value {
    let mut pod = single_pod(dns);
    if dns.replicas > 1 {
        pod["topologySpreadConstraints"] = json!([{
            "labelSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
        }]);
    }
    pod
}

fn single_pod(dns: &Dns) -> Value {
    json!({
        "automountServiceAccountToken": true,
        "dnsPolicy": "Default",
        "priorityClassName": "system-cluster-critical",
        "securityContext": restricted_pod(),
        "serviceAccountName": NAME,
        "tolerations": [
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"},
        ],
        "containers": [{
            "name": NAME,
            "image": dns.image,
            "args": ["-conf", "/etc/coredns/Corefile"],
            "ports": [
                {"name": "dns-udp", "containerPort": PORT, "protocol": "UDP"},
                {"name": "dns-tcp", "containerPort": PORT, "protocol": "TCP"},
                {"name": "metrics", "containerPort": 9153, "protocol": "TCP"},
            ],
            "livenessProbe": http_probe("/health", 8080, 10),
            "readinessProbe": http_probe("/ready", 8181, 1),
            "resources": {"requests": {"cpu": "20m", "memory": "40Mi"}, "limits": {"memory": "256Mi"}},
            "securityContext": restricted_container(),
            "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": true}],
        }],
        "volumes": [{"name": "config", "configMap": {"name": NAME}}],
    })
}

fn service(dns: &Dns) -> Object {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kube-dns",
            "namespace": NAMESPACE,
            "labels": {"k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS"},
        },
        "spec": {
            "clusterIP": dns.cluster_ip,
            "selector": {"k8s-app": "kube-dns"},
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": PORT},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": PORT},
                {"name": "metrics", "port": 9153, "protocol": "TCP", "targetPort": 9153},
            ],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::testing::{check_types, to_yaml};

    #[test]
    fn several_pods_are_spread() {
        let objects = plan_dns(&dns(2));
        check_types(&objects);
        let spec = &objects[4]["spec"];
        assert_eq!(spec["replicas"], 2);
        let spread = &spec["template"]["spec"]["topologySpreadConstraints"][0];
        assert_eq!(spread["topologyKey"], "kubernetes.io/hostname");
    }

    fn dns(replicas: u32) -> Dns {
        Dns {
            image: "registry/coredns:1".to_owned(),
            cluster_ip: Ipv4Addr::new(10, 3, 0, 10),
            cluster_domain: "cluster.local".to_owned(),
            replicas,
        }
    }

    #[test]
    fn dns_is_planned() {
        let objects = plan_dns(&dns(1));
        check_types(&objects);
        expect_test::expect_file!["../tests/golden/dns.yaml"].assert_eq(&to_yaml(&objects));
    }
}
