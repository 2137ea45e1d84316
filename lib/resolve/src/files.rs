//! The two files that say how names are resolved here, and the hickory resolver made of them.

use std::{path::PathBuf, sync::Arc, time::Duration};

use hickory_resolver::{
    Hosts, Resolver, TokioResolver,
    config::{LookupIpStrategy, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{NetError, runtime::TokioRuntimeProvider},
    system_conf::parse_resolv_conf,
};

/// A name that is not there may be created any moment (a shoot's DNS record): nobody may remember that it was absent.
const NEGATIVE_TTL: Duration = Duration::from_secs(1);
/// An address may move with its machine; 30 s is what Kubernetes' own DNS answers with.
const POSITIVE_TTL: Duration = Duration::from_secs(30);

/// Where the configuration is read from.
#[derive(Clone, Debug)]
pub struct Files {
    /// Name servers and search domains.
    pub resolv_conf: PathBuf,
    /// Names with fixed addresses.
    pub hosts: PathBuf,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            resolv_conf: "/etc/resolv.conf".into(),
            hosts: "/etc/hosts".into(),
        }
    }
}

/// What the files said when they were read; a missing file is an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    resolv_conf: Vec<u8>,
    hosts: Vec<u8>,
}

impl Files {
    pub(crate) async fn read(&self) -> Contents {
        let resolv_conf = tokio::fs::read(&self.resolv_conf).await.unwrap_or_default();
        let hosts = tokio::fs::read(&self.hosts).await.unwrap_or_default();
        Contents { resolv_conf, hosts }
    }
}

impl Contents {
    pub(crate) fn build(&self) -> Result<TokioResolver, NetError> {
        // Without any name server `/etc/hosts` still answers, as with glibc.
        let (config, mut options) = parse_resolv_conf(&self.resolv_conf).unwrap_or_else(|_| {
            (
                ResolverConfig::from_parts(None, Vec::new(), Vec::new()),
                ResolverOpts::default(),
            )
        });
        options.ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
        options.use_hosts_file = ResolveHosts::Never; // our own, below
        options.negative_max_ttl = Some(NEGATIVE_TTL);
        options.positive_max_ttl = Some(POSITIVE_TTL);
        options.timeout = options.timeout.min(Duration::from_secs(3));
        options.attempts = options.attempts.max(2);
        let builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options);
        let mut resolver = builder.build()?;
        let mut hosts = Hosts::default();
        hosts.read_hosts_conf(self.hosts.as_slice()).map_err(NetError::from)?;
        resolver.set_hosts(Arc::new(hosts));
        Ok(resolver)
    }
}
