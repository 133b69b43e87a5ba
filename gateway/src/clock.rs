//! What this machine's clock says, for all that is judged by the time of day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time since 1970; none of it where the clock stands before that, which makes everything with
/// an expiry last longer and does nothing else.
pub fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// The same in whole seconds.
pub fn unix_sec() -> u32 {
    since_1970().as_secs() as u32
}
