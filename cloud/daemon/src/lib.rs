//! The local cloud: networks, machines, load-balancer addresses, DNS and a registry on one machine.
