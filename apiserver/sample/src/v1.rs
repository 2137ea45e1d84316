//! `icecream.example.com/v1`: the stored version.

use apimachinery::{api_type, meta::ObjectMeta};

/// A flavor of ice cream.
#[api_type]
#[api(
    group = "icecream.example.com",
    version = "v1",
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
    /// What the flavor shall be.
    #[api(tag = 2)]
    pub spec: FlavorSpec,
    /// What it is.
    #[api(tag = 3)]
    pub status: FlavorStatus,
}

/// What the flavor shall be.
#[api_type]
pub struct FlavorSpec {
    /// What it is made of.
    #[api(tag = 1, omitempty)]
    pub recipe: String,
    /// How sweet it is, from 0 to 10; 5 if not given.
    #[api(tag = 2)]
    pub sweetness: Option<i32>,
    /// Who tasted it.
    #[api(tag = 3, omitempty)]
    pub taster: String,
    /// What is put on top.
    #[api(tag = 4, omitempty)]
    pub toppings: Vec<String>,
}

/// What the flavor is.
#[api_type]
pub struct FlavorStatus {
    /// How many portions are left.
    #[api(tag = 1, omitempty)]
    pub portions: i32,
    /// The generation that was last looked at.
    #[api(tag = 2, omitempty)]
    pub observed_generation: i64,
}

/// A shop, which lies in no namespace.
#[api_type]
#[api(
    group = "icecream.example.com",
    version = "v1",
    kind = "Shop",
    plural = "shops",
    list = "ShopList"
)]
pub struct Shop {
    /// Standard object metadata.
    #[api(tag = 1)]
    pub metadata: ObjectMeta,
    /// Where it is.
    #[api(tag = 2, omitempty)]
    pub street: String,
}

/// Asks for a sample of a flavor.
#[api_type]
#[api(
    group = "tasting.example.com",
    version = "v1",
    kind = "SampleRequest",
    plural = "samplerequests",
    namespaced,
    list = "SampleRequestList"
)]
pub struct SampleRequest {
    /// Standard object metadata.
    #[api(tag = 1)]
    pub metadata: ObjectMeta,
    /// How many spoons.
    #[api(tag = 2, omitempty)]
    pub spoons: i32,
    /// What it tastes like; the answer.
    #[api(tag = 3, omitempty)]
    pub taste: String,
}
