//! DNS records, and what the zone says of a name.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use cloud_client::{DnsRecord, DnsRecordSpec, DnsRecordStatus, ErrorCode, Phase, RecordType};

use super::{Cloud, not_found};
use crate::{
    Error,
    dns::zone::{Data, Zone},
    error::refuse,
    layout::{CLOUD, OWN_NAMES, is_label},
    store::{NameRecord, Tables},
};

/// Names become names of files, with a type behind.
const LONGEST_NAME: usize = 240;

/// How long resolvers may remember a machine or a service of the cloud's own.
const OWN_TTL: u32 = 5;

impl Cloud {
    pub(crate) fn put_record(self: &Arc<Self>, name: &str, mut spec: DnsRecordSpec) -> Result<DnsRecord, Error> {
        spec.name.make_ascii_lowercase();
        validate(name, &spec, &self.layout.domain())?;
        self.store.put(name, |tables| {
            check_neighbours(tables, &spec)?;
            Ok(NameRecord { spec })
        })?;
        self.record(name)
    }

    pub(crate) fn record(&self, name: &str) -> Result<DnsRecord, Error> {
        let NameRecord { spec } = self.store.get(name).ok_or_else(|| not_found("DNS record", name))?;
        Ok(DnsRecord {
            name: name.to_owned(),
            spec,
            status: DnsRecordStatus { phase: Phase::Ready },
        })
    }

    pub(crate) fn delete_record(&self, name: &str) -> Result<(), Error> {
        self.record(name)?;
        self.store.remove::<NameRecord>(name)
    }

    /// Address of a name of the zone, for the proxy.
    pub(crate) fn resolve(&self, name: &str) -> Vec<Ipv4Addr> {
        let answer = self.zone(|zone| zone.answer(name, RecordType::A));
        let addresses = answer.records.into_iter().filter_map(|record| match record.data {
            Data::A(address) => Some(address),
            _ => None,
        });
        addresses.collect()
    }

