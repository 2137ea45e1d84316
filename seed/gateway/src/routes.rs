//! From a server name to a backend: exact names first, then the longest wildcard.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::watch;

/// Where connections for one server name go.
#[derive(Debug, Default)]
pub struct Backend {
    /// Addresses with their weights; none: the name is known, and what it stands for is not there.
    targets: Vec<(SocketAddr, u32)>,
    turn: AtomicUsize,
}

impl PartialEq for Backend {
    fn eq(&self, other: &Self) -> bool {
        self.targets == other.targets
    }
}

impl Backend {
    /// A backend with these addresses and weights; weight 0 gets nothing.
    pub fn new(targets: impl IntoIterator<Item = (SocketAddr, u32)>) -> Self {
        let targets = targets.into_iter().filter(|(_, weight)| *weight > 0).collect();
        Self {
            targets,
            turn: AtomicUsize::new(0),
        }
    }

    /// The addresses to try for the next connection, the one whose turn it is first.
    pub fn next(&self) -> Vec<SocketAddr> {
        let total: usize = self.targets.iter().map(|(_, weight)| *weight as usize).sum();
        if total == 0 {
            return Vec::new();
        }
        let mut turn = self.turn.fetch_add(1, Ordering::Relaxed) % total;
        let mut first = 0;
        for (index, (_, weight)) in self.targets.iter().enumerate() {
            if turn < *weight as usize {
                first = index;
                break;
            }
            turn -= *weight as usize;
        }
        let (before, from) = self.targets.split_at(first);
        from.iter().chain(before).map(|(address, _)| *address).collect()
    }
}

/// All server names that are routed; immutable, replaced as a whole.
#[derive(Debug, Default, PartialEq)]
pub struct RouteTable {
    exact: BTreeMap<String, Arc<Backend>>,
    /// Keyed by what follows the `*`, with its dot.
    wildcard: BTreeMap<String, Arc<Backend>>,
}

impl RouteTable {
    /// Adds a hostname, exact or `*.…`; `false` when it is there already, and then it stays.
    pub fn insert(&mut self, hostname: &str, backend: Arc<Backend>) -> bool {
        let (names, key) = match hostname.strip_prefix('*') {
            Some(suffix) => (&mut self.wildcard, suffix.to_ascii_lowercase()),
            None => (&mut self.exact, hostname.to_ascii_lowercase()),
        };
        if names.contains_key(&key) {
            return false;
        }
        names.insert(key, backend);
        true
    }

    /// The backend of a server name in lower case.
    pub fn find(&self, name: &str) -> Option<&Arc<Backend>> {
        if let Some(backend) = self.exact.get(name) {
            return Some(backend);
        }
        // From the left, so that the longest suffix wins; a wildcard stands for at least one character.
        name.match_indices('.')
            .filter(|(index, _)| *index > 0)
            .find_map(|(index, _)| self.wildcard.get(&name[index..]))
    }

    /// How many names are routed.
    pub fn len(&self) -> usize {
        self.exact.len() + self.wildcard.len()
    }

    /// Whether no name is routed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The present table; connections look at it once, so that a new table cuts none.
pub type Routes = watch::Receiver<Arc<RouteTable>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn backend(port: u16) -> Arc<Backend> {
        Arc::new(Backend::new([(SocketAddr::from(([127, 0, 0, 1], port)), 1)]))
    }

    #[test]
    fn exact_names_win_over_wildcards_and_long_wildcards_over_short_ones() {
        let mut table = RouteTable::default();
        for (port, hostname) in [
            (1, "api.a.example"),
            (2, "*.a.example"),
            (3, "*.example"),
            (4, "*.Upper.example"),
        ] {
            assert!(table.insert(hostname, backend(port)));
        }
        assert!(!table.insert("API.a.example", backend(9)));
        for (name, port) in [
            ("api.a.example", Some(1)),
            ("other.a.example", Some(2)),
            ("deep.other.a.example", Some(2)),
            ("a.example", Some(3)),
            ("x.upper.example", Some(4)),
            ("example", None),
            (".example", None),
            ("", None),
            ("api.a.example.org", None),
        ] {
            let found = table.find(name).map(|backend| backend.next()[0].port());
            assert_eq!(found, port, "{name}");
        }
    }

    #[test]
    fn weights_share_out_the_turns() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let backend = Backend::new([(address(1), 2), (address(2), 1), (address(3), 0)]);
        let turns: Vec<u16> = (0..6).map(|_| backend.next()[0].port()).collect();
        assert_eq!(turns, [1, 1, 2, 1, 1, 2]);
        assert_eq!(backend.next().len(), 2);
        assert!(Backend::new([]).next().is_empty());
    }
}
