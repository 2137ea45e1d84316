//! Plans control planes: of shoots, of the garden, and as static pods of a seed machine.
