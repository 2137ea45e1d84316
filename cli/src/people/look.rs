//! `status` and `cloud list`: what there is.

use std::io::{self, Write};

use cloud_client::{Client, DnsRecord, LoadBalancer, Machine, Network};
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
    let (networks, machines, load_balancers, records) = runtime()?.block_on(async {
        tokio::try_join!(
            client.list::<Network>(),
            client.list::<Machine>(),
            client.list::<LoadBalancer>(),
            client.list::<DnsRecord>()
        )
    })?;
    let mut output = io::stdout();
    if arguments.output == Output::Json {
        let all = serde_json::json!({
            "networks": networks, "machines": machines, "loadBalancers": load_balancers, "records": records,
        });
        return Ok(writeln!(output, "{}", serde_json::to_string_pretty(&all)?)?);
    }
    for network in networks {
        writeln!(
            output,
            "network        {:<40} {}  {:?}",
            network.name, network.spec.cidr, network.status.phase
        )?;
    }
    for machine in machines {
        writeln!(
            output,
            "machine        {:<40} {}  {:?}",
            machine.name, machine.status.address, machine.status.phase
        )?;
    }
    for balancer in load_balancers {
        writeln!(
            output,
            "load balancer  {:<40} {}  {:?}",
            balancer.name, balancer.status.address, balancer.status.phase
        )?;
    }
    for record in records {
        writeln!(
            output,
            "record         {:<40} {}",
            record.name,
            record.spec.values.join(", ")
        )?;
    }
    Ok(())
}
