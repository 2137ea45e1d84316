//! `/healthz`, `/livez`, `/readyz`.
//!
//! Alive is who answers. Ready is whose caches are filled, whose own checks pass, and who is not shutting down.

use std::sync::Arc;

use http::StatusCode;

use super::{
    answer::{self, Answer},
    directory::Directory,
};

/// A named condition of readiness; `Err` says why not.
#[derive(Clone)]
pub struct HealthCheck {
    /// Its name, as `/readyz?verbose` shows it.
    pub name: &'static str,
    /// Asks whether all is well.
    pub check: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl std::fmt::Debug for HealthCheck {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("HealthCheck")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Answers `/<check>`.
pub(super) fn check(
    endpoint: &str,
    verbose: bool,
    directory: &Directory,
    checks: &[HealthCheck],
    stopping: bool,
) -> Answer {
    let mut results: Vec<(String, Result<(), String>)> = vec![("ping".to_owned(), Ok(()))];
    if endpoint != "livez" {
        for resource in directory.endpoints() {
            let filled = if resource.cache().is_ready() {
                Ok(())
            } else {
                Err("cache is not filled yet".to_owned())
            };
            results.push((format!("cache-{}", resource.description().resource), filled));
        }
        results.extend(checks.iter().map(|check| (check.name.to_owned(), (check.check)())));
    }
    if endpoint == "readyz" {
        let stopping = if stopping {
            Err("process is shutting down".to_owned())
        } else {
            Ok(())
        };
        results.push(("shutdown".to_owned(), stopping));
    }
    let healthy = results.iter().all(|(_, result)| result.is_ok());
    let mut report = String::new();
    for (name, result) in &results {
        match result {
            Ok(()) => report.push_str(&format!("[+]{name} ok\n")),
            Err(reason) => report.push_str(&format!("[-]{name} failed: {reason}\n")),
        }
    }
    match (healthy, verbose) {
        (true, false) => answer::text(StatusCode::OK, "ok"),
        (true, true) => answer::text(StatusCode::OK, format!("{report}{endpoint} check passed\n")),
        (false, _) => answer::text(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("{report}{endpoint} check failed\n"),
        ),
    }
}
