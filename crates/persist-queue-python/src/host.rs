//! How a Python caller waits: outside the interpreter, and open to signals.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use persist_queue::wait::{Host, Signal, Slept};
use pyo3::prelude::*;

use crate::errors::Raised;
use crate::green::{self, Green};

/// A signal that arrives between the interpreter's last look and the sleep does not end the sleep;
/// this does.
const SIGNAL_SLICE: Duration = Duration::from_millis(250);

/// The caller of a method.
pub(crate) struct Caller<'a, 'py> {
    pub(crate) py: Python<'py>,
    pub(crate) green: &'a Green,
}

impl Host for Caller<'_, '_> {
    type Error = Raised;

    fn sleep(&mut self, signal: &Signal, seen: u32, limit: Option<Duration>) -> Result<(), Raised> {
        if green::is_patched(self.py)? {
            return Ok(self.green.sleep(self.py, signal, seen, limit)?);
        }
        let slice = limit.map_or(SIGNAL_SLICE, |limit| limit.min(SIGNAL_SLICE));
        // Python runs its signal handlers here and nowhere else while this thread waits.
        match self.py.detach(|| signal.sleep(seen, Some(slice))) {
            Slept::Interrupted | Slept::Through => Ok(self.py.check_signals()?),
        }
    }

    fn offload<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Raised> {
        if green::is_patched(self.py)? {
            return Ok(green::offload(self.py, work)?);
        }
        Ok(self.py.detach(work))
    }
}

/// A number for the calling thread, or green thread, that no other one ever has.
pub(crate) fn this_thread(py: Python<'_>) -> PyResult<u64> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static THREAD: Cell<u64> = const { Cell::new(0) };
    }
    let next = || NEXT.fetch_add(1, Ordering::Relaxed);
    if green::is_patched(py)? {
        return green::thread_number(py, next);
    }
    Ok(THREAD.with(|thread| {
        if thread.get() == 0 {
            thread.set(next());
        }
        thread.get()
    }))
}
