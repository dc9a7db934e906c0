//! The class behind `persistqueue.Queue`.

use std::cell::RefCell;

use persist_queue::Wait;
use persist_queue::file::{Fate, Taken};
use persist_queue::wait::now;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyBytesMethods, PyDict, PyTuple};

use crate::errors::{Raised, empty};
use crate::folder::{FolderQueue, Open, fate};
use crate::green::Green;
use crate::host::{Caller, Patient, this_thread};
use crate::options::wait;

/// A first-in first-out queue in a folder.
#[pyclass(extends = FolderQueue, subclass, frozen, module = "persistqueue._native")]
#[derive(Debug, Default)]
pub(crate) struct FileQueue {
    green: Green,
}

thread_local! {
    /// Where payloads are read into; given back between calls so that it grows once.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A buffer that is larger than this is not kept.
const KEPT_BUFFER: usize = 1 << 20;

/// An item, and its record, which is not settled yet.
type Loaded<'a, 'py> = (Taken<'a>, Bound<'py, PyAny>);

impl FileQueue {
    fn caller<'a, 'py>(&'a self, py: Python<'py>) -> Caller<'a, 'py> {
        Caller { py, green: &self.green }
    }

    /// What the queue was opened with, and a caller of it.
    fn called<'a, 'py>(slf: &'a Bound<'py, Self>) -> PyResult<(&'a Open, Caller<'a, 'py>)> {
        Ok((slf.as_super().get().open()?, slf.get().caller(slf.py())))
    }

    /// Wakes green threads, which do not sleep in the core.
    fn notify(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().green.notify(slf.py())
    }

    fn take<'py>(slf: &Bound<'py, Self>, wait: Wait) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (py, (open, mut caller)) = (slf.py(), Self::called(slf)?);
        let mut payload = BUFFER.with(RefCell::take);
        payload.clear();
        let thread = this_thread(py)?;
        let taken = open.store.take(&mut caller, thread, wait, &mut payload).now()?;
        let item = taken.map(|taken| slf.get().deliver(py, open, taken, &payload)).transpose();
        if payload.capacity() <= KEPT_BUFFER {
            BUFFER.with(|buffer| buffer.replace(payload));
        }
        item
    }

    /// As [`FileQueue::take`], not settled yet; or an error, and what became of the record.
    fn take_and_load<'a, 'py>(
        &self,
        py: Python<'py>,
        open: &'a Open,
        wait: Wait,
    ) -> Result<Option<Loaded<'a, 'py>>, (PyErr, Fate)> {
        let untold = |error| (error, Fate::Delivered);
        let (mut caller, mut payload) = (self.caller(py), Vec::new());
        let thread = this_thread(py).map_err(untold)?;
        let taken = open.store.take(&mut caller, thread, wait, &mut payload).now();
        let Some(taken) = taken.map_err(|error| untold(error.into()))? else { return Ok(None) };
        match open.serializer.load(py, &payload) {
            Ok(item) => Ok(Some((taken, item))),
            Err(error) => {
                let fate = fate(py, &Err::<(), _>(error.clone_ref(py)));
                let settled = taken.settle(&mut caller, fate).now();
                settled.map_err(|error| untold(error.into()))?;
                Err((error, fate))
            }
        }
    }

    fn deliver<'py>(
        &self,
        py: Python<'py>,
        open: &Open,
        taken: Taken<'_>,
        payload: &[u8],
    ) -> PyResult<Bound<'py, PyAny>> {
        let item = open.serializer.load(py, payload);
        let mut host = Patient::new(self.caller(py))?;
        taken.settle(&mut host, fate(py, &item)).now()?;
        self.green.notify(py)?;
        // An item that is final must reach the caller, also a green thread that was interrupted
        // meanwhile.
        item.inspect(|_| drop(host.interrupted()))
    }
}

