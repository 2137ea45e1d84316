//! Security groups: written down here, made rules of in `plan::security`, applied with everything else that a router does.

use std::sync::Arc;

use cloud_client::{
    ErrorCode, NetworkRoute, Remote, RuleProtocol, SecurityGroup, SecurityGroupRule, SecurityGroupSpec,
    SecurityGroupStatus,
};
use ipnet::Ipv4Net;

use super::{Cloud, being_deleted, check_name, key, not_found, usable_network};
use crate::{
    Error,
    error::{refuse, refuse_field},
    plan::security::{Allowed, Station},
    store::{MachineRecord, SecurityGroupRecord, Tables},
};

const LONGEST_NAME: usize = 63;

impl Cloud {
    pub(crate) fn put_security_group(
        self: &Arc<Self>,
        name: &str,
        spec: SecurityGroupSpec,
    ) -> Result<SecurityGroup, Error> {
        check_name("security group", name, LONGEST_NAME)?;
        let key = key::<SecurityGroupRecord>(name);
        let lock = self.lock(&key);
        let _guard = lock.lock();
        let record = self.store.put(name, |tables| decide(tables, name, spec))?;
        self.note(&key, self.ensure_network(&record.spec.network))?;
        self.security_group(name)
    }

    pub(crate) fn security_group(&self, name: &str) -> Result<SecurityGroup, Error> {
        let record: SecurityGroupRecord = self.store.get(name).ok_or_else(|| not_found("security group", name))?;
        let (phase, message) = self.phase(&key::<SecurityGroupRecord>(name), record.deleting);
        let tables = self.store.read();
        let machines = members(&tables, name).map(|(name, _)| name.clone()).collect();
        Ok(SecurityGroup {
            name: name.to_owned(),
            spec: record.spec,
            status: SecurityGroupStatus {
                phase,
                message,
                machines,
            },
        })
    }

    pub(crate) fn delete_security_group(&self, name: &str) -> Result<(), Error> {
        let key = key::<SecurityGroupRecord>(name);
        let lock = self.lock(&key);
        let _guard = lock.lock();
        let record = self.store.put(name, |tables| decide_deletion(tables, name))?;
        self.note(&key, self.refresh_network(&record.spec.network))?;
        self.store.remove::<SecurityGroupRecord>(name)
    }

    /// The network's machines as its router should see them; nothing if it never had a security group.
    pub(super) fn stations(&self, network: &str, routes: &[NetworkRoute]) -> Option<Vec<Station>> {
        stations(&self.store.read(), network, routes)
    }
}

fn stations(tables: &Tables, network: &str, routes: &[NetworkRoute]) -> Option<Vec<Station>> {
    // Also one that is on its way out: only then is its last rule withdrawn.
    let mut groups = tables.security_groups.values();
    groups.find(|group| group.spec.network == network)?;
    // A machine that is on its way out is guarded until it is gone, but nobody's friend any more.
    let machines = tables
        .machines
        .iter()
        .filter(|(_, machine)| machine.spec.network == network);
    let stations = machines.map(|(name, machine)| Station {
        name: name.clone(),
        address: machine.address,
        behind: behind(machine, routes),
        allowed: (!machine.spec.security_groups.is_empty()).then(|| allowed(tables, machine, routes)),
    });
    Some(stations.collect())
}

fn behind(machine: &MachineRecord, routes: &[NetworkRoute]) -> Vec<Ipv4Net> {
    let through_it = routes.iter().filter(|route| route.via == machine.address);
    through_it.map(|route| route.destination).collect()
}

fn allowed(tables: &Tables, machine: &MachineRecord, routes: &[NetworkRoute]) -> Vec<Allowed> {
    let groups = machine.spec.security_groups.iter();
    let rules = groups
        .filter_map(|group| tables.security_groups.get(group))
        .flat_map(|group| &group.spec.rules);
    rules
        .map(|rule| Allowed {
            direction: rule.direction,
            protocol: rule.protocol,
            ports: rule.port_from.map(|from| (from, rule.port_to.unwrap_or(from))),
            remotes: match &rule.remote {
                Remote::Cidr(range) => vec![*range],
                Remote::Group(group) => members(tables, group)
                    .flat_map(|(_, member)| {
                        std::iter::once(Ipv4Net::from(member.address)).chain(behind(member, routes))
                    })
                    .collect(),
            },
        })
        .collect()
}

/// Machines of a group, but for those on their way out.
fn members<'tables>(
    tables: &'tables Tables,
    group: &str,
) -> impl Iterator<Item = (&'tables String, &'tables MachineRecord)> {
    let machines = tables.machines.iter().filter(|(_, machine)| !machine.deleting);
    machines.filter(move |(_, machine)| machine.spec.security_groups.iter().any(|its| its == group))
}

