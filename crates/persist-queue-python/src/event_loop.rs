//! How a task of an event loop is woken from anywhere. Who wakes it does not need the interpreter: he
//! leaves its number and writes to the loop's eventfd, once for all that are left until it is read.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use persist_queue::wait::Timer;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pyclass::{PyTraverseError, PyVisit};
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyAnyMethods, PyWeakrefMethods, PyWeakrefReference};
use rustix::event::{EventfdFlags, eventfd};

use crate::operation::Running;

fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    RUNNING.import(py, "asyncio", "get_running_loop")?.call0()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Rung by whoever wakes tasks of one loop.
struct Bell {
    fd: OwnedFd,
    woken: Mutex<Vec<u64>>,
}

struct Ringer {
    bell: Arc<Bell>,
    number: u64,
}

impl Wake for Ringer {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut woken = lock(&self.bell.woken);
        woken.push(self.number);
        let first = woken.len() == 1;
        drop(woken);
        if first {
            let _ = rustix::io::write(&self.bell.fd, &1_u64.to_ne_bytes());
        }
    }
}

/// What a loop calls when its bell was rung. The loop alone keeps it, so that it is gone as soon as
/// the loop is closed, and with it what waited there.
#[pyclass(frozen, weakref, module = "persistqueue._native")]
struct Answering {
    bell: Arc<Bell>,
    waiting: Mutex<HashMap<u64, Waiter>>,
}

struct Waiter {
    /// The loop's future that the task waits for.
    future: Py<PyAny>,
    running: Weak<Running>,
}

