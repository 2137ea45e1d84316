//! Makes the StatefulSet of every `Etcd` object and keeps its status.
