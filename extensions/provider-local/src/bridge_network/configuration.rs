//! What a node's pod network is made of, as text. Pure.

use ipnet::Ipv4Net;
use serde_json::json;

/// Name of the file below the runtime's folder for network configurations.
pub(crate) const FILE: &str = "10-bridge.conflist";

/// The configuration of the runtime's network plugins: a bridge of the node, and addresses from its range.
pub(crate) fn plugins(range: Ipv4Net) -> String {
    let configuration = json!({
        "cniVersion": "1.0.0",
        "name": "bridge",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "pods",
                "isGateway": true,
                // The range may change when a node joins again: the bridge takes the new address.
                "forceAddress": true,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": range}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    });
    format!("{configuration:#}\n")
}

/// Rules for `nft`: what pods send out of the pods' ranges seems to come from the node. One rule for all pods, where the bridge
/// plugin would add and remove rules with every pod, and would hide pods from pods of other nodes.
pub(crate) fn masquerade(range: Ipv4Net, pod_ranges: &[Ipv4Net]) -> String {
    let mut inside: Vec<String> = pod_ranges.iter().map(ToString::to_string).collect();
    inside.push("224.0.0.0/4".to_owned());
    let inside = inside.join(", ");
    format!(
        "\
table ip bridge-network
delete table ip bridge-network
table ip bridge-network {{
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {range} ip daddr != {{ {inside} }} masquerade
    }}
}}
"
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn plugins_give_addresses_of_the_range() {
        expect![[r#"
            {
              "cniVersion": "1.0.0",
              "name": "bridge",
              "plugins": [
                {
                  "bridge": "pods",
                  "forceAddress": true,
                  "hairpinMode": true,
                  "ipam": {
                    "ranges": [
                      [
                        {
                          "subnet": "10.2.1.0/24"
                        }
                      ]
                    ],
                    "routes": [
                      {
                        "dst": "0.0.0.0/0"
                      }
                    ],
                    "type": "host-local"
                  },
                  "isGateway": true,
                  "type": "bridge"
                },
                {
                  "capabilities": {
                    "portMappings": true
                  },
                  "type": "portmap"
                }
              ]
            }
        "#]]
        .assert_eq(&plugins(net("10.2.1.0/24")));
    }

    #[test]
    fn pods_are_hidden_from_all_but_pods() {
        expect![[r#"
            table ip bridge-network
            delete table ip bridge-network
            table ip bridge-network {
                chain postrouting {
                    type nat hook postrouting priority srcnat; policy accept;
                    ip saddr 10.2.1.0/24 ip daddr != { 10.2.0.0/16, 224.0.0.0/4 } masquerade
                }
            }
        "#]]
        .assert_eq(&masquerade(net("10.2.1.0/24"), &[net("10.2.0.0/16")]));
    }
}
