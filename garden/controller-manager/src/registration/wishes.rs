//! Which changes of a Shoot matter to what is installed on its seeds: a shoot's status changes every second while it is made, and
//! what it wishes hardly ever.
//!
//! In: Shoots as they change. Out: names of the seeds to look at, none for a change that does not matter.

use std::collections::BTreeMap;

use api::core::v1beta1::Shoot;
use kube::ResourceExt as _;
use parking_lot::Mutex;

/// What was seen of each shoot last.
#[derive(Debug, Default)]
pub(super) struct Wishes(Mutex<BTreeMap<(String, String), Wish>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Wish {
    uid: Option<String>,
    generation: Option<i64>,
    seeds: Vec<String>,
}

impl Wishes {
    /// The seeds that the shoot is or was on, if anything changed that matters to them.
    pub(super) fn seeds_to_look_at(&self, shoot: &Shoot) -> Vec<String> {
        let key = (shoot.namespace().unwrap_or_default(), shoot.name_any());
        let seeds = [&shoot.spec.seed_name, &shoot.status.seed_name];
        let mut seeds: Vec<String> = seeds.into_iter().flatten().cloned().collect();
        seeds.dedup();
        let wish = Wish {
            uid: shoot.metadata.uid.clone(),
            generation: shoot.metadata.generation,
            seeds,
        };
        // The last that is seen of a shoot: without finalizers it is gone.
        let is_gone = shoot.metadata.deletion_timestamp.is_some() && shoot.finalizers().is_empty();
        let mut seen = self.0.lock();
        let before = if is_gone {
            seen.remove(&key)
        } else {
            seen.insert(key, wish.clone())
        };
        drop(seen);
        if !is_gone && before.as_ref() == Some(&wish) {
            return Vec::new();
        }
        let mut seeds = wish.seeds;
        seeds.extend(before.into_iter().flat_map(|before| before.seeds));
        seeds.sort();
        seeds.dedup();
        seeds
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn shoot(metadata: &Value, seed: &str) -> Shoot {
        let mut shoot = json!({ "metadata": metadata, "spec": { "seedName": seed } });
        shoot["metadata"]["name"] = json!("first");
        serde_json::from_value(shoot).unwrap()
    }

    #[test]
    fn only_wishes_matter() {
        let wishes = Wishes::default();
        let (one, two) = (json!({ "generation": 1 }), json!({ "generation": 2 }));
        assert_eq!(wishes.seeds_to_look_at(&shoot(&one, "a")), ["a"]);
        assert!(
            wishes.seeds_to_look_at(&shoot(&one, "a")).is_empty(),
            "its status changed"
        );
        assert_eq!(wishes.seeds_to_look_at(&shoot(&two, "a")), ["a"]);
        assert_eq!(wishes.seeds_to_look_at(&shoot(&two, "b")), ["a", "b"], "it moved");
    }

    #[test]
    fn the_end_of_a_shoot_matters_and_is_forgotten() {
        let wishes = Wishes::default();
        let going = json!({ "generation": 2, "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["gardener"] });
        let mut gone = going.clone();
        gone["finalizers"] = json!([]);
        assert_eq!(wishes.seeds_to_look_at(&shoot(&going, "a")), ["a"]);
        assert_eq!(wishes.seeds_to_look_at(&shoot(&gone, "a")), ["a"]);
        assert!(wishes.0.lock().is_empty());
    }
}
