//! What is asked for, by whom, and what becomes of it; most of it from the attacker's side.

use std::{sync::Arc, time::Duration};

use api::machine::v1alpha1::Machine;
use k8s_openapi::{ByteString, api::certificates::v1::CertificateSigningRequestSpec};
use lib_pki::{CertificateRequest, PrivateKey, signing_request};
use serde_json::{Value, json};

use super::{Facts, Reading, Verdict, judge, read};

const SERVING: &str = "kubernetes.io/kubelet-serving";
const KUBELET: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const CLIENT: &str = "kubernetes.io/kube-apiserver-client";

/// A request, as good as requests are.
#[derive(Clone)]
struct Ask {
    signer: &'static str,
    user: &'static str,
    groups: Vec<&'static str>,
    usages: Vec<&'static str>,
    common_name: &'static str,
    organizations: Vec<&'static str>,
    dns_names: Vec<&'static str>,
    addresses: Vec<&'static str>,
}

fn serving() -> Ask {
    Ask {
        signer: SERVING,
        user: "system:node:m1",
        groups: vec!["system:nodes", "system:authenticated"],
        usages: vec!["digital signature", "server auth"],
        common_name: "system:node:m1",
        organizations: vec!["system:nodes"],
        dns_names: vec!["m1"],
        addresses: vec!["10.10.0.11"],
    }
}

fn client(signer: &'static str, common_name: &'static str, organization: &'static str) -> Ask {
    Ask {
        signer,
        user: "system:bootstrap:abc123",
        groups: vec!["system:bootstrappers", "system:authenticated"],
        usages: vec!["digital signature", "client auth"],
        common_name,
        organizations: vec![organization],
        dns_names: Vec::new(),
        addresses: Vec::new(),
    }
}

fn kubelet() -> Ask {
    client(KUBELET, "system:node:m3", "system:nodes")
}

fn agent() -> Ask {
    client(
        CLIENT,
        "gardener.cloud:node-agent:machine:m3",
        "gardener.cloud:node-agents",
    )
}

fn renewal() -> Ask {
    Ask {
        user: "gardener.cloud:node-agent:machine:m1",
        groups: vec!["gardener.cloud:node-agents"],
        common_name: "gardener.cloud:node-agent:machine:m1",
        ..agent()
    }
}

fn tunnel() -> Ask {
    Ask {
        common_name: "gardener.cloud:tunnel:machine:m1",
        organizations: vec!["gardener.cloud:tunnels"],
        ..renewal()
    }
}

