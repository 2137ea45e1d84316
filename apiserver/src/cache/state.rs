//! The objects, and the ring of what happened to them lately. Pure: nothing here waits.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, OnceLock},
};

use super::object::CachedObject;

/// How much of the past is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most events in the ring.
    pub events: usize,
    /// Most bytes of superseded objects in the ring; what is current costs nothing more.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // Enough for every object of a large fleet to change once while a client reconnects.
        Self {
            events: 20_000,
            bytes: 64 * 1024 * 1024,
        }
    }
}

/// What happened to one object.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) revision: u64,
    /// State after; `None`: deleted.
    pub(super) object: Option<Arc<CachedObject>>,
    /// State before; `None`: created.
    pub(super) previous: Option<Arc<CachedObject>>,
    departed: OnceLock<Option<Arc<CachedObject>>>,
}

impl Event {
    /// The last state before this event, carrying this event's revision: what is sent when the object is gone, or has
    /// left a watcher's view. Made once for all watchers.
    pub(super) fn departed(&self) -> Option<Arc<CachedObject>> {
        let make = || {
            self.previous
                .as_ref()
                .map(|previous| Arc::new(previous.at_revision(self.revision)))
        };
        self.departed.get_or_init(make).clone()
    }

    fn key(&self) -> Option<&str> {
        self.object
            .as_ref()
            .or(self.previous.as_ref())
            .map(|object| object.key.as_str())
    }

    fn cost(&self) -> usize {
        self.previous.as_ref().map_or(0, |previous| previous.size())
    }
}

pub(super) type Objects = BTreeMap<String, Arc<CachedObject>>;

/// Objects and recent events of one resource.
#[derive(Debug)]
pub(super) struct State {
    objects: Objects,
    ring: VecDeque<Arc<Event>>,
    ring_bytes: usize,
    /// Sequence number of the ring's first event.
    first: u64,
    /// The ring holds every event later than this revision.
    oldest: u64,
    /// The ring can be undone back to this revision; later than `oldest` after a listing that replaced a broken watch.
    exact_from: u64,
    /// Everything up to this revision has been taken in.
    revision: u64,
    limits: Limits,
}

