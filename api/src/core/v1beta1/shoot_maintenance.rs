//! Maintenance of a Shoot: when it happens, what it updates and rotates by itself.

use apimachinery::{Duration, api_type};

/// When and how the shoot is maintained.
#[api_type]
pub struct Maintenance {
    /// What is updated by itself.
    #[api(tag = 1)]
    pub auto_update: Option<MaintenanceAutoUpdate>,
    /// When maintenance happens.
    #[api(tag = 2)]
    pub time_window: Option<MaintenanceTimeWindow>,
    /// Whether changes of the spec wait for the window, too.
    #[api(tag = 3)]
    pub confine_spec_update_rollout: Option<bool>,
    /// Which credentials are rotated by themselves.
    #[api(tag = 4)]
    pub auto_rotation: Option<MaintenanceAutoRotation>,
}

/// What is updated by itself.
#[api_type]
pub struct MaintenanceAutoUpdate {
    /// The patch version of Kubernetes.
    #[api(tag = 1)]
    pub kubernetes_version: bool,
    /// The versions of machine images.
    #[api(tag = 2)]
    pub machine_image_version: Option<bool>,
}

/// Daily window for maintenance.
#[api_type]
pub struct MaintenanceTimeWindow {
    /// Begin as `HHMMSS+ZZZZ`.
    #[api(
        tag = 1,
        pattern = "([0-1][0-9]|2[0-3])[0-5][0-9][0-5][0-9]([+](0[0-9]|1[0-4])|[-](0[0-9]|1[0-2]))00"
    )]
    pub begin: String,
    /// End as `HHMMSS+ZZZZ`.
    #[api(
        tag = 2,
        pattern = "([0-1][0-9]|2[0-3])[0-5][0-9][0-5][0-9]([+](0[0-9]|1[0-4])|[-](0[0-9]|1[0-2]))00"
    )]
    pub end: String,
}

/// What is rotated by itself.
#[api_type]
pub struct MaintenanceAutoRotation {
    /// Which credentials.
    #[api(tag = 1)]
    pub credentials: Option<MaintenanceCredentialsAutoRotation>,
}

/// Which credentials are rotated by themselves.
#[api_type]
pub struct MaintenanceCredentialsAutoRotation {
    /// Credentials of the observability tools.
    #[api(tag = 1)]
    pub observability: Option<MaintenanceRotationConfig>,
    /// SSH key of the nodes.
    #[api(tag = 2)]
    pub ssh_keypair: Option<MaintenanceRotationConfig>,
    /// Key that encrypts Secrets in etcd.
    #[api(tag = 3)]
    pub etcd_encryption_key: Option<MaintenanceRotationConfig>,
}

/// How often something is rotated.
#[api_type]
pub struct MaintenanceRotationConfig {
    /// Age at which it is rotated; never when zero.
    #[api(tag = 1)]
    pub rotation_period: Option<Duration>,
}
