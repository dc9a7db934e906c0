//! How a Python caller waits: outside the interpreter, and open to signals.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use persist_queue::wait::{Host, Place, Slept};
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

    async fn sleep(
        &mut self,
        place: &Place<'_>,
        seen: u32,
        limit: Option<Duration>,
    ) -> Result<(), Raised> {
        let signal = place.signal();
        if green::is_patched(self.py)? {
            return Ok(self.green.sleep(self.py, signal, seen, limit)?);
        }
        let slice = limit.map_or(SIGNAL_SLICE, |limit| limit.min(SIGNAL_SLICE));
        // Python runs its signal handlers here and nowhere else while this thread waits.
        match self.py.detach(|| signal.sleep(seen, Some(slice))) {
            Slept::Interrupted | Slept::Through => Ok(self.py.check_signals()?),
        }
    }

    async fn offload<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Raised> {
        if green::is_patched(self.py)? {
            let (result, interrupted) = green::offload(self.py, work)?;
            interrupted?;
            return Ok(result);
        }
        Ok(self.py.detach(work))
    }
}

/// As [`Caller`], where work must not be cut short: a green thread is interrupted when it waits next,
/// or when whoever made this asks, who then knows what became of the work.
pub(crate) struct Patient<'a, 'py> {
    caller: Caller<'a, 'py>,
    green: bool,
    interrupted: PyResult<()>,
}

impl<'a, 'py> Patient<'a, 'py> {
    pub(crate) fn new(caller: Caller<'a, 'py>) -> PyResult<Self> {
        Ok(Self { green: green::is_patched(caller.py)?, caller, interrupted: Ok(()) })
    }

    /// Whether anything can interrupt it while work is done.
    pub(crate) fn is_green(&self) -> bool {
        self.green
    }

    /// What interrupted the green thread, once.
    pub(crate) fn interrupted(&mut self) -> PyResult<()> {
        std::mem::replace(&mut self.interrupted, Ok(()))
    }
}

impl Host for Patient<'_, '_> {
    type Error = Raised;

    async fn sleep(
        &mut self,
        place: &Place<'_>,
        seen: u32,
        limit: Option<Duration>,
    ) -> Result<(), Raised> {
        self.interrupted()?;
        self.caller.sleep(place, seen, limit).await
    }

    async fn offload<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Raised> {
        if !self.green {
            return self.caller.offload(work).await;
        }
        let (result, interrupted) = green::offload(self.caller.py, work)?;
        if self.interrupted.is_ok() {
            self.interrupted = interrupted;
        }
        Ok(result)
    }
}

/// A number for the calling thread, or green thread, that no other one ever has.
pub(crate) fn this_thread(py: Python<'_>) -> PyResult<u64> {
    thread_local! {
        static THREAD: Cell<u64> = const { Cell::new(0) };
    }
    if green::is_patched(py)? {
        return green::thread_number(py, next_owner);
    }
    Ok(THREAD.with(|thread| {
        if thread.get() == 0 {
            thread.set(next_owner());
        }
        thread.get()
    }))
}

/// A number that no thread, green thread or task has yet.
pub(crate) fn next_owner() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
