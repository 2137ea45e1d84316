//! Why a seed does not carry a shoot, in words for its user.

use std::collections::BTreeMap;
use std::fmt;

/// Why one seed does not fit one shoot. Display completes the sentence "seed x …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It goes away.
    #[error("is being deleted")]
    Deleting,
    /// Its operator hides it from the scheduler.
    #[error("is not visible to the scheduler")]
    NotVisible,
    /// A condition that a usable seed has is missing or not True.
    #[error("is not ready: condition {condition} is {status}")]
    NotReady {
        /// The condition's type.
        condition: String,
        /// Its status, or `missing`.
        status: String,
    },
    /// Its operator stopped all reconciliations there.
    #[error("has stopped reconciling shoots (emergency stop)")]
    EmergencyStop,
    /// The cloud profile's selector leaves it out.
    #[error("does not match the labels that the cloud profile selects")]
    CloudProfileSelector,
    /// The shoot's own selector leaves it out.
    #[error("does not match the labels that the shoot selects")]
    ShootSelector,
    /// It runs on another cloud.
    #[error("has provider type {actual:?}, wanted is {wanted}")]
    ProviderType {
        /// The seed's provider type.
        actual: String,
        /// What would do.
        wanted: String,
    },
    /// Too few zones for the failure tolerance.
    #[error("has {actual} zones, a control plane that survives the loss of a zone needs {wanted}")]
    TooFewZones {
        /// The seed's zones.
        actual: usize,
        /// How many there must be.
        wanted: usize,
    },
    /// The shoot names zones that the seed does not have.
    #[error("lacks the zone {zone:?}")]
    MissingZone {
        /// The zone.
        zone: String,
    },
    /// The shoot asks for a restriction of access that the seed does not give.
    #[error("does not support the access restriction {restriction:?}")]
    AccessRestriction {
        /// The restriction's name.
        restriction: String,
    },
    /// The shoot's domain is none of the seed's default domains.
    #[error("does not offer a default domain for {domain:?}")]
    Domain {
        /// The shoot's domain.
        domain: String,
    },
    /// Addresses would be ambiguous.
    #[error("has overlapping networks: the shoot's {shoot} and the seed's {seed}")]
    NetworksOverlap {
        /// Role and range of the shoot's network.
        shoot: String,
        /// Role and range of the seed's network.
        seed: String,
    },
    /// A taint keeps the shoot away.
    #[error("has the taint {taint:?}, which the shoot does not tolerate")]
    Taint {
        /// The taint's key.
        taint: String,
    },
    /// It is full.
    #[error("is full: it carries {carried} of {allocatable} shoots")]
    Full {
        /// How many shoots it carries.
        carried: usize,
        /// How many it may carry.
        allocatable: usize,
    },
    /// It lies elsewhere.
    #[error("is in region {region:?}, wanted is {wanted:?}")]
    OtherRegion {
        /// The seed's region.
        region: String,
        /// The shoot's region.
        wanted: String,
    },
}

/// No seed carries the shoot: each seed with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplaceable {
    /// By the seed's name.
    pub reasons: BTreeMap<String, Reason>,
}

impl std::error::Error for Unplaceable {}

impl fmt::Display for Unplaceable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reasons.len() {
            0 => return formatter.write_str("there is no seed"),
            1 => formatter.write_str("the only seed does not fit")?,
            count => write!(formatter, "none of {count} seeds fits")?,
        }
        for (index, (seed, reason)) in self.reasons.iter().enumerate() {
            write!(
                formatter,
                "{} seed {seed:?} {reason}",
                if index == 0 { ":" } else { ";" }
            )?;
        }
        Ok(())
    }
}
