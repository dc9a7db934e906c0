//! The threads that sleep until a number is another one, in a list: what Windows has for that does not
//! tell whether it woke anybody.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::signal::Slept;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Sleepers(Mutex<VecDeque<Arc<Sleeper>>>);

#[derive(Debug)]
struct Sleeper {
    thread: Thread,
    woken: AtomicBool,
}

impl Sleepers {
    /// Sleeps until `epoch` is not `seen` or `limit` is over.
    pub(super) fn sleep(&self, epoch: &AtomicU32, seen: u32, limit: Option<Duration>) -> Slept {
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        let me = Arc::new(Sleeper { thread: thread::current(), woken: AtomicBool::new(false) });
        {
            let mut list = self.list();
            // Whoever wakes changes the number before he looks into the list.
            if epoch.load(Ordering::SeqCst) != seen {
                return Slept::Through;
            }
            list.push_back(Arc::clone(&me));
        }
        while !me.woken.load(Ordering::Acquire) {
            let Some(end) = end else {
                thread::park();
                continue;
            };
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // Where he was woken meanwhile it is a wake-up like any other.
                self.list().retain(|other| !Arc::ptr_eq(other, &me));
                break;
            }
            thread::park_timeout(left);
        }
        Slept::Through
    }

    /// Wakes up to `count`, after a change of `epoch`. Says whether there was one.
    pub(super) fn wake(&self, _epoch: &AtomicU32, count: u32) -> bool {
        let mut list = self.list();
        let count = list.len().min(count as usize);
        for sleeper in list.drain(..count) {
            sleeper.woken.store(true, Ordering::Release);
            sleeper.thread.unpark();
        }
        count > 0
    }

    fn list(&self) -> MutexGuard<'_, VecDeque<Arc<Sleeper>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
