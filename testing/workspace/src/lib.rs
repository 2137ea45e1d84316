//! Checks of the workspace itself, as tests: imports point one way, modules are documented, files are short.
//!
//! There is no code here: everything is in `tests/`.
