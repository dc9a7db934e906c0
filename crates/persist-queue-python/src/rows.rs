//! Items as rows of a database.

use std::sync::OnceLock;

use persist_queue::any::SqlStore;
use persist_queue::sql::{Put, PutOptions, Row};
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyString};

use crate::errors::{Raised, undecodable};
use crate::operation::Errands;
use crate::serializer::Serializer;

/// The serializer of a queue in a database.
#[derive(Debug)]
pub(crate) struct RowCodec {
    pub(crate) serializer: Serializer,
    /// Gives the bytes of an item in a unique queue: the same for all equal values, and, where that
    /// is something else, what persist-queue 1.x may have stored for this one.
    spell: Option<Py<PyAny>>,
    path: String,
    /// Whether what cannot be deserialized is held for the time of its lease only.
    leased: bool,
    /// The table, once it is open.
    table: OnceLock<String>,
}

impl RowCodec {
    pub(crate) fn new(
        serializer: &Bound<'_, PyAny>,
        name: &str,
        spell: Option<Py<PyAny>>,
        path: String,
        leased: bool,
    ) -> PyResult<Self> {
        let serializer = Serializer::for_rows(serializer, name)?;
        Ok(Self { serializer, spell, path, leased, table: OnceLock::new() })
    }

    /// Has errors name the table of the queue that is open now.
    pub(crate) fn note_table(&self, store: &SqlStore) -> PyResult<()> {
        if self.table.get().is_none() {
            let table = store.table().map_err(Raised::from)?;
            self.table.get_or_init(|| table);
        }
        Ok(())
    }

    /// The row that is made of an item.
    pub(crate) fn dump(&self, item: &Bound<'_, PyAny>, options: PutOptions) -> PyResult<Put> {
        let Some(spell) = &self.spell else {
            let (data, text) = bytes(&self.serializer.dump_as_given(item)?)?;
            return Ok(Put { data, text, options, also: None });
        };
        let spellings = spell.bind(item.py()).call1((item,))?;
        let (first, second): (Bound<'_, PyAny>, Option<Bound<'_, PyAny>>) = spellings.extract()?;
        let (data, text) = bytes(&first)?;
        let also = second.map(|second| bytes(&second)).transpose()?.map(|(also, _)| also);
        Ok(Put { data, text, options, also })
    }

    /// The item of a row.
    pub(crate) fn load<'py>(&self, py: Python<'py>, row: &Row) -> PyResult<Bound<'py, PyAny>> {
        let given = given(py, row);
        given
            .and_then(|given| self.serializer.load_as_given(given))
            .map_err(|error| self.explain(py, row, error))
    }

    /// As [`RowCodec::dump`], where the user's functions may be asynchronous.
    pub(crate) async fn dump_later(
        &self,
        errands: &Errands,
        item: Py<PyAny>,
        options: PutOptions,
    ) -> PyResult<Put> {
        let (dumped, also) = match &self.spell {
            None => (self.serializer.dump_later(errands, item).await?, None),
            Some(spell) => {
                let (first, second): (Py<PyAny>, Option<Py<PyAny>>) =
                    Python::attach(|py| spell.bind(py).call1((item,))?.extract())?;
                (errands.run_if_awaitable(first).await?, second)
            }
        };
        Python::attach(|py| {
            let (data, text) = bytes(dumped.bind(py))?;
            let also = also.map(|also| bytes(also.bind(py))).transpose()?.map(|(also, _)| also);
            Ok(Put { data, text, options, also })
        })
    }

    /// As [`RowCodec::load`], where the user's functions may be asynchronous.
    pub(crate) async fn load_later(&self, errands: &Errands, row: &Row) -> PyResult<Py<PyAny>> {
        let loaded = match Python::attach(|py| given(py, row).map(Bound::unbind)) {
            Ok(given) => self.serializer.load_later(errands, given).await,
            Err(error) => Err(error),
        };
        loaded.map_err(|error| Python::attach(|py| self.explain(py, row, error)))
    }

    fn explain(&self, py: Python<'_>, row: &Row, error: PyErr) -> PyErr {
        // Ctrl-C in the middle says nothing about the row.
        if !error.is_instance_of::<PyException>(py) {
            return error;
        }
        let place = match self.table.get() {
            Some(table) => format!("{table} in {}", self.path),
            None => self.path.clone(),
        };
        undecodable(py, &place, row, error, self.leased).unwrap_or_else(|error| error)
    }
}

/// What a row holds, as the serializer made it.
fn given<'py>(py: Python<'py>, row: &Row) -> PyResult<Bound<'py, PyAny>> {
    if row.text {
        return PyString::from_bytes(py, &row.data).map(Bound::into_any);
    }
    Ok(PyBytes::new(py, &row.data).into_any())
}

/// The bytes of what a serializer gave, and whether it is text.
fn bytes(given: &Bound<'_, PyAny>) -> PyResult<(Vec<u8>, bool)> {
    if let Ok(bytes) = given.cast::<PyBytes>() {
        return Ok((bytes.as_bytes().to_vec(), false));
    }
    if let Ok(text) = given.cast::<PyString>() {
        return Ok((text.to_cow()?.into_owned().into_bytes(), true));
    }
    if let Ok(bytes) = given.cast::<PyByteArray>() {
        return Ok((bytes.to_vec(), false));
    }
    let kind = given.get_type();
    Err(PyTypeError::new_err(format!("the serializer must give bytes or text, and gave {kind}")))
}
