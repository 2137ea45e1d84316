//! Walks the whole way on a landscape of its own: from nothing to a shoot and back.
