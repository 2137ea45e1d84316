//! Bindings that were made a moment ago: the cache shows them later.
//!
//! In: each binding. Out: the numbers of shoots per seed with these counted in, so that ten shoots at once do not all see
//! the same empty seed. Absent: anything that outlives the process; after a restart the cache is complete.

use std::collections::BTreeMap;

use api::core::v1beta1::Shoot;
use parking_lot::Mutex;

/// Seeds by the uid of the shoot that was bound to them.
#[derive(Debug, Default)]
pub(crate) struct Assumed {
    bindings: Mutex<BTreeMap<String, String>>,
}

impl Assumed {
    /// Notes a binding.
    pub(crate) fn add(&self, shoot: &Shoot, seed: &str) {
        self.bindings.lock().insert(uid(shoot), seed.to_owned());
    }

    /// Forgets a binding that failed.
    pub(crate) fn remove(&self, shoot: &Shoot) {
        self.bindings.lock().remove(&uid(shoot));
    }

    /// Forgets what `shoots` show by themselves, or do not have any more, and adds the rest to `counts`.
    pub(crate) fn complete<'a>(&self, counts: &mut BTreeMap<String, usize>, shoots: impl Iterator<Item = &'a Shoot>) {
        let unbound: BTreeMap<String, ()> = shoots
            .filter(|shoot| shoot.spec.seed_name.is_none())
            .map(|shoot| (uid(shoot), ()))
            .collect();
        let mut bindings = self.bindings.lock();
        bindings.retain(|shoot, _| unbound.contains_key(shoot));
        for seed in bindings.values() {
            *counts.entry(seed.clone()).or_insert(0) += 1;
        }
    }
}

fn uid(shoot: &Shoot) -> String {
    shoot.metadata.uid.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shoot(uid: &str, seed: Option<&str>) -> Shoot {
        let mut shoot = Shoot::default();
        shoot.metadata.uid = Some(uid.to_owned());
        shoot.spec.seed_name = seed.map(str::to_owned);
        shoot
    }

    #[test]
    fn a_binding_counts_until_the_cache_shows_it() {
        let assumed = Assumed::default();
        assumed.add(&shoot("a", None), "one");
        assumed.add(&shoot("b", None), "one");
        let count = |shoots: &[Shoot]| {
            let mut counts = plan_placement::count_shoots(shoots);
            assumed.complete(&mut counts, shoots.iter());
            counts.get("one").copied().unwrap_or(0)
        };
        assert_eq!(count(&[shoot("a", None), shoot("b", None)]), 2);
        assert_eq!(count(&[shoot("a", Some("one")), shoot("b", None)]), 2);
        assert_eq!(count(&[shoot("a", Some("one"))]), 1);
    }

    #[test]
    fn a_failed_binding_does_not_count() {
        let assumed = Assumed::default();
        assumed.add(&shoot("a", None), "one");
        assumed.remove(&shoot("a", None));
        let mut counts = BTreeMap::new();
        assumed.complete(&mut counts, [shoot("a", None)].iter());
        assert!(counts.is_empty());
    }
}
