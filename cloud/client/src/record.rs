//! DNS records of the landscape's zone.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Phase, Resource};

/// A set of DNS records with one name and one type. The object's own name is [`DnsRecordSpec::key`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnsRecord {
    /// `<name>:<type>`.
    pub name: String,
    /// What was wished.
    pub spec: DnsRecordSpec,
    /// What is.
    pub status: DnsRecordStatus,
}

/// What a DNS record should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DnsRecordSpec {
    /// Full name inside the landscape's zone, without the final dot; its first label may be `*`.
    pub name: String,
    /// Type of the records.
    #[serde(rename = "type")]
    pub record_type: RecordType,
    /// The values: addresses, one target, or texts.
    pub values: Vec<String>,
    /// Seconds that resolvers may remember it.
    #[serde(default = "default_ttl")]
    pub ttl: u32,
}

/// Short: a landscape is small, and names move when things are made anew.
fn default_ttl() -> u32 {
    5
}

impl DnsRecordSpec {
    /// Records with a short time to live.
    pub fn new(name: impl Into<String>, record_type: RecordType, values: Vec<String>) -> Self {
        Self {
            name: name.into(),
            record_type,
            values,
            ttl: default_ttl(),
        }
    }

    /// Name of the object that holds the records, `<name>:<type>`.
    pub fn key(&self) -> String {
        DnsRecord::key(&self.name, self.record_type)
    }
}

impl DnsRecord {
    /// Name of the object that holds the records of this name and type.
    pub fn key(name: &str, record_type: RecordType) -> String {
        format!("{name}:{record_type}")
    }
}

/// Types of DNS records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Another name; exactly one.
    Cname,
    /// Texts.
    Txt,
}

impl fmt::Display for RecordType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Txt => "TXT",
        })
    }
}

/// What a DNS record is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnsRecordStatus {
    /// `Ready` as soon as it is written: the next question gets it.
    pub phase: Phase,
}

impl Resource for DnsRecord {
    type Spec = DnsRecordSpec;
    const PATH: &'static str = "records";
    const KIND: &'static str = "DNS record";
}
