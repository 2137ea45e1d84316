//! `icecream.example.com/v1beta1`: an older version, in which the spec's fields lay elsewhere.

use apimachinery::{api_type, meta::ObjectMeta};

use crate::v1::FlavorStatus;

/// A flavor of ice cream.
#[api_type]
#[api(
    group = "icecream.example.com",
    version = "v1beta1",
    kind = "Flavor",
    plural = "flavors",
    namespaced,
    list = "FlavorList",
    short = "fl",
    categories = "all"
)]
pub struct Flavor {
    /// Standard object metadata.
    #[api(tag = 1)]
    pub metadata: ObjectMeta,
    /// What it is made of.
    #[api(tag = 2, omitempty)]
    pub recipe: String,
    /// How sweet it is, from 0 to 10.
    #[api(tag = 3)]
    pub sugar: Option<i32>,
    /// Who tasted it.
    #[api(tag = 4, omitempty)]
    pub taster: String,
    /// What is put on top.
    #[api(tag = 5, omitempty)]
    pub toppings: Vec<String>,
    /// What it is.
    #[api(tag = 6)]
    pub status: FlavorStatus,
}
