//! The class behind `persistqueue.Queue`.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use persist_queue::file::{Fate, FileStore, Patience};
use persist_queue::{Options, Wait};
use pyo3::exceptions::{PyException, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyBytesMethods, PyDict, PyTuple};

use crate::errors::{Raised, empty};
use crate::green::Green;
use crate::host::{Caller, Patient, this_thread};
use crate::legacy::ThroughSerializer;
use crate::options::{level, wait};
use crate::serializer::Serializer;

/// A first-in first-out queue in a folder.
#[pyclass(subclass, frozen, module = "persistqueue._native")]
#[derive(Debug)]
pub(crate) struct FileQueue {
    open: OnceLock<Open>,
    green: Green,
}

#[derive(Debug)]
struct Open {
    store: FileStore,
    serializer: Arc<Serializer>,
    given: Given,
}

/// What it was opened with, as Python gave it.
#[derive(Debug)]
struct Given {
    path: String,
    maxsize: i64,
    chunksize: i64,
    autosave: bool,
    serializer: Py<PyAny>,
    durability: Py<PyAny>,
}

/// A file of the original's, for programs that look whether it is closed.
#[pyclass(frozen, module = "persistqueue._native")]
#[derive(Debug)]
pub(crate) struct File {
    #[pyo3(get)]
    closed: bool,
}

