//! The one derive on API types: serde, protobuf, OpenAPI and merge schema from one definition.
