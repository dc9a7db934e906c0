//! The class that `persistqueue.Queue.inspect` gives.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use persist_queue::Error;
use persist_queue::file::FileView as CoreView;
use pyo3::prelude::*;

use crate::errors::{Raised, empty};
use crate::items::ItemCodec;
use crate::serializer::Serializer;

/// What a queue held when it was looked at.
#[pyclass(frozen, module = "persistqueue._native")]
#[derive(Debug)]
pub(crate) struct FileView {
    path: PathBuf,
    serializer: Arc<ItemCodec>,
    name: String,
    view: Mutex<Option<CoreView>>,
}

impl FileView {
    fn with<R>(&self, work: impl FnOnce(&mut CoreView) -> PyResult<R>) -> PyResult<R> {
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        match view.as_mut() {
            Some(view) => work(view),
            None => Err(Raised::from(Error::Closed { path: self.path.clone() }).into()),
        }
    }
}

fn look(path: &std::path::Path, name: &str) -> PyResult<CoreView> {
    let view = CoreView::open(path).map_err(Raised::from)?;
    if view.codec() == name {
        return Ok(view);
    }
    let (stored, asked) = (view.codec().to_owned(), name.to_owned());
    Err(Raised::from(Error::CodecMismatch { path: path.to_owned(), stored, asked }).into())
}

#[pymethods]
impl FileView {
    #[new]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        serializer: &Bound<'_, PyAny>,
        serializer_name: String,
    ) -> PyResult<Self> {
        let view = Mutex::new(Some(py.detach(|| look(&path, &serializer_name))?));
        let serializer = Arc::new(Serializer::new(serializer, &serializer_name)?);
        let serializer = Arc::new(ItemCodec::new(serializer, path.display().to_string()));
        Ok(Self { path, serializer, name: serializer_name, view })
    }

    fn peek<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut payload = Vec::new();
        let found = self.with(|view| {
            view.rewind();
            Ok(view.next_record(&mut payload).map_err(Raised::from)?)
        })?;
        if found.is_none() {
            return Err(empty(py));
        }
        self.serializer.load(py, &payload)
    }

    fn items(&self, py: Python<'_>) -> PyResult<FileItems> {
        self.with(|_| Ok(()))?;
        let view = Mutex::new(py.detach(|| look(&self.path, &self.name))?);
        Ok(FileItems { serializer: Arc::clone(&self.serializer), view })
    }

    fn close(&self) {
        self.view.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn __len__(&self) -> PyResult<usize> {
        self.with(|view| Ok(usize::try_from(view.len()).unwrap_or(usize::MAX)))
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (_kind = None, _error = None, _traceback = None, /))]
    fn __exit__(
        &self,
        _kind: Option<&Bound<'_, PyAny>>,
        _error: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) {
        self.close();
    }
}

/// The items that a queue held, one after the other.
#[pyclass(frozen, module = "persistqueue._native")]
#[derive(Debug)]
pub(crate) struct FileItems {
    serializer: Arc<ItemCodec>,
    view: Mutex<CoreView>,
}

#[pymethods]
impl FileItems {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut payload = Vec::new();
        let found = {
            let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
            view.next_record(&mut payload).map_err(Raised::from)?
        };
        found.map(|_| self.serializer.load(py, &payload)).transpose()
    }
}
