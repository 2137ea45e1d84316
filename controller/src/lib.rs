//! Generic controller machinery: clients, leases with fencing, apply, finalizers, conditions. Knows no Gardener kind.
