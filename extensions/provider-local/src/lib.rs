//! The provider of the local cloud: DNS records, and load balancers for Services.
