//! Defaults of maintenance.

use apimachinery::Duration;

use super::fill;
use crate::core::v1beta1::{Maintenance, MaintenanceAutoUpdate, MaintenanceTimeWindow};

/// Fills in what is absent; `random` chooses the hour of the window.
pub(super) fn maintenance(maintenance: &mut Maintenance, has_workers: bool, random: u64) {
    let update = maintenance.auto_update.get_or_insert(MaintenanceAutoUpdate {
        kubernetes_version: true,
        machine_image_version: None,
    });
    if has_workers {
        fill(&mut update.machine_image_version, true);
    }
    maintenance.time_window.get_or_insert_with(|| random_window(random));
    let Some(credentials) = maintenance
        .auto_rotation
        .as_mut()
        .and_then(|rotation| rotation.credentials.as_mut())
    else {
        return;
    };
    let rotations = [
        &mut credentials.observability,
        &mut credentials.ssh_keypair,
        &mut credentials.etcd_encryption_key,
    ];
    for rotation in rotations.into_iter().flatten() {
        fill(&mut rotation.rotation_period, Duration::from_hours(7 * 24));
    }
}

/// An hour of the day, so that not all shoots are maintained at the same time.
fn random_window(random: u64) -> MaintenanceTimeWindow {
    let begin = random % 24;
    let end = (begin + 1) % 24;
    MaintenanceTimeWindow {
        begin: format!("{begin:02}0000+0000"),
        end: format!("{end:02}0000+0000"),
    }
}
