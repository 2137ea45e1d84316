//! What the cloud has to offer, as its operator says on the command line: zones, flavors, quotas.

use std::{collections::BTreeMap, str::FromStr};

use cloud_client::Limits;

use crate::layout::is_label;

/// Kinds whose number can be limited, by their folder in the API.
const LIMITED: [&str; 6] = [
    "loadbalancers",
    "machines",
    "networks",
    "records",
    "routes",
    "securitygroups",
];

/// What users may choose from, and how much.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Catalog {
    /// Zones that machines may be put into; they only differ in their names.
    #[arg(long = "zone", value_name = "NAME", value_delimiter = ',', default_values_t = default_zones())]
    pub zones: Vec<String>,
    /// Flavors of machines: thousandths of a core, and MiB of memory.
    #[arg(
        long = "flavor",
        value_name = "NAME=CPU:MEMORY",
        value_delimiter = ',',
        default_values_t = default_flavors()
    )]
    pub flavors: Vec<NamedFlavor>,
    /// How many objects of a kind there may be.
    #[arg(
        long = "quota",
        value_name = "KIND=NUMBER",
        value_delimiter = ',',
        env = "KUBECEPTION_CLOUD_QUOTA"
    )]
    pub quotas: Vec<Quota>,
}

impl Default for Catalog {
    fn default() -> Self {
        Self {
            zones: default_zones(),
            flavors: default_flavors(),
            quotas: Vec::new(),
        }
    }
}

fn default_zones() -> Vec<String> {
    ["0", "1"].map(str::to_owned).into()
}

fn default_flavors() -> Vec<NamedFlavor> {
    [("local", 2000, 2048), ("local-small", 1000, 1024)]
        .map(|(name, cpu_millis, memory_mib)| NamedFlavor {
            name: name.to_owned(),
            limits: Limits { cpu_millis, memory_mib },
        })
        .into()
}

impl Catalog {
    /// The zone of a machine that wants none in particular.
    pub(crate) fn default_zone(&self) -> String {
        self.zones.first().cloned().unwrap_or_default()
    }

    pub(crate) fn flavors(&self) -> BTreeMap<String, Limits> {
        let flavors = self.flavors.iter();
        flavors.map(|flavor| (flavor.name.clone(), flavor.limits)).collect()
    }

    pub(crate) fn quotas(&self) -> BTreeMap<String, usize> {
        let quotas = self.quotas.iter();
        quotas.map(|quota| (quota.kind.clone(), quota.number)).collect()
    }
}

/// A flavor and its name, `local=2000:2048`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFlavor {
    /// What users call it.
    pub name: String,
    /// What it means.
    pub limits: Limits,
}

/// A number of objects of a kind, `machines=20`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The kind's folder in the API.
    pub kind: String,
    /// How many there may be.
    pub number: usize,
}

/// A word on the command line that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not {1}")]
pub struct InvalidOffer(String, String);

impl FromStr for NamedFlavor {
    type Err = InvalidOffer;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (name, limits) = text.split_once('=')?;
            let (cpu, memory) = limits.split_once(':')?;
            let limits = Limits {
                cpu_millis: cpu.parse().ok()?,
                memory_mib: memory.parse().ok()?,
            };
            is_label(name).then(|| Self {
                name: name.to_owned(),
                limits,
            })
        };
        parse().ok_or_else(|| InvalidOffer(text.to_owned(), "a flavor such as local=2000:2048".to_owned()))
    }
}

impl std::fmt::Display for NamedFlavor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Limits { cpu_millis, memory_mib } = self.limits;
        write!(formatter, "{}={cpu_millis}:{memory_mib}", self.name)
    }
}

impl FromStr for Quota {
    type Err = InvalidOffer;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (kind, number) = text.split_once('=')?;
            let number = number.parse().ok()?;
            LIMITED.contains(&kind).then(|| Self {
                kind: kind.to_owned(),
                number,
            })
        };
        parse().ok_or_else(|| {
            let expected = format!("a quota such as machines=20, of {}", LIMITED.join(", "));
            InvalidOffer(text.to_owned(), expected)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flavors_are_read_as_they_are_written() {
        for flavor in Catalog::default().flavors {
            assert_eq!(flavor.to_string().parse(), Ok(flavor));
        }
        for wrong in ["", "a", "a=1", "a=1:", "a=x:1", "A=1:1", "=1:1"] {
            assert!(wrong.parse::<NamedFlavor>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn quotas_are_of_kinds_that_exist() {
        let quota: Quota = "machines=20".parse().unwrap();
        assert_eq!((quota.kind.as_str(), quota.number), ("machines", 20));
        assert_eq!(
            "pods=1".parse::<Quota>().unwrap_err().to_string(),
            "\"pods=1\" is not a quota such as machines=20, of loadbalancers, machines, networks, records, routes, securitygroups"
        );
    }
}
