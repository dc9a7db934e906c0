//! Green threads: eventlet and gevent replace parts of `threading`. A native wait would stop all
//! green threads of this thread, so they wait through `threading.Condition`, looked up when it is
//! needed: one that was built before the patching would hang.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use persist_queue::wait::Signal;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyModule};

/// How often one waiter looks for what another process did.
const LOOK: Duration = Duration::from_millis(2);
/// How often the others look whether that one is still there.
const LONG_LOOK: Duration = Duration::from_millis(500);
/// How often a green thread looks whether its work outside is done.
const WORK_LOOK: f64 = 0.0005;

/// Whether threads are green.
pub(crate) fn is_patched(py: Python<'_>) -> PyResult<bool> {
    // Both libraries replace this built-in function by one written in Python.
    let identity = threading(py)?.getattr(intern!(py, "get_ident"))?;
    Ok(!identity.is_exact_instance_of::<PyCFunction>())
}

fn threading(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static THREADING: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let import = || py.import("threading").map(Bound::unbind);
    Ok(THREADING.get_or_try_init(py, import)?.bind(py))
}

/// The waiting green threads of one queue.
#[derive(Debug, Default)]
pub(crate) struct Green {
    condition: OnceLock<Py<PyAny>>,
    waiting: AtomicUsize,
    /// One of them looks for what other processes do.
    looking: AtomicBool,
}

impl Green {
    fn condition<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        if self.condition.get().is_none() {
            let made = threading(py)?.call_method0("Condition")?.unbind();
            // Whoever was first has made the one that all use.
            drop(self.condition.set(made));
        }
        Ok(self.condition.get_or_init(|| py.None()).bind(py))
    }

    pub(crate) fn sleep(
        &self,
        py: Python<'_>,
        signal: &Signal,
        seen: u32,
        limit: Option<Duration>,
    ) -> PyResult<()> {
        let condition = self.condition(py)?;
        let looks = !self.looking.swap(true, Ordering::Relaxed);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        condition.call_method0("__enter__")?;
        let slept = wait(condition, signal, seen, limit, if looks { LOOK } else { LONG_LOOK });
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let told = if looks {
            self.looking.store(false, Ordering::Relaxed);
            condition.call_method0("notify_all").map(drop)
        } else {
            Ok(())
        };
        condition.call_method1("__exit__", (py.None(), py.None(), py.None()))?;
        slept.and(told)
    }

    /// Wakes the green threads that wait.
    #[inline]
    pub(crate) fn notify(&self, py: Python<'_>) -> PyResult<()> {
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let Some(condition) = self.condition.get() else { return Ok(()) };
        let condition = condition.bind(py);
        condition.call_method0("__enter__")?;
        let told = condition.call_method0("notify_all").map(drop);
        condition.call_method1("__exit__", (py.None(), py.None(), py.None()))?;
        told
    }
}

fn wait(
    condition: &Bound<'_, PyAny>,
    signal: &Signal,
    seen: u32,
    limit: Option<Duration>,
    slice: Duration,
) -> PyResult<()> {
    let start = Instant::now();
    while signal.epoch() == seen {
        let left = limit.map(|limit| limit.saturating_sub(start.elapsed()));
        if left == Some(Duration::ZERO) {
            break;
        }
        let slice = left.map_or(slice, |left| left.min(slice));
        let woken = condition.call_method1("wait", (slice.as_secs_f64(),))?;
        if woken.is_truthy()? {
            break;
        }
    }
    Ok(())
}

/// Does work that blocks in a thread of its own, and lets other green threads run meanwhile. Gives
/// what interrupted the caller, too: the work is done all the same.
pub(crate) fn offload<R: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> R + Send + 'static,
) -> PyResult<(R, PyResult<()>)> {
    let sleep = py.import("time")?.getattr("sleep")?;
    let worker = std::thread::spawn(work);
    let mut interrupted = Ok(());
    while !worker.is_finished() && interrupted.is_ok() {
        interrupted = sleep.call1((WORK_LOOK,)).map(drop);
    }
    let result = py.detach(|| worker.join());
    let panicked = |_| pyo3::exceptions::PyRuntimeError::new_err("the queue's work panicked");
    Ok((result.map_err(panicked)?, interrupted))
}

/// The number that is kept for the running green thread, or a new one.
pub(crate) fn thread_number(py: Python<'_>, next: impl FnOnce() -> u64) -> PyResult<u64> {
    static LOCAL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = || threading(py)?.getattr("local")?.call0().map(Bound::unbind);
    let local = LOCAL.get_or_try_init(py, make)?.bind(py);
    let name = intern!(py, "number");
    if let Some(number) = local.getattr_opt(name)? {
        return number.extract();
    }
    let number = next();
    local.setattr(name, number)?;
    Ok(number)
}
