//! Applies ManagedResources and keeps their health; requests tokens for access secrets.
