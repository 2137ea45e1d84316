//! Records for a shoot's API server: DNSRecord objects, which an extension carries out.

use std::{net::IpAddr, time::Duration};

use api::extensions::v1alpha1::{DefaultSpec, DnsRecord, DnsRecordSpec, DnsRecordType};
use controller::wait::{Progress, until};
use k8s_openapi::{
    api::core::v1::{Secret, SecretReference, Service},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::Api;

use super::{
    error::{TaskError, in_garden},
    extension::{self, Patience},
    flow::ShootContext,
    identity::{Endpoint, RecordKeeper},
};

/// The gateway's address is there since bring-up; while its Service is replaced it may be away.
const GATEWAY_DEADLINE: Duration = Duration::from_secs(60);

/// Name of the record `role` (`external`, `internal`), and of its Secret.
pub(crate) fn record_name(shoot: &str, role: &str) -> String {
    format!("{shoot}-{role}")
}

/// Makes the record, and waits until it is there.
pub(crate) async fn deploy(
    context: &ShootContext,
    role: &str,
    endpoint: &Endpoint,
    patience: Patience,
) -> Result<(), TaskError> {
    let Some(keeper) = &endpoint.record else { return Ok(()) };
    let name = record_name(context.name(), role);
    let secret = deploy_credentials(context, &name, keeper).await?;
    let address = gateway_address(context).await?;
    let record = record(context, &name, endpoint, keeper, secret, address);
    extension::ask(context, record).await?;
    extension::wait::<DnsRecord>(context, &name, patience).await.map(drop)
}

fn record(
    context: &ShootContext,
    name: &str,
    endpoint: &Endpoint,
    keeper: &RecordKeeper,
    secret: Option<String>,
    address: Address,
) -> DnsRecord {
    DnsRecord {
        metadata: extension::metadata(context, name),
        spec: DnsRecordSpec {
            default_spec: DefaultSpec {
                type_: keeper.provider_type.clone(),
                ..DefaultSpec::default()
            },
            secret_ref: SecretReference {
                namespace: secret.is_some().then(|| context.technical_id.clone()),
                name: secret,
            },
            zone: keeper.zone.clone(),
            name: endpoint.hostname.clone(),
            record_type: address.record_type,
            values: vec![address.value],
            ttl: Some(context.gardenlet.settings.dns_ttl_seconds),
            ..DnsRecordSpec::default()
        },
        ..DnsRecord::default()
    }
}

/// Copies the DNS provider's credentials from the garden; extensions see the seed only.
async fn deploy_credentials(
    context: &ShootContext,
    record: &str,
    keeper: &RecordKeeper,
) -> Result<Option<String>, TaskError> {
    let Some(reference) = &keeper.credentials else {
        return Ok(None);
    };
    let namespace = reference.namespace.as_deref().unwrap_or("garden");
    let api: Api<Secret> = Api::namespaced(context.gardenlet.garden_client.clone(), namespace);
    let name = reference.name.as_deref().unwrap_or_default();
    let found = api
        .get(name)
        .await
        .map_err(in_garden("read the credentials of the DNS provider"))?;
    let copy = Secret {
        metadata: ObjectMeta {
            name: Some(format!("dnsrecord-{record}")),
            namespace: Some(context.technical_id.clone()),
            ..ObjectMeta::default()
        },
        data: found.data,
        type_: found.type_,
        ..Secret::default()
    };
    context.gardenlet.seed.apply(&copy).await?;
    Ok(copy.metadata.name)
}

/// Where records point to.
#[derive(Clone, Debug, PartialEq)]
struct Address {
    record_type: DnsRecordType,
    value: String,
}

/// The gateway's address at its load balancer, as address or as name.
fn address_of(service: &Service) -> Option<Address> {
    let ingress = service
        .status
        .as_ref()?
        .load_balancer
        .as_ref()?
        .ingress
        .as_ref()?
        .first()?;
    match (&ingress.ip, &ingress.hostname) {
        (Some(ip), _) => {
            let is_v6 = ip.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6());
            let record_type = if is_v6 { DnsRecordType::Aaaa } else { DnsRecordType::A };
            Some(Address {
                record_type,
                value: ip.clone(),
            })
        }
        (None, Some(hostname)) => Some(Address {
            record_type: DnsRecordType::Cname,
            value: hostname.clone(),
        }),
        (None, None) => None,
    }
}

async fn gateway_address(context: &ShootContext) -> Result<Address, TaskError> {
    let (namespace, name) = &context.gardenlet.settings.gateway_service;
    let api: Api<Service> = Api::namespaced(context.gardenlet.seed_client(), namespace);
    let observe = |service: Option<&Service>| match service {
        None => Progress::Waiting("it does not exist".to_owned()),
        Some(service) if address_of(service).is_some() => Progress::Done,
        Some(_) => Progress::Waiting("its load balancer has no address yet".to_owned()),
    };
    let service = until(&api, name, "to have an address", GATEWAY_DEADLINE, observe).await?;
    service
        .as_ref()
        .and_then(address_of)
        .ok_or(TaskError::OutOfOrder("the gateway's address"))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{LoadBalancerIngress, LoadBalancerStatus, ServiceStatus};

    use super::*;

    fn service(ip: Option<&str>, hostname: Option<&str>) -> Service {
        let ingress = LoadBalancerIngress {
            ip: ip.map(str::to_owned),
            hostname: hostname.map(str::to_owned),
            ..LoadBalancerIngress::default()
        };
        let load_balancer = Some(LoadBalancerStatus {
            ingress: Some(vec![ingress]),
        });
        Service {
            status: Some(ServiceStatus {
                load_balancer,
                ..ServiceStatus::default()
            }),
            ..Service::default()
        }
    }

    #[test]
    fn the_record_type_follows_the_address() {
        let found = |ip, hostname| address_of(&service(ip, hostname)).map(|address| address.record_type);
        assert_eq!(found(Some("172.30.2.1"), None), Some(DnsRecordType::A));
        assert_eq!(found(Some("fd00::1"), None), Some(DnsRecordType::Aaaa));
        assert_eq!(found(None, Some("lb.example.org")), Some(DnsRecordType::Cname));
        assert_eq!(found(None, None), None);
        assert_eq!(address_of(&Service::default()), None);
    }
}
