//! Waits for a state of the host, with a deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::Error;

/// The kernel tells nobody when a control group empties (version 1) or a lock is free: we look, often enough not to be noticed.
const INTERVAL: Duration = Duration::from_millis(10);

/// Looks until it is so.
pub(crate) fn until(
    what: &str,
    deadline: Duration,
    mut is_so: impl FnMut() -> Result<bool, Error>,
) -> Result<(), Error> {
    let start = Instant::now();
    while !is_so()? {
        if start.elapsed() > deadline {
            return Err(Error::Deadline {
                what: what.to_owned(),
                deadline,
            });
        }
        thread::sleep(INTERVAL);
    }
    Ok(())
}
