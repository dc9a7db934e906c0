//! What is taken and kept, and what becomes of it.

use std::time::Duration;

use super::Row;

/// The longest rest between two attempts.
pub(crate) const LONGEST_BACKOFF: Duration = Duration::from_secs(3600);

/// A row that this object holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The row.
    pub row: Row,
    /// Another one with each delivery: what acknowledges an earlier delivery is refused.
    pub token: i64,
    /// How often it was delivered, this time included.
    pub attempts: u32,
}

/// What becomes of a held item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// It is done.
    Acked,
    /// It is given up.
    Failed,
    /// It waits again.
    Back {
        /// For how long it rests; as the options say where that is not given.
        delay: Option<Duration>,
        /// Behind all others, under a new number, and not in its old place.
        last: bool,
    },
    /// It never reached anybody: it waits again, and that attempt does not count.
    Undone,
}

/// How long an item rests behind so many attempts.
#[cfg(any(feature = "nats", feature = "sqlite"))]
pub(crate) fn backoff(first: Duration, attempts: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
    first.saturating_mul(doubled).min(LONGEST_BACKOFF.max(first))
}

#[cfg(all(test, any(feature = "nats", feature = "sqlite")))]
mod tests {
    use super::*;

    #[test]
    fn a_rest_doubles_with_each_attempt_up_to_an_hour() {
        let rests = [1, 2, 3, 4, 40].map(|attempts| backoff(Duration::from_secs(1), attempts));
        assert_eq!(rests.map(|rest| rest.as_secs()), [1, 2, 4, 8, 3600]);
        assert_eq!(backoff(Duration::ZERO, 5), Duration::ZERO);
    }
}
