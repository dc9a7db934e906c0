//! Folders that persist-queue 1.x wrote through a serializer of the user's own. Only that serializer
//! can tell where an item ends, so it is called while the folder is converted.

use std::sync::Arc;

use persist_queue::file::legacy::{Info, Item, LegacyFormat, Place};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::serializer::{Serializer, bytes_io};

/// See the module.
#[derive(Debug)]
pub(crate) struct ThroughSerializer(pub(crate) Arc<Serializer>);

impl LegacyFormat for ThroughSerializer {
    fn info(&self, bytes: &[u8]) -> Result<Info, String> {
        Python::attach(|py| self.read_info(py, bytes).map_err(|error| error.to_string()))?.checked()
    }

    fn item(&self, bytes: &[u8]) -> Result<Item, String> {
        Python::attach(|py| {
            let length = self.load(py, bytes).map_err(|error| error.to_string())?.1;
            Ok(Item { length, payload: 0..length })
        })
    }
}

impl ThroughSerializer {
    /// Loads one value; gives how many bytes that took.
    fn load<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<(Bound<'py, PyAny>, usize)> {
        let Serializer::Custom { load, .. } = &*self.0 else {
            return Err(pyo3::exceptions::PyTypeError::new_err("not a serializer of the user's"));
        };
        let file = bytes_io(py)?.call1((PyBytes::new(py, bytes),))?;
        let value = load.bind(py).call1((&file,))?;
        Ok((value, file.call_method0("tell")?.extract()?))
    }

    fn read_info(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<Info> {
        let info = self.load(py, bytes)?.0.cast_into::<PyDict>()?;
        let number = |name: &str| info.as_any().get_item(name)?.extract::<u64>();
        let place = |name: &str| {
            // A list or a tuple, as the serializer likes.
            let [file, count, offset]: [u64; 3] = info.as_any().get_item(name)?.extract()?;
            PyResult::Ok(Place { file, count, offset })
        };
        Ok(Info {
            chunk_records: number("chunksize")?,
            size: number("size")?,
            tail: place("tail")?,
            head: place("head")?,
        })
    }
}