fn owned(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

impl Ask {
    fn spec(&self) -> CertificateSigningRequestSpec {
        let request = CertificateRequest {
            common_name: self.common_name.to_owned(),
            organizations: owned(&self.organizations),
            dns_names: owned(&self.dns_names),
            ip_addresses: self.addresses.iter().map(|address| address.parse().unwrap()).collect(),
            usages: Vec::new(),
            validity: Duration::from_secs(60),
        };
        let pem = signing_request(&request, &PrivateKey::generate().unwrap()).unwrap();
        CertificateSigningRequestSpec {
            signer_name: self.signer.to_owned(),
            username: Some(self.user.to_owned()),
            groups: Some(owned(&self.groups)),
            usages: Some(owned(&self.usages)),
            request: ByteString(pem.into_bytes()),
            ..CertificateSigningRequestSpec::default()
        }
    }
}

/// Machines m1 and m2 have joined, m3 has not; the token `abc123` is m3's.
fn world() -> Value {
    let machine = |name: &str, address: &str| {
        json!({
            "metadata": { "name": name, "labels": { "node": name } },
            "status": { "addresses": [
                { "type": "InternalIP", "address": address },
                { "type": "Hostname", "address": name },
            ] },
        })
    };
    json!({
        "machines": [machine("m1", "10.10.0.11"), machine("m2", "10.10.0.12"), machine("m3", "10.10.0.13")],
        "node": {
            "metadata": { "name": "m1" },
            "status": { "addresses": [
                { "type": "InternalIP", "address": "10.10.0.11" },
                { "type": "Hostname", "address": "m1" },
            ] },
        },
        "token": {
            "type": "bootstrap.kubernetes.io/token",
            "data": {
                "token-id": ByteString(b"abc123".to_vec()),
                "expiration": ByteString(b"2026-01-01T00:20:00Z".to_vec()),
                "description": description("m3"),
            },
        },
    })
}

fn description(machine: &str) -> ByteString {
    let text = format!("A bootstrap token for machine \"{machine}\" managed by machine-controller-manager.");
    ByteString(text.into_bytes())
}

fn facts(world: &Value) -> Facts {
    let machines: Vec<Machine> = serde_json::from_value(world["machines"].clone()).unwrap();
    Facts {
        machines: machines.into_iter().map(Arc::new).collect(),
        node: serde_json::from_value(world["node"].clone()).unwrap(),
        token: serde_json::from_value(world["token"].clone()).unwrap(),
        now: "2026-01-01T00:00:00Z".parse().unwrap(),
    }
}

fn verdict(ask: &Ask, world: &Value) -> Verdict {
    match read(&ask.spec()) {
        Reading::Claim(claim) => judge(&claim, &facts(world)),
        Reading::Refused(reason) => Verdict::Deny(reason),
        Reading::Foreign => panic!("the request is taken for another's"),
    }
}

#[track_caller]
fn approved(ask: &Ask) {
    let verdict = verdict(ask, &world());
    assert!(matches!(verdict, Verdict::Approve(_)), "{verdict:?}");
}

#[track_caller]
fn denied(ask: &Ask, expected: &str) {
    denied_in(&world(), ask, expected);
}

#[track_caller]
fn denied_in(world: &Value, ask: &Ask, expected: &str) {
    let verdict = verdict(ask, world);
    assert!(
        matches!(&verdict, Verdict::Deny(reason) if reason.contains(expected)),
        "{verdict:?}"
    );
}

#[test]
fn what_is_true_is_approved() {
    for ask in [serving(), kubelet(), agent(), renewal(), tunnel()] {
        approved(&ask);
    }
}

#[test]
fn what_concerns_others_is_left_alone() {
    let admin = Ask {
        common_name: "admin",
        organizations: vec!["system:masters"],
        ..agent()
    };
    let renewing = Ask {
        user: "system:node:m1",
        groups: vec!["system:nodes"],
        ..kubelet()
    };
    let own_signer = Ask {
        signer: "example.org/own",
        ..serving()
    };
    for ask in [admin, renewing, own_signer] {
        assert_eq!(read(&ask.spec()), Reading::Foreign);
    }
    let mut broken = agent().spec();
    broken.request = ByteString(b"nothing".to_vec());
    assert_eq!(read(&broken), Reading::Foreign);
}

#[test]
fn a_kubelet_serves_under_its_own_name_only() {
    let ask = serving();
    denied(
        &Ask {
            common_name: "system:node:m2",
            ..ask.clone()
        },
        "not that of the requestor",
    );
    denied(
        &Ask {
            organizations: vec!["system:masters"],
            ..ask.clone()
        },
        "organizations",
    );
    denied(
        &Ask {
            organizations: vec!["system:nodes", "system:masters"],
            ..ask
        },
        "organizations",
    );
}

#[test]
fn only_kubelets_serve_and_only_as_servers() {
    let ask = serving();
    denied(
        &Ask {
            user: "alice",
            ..ask.clone()
        },
        "is no kubelet",
    );
    denied(
        &Ask {
            groups: vec!["system:authenticated"],
            ..ask.clone()
        },
        "is no kubelet",
    );
    denied(
        &Ask {
            user: "system:node:",
            common_name: "system:node:",
            ..ask.clone()
        },
        "is no kubelet",
    );
    denied(
        &Ask {
            usages: vec!["client auth", "server auth"],
            ..ask.clone()
        },
        "usages",
    );
    denied(
        &Ask {
            usages: vec!["digital signature"],
            ..ask.clone()
        },
        "usages",
    );
    denied(
        &Ask {
            dns_names: vec![],
            addresses: vec![],
            ..ask
        },
        "neither DNS names nor addresses",
    );
}

#[test]
fn a_kubelet_serves_under_its_own_addresses_only() {
    let ask = serving();
    denied(
        &Ask {
            addresses: vec!["10.10.0.12"],
            ..ask.clone()
        },
        "the addresses of node \"m1\" are m1, 10.10.0.11",
    );
    denied(
        &Ask {
            addresses: vec!["10.10.0.11", "10.10.0.12"],
            ..ask.clone()
        },
        "it names m1, 10.10.0.11, 10.10.0.12",
    );
    denied(
        &Ask {
            addresses: vec!["10.10.0.11", "127.0.0.1"],
            ..ask.clone()
        },
        "it names",
    );
    denied(
        &Ask {
            dns_names: vec!["m1", "m2"],
            ..ask.clone()
        },
        "it names",
    );
    denied(
        &Ask {
            dns_names: vec!["kubernetes.default.svc"],
            ..ask.clone()
        },
        "it names",
    );
    denied(
        &Ask {
            dns_names: vec![],
            ..ask
        },
        "it names",
    );
}

/// A kubelet writes its Node itself; the Machine it cannot write.
#[test]
fn a_node_that_claims_what_is_anothers_is_denied() {
    for (type_, address) in [
        ("InternalIP", "10.10.0.12"),
        ("ExternalIP", "240.0.0.1"),
        ("Hostname", "m2"),
    ] {
        let mut world = world();
        let claimed = json!({ "type": type_, "address": address });
        world["node"]["status"]["addresses"]
            .as_array_mut()
            .unwrap()
            .push(claimed);
        let mut ask = serving();
        if type_ == "Hostname" {
            ask.dns_names.push(address);
        } else {
            ask.addresses.push(address);
        }
        denied_in(&world, &ask, "but its Machine has m1, 10.10.0.11");
    }
}

#[test]
fn a_node_without_a_machine_of_its_own_is_denied() {
    let mut gone = world();
    gone["machines"].as_array_mut().unwrap().remove(0);
    denied_in(&gone, &serving(), "0 Machines belong to node \"m1\"");
    denied_in(&gone, &renewal(), "there is no Machine \"m1\"");
    denied_in(&gone, &tunnel(), "there is no Machine \"m1\"");
    let mut shared = world();
    shared["machines"][1]["metadata"]["labels"]["node"] = json!("m1");
    denied_in(&shared, &serving(), "2 Machines belong to node \"m1\"");
}

#[test]
fn what_is_not_known_yet_is_decided_later() {
    let mut unknown = world();
    unknown["machines"][0]["status"]["addresses"] = json!([]);
    assert!(matches!(verdict(&serving(), &unknown), Verdict::Later(_)));
    let mut early = world();
    early["node"] = Value::Null;
    assert!(matches!(verdict(&serving(), &early), Verdict::Later(_)));
}

#[test]
fn a_token_is_good_for_its_own_machine_only() {
    denied(
        &Ask {
            common_name: "system:node:m2",
            ..kubelet()
        },
        "made for \"m3\", not for \"m2\"",
    );
    denied(
        &Ask {
            common_name: "system:node:kube-controller-manager",
            ..kubelet()
        },
        "made for \"m3\"",
    );
    let other = Ask {
        common_name: "gardener.cloud:node-agent:machine:m2",
        ..agent()
    };
    denied(&other, "made for \"m3\", not for \"m2\"");
    denied(
        &Ask {
            common_name: "gardener.cloud:tunnel:machine:m3",
            ..tunnel()
        },
        "is not the node-agent of machine \"m3\"",
    );
    let by_token = Ask {
        user: "system:bootstrap:abc123",
        groups: vec!["system:bootstrappers"],
        ..tunnel()
    };
    denied(&by_token, "is not the node-agent");
}

#[test]
fn a_spent_wrong_or_foreign_token_is_denied() {
    let asks = [kubelet(), agent()];
    let mut joined = world();
    joined["node"]["metadata"]["name"] = json!("m3");
    let mut removed = world();
    removed["token"] = Value::Null;
    let mut expired = world();
    expired["token"]["data"]["expiration"] = json!(ByteString(b"2025-12-31T23:59:59Z".to_vec()));
    let mut manual = world();
    manual["token"]["data"]["description"] = json!(ByteString(b"for my laptop".to_vec()));
    let mut machineless = world();
    machineless["token"]["data"]["description"] = json!(description("m9"));
    let mut opaque = world();
    opaque["token"]["type"] = json!("Opaque");
    let mut mislabelled = world();
    mislabelled["token"]["data"]["token-id"] = json!(ByteString(b"zzz999".to_vec()));
    for (world, expected) in [
        (joined, "the bootstrap token of its machine is spent"),
        (removed, "is not there any more"),
        (expired, "has expired"),
        (manual, "was not made for a machine"),
        (machineless, "there is no Machine \"m9\""),
        (opaque, "of another type or another token"),
        (mislabelled, "of another type or another token"),
    ] {
        for ask in &asks {
            denied_in(&world, ask, expected);
        }
    }
}

#[test]
fn a_user_that_only_looks_like_a_token_is_denied() {
    for user in [
        "system:bootstrap:",
        "system:bootstrap:../../x",
        "system:bootstrap:abc1234",
        "system:bootstrap:ABC123",
    ] {
        denied(&Ask { user, ..kubelet() }, "is no bootstrap token");
        denied(&Ask { user, ..agent() }, "is no bootstrap token");
    }
    denied(
        &Ask {
            groups: vec!["system:authenticated"],
            ..agent()
        },
        "is no bootstrap token",
    );
}

#[test]
fn node_agents_and_tunnels_get_no_more_than_they_need() {
    for ask in [agent(), renewal(), tunnel()] {
        denied(
            &Ask {
                organizations: vec!["system:masters"],
                ..ask.clone()
            },
            "organizations",
        );
        let both = vec![ask.organizations[0], "system:masters"];
        denied(
            &Ask {
                organizations: both,
                ..ask.clone()
            },
            "organizations",
        );
        denied(
            &Ask {
                dns_names: vec!["m1"],
                ..ask.clone()
            },
            "which a client has none of",
        );
        denied(
            &Ask {
                addresses: vec!["10.10.0.11"],
                ..ask.clone()
            },
            "which a client has none of",
        );
        denied(
            &Ask {
                usages: vec!["server auth"],
                ..ask.clone()
            },
            "usages",
        );
        denied(
            &Ask {
                usages: vec!["client auth", "cert sign"],
                ..ask.clone()
            },
            "usages",
        );
        // The group alone makes it ours.
        denied(
            &Ask {
                common_name: "kubernetes-admin",
                ..ask
            },
            "is not of the form",
        );
    }
}

#[test]
fn node_agents_speak_for_themselves_only() {
    let m2 = "gardener.cloud:node-agent:machine:m2";
    denied(&Ask { user: m2, ..renewal() }, "may not ask for the certificate of");
    denied(
        &Ask {
            user: "alice",
            groups: vec!["system:authenticated"],
            ..renewal()
        },
        "may not ask",
    );
    denied(
        &Ask {
            groups: vec!["system:authenticated"],
            ..renewal()
        },
        "may not ask",
    );
    denied(&Ask { user: m2, ..tunnel() }, "is not the node-agent of machine \"m1\"");
    denied(
        &Ask {
            user: "gardener.cloud:tunnel:machine:m1",
            ..tunnel()
        },
        "is not the node-agent",
    );
    denied(
        &Ask {
            groups: vec!["system:authenticated"],
            ..tunnel()
        },
        "is not the node-agent",
    );
}
