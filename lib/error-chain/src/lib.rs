//! Renders an error with all its causes, once, on one line.
