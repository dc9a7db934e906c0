//! In the place of the core's `wait/sleepers.rs`: a futex as the kernel's manual describes it.

use std::sync::PoisonError;
use std::time::Duration;

use shuttle::sync::Condvar;

use super::signal::Slept;
use super::sync::atomic::{AtomicU32, Ordering};
use super::sync::{Mutex, MutexGuard};

#[derive(Debug, Default)]
pub(super) struct Sleepers {
    list: Mutex<List>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct List {
    asleep: u32,
    /// Who was woken and has not gone on.
    leaving: u32,
}

impl Sleepers {
    pub(super) fn sleep(&self, epoch: &AtomicU32, seen: u32, limit: Option<Duration>) -> Slept {
        assert!(limit.is_none(), "there is no clock here");
        let mut list = self.list();
        if epoch.load(Ordering::SeqCst) != seen {
            return Slept::Through;
        }
        list.asleep += 1;
        while list.leaving == 0 {
            list = self.woken.wait(list).unwrap_or_else(PoisonError::into_inner);
        }
        list.leaving -= 1;
        Slept::Through
    }

    pub(super) fn wake(&self, _: &AtomicU32, count: u32) -> bool {
        let mut list = self.list();
        let count = count.min(list.asleep);
        list.asleep -= count;
        list.leaving += count;
        for _ in 0..count {
            self.woken.notify_one();
        }
        count > 0
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
