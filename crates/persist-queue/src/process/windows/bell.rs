//! What wakes the keeper's thread: a ring. Windows tells of a change in a folder, but late and of too
//! much, so no file is watched and the keeper's tick does it.

use std::collections::HashSet;
use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A file that is watched: there is none.
pub(super) type Watch = Infallible;

/// See the module.
#[derive(Debug)]
pub(super) struct Bell {
    rang: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    #[expect(clippy::unnecessary_wraps, reason = "as it is on Unix")]
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { rang: Mutex::new(false), changed: Condvar::new() })
    }

    pub(super) fn ring(&self) {
        *self.rang.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    /// Sleeps until it rings or `limit` is over; says whether it rang.
    pub(super) fn sleep(&self, limit: Option<Duration>) -> bool {
        let rang = self.rang.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = |rang: &mut bool| !*rang;
        let mut rang = match limit {
            Some(limit) => {
                let waited = self.changed.wait_timeout_while(rang, limit, silent);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.changed.wait_while(rang, silent);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        };
        std::mem::take(&mut *rang)
    }

    #[expect(clippy::unused_self, reason = "as it is on Unix")]
    pub(super) fn watch(&self, _path: &Path) -> Option<Watch> {
        None
    }

    #[expect(clippy::unused_self, reason = "as it is on Unix")]
    pub(super) fn unwatch(&self, watch: Watch) {
        match watch {}
    }

    #[expect(clippy::unused_self, reason = "as it is on Unix")]
    pub(super) fn pokes(&self) -> HashSet<Watch> {
        HashSet::new()
    }
}
