//! DNSRecords as records of the cloud.
//!
//! The record's own Secret says where the cloud is; without one the process' flags do.

use api::{
    core::v1beta1::ErrorCode as KnownCause,
    extensions::v1alpha1::{DnsRecord, DnsRecordType},
};
use async_trait::async_trait;
use cloud_client::{DnsRecordSpec, RecordType};
use extensions_sdk::{Actuator, ActuatorError, Request};

use crate::cloud::{Clouds, refused};

/// Makes and removes the cloud's records for DNSRecords.
#[derive(Clone, Debug)]
pub struct DnsRecordActuator<C> {
    clouds: C,
}

impl<C: Clouds> DnsRecordActuator<C> {
    /// An actuator for these clouds.
    pub fn new(clouds: C) -> Self {
        Self { clouds }
    }
}

#[async_trait]
impl<C: Clouds> Actuator<DnsRecord> for DnsRecordActuator<C> {
    async fn reconcile(&self, request: Request<'_, DnsRecord>) -> Result<(), ActuatorError> {
        let wished = record_of(request.object)?;
        let failed = |error| refused(format!("failed to write the record {}", wished.key()), error);
        let cloud = self.clouds.cloud_of(request.secret).await.map_err(failed)?;
        cloud.put_record(&wished).await.map_err(failed)
    }

    async fn delete(&self, request: Request<'_, DnsRecord>) -> Result<(), ActuatorError> {
        // A record whose type was never accepted was never written.
        let Ok(wished) = record_of(request.object) else {
            return Ok(());
        };
        let failed = |error| refused(format!("failed to remove the record {}", wished.key()), error);
        let cloud = self.clouds.cloud_of(request.secret).await.map_err(failed)?;
        cloud.delete_record(&wished.key()).await.map_err(failed)
    }
}

fn record_of(record: &DnsRecord) -> Result<DnsRecordSpec, ActuatorError> {
    let record_type = match &record.spec.record_type {
        DnsRecordType::A => RecordType::A,
        DnsRecordType::Aaaa => RecordType::Aaaa,
        DnsRecordType::Cname => RecordType::Cname,
        DnsRecordType::Txt => RecordType::Txt,
        DnsRecordType::Other(other) => {
            let error = ActuatorError::new(format!("DNS records of type {other:?} are not supported"));
            return Err(error.with_code(KnownCause::ConfigurationProblem));
        }
    };
    let name = record.spec.name.trim_end_matches('.').to_ascii_lowercase();
    let mut spec = DnsRecordSpec::new(name, record_type, record.spec.values.clone());
    if let Some(ttl) = record.spec.ttl.and_then(|ttl| u32::try_from(ttl).ok()) {
        spec.ttl = ttl;
    }
    Ok(spec)
}
