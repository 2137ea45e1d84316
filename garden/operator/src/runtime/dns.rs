//! Records for the names of the garden's API server, as DNSRecord objects for an extension.
//!
//! In: the domains with a provider, and the gateway's addresses. Out: a DNSRecord per domain.
//! Absent: domains without a provider: somebody else makes their records.

use std::collections::BTreeMap;
use std::net::IpAddr;

use api::constants;
use api::extensions::v1alpha1::{DefaultSpec, DnsRecord, DnsRecordSpec, DnsRecordType, ExtensionClass};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::SecretReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::settings::{NAMESPACE, PREFIX, Settings};

/// A record of an address that hardly ever changes (Gardener's number).
const TIME_TO_LIVE: i64 = 120;

/// The records; none while the gateway has no address.
pub(crate) fn records(settings: &Settings, addresses: &[String], now: Timestamp) -> Vec<DnsRecord> {
    let Some(record_type) = record_type(addresses) else {
        return Vec::new();
    };
    let domains = settings.domains.iter().enumerate();
    let record = |(index, domain): (usize, &crate::settings::Domain)| {
        let provider = domain.provider.as_ref()?;
        let annotations = [
            (constants::GARDENER_OPERATION, constants::OPERATION_RECONCILE.to_owned()),
            (constants::GARDENER_TIMESTAMP, now.to_string()),
        ];
        Some(DnsRecord {
            metadata: ObjectMeta {
                name: Some(format!("{PREFIX}kube-apiserver-{index}")),
                namespace: Some(NAMESPACE.to_owned()),
                annotations: Some(
                    annotations
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect::<BTreeMap<_, _>>(),
                ),
                ..ObjectMeta::default()
            },
            spec: DnsRecordSpec {
                default_spec: DefaultSpec {
                    type_: provider.type_.clone(),
                    class: Some(ExtensionClass::Garden),
                    ..DefaultSpec::default()
                },
                secret_ref: SecretReference {
                    name: Some(provider.secret.clone()),
                    namespace: Some(NAMESPACE.to_owned()),
                },
                region: settings.region.clone(),
                name: domain.api_server(),
                record_type: record_type.clone(),
                values: addresses.to_vec(),
                ttl: Some(TIME_TO_LIVE),
                ..DnsRecordSpec::default()
            },
            ..DnsRecord::default()
        })
    };
    domains.filter_map(record).collect()
}

/// By the first address: a load balancer has either addresses or one name.
fn record_type(addresses: &[String]) -> Option<DnsRecordType> {
    Some(match addresses.first()?.parse() {
        Ok(IpAddr::V4(_)) => DnsRecordType::A,
        Ok(IpAddr::V6(_)) => DnsRecordType::Aaaa,
        Err(_) => DnsRecordType::Cname,
    })
}
