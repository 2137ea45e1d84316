//! What a zone says of a name: aliases followed, wildcards applied. Pure.

use std::net::{Ipv4Addr, Ipv6Addr};

use cloud_client::RecordType;

/// A chain of aliases longer than this is a circle, or as good as one.
const LONGEST_CHAIN: usize = 8;

const TYPES: [RecordType; 4] = [RecordType::A, RecordType::Aaaa, RecordType::Cname, RecordType::Txt];

/// The content of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Cname(String),
    Txt(String),
}

/// A record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) name: String,
    pub(crate) ttl: u32,
    pub(crate) data: Data,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) records: Vec<Record>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There are records, or a chain of aliases that leaves the zone.
    Found,
    /// The name exists, but has no record of the type.
    NoData,
    /// The name does not exist.
    NoName,
    /// The name is in another zone.
    Refused,
}

/// Gives the records of exactly a name and type, each with its time to live.
pub(crate) type Lookup<'a> = dyn Fn(&str, RecordType) -> Vec<(u32, Data)> + 'a;

/// A zone, seen through two functions. Names are in lower case and without the final dot.
pub(crate) struct Zone<'a> {
    domain: &'a str,
    lookup: &'a Lookup<'a>,
    has_descendants: &'a dyn Fn(&str) -> bool,
}

impl<'a> Zone<'a> {
    /// `lookup` gives the records of exactly a name and type; `has_descendants` says whether a name ends with `.<name>`.
    pub(crate) fn new(domain: &'a str, lookup: &'a Lookup<'a>, has_descendants: &'a dyn Fn(&str) -> bool) -> Self {
        Self {
            domain,
            lookup,
            has_descendants,
        }
    }

    /// Answers a question for a type that can have records here.
    pub(crate) fn answer(&self, name: &str, record_type: RecordType) -> Answer {
        self.follow(name, &|owner| (self.lookup)(owner, record_type))
    }

    /// Answers a question for a type that never has records here: the name may exist, and may be an alias.
    pub(crate) fn answer_other(&self, name: &str) -> Answer {
        self.follow(name, &|_| Vec::new())
    }

    fn follow(&self, name: &str, lookup: &dyn Fn(&str) -> Vec<(u32, Data)>) -> Answer {
        let mut name = name.trim_end_matches('.').to_ascii_lowercase();
        let mut records = Vec::new();
        if !self.contains(&name) {
            return Answer {
                outcome: Outcome::Refused,
                records,
            };
        }
        for _ in 0..LONGEST_CHAIN {
            let Some(owner) = self.owner(&name) else {
                return Answer {
                    outcome: Outcome::NoName,
                    records,
                };
            };
            let record = |(ttl, data)| Record {
                name: name.clone(),
                ttl,
                data,
            };
            let found = lookup(&owner);
            if !found.is_empty() {
                records.extend(found.into_iter().map(record));
                return Answer {
                    outcome: Outcome::Found,
                    records,
                };
            }
            let Some((ttl, Data::Cname(target))) = (self.lookup)(&owner, RecordType::Cname).into_iter().next() else {
                return Answer {
                    outcome: Outcome::NoData,
                    records,
                };
            };
            records.push(record((ttl, Data::Cname(target.clone()))));
            if !self.contains(&target) {
                break;
            }
            name = target;
        }
        Answer {
            outcome: Outcome::Found,
            records,
        }
    }

    fn contains(&self, name: &str) -> bool {
        name == self.domain || name.strip_suffix(self.domain).is_some_and(|name| name.ends_with('.'))
    }

    /// Whose records speak for the name: its own, or those of the wildcard below its nearest existing ancestor.
    fn owner(&self, name: &str) -> Option<String> {
        if self.exists(name) {
            return Some(name.to_owned());
        }
        let mut ancestor = name;
        while let Some((_, parent)) = ancestor.split_once('.') {
            if self.exists(parent) {
                let wildcard = format!("*.{parent}");
                return self.has_records(&wildcard).then_some(wildcard);
            }
            if !self.contains(parent) {
                break;
            }
            ancestor = parent;
        }
        None
    }

