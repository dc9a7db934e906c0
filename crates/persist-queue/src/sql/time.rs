//! The time, as rows hold it.

use std::time::Duration;

/// The time since 1970.
pub(crate) fn now() -> Duration {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap_or(Duration::ZERO)
}

/// Milliseconds since 1970, as rows hold them.
pub(crate) fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
