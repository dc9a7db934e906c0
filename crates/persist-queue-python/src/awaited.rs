//! Serializing for tasks: what a user's functions give is awaited where it has to be.

use pyo3::intern;
use pyo3::prelude::*;

use crate::operation::Errands;
use crate::serializer::{Serializer, bytes_io, is_awaitable};

impl Serializer {
    /// As [`Serializer::dump_as_given`], where the user's may be asynchronous.
    pub(crate) async fn dump_later(
        &self,
        errands: &Errands,
        item: Py<PyAny>,
    ) -> PyResult<Py<PyAny>> {
        let function = match self {
            Self::Pickle { .. } => {
                return Python::attach(|py| Ok(self.dump_as_given(item.bind(py))?.unbind()));
            }
            Self::Own { dumps, .. } => {
                let dumped = Python::attach(|py| dumps.call1(py, (item,)))?;
                return errands.run_if_awaitable(dumped).await;
            }
            Self::Custom { dump, .. } => dump,
        };
        let (file, returned) = Python::attach(|py| {
            let file = bytes_io(py)?.call0()?.unbind();
            let returned = function.call1(py, (item, &file))?;
            PyResult::Ok((file, returned))
        })?;
        errands.run_if_awaitable(returned).await?;
        Python::attach(|py| file.call_method0(py, intern!(py, "getvalue")))
    }

    /// As [`Serializer::load_as_given`], where the user's may be asynchronous.
    pub(crate) async fn load_later(
        &self,
        errands: &Errands,
        bytes: Py<PyAny>,
    ) -> PyResult<Py<PyAny>> {
        // An item that Python's own pickle gives is no promise of one.
        if self.is_pickle() {
            return Python::attach(|py| Ok(self.load_as_given(bytes.into_bound(py))?.unbind()));
        }
        let loaded = Python::attach(|py| match self {
            Self::Pickle { loads, .. } | Self::Own { loads, .. } => loads.call1(py, (bytes,)),
            Self::Custom { load, .. } => load.call1(py, (bytes_io(py)?.call1((bytes,))?,)),
        })?;
        errands.run_if_awaitable(loaded).await
    }
}

impl Errands {
    /// What an object gives when it is awaited; itself where it cannot be.
    pub(crate) async fn run_if_awaitable(&self, given: Py<PyAny>) -> PyResult<Py<PyAny>> {
        if Python::attach(|py| is_awaitable(given.bind(py)))? {
            return self.run(given).await;
        }
        Ok(given)
    }
}
