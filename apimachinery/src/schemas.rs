//! Schemas of Kubernetes' own types that only kinds of CustomResourceDefinitions embed: nodes, addresses, selectors.
//!
//! In and out: `k8s-openapi`'s types. Absent: protobuf, which custom resources do not speak.

use k8s_openapi::api::{
    core::v1::{
        ConfigMapNodeConfigSource, LoadBalancerIngress, NodeAddress, NodeCondition, NodeConfigSource, NodeSpec,
        PortStatus, SecretKeySelector,
    },
    networking::v1::IPBlock,
};

use crate::{
    external::schema_of,
    openapi::{OpenApi, Schema},
};

macro_rules! schemas {
    ($($ty:ident = $name:literal { $($presence:ident $field:ident: $json:literal),+ $(,)? } $(with $decorate:expr)?;)+) => {
        $(impl OpenApi for $ty {
            fn name() -> Option<String> {
                Some($name.to_owned())
            }

            fn schema() -> Schema {
                let schema = Schema::object();
                $(let schema = schema.$presence($json, schema_of(|value: &$ty| &value.$field));)+
                $(let schema = $decorate(schema);)?
                schema
            }
        })+
    };
}

schemas! {
    NodeAddress = "io.k8s.api.core.v1.NodeAddress" {
        required address: "address",
        required type_: "type",
    };
    NodeCondition = "io.k8s.api.core.v1.NodeCondition" {
        optional last_heartbeat_time: "lastHeartbeatTime",
        optional last_transition_time: "lastTransitionTime",
        optional message: "message",
        optional reason: "reason",
        required status: "status",
        required type_: "type",
    };
    NodeSpec = "io.k8s.api.core.v1.NodeSpec" {
        optional config_source: "configSource",
        optional external_id: "externalID",
        optional pod_cidr: "podCIDR",
        optional pod_cidrs: "podCIDRs",
        optional provider_id: "providerID",
        optional taints: "taints",
        optional unschedulable: "unschedulable",
    };
    NodeConfigSource = "io.k8s.api.core.v1.NodeConfigSource" {
        optional config_map: "configMap",
    };
    ConfigMapNodeConfigSource = "io.k8s.api.core.v1.ConfigMapNodeConfigSource" {
        required kubelet_config_key: "kubeletConfigKey",
        required name: "name",
        required namespace: "namespace",
        optional resource_version: "resourceVersion",
        optional uid: "uid",
    };
    SecretKeySelector = "io.k8s.api.core.v1.SecretKeySelector" {
        required key: "key",
        optional name: "name",
        optional optional: "optional",
    } with Schema::atomic;
    IPBlock = "io.k8s.api.networking.v1.IPBlock" {
        required cidr: "cidr",
        optional except: "except",
    };
    LoadBalancerIngress = "io.k8s.api.core.v1.LoadBalancerIngress" {
        optional hostname: "hostname",
        optional ip: "ip",
        optional ip_mode: "ipMode",
        optional ports: "ports",
    };
    PortStatus = "io.k8s.api.core.v1.PortStatus" {
        optional error: "error",
        required port: "port",
        required protocol: "protocol",
    };
}
