//! Finds networks of a shoot that overlap with its seed's.
//!
//! In: the two network sections. Out: the first pair that overlaps. Absent: whether a range is well formed:
//! validation says that, and an unreadable range overlaps with nothing here.

use api::core::v1beta1::{Networking, SeedNetworks};
use ipnet::IpNet;

use crate::reason::Reason;

/// Refuses a shoot whose pods, nodes or services share addresses with the seed's.
pub(crate) fn check_disjoint(shoot: &Networking, seed: &SeedNetworks) -> Result<(), Reason> {
    let of_shoot = [
        ("pods", &shoot.pods),
        ("nodes", &shoot.nodes),
        ("services", &shoot.services),
    ];
    let (pods, services) = (Some(seed.pods.clone()), Some(seed.services.clone()));
    let of_seed = [("pods", &pods), ("nodes", &seed.nodes), ("services", &services)];
    for (shoot_role, shoot_range) in of_shoot {
        for (seed_role, seed_range) in of_seed {
            if let (Some(shoot_net), Some(seed_net)) = (parse(shoot_range), parse(seed_range))
                && overlap(shoot_net, seed_net)
            {
                return Err(Reason::NetworksOverlap {
                    shoot: format!("{shoot_role} {shoot_net}"),
                    seed: format!("{seed_role} {seed_net}"),
                });
            }
        }
    }
    Ok(())
}

fn parse(range: &Option<String>) -> Option<IpNet> {
    range.as_deref()?.parse().ok()
}

fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}
