//! What becomes of a wish for a machine: pure, but for the question which images there are.

use std::{collections::BTreeSet, net::Ipv4Addr};

use cloud_client::{ErrorCode, Flavor, Limits, MachineSpec};
use ipnet::Ipv4Net;

use crate::{
    Error,
    catalog::Catalog,
    cloud::{being_deleted, security_group::check_groups, usable_network},
    error::{refuse, refuse_field},
    image::MachineImage,
    plan::addresses::{gateway, next_free},
    store::{MachineRecord, Tables},
};

/// Addresses below the tenth are for what people choose by hand.
const FIRST_ADDRESS: u32 = 9;

/// Tags are for finding machines, not for storing things.
const LONGEST_TAG: usize = 256;
const MOST_TAGS: usize = 64;

type Images<'a> = dyn Fn(Option<&str>) -> Result<Option<MachineImage>, Error> + 'a;

/// What a decision is made from, beside the wish and what there is.
pub(super) struct Decision<'a> {
    pub(super) name: &'a str,
    /// The last address given out in the network.
    pub(super) last: Option<Ipv4Addr>,
    pub(super) catalog: &'a Catalog,
    /// The image of that name, or the one that machines get if they want none in particular; nothing if nobody knows the name.
    pub(super) images: &'a Images<'a>,
    pub(super) uid: String,
    pub(super) created: String,
}

impl Decision<'_> {
    pub(super) fn decide(self, tables: &Tables, spec: MachineSpec) -> Result<MachineRecord, Error> {
        if let Some(present) = tables.machines.get(self.name) {
            return self.change(tables, spec, present);
        }
        let cidr = usable_network(tables, &spec.network)?.spec.cidr;
        check_variable(tables, &spec)?;
        let zone = self.zone(&spec)?;
        let limits = self.limits(&spec)?;
        let image = (self.images)(spec.image.as_deref())?.ok_or_else(|| {
            let name = spec.image.as_deref().unwrap_or_default();
            unknown("image", format!("there is no machine image {name:?}"))
        })?;
        let machines = tables.machines.values();
        let taken: BTreeSet<Ipv4Addr> = machines
            .filter(|machine| machine.spec.network == spec.network)
            .map(|machine| machine.address)
            .chain(gateway(cidr))
            .collect();
        let address = match spec.address {
            Some(address) => check_address(address, cidr, &taken)?,
            None => choose_address(cidr, &taken, self.last)?,
        };
        Ok(MachineRecord {
            spec,
            address,
            uid: self.uid,
            created: self.created,
            image: image.version,
            zone,
            limits,
            deleting: false,
        })
    }

    /// Tags and security groups change; a repeated wish changes nothing, also if what it names is not offered any more.
    fn change(&self, tables: &Tables, spec: MachineSpec, present: &MachineRecord) -> Result<MachineRecord, Error> {
        if present.deleting {
            return Err(being_deleted("machine", self.name));
        }
        // Not everybody is shown the user data: who leaves it out means that it stays.
        let spec = match spec.user_data.as_str() {
            "" => MachineSpec {
                user_data: present.spec.user_data.clone(),
                ..spec
            },
            _ => spec,
        };
        // An address of the cloud's choice is part of what is, not of what was wished.
        let changeable = MachineSpec {
            tags: spec.tags.clone(),
            security_groups: spec.security_groups.clone(),
            ..present.spec.clone()
        };
        if changeable != spec {
            let message = format!("the machine {:?} exists with another specification", self.name);
            return Err(refuse(
                ErrorCode::Conflict,
                message,
                "a machine cannot change: delete it first",
            ));
        }
        if present.spec != spec {
            check_variable(tables, &spec)?;
        }
        Ok(MachineRecord {
            spec,
            ..present.clone()
        })
    }

    fn zone(&self, spec: &MachineSpec) -> Result<String, Error> {
        match &spec.zone {
            None => Ok(self.catalog.default_zone()),
            Some(zone) if self.catalog.zones.contains(zone) => Ok(zone.clone()),
            Some(zone) => Err(unknown("zone", format!("there is no zone {zone:?}"))),
        }
    }

    fn limits(&self, spec: &MachineSpec) -> Result<Option<Limits>, Error> {
        match &spec.flavor {
            None => Ok(None),
            Some(Flavor::Limits(limits)) => Ok(Some(*limits)),
            Some(Flavor::Named(name)) => match self.catalog.flavors().get(name) {
                Some(limits) => Ok(Some(*limits)),
                None => Err(unknown("flavor", format!("there is no flavor {name:?}"))),
            },
        }
    }
}

