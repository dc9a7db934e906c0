//! Items of a folder or values of a dictionary: a serializer, and the place that its errors name.

use std::ops::Deref;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::explained;
use crate::operation::Errands;
use crate::serializer::Serializer;

/// See the module.
#[derive(Debug)]
pub(crate) struct ItemCodec {
    serializer: Arc<Serializer>,
    place: String,
}

impl ItemCodec {
    pub(crate) fn new(serializer: Arc<Serializer>, place: String) -> Self {
        Self { serializer, place }
    }

    /// As [`Serializer::load`].
    pub(crate) fn load<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let loaded = self.serializer.load(py, bytes);
        loaded.map_err(|error| explained(py, &self.place, bytes, error))
    }

    /// As [`Serializer::load_later`].
    pub(crate) async fn load_later(&self, errands: &Errands, bytes: &[u8]) -> PyResult<Py<PyAny>> {
        let given = Python::attach(|py| PyBytes::new(py, bytes).into_any().unbind());
        let loaded = self.serializer.load_later(errands, given).await;
        loaded.map_err(|error| Python::attach(|py| explained(py, &self.place, bytes, error)))
    }
}

impl Deref for ItemCodec {
    type Target = Serializer;

    fn deref(&self) -> &Serializer {
        &self.serializer
    }
}