    /// Looks into the zone as it is now.
    pub(crate) fn zone<T>(&self, look: impl FnOnce(&Zone<'_>) -> T) -> T {
        let domain = self.layout.domain();
        let tables = self.store.read();
        look(&Zone::new(
            &domain,
            &|name, record_type| lookup(&tables, &domain, name, record_type),
            &|suffix| has_descendants(&tables, &domain, suffix),
        ))
    }
}

/// The records of exactly this name and type. What users wrote comes before what is so by itself.
fn lookup(tables: &Tables, domain: &str, name: &str, record_type: RecordType) -> Vec<(u32, Data)> {
    if let Some(record) = tables.names.get(&DnsRecord::key(name, record_type)) {
        return record
            .spec
            .values
            .iter()
            .filter_map(|value| parse(record_type, value))
            .map(|data| (record.spec.ttl, data))
            .collect();
    }
    let Some(label) = name.strip_suffix(domain).and_then(|name| name.strip_suffix('.')) else {
        return Vec::new();
    };
    let address = match label {
        service if OWN_NAMES.contains(&service) => Some(CLOUD),
        machine => tables
            .machines
            .get(machine)
            .filter(|machine| !machine.deleting)
            .map(|machine| machine.address),
    };
    match (record_type, address) {
        (RecordType::A, Some(address)) => vec![(OWN_TTL, Data::A(address))],
        _ => Vec::new(),
    }
}

/// Whether any name ends with the suffix, which begins with a dot: then the name itself exists, if only as a branch.
fn has_descendants(tables: &Tables, domain: &str, suffix: &str) -> bool {
    suffix.strip_prefix('.') == Some(domain) || tables.names.values().any(|record| record.spec.name.ends_with(suffix))
}

fn parse(record_type: RecordType, value: &str) -> Option<Data> {
    Some(match record_type {
        RecordType::A => Data::A(value.parse::<Ipv4Addr>().ok()?),
        RecordType::Aaaa => Data::Aaaa(value.parse::<Ipv6Addr>().ok()?),
        RecordType::Cname => Data::Cname(value.trim_end_matches('.').to_ascii_lowercase()),
        RecordType::Txt => Data::Txt(value.to_owned()),
    })
}

fn validate(key: &str, spec: &DnsRecordSpec, domain: &str) -> Result<(), Error> {
    let invalid = |message: String, remedy: String| Err(refuse(ErrorCode::Invalid, message, remedy));
    let name = &spec.name;
    if key != spec.key() {
        return invalid(
            format!("{key:?} is not the name of this record"),
            format!("put it as {:?}", spec.key()),
        );
    }
    let inside = name.strip_suffix(domain).and_then(|name| name.strip_suffix('.'));
    if inside.is_none() && name != domain {
        return invalid(
            format!("{name:?} is not in the zone {domain}"),
            format!("use a name that ends with .{domain}"),
        );
    }
    let labels = inside.unwrap_or_default().split('.').filter(|label| !label.is_empty());
    let is_valid = |(index, label): (usize, &str)| is_label(&label.replace('_', "x")) || (index == 0 && label == "*");
    if name.len() > LONGEST_NAME || name.starts_with('.') || name.contains("..") || !labels.enumerate().all(is_valid) {
        return invalid(
            format!("{name:?} is not a domain name"),
            format!("use labels of a-z, 0-9, dashes and underscores, {LONGEST_NAME} characters in all"),
        );
    }
    if spec.values.is_empty() {
        return invalid(
            format!("the record {key:?} has no values"),
            "delete the record, or give it values".into(),
        );
    }
    if let Some(value) = spec
        .values
        .iter()
        .find(|value| parse(spec.record_type, value).is_none())
    {
        return invalid(
            format!("{value:?} is not a value of a record of type {}", spec.record_type),
            String::new(),
        );
    }
    if spec.record_type == RecordType::Cname && spec.values.len() != 1 {
        return invalid(format!("{name:?} can be an alias of one name only"), String::new());
    }
    Ok(())
}

/// An alias stands alone: a name with other records cannot have it, nor the other way around.
fn check_neighbours(tables: &Tables, spec: &DnsRecordSpec) -> Result<(), Error> {
    let has = |record_type| tables.names.contains_key(&DnsRecord::key(&spec.name, record_type));
    let conflict = match spec.record_type {
        RecordType::Cname => [RecordType::A, RecordType::Aaaa, RecordType::Txt].into_iter().any(has),
        _ => has(RecordType::Cname),
    };
    if conflict {
        let message = format!(
            "{:?} has records of other types, and an alias must stand alone",
            spec.name
        );
        return Err(refuse(ErrorCode::Conflict, message, "delete the others first"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOMAIN: &str = "local.kubeception.internal";

    #[track_caller]
    fn check(name: &str, record_type: RecordType, values: &[&str], expected: &str) {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let spec = DnsRecordSpec::new(format!("{name}{DOMAIN}"), record_type, values);
        let answer = validate(&spec.key(), &spec, DOMAIN).map(|()| "valid".to_owned());
        assert_eq!(answer.unwrap_or_else(|error| error.to_string()), expected);
    }

    #[test]
    fn records_are_checked() {
        check(
            "api.first.dev.shoots.",
            RecordType::A,
            &["172.30.2.1", "172.30.2.2"],
            "valid",
        );
        check(
            "*.ingress.",
            RecordType::Cname,
            &["gateway.local.kubeception.internal."],
            "valid",
        );
        check("_owner.", RecordType::Txt, &["any text"], "valid");
        check("", RecordType::Aaaa, &["fd00::1"], "valid");
        check(
            "a.",
            RecordType::A,
            &["fd00::1"],
            r#""fd00::1" is not a value of a record of type A"#,
        );
        check(
            "a.",
            RecordType::A,
            &[],
            r#"the record "a.local.kubeception.internal:A" has no values (delete the record, or give it values)"#,
        );
        check(
            "a.",
            RecordType::Cname,
            &["b", "c"],
            r#""a.local.kubeception.internal" can be an alias of one name only"#,
        );
        check(
            "x",
            RecordType::A,
            &["10.0.0.1"],
            r#""xlocal.kubeception.internal" is not in the zone local.kubeception.internal (use a name that ends with .local.kubeception.internal)"#,
        );
        for name in ["a..", "../.", "a/b.", "a.*.", "."] {
            let spec = DnsRecordSpec::new(format!("{name}{DOMAIN}"), RecordType::A, vec!["10.0.0.1".into()]);
            assert!(validate(&spec.key(), &spec, DOMAIN).is_err(), "{name}");
        }
    }
}
