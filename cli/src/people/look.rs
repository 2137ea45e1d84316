//! `status` and `cloud list`: what there is.

use std::io::{self, Write};

use cloud_client::{Client, DnsRecord, LoadBalancer, Machine, Network, Route, SecurityGroup};
use landscape::Status;
use lib_clock::SystemClock;

use super::{LandscapeName, Output};
use crate::privilege::become_root;
use crate::process::runtime;

/// Arguments of `status`.
#[derive(clap::Args)]
pub(crate) struct ShowStatus {
    #[command(flatten)]
    name: LandscapeName,
    /// How to write it
    #[arg(long, short, default_value = "text")]
    output: Output,
}

/// Arguments of `cloud list`.
#[derive(clap::Args)]
pub(crate) struct CloudList {
    #[command(flatten)]
    name: LandscapeName,
    /// How to write it
    #[arg(long, short, default_value = "text")]
    output: Output,
}

/// Shows the landscape's state.
pub(crate) fn show_status(arguments: &ShowStatus) -> anyhow::Result<()> {
    become_root()?;
    let status = runtime()?.block_on(Status::observe(&arguments.name.name(), &SystemClock));
    match arguments.output {
        Output::Text => Ok(write!(io::stdout(), "{status}")?),
        Output::Json => Ok(writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&status)?)?),
    }
}

/// Lists what the cloud has.
pub(crate) fn list_cloud(arguments: &CloudList) -> anyhow::Result<()> {
    become_root()?;
    let client = Client::unix(cloud_client::socket_path(&arguments.name.name()));
    let (networks, routes, groups, machines, load_balancers, records) = runtime()?.block_on(async {
        tokio::try_join!(
            client.list::<Network>(),
            client.list::<Route>(),
            client.list::<SecurityGroup>(),
            client.list::<Machine>(),
            client.list::<LoadBalancer>(),
            client.list::<DnsRecord>()
        )
    })?;
    let mut output = io::stdout();
    if arguments.output == Output::Json {
        let all = serde_json::json!({
            "networks": networks, "routes": routes, "securityGroups": groups, "machines": machines,
            "loadBalancers": load_balancers, "records": records,
        });
        return Ok(writeln!(output, "{}", serde_json::to_string_pretty(&all)?)?);
    }
    let mut line = |kind: &str, name: &str, rest: String| writeln!(output, "{kind:<14} {name:<40} {rest}");
    for it in networks {
        line("network", &it.name, format!("{}  {:?}", it.spec.cidr, it.status.phase))?;
    }
    for it in routes {
        let (destination, via) = (it.spec.destination, it.spec.via);
        line(
            "route",
            &it.name,
            format!("{destination} via {via}  {:?}", it.status.phase),
        )?;
    }
    for it in groups {
        let (rules, machines) = (it.spec.rules.len(), it.status.machines.len());
        let rest = format!("{rules} rules, {machines} machines  {:?}", it.status.phase);
        line("security group", &it.name, rest)?;
    }
    for it in machines {
        line(
            "machine",
            &it.name,
            format!("{}  {:?}", it.status.address, it.status.phase),
        )?;
    }
    for it in load_balancers {
        line(
            "load balancer",
            &it.name,
            format!("{}  {:?}", it.status.address, it.status.phase),
        )?;
    }
    for it in records {
        line("record", &it.name, it.spec.values.join(", "))?;
    }
    Ok(())
}