#[pymethods]
impl FileQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        PyClassInitializer::from(FolderQueue::default()).add_subclass(Self::default())
    }

    #[pyo3(signature = (item, block = true, timeout = None))]
    fn put(
        slf: &Bound<'_, Self>,
        item: &Bound<'_, PyAny>,
        block: bool,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        let (open, mut caller) = Self::called(slf)?;
        let wait = wait(block, timeout)?;
        let payload = open.serializer.dump(item)?;
        open.store.put(&mut caller, &[payload.as_bytes()], wait).now()?;
        Self::notify(slf)
    }

    fn put_nowait(slf: &Bound<'_, Self>, item: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::put(slf, item, false, None)
    }

    #[pyo3(signature = (items, block = true, timeout = None))]
    fn put_many(
        slf: &Bound<'_, Self>,
        items: &Bound<'_, PyAny>,
        block: bool,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        let (open, mut caller) = Self::called(slf)?;
        let wait = wait(block, timeout)?;
        let dumped: Vec<Bound<'_, PyBytes>> =
            items.try_iter()?.map(|item| open.serializer.dump(&item?)).collect::<PyResult<_>>()?;
        let payloads: Vec<&[u8]> = dumped.iter().map(PyBytesMethods::as_bytes).collect();
        open.store.put(&mut caller, &payloads, wait).now()?;
        Self::notify(slf)
    }

    #[pyo3(signature = (block = true, timeout = None))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        block: bool,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let wait = wait(block, timeout)?;
        loop {
            match Self::take(slf, wait)? {
                Some(item) => return Ok(item),
                None if wait == Wait::Forever => {}
                None => return Err(empty(slf.py())),
            }
        }
    }

    fn get_nowait<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::get(slf, false, None)
    }

    #[pyo3(signature = (max, timeout = None))]
    fn get_many<'py>(
        slf: &Bound<'py, Self>,
        max: usize,
        timeout: Option<f64>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let (py, open) = (slf.py(), slf.as_super().get().open()?);
        let (mut items, mut held) = (Vec::new(), Vec::new());
        let first = wait(true, timeout)?;
        while items.len() < max {
            let wait = if items.is_empty() { first } else { Wait::No };
            match slf.get().take_and_load(py, open, wait) {
                Ok(Some((taken, item))) => {
                    held.push(taken);
                    items.push(item);
                }
                Ok(None) if items.is_empty() && wait == Wait::Forever => {}
                Ok(None) if items.is_empty() => return Err(empty(py)),
                Ok(None) => break,
                // An interruption ends the call, and what it took goes back.
                Err((error, fate)) if items.is_empty() || fate == Fate::GivenBack => {
                    return Err(error);
                }
                // What was taken is not lost to it: the error comes again, or was told once.
                Err((error, _)) => {
                    error.write_unraisable(py, None);
                    break;
                }
            }
        }
        let mut host = Patient::new(slf.get().caller(py))?;
        now(open.store.settle_all(&mut host, held))?;
        Self::notify(slf)?;
        // Items that are final must reach the caller.
        drop(host.interrupted());
        Ok(items)
    }

    fn peek<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (open, mut caller) = Self::called(slf)?;
        let mut payload = Vec::new();
        match now(open.store.peek(&mut caller, &mut payload))? {
            Some(_) => open.serializer.load(slf.py(), &payload),
            None => Err(empty(slf.py())),
        }
    }

    fn task_done(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (open, mut caller) = Self::called(slf)?;
        open.store.task_done(&mut caller, this_thread(slf.py())?).now()?;
        Self::notify(slf)
    }

    fn join(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (open, mut caller) = Self::called(slf)?;
        now(open.store.join(&mut caller, Wait::Forever))?;
        Ok(())
    }

    fn qsize(slf: &Bound<'_, Self>) -> PyResult<u64> {
        let (open, mut caller) = Self::called(slf)?;
        Ok(now(open.store.size(&mut caller))?)
    }

    fn empty(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Ok(Self::qsize(slf)? == 0)
    }

    fn full(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let limit = slf.as_super().get().open()?.given.limit();
        Ok(limit > 0 && Self::qsize(slf)? >= limit)
    }

    fn clear(slf: &Bound<'_, Self>) -> PyResult<u64> {
        let (open, mut caller) = Self::called(slf)?;
        let cleared = now(open.store.purge(&mut caller))?;
        Self::notify(slf)?;
        Ok(cleared)
    }

    fn purge(slf: &Bound<'_, Self>) -> PyResult<u64> {
        Self::clear(slf)
    }

    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        let Ok(open) = slf.as_super().get().open() else { return Ok(()) };
        slf.py().detach(|| open.store.close()).map_err(Raised::from)?;
        Self::notify(slf)
    }

    fn __len__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        Ok(usize::try_from(Self::qsize(slf)?).unwrap_or(usize::MAX))
    }

    /// A queue was always true; `if queue:` must not begin to ask whether it is empty.
    #[expect(clippy::unused_self, reason = "Python calls it with one")]
    fn __bool__(&self) -> bool {
        true
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Self::take(slf, Wait::No)
    }

    /// Without this, `in` would consume the queue by iterating over it.
    #[expect(clippy::unused_self, reason = "Python calls it with one")]
    fn __contains__(&self, _item: &Bound<'_, PyAny>) -> PyResult<bool> {
        Err(PyTypeError::new_err("a file queue cannot be searched; items are only taken in order"))
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (_kind = None, _error = None, _traceback = None, /))]
    fn __exit__(
        slf: &Bound<'_, Self>,
        _kind: Option<&Bound<'_, PyAny>>,
        _error: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        Self::close(slf)
    }
}
