//! A whole extension API server with one kind of its own: proves that `apiserver` knows nothing of Gardener.
