//! Values of the operation annotations.

/// Reconcile now.
pub const OPERATION_RECONCILE: &str = "reconcile";
/// Give the object up, because another seed takes over.
pub const OPERATION_MIGRATE: &str = "migrate";
/// Rebuild the object from the state its old seed left.
pub const OPERATION_RESTORE: &str = "restore";
/// Wait until the state to restore is there.
pub const OPERATION_WAIT_FOR_STATE: &str = "wait-for-state";
/// Extend the life of a Bastion.
pub const OPERATION_KEEPALIVE: &str = "keepalive";
/// Renew gardenlet's kubeconfig for the garden.
pub const OPERATION_RENEW_KUBECONFIG: &str = "renew-kubeconfig";
/// Deploy gardenlet anew.
pub const OPERATION_FORCE_REDEPLOY: &str = "force-redeploy";
/// Do maintenance now.
pub const OPERATION_MAINTAIN: &str = "maintain";
/// Try the failed operation again.
pub const OPERATION_RETRY: &str = "retry";
/// Allow a change that updates machines in place.
pub const OPERATION_FORCE_IN_PLACE_UPDATE: &str = "force-in-place-update";
/// Begin the rotation of all credentials.
pub const OPERATION_ROTATE_CREDENTIALS_START: &str = "rotate-credentials-start";
/// Complete the rotation of all credentials.
pub const OPERATION_ROTATE_CREDENTIALS_COMPLETE: &str = "rotate-credentials-complete";
/// Begin the rotation of the certificate authorities.
pub const OPERATION_ROTATE_CA_START: &str = "rotate-ca-start";
/// Complete the rotation of the certificate authorities.
pub const OPERATION_ROTATE_CA_COMPLETE: &str = "rotate-ca-complete";
/// Rotate the credentials of the observability tools.
pub const OPERATION_ROTATE_OBSERVABILITY_CREDENTIALS: &str = "rotate-observability-credentials";
/// Rotate the SSH key of the nodes.
pub const OPERATION_ROTATE_SSH_KEYPAIR: &str = "rotate-ssh-keypair";
/// Begin the rotation of the key that signs service account tokens.
pub const OPERATION_ROTATE_SERVICE_ACCOUNT_KEY_START: &str = "rotate-serviceaccount-key-start";
/// Complete the rotation of the key that signs service account tokens.
pub const OPERATION_ROTATE_SERVICE_ACCOUNT_KEY_COMPLETE: &str = "rotate-serviceaccount-key-complete";
/// Rotate the key that encrypts Secrets in etcd.
pub const OPERATION_ROTATE_ETCD_ENCRYPTION_KEY: &str = "rotate-etcd-encryption-key";
/// Begin the rotation of the key that encrypts Secrets in etcd.
pub const OPERATION_ROTATE_ETCD_ENCRYPTION_KEY_START: &str = "rotate-etcd-encryption-key-start";
/// Complete the rotation of the key that encrypts Secrets in etcd.
pub const OPERATION_ROTATE_ETCD_ENCRYPTION_KEY_COMPLETE: &str = "rotate-etcd-encryption-key-complete";
/// Renew the tokens a seed's components use for the garden.
pub const OPERATION_RENEW_GARDEN_ACCESS_SECRETS: &str = "renew-garden-access-secrets";
/// Renew a seed's workload identity tokens.
pub const OPERATION_RENEW_WORKLOAD_IDENTITY_TOKENS: &str = "renew-workload-identity-tokens";
