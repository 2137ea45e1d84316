//! Quantities as Go reads and writes them: wrong ones are refused, others become canonical.
//!
//! `k8s-openapi` takes any text and keeps it as it is; so fields that hold quantities are read here.

use std::{collections::BTreeMap, fmt};

use k8s_openapi::{
    api::core::v1::{ResourceClaim, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use super::next_value;
use crate::quantity;

/// Reads the value of a field that holds quantities; `null` is the default.
pub fn read_quantities<'de, T, A>(field: &mut T, name: &'static str, map: &mut A) -> Result<(), A::Error>
where
    T: Quantities + Default,
    A: MapAccess<'de>,
{
    *field = next_value::<T::Read, A>(name, map)?
        .map(T::from_read)
        .unwrap_or_default();
    Ok(())
}

/// What is written for a quantity: "0" for one that was never set.
pub fn quantity_text(quantity: &Quantity) -> &str {
    if quantity.0.is_empty() { "0" } else { &quantity.0 }
}

/// A type with quantities in it.
pub trait Quantities: Sized {
    /// The same with readable quantities.
    type Read: de::DeserializeOwned;

    /// From what was read.
    fn from_read(read: Self::Read) -> Self;
}

/// A quantity that is read from text or number.
#[derive(Debug)]
pub struct ReadQuantity(Quantity);

impl<'de> Deserialize<'de> for ReadQuantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(QuantityVisitor).map(Self)
    }
}

struct QuantityVisitor;

impl Visitor<'_> for QuantityVisitor {
    type Value = Quantity;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a quantity")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
        quantity::canonical(text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Quantity, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Quantity, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Quantity, E> {
        self.visit_str(&number.to_string())
    }
}

impl Quantities for Quantity {
    type Read = ReadQuantity;

    fn from_read(read: ReadQuantity) -> Self {
        read.0
    }
}

impl<T: Quantities> Quantities for Option<T> {
    type Read = Option<T::Read>;

    fn from_read(read: Self::Read) -> Self {
        read.map(T::from_read)
    }
}

impl<T: Quantities> Quantities for Vec<T> {
    type Read = Vec<T::Read>;

    fn from_read(read: Self::Read) -> Self {
        read.into_iter().map(T::from_read).collect()
    }
}

impl<K: de::DeserializeOwned + Ord, V: Quantities> Quantities for BTreeMap<K, V> {
    type Read = BTreeMap<K, V::Read>;

    fn from_read(read: Self::Read) -> Self {
        read.into_iter()
            .map(|(key, value)| (key, V::from_read(value)))
            .collect()
    }
}

/// The fields of `ResourceRequirements`, readable.
#[derive(Debug, Deserialize)]
pub struct ReadRequirements {
    claims: Option<Vec<ResourceClaim>>,
    limits: Option<BTreeMap<String, ReadQuantity>>,
    requests: Option<BTreeMap<String, ReadQuantity>>,
}

impl Quantities for ResourceRequirements {
    type Read = ReadRequirements;

    fn from_read(read: ReadRequirements) -> Self {
        Self {
            claims: read.claims,
            limits: Quantities::from_read(read.limits),
            requests: Quantities::from_read(read.requests),
        }
    }
}
