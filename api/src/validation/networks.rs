//! Ranges of addresses: that they are ranges, canonical, and apart from each other.

use apimachinery::field::{FieldError, FieldErrors, Path};
use ipnet::IpNet;

use crate::{
    constants::{
        RESERVED_KUBE_API_SERVER_RANGE, RESERVED_SEED_POD_RANGE, RESERVED_SHOOT_NODE_RANGE, RESERVED_SHOOT_POD_RANGE,
        RESERVED_SHOOT_SERVICE_RANGE,
    },
    core::v1beta1::IpFamily,
};

/// A range and the field it stands in.
#[derive(Clone, Debug)]
pub struct Range {
    /// Where it is written.
    pub path: Path,
    /// The range.
    pub net: IpNet,
}

/// The range in a field; mistakes are added to `errors`.
pub(super) fn parse(path: &Path, text: &str, errors: &mut FieldErrors) -> Option<Range> {
    let Ok(net) = text.parse::<IpNet>() else {
        errors.push(FieldError::invalid(
            path,
            text,
            "must be a valid CIDR, such as 10.96.0.0/16",
        ));
        return None;
    };
    if net.addr() != net.network() {
        errors.push(FieldError::invalid(
            path,
            text,
            format!("must be the first address of its range: {}", net.trunc()),
        ));
    }
    Some(Range {
        path: path.clone(),
        net,
    })
}

/// The range in a field that may be absent.
pub(super) fn parse_optional(path: &Path, text: Option<&str>, errors: &mut FieldErrors) -> Option<Range> {
    text.and_then(|text| parse(path, text, errors))
}

/// Every pair of ranges must be apart; the later one is to blame.
pub(super) fn disjoint(ranges: &[Range], errors: &mut FieldErrors) {
    for (index, range) in ranges.iter().enumerate() {
        for earlier in &ranges[..index] {
            if overlap(&earlier.net, &range.net) {
                errors.push(FieldError::invalid(
                    &range.path,
                    range.net.to_string(),
                    format!("must not overlap with {:?} ({})", earlier.path.to_string(), earlier.net),
                ));
            }
        }
    }
}

/// Every range must be apart from the ranges kept for shoots' insides.
pub(super) fn not_reserved(ranges: &[Range], errors: &mut FieldErrors) {
    let reserved = [
        RESERVED_KUBE_API_SERVER_RANGE,
        RESERVED_SEED_POD_RANGE,
        RESERVED_SHOOT_NODE_RANGE,
        RESERVED_SHOOT_SERVICE_RANGE,
        RESERVED_SHOOT_POD_RANGE,
    ];
    for range in ranges {
        for other in reserved.iter().filter_map(|text| text.parse::<IpNet>().ok()) {
            if overlap(&other, &range.net) {
                errors.push(FieldError::invalid(
                    &range.path,
                    range.net.to_string(),
                    format!("must not overlap with the reserved range {other}"),
                ));
            }
        }
    }
}

/// Every range must be of one of the IP families in use.
pub(super) fn of_families(ranges: &[Range], families: &[IpFamily], errors: &mut FieldErrors) {
    if families.is_empty() {
        return;
    }
    for range in ranges {
        let family = match range.net {
            IpNet::V4(_) => IpFamily::Ipv4,
            IpNet::V6(_) => IpFamily::Ipv6,
        };
        if !families.contains(&family) {
            errors.push(FieldError::invalid(
                &range.path,
                range.net.to_string(),
                format!("must be of an IP family named in ipFamilies, not {family}"),
            ));
        }
    }
}

/// Whether two ranges share an address.
pub fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}
