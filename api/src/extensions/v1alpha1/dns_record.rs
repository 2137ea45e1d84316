//! DNSRecord: a record in a DNS zone.

use apimachinery::api_type;
use apimachinery::meta::ObjectMeta;
use k8s_openapi::api::core::v1::SecretReference;

use super::{DefaultSpec, DefaultStatus};

/// A record in a DNS zone.
#[api_type]
#[api(
    group = "extensions.gardener.cloud",
    version = "v1alpha1",
    kind = "DNSRecord",
    namespaced,
    short = "dns"
)]
pub struct DnsRecord {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: DnsRecordSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: DnsRecordStatus,
}

/// The record wanted.
#[api_type]
#[api(name = "DNSRecordSpec")]
pub struct DnsRecordSpec {
    /// Type, class and configuration.
    #[api(inline)]
    pub default_spec: DefaultSpec,
    /// The Secret with the credentials.
    pub secret_ref: SecretReference,
    /// Region of the provider's API.
    pub region: Option<String>,
    /// Hosted zone; found by the provider when absent.
    pub zone: Option<String>,
    /// Name of the record, fully qualified.
    pub name: String,
    /// Type of the record.
    pub record_type: DnsRecordType,
    /// What the name stands for.
    pub values: Vec<String>,
    /// How long resolvers may keep it, in seconds.
    pub ttl: Option<i64>,
}

/// Types of DNS records.
#[api_type]
pub enum DnsRecordType {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    #[api(name = "AAAA")]
    Aaaa,
    /// Another name.
    #[api(name = "CNAME")]
    Cname,
    /// Text.
    #[api(name = "TXT")]
    Txt,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}

/// State of the record.
#[api_type]
#[api(name = "DNSRecordStatus")]
pub struct DnsRecordStatus {
    /// Operation, conditions and state.
    #[api(inline)]
    pub default_status: DefaultStatus,
    /// Hosted zone the record lies in.
    pub zone: Option<String>,
}
