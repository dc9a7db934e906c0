//! The threads that sleep until a number is another one: in the kernel, on the number itself (futex).

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex;
use rustix::time::Timespec;

use super::signal::Slept;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Sleepers;

impl Sleepers {
    /// Sleeps until `epoch` is not `seen`, a signal handler ran, or `limit` is over.
    #[expect(clippy::unused_self, reason = "the kernel has the list")]
    pub(super) fn sleep(&self, epoch: &AtomicU32, seen: u32, limit: Option<Duration>) -> Slept {
        let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
        match futex::wait(epoch, futex::Flags::PRIVATE, seen, limit.as_ref()) {
            Err(Errno::INTR) => Slept::Interrupted,
            _ => Slept::Through,
        }
    }

    /// Wakes up to `count`, after a change of `epoch`. Says whether there was one.
    #[expect(clippy::unused_self, reason = "the kernel has the list")]
    pub(super) fn wake(&self, epoch: &AtomicU32, count: u32) -> bool {
        // Waking can only fail for addresses that are not mapped.
        futex::wake(epoch, futex::Flags::PRIVATE, count).is_ok_and(|woken| woken > 0)
    }
}
