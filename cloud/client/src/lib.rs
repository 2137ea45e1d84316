//! The local cloud's API: its types, and a client over HTTP.
//!
//! In: a Unix socket (root on the same machine) or an address with a bearer token. Out: networks, routes, security groups, machines, load
//! balancers and DNS records, each with what was wished (`spec`) and what is (`status`). Every kind has the same four verbs, and `put` is idempotent.
//!
//! **Absent:** name resolution. An endpoint is a path or an address, so that the client works in a static binary and in a pod.
//!
//! ```no_run
//! # async fn example() -> Result<(), cloud_client::Error> {
//! use cloud_client::{Client, Machine, MachineSpec, Network, NetworkSpec};
//! let cloud = Client::unix(cloud_client::socket_path("local"));
//! cloud.put::<Network>("seed", &NetworkSpec::routed("10.1.0.0/24".parse().unwrap())).await?;
//! let machine = cloud.put::<Machine>("seed", &MachineSpec::new("seed").user_data("#!/bin/sh\ntrue\n")).await?;
//! assert_eq!(machine.status.provider_id, "local:///local/seed");
//! # Ok(())
//! # }
//! ```

mod client;
mod error;
mod load_balancer;
mod machine;
mod network;
mod proxy;
mod record;
mod resource;
mod route;
mod security_group;

pub use self::{
    client::{CONSOLE_TAIL, Client, socket_path},
    error::{ApiError, Error, ErrorCode},
    load_balancer::{LoadBalancer, LoadBalancerPort, LoadBalancerSpec, LoadBalancerStatus, Protocol},
    machine::{Flavor, Limits, Machine, MachineKind, MachineSpec, MachineStatus},
    network::{Network, NetworkRoute, NetworkSpec, NetworkStatus},
    proxy::connect_through_proxy,
    record::{DnsRecord, DnsRecordSpec, DnsRecordStatus, RecordType},
    resource::{Info, List, Phase, Resource},
    route::{Route, RouteSpec, RouteStatus},
    security_group::{
        Direction, Remote, RuleProtocol, SecurityGroup, SecurityGroupRule, SecurityGroupSpec, SecurityGroupStatus,
    },
};
