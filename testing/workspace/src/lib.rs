//! Checks of the workspace itself: imports point one way, modules are documented, files are short.