thread_local! {
    /// Where payloads are read into; given back between calls so that it grows once.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// How many items go into one file where the caller gives no sensible number; 1.1.0 then never
/// deleted anything.
const CHUNK: u64 = 100;
/// A buffer that is larger than this is not kept.
const KEPT_BUFFER: usize = 1 << 20;

impl FileQueue {
    fn open(&self) -> PyResult<&Open> {
        let missing = || PyValueError::new_err("the queue was not opened: call its __init__ first");
        self.open.get().ok_or_else(missing)
    }

    fn caller<'a, 'py>(&'a self, py: Python<'py>) -> Caller<'a, 'py> {
        Caller { py, green: &self.green }
    }

    fn take<'py>(&self, py: Python<'py>, wait: Wait) -> PyResult<Option<Bound<'py, PyAny>>> {
        let open = self.open()?;
        let mut payload = BUFFER.with(RefCell::take);
        payload.clear();
        let thread = this_thread(py)?;
        let taken = open.store.take(&mut self.caller(py), thread, wait, &mut payload)?;
        let item = taken.map(|taken| self.deliver(py, open, (thread, taken), &payload)).transpose();
        if payload.capacity() <= KEPT_BUFFER {
            BUFFER.with(|buffer| buffer.replace(payload));
        }
        item
    }

    fn deliver<'py>(
        &self,
        py: Python<'py>,
        open: &Open,
        (thread, taken): (u64, u64),
        payload: &[u8],
    ) -> PyResult<Bound<'py, PyAny>> {
        let item = open.serializer.load(py, payload);
        let fate = match &item {
            Ok(_) => Fate::Delivered,
            Err(error) if error.is_instance_of::<PyException>(py) => Fate::Undecodable,
            // Ctrl-C in the middle says nothing about the item.
            Err(_) => Fate::GivenBack,
        };
        let mut host = Patient::new(self.caller(py))?;
        open.store.settle(&mut host, thread, &[taken], fate)?;
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
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { open: OnceLock::new(), green: Green::default() }
    }

    #[expect(clippy::too_many_arguments, reason = "the constructor of the Python class has them")]
    fn _open(
        &self,
        py: Python<'_>,
        path: String,
        maxsize: i64,
        chunksize: i64,
        autosave: bool,
        serializer: Bound<'_, PyAny>,
        serializer_name: &str,
        durability: Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let codec = Arc::new(Serializer::new(&serializer, serializer_name)?);
        let mut options = Options::new()
            .maxsize(u64::try_from(maxsize).unwrap_or(0))
            .chunk_records(u64::try_from(chunksize).ok().filter(|size| *size > 0).unwrap_or(CHUNK))
            .autosave(autosave)
            .durability(level(&durability)?);
        if codec.is_custom() {
            options = options.legacy_format(Arc::new(ThroughSerializer(Arc::clone(&codec))));
        }
        let folder = PathBuf::from(&path);
        let store = py
            .detach(|| FileStore::open(&folder, serializer_name, options, Patience::Leave))
            .map_err(Raised::from)?;
        let (serializer, durability) = (serializer.unbind(), durability.unbind());
        let given = Given { path, maxsize, chunksize, autosave, serializer, durability };
        self.open
            .set(Open { store, serializer: codec, given })
            .map_err(|_| PyValueError::new_err("the queue is open already"))
    }

    #[pyo3(signature = (item, block = true, timeout = None))]
    fn put(
        &self,
        py: Python<'_>,
        item: &Bound<'_, PyAny>,
        block: bool,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        let open = self.open()?;
        let wait = wait(block, timeout)?;
        let payload = open.serializer.dump(item)?;
        open.store.put(&mut self.caller(py), &[payload.as_bytes()], wait)?;
        self.green.notify(py)
    }

    fn put_nowait(&self, py: Python<'_>, item: &Bound<'_, PyAny>) -> PyResult<()> {
        self.put(py, item, false, None)
    }

    #[pyo3(signature = (items, block = true, timeout = None))]
    fn put_many(
        &self,
        py: Python<'_>,
        items: &Bound<'_, PyAny>,
        block: bool,
        timeout: Option<f64>,
    ) -> PyResult<()> {
        let open = self.open()?;
        let wait = wait(block, timeout)?;
        let dumped: Vec<Bound<'_, PyBytes>> =
            items.try_iter()?.map(|item| open.serializer.dump(&item?)).collect::<PyResult<_>>()?;
        let payloads: Vec<&[u8]> = dumped.iter().map(PyBytesMethods::as_bytes).collect();
        open.store.put(&mut self.caller(py), &payloads, wait)?;
        self.green.notify(py)
    }

    #[pyo3(signature = (block = true, timeout = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        block: bool,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let wait = wait(block, timeout)?;
        loop {
            match self.take(py, wait)? {
                Some(item) => return Ok(item),
                None if wait == Wait::Forever => {}
                None => return Err(empty(py)),
            }
        }
    }

    fn get_nowait<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.get(py, false, None)
    }

    #[pyo3(signature = (max, timeout = None))]
    fn get_many<'py>(
        &self,
        py: Python<'py>,
        max: usize,
        timeout: Option<f64>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut items = Vec::new();
        if max == 0 {
            return Ok(items);
        }
        items.push(self.get(py, true, timeout)?);
        while items.len() < max {
            match self.take(py, Wait::No) {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                // What was taken is not lost to it: the error comes again, or was told once.
                Err(error) => {
                    error.write_unraisable(py, None);
                    break;
                }
            }
        }
        Ok(items)
    }

    fn peek<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let open = self.open()?;
        let mut payload = Vec::new();
        match open.store.peek(&mut self.caller(py), &mut payload)? {
            Some(_) => open.serializer.load(py, &payload),
            None => Err(empty(py)),
        }
    }

    fn task_done(&self, py: Python<'_>) -> PyResult<()> {
        let thread = this_thread(py)?;
        self.open()?.store.task_done(&mut self.caller(py), thread)?;
        self.green.notify(py)
    }

    fn join(&self, py: Python<'_>) -> PyResult<()> {
        self.open()?.store.join(&mut self.caller(py), Wait::Forever)?;
        Ok(())
    }

    fn qsize(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.open()?.store.size(&mut self.caller(py))?)
    }

    fn empty(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.qsize(py)? == 0)
    }

    fn full(&self, py: Python<'_>) -> PyResult<bool> {
        let limit = u64::try_from(self.open()?.given.maxsize).unwrap_or(0);
        Ok(limit > 0 && self.qsize(py)? >= limit)
    }

    fn clear(&self, py: Python<'_>) -> PyResult<u64> {
        let cleared = self.open()?.store.purge(&mut self.caller(py))?;
        self.green.notify(py)?;
        Ok(cleared)
    }

    fn purge(&self, py: Python<'_>) -> PyResult<u64> {
        self.clear(py)
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let Some(open) = self.open.get() else { return Ok(()) };
        py.detach(|| open.store.close()).map_err(Raised::from)?;
        self.green.notify(py)
    }

    #[getter]
    fn path(&self) -> PyResult<&str> {
        Ok(&self.open()?.given.path)
    }

    #[getter]
    fn maxsize(&self) -> PyResult<i64> {
        Ok(self.open()?.given.maxsize)
    }

    #[getter]
    fn chunksize(&self) -> PyResult<i64> {
        Ok(self.open()?.given.chunksize)
    }

    #[getter]
    fn autosave(&self) -> PyResult<bool> {
        Ok(self.open()?.given.autosave)
    }

    #[getter]
    fn serializer(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.open()?.given.serializer.clone_ref(py))
    }

    #[getter]
    fn durability(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.open()?.given.durability.clone_ref(py))
    }

    #[getter]
    fn unfinished_tasks(&self) -> PyResult<u64> {
        Ok(self.open()?.store.unfinished().map_err(Raised::from)?)
    }

    #[getter]
    fn headf(&self) -> PyResult<File> {
        Ok(File { closed: self.open()?.store.is_closed() })
    }

    #[getter]
    fn tailf(&self) -> PyResult<File> {
        self.headf()
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(usize::try_from(self.qsize(py)?).unwrap_or(usize::MAX))
    }

    /// A queue was always true; `if queue:` must not begin to ask whether it is empty.
    #[expect(clippy::unused_self, reason = "Python calls it with one")]
    fn __bool__(&self) -> bool {
        true
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.take(py, Wait::No)
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
        &self,
        py: Python<'_>,
        _kind: Option<&Bound<'_, PyAny>>,
        _error: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.close(py)
    }
}
