//! A generic extension API server: storage, watch cache, registry, admission, endpoints. Knows no Gardener kind.
