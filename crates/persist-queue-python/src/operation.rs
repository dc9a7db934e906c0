//! An awaitable that drives a future of the core, in the way of a coroutine: asyncio's tasks take it
//! for one. A call that is ready at once makes no future of asyncio's.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyBaseException, PyRuntimeError, PyStopIteration, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;

use crate::event_loop::{Seat, seat};

/// What a call gives to Python.
pub(crate) type Given = PyResult<Py<PyAny>>;

pub(crate) type Driven = Pin<Box<dyn Future<Output = Given> + Send>>;

/// See the module.
#[pyclass(frozen, module = "persistqueue._native")]
pub(crate) struct Operation {
    running: Arc<Running>,
    errands: Errands,
}

/// The future, as it is known to the event loop, too.
pub(crate) struct Running(Mutex<State>);

/// A call that has not begun.
pub(crate) trait Start: Send {
    /// Does all of it, where nothing has to be waited for and less than it takes to make a future is to be
    /// done; or nothing at all.
    fn at_once(&mut self, py: Python<'_>) -> Option<Given>;
    fn begin(self: Box<Self>, errands: Errands) -> Driven;
}

struct State {
    start: Option<Box<dyn Start>>,
    future: Option<Driven>,
    /// Where it waits; nothing before it is polled.
    seat: Option<Seat>,
}

impl Running {
    /// Drops the future: whoever would go on with it is gone. Does nothing while it runs.
    pub(crate) fn abandon(&self) {
        if let Ok(mut state) = self.0.try_lock() {
            let future = state.take();
            drop(state);
            drop(future);
        }
    }
}

impl State {
    /// Takes the future out. One that waits is left alone in a forked child: the parent goes on with
    /// it, and what it would do when it is dropped concerns locks that may never be free here.
    fn take(&mut self) -> Option<Driven> {
        let future = self.future.take();
        if self.seat.take().is_none_or(|seat| seat.is_of_this_process()) {
            return future;
        }
        std::mem::forget(future);
        None
    }
}

impl Drop for State {
    fn drop(&mut self) {
        drop(self.take());
    }
}

enum Input {
    Nothing,
    Send(Py<PyAny>),
    Throw(PyErr),
}

impl Operation {
    /// `begin` gets what the future needs to have a coroutine of the user's awaited.
    pub(crate) fn new<F>(begin: impl FnOnce(Errands) -> F) -> Self
    where
        F: Future<Output = Given> + Send + 'static,
    {
        let errands = Errands::default();
        let future: Driven = Box::pin(begin(errands.clone()));
        Self::with(errands, State { start: None, future: Some(future), seat: None })
    }

    /// For calls that are often done at once.
    pub(crate) fn starting(start: Box<dyn Start>) -> Self {
        Self::with(Errands::default(), State { start: Some(start), future: None, seat: None })
    }

    fn with(errands: Errands, state: State) -> Self {
        Self { running: Arc::new(Running(Mutex::new(state))), errands }
    }

    fn state(&self) -> PyResult<MutexGuard<'_, State>> {
        self.running.0.try_lock().map_err(|_| PyValueError::new_err("it is running already"))
    }

    /// Goes on until it waits: gives what the task is to wait for, or, as an error, how it ended.
    fn drive(&self, py: Python<'_>, mut input: Input) -> PyResult<Py<PyAny>> {
        let mut state = self.state()?;
        if let Some(mut start) = state.start.take() {
            if let Input::Throw(error) = input {
                return Err(error);
            }
            if let Some(result) = start.at_once(py) {
                return Err(ended(result));
            }
            state.future = Some(start.begin(self.errands.clone()));
        }
        loop {
            if let Some(errand) = self.errands.asked(py) {
                let input = std::mem::replace(&mut input, Input::Nothing);
                match step(errand.bind(py), input) {
                    Ok(yielded) => return Ok(yielded),
                    Err(error) if error.is_instance_of::<PyStopIteration>(py) => {
                        self.errands.answer(Ok(error.value(py).getattr("value")?.unbind()));
                    }
                    Err(error) => self.errands.answer(Err(error)),
                }
            } else if let Input::Throw(error) = input {
                let future = state.take();
                drop(state);
                drop(future);
                return Err(error);
            }
            let State { future, seat: place, .. } = &mut *state;
            let Some(running) = future else {
                return Err(PyRuntimeError::new_err("cannot be awaited twice"));
            };
            // Before anything is done: behind it an error would be told of a call that was made.
            let place = match place {
                Some(place) => place,
                None => place.insert(seat(py)?),
            };
            let waker = place.waker();
            if let Poll::Ready(result) = running.as_mut().poll(&mut Context::from_waker(waker)) {
                let future = state.take();
                drop(state);
                drop(future);
                return Err(ended(result));
            }
            if self.errands.is_asked() {
                continue;
            }
            return place.wait(py, Arc::downgrade(&self.running));
        }
    }
}