fn unknown(field: &str, message: String) -> Error {
    refuse_field(ErrorCode::Unknown, field, message, "GET /v1/info says what there is")
}

/// What may change during a machine's life.
fn check_variable(tables: &Tables, spec: &MachineSpec) -> Result<(), Error> {
    let fits = |text: &str| text.len() <= LONGEST_TAG && !text.chars().any(char::is_control);
    let is_tag = |(key, value): (&String, &String)| !key.is_empty() && !key.contains('=') && fits(key) && fits(value);
    if spec.tags.len() > MOST_TAGS || !spec.tags.iter().all(is_tag) {
        return Err(refuse_field(
            ErrorCode::Invalid,
            "tags",
            "a machine's tags are not what tags can be",
            format!("use at most {MOST_TAGS}, each key without '=' and each text of at most {LONGEST_TAG} bytes"),
        ));
    }
    check_groups(tables, &spec.network, &spec.security_groups)
}

fn check_address(address: Ipv4Addr, cidr: Ipv4Net, taken: &BTreeSet<Ipv4Addr>) -> Result<Ipv4Addr, Error> {
    if !cidr.contains(&address) || address == cidr.network() || address == cidr.broadcast() {
        let message = format!("{address} cannot be a machine's address in the network {cidr}");
        return Err(refuse(
            ErrorCode::Invalid,
            message,
            "leave the address out, or choose one inside",
        ));
    }
    if taken.contains(&address) {
        let message = format!("{address} is the gateway's or another machine's address");
        return Err(refuse(
            ErrorCode::Conflict,
            message,
            "leave the address out, or choose another",
        ));
    }
    Ok(address)
}

