//! Conversion between the versions.

use crate::{v1, v1beta1};

pub(crate) fn from_v1beta1(old: v1beta1::Flavor) -> v1::Flavor {
    let v1beta1::Flavor {
        metadata,
        recipe,
        sugar: sweetness,
        taster,
        toppings,
        status,
    } = old;
    v1::Flavor {
        metadata,
        spec: v1::FlavorSpec {
            recipe,
            sweetness,
            taster,
            toppings,
        },
        status,
    }
}

pub(crate) fn to_v1beta1(flavor: &v1::Flavor) -> v1beta1::Flavor {
    let v1::Flavor { metadata, spec, status } = flavor.clone();
    let v1::FlavorSpec {
        recipe,
        sweetness: sugar,
        taster,
        toppings,
    } = spec;
    v1beta1::Flavor {
        metadata,
        recipe,
        sugar,
        taster,
        toppings,
        status,
    }
}
