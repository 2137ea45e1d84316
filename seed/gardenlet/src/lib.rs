//! The agent of a seed: reconciles its Seed and the Shoots bound to it.