    fn exists(&self, name: &str) -> bool {
        name == self.domain || self.has_records(name) || (self.has_descendants)(&format!(".{name}"))
    }

    fn has_records(&self, name: &str) -> bool {
        TYPES
            .into_iter()
            .any(|record_type| !(self.lookup)(name, record_type).is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: &[(&str, RecordType, &str)] = &[
        ("cloud.d", RecordType::A, "172.30.0.1"),
        ("api.garden.d", RecordType::A, "172.30.2.1"),
        ("www.d", RecordType::Cname, "api.garden.d"),
        ("out.d", RecordType::Cname, "example.org"),
        ("ring.d", RecordType::Cname, "ring.d"),
        ("*.apps.d", RecordType::Cname, "cloud.d"),
        ("real.apps.d", RecordType::Txt, "text"),
    ];

    fn data(record_type: RecordType, value: &str) -> Data {
        match record_type {
            RecordType::Cname => Data::Cname(value.into()),
            RecordType::Txt => Data::Txt(value.into()),
            _ => Data::A(value.parse().unwrap()),
        }
    }

    #[track_caller]
    fn check(name: &str, record_type: RecordType, outcome: Outcome, expected: &[&str]) {
        let lookup = |name: &str, record_type: RecordType| -> Vec<(u32, Data)> {
            let matching = RECORDS
                .iter()
                .filter(|(owner, its, _)| *owner == name && *its == record_type);
            matching.map(|(_, _, value)| (5, data(record_type, value))).collect()
        };
        let has_descendants = |suffix: &str| RECORDS.iter().any(|(name, _, _)| name.ends_with(suffix));
        let answer = Zone::new("d", &lookup, &has_descendants).answer(name, record_type);
        let records: Vec<String> = answer
            .records
            .iter()
            .map(|record| match &record.data {
                Data::A(address) => format!("{} {address}", record.name),
                Data::Aaaa(address) => format!("{} {address}", record.name),
                Data::Cname(text) | Data::Txt(text) => format!("{} {text}", record.name),
            })
            .collect();
        assert_eq!(
            (answer.outcome, records),
            (outcome, expected.iter().map(|text| (*text).to_owned()).collect())
        );
    }

    #[test]
    fn names_are_answered() {
        use Outcome::{Found, NoData, NoName, Refused};
        use RecordType::{A, Aaaa, Cname, Txt};
        check("cloud.d", A, Found, &["cloud.d 172.30.0.1"]);
        check("CLOUD.D.", A, Found, &["cloud.d 172.30.0.1"]);
        check("cloud.d", Aaaa, NoData, &[]);
        check("garden.d", A, NoData, &[]);
        check("d", A, NoData, &[]);
        check("none.d", A, NoName, &[]);
        check("a.none.d", A, NoName, &[]);
        check("example.org", A, Refused, &[]);
        check("cloud.dd", A, Refused, &[]);
        check("www.d", A, Found, &["www.d api.garden.d", "api.garden.d 172.30.2.1"]);
        check("www.d", Cname, Found, &["www.d api.garden.d"]);
        check("www.d", Txt, NoData, &["www.d api.garden.d"]);
        check("out.d", A, Found, &["out.d example.org"]);
        check("any.apps.d", A, Found, &["any.apps.d cloud.d", "cloud.d 172.30.0.1"]);
        check(
            "any.thing.apps.d",
            A,
            Found,
            &["any.thing.apps.d cloud.d", "cloud.d 172.30.0.1"],
        );
        check("real.apps.d", A, NoData, &[]);
        check("apps.d", A, NoData, &[]);
    }

    #[test]
    fn a_circle_ends() {
        let lookup = |_: &str, record_type: RecordType| match record_type {
            RecordType::Cname => vec![(5, Data::Cname("ring.d".into()))],
            _ => Vec::new(),
        };
        let answer = Zone::new("d", &lookup, &|_| false).answer("ring.d", RecordType::A);
        assert_eq!(answer.records.len(), LONGEST_CHAIN);
    }
}
