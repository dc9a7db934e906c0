//! Where the queue is that a path or URL names.

use std::path::PathBuf;

use persist_queue::any::{AnyView, Locator, Place};
use persist_queue::file::Folder;
use pyo3::prelude::*;

use crate::errors::Raised;

/// A folder or a database file; in a database the table's kind and the queue's name; in a folder the
/// serializer that the queue remembers.
type Found = (PathBuf, Option<(&'static str, String)>, Option<String>);

/// Finds a queue. With `create` it may be missing.
#[pyfunction]
pub(crate) fn find_queue(py: Python<'_>, url: &str, create: bool) -> PyResult<Found> {
    py.detach(|| find(url, create).map_err(Raised::from)).map_err(PyErr::from)
}

fn find(url: &str, create: bool) -> persist_queue::Result<Found> {
    let locator: Locator = url.parse()?;
    match Place::find(&locator, create)? {
        Place::Sqlite { path, table } => Ok((path, Some((table.flavour.name(), table.name)), None)),
        Place::MySql { .. } => {
            Err(persist_queue::Error::Invalid(format!("{locator} cannot be opened here")))
        }
        Place::File { dir, folder: Folder::Other } => Ok((dir, None, None)),
        Place::File { dir, folder } => {
            let place = Place::File { dir: dir.clone(), folder };
            let codec = AnyView::at(place)?.codec().map(str::to_owned);
            Ok((dir, None, codec))
        }
    }
}
