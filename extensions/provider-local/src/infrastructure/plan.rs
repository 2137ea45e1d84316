//! From the shoot to its network and security group. Pure.

use std::collections::BTreeSet;

use api::{
    core::v1beta1::{ErrorCode, Shoot},
    extensions::v1alpha1::{Cluster, Infrastructure},
};
use cloud_client::{Direction, NetworkSpec, Remote, RuleProtocol, SecurityGroupRule, SecurityGroupSpec};
use extensions_sdk::ActuatorError;
use ipnet::Ipv4Net;
use kube::ResourceExt as _;

use crate::provider::network_name;

/// Ports that kube-apiserver gives to Services on every node (Kubernetes' default).
const NODE_PORTS: (u16, u16) = (30000, 32767);

/// What a shoot gets in the cloud before its machines.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InfrastructurePlan {
    /// Of network and security group alike.
    pub(crate) name: String,
    pub(crate) network: NetworkSpec,
    pub(crate) security_group: SecurityGroupSpec,
    /// Of all worker pools.
    pub(crate) zones: Vec<String>,
    pub(crate) pods: Option<String>,
    pub(crate) services: Option<String>,
}

pub(crate) fn plan(
    infrastructure: &Infrastructure,
    cluster: Option<&Cluster>,
) -> Result<InfrastructurePlan, ActuatorError> {
    let name = network_name(&infrastructure.namespace().unwrap_or_default());
    let cluster = cluster.ok_or_else(|| ActuatorError::new("the shoot's Cluster does not exist"))?;
    let shoot: Shoot = cluster
        .spec
        .shoot
        .parse()
        .map_err(|error| ActuatorError::new("failed to read the Shoot in the Cluster").caused_by(error))?;
    let networking = shoot.spec.networking.unwrap_or_default();
    let nodes = range(networking.nodes.as_deref())?;
    let zones: BTreeSet<String> = shoot
        .spec
        .provider
        .workers
        .into_iter()
        .flat_map(|worker| worker.zones)
        .collect();
    Ok(InfrastructurePlan {
        network: NetworkSpec::new(nodes),
        security_group: security_group(&name),
        zones: zones.into_iter().collect(),
        pods: networking.pods,
        services: networking.services,
        name,
    })
}

fn range(nodes: Option<&str>) -> Result<Ipv4Net, ActuatorError> {
    let wrong = |what: String| ActuatorError::new(what).with_code(ErrorCode::ConfigurationProblem);
    let nodes = nodes.ok_or_else(|| wrong("the shoot's spec.networking.nodes is not set".to_owned()))?;
    let range: Ipv4Net = nodes.parse().map_err(|error| {
        wrong(format!(
            "spec.networking.nodes {nodes:?} is not a range of IPv4 addresses"
        ))
        .caused_by(error)
    })?;
    Ok(range.trunc())
}

/// Machines among themselves do as they like, and so do the pods on them; everyone may connect to node ports, which is what load
/// balancers lead to. Answers always pass.
fn security_group(name: &str) -> SecurityGroupSpec {
    let everyone = || Remote::Cidr(Ipv4Net::default());
    let (first, last) = NODE_PORTS;
    let node_ports = |protocol| SecurityGroupRule::new(Direction::Ingress, everyone()).ports(protocol, first, last);
    SecurityGroupSpec {
        network: name.to_owned(),
        rules: vec![
            SecurityGroupRule::new(Direction::Ingress, Remote::Group(name.to_owned())),
            node_ports(RuleProtocol::Tcp),
            node_ports(RuleProtocol::Udp),
            SecurityGroupRule::new(Direction::Egress, everyone()),
        ],
    }
}

#[cfg(test)]
mod tests {
    use lib_error_chain::ErrorChain;
    use serde_json::{Value, json};

    use super::*;

    fn planned(change: impl FnOnce(&mut Value)) -> Result<InfrastructurePlan, ActuatorError> {
        let mut shoot = json!({
            "apiVersion": "core.gardener.cloud/v1beta1", "kind": "Shoot",
            "spec": {
                "networking": { "type": "bridge", "nodes": "10.10.3.4/16", "pods": "10.20.0.0/16", "services": "10.30.0.0/16" },
                "provider": { "type": "local", "workers": [
                    { "name": "b", "zones": ["1"] }, { "name": "a", "zones": ["0", "1"] },
                ] },
            },
        });
        change(&mut shoot);
        let cluster = json!({ "spec": { "cloudProfile": {}, "seed": {}, "shoot": shoot } });
        let cluster: Cluster = serde_json::from_value(cluster).unwrap();
        let mut infrastructure = Infrastructure::default();
        infrastructure.metadata.namespace = Some("shoot--dev--first".to_owned());
        plan(&infrastructure, Some(&cluster))
    }

    #[test]
    fn a_shoot_gets_a_network_and_a_security_group_of_its_name() {
        let plan = planned(|_| {}).unwrap();
        assert_eq!(plan.name, "shoot--dev--first");
        assert_eq!(plan.network, NetworkSpec::new("10.10.0.0/16".parse().unwrap()));
        assert_eq!(plan.zones, ["0", "1"]);
        expect_test::expect![[r#"
            {
              "network": "shoot--dev--first",
              "rules": [
                {
                  "direction": "ingress",
                  "protocol": "ANY",
                  "remote": {
                    "group": "shoot--dev--first"
                  }
                },
                {
                  "direction": "ingress",
                  "protocol": "TCP",
                  "portFrom": 30000,
                  "portTo": 32767,
                  "remote": {
                    "cidr": "0.0.0.0/0"
                  }
                },
                {
                  "direction": "ingress",
                  "protocol": "UDP",
                  "portFrom": 30000,
                  "portTo": 32767,
                  "remote": {
                    "cidr": "0.0.0.0/0"
                  }
                },
                {
                  "direction": "egress",
                  "protocol": "ANY",
                  "remote": {
                    "cidr": "0.0.0.0/0"
                  }
                }
              ]
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&plan.security_group).unwrap());
    }

    #[test]
    fn what_the_user_must_mend_is_said() {
        for (nodes, expected) in [
            (Value::Null, "the shoot's spec.networking.nodes is not set"),
            (
                json!("10.10.0.0/99"),
                "spec.networking.nodes \"10.10.0.0/99\" is not a range of IPv4 addresses: invalid IP address syntax",
            ),
        ] {
            let error = planned(|shoot| shoot["spec"]["networking"]["nodes"] = nodes).unwrap_err();
            assert_eq!(ErrorChain(&error).to_string(), expected);
            assert_eq!(error.codes(), [ErrorCode::ConfigurationProblem]);
        }
    }
}
