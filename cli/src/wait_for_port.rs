//! Waits until a port accepts connections: what a pod's init container does, where the program after it would give up too early.

use std::time::Duration;

use anyhow::bail;
use lib_error_chain::ErrorChain;
use lib_resolve::{Resolver, connect};
use tokio::time::{Instant, sleep};

/// A port that opens is noticed within this.
const TRY_EVERY: Duration = Duration::from_millis(100);
/// A connection within a cluster takes milliseconds.
const CONNECT_DEADLINE: Duration = Duration::from_secs(1);
/// How often is said what is waited for.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Arguments of `wait-for-port`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Host and port, `etcd-main-client:2379`
    address: String,
    /// Give up after this many seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
}

/// Returns when the port has accepted a connection.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Some((host, port)) = host_and_port(&arguments.address) else {
        bail!(
            "write {:?} as <host>:<port>, for example etcd-main-client:2379",
            arguments.address
        );
    };
    let (resolver, began) = (Resolver::new(), Instant::now());
    let mut said = began;
    loop {
        let error = match connect(&resolver, host, port, CONNECT_DEADLINE).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if began.elapsed() >= Duration::from_secs(arguments.seconds) {
            return Err(
                anyhow::Error::new(error).context(format!("waited {} s for {}", arguments.seconds, arguments.address))
            );
        }
        if said.elapsed() >= SAY_EVERY {
            tracing::info!(address = arguments.address, error = %ErrorChain(&error), "still waiting");
            said = Instant::now();
        }
        sleep(TRY_EVERY).await;
    }
}

fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    (!host.is_empty()).then_some((host, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(address: String, seconds: u64) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(run(&Arguments { address, seconds }))
    }

    #[test]
    fn a_port_that_opens_ends_the_wait() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        wait(listener.local_addr().unwrap().to_string(), 5).unwrap();
    }

    #[test]
    fn a_port_that_stays_closed_is_named() {
        let error = wait("127.0.0.1:1".to_owned(), 0).unwrap_err();
        assert_eq!(error.to_string(), "waited 0 s for 127.0.0.1:1");
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for address in ["etcd", ":2379", "etcd:many"] {
            let error = wait(address.to_owned(), 0).unwrap_err();
            assert!(error.to_string().contains("as <host>:<port>"), "{address}: {error}");
        }
    }
}