/// Whether a machine of this network may be in these groups.
pub(super) fn check_groups(tables: &Tables, network: &str, groups: &[String]) -> Result<(), Error> {
    for (index, group) in groups.iter().enumerate() {
        let found = tables.security_groups.get(group);
        if found.is_none_or(|found| found.deleting || found.spec.network != network) {
            return Err(refuse_field(
                ErrorCode::Unknown,
                format!("securityGroups[{index}]"),
                format!("there is no security group {group:?} in the network {network:?}"),
                "create it first",
            ));
        }
        if groups[..index].contains(group) {
            return Err(refuse_field(
                ErrorCode::Invalid,
                format!("securityGroups[{index}]"),
                format!("the security group {group:?} appears twice"),
                "name it once",
            ));
        }
    }
    Ok(())
}

fn decide(tables: &Tables, name: &str, spec: SecurityGroupSpec) -> Result<SecurityGroupRecord, Error> {
    usable_network(tables, &spec.network)?;
    for (index, rule) in spec.rules.iter().enumerate() {
        check_rule(tables, name, &spec.network, index, rule)?;
    }
    if let Some(present) = tables.security_groups.get(name) {
        if present.deleting {
            return Err(being_deleted("security group", name));
        }
        if present.spec.network != spec.network {
            let message = format!(
                "the security group {name:?} exists in the network {:?}",
                present.spec.network
            );
            return Err(refuse(
                ErrorCode::Conflict,
                message,
                "a security group cannot move: delete it first",
            ));
        }
    }
    Ok(SecurityGroupRecord { spec, deleting: false })
}

fn check_rule(tables: &Tables, name: &str, network: &str, index: usize, rule: &SecurityGroupRule) -> Result<(), Error> {
    let invalid = |field: &str, message: String, remedy: &str| {
        let field = format!("rules[{index}].{field}");
        Err(refuse_field(ErrorCode::Invalid, field, message, remedy))
    };
    let has_ports = rule.port_from.is_some() || rule.port_to.is_some();
    if has_ports && !matches!(rule.protocol, RuleProtocol::Tcp | RuleProtocol::Udp) {
        return invalid(
            "portFrom",
            "only TCP and UDP have ports".into(),
            "leave the ports out, or choose a protocol",
        );
    }
    match (rule.port_from, rule.port_to) {
        (None, Some(to)) => {
            return invalid(
                "portFrom",
                format!("a range that ends with {to} has no beginning"),
                "set portFrom",
            );
        }
        (Some(from), Some(to)) if from > to => {
            return invalid("portTo", format!("{to} is before {from}"), "swap them");
        }
        _ => {}
    }
    match &rule.remote {
        Remote::Cidr(range) if range.trunc() != *range => invalid(
            "remote",
            format!("{range} has bits behind its prefix"),
            &format!("write {}", range.trunc()),
        ),
        Remote::Group(group) if group != name => {
            let found = tables.security_groups.get(group);
            if found.is_some_and(|found| !found.deleting && found.spec.network == network) {
                return Ok(());
            }
            Err(refuse_field(
                ErrorCode::Unknown,
                format!("rules[{index}].remote"),
                format!("there is no security group {group:?} in the network {network:?}"),
                "create it first",
            ))
        }
        _ => Ok(()),
    }
}

