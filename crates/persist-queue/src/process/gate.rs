//! What only one thread can pass at a time, and a fork with it.

use std::sync::atomic::{AtomicBool, Ordering};

/// See the module. Not a mutex: the child of a fork must be able to open it.
#[derive(Debug)]
pub(crate) struct Gate {
    closed: AtomicBool,
}

/// Keeps a gate closed for as long as it lives.
#[derive(Debug)]
pub(crate) struct Passage<'a>(&'a Gate);

impl Gate {
    pub(crate) const fn new() -> Self {
        Self { closed: AtomicBool::new(false) }
    }

    /// Waits until nobody else is in it.
    pub(crate) fn pass(&self) -> Passage<'_> {
        while self.closed.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
        }
        Passage(self)
    }

    /// Keeps everybody out until [`Gate::open`]: a thread that forks is in it.
    pub(crate) fn close(&self) {
        std::mem::forget(self.pass());
    }

    /// Behind a fork, in the parent and in the child.
    pub(crate) fn open(&self) {
        self.closed.store(false, Ordering::Release);
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        self.0.open();
    }
}
