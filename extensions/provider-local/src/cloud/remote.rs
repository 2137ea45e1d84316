//! The cloud over its API: names resolved at every use, a deadline for every call.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use async_trait::async_trait;
use cloud_client::{
    Client, DnsRecord, DnsRecordSpec, ErrorCode, LoadBalancer, LoadBalancerSpec, Machine, MachineSpec, Network,
    NetworkSpec, Route, RouteSpec, SecurityGroup, SecurityGroupSpec,
};
use lib_resolve::Resolver;

use super::{Cloud, CloudError, Credentials};

/// A record is written within milliseconds, a load balancer within a second, a network within two.
const DEADLINE: Duration = Duration::from_secs(30);
/// A machine is there within two seconds; a loaded host may take much longer.
const MACHINE_DEADLINE: Duration = Duration::from_secs(120);

/// The cloud over its API.
#[derive(Clone, Debug)]
pub struct RemoteCloud {
    resolver: Resolver,
    credentials: Credentials,
}

impl RemoteCloud {
    /// Nothing is connected yet.
    pub fn new(resolver: Resolver, credentials: Credentials) -> Self {
        Self { resolver, credentials }
    }

    async fn client(&self) -> Result<Client, CloudError> {
        let (host, port) = split_endpoint(&self.credentials.endpoint)?;
        let addresses = self.resolver.resolve(&host).await.map_err(CloudError::Resolve)?;
        let address = addresses
            .first()
            .copied()
            .ok_or_else(|| CloudError::Endpoint(self.credentials.endpoint.clone()))?;
        Ok(Client::tcp(SocketAddr::new(address, port), &self.credentials.token).with_deadline(DEADLINE))
    }
}

/// Host and port of `http://host:port`.
fn split_endpoint(endpoint: &str) -> Result<(String, u16), CloudError> {
    let wrong = || CloudError::Endpoint(endpoint.to_owned());
    let authority = endpoint
        .strip_prefix("http://")
        .ok_or_else(wrong)?
        .trim_end_matches('/');
    let (host, port) = authority.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    if host.is_empty() || host.contains('/') {
        Err(wrong())
    } else {
        Ok((host.to_owned(), port))
    }
}

fn call(error: cloud_client::Error) -> CloudError {
    CloudError::Call(Box::new(error))
}

#[async_trait]
impl Cloud for RemoteCloud {
    async fn put_record(&self, spec: &DnsRecordSpec) -> Result<(), CloudError> {
        let put = self.client().await?.put::<DnsRecord>(&spec.key(), spec).await;
        put.map(drop).map_err(call)
    }

    async fn delete_record(&self, key: &str) -> Result<(), CloudError> {
        self.client().await?.delete::<DnsRecord>(key).await.map_err(call)
    }

    async fn put_network(&self, name: &str, spec: &NetworkSpec) -> Result<Network, CloudError> {
        self.client().await?.put::<Network>(name, spec).await.map_err(call)
    }

    async fn network(&self, name: &str) -> Result<Option<Network>, CloudError> {
        self.client().await?.get::<Network>(name).await.map_err(call)
    }

    async fn delete_network(&self, name: &str) -> Result<(), CloudError> {
        self.client().await?.delete::<Network>(name).await.map_err(call)
    }

    async fn put_security_group(&self, name: &str, spec: &SecurityGroupSpec) -> Result<(), CloudError> {
        let put = self.client().await?.put::<SecurityGroup>(name, spec).await;
        put.map(drop).map_err(call)
    }

    async fn delete_security_group(&self, name: &str) -> Result<(), CloudError> {
        self.client().await?.delete::<SecurityGroup>(name).await.map_err(call)
    }

    async fn put_route(&self, name: &str, spec: &RouteSpec) -> Result<Route, CloudError> {
        self.client().await?.put::<Route>(name, spec).await.map_err(call)
    }

    async fn routes(&self) -> Result<Vec<Route>, CloudError> {
        self.client().await?.list::<Route>().await.map_err(call)
    }

    async fn delete_route(&self, name: &str) -> Result<(), CloudError> {
        self.client().await?.delete::<Route>(name).await.map_err(call)
    }

    async fn put_machine(&self, name: &str, spec: &MachineSpec) -> Result<Machine, CloudError> {
        let client = self.client().await?.with_deadline(MACHINE_DEADLINE);
        client.put::<Machine>(name, spec).await.map_err(call)
    }

    async fn machine(&self, name: &str) -> Result<Option<Machine>, CloudError> {
        self.client().await?.get::<Machine>(name).await.map_err(call)
    }

    async fn machines(&self, tags: &BTreeMap<String, String>) -> Result<Vec<Machine>, CloudError> {
        self.client().await?.machines_with_tags(tags).await.map_err(call)
    }

    async fn delete_machine(&self, name: &str) -> Result<(), CloudError> {
        let client = self.client().await?.with_deadline(MACHINE_DEADLINE);
        client.delete::<Machine>(name).await.map_err(call)
    }

    async fn console(&self, machine: &str, bytes: u64) -> Result<String, CloudError> {
        match self.client().await?.console(machine, bytes).await {
            Err(error) if error.code() == Some(ErrorCode::NotFound) => Ok(String::new()),
            result => result.map_err(call),
        }
    }

    async fn put_load_balancer(&self, name: &str, spec: &LoadBalancerSpec) -> Result<LoadBalancer, CloudError> {
        self.client().await?.put::<LoadBalancer>(name, spec).await.map_err(call)
    }

    async fn load_balancers(&self) -> Result<Vec<LoadBalancer>, CloudError> {
        self.client().await?.list::<LoadBalancer>().await.map_err(call)
    }

    async fn delete_load_balancer(&self, name: &str) -> Result<(), CloudError> {
        self.client().await?.delete::<LoadBalancer>(name).await.map_err(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_have_a_host_and_a_port() {
        let split = |endpoint| split_endpoint(endpoint).ok();
        assert_eq!(split("http://cloud.local:8080"), Some(("cloud.local".to_owned(), 8080)));
        assert_eq!(split("http://172.30.0.1:8080/"), Some(("172.30.0.1".to_owned(), 8080)));
        for wrong in [
            "",
            "cloud:8080",
            "https://cloud:8080",
            "http://cloud",
            "http://:1",
            "http://a/b:1",
            "http://a:99999",
        ] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }
}