fn decide_deletion(tables: &Tables, name: &str) -> Result<SecurityGroupRecord, Error> {
    let record = tables
        .security_groups
        .get(name)
        .ok_or_else(|| not_found("security group", name))?;
    let names_it = |rule: &SecurityGroupRule| matches!(&rule.remote, Remote::Group(group) if group == name);
    let machines = tables
        .machines
        .iter()
        .filter(|(_, machine)| machine.spec.security_groups.iter().any(|group| group == name));
    let groups = tables
        .security_groups
        .iter()
        .filter(|(other, group)| *other != name && group.spec.rules.iter().any(names_it));
    let users: Vec<&str> = machines
        .map(|(name, _)| name.as_str())
        .chain(groups.map(|(name, _)| name.as_str()))
        .collect();
    if !users.is_empty() {
        let message = format!("the security group {name:?} is still used by {}", users.join(", "));
        return Err(refuse(
            ErrorCode::InUse,
            message,
            "delete its machines, or take it away from them and from other groups' rules",
        ));
    }
    Ok(SecurityGroupRecord {
        deleting: true,
        ..record.clone()
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use cloud_client::{Direction, MachineSpec, NetworkSpec};

    use super::*;
    use crate::store::NetworkRecord;

    fn rule(remote: Remote) -> SecurityGroupRule {
        SecurityGroupRule::new(Direction::Ingress, remote)
    }

    fn group(name: &str) -> Remote {
        Remote::Group(name.into())
    }

    fn spec(rules: Vec<SecurityGroupRule>) -> SecurityGroupSpec {
        SecurityGroupSpec {
            network: "a".into(),
            rules,
        }
    }

    fn machine(address: u8, groups: &[&str], deleting: bool) -> MachineRecord {
        let text = |text: &str| text.to_owned();
        let mut spec = MachineSpec::new("a");
        spec.security_groups = groups.iter().map(|group| text(group)).collect();
        MachineRecord {
            spec,
            address: Ipv4Addr::new(10, 1, 0, address),
            uid: text("u"),
            created: text("now"),
            image: text("i"),
            zone: text("0"),
            limits: None,
            deleting,
        }
    }

    /// Groups `web` (from `web` and `db`) and `db` in network a, `far` in b; machines 10 and 11 in `web`, 12 in `db`, 13 in none.
    fn tables() -> Tables {
        let mut tables = Tables::default();
        for name in ["a", "b"] {
            let record = NetworkRecord {
                spec: NetworkSpec::new("10.1.0.0/24".parse().unwrap()),
                uplink: Ipv4Addr::new(172, 30, 1, 1),
                deleting: false,
            };
            tables.networks.insert(name.into(), record);
        }
        let far = SecurityGroupSpec {
            network: "b".into(),
            rules: vec![],
        };
        let web = spec(vec![rule(group("web")), rule(group("db"))]);
        for (name, spec) in [("web", web), ("db", spec(vec![])), ("far", far)] {
            tables
                .security_groups
                .insert(name.into(), SecurityGroupRecord { spec, deleting: false });
        }
        for (name, record) in [
            ("m10", machine(10, &["web"], false)),
            ("m11", machine(11, &["web"], true)),
            ("m12", machine(12, &["db"], false)),
            ("m13", machine(13, &[], false)),
        ] {
            tables.machines.insert(name.into(), record);
        }
        tables
    }

    #[test]
    fn remotes_are_members_with_what_lies_behind_them() {
        let route = |destination: &str, last| NetworkRoute {
            destination: destination.parse().unwrap(),
            via: Ipv4Addr::new(10, 1, 0, last),
        };
        let routes = [route("10.2.0.0/24", 10), route("10.2.1.0/24", 12)];
        let stations = stations(&tables(), "a", &routes).unwrap();
        let remotes = |station: &Station| -> Option<Vec<Vec<String>>> {
            let rules = station.allowed.as_ref()?;
            let text = |rule: &Allowed| rule.remotes.iter().map(ToString::to_string).collect();
            Some(rules.iter().map(text).collect())
        };
        let web = vec![
            vec!["10.1.0.10/32".to_owned(), "10.2.0.0/24".to_owned()],
            vec!["10.1.0.12/32".to_owned(), "10.2.1.0/24".to_owned()],
        ];
        let found: Vec<_> = stations
            .iter()
            .map(|station| (station.name.as_str(), remotes(station)))
            .collect();
        assert_eq!(
            found,
            [
                ("m10", Some(web.clone())),
                ("m11", Some(web)), // On its way out: guarded, and not among the remotes.
                ("m12", Some(vec![])),
                ("m13", None),
            ]
        );
        assert_eq!(
            super::stations(&Tables::default(), "a", &[]),
            None,
            "no group, no rules"
        );
    }

    #[track_caller]
    fn check(name: &str, spec: SecurityGroupSpec, field: &str, expected: &str) {
        let refusal = decide(&tables(), name, spec).map_err(Error::into_api);
        let found = refusal.map_or_else(
            |refusal| (refusal.field.clone(), refusal.to_string()),
            |_| Default::default(),
        );
        assert_eq!(found, (field.to_owned(), expected.to_owned()));
    }

    #[test]
    fn security_groups_are_checked() {
        let anywhere = || rule(Remote::Cidr("0.0.0.0/0".parse().unwrap()));
        check("new", spec(vec![anywhere(), rule(group("new"))]), "", "");
        check("new", spec(vec![anywhere().ports(RuleProtocol::Tcp, 22, 22)]), "", "");
        check(
            "new",
            spec(vec![anywhere(), rule(group("far"))]),
            "rules[1].remote",
            "there is no security group \"far\" in the network \"a\" (create it first)",
        );
        check(
            "new",
            spec(vec![rule(Remote::Cidr("10.0.0.1/8".parse().unwrap()))]),
            "rules[0].remote",
            "10.0.0.1/8 has bits behind its prefix (write 10.0.0.0/8)",
        );
        check(
            "new",
            spec(vec![anywhere().ports(RuleProtocol::Icmp, 1, 2)]),
            "rules[0].portFrom",
            "only TCP and UDP have ports (leave the ports out, or choose a protocol)",
        );
        check(
            "new",
            spec(vec![anywhere().ports(RuleProtocol::Tcp, 2, 1)]),
            "rules[0].portTo",
            "1 is before 2 (swap them)",
        );
        check(
            "far",
            spec(vec![]),
            "",
            "the security group \"far\" exists in the network \"b\" (a security group cannot move: delete it first)",
        );
    }

    #[test]
    fn what_is_in_use_stays() {
        let message =
            |name: &str| decide_deletion(&tables(), name).map_or_else(|error| error.to_string(), |_| "goes".into());
        let rest = "delete its machines, or take it away from them and from other groups' rules";
        assert_eq!(
            message("web"),
            format!("the security group \"web\" is still used by m10, m11 ({rest})")
        );
        assert_eq!(
            message("db"),
            format!("the security group \"db\" is still used by m12, web ({rest})")
        );
        assert_eq!(message("far"), "goes");
    }
}
