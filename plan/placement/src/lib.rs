//! Decides which seed carries a shoot.
//!
//! In: the [`Request`], one shoot with its cloud profile, and all seeds and shoots of the landscape.
//! Out: a [`Placement`], or [`Unplaceable`] with one [`Reason`] per seed.
//!
//! Every seed runs through the same chain of filters ([`filters`]); the first one that it does not pass is its reason.
//! Of the seeds that pass, the one with the fewest shoots is taken; among equals the first by name.
//!
//! **Invariant:** nothing here talks to a cluster, reads a clock or draws a random number.

#![forbid(unsafe_code)]

mod distance;
mod filters;
mod networks;
mod reason;

use std::collections::BTreeMap;

use api::core::v1beta1::{CloudProfileSpec, Seed, Shoot};

pub use self::reason::{Reason, Unplaceable};

/// How a seed's region must relate to the shoot's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The seed lies in the shoot's region.
    #[default]
    SameRegion,
    /// The seeds whose region's name is closest to the shoot's (Levenshtein distance); the same region, if there is one.
    MinimalDistance,
}

/// All that decides about one placement.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The shoot to place.
    pub shoot: &'a Shoot,
    /// What its cloud profile says.
    pub cloud_profile: &'a CloudProfileSpec,
    /// Every seed of the landscape.
    pub seeds: &'a [&'a Seed],
    /// How many shoots each seed carries: see [`count_shoots`].
    pub shoots_per_seed: &'a BTreeMap<String, usize>,
    /// How regions are compared.
    pub strategy: Strategy,
}

/// The seed that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The seed's name.
    pub seed: String,
    /// How many seeds would have done.
    pub candidates: usize,
}

/// Chooses the seed for a shoot.
///
/// # Errors
/// [`Unplaceable`] when no seed fits; it carries the reason of each.
pub fn place(request: &Request<'_>) -> Result<Placement, Unplaceable> {
    let mut fitting = Vec::new();
    let mut reasons = BTreeMap::new();
    for &seed in request.seeds {
        match filters::check(request, seed) {
            Ok(()) => fitting.push(seed),
            Err(reason) => drop(reasons.insert(name(seed).to_owned(), reason)),
        }
    }
    let candidates = in_best_region(request, fitting, &mut reasons);
    let chosen = candidates
        .iter()
        .min_by_key(|seed| (carried(request, seed), name(seed)));
    match chosen {
        Some(seed) => Ok(Placement {
            seed: name(seed).to_owned(),
            candidates: candidates.len(),
        }),
        None => Err(Unplaceable { reasons }),
    }
}

/// Counts the shoots that each seed carries. A shoot that moves counts for both of its seeds.
pub fn count_shoots<'a>(shoots: impl IntoIterator<Item = &'a Shoot>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for shoot in shoots {
        let wanted = shoot.spec.seed_name.as_deref();
        let actual = shoot
            .status
            .seed_name
            .as_deref()
            .filter(|actual| Some(*actual) != wanted);
        for seed in wanted.into_iter().chain(actual) {
            *counts.entry(seed.to_owned()).or_insert(0) += 1;
        }
    }
    counts
}

/// Keeps the seeds of the best region; the others get their reason.
fn in_best_region<'a>(
    request: &Request<'_>,
    fitting: Vec<&'a Seed>,
    reasons: &mut BTreeMap<String, Reason>,
) -> Vec<&'a Seed> {
    let wanted = request.shoot.spec.region.as_str();
    let distance = |seed: &Seed| distance::levenshtein(&seed.spec.provider.region, wanted);
    let allowed = match request.strategy {
        Strategy::SameRegion => 0,
        Strategy::MinimalDistance => fitting.iter().map(|seed| distance(seed)).min().unwrap_or(0),
    };
    let (near, far): (Vec<_>, Vec<_>) = fitting.into_iter().partition(|seed| distance(seed) <= allowed);
    for seed in far {
        let reason = Reason::OtherRegion {
            region: seed.spec.provider.region.clone(),
            wanted: wanted.to_owned(),
        };
        reasons.insert(name(seed).to_owned(), reason);
    }
    near
}

fn carried(request: &Request<'_>, seed: &Seed) -> usize {
    request.shoots_per_seed.get(name(seed)).copied().unwrap_or(0)
}

fn name(seed: &Seed) -> &str {
    seed.metadata.name.as_deref().unwrap_or_default()
}
