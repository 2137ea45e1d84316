//! What node-agents may do, and above all what not.

use std::sync::Arc;

use api::machine::v1alpha1::Machine;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use k8s_openapi::api::authorization::v1::SubjectAccessReviewSpec;
use serde_json::{Value, json};

use super::{Answer, judge};

const USER: &str = "gardener.cloud:node-agent:machine:m1";

fn machine(name: &str) -> Option<Arc<Machine>> {
    let machine = json!({
        "metadata": { "name": name, "labels": { "node": name } },
        "spec": { "nodeTemplate": { "metadata": { "labels": {
            "worker.gardener.cloud/gardener-node-agent-secret-name": "gardener-node-agent-pool-0a1b2c3d",
        } } } },
    });
    ["m1", "m2"]
        .contains(&name)
        .then(|| Arc::new(serde_json::from_value(machine).unwrap()))
}

fn spec(user: &str, group: &str, attributes: &Value) -> SubjectAccessReviewSpec {
    let spec = json!({ "user": user, "groups": [group, "system:authenticated"], "resourceAttributes": attributes });
    serde_json::from_value(spec).unwrap()
}

/// `verb group/resource[/subresource] namespace name`, with `-` for what is absent.
fn answer(line: &str) -> Answer {
    let words: Vec<&str> = line
        .split_whitespace()
        .map(|word| if word == "-" { "" } else { word })
        .collect();
    let [verb, kind, namespace, name] = words[..] else {
        panic!("{line}")
    };
    let parts: Vec<&str> = kind.split('/').collect();
    let attributes = json!({
        "verb": verb, "namespace": namespace, "name": name,
        "group": parts[0], "resource": parts[1], "subresource": parts.get(2).copied().unwrap_or_default(),
    });
    judge(&spec(USER, "gardener.cloud:node-agents", &attributes), machine)
}

#[test]
fn a_node_agent_may_what_is_its_own() {
    for line in [
        "create certificates.k8s.io/certificatesigningrequests - -",
        "create /events default -",
        "patch events.k8s.io/events default e",
        "create coordination.k8s.io/leases kube-system -",
        "create coordination.k8s.io/leases kube-system gardener-node-agent-m1",
        "get coordination.k8s.io/leases kube-system gardener-node-agent-m1",
        "patch coordination.k8s.io/leases kube-system gardener-node-agent-m1",
        "update coordination.k8s.io/leases kube-system gardener-node-agent-m1",
        "get /nodes - m1",
        "list /nodes - m1",
        "watch /nodes - m1",
        "patch /nodes - m1",
        "update /nodes/status - m1",
        "get /secrets kube-system gardener-node-agent-pool-0a1b2c3d",
        "list /secrets kube-system gardener-node-agent-pool-0a1b2c3d",
        "watch /secrets kube-system gardener-node-agent-pool-0a1b2c3d",
    ] {
        assert_eq!(answer(line), Answer::Allow, "{line}");
    }
    for verb in ["get", "list", "watch"] {
        let line = format!("{verb} certificates.k8s.io/certificatesigningrequests - c");
        assert_eq!(answer(&line), Answer::IfOwnRequest("c".to_owned()), "{line}");
    }
}

#[test]
fn a_node_agent_may_nothing_else() {
    for line in [
        // Others' nodes, and all of them.
        "get /nodes - m2",
        "patch /nodes - m2",
        "update /nodes/status - m2",
        "list /nodes - -",
        "watch /nodes - -",
        "create /nodes - m1",
        "delete /nodes - m1",
        "get /nodes/proxy - m1",
        "create /nodes/proxy - m1",
        // Others' secrets, and all of them.
        "get /secrets kube-system gardener-node-agent-other-0a1b2c3d",
        "get /secrets kube-system bootstrap-token-abc123",
        "get /secrets default gardener-node-agent-pool-0a1b2c3d",
        "list /secrets kube-system -",
        "watch /secrets - -",
        "update /secrets kube-system gardener-node-agent-pool-0a1b2c3d",
        "create /secrets kube-system -",
        // Others' leases.
        "update coordination.k8s.io/leases kube-system gardener-node-agent-m2",
        "create coordination.k8s.io/leases kube-system gardener-node-agent-m2",
        "update coordination.k8s.io/leases kube-node-lease gardener-node-agent-m1",
        "update coordination.k8s.io/leases kube-node-lease m1",
        "create coordination.k8s.io/leases kube-node-lease -",
        "list coordination.k8s.io/leases kube-system -",
        "delete coordination.k8s.io/leases kube-system gardener-node-agent-m1",
        // Certificates: neither all of them nor their approval.
        "list certificates.k8s.io/certificatesigningrequests - -",
        "watch certificates.k8s.io/certificatesigningrequests - -",
        "update certificates.k8s.io/certificatesigningrequests/approval - c",
        "patch certificates.k8s.io/certificatesigningrequests/status - c",
        "approve certificates.k8s.io/signers - kubernetes.io/kube-apiserver-client",
        "delete certificates.k8s.io/certificatesigningrequests - c",
        // Anything else.
        "list /pods default -",
        "get /pods default p",
        "create /pods/exec default p",
        "create /pods default -",
        "delete /pods default p",
        "create /serviceaccounts/token kube-system default",
        "get /configmaps kube-system extension-apiserver-authentication",
        "delete /events default e",
        "list /events default -",
        "* */* - -",
        "impersonate /users - system:admin",
        "bind rbac.authorization.k8s.io/clusterroles - cluster-admin",
        // The same word in another group is another kind.
        "get example.org/nodes - m1",
        "get example.org/secrets kube-system gardener-node-agent-pool-0a1b2c3d",
    ] {
        let answer = answer(line);
        assert!(matches!(answer, Answer::Deny(_)), "{line}: {answer:?}");
    }
}

