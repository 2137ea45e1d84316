//! Routes TLS connections by server name to the API servers behind it, without terminating them.