fn choose_address(cidr: Ipv4Net, taken: &BTreeSet<Ipv4Addr>, last: Option<Ipv4Addr>) -> Result<Ipv4Addr, Error> {
    let start = Ipv4Addr::from(u32::from(cidr.network()).saturating_add(FIRST_ADDRESS));
    next_free(cidr, taken, last.or(Some(start))).ok_or_else(|| {
        refuse(
            ErrorCode::Exhausted,
            format!("no address is left in {cidr}"),
            "delete machines, or use another network",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::PathBuf};

    use cloud_client::{NetworkSpec, SecurityGroupSpec};

    use super::*;
    use crate::store::{NetworkRecord, SecurityGroupRecord};

    fn record(spec: MachineSpec, address: Ipv4Addr) -> MachineRecord {
        let text = |text: &str| text.to_owned();
        MachineRecord {
            spec,
            address,
            uid: text("u"),
            created: text("now"),
            image: text("i"),
            zone: text("0"),
            limits: None,
            deleting: false,
        }
    }

    fn tables() -> Tables {
        let mut tables = Tables::default();
        let spec = NetworkSpec::routed("10.1.0.0/24".parse().unwrap());
        let network = NetworkRecord {
            spec,
            uplink: Ipv4Addr::new(172, 30, 1, 1),
            deleting: false,
        };
        tables.networks.insert("seed".into(), network);
        let address = Ipv4Addr::new(10, 1, 0, 10);
        tables
            .machines
            .insert("old".into(), record(MachineSpec::new("seed"), address));
        let told = record(
            MachineSpec::new("seed").user_data("secret"),
            Ipv4Addr::new(10, 1, 0, 12),
        );
        tables.machines.insert("told".into(), told);
        let group = SecurityGroupRecord {
            spec: SecurityGroupSpec {
                network: "seed".into(),
                rules: vec![],
            },
            deleting: false,
        };
        tables.security_groups.insert("web".into(), group);
        tables
    }

    fn decide(name: &str, spec: MachineSpec) -> Result<MachineRecord, Error> {
        let decision = Decision {
            name,
            last: None,
            catalog: &Catalog::default(),
            images: &|name| {
                let version = "bookworm-1".to_owned();
                let root = PathBuf::new();
                Ok((name != Some("other")).then_some(MachineImage { version, root }))
            },
            uid: "u".into(),
            created: "now".into(),
        };
        decision.decide(&tables(), spec)
    }

    #[track_caller]
    fn check(name: &str, spec: MachineSpec, expected: &str) {
        let answer = decide(name, spec).map(|record| record.address);
        assert_eq!(
            answer.map_or_else(|error| error.to_string(), |address| address.to_string()),
            expected
        );
    }

    #[test]
    fn machines_are_checked() {
        let spec = || MachineSpec::new("seed");
        let at = |last| spec().address(Ipv4Addr::new(10, 1, 0, last));
        check("new", spec(), "10.1.0.11");
        check("old", spec(), "10.1.0.10");
        check(
            "old",
            spec().user_data("x"),
            "the machine \"old\" exists with another specification (a machine cannot change: delete it first)",
        );
        check("new", at(20), "10.1.0.20");
        check(
            "new",
            at(1),
            "10.1.0.1 is the gateway's or another machine's address (leave the address out, or choose another)",
        );
        check(
            "new",
            at(255),
            "10.1.0.255 cannot be a machine's address in the network 10.1.0.0/24 (leave the address out, or choose one inside)",
        );
        check(
            "new",
            MachineSpec::new("x"),
            "there is no network \"x\" (create the network first)",
        );
    }

    #[test]
    fn what_is_not_offered_is_named() {
        let spec = || MachineSpec::new("seed");
        for (field, message, spec) in [
            ("zone", "there is no zone \"2\"", spec().zone("2")),
            ("flavor", "there is no flavor \"huge\"", spec().flavor("huge")),
            ("image", "there is no machine image \"other\"", spec().image("other")),
            (
                "securityGroups[1]",
                "there is no security group \"x\" in the network \"seed\"",
                spec().security_group("web").security_group("x"),
            ),
        ] {
            let refusal = decide("new", spec).unwrap_err().into_api();
            assert_eq!((refusal.code, refusal.field.as_str()), (ErrorCode::Unknown, field));
            assert_eq!(refusal.code.status(), 422);
            assert_eq!(refusal.message, message);
        }
        let refusal = decide("new", spec().tag("a=b", "c")).unwrap_err().into_api();
        assert_eq!((refusal.code, refusal.field.as_str()), (ErrorCode::Invalid, "tags"));
    }

    #[test]
    fn what_is_offered_is_written_down() {
        let record = decide("new", MachineSpec::new("seed").zone("1").flavor("local-small")).unwrap();
        let limits = Limits {
            cpu_millis: 1000,
            memory_mib: 1024,
        };
        assert_eq!((record.zone.as_str(), record.limits()), ("1", Some(limits)));
        let record = decide("new", MachineSpec::new("seed")).unwrap();
        assert_eq!((record.zone.as_str(), record.limits()), ("0", None));
    }

    #[test]
    fn tags_and_security_groups_change() {
        let spec = MachineSpec::new("seed").tag("owner", "me").security_group("web");
        let record = decide("old", spec.clone()).unwrap();
        assert_eq!(record.spec, spec);
        assert_eq!(record.address, Ipv4Addr::new(10, 1, 0, 10), "the rest stays");
        assert_eq!(record.spec.tags, BTreeMap::from([("owner".into(), "me".into())]));
        let record = decide("told", spec).unwrap();
        assert_eq!(record.spec.user_data, "secret", "who is not shown it cannot repeat it");
        let refusal = decide("old", MachineSpec::new("seed").security_group("x")).unwrap_err();
        assert_eq!(refusal.into_api().code, ErrorCode::Unknown);
    }
}