#[pymethods]
impl Answering {
    fn __call__(&self, py: Python<'_>) {
        let mut count = [0; 8];
        let _ = rustix::io::read(&self.bell.fd, &mut count);
        let woken = std::mem::take(&mut *lock(&self.bell.woken));
        let waiters: Vec<Waiter> = {
            let mut waiting = lock(&self.waiting);
            woken.iter().filter_map(|number| waiting.remove(number)).collect()
        };
        for waiter in waiters {
            if let Err(error) = finish(waiter.future.bind(py)) {
                error.write_unraisable(py, None);
            }
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(waiting) = self.waiting.try_lock() {
            waiting.values().try_for_each(|waiter| visit.call(&waiter.future))?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        self.abandon();
    }
}

fn finish(future: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = future.py();
    if !future.call_method0(intern!(py, "done"))?.is_truthy()? {
        future.call_method1(intern!(py, "set_result"), (py.None(),))?;
    }
    Ok(())
}

impl Answering {
    /// Ends what waits here: the loop will not go on with it, and others may wait for the same.
    fn abandon(&self) {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        for waiter in waiting.values() {
            if let Some(running) = waiter.running.upgrade() {
                running.abandon();
            }
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// A place to wait in the running loop.
pub(crate) struct Seat {
    answering: Py<PyWeakrefReference>,
    number: u64,
    waker: Waker,
    process: u32,
}

thread_local! {
    /// What answers in the loops of this thread, by the address of the loop.
    static LOOPS: RefCell<HashMap<usize, Py<PyWeakrefReference>>> = RefCell::default();
}

/// A place in the loop that runs in this thread.
pub(crate) fn seat(py: Python<'_>) -> PyResult<Seat> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let running = running_loop(py)?;
    let address = running.as_ptr() as usize;
    let known = LOOPS.with_borrow(|loops| loops.get(&address).map(|known| known.clone_ref(py)));
    let alive = known.and_then(|known| Some((answering(py, &known)?, known)));
    let (answering, reference) = match alive {
        Some(alive) => alive,
        None => begin_to_answer(&running)?,
    };
    let bell = Arc::clone(&answering.get().bell);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let waker = Waker::from(Arc::new(Ringer { bell, number }));
    Ok(Seat { answering: reference, number, waker, process: std::process::id() })
}

fn answering<'py>(
    py: Python<'py>,
    reference: &Py<PyWeakrefReference>,
) -> Option<Bound<'py, Answering>> {
    reference.bind(py).upgrade()?.cast_into::<Answering>().ok()
}

fn begin_to_answer<'py>(
    running: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, Answering>, Py<PyWeakrefReference>)> {
    let py = running.py();
    let fd =
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(std::io::Error::from)?;
    let number = fd.as_raw_fd();
    let bell = Arc::new(Bell { fd, woken: Mutex::default() });
    let answering = Bound::new(py, Answering { bell, waiting: Mutex::default() })?;
    running.call_method1(intern!(py, "add_reader"), (number, &answering))?;
    let reference = PyWeakrefReference::new(&answering)?.unbind();
    let mut gone = Vec::new();
    LOOPS.with_borrow_mut(|loops| {
        gone.extend(loops.extract_if(|_, known| self::answering(py, known).is_none()));
        gone.extend(
            loops.insert(running.as_ptr() as usize, reference.clone_ref(py)).map(|old| (0, old)),
        );
    });
    Ok((answering, reference))
}

impl Seat {
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process == std::process::id()
    }

    /// A future of the loop's that ends when the waker is called.
    pub(crate) fn wait(&self, py: Python<'_>, running: Weak<Running>) -> PyResult<Py<PyAny>> {
        let future = running_loop(py)?.call_method0(intern!(py, "create_future"))?;
        // So a future says to a task that it was awaited and not just given.
        future.setattr(intern!(py, "_asyncio_future_blocking"), true)?;
        let answering = answering(py, &self.answering);
        let waiter = Waiter { future: future.clone().unbind(), running };
        let before = answering
            .and_then(|answering| lock(&answering.get().waiting).insert(self.number, waiter));
        drop(before);
        Ok(future.unbind())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        Python::try_attach(|py| {
            let waiter = answering(py, &self.answering)
                .and_then(|answering| lock(&answering.get().waiting).remove(&self.number));
            drop(waiter);
        });
    }
}

/// The loop's clock.
#[derive(Debug)]
pub(crate) struct LoopClock;

impl Timer for LoopClock {
    fn sleep(&mut self, time: Duration) -> impl Future<Output = ()> {
        let mut alarm = Alarm { hand: Arc::default(), handle: None };
        std::future::poll_fn(move |context| alarm.poll(context, time))
    }
}

#[derive(Default)]
struct Hand {
    waker: Mutex<Option<Waker>>,
    over: AtomicBool,
}

/// A timer of the loop's; gone when this is dropped.
struct Alarm {
    hand: Arc<Hand>,
    handle: Option<Py<PyAny>>,
}

impl Alarm {
    fn poll(&mut self, context: &Context<'_>, time: Duration) -> Poll<()> {
        *lock(&self.hand.waker) = Some(context.waker().clone());
        if self.handle.is_none() {
            let set = Python::attach(|py| {
                let call = Bound::new(py, AlarmCall(Arc::clone(&self.hand)))?;
                let arguments = (time.as_secs_f64(), call);
                let handle =
                    running_loop(py)?.call_method1(intern!(py, "call_later"), arguments)?;
                PyResult::Ok(handle.unbind())
            });
            match set {
                Ok(handle) => self.handle = Some(handle),
                // Where no loop runs nobody goes on with this either.
                Err(_) => return Poll::Ready(()),
            }
        }
        if self.hand.over.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            Python::try_attach(|py| {
                // A handle that is over, or whose loop is, is not cancelled twice.
                let _ = handle.call_method0(py, intern!(py, "cancel"));
                drop(handle);
            });
        }
    }
}

#[pyclass(frozen, module = "persistqueue._native")]
struct AlarmCall(Arc<Hand>);

#[pymethods]
impl AlarmCall {
    fn __call__(&self) {
        self.0.over.store(true, Ordering::Relaxed);
        let waker = lock(&self.0.waker).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
