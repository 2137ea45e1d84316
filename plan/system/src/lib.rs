//! Plans what runs inside a cluster for the cluster: DNS, service proxy, storage class, roles.
