//! The local cloud's API: its types, and a client over HTTP.