/// How a call that has a result tells it.
fn ended(result: Given) -> PyErr {
    match result {
        Ok(value) => PyStopIteration::new_err((value,)),
        Err(error) => error,
    }
}

fn step(errand: &Bound<'_, PyAny>, input: Input) -> PyResult<Py<PyAny>> {
    let py = errand.py();
    let yielded = match input {
        Input::Nothing => errand.call_method1(intern!(py, "send"), (py.None(),)),
        Input::Send(value) => errand.call_method1(intern!(py, "send"), (value,)),
        Input::Throw(error) => errand.call_method1(intern!(py, "throw"), (error.into_value(py),)),
    };
    yielded.map(Bound::unbind)
}

#[pymethods]
impl Operation {
    fn __await__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.drive(py, Input::Nothing)
    }

    fn send(&self, py: Python<'_>, value: Py<PyAny>) -> PyResult<Py<PyAny>> {
        self.drive(py, if value.is_none(py) { Input::Nothing } else { Input::Send(value) })
    }

    #[pyo3(signature = (kind, value = None, traceback = None, /))]
    fn throw(
        &self,
        py: Python<'_>,
        kind: Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let error = match value.filter(|value| !value.is_none()) {
            Some(value) if value.is_instance_of::<PyBaseException>() => value,
            Some(value) => kind.call1((value,))?,
            None if kind.is_instance_of::<PyBaseException>() => kind,
            None => kind.call0()?,
        };
        if let Some(traceback) = traceback {
            error.setattr("__traceback__", traceback)?;
        }
        self.drive(py, Input::Throw(PyErr::from_value(error)))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let mut state = self.state()?;
        let (start, future) = (state.start.take(), state.take());
        drop(state);
        let errand = self.errands.asked(py);
        drop((start, future));
        if let Some(errand) = errand {
            errand.call_method0(py, "close")?;
        }
        Ok(())
    }
}

/// What a future has done by Python: coroutines of the user's, awaited by the same task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Errands(Arc<Mutex<Errand>>);

#[derive(Debug, Default)]
enum Errand {
    #[default]
    None,
    Asked(Py<PyAny>),
    Answered(PyResult<Py<PyAny>>),
}

impl Errands {
    fn lock(&self) -> MutexGuard<'_, Errand> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_asked(&self) -> bool {
        matches!(*self.lock(), Errand::Asked(_))
    }

    fn asked(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        match &*self.lock() {
            Errand::Asked(errand) => Some(errand.clone_ref(py)),
            _ => None,
        }
    }

    fn answer(&self, answer: PyResult<Py<PyAny>>) {
        let asked = std::mem::replace(&mut *self.lock(), Errand::Answered(answer));
        drop(asked);
    }

    /// What `awaitable` gives.
    pub(crate) async fn run(&self, awaitable: Py<PyAny>) -> PyResult<Py<PyAny>> {
        let errand = Python::attach(|py| awaitable.call_method0(py, "__await__"))?;
        *self.lock() = Errand::Asked(errand);
        poll_fn(|_| {
            let mut errand = self.lock();
            match std::mem::take(&mut *errand) {
                Errand::Answered(answer) => Poll::Ready(answer),
                other => {
                    *errand = other;
                    Poll::Pending
                }
            }
        })
        .await
    }
}

#[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general enough")]
pub(crate) fn none() -> Py<PyAny> {
    Python::attach(|py| py.None())
}

pub(crate) fn given<T>(value: T) -> Given
where
    T: for<'py> IntoPyObject<'py>,
{
    Python::attach(|py| value.into_py_any(py))
}