impl State {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            objects: BTreeMap::new(),
            ring: VecDeque::new(),
            ring_bytes: 0,
            first: 0,
            oldest: 0,
            exact_from: 0,
            revision: 0,
            limits,
        }
    }

    pub(super) fn objects(&self) -> &Objects {
        &self.objects
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn oldest(&self) -> u64 {
        self.oldest
    }

    /// Sequence number that the next event will get.
    pub(super) fn next_sequence(&self) -> u64 {
        self.first + self.ring.len() as u64
    }

    /// Sequence number of the first event later than `revision`; `None` when such events have left the ring.
    pub(super) fn sequence_after(&self, revision: u64) -> Option<u64> {
        if revision < self.oldest {
            return None;
        }
        let index = self.ring.partition_point(|event| event.revision <= revision);
        Some(self.first + index as u64)
    }

    /// At most `limit` events from sequence number `from` on; `None` when they have left the ring.
    pub(super) fn events_from(&self, from: u64, limit: usize) -> Option<Vec<Arc<Event>>> {
        let index = usize::try_from(from.checked_sub(self.first)?).ok()?;
        Some(self.ring.iter().skip(index).take(limit).cloned().collect())
    }

    /// The objects as they were at `revision`, undoing what happened since; `None` when that is no longer known.
    pub(super) fn objects_at(&self, revision: u64) -> Option<Objects> {
        if revision > self.revision || revision < self.exact_from.max(self.oldest) {
            return None;
        }
        let mut objects = self.objects.clone();
        for event in self.ring.iter().rev().take_while(|event| event.revision > revision) {
            match (&event.previous, event.key()) {
                (Some(previous), _) => drop(objects.insert(previous.key.clone(), Arc::clone(previous))),
                (None, Some(key)) => drop(objects.remove(key)),
                (None, None) => {}
            }
        }
        Some(objects)
    }

    /// Whether nothing has happened since `revision`.
    pub(super) fn unchanged_since(&self, revision: u64) -> bool {
        revision >= self.oldest && self.ring.back().is_none_or(|event| event.revision <= revision)
    }

    /// Takes in a created or changed object.
    pub(super) fn put(&mut self, object: CachedObject) {
        let revision = object.revision;
        if revision <= self.revision {
            return; // Known already: a watch begins anew where the last one may have gone further.
        }
        let object = Arc::new(object);
        let previous = self.objects.insert(object.key.clone(), Arc::clone(&object));
        self.push(Event {
            revision,
            object: Some(object),
            previous,
            departed: OnceLock::new(),
        });
    }

    /// Takes in a deletion.
    pub(super) fn delete(&mut self, key: &str, revision: u64) {
        if revision <= self.revision {
            return;
        }
        match self.objects.remove(key) {
            Some(previous) => {
                self.push(Event {
                    revision,
                    object: None,
                    previous: Some(previous),
                    departed: OnceLock::new(),
                });
            }
            None => self.advance(revision),
        }
    }

    /// Takes in that everything up to `revision` is known.
    pub(super) fn advance(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }

    /// Takes in a listing: all objects as of `revision`. What differs from before becomes events, so that watchers go on.
    pub(super) fn replace(&mut self, listed: Vec<CachedObject>, revision: u64) {
        if self.revision == 0 {
            let keyed = listed.into_iter().map(|object| (object.key.clone(), Arc::new(object)));
            self.objects = keyed.collect();
            (self.oldest, self.exact_from, self.revision) = (revision, revision, revision);
            return;
        }
        let mut gone: BTreeMap<String, ()> = self.objects.keys().map(|key| (key.clone(), ())).collect();
        let mut changed = Vec::new();
        for object in listed {
            gone.remove(&object.key);
            if self
                .objects
                .get(&object.key)
                .is_none_or(|known| known.revision != object.revision)
            {
                changed.push(object);
            }
        }
        changed.sort_by_key(|object| object.revision);
        changed.into_iter().for_each(|object| self.put(object));
        for key in gone.into_keys() {
            // When exactly it was deleted is not known any more: not later than the listing.
            if let Some(previous) = self.objects.remove(&key) {
                self.push(Event {
                    revision,
                    object: None,
                    previous: Some(previous),
                    departed: OnceLock::new(),
                });
            }
        }
        self.exact_from = revision;
        self.advance(revision);
    }

    fn push(&mut self, event: Event) {
        self.revision = self.revision.max(event.revision);
        self.ring_bytes += event.cost();
        self.ring.push_back(Arc::new(event));
        // The newest event always stays, however large.
        while self.ring.len() > 1 && (self.ring.len() > self.limits.events || self.ring_bytes > self.limits.bytes) {
            if let Some(dropped) = self.ring.pop_front() {
                self.ring_bytes -= dropped.cost();
                self.oldest = dropped.revision;
                self.first += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str, revision: u64) -> CachedObject {
        CachedObject {
            key: key.to_owned(),
            namespace: String::new(),
            name: key.to_owned(),
            revision,
            labels: BTreeMap::new(),
            fields: BTreeMap::new(),
            encoded: vec![format!(r#"{{"metadata":{{"name":"{key}","resourceVersion":"{revision}"}}}}"#).into()],
        }
    }

    fn state(limits: Limits) -> State {
        let mut state = State::new(limits);
        state.replace(vec![object("a", 2), object("b", 3)], 5);
        state
    }

    fn keys(objects: &Objects) -> Vec<String> {
        objects
            .values()
            .map(|object| format!("{}@{}", object.key, object.revision))
            .collect()
    }

    #[test]
    fn the_past_is_what_is_left_when_events_are_undone() {
        let mut state = state(Limits::default());
        state.put(object("c", 6));
        state.put(object("a", 7));
        state.delete("b", 8);
        state.put(object("a", 9));
        assert_eq!(keys(state.objects()), ["a@9", "c@6"]);
        assert_eq!(keys(&state.objects_at(7).unwrap()), ["a@7", "b@3", "c@6"]);
        assert_eq!(keys(&state.objects_at(5).unwrap()), ["a@2", "b@3"]);
        assert!(
            state.objects_at(4).is_none(),
            "before the first listing nothing is known"
        );
        assert!(state.objects_at(10).is_none(), "the future neither");
    }

    #[test]
    fn a_deletion_shows_the_last_state_with_its_own_revision() {
        let mut state = state(Limits::default());
        state.delete("b", 8);
        let event = state.events_from(0, 10).unwrap().remove(0);
        let departed = event.departed().unwrap();
        assert_eq!(departed.revision, 8);
        assert_eq!(
            departed.encoded[0],
            r#"{"metadata":{"name":"b","resourceVersion":"8"}}"#
        );
    }

    #[test]
    fn the_ring_forgets_by_number() {
        let mut state = state(Limits {
            events: 2,
            bytes: usize::MAX,
        });
        for revision in 6..=9 {
            state.put(object("a", revision));
        }
        assert_eq!(state.oldest(), 7);
        assert_eq!(state.sequence_after(6), None);
        assert_eq!(state.sequence_after(7), Some(2));
        assert_eq!(state.events_from(1, 10).map(|events| events.len()), None);
        assert_eq!(state.events_from(2, 10).map(|events| events.len()), Some(2));
    }

    #[test]
    fn the_ring_forgets_by_size_but_keeps_the_newest() {
        let mut state = state(Limits { events: 100, bytes: 1 });
        state.put(object("a", 6));
        state.put(object("a", 7));
        assert_eq!(state.events_from(1, 10).map(|events| events.len()), Some(1));
    }

    #[test]
    fn a_listing_after_a_gap_becomes_events() {
        let mut state = state(Limits::default());
        state.put(object("c", 6));
        state.replace(vec![object("a", 9), object("c", 6)], 12);
        let events = state.events_from(1, 10).unwrap();
        let seen: Vec<_> = events
            .iter()
            .map(|event| (event.key().unwrap(), event.revision, event.object.is_some()))
            .collect();
        assert_eq!(seen, [("a", 9, true), ("b", 12, false)]);
        assert_eq!(state.revision(), 12);
        assert!(
            state.objects_at(9).is_none(),
            "what lay in the gap can not be told exactly"
        );
    }

    #[test]
    fn what_is_known_already_is_no_event() {
        let mut state = state(Limits::default());
        state.put(object("a", 2));
        state.delete("a", 5);
        assert_eq!(state.next_sequence(), 0);
    }
}