#[test]
fn pods_are_listed_by_node() {
    let ask = |selector: &Value| {
        let attributes = json!({ "verb": "list", "resource": "pods", "fieldSelector": selector });
        judge(&spec(USER, "gardener.cloud:node-agents", &attributes), machine)
    };
    let requirement =
        |key: &str, operator: &str, values: &[&str]| json!({ "key": key, "operator": operator, "values": values });
    let own = requirement("spec.nodeName", "In", &["m1"]);
    assert_eq!(ask(&json!({ "requirements": [own] })), Answer::Allow);
    assert_eq!(
        ask(&json!({ "requirements": [requirement("status.phase", "NotIn", &["Failed"]), own] })),
        Answer::Allow
    );
    for selector in [
        json!({}),
        json!({ "requirements": [] }),
        json!({ "rawSelector": "spec.nodeName=m1" }),
        json!({ "requirements": [requirement("spec.nodeName", "In", &["m2"])] }),
        json!({ "requirements": [requirement("spec.nodeName", "In", &["m1", "m2"])] }),
        json!({ "requirements": [requirement("spec.nodeName", "NotIn", &["m1"])] }),
        json!({ "requirements": [requirement("metadata.name", "In", &["m1"])] }),
    ] {
        assert!(matches!(ask(&selector), Answer::Deny(_)), "{selector}");
    }
}

#[test]
fn rights_go_with_the_machine() {
    let attributes = json!({ "verb": "get", "resource": "nodes", "name": "m9" });
    let gone = spec(
        "gardener.cloud:node-agent:machine:m9",
        "gardener.cloud:node-agents",
        &attributes,
    );
    assert_eq!(
        judge(&gone, machine),
        Answer::Deny("there is no Machine \"m9\"".to_owned())
    );
}

#[test]
fn a_machine_that_names_no_secret_gives_none() {
    let attributes = json!({ "verb": "get", "resource": "secrets", "namespace": "kube-system", "name": "" });
    let bare = |_: &str| Some(Arc::new(Machine::default()));
    let answer = judge(&spec(USER, "gardener.cloud:node-agents", &attributes), bare);
    assert!(matches!(answer, Answer::Deny(_)), "{answer:?}");
}

#[test]
fn of_others_nothing_is_said() {
    let attributes = json!({ "verb": "get", "resource": "nodes", "name": "m1" });
    for (user, group) in [
        ("alice", "gardener.cloud:node-agents"),
        ("gardener.cloud:node-agent:machine:", "gardener.cloud:node-agents"),
        (USER, "system:nodes"),
        ("system:node:m1", "system:nodes"),
    ] {
        let answer = judge(&spec(user, group, &attributes), machine);
        assert!(matches!(answer, Answer::NoOpinion(_)), "{user} {group}: {answer:?}");
    }
    let path = json!({ "user": USER, "groups": ["gardener.cloud:node-agents"], "nonResourceAttributes": { "path": "/metrics", "verb": "get" } });
    let answer = judge(&serde_json::from_value(path).unwrap(), machine);
    assert!(matches!(answer, Answer::NoOpinion(_)), "{answer:?}");
}

/// What is no review gets no answer that could be taken for one.
#[tokio::test]
async fn only_reviews_are_answered() {
    let (machines, _watcher) = crate::machines::Machines::new();
    let client = controller::fake::FakeCluster::new().client();
    let reviewer = super::Reviewer {
        machines,
        targets: crate::target::Targets::new(client),
    };
    for (method, path, body, expected) in [
        (Method::POST, "/", "{}", StatusCode::NOT_FOUND),
        (Method::POST, "/webhooks/auth/nodeagent/", "{}", StatusCode::NOT_FOUND),
        (
            Method::POST,
            "/webhooks/auth/nodeagent/a/b",
            "{}",
            StatusCode::NOT_FOUND,
        ),
        (Method::POST, "/webhooks/auth/nodeagent/..", "{}", StatusCode::NOT_FOUND),
        (
            Method::GET,
            "/webhooks/auth/nodeagent/shoot--dev--first",
            "{}",
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (
            Method::POST,
            "/webhooks/auth/nodeagent/shoot--dev--first",
            "[]",
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let response = reviewer.answer(request).await;
        assert_eq!(response.status(), expected, "{path} {body}");
        assert!(response.into_body().collect().await.is_ok());
    }
}
