//! What the two faces of a queue in a folder share: how it is opened, and what it was opened with.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use persist_queue::Options;
use persist_queue::file::{Fate, FileStore, Patience};
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::errors::Raised;
use crate::items::ItemCodec;
use crate::legacy::ThroughSerializer;
use crate::options::level;
use crate::serializer::{OWN, Serializer};

/// See the module.
#[pyclass(subclass, frozen, module = "persistqueue._native")]
#[derive(Debug, Default)]
pub(crate) struct FolderQueue {
    open: OnceLock<Open>,
}

#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) store: Arc<FileStore>,
    pub(crate) serializer: ItemCodec,
    pub(crate) given: Given,
}

/// What it was opened with, as Python gave it.
#[derive(Debug)]
pub(crate) struct Given {
    path: PathBuf,
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

impl Given {
    /// How many items may wait; 0 for any number.
    pub(crate) fn limit(&self) -> u64 {
        u64::try_from(self.maxsize).unwrap_or(0)
    }
}

impl FolderQueue {
    pub(crate) fn open(&self) -> PyResult<&Open> {
        let missing = || PyValueError::new_err("the queue was not opened: call its __init__ first");
        self.open.get().ok_or_else(missing)
    }
}

/// What becomes of a record whose bytes gave this.
pub(crate) fn fate<T>(py: Python<'_>, item: &PyResult<T>) -> Fate {
    match item {
        Ok(_) => Fate::Delivered,
        Err(error) if error.is_instance_of::<PyException>(py) => Fate::Undecodable,
        // Ctrl-C, or a cancellation, in the middle says nothing about the item.
        Err(_) => Fate::GivenBack,
    }
}

#[pymethods]
impl FolderQueue {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::default()
    }

    #[expect(clippy::too_many_arguments, reason = "the constructor of the Python class has them")]
    fn _open(
        &self,
        py: Python<'_>,
        path: PathBuf,
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
            .chunksize(u64::try_from(chunksize).unwrap_or(0))
            .autosave(autosave)
            .durability(level(&durability)?);
        // What the library knows by its name it converts itself, and runs no item's code. Also Python's
        // own pickle, and what is around one of ours, are not asked.
        if codec.is_custom() && !OWN.contains(&serializer_name) {
            options = options.legacy_format(Arc::new(ThroughSerializer(Arc::clone(&codec))));
        }
        let store = py
            .detach(|| FileStore::open(&path, serializer_name, options, Patience::Leave))
            .map_err(Raised::from)?;
        let (serializer, durability) = (serializer.unbind(), durability.unbind());
        let codec = ItemCodec::new(codec, path.to_string_lossy().into_owned());
        let given = Given { path, maxsize, chunksize, autosave, serializer, durability };
        self.open
            .set(Open { store: Arc::new(store), serializer: codec, given })
            .map_err(|_| PyValueError::new_err("the queue is open already"))
    }

    #[getter]
    fn path(&self) -> PyResult<&OsStr> {
        Ok(self.open()?.given.path.as_os_str())
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
}
