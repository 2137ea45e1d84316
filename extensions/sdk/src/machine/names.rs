//! Names that machines, their sets and their nodes carry. Those of the contract are machine-controller-manager's.

use sha2::{Digest as _, Sha256};

/// Keeps a Machine until its machine in the cloud is gone.
pub(crate) const MACHINE_FINALIZER: &str = "machine.sapcloud.io/machine-controller";
/// Keeps a MachineSet or MachineDeployment until what it owns is gone, and a MachineClass until nothing is of it.
pub(crate) const OWNER_FINALIZER: &str = "machine.sapcloud.io/machine-controller-manager";
/// Label of sets and machines: hash of the template.
pub(crate) const TEMPLATE_HASH_LABEL: &str = "machine-template-hash";
/// Label of a Machine that is removed without draining its node.
pub const FORCE_DELETION_LABEL: &str = "force-deletion";
/// Value of [`FORCE_DELETION_LABEL`].
pub const FORCE_DELETION_VALUE: &str = "True";
/// Annotation of a Machine: the lower, the earlier it goes when a set is scaled down.
pub(crate) const PRIORITY_ANNOTATION: &str = "machinepriority.machine.sapcloud.io";
/// Priority of a Machine that says none.
pub(crate) const DEFAULT_PRIORITY: i32 = 3;
/// Annotation of a Node: what of the template was applied last.
pub(crate) const LAST_APPLIED_ANNOTATION: &str = "node.machine.sapcloud.io/last-applied-anno-labels-taints";
/// Annotation of a Machine: since when its bootstrap token is valid in the shoot. It is announced once in its life.
pub(crate) const ANNOUNCED_ANNOTATION: &str = "machine.kubeception.dev/bootstrap-token-announced";
/// Annotation of a MachineClass: its machines are given up to another seed, and are left alone with all others of its namespace.
pub(crate) const GIVEN_UP_ANNOTATION: &str = "machine.kubeception.dev/given-up";
/// Value of [`GIVEN_UP_ANNOTATION`]: it is asked for; what was begun may still go on.
pub(crate) const GIVEN_UP_ASKED: &str = "asked";
/// Value of [`GIVEN_UP_ANNOTATION`], and the answer: nothing is done any more.
pub(crate) const GIVEN_UP_DONE: &str = "done";
/// Label of what is kept for a machine: what it is for.
pub(crate) const PURPOSE_LABEL: &str = "machine.kubeception.dev/purpose";
/// Value of [`PURPOSE_LABEL`] of the Secrets that keep bootstrap tokens.
pub(crate) const PURPOSE_BOOTSTRAP_TOKEN: &str = "bootstrap-token";
/// Kind of the class that a machine's spec names.
pub(crate) const MACHINE_CLASS_KIND: &str = "MachineClass";
/// API group of the machine kinds.
pub(crate) const MACHINE_GROUP: &str = "machine.sapcloud.io";

/// Letters that spell no words; Kubernetes uses the same in generated names.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// Length of hashes and random suffixes in names: `<technical id>-<pool>-z1-<hash>-<suffix>` must fit a host name.
const SUFFIX_LENGTH: usize = 5;

/// Five letters that stand for `text`.
pub(crate) fn short_hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    letters(
        digest
            .iter()
            .take(8)
            .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
    )
}

/// Five letters that stand for a number, for random names.
pub(crate) fn letters(mut number: u64) -> String {
    let base = ALPHABET.len() as u64;
    let mut next = || {
        let letter = ALPHABET[usize::try_from(number % base).unwrap_or_default()];
        number /= base;
        char::from(letter)
    };
    (0..SUFFIX_LENGTH).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_short_and_stable() {
        assert_eq!(short_hash("a").len(), 5);
        assert_eq!(short_hash("a"), short_hash("a"));
        assert_ne!(short_hash("a"), short_hash("b"));
        assert_eq!(letters(0), "bbbbb");
        assert_ne!(letters(1), letters(2));
    }
}
