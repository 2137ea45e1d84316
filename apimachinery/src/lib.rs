//! Kubernetes API conventions, pure: metadata, selectors, quantities, field errors, patches, protobuf, OpenAPI.
