//! What tests share: waiting for a state with a deadline, golden files, real servers in a temporary directory.
